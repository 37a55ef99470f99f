//! Frames that are late on purpose, until their time comes.

use std::{collections::BTreeMap, time::Duration};

use super::{
    clock::wall_ns,
    outbox::Outbox,
    protocol::{FrameKind, SeenFrame},
    sight::{Unsent, send_on},
    tap::Tap,
};
use crate::event::{OutageId, Toward};

/// Bytes that may wait; what comes on top of that is lost, and said to be.
const MOST: usize = 16 << 20;

/// A frame that goes on when its time comes.
#[derive(Debug, Clone)]
pub struct Late {
    /// Where it goes.
    pub toward: Toward,
    /// All of it, its check sums in place.
    pub bytes: Vec<u8>,
    /// When it came in, on the wall clock.
    pub came_ns: i64,
    /// It is late on purpose, and not because it was read late.
    pub held: bool,
    /// Reported when it goes.
    pub seen: Option<SeenFrame>,
}

impl Late {
    /// The same once more.
    pub fn copy(&self, outage: OutageId) -> Self {
        let seen = self.seen.clone().map(|seen| SeenFrame { kind: FrameKind::Copy(outage), ..seen });
        Self { seen, ..self.clone() }
    }

    /// Sends it out of that side, and reports it if that was not done before.
    pub fn go(self, outage: OutageId, far: &mut Tap, mtu: usize, outbox: &mut Outbox, unsent: &mut Unsent) {
        let unix_ns = wall_ns();
        send_on(far, &self.bytes, mtu, unsent);
        let by_ns = if self.held { u64::try_from(unix_ns - self.came_ns).unwrap_or(0) } else { 0 };
        outbox.send_seen(self.seen.map(|seen| SeenFrame { unix_ns, ..seen }.late(outage, by_ns)));
    }
}

/// Those that wait, by the time at which they go (monotonic); those of the same time in the order in which they came.
#[derive(Debug, Default)]
pub struct Waiting {
    frames: BTreeMap<(Duration, u64), (OutageId, Late)>,
    number: u64,
    bytes: usize,
}

impl Waiting {
    /// Keeps a frame until then.
    ///
    /// # Errors
    /// It comes back if there is no room.
    pub fn push(&mut self, due: Duration, outage: OutageId, late: Late) -> Result<(), Late> {
        if self.bytes + late.bytes.len() > MOST {
            return Err(late);
        }
        self.bytes += late.bytes.len();
        self.number += 1;
        self.frames.insert((due, self.number), (outage, late));
        Ok(())
    }

    /// When the next one goes.
    pub fn next_due(&self) -> Option<Duration> {
        self.frames.keys().next().map(|(due, _)| *due)
    }

    /// The next one whose time has come.
    pub fn pop(&mut self, now: Duration) -> Option<(OutageId, Late)> {
        let first = self.frames.first_entry().filter(|entry| entry.key().0 <= now)?;
        let (outage, late) = first.remove();
        self.bytes -= late.bytes.len();
        Some((outage, late))
    }

    /// Those of an outage that is over, in their order: nothing makes them wait any longer.
    pub fn release(&mut self, outage: OutageId) -> Vec<Late> {
        let released = self.frames.extract_if(.., |_, (of, _)| *of == outage);
        let released: Vec<Late> = released.map(|(_, (_, late))| late).collect();
        self.bytes -= released.iter().map(|late| late.bytes.len()).sum::<usize>();
        released
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn late(mark: u8, length: usize) -> Late {
        Late { toward: Toward::Server, bytes: vec![mark; length], came_ns: 0, held: true, seen: None }
    }

    const ONE: OutageId = OutageId(1);
    const TWO: OutageId = OutageId(2);

    #[test]
    fn they_go_in_the_order_of_their_times_and_else_as_they_came() {
        let ms = Duration::from_millis;
        let mut waiting = Waiting::default();
        for (due, outage, mark) in [(30, ONE, 0), (10, TWO, 1), (30, TWO, 2), (20, ONE, 3)] {
            waiting.push(ms(due), outage, late(mark, 60)).unwrap();
        }
        assert_eq!(waiting.next_due(), Some(ms(10)));
        let mut gone = |now| waiting.pop(ms(now)).map(|(_, late)| late.bytes[0]);
        assert_eq!([gone(9), gone(20), gone(20), gone(20)], [None, Some(1), Some(3), None]);
        let released: Vec<u8> = waiting.release(ONE).iter().map(|late| late.bytes[0]).collect();
        assert_eq!(released, [0]);
        assert_eq!(waiting.pop(ms(30)).map(|(outage, late)| (outage, late.bytes[0])), Some((TWO, 2)));
        assert_eq!((waiting.next_due(), waiting.bytes), (None, 0));
    }

    #[test]
    fn there_is_room_for_so_many_and_for_more_when_some_have_gone() {
        let mut waiting = Waiting::default();
        for _ in 0..MOST / (1 << 16) {
            waiting.push(Duration::ZERO, ONE, late(0, 1 << 16)).unwrap();
        }
        assert!(waiting.push(Duration::ZERO, ONE, late(0, 1)).is_err());
        assert!(waiting.pop(Duration::ZERO).is_some());
        assert!(waiting.push(Duration::ZERO, ONE, late(0, 1)).is_ok());
    }
}
