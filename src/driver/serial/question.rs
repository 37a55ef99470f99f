//! A line typed on a serial port, and what comes back until the prompt: for devices that are no phones.

use std::{io, time::Duration};

use regex::Regex;
use thiserror::Error;

use super::{port::PortError, transport::Transport};
use crate::{config::ConsolePort, driver::clock::RunClock};

/// What is kept of an answer, in bytes; the rest is read and let go.
const MOST: usize = 1 << 20;

/// A device that has said nothing for this long waits for the next line.
const QUIET: Duration = Duration::from_millis(200);

/// What is told of an answer without an end, in characters.
const TOLD: usize = 200;

/// What is asked.
#[derive(Debug)]
pub struct Question<'a> {
    /// The port.
    pub port: &'a ConsolePort,
    /// What is typed, without its end.
    pub line: &'a str,
    /// What ends a typed line.
    pub ending: &'a str,
    /// Fits the last line when the device waits for the next one.
    pub prompt: &'a Regex,
    /// How long each of the two prompts may be waited for: the one before, and the one after.
    pub limit: Duration,
}

/// Why there is no answer.
#[derive(Debug, Error)]
pub enum QuestionError {
    /// The port can not be had.
    #[error(transparent)]
    Port(#[from] PortError),
    /// It was lost.
    #[error("the serial port was lost: {0}; is the device on?")]
    Lost(#[from] io::Error),
    /// Nothing came.
    #[error("nothing came from the device within {}; are port and bit rate right, and is somebody logged on?", humantime::format_duration(*limit))]
    Silent {
        /// So long it was waited for.
        limit: Duration,
    },
    /// Something came, and no prompt.
    #[error("no prompt came within {}, and \"{said}\" was the last that did; correct the pattern of the prompt", humantime::format_duration(*limit))]
    NoPrompt {
        /// So long it was waited for.
        limit: Duration,
        /// The end of what came.
        said: String,
    },
}

impl Question<'_> {
    /// Wakes the device up with an empty line, waits for its prompt, types the line, and waits for the next prompt. What came in
    /// between, without the echo of what was typed; lines end in LF.
    ///
    /// # Errors
    /// If the port can not be had or is lost, or a prompt does not come in time.
    pub async fn ask(&self, clock: &RunClock) -> Result<String, QuestionError> {
        let transport = Transport::open(self.port).await?;
        write(&transport, self.ending.as_bytes()).await?;
        self.hear(&transport, clock, |text| self.is_prompt(text)).await?;
        self.settle(&transport, clock).await?;
        write(&transport, format!("{}{}", self.line, self.ending).as_bytes()).await?;
        // A prompt without the end of a line before it is that of the line that is being typed.
        let answer = self.hear(&transport, clock, |text| text.contains('\n') && self.is_prompt(text)).await?;
        Ok(self.without_frame(&answer))
    }

    /// Waits until nothing more comes: a prompt that was there before the empty line is followed by another.
    async fn settle(&self, transport: &Transport, clock: &RunClock) -> Result<(), QuestionError> {
        let (until, mut piece) = (clock.now() + self.limit, [0; 4096]);
        loop {
            let quiet = (clock.now() + QUIET).min(until);
            tokio::select! {
                read = transport.read(&mut piece) => drop(read?),
                () = clock.wait(Some(quiet)) => return Ok(()),
            }
        }
    }

    /// All that comes until it is `enough`.
    async fn hear(
        &self,
        transport: &Transport,
        clock: &RunClock,
        enough: impl Fn(&str) -> bool,
    ) -> Result<String, QuestionError> {
        let until = clock.now() + self.limit;
        let (mut heard, mut piece) = (Vec::new(), [0; 4096]);
        loop {
            let text = text(&heard);
            if enough(&text) {
                return Ok(text);
            }
            tokio::select! {
                read = transport.read(&mut piece) => {
                    heard.extend_from_slice(&piece[..read?]);
                    let surplus = heard.len().saturating_sub(MOST);
                    heard.drain(..surplus);
                }
                () = clock.wait(Some(until)) => {
                    let said = text.trim();
                    let skipped = said.chars().count().saturating_sub(TOLD);
                    let said: String = said.chars().skip(skipped).collect();
                    let limit = self.limit;
                    return Err(match said.is_empty() {
                        true => QuestionError::Silent { limit },
                        false => QuestionError::NoPrompt { limit, said },
                    });
                }
            }
        }
    }

    fn is_prompt(&self, text: &str) -> bool {
        let last = text.rsplit('\n').next().unwrap_or(text);
        !last.trim().is_empty() && self.prompt.is_match(last)
    }

    /// Without the echo before it and the prompt behind it.
    fn without_frame(&self, answer: &str) -> String {
        let body = answer.rsplit_once('\n').map_or("", |(body, _)| body);
        let echoed = body.split_once('\n').filter(|(first, _)| first.trim_end().ends_with(self.line));
        let body = echoed.map_or(body, |(_, rest)| rest);
        let body = if echoed.is_none() && body.trim_end().ends_with(self.line) { "" } else { body };
        if body.is_empty() { String::new() } else { format!("{}\n", body.trim_end_matches('\n')) }
    }
}

/// Without carriage returns: devices end lines with both, and some with several.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace('\r', "")
}

async fn write(transport: &Transport, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let count = transport.write(bytes).await?;
        bytes = &bytes[count..];
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_neither_echo_nor_prompt() {
        let port = ConsolePort::at("/dev/null".parse().unwrap(), 9600);
        let prompt = Regex::new("^mdsh> $").unwrap();
        let question =
            Question { port: &port, line: "list -p", ending: "\r", prompt: &prompt, limit: Duration::from_secs(1) };
        for (heard, answer) in [
            ("list -p\r\nDistribution: on\r\n\r\nmdsh> ", "Distribution: on\n"),
            ("list -p\r\r\none\r\ntwo\r\nmdsh> ", "one\ntwo\n"),
            ("mdsh> list -p\r\none\r\nmdsh> ", "one\n"),
            ("list -p\r\nmdsh> ", ""),
            // A device that does not echo.
            ("\r\none\r\nmdsh> ", "\none\n"),
        ] {
            assert!(question.is_prompt(&text(heard.as_bytes())), "{heard}");
            assert_eq!(question.without_frame(&text(heard.as_bytes())), answer, "{heard}");
        }
        for heard in ["mdsh> list", "mdsh>", "Distribution: on\n", "", "\n\n"] {
            assert!(!question.is_prompt(heard), "{heard}");
        }
    }
}
