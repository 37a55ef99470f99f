//! Keys that are typed on a console: what arrives there, and what of a PIN the console's log tells.

use std::{collections::BTreeMap, fs, time::Duration};

use siprig::{
    config::{ConsolePort, PortAddress, Pressing},
    driver::{
        clock::RunClock,
        discretion::{Discretion, Pin},
        keypad::{
            Keypad, Order,
            single::{Manner, Single},
            typed::TypedKeys,
        },
        serial::{Console, ConsoleSetup},
    },
    event::Observed,
    virtual_bench::pty::Pty,
};
use tokio::sync::mpsc;

#[tokio::test]
async fn keys_are_typed_as_the_model_says_and_the_log_does_not_tell_a_pin() {
    let folder = tempfile::tempdir().unwrap();
    let (port, file) = (folder.path().join("console"), folder.path().join("pin"));
    fs::write(&file, "9431\n").unwrap();
    let phone = Pty::open(&port).unwrap();
    let (clock, discretion) = (RunClock::start(), Discretion::default());
    let (reports, mut inbox) = mpsc::channel(64);
    let setup = ConsoleSetup {
        phone: &"p1".into(),
        port: &ConsolePort { port: PortAddress::Path(port), baud: 115_200, user: None, password_file: None },
        dialect: None,
        run_dir: Some(folder.path()),
        keep_secrets: false,
        discretion: discretion.clone(),
    };
    let console = Console::open(setup, &clock, reports.clone()).await.unwrap();
    let texts = [("1", "1"), ("9", "9"), ("4", "4"), ("3", "3"), ("ok", "\n"), ("cancel", "\u{1b}")];
    let texts: BTreeMap<_, _> = texts.into_iter().map(|(key, text)| (key.into(), text.to_owned())).collect();
    let pin = Some(Pin::read(&file).unwrap());
    let manner = Manner { phone: "p1".into(), pressing: Pressing::default(), pin, discretion };
    let keys = Single::start(manner, TypedKeys { typist: console.typist(), texts }, &clock, reports);

    let orders: [(&[&str], Option<&str>); 4] = [
        (&["cancel", "1", "~100ms", "{pin}", "ok"], None),
        (&["1:2s"], Some("`1` can not be held: it is typed")),
        (&["1+ok"], Some("`1+ok` can not be typed: one key at a time")),
        (&["hook"], Some("the phone's model does not say what to type for `hook`")),
    ];
    for (sequence, (strokes, expected)) in (1..).zip(orders) {
        let strokes = strokes.iter().map(|stroke| stroke.parse().unwrap()).collect();
        keys.keys().play(Order { phone: "p1".into(), sequence, strokes, digit: None });
        let error = loop {
            if let Observed::KeysPlayed { error, .. } = inbox.recv().await.unwrap().observed {
                break error;
            }
        };
        assert_eq!(error.as_deref(), expected);
    }
    let mut typed = Vec::new();
    while typed.len() < 7 {
        tokio::select! {
            bytes = phone.read() => typed.extend(bytes.unwrap()),
            () = clock.wait(Some(clock.now() + Duration::from_secs(10))) => panic!("no more than {typed:?}"),
        }
    }
    assert_eq!(typed, b"\x1b19431\n");
    keys.close().await;
    console.close().await;
    for entry in fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_str().unwrap().starts_with("console-") {
            let log = fs::read(&path).unwrap();
            assert!(!String::from_utf8_lossy(&log).contains("9431"), "{}", path.display());
            for digit in ["9", "4", "3"] {
                let told = format!("\"{digit}\"");
                assert!(!String::from_utf8_lossy(&log).contains(&told), "{} tells a digit", path.display());
            }
        }
    }
}
