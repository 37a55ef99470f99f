//! The serial console of a simulated phone: time-stamped log lines, a prompt, echo, a line editor.
//!
//! The dialect is invented. It has what real consoles trouble a reader with: a prompt without line ending, log lines that
//! break in while somebody types, colours, carriage returns that overwrite.

use std::{fmt::Display, time::Duration};

/// The prompt; no line ending follows it.
pub const PROMPT: &str = "aastra> ";

/// Longest command, in bytes; what is typed beyond it is not taken and not echoed.
const LONGEST_COMMAND: usize = 256;

/// Colour of a log line's tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// None.
    Plain,
    /// All is well.
    Green,
    /// Trouble.
    Red,
}

/// The console.
#[derive(Debug, Default)]
pub struct Terminal {
    typed: Vec<u8>,
    after_return: bool,
    prompting: bool,
    written: Vec<u8>,
}

impl Terminal {
    /// Writes a log line, with the time since power-on, around a prompt that may be waiting.
    pub fn log(&mut self, now: Duration, tag: &str, colour: Colour, text: impl Display) {
        let (on, off) = match colour {
            Colour::Plain => ("", ""),
            Colour::Green => ("\x1b[32m", "\x1b[0m"),
            Colour::Red => ("\x1b[1;31m", "\x1b[0m"),
        };
        let stamp = format!("[{:5}.{:06}]", now.as_secs(), now.subsec_micros());
        if self.prompting {
            // The log line overwrites the prompt, which is longer than nothing and shorter than any log line.
            self.written.push(b'\r');
        }
        self.written.extend(format!("{stamp} {on}{tag}{off}: {text}\r\n").into_bytes());
        if self.prompting {
            self.written.extend(PROMPT.as_bytes());
            self.written.extend(&self.typed);
        }
    }

    /// Writes a line without a time stamp: an answer to a command.
    pub fn print(&mut self, text: impl Display) {
        self.written.extend(format!("{text}\r\n").into_bytes());
    }

    /// Shows the prompt: the last command is done.
    pub fn prompt(&mut self) {
        self.prompting = true;
        self.written.extend(PROMPT.as_bytes());
    }

    /// Forgets what was typed and shows no prompt: the phone goes down.
    pub fn reset(&mut self) {
        self.typed.clear();
        self.prompting = false;
    }

    /// Takes in one typed byte and echoes it; returns a command when it is complete. Without a prompt nobody listens.
    pub fn typed(&mut self, byte: u8) -> Option<String> {
        if !self.prompting {
            return None;
        }
        let after_return = std::mem::replace(&mut self.after_return, byte == b'\r');
        match byte {
            b'\n' if after_return => None,
            b'\r' | b'\n' => {
                self.written.extend(b"\r\n");
                self.prompting = false;
                Some(String::from_utf8_lossy(&std::mem::take(&mut self.typed)).into_owned())
            }
            0x08 | 0x7f => {
                if self.typed.pop().is_some() {
                    self.written.extend(b"\x08 \x08");
                }
                None
            }
            // Ctrl-C and Ctrl-U drop the line.
            0x03 | 0x15 => {
                self.typed.clear();
                self.written.extend(b"^C\r\n");
                self.prompt();
                None
            }
            0x20..0x7f | 0x80.. if self.typed.len() < LONGEST_COMMAND => {
                self.typed.push(byte);
                self.written.push(byte);
                None
            }
            _ => None,
        }
    }

    /// What was written since the last call.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.written)
    }
}
