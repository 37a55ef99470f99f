//! When the guardian has to act, and when the helper has to do without it. Pure: times are those of any clock that goes on
//! evenly.

use std::time::Duration;

use super::{BEAT, DEAFNESS, SILENCE, Word};

/// What the guardian has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// To switch the interface of that number on, and to go.
    Restore(u32),
    /// To go.
    Go,
}

/// What the guardian knows of its helper.
#[derive(Debug)]
pub struct Vigil {
    /// The interface that is off.
    off: Option<u32>,
    heard: Duration,
    words: u32,
}

impl Vigil {
    /// Of a helper that was heard just now.
    pub fn new(now: Duration) -> Self {
        Self { off: None, heard: now, words: 0 }
    }

    /// The helper has said something; how many words that makes.
    pub fn hear(&mut self, word: Word, now: Duration) -> u32 {
        (self.heard, self.words) = (now, self.words.wrapping_add(1));
        match word {
            Word::Off(index) => self.off = Some(index),
            Word::On => self.off = None,
            Word::Here => {}
        }
        self.words
    }

    /// Nobody holds the other end any more.
    pub fn left(&self) -> Deed {
        self.off.map_or(Deed::Go, Deed::Restore)
    }

    /// What is to be done by the clock. All that was said until now has been heard.
    pub fn look(&self, now: Duration) -> Option<Deed> {
        self.due().filter(|due| now >= *due).and(self.off).map(Deed::Restore)
    }

    /// When to look next; none: nothing is off.
    pub fn due(&self) -> Option<Duration> {
        self.off.map(|_| self.heard + SILENCE)
    }
}

/// What the helper knows of its guardian.
#[derive(Debug)]
pub struct Pulse {
    /// When something was last said to it.
    said: Duration,
    words: u32,
    /// Since when it owes an answer.
    owes: Option<Duration>,
}

impl Pulse {
    /// Of one that has just said something.
    pub fn new(now: Duration) -> Self {
        Self { said: now, words: 0, owes: None }
    }

    /// When something is to be said again.
    pub fn due(&self) -> Duration {
        self.said + BEAT
    }

    /// Something was said to it.
    pub fn say(&mut self, now: Duration) {
        (self.said, self.words) = (now, self.words.wrapping_add(1));
        self.owes.get_or_insert(now);
    }

    /// It has heard so many words by now.
    pub fn answered(&mut self, words: u32, now: Duration) {
        self.owes = (words != self.words).then_some(now);
    }

    /// Whether it has heard everything.
    pub fn is_heard(&self) -> bool {
        self.owes.is_none()
    }

    /// Whether it is as good as dead.
    pub fn is_lost(&self, now: Duration) -> bool {
        self.owes.is_some_and(|since| now.saturating_sub(since) >= DEAFNESS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn while_nothing_is_off_it_waits_for_ever_and_goes_with_the_helper() {
        let mut vigil = Vigil::new(ms(0));
        assert_eq!((vigil.due(), vigil.look(ms(9_000_000))), (None, None));
        assert_eq!(vigil.left(), Deed::Go);
        vigil.hear(Word::Off(7), ms(100));
        vigil.hear(Word::On, ms(200));
        assert_eq!((vigil.due(), vigil.left()), (None, Deed::Go));
    }

    #[test]
    fn a_helper_that_is_gone_while_a_link_is_down_has_it_switched_on() {
        let mut vigil = Vigil::new(ms(0));
        vigil.hear(Word::Off(7), ms(100));
        assert_eq!(vigil.left(), Deed::Restore(7));
    }

    #[test]
    fn a_helper_that_says_nothing_while_a_link_is_down_has_it_switched_on_and_one_that_speaks_has_not() {
        let mut vigil = Vigil::new(ms(0));
        vigil.hear(Word::Off(7), ms(1000));
        for beat in 1..=100 {
            let now = ms(1000) + BEAT * beat;
            assert_eq!(vigil.look(now), None);
            vigil.hear(Word::Here, now);
        }
        let last = ms(1000) + BEAT * 100;
        assert_eq!(vigil.due(), Some(last + SILENCE));
        assert_eq!(vigil.look(last + SILENCE - ms(1)), None);
        assert_eq!(vigil.look(last + SILENCE), Some(Deed::Restore(7)));
    }

    #[test]
    fn a_guardian_that_answers_lives_and_one_that_owes_an_answer_for_long_does_not() {
        let mut pulse = Pulse::new(ms(0));
        assert_eq!(pulse.due(), BEAT);
        pulse.say(ms(100));
        pulse.answered(1, ms(101));
        assert!(pulse.is_heard() && !pulse.is_lost(ms(5000)), "nothing was asked of it");
        pulse.say(ms(4900));
        pulse.say(ms(4950));
        pulse.answered(2, ms(5000));
        assert!(!pulse.is_heard(), "that was the one before");
        pulse.say(ms(5100));
        assert!(!pulse.is_lost(ms(5000) + DEAFNESS - ms(1)));
        assert!(pulse.is_lost(ms(5000) + DEAFNESS), "since the first that it did not answer");
    }
}
