//! Benches on which nothing is wrong, drawn by a seed: timers, moments, delays, losses, transports and what servers ask
//! for. A complaint about any of them is a fault of siprig.

use std::time::Duration;

use super::{RehearsalError, Weather, tried_on};
use crate::{
    config::Scenario,
    virtual_bench::{
        Description,
        description::{Lab, PhoneOverride},
        phone::Transport,
        random::Random,
    },
};

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

/// The bench of a seed for a scenario that is tried on a bench of its own: as that, with what is drawn in the places of what
/// it leaves open, and with phones of every habit that the manuals leave open.
///
/// # Errors
/// If the scenario names a bench that is none.
pub fn bench_for(scenario: &Scenario, seed: u64) -> Result<(Description, Weather), RehearsalError> {
    let (mut drawn, weather) = bench(seed);
    let mut dice = Random::new(seed.rotate_left(17));
    let mut flip = || dice.number().is_multiple_of(2);
    if scenario.tried_on.is_some() {
        let own = tried_on(scenario)?;
        let settings = drawn.lab.settings + &own.lab.settings;
        let (transports, digest) = (drawn.lab.transports, drawn.lab.digest);
        drawn.lab = Lab { settings, transports, digest, ..own.lab };
    }
    for number in 1..=drawn.lab.phones {
        let name = format!("p{number}");
        let own = drawn.lab.phone.iter().position(|phone| phone.name == name);
        let index = own.unwrap_or_else(|| {
            drawn.lab.phone.push(PhoneOverride { name, ..PhoneOverride::default() });
            drawn.lab.phone.len() - 1
        });
        let habits = &mut drawn.lab.phone[index].habits;
        for habit in [
            &mut habits.moves_on_403,
            &mut habits.moves_on_503,
            &mut habits.moves_on_icmp,
            &mut habits.waits_out_refusal,
            &mut habits.removes_backup_binding,
            &mut habits.follows_redirect,
        ] {
            *habit |= flip();
        }
    }
    Ok((drawn, weather))
}
