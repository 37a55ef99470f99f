//! Frames on their way out, in their order. One that is part of something waits until that is whole.

use std::collections::VecDeque;

use super::{fragments, streams};
use crate::wire::frame::LinkType;

/// Frames that are held back at most, and their bytes. Whatever the first of them waits for is then taken as it is.
const MAX_FRAMES: usize = 4096;
/// See [`MAX_FRAMES`].
const MAX_BYTES: usize = 8 << 20;

/// Counts the frames of a capture.
pub type FrameId = u64;

/// A piece of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub frame: FrameId,
    pub at: usize,
    pub len: usize,
}

impl Place {
    /// What is left of it without its first bytes.
    pub fn behind(self, len: usize) -> Self {
        Self { frame: self.frame, at: self.at + len, len: self.len - len }
    }

    /// Its first bytes.
    pub fn first(self, len: usize) -> Self {
        Self { len, ..self }
    }
}

/// What a frame is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whole {
    Stream(streams::Key),
    Datagram(fragments::Key),
}

/// A frame, and what is wanted to be known of it again.
#[derive(Debug)]
pub struct Held<T> {
    pub tag: T,
    pub link: LinkType,
    pub bytes: Vec<u8>,
    /// Something in it is not as it was captured.
    pub changed: bool,
    /// Pieces that are not clean yet.
    waits: usize,
    part_of: Option<Whole>,
}

/// The frames that were not handed on yet.
#[derive(Debug)]
pub struct Queue<T> {
    frames: VecDeque<Held<T>>,
    /// Of the first.
    first: FrameId,
    bytes: usize,
}

impl<T> Queue<T> {
    pub const fn new() -> Self {
        Self { frames: VecDeque::new(), first: 0, bytes: 0 }
    }

    pub fn push(&mut self, tag: T, link: LinkType, bytes: Vec<u8>) -> FrameId {
        self.bytes += bytes.len();
        self.frames.push_back(Held { tag, link, bytes, changed: false, waits: 0, part_of: None });
        self.first + self.frames.len() as u64 - 1
    }

    /// The next frame, if it waits for nothing.
    pub fn pop(&mut self) -> Option<Held<T>> {
        if self.frames.front()?.waits > 0 {
            return None;
        }
        let held = self.frames.pop_front()?;
        self.first += 1;
        self.bytes -= held.bytes.len();
        Some(held)
    }

    /// What the first frame waits for, if too much is held back by it.
    pub fn blocked_by(&self) -> Option<Whole> {
        let front = self.frames.front()?;
        let full = self.frames.len() > MAX_FRAMES || self.bytes > MAX_BYTES;
        front.part_of.filter(|_| front.waits > 0 && full)
    }

    /// All of a frame.
    pub fn whole(&self, frame: FrameId) -> Place {
        let held = self.index(frame).and_then(|index| self.frames.get(index));
        Place { frame, at: 0, len: held.map_or(0, |held| held.bytes.len()) }
    }

    pub fn bytes(&self, place: Place) -> &[u8] {
        let held = self.index(place.frame).and_then(|index| self.frames.get(index));
        held.and_then(|held| held.bytes.get(place.at..place.at + place.len)).unwrap_or_default()
    }

    /// Lets a frame wait.
    pub fn wait(&mut self, frame: FrameId, part_of: Whole) {
        if let Some(held) = self.index(frame).and_then(|index| self.frames.get_mut(index)) {
            held.waits += 1;
            held.part_of = Some(part_of);
        }
    }

    /// Writes what a piece of a waiting frame has become; the frame no longer waits for it.
    pub fn settle(&mut self, place: Place, clean: &[u8]) {
        self.change(place, |bytes| bytes.copy_from_slice(&clean[..bytes.len()]));
        self.release(place.frame);
    }

    /// A frame no longer waits for one of the things that it waited for.
    pub fn release(&mut self, frame: FrameId) {
        if let Some(held) = self.index(frame).and_then(|index| self.frames.get_mut(index)) {
            held.waits -= 1;
        }
    }

    /// Changes a piece of a frame.
    pub fn change(&mut self, place: Place, change: impl FnOnce(&mut [u8])) {
        let held = self.index(place.frame).and_then(|index| self.frames.get_mut(index));
        if let Some(held) = held
            && let Some(bytes) = held.bytes.get_mut(place.at..place.at + place.len)
        {
            let before = (!held.changed).then(|| bytes.to_vec());
            change(bytes);
            held.changed |= before.is_some_and(|before| before != bytes);
        }
    }

    fn index(&self, frame: FrameId) -> Option<usize> {
        usize::try_from(frame.checked_sub(self.first)?).ok()
    }
}
