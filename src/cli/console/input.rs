//! What the operator does at his terminal, as the console takes it.

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Rect;

use crate::tui::console::{Console, Wish, key::Key, screen};

/// Takes an event, and says what is left for others to do.
pub(super) fn take(event: &Event, console: &mut Console, area: Rect) -> Vec<Wish> {
    console.resize(area.width, area.height);
    match event {
        Event::Mouse(MouseEvent { kind: MouseEventKind::Down(MouseButton::Left), column, row, .. }) => {
            let target = screen::target(console, console.clock, area, (*column, *row));
            target.and_then(|target| console.click(target)).into_iter().collect()
        }
        Event::Mouse(MouseEvent { kind: MouseEventKind::ScrollDown, .. }) => {
            console.wheel(true);
            Vec::new()
        }
        Event::Mouse(MouseEvent { kind: MouseEventKind::ScrollUp, .. }) => {
            console.wheel(false);
            Vec::new()
        }
        Event::Paste(text) => {
            console.paste(text);
            Vec::new()
        }
        Event::Key(event) => keys(event).into_iter().flatten().filter_map(|key| console.press(key)).collect(),
        _ => Vec::new(),
    }
}

/// The keys of an event, if it is that any were pressed. Escape and what comes with it in one read looks like the other key with Alt: it
/// was Escape, and nothing here has a meaning with Alt.
fn keys(event: &KeyEvent) -> [Option<Key>; 2] {
    if event.kind == KeyEventKind::Release {
        return [None, None];
    }
    let escape = event.modifiers.contains(KeyModifiers::ALT).then_some(Key::Esc);
    [escape, key(event)]
}

fn key(event: &KeyEvent) -> Option<Key> {
    Some(match event.code {
        KeyCode::Char(char) if event.modifiers.contains(KeyModifiers::CONTROL) => Key::Ctrl(char.to_ascii_lowercase()),
        KeyCode::Char(char) => Key::Char(char),
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Esc,
        KeyCode::Tab => Key::Tab,
        KeyCode::BackTab => Key::BackTab,
        KeyCode::Backspace => Key::Backspace,
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::Left => Key::Left,
        KeyCode::Right => Key::Right,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        KeyCode::Home => Key::Home,
        KeyCode::End => Key::End,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_is_escape_whatever_comes_with_it() {
        let event = |code, modifiers| KeyEvent::new(code, modifiers);
        let alt = event(KeyCode::Char('y'), KeyModifiers::ALT);
        assert_eq!(keys(&alt), [Some(Key::Esc), Some(Key::Char('y'))]);
        let both = event(KeyCode::Char('c'), KeyModifiers::ALT | KeyModifiers::CONTROL);
        assert_eq!(keys(&both), [Some(Key::Esc), Some(Key::Ctrl('c'))]);
        assert_eq!(keys(&event(KeyCode::Enter, KeyModifiers::ALT)), [Some(Key::Esc), Some(Key::Enter)]);
        assert_eq!(keys(&event(KeyCode::Char('B'), KeyModifiers::SHIFT)), [None, Some(Key::Char('B'))]);
        let released = KeyEvent { kind: KeyEventKind::Release, ..alt };
        assert_eq!(keys(&released), [None, None]);
    }
}
