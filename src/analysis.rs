//! What a capture tells of registrations, calls and message waiting: one pass over its frames, flat in memory.
//!
//! For each line that is seen it says which server held a binding and for how long, when the line moved to its backup and
//! when it came back, of what these moves consist, and what became of its calls and subscriptions in them. Everything is
//! judged as in a run: by the same reading of frames ([`signalling`](crate::wire::signalling)) and the same tracking
//! ([`registration`](crate::engine::registration), [`dialog`](crate::engine::dialog)), with the times of the frames as the
//! only clock.
//!
//! | part | what it does |
//! |---|---|
//! | [`settings`] | what is known beforehand: servers, roles, outages |
//! | [`book`] | what was seen so far, and by whom |
//! | [`clock`] | the time of the capture, which may go back |
//! | [`line`] | one line: its registrations, its moves, what it said |
//! | [`moves`] | when a line moved, and the measurements of that |
//! | [`calls`] | the calls of a line, and what they outlived |
//! | [`waiting`] | its subscriptions to message waiting, and what it was told |
//! | [`refusals`] | who turned it away, and where to |
//! | [`blind`] | phones whose signalling is encrypted |
//! | [`ladder`] | the messages of a line, as a picture |
//! | [`document`] | the result, as `--json` prints it |
//! | [`text`] | the result, for people |
//!
//! Not here: opening files, progress, and masking secrets (`wire::scrub`).

use crate::{
    event::Fate,
    wire::{capture::Captured, frame::Content, signalling::Signalling, sip},
};

mod blind;
mod book;
mod calls;
mod clock;
pub mod document;
mod ladder;
mod line;
mod moves;
mod outage;
mod refusals;
pub mod settings;
mod text;
mod waiting;

pub use settings::{GivenOutage, Moment, NamedServer, Settings};
pub use text::{View, render};

use book::Book;
use document::Document;

/// An analysis under way.
#[derive(Debug)]
pub struct Analysis {
    signalling: Signalling<u64>,
    reader: sip::Reader,
    book: Book,
}

/// Everything that was found.
#[derive(Debug)]
pub struct Findings {
    /// The result, for machines.
    pub document: Document,
    book: Book,
}

impl Analysis {
    /// Nothing seen yet.
    pub fn new(settings: Settings) -> Self {
        let ports: Vec<u16> = settings.sip_ports.iter().copied().collect();
        let reader = if settings.thorough { sip::Reader::every() } else { sip::Reader::by_shape() };
        Self { signalling: Signalling::new(ports), reader, book: Book::new(settings) }
    }

    /// How many frames were taken in.
    pub fn frames(&self) -> u64 {
        self.book.frames
    }

    /// Takes in the next frame.
    pub fn take(&mut self, captured: &Captured<'_>) {
        let (sighting, is_traffic) = self.book.begin(captured);
        let Ok(frame) = captured.frame() else { return self.book.cannot_read_frame() };
        if let (Fate::Dropped(outage), Content::Ip(packet)) = (sighting.fate, &frame.content) {
            self.book.taken(outage, [packet.source, packet.destination]);
        }
        if is_traffic {
            self.signalling.take(&frame, &sighting, &mut |heard| self.book.hear(&heard, &mut self.reader));
        }
    }

    /// Takes in a comment that belongs to no frame, as one behind the last.
    pub fn remark(&mut self, comment: &str) {
        self.book.remark(comment);
    }

    /// There are no more frames.
    pub fn finish(mut self) -> Findings {
        self.signalling.finish(&mut |heard| self.book.hear(&heard, &mut self.reader));
        self.book.close();
        Findings { document: self.book.document(), book: self.book }
    }
}

#[cfg(test)]
mod tests;
