//! Outages that do one thing after the other.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use super::{Impairment, Manner, OutageMode, Share, Spoof, Toward};
use crate::config::duration;

/// A server that comes and goes: first it is away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flapping {
    /// For how long it is away each time.
    #[serde(with = "duration")]
    pub away: Duration,
    /// For how long it is there in between.
    #[serde(with = "duration")]
    pub back: Duration,
}

/// A slow death: answers come later and later, and then none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fading {
    /// How long it takes to die.
    #[serde(with = "duration")]
    pub over: Duration,
    /// By how much frames are late at the end of that, each way.
    #[serde(with = "duration")]
    pub delay: Duration,
}

/// A reboot: the service refuses, the machine is silent, the service answers 503 while it starts, and is back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rebooting {
    /// For how long the service refuses when it has ended.
    #[serde(with = "duration")]
    pub refuse: Duration,
    /// For how long the machine is silent.
    #[serde(with = "duration")]
    pub silent: Duration,
    /// For how long the service answers 503 while it starts.
    #[serde(with = "duration")]
    pub starting: Duration,
}

/// What happens to frames, by the time since the outage began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Course<T = Manner> {
    /// One after the other.
    pub phases: Vec<Phase<T>>,
    /// They begin again when the last is over; else the last goes on.
    pub repeats: bool,
}

/// A part of a [`Course`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phase<T = Manner> {
    /// What happens to frames.
    pub manner: T,
    /// For how long, in nanoseconds; zero: not at all.
    pub lasts_ns: u64,
}

impl<T> Course<T> {
    /// The same all the time.
    pub fn steady(manner: T) -> Self {
        Self { phases: vec![Phase { manner, lasts_ns: u64::MAX }], repeats: false }
    }

    /// What happens so many nanoseconds after it began, and for how long it has been so. None: there are no phases.
    pub fn at(&self, elapsed_ns: u64) -> Option<(&T, u64)> {
        let mut rest = elapsed_ns;
        let round: u64 = self.phases.iter().fold(0, |sum, phase| sum.saturating_add(phase.lasts_ns));
        if self.repeats {
            rest = rest.checked_rem(round)?;
        }
        for phase in &self.phases {
            match rest.checked_sub(phase.lasts_ns) {
                Some(later) => rest = later,
                None => return Some((&phase.manner, rest)),
            }
        }
        let last = self.phases.last()?;
        Some((&last.manner, rest.saturating_add(last.lasts_ns)))
    }

    /// The same with other words for what happens.
    ///
    /// # Errors
    /// The first that `other` has.
    pub fn try_map<U, E>(self, mut other: impl FnMut(T) -> Result<U, E>) -> Result<Course<U>, E> {
        let phases = self.phases.into_iter();
        let phases = phases.map(|phase| Ok(Phase { manner: other(phase.manner)?, lasts_ns: phase.lasts_ns }));
        Ok(Course { phases: phases.collect::<Result<_, E>>()?, repeats: self.repeats })
    }
}

impl OutageMode {
    /// Nothing passes, and nobody is told.
    pub const DROP: Self = Self::Steady(Manner::Drop);
    /// Nothing passes, and the phone is told.
    pub const REFUSE: Self = Self::Steady(Manner::Refuse);

    /// What happens to frames, by the time since the outage began.
    pub fn course(&self) -> Course {
        let phase =
            |manner, lasts: Duration| Phase { manner, lasts_ns: u64::try_from(lasts.as_nanos()).unwrap_or(u64::MAX) };
        let (phases, repeats) = match self {
            Self::Steady(manner) => return Course::steady(manner.clone()),
            Self::Hook => return Course::steady(Manner::Pass),
            Self::LinkDown(_) => return Course::steady(Manner::Drop),
            Self::Flap(Flapping { away, back }) => (vec![phase(Manner::Drop, *away), phase(Manner::Pass, *back)], true),
            Self::Fade(Fading { over, delay }) => {
                let slower = Impairment { delay: *delay, ramp: *over, ..Impairment::default() };
                (vec![phase(Manner::Impair(slower), *over), phase(Manner::Drop, Duration::MAX)], false)
            }
            Self::Reboot(Rebooting { refuse, silent, starting }) => {
                let busy = Spoof { code: 503, retry_after_s: None, redirect: None };
                let phases = vec![
                    phase(Manner::Refuse, *refuse),
                    phase(Manner::Drop, *silent),
                    phase(Manner::Answer(busy), *starting),
                    phase(Manner::Pass, Duration::MAX),
                ];
                (phases, false)
            }
        };
        Course { phases, repeats }
    }

    /// How long after its beginning the server is first out of reach for good, as far as the outage says, what it has made
    /// late included; none: it never is, or may be reached in spite of it.
    pub fn away_after(&self) -> Option<Duration> {
        match self {
            Self::Steady(manner) => manner.takes_all().then_some(Duration::ZERO),
            Self::Fade(fading) => Some(fading.over + fading.delay),
            Self::Hook | Self::LinkDown(_) => Some(Duration::ZERO),
            Self::Flap(_) | Self::Reboot(_) => None,
        }
    }
}

impl Manner {
    /// Whether no frame passes.
    pub fn takes_all(&self) -> bool {
        match self {
            Self::Drop | Self::Refuse | Self::Unreachable(_) | Self::Reset | Self::Answer(_) => true,
            Self::Impair(impairment) => impairment.loss == Share::ALL,
            Self::Pass | Self::Unresolvable | Self::Nameless => false,
        }
    }

    /// Whether canaries that go this way are dropped. Bad paths let them pass; where nobody is found any more, the one to the
    /// server asks for its address or name, and none tells a phone a wrong one.
    pub fn drops_canaries(&self, toward: Toward) -> bool {
        match self {
            Self::Pass | Self::Impair(_) => false,
            Self::Unresolvable | Self::Nameless => toward == Toward::Server,
            _ => true,
        }
    }
}

impl fmt::Display for Flapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "away for {}, back for {}, and so on", duration::show(self.away), duration::show(self.back))
    }
}

impl fmt::Display for Fading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "up to {} late within {}, then drop", duration::show(self.delay), duration::show(self.over))
    }
}

impl fmt::Display for Rebooting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [refuse, silent, starting] = [self.refuse, self.silent, self.starting].map(duration::show);
        write!(f, "refuse for {refuse}, drop for {silent}, answer 503 for {starting}, then pass")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000_000;

    fn names(mode: &OutageMode, at_s: impl IntoIterator<Item = u64>) -> Vec<String> {
        let course = mode.course();
        at_s.into_iter().map(|at| course.at(at * S).unwrap().0.to_string()).collect()
    }

    #[test]
    fn a_server_that_flaps_is_away_first_and_comes_and_goes_for_ever() {
        let secs = Duration::from_secs;
        let mode = OutageMode::Flap(Flapping { away: secs(3), back: secs(2) });
        assert_eq!(
            names(&mode, [0, 2, 3, 4, 5, 5_000_002, 5_000_003]),
            ["drop", "drop", "pass", "pass", "drop", "drop", "pass"]
        );
        assert_eq!(mode.away_after(), None);
    }

    #[test]
    fn a_reboot_refuses_is_silent_answers_and_is_over() {
        let secs = Duration::from_secs;
        let mode = OutageMode::Reboot(Rebooting { refuse: secs(1), silent: Duration::ZERO, starting: secs(2) });
        assert_eq!(names(&mode, [0, 1, 2, 3, 1_000]), ["refuse", "answer 503", "answer 503", "pass", "pass"]);
    }

    #[test]
    fn a_slow_death_knows_since_when_it_dies() {
        let mode = OutageMode::Fade(Fading { over: Duration::from_secs(10), delay: Duration::from_secs(4) });
        let course = mode.course();
        assert!(matches!(course.at(9 * S), Some((Manner::Impair(_), since)) if since == 9 * S));
        assert_eq!(course.at(12 * S), Some((&Manner::Drop, 2 * S)));
        assert_eq!(mode.away_after(), Some(Duration::from_secs(14)), "the last one was still late");
    }

    #[test]
    fn a_course_of_nothing_is_none() {
        let nothing: Course = Course { phases: Vec::new(), repeats: true };
        assert_eq!(nothing.at(7), None);
        let over = Course { phases: vec![Phase { manner: Manner::Drop, lasts_ns: 0 }], repeats: true };
        assert_eq!(over.at(7), None);
    }
}
