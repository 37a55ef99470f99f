//! Benches on which nothing is wrong, drawn by a seed: timers, moments, delays, losses, transports and what servers ask
//! for. A complaint about any of them is a fault of siprig.

use std::time::Duration;

use super::Weather;
use crate::virtual_bench::{Description, phone::Transport, random::Random};

/// The bench of a seed.
pub fn bench(seed: u64) -> (Description, Weather) {
    let mut dice = Random::new(seed);
    let mut description = Description::default();
    let mut below = |most: u64| dice.number() % most;
    let seconds = Duration::from_secs;
    description.lab.phones = 4;
    description.lab.lines = 1 + below(2) as u8;
    description.lab.digest = below(4) > 0;
    let transports = [Transport::Udp, Transport::Tcp];
    description.lab.transports = (0..4).map(|_| transports[below(2) as usize]).collect();
    let timers = &mut description.timers;
    timers.transaction = seconds(4 + below(29));
    timers.renewal_lead = timers.transaction + seconds(2 + below(30));
    timers.expires = timers.renewal_lead + seconds(5 + below(560));
    timers.retry_timeout = seconds(30 + below(120));
    timers.retry_rejected = seconds(30 + below(600));
    let weather = Weather {
        seed: below(u64::MAX),
        delay: Duration::from_millis(below(60)),
        loss_per_10000: [0, 0, 50, 200][below(4) as usize],
        lateness: Duration::from_millis(below(40)),
        switch_on: seconds(below(60)).min(description.timers.expires),
    };
    description.lab.call_digest = below(2) > 0;
    let period = 20 + below(600);
    description.lab.settings =
        format!("sip explicit mwi subscription: 1\nsip explicit mwi subscription period: {period}\n");
    (description, weather)
}
