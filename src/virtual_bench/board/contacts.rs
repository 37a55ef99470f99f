//! The contacts of a simulated board: closed or open, with bounces at each edge, and welded together where a test wants it.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use crate::wire::kp1::Key;

/// A contact: which phone from 1, and which key.
pub type Place = (u8, Key);

/// A contact that moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edge {
    /// Which.
    pub place: Place,
    /// What it is now.
    pub closed: bool,
}

/// How contacts bounce.
#[derive(Debug, Clone, Copy, Default)]
pub struct Bounce {
    /// Extra movements there and back at each edge.
    pub count: u8,
    /// Time between them.
    pub apart: Duration,
}

/// All contacts of a board.
#[derive(Debug, Default)]
pub struct Contacts {
    closed: BTreeSet<Place>,
    welded: BTreeSet<Place>,
    /// Movements to come, of each contact in order of time.
    bouncing: BTreeMap<Place, VecDeque<(Duration, bool)>>,
    bounce: Bounce,
    moved: VecDeque<Edge>,
}

impl Contacts {
    /// How every edge from now on bounces.
    pub fn set_bounce(&mut self, bounce: Bounce) {
        self.bounce = bounce;
    }

    /// This contact is closed from now on, whatever it is told.
    pub fn weld(&mut self, place: Place) {
        self.welded.insert(place);
        self.set(place, true);
    }

    /// Moves a contact. Bounces of its edge before end here.
    pub fn turn(&mut self, at: Duration, place: Place, closed: bool) {
        self.bouncing.remove(&place);
        self.set(place, closed);
        let Bounce { count, apart } = self.bounce;
        let moves = (1..=u32::from(count) * 2).map(|index| (at + apart * index, (index % 2 == 1) != closed));
        self.bouncing.insert(place, moves.collect());
        self.run(at);
    }

    /// Brings every contact of a phone to rest where its last edge took it.
    pub fn settle(&mut self, unit: u8) {
        for (place, mut moves) in std::mem::take(&mut self.bouncing) {
            if place.0 != unit {
                self.bouncing.insert(place, moves);
            } else if let Some((_, closed)) = moves.pop_back() {
                self.set(place, closed);
            }
        }
    }

    /// When the next contact bounces.
    pub fn due(&self) -> Option<Duration> {
        self.bouncing.values().filter_map(|moves| moves.front()).map(|(at, _)| *at).min()
    }

    /// Lets contacts bounce up to a time, in order.
    pub fn run(&mut self, now: Duration) {
        while let Some(at) = self.due().filter(|at| *at <= now) {
            let next = self.bouncing.iter_mut().find(|(_, moves)| moves.front().is_some_and(|(due, _)| *due == at));
            if let Some((place, (_, closed))) = next.and_then(|(place, moves)| Some((*place, moves.pop_front()?))) {
                self.set(place, closed);
            }
        }
        self.bouncing.retain(|_, moves| !moves.is_empty());
    }

    /// The next contact that has moved.
    pub fn poll(&mut self) -> Option<Edge> {
        self.moved.pop_front()
    }

    /// The keys of a phone whose contacts are closed, as the matrix is read.
    pub fn closed(&self, unit: u8) -> Vec<Key> {
        self.closed.iter().filter(|(of, _)| *of == unit).map(|(_, key)| *key).collect()
    }

    fn set(&mut self, place: Place, closed: bool) {
        let closed = closed || self.welded.contains(&place);
        let changed = if closed { self.closed.insert(place) } else { self.closed.remove(&place) };
        if changed {
            self.moved.push_back(Edge { place, closed });
        }
    }
}
