//! The lease on what the kernel drops for us: how long it still stands, and why it came to its end.

use std::{io, time::Duration};

use crate::bridge::table::{LEASE, RENEWAL};

/// The longest tick that kernels are built with: so well is the time known at which an element expires, and as much earlier
/// it may.
const TICK: Duration = Duration::from_millis(10);

/// Times are those of the monotonic clock.
#[derive(Debug)]
pub struct Lease {
    /// When the transaction was begun that granted it.
    granted: Duration,
    /// When it is to be renewed next.
    due: Duration,
    /// What the kernel said against renewing it.
    refusal: Option<String>,
}

impl Lease {
    /// Granted by a transaction that was begun then.
    pub fn granted(begun: Duration) -> Self {
        Self { granted: begun, due: begun + RENEWAL, refusal: None }
    }

    /// One that is over.
    pub fn void() -> Self {
        Self::granted(Duration::ZERO)
    }

    /// When it is to be renewed.
    pub fn due(&self) -> Duration {
        self.due
    }

    /// It could not be renewed. There may be time to try again.
    pub fn refused(&mut self, now: Duration, error: &io::Error) {
        self.refusal = Some(error.to_string());
        self.due = now + RENEWAL;
    }

    /// Whether the kernel may have begun to forward again.
    pub fn is_over(&self, now: Duration) -> bool {
        now >= self.end()
    }

    /// How long ago the kernel began to forward again, if it is known to do so, and by how much that may be wrong.
    pub fn over_for(&self, now: Duration) -> (Duration, Duration) {
        match now.checked_sub(self.end()) {
            Some(ago) => (ago, TICK),
            // It let go earlier than agreed: at any time since.
            None => {
                let half = now.saturating_sub(self.granted) / 2;
                (half, half)
            }
        }
    }

    /// Why it came to its end, in words that go on from "the helper".
    pub fn story(&self, now: Duration) -> String {
        let kept = LEASE.as_secs_f64();
        match &self.refusal {
            Some(refusal) => format!("could not renew for {kept} s what the kernel drops: {refusal}"),
            None => format!(
                "was not given the processor for {:.1} s: the kernel drops nothing that is not renewed within {kept} s",
                now.saturating_sub(self.due).as_secs_f64()
            ),
        }
    }

    fn end(&self) -> Duration {
        self.granted + LEASE - TICK
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn it_stands_for_its_time_and_tells_since_when_it_does_not() {
        let lease = Lease::granted(ms(5000));
        let end = ms(5000) + LEASE - TICK;
        assert_eq!(lease.due(), ms(5000) + RENEWAL);
        assert!(!lease.is_over(end - ms(1)) && lease.is_over(end));
        assert_eq!(lease.over_for(end + ms(250)), (ms(250), TICK));
        assert!(Lease::void().is_over(ms(5000)));
    }

    #[test]
    fn what_the_kernel_let_go_early_it_let_go_at_any_time_since() {
        assert_eq!(Lease::granted(ms(5000)).over_for(ms(5100)), (ms(50), ms(50)));
    }

    #[test]
    fn a_refusal_is_tried_again_and_told_apart_from_a_long_wait() {
        let mut lease = Lease::granted(ms(5000));
        assert!(
            lease.story(ms(7100)).starts_with("was not given the processor for 2.0 s"),
            "{}",
            lease.story(ms(7100))
        );
        lease.refused(ms(5100), &io::Error::from_raw_os_error(libc::ENOBUFS));
        assert_eq!(lease.due(), ms(5100) + RENEWAL);
        assert!(lease.story(ms(7100)).contains("No buffer space"), "{}", lease.story(ms(7100)));
    }
}
