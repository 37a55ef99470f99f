//! What the helper does for the controller: begins outages and lifts them.

use std::{io, time::Duration};

use super::{Helper, lease::Lease};
use crate::{
    bridge::{
        clock::{monotonic, timed},
        outage::Wanted,
        protocol::{ABSENCE, Notice, Order},
    },
    event::{OutageEnd, OutageId, Toward},
};

/// Turns of both taps in which what came in before the end, of an outage or of the helper, is read.
const DRAIN: usize = 32;

/// A loop that does not come round for so long was stopped, or was not given the processor: it waits for less.
const STOPPED: Duration = Duration::from_millis(400);

impl Helper {
    pub(super) fn take_orders(&mut self) {
        loop {
            match self.outbox.receive(false) {
                Ok(Some(order)) => {
                    self.heard = monotonic();
                    self.obey(order);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(None) | Err(_) => {
                    self.closing = true;
                    return;
                }
            }
        }
    }

    /// Notes that we are at work; whoever was stopped can not say what he has not heard meanwhile.
    pub(super) fn come_round(&mut self) {
        let now = monotonic();
        if now.saturating_sub(self.round) >= STOPPED {
            self.awake = now;
        }
        self.round = now;
    }

    /// Ends all outages if the controller hangs.
    pub(super) fn mind_absence(&mut self) {
        let now = monotonic();
        if now.saturating_sub(self.heard.max(self.awake)) < ABSENCE || now.saturating_sub(self.round) >= STOPPED {
            return;
        }
        let lasting: Vec<OutageId> =
            self.outages.in_force().into_iter().filter(|outage| !self.is_opening(*outage)).collect();
        if lasting.is_empty() {
            return;
        }
        let silent = ABSENCE.as_secs_f64();
        self.outbox.send(&Notice::Trouble(format!("heard nothing of siprig for {silent} s, and ended the outage")));
        for outage in lasting {
            self.lift(outage, OutageEnd::Lapsed);
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Present => {}
            Order::Ping => self.outbox.send(&Notice::Pong),
            Order::Setup(_) => self.outbox.send(&Notice::Trouble("was set up twice".to_owned())),
            Order::Begin { outage, course, link, toward, scope, only, server, phones, limit_ms } => {
                let limit = Duration::from_millis(limit_ms);
                self.begin(&Wanted { outage, course, link, toward, scope, only, server, phones, limit });
            }
            Order::End { outage } => self.lift(outage, OutageEnd::Lifted),
            Order::Canaries { outage, server, phones } => {
                for phone in phones {
                    for toward in [Toward::Server, Toward::Phone] {
                        self.send_canary(outage, phone, server, toward);
                    }
                }
            }
            Order::Count { outage } => {
                let tally = self.outages.tally(outage);
                self.outbox.send(&Notice::Count { outage, tally });
            }
            Order::Close => {
                for outage in self.outages.in_force() {
                    self.lift(outage, OutageEnd::Lifted);
                }
                self.leave_link();
                self.drain();
                self.media.take().into_iter().for_each(|counted| self.outbox.send(&Notice::Media(counted)));
                self.report_losses();
                self.closing = true;
            }
        }
    }

    fn begin(&mut self, wanted: &Wanted) {
        if let Some(reason) = self.outages.untouchable(&self.setup, wanted) {
            return self.outbox.send(&Notice::Declined { outage: wanted.outage, reason });
        }
        let rule = match self.outages.plan(&self.setup, &self.addresses, wanted) {
            Ok(rule) => rule,
            Err(reason) => return self.outbox.send(&Notice::Trouble(reason)),
        };
        if rule.is_of_resolution()
            && let Some(router) = rule.servers.iter().find_map(|server| self.homes.router_of(*server))
        {
            return self.outbox.send(&Notice::Declined { outage: wanted.outage, reason: router });
        }
        if let Some(side) = wanted.link {
            return self.take_down(side, rule, wanted);
        }
        let paths = self.outages.paths(Some(&rule), None);
        let begun = monotonic();
        match timed(|| self.table.replace(paths)) {
            Ok((unix_ns, error_ns)) => {
                self.lease = Lease::granted(begun);
                self.outages.begin(rule, wanted, (unix_ns, error_ns), begun);
                self.outbox.send(&Notice::Began { outage: wanted.outage, unix_ns, error_ns });
            }
            Err(error) => {
                self.outbox.send(&Notice::Trouble(format!("could not begin outage {}: {error}", wanted.outage.0)));
            }
        }
    }

    pub(super) fn lift(&mut self, outage: OutageId, why: OutageEnd) {
        if !self.outages.in_force().contains(&outage) {
            return;
        }
        if self.is_of_link(outage) {
            return self.bring_up(why);
        }
        let paths = self.outages.paths(None, Some(outage));
        let begun = monotonic();
        match timed(|| self.table.replace(paths)) {
            Ok((unix_ns, error_ns)) => {
                self.lease = Lease::granted(begun);
                self.outages.end(outage, (unix_ns, error_ns));
                self.finish(outage, why, (unix_ns, error_ns));
            }
            // Whatever the kernel has against it, it will have forgotten the elements when their lease is over.
            Err(error) => {
                self.outbox.send(&Notice::Trouble(format!("could not lift outage {}: {error}", outage.0)));
                self.lease = Lease::void();
            }
        }
    }

    /// Reads what came in until now. But not for ever: the lease must be kept.
    fn drain(&mut self) {
        let _ = (0..DRAIN).all(|_| self.read_taps());
    }

    /// Reads what came in before the end, so that it is in the tally, resets the connections in which we spoke, and says
    /// that the outage is over.
    pub(super) fn finish(&mut self, outage: OutageId, why: OutageEnd, (unix_ns, error_ns): (i64, u64)) {
        self.drain();
        for late in self.waiting.release(outage) {
            self.let_go(outage, late);
        }
        self.paths.forget(outage);
        self.made = self.connections.reset(outage);
        self.send_made();
        self.send_off();
        for (phone, toward, unix_ns) in self.outages.last_bites(outage) {
            self.outbox.send(&Notice::LastBite { outage, phone, toward, unix_ns });
        }
        let tally = self.outages.close(outage);
        self.outbox.send(&Notice::Ended { outage, why, unix_ns, error_ns, tally });
    }
}
