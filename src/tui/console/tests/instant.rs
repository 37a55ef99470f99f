//! The same instant on several screens.

use super::{
    super::talk::{Said, Speaker},
    *,
};

#[test]
fn from_an_event_to_its_message_to_the_console_then_and_back_to_the_log() {
    let mut console = recorded(16_800, LIVE);
    let number = console.log.iter().position(|entry| entry.told.text.contains("registered at b (backup)")).unwrap();
    let (at, phone) = (console.log[number].told.at, console.log[number].phone.clone().unwrap());
    press(&mut console, "6");
    console.view.event = Some(number);
    console.press(Key::Enter);
    assert_eq!(console.phone(), Some(&phone));
    let text = drawn(&console, 16_800, (80, 24), GLYPHS).to_string();
    let chosen = text.lines().find(|line| line.starts_with("\">")).unwrap_or_else(|| panic!("{text}"));
    assert!(text.contains("[3 SIP]") && chosen.contains("200 ") && chosen.contains(&at.to_string()), "{text}");
    press(&mut console, "=");
    console.listen(phone.clone());
    let serial = console.heard_of(&phone).unwrap();
    for ms in [1_000, 2_000, at.0 / 1_000_000, 16_000] {
        serial.line(Said { at: Stamp::from_millis(ms), text: format!("said at {ms}"), by: Speaker::Phone });
    }
    let text = drawn(&console, 16_800, (80, 24), GLYPHS).to_string();
    assert!(text.contains("held, 1 newer; G follows"), "{text}");
    press(&mut console, "=");
    let text = drawn(&console, 16_800, (80, 24), GLYPHS).to_string();
    assert!(text.contains("[6 Log]") && console.view.event <= Some(number) && text.contains("held, "), "{text}");
    press(&mut console, "qG");
    assert_eq!(console.serial_row(), None, "it follows again");
}

#[test]
fn an_instant_before_everything_and_a_phone_without_messages_lead_somewhere() {
    let mut console = at(21_000, LIVE);
    press(&mut console, "6g");
    console.press(Key::Enter);
    let text = drawn(&console, 21_000, (80, 24), GLYPHS).to_string();
    assert!(text.contains("[3 SIP]") && text.contains("! no message of this phone was seen"), "{text}");
    press(&mut console, "=");
    assert!(drawn(&console, 21_000, (80, 24), GLYPHS).to_string().contains("NORMAL"));
    press(&mut console, "=");
}
