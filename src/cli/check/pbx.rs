//! Settings of the PBX: whether the programs of their commands are there, and what they read as. Nothing is set.

use super::Finding;
use crate::{
    config::{Bench, PbxSetting},
    driver::{clock::RunClock, pbx::Hand, secrets::Secrets},
    event::PbxName,
};

/// What is found of each setting that the bench knows how to change.
pub(super) fn of_settings(bench: &Bench) -> Vec<Finding> {
    let (secrets, clock) = (Secrets::of_bench(bench), RunClock::start());
    let look = |(name, setting): (&PbxName, &PbxSetting)| {
        let hand = Hand::alone(name.clone(), setting.clone(), secrets.clone(), clock.clone());
        let remedy = format!("mend [pbx.{name}] of the bench file, or remove it if no scenario needs it");
        match hand.ready().map_err(|error| error.to_string()).and_then(|()| hand.read().map_err(|flaw| flaw.reason)) {
            Ok(state) => Finding::ok("pbx", format!("pbx.{name} reads as {state}; it can be {}", setting.states())),
            Err(reason) => Finding::problem("pbx", reason, remedy),
        }
    };
    bench.pbx.iter().map(look).collect()
}
