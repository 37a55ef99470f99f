//! What is typed, by somebody at a terminal or by a program.

use std::{
    io::{self, Read},
    thread,
};

use tokio::sync::mpsc;

/// Ctrl-], which leaves.
pub(super) const LEAVE: u8 = 0x1d;

/// Reads standard input in a thread of its own, which ends with the process: a terminal can not be read without waiting
/// unless everybody who shares it is to be surprised. The channel closes at the end of the input.
pub(super) fn listen() -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel(16);
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        loop {
            match io::stdin().lock().read(&mut buffer) {
                Ok(count @ 1..) => {
                    if sender.blocking_send(buffer[..count].to_vec()).is_err() {
                        return;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(0) | Err(_) => return,
            }
        }
    });
    receiver
}

/// What of a key press goes to the phone, and whether it leaves. Return becomes the phone's line ending.
pub(super) fn typed(keys: &[u8], line_ending: &str) -> (Vec<u8>, bool) {
    let leaves = keys.contains(&LEAVE);
    let mut bytes = Vec::new();
    for &key in keys.iter().take_while(|key| **key != LEAVE) {
        if key == b'\r' {
            bytes.extend_from_slice(line_ending.as_bytes());
        } else {
            bytes.push(key);
        }
    }
    (bytes, leaves)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn return_is_the_phones_line_ending_and_what_follows_the_leave_key_is_not_typed() {
        assert_eq!(typed(b"ls\r", "\r\n"), (b"ls\r\n".to_vec(), false));
        assert_eq!(typed(b"\x03a\x1dreboot\r", "\r"), (b"\x03a".to_vec(), true));
    }
}
