//! How a phone on the backup looks for its primary in the background, where it does.

use std::time::Duration;

use super::Registration;
use crate::virtual_bench::phone::{
    context::Context,
    draft::{Exchange, Job},
    endpoint::Endpoint,
    failover::{Turn, Which},
};

/// Longest pause between two attempts at a server that is away (RFC 5626 section 4.5).
const LONGEST_PROBE: Duration = Duration::from_secs(1800);
/// The same for the first attempt while another flow works.
const FIRST_PROBE: Duration = Duration::from_secs(90);

impl Registration {
    pub(super) fn plan_probe(&mut self, context: &mut Context<'_>) {
        let on_backup = self.held.is_some_and(|held| held.which == Which::Backup);
        if !on_backup || self.servers.primary.is_none() || context.stays_on_backup() {
            self.probe = None;
            return;
        }
        if self.probe.is_some() {
            // Renewals at the backup come in between, and put nothing off.
            return;
        }
        let pause = if context.habits.outbound {
            let longest = FIRST_PROBE.saturating_mul(1 << self.misses.min(8)).min(LONGEST_PROBE);
            // Between half of it and all of it, by chance (RFC 5626 section 4.5).
            let share = context.random.number() % 1000;
            Some(longest / 2 + longest.mul_f64(0.0005 * f64::from(u16::try_from(share).unwrap_or(0))))
        } else {
            context.habits.probe
        };
        self.probe = pause.map(|pause| context.now + pause);
    }

    pub(super) fn ask_primary(&mut self, endpoint: &mut Endpoint, context: &mut Context<'_>) {
        if !context.habits.outbound {
            return self.send(Job::Probe, Which::Primary, self.expires, endpoint, context);
        }
        let Some(to) = self.servers.primary else { return };
        let mut draft = self.draft(Which::Primary, to, context);
        (draft.method, draft.call_id) = ("OPTIONS", context.random.token());
        endpoint.send(Exchange::new(Job::Probe, draft), context);
    }

    pub(super) fn return_to_primary(&mut self, endpoint: &mut Endpoint, context: &mut Context<'_>) {
        if self.held.is_some_and(|held| held.which == Which::Backup) {
            self.send(Job::Remove, Which::Backup, Duration::ZERO, endpoint, context);
            self.next = None;
            self.register(Turn { which: Which::Primary, second: false }, endpoint, context);
        }
    }
}
