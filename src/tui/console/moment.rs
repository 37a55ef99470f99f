//! The network as of an instant: how it stood when an event was told, a message was said, or a line was written on a console.
//!
//! It is known of outages and of the rig's troubles, each of which has its times. What went through by then is not: counts are of the
//! present alone, and are left out.

use std::borrow::Cow;

use super::{Console, action::Screen};
use crate::{
    event::{ByHand, Derived, Event, Fate, Observed, OutageId, OutageSpec, Record, RigPart, ServerName, Stamp},
    report::story::Outage,
};

/// An instant that the network is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// When.
    pub at: Stamp,
    /// The outage that it is about, if it is about one.
    pub outage: Option<OutageId>,
    /// Number of the record that led here; none: the network was held as it is.
    pub seq: Option<u64>,
}

/// What of the network an event is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum About {
    /// An outage.
    Outage(OutageId),
    /// The path to a server.
    Server(ServerName),
    /// The bridge, and what is behind it.
    Path,
}

impl About {
    /// What that is; none: it is about something else, as a phone.
    pub fn of(record: &Record) -> Option<Self> {
        match &record.event {
            Event::Observed(
                Observed::OutageBegan { outage }
                | Observed::OutageEnded { outage, .. }
                | Observed::OutageDeclined { outage, .. }
                | Observed::FollowedLate { outage, .. }
                | Observed::Leak { outage, .. },
            )
            | Event::Derived(Derived::OutageAnswered { wish: ByHand::Lift { outage }, .. }) => {
                Some(Self::Outage(*outage))
            }
            Event::Observed(Observed::Canary { outage: Some(outage), .. }) => Some(Self::Outage(*outage)),
            Event::Observed(
                Observed::Canary { server, .. }
                | Observed::HookStarted { server, .. }
                | Observed::HookEnded { server, .. }
                | Observed::ServerSeen { server, .. },
            ) => Some(Self::Server(server.clone())),
            Event::Derived(Derived::OutageSkipped { spec, .. }) => Some(Self::Server(spec.server.clone())),
            Event::Derived(Derived::OutageAnswered { wish: ByHand::Block(blocking), .. }) => {
                Some(Self::Server(blocking.server.clone()))
            }
            Event::Observed(
                Observed::LinkLost { .. }
                | Observed::LinkBack { .. }
                | Observed::BystanderLost { .. }
                | Observed::BridgeReady { .. }
                | Observed::RouterSeen { .. }
                | Observed::EvidenceLost { .. }
                | Observed::OrphansRemoved { .. }
                | Observed::RestoreRequested { .. }
                | Observed::DriverFailed { part: RigPart::Bridge, .. },
            ) => Some(Self::Path),
            _ => None,
        }
    }
}

impl Console {
    /// The instant that the network is looked at; none: the present, as where a recording was rewound to before it.
    pub(super) fn moment(&self, now: Stamp) -> Option<Moment> {
        self.view.moment.filter(|moment| moment.at <= now)
    }

    /// The network as it stood when that was, which is selected here.
    pub(super) fn network_then(&mut self) {
        let chosen = match self.view.screen {
            Screen::Log => self.event().map(|entry| (entry.told.at, entry.about.clone(), Some(entry.seq))),
            Screen::Sip => self.chosen_rung().map(|rung| {
                let about = match rung.fate {
                    Fate::Dropped(outage) | Fate::Injected(outage) => Some(About::Outage(outage)),
                    Fate::Passed => rung.server.clone().map(About::Server),
                };
                (rung.at, about, Some(rung.seq))
            }),
            _ => self.serial_instant().map(|at| (at, None, None)).ok_or("nothing was heard yet"),
        };
        match chosen {
            Ok((at, about, seq)) => self.look_back(at, about, seq),
            Err(why) => self.view.note = Some(why.to_owned()),
        }
    }

    /// Shows it, and selects what that is about.
    fn look_back(&mut self, at: Stamp, about: Option<About>, seq: Option<u64>) {
        self.show(Screen::Network);
        let outage = if let Some(About::Outage(outage)) = about { Some(outage) } else { None };
        let server = match about {
            Some(About::Outage(outage)) => match self.story.outages.spec(outage) {
                Some(spec) => Some(spec.server.clone()),
                None => {
                    self.view.note = Some(format!("of outage {} the journal alone still tells", outage.0));
                    None
                }
            },
            Some(About::Server(server)) => Some(server),
            Some(About::Path) | None => None,
        };
        self.view.server = server.or_else(|| self.view.server.clone());
        self.view.moment = Some(Moment { at, outage, seq });
    }

    /// Holds the network as it is.
    pub(super) fn hold_network(&mut self) {
        self.view.moment = Some(Moment { at: self.clock, outage: None, seq: None });
    }

    /// From the instant of the network to the last event until then.
    pub(super) fn network_to_event(&mut self) {
        match self.view.moment {
            Some(moment) => self.go_to_event_until(moment.at),
            None => {
                self.show(Screen::Log);
                self.view.event = None;
            }
        }
    }

    /// The outages that are known and had begun, with their numbers, the latest first.
    pub(super) fn outages_then(&self, moment: Option<Moment>) -> Vec<(OutageId, Cow<'_, Outage>)> {
        let begun =
            |outage: &Outage| outage.began.is_some_and(|began| moment.is_none_or(|moment| began.at <= moment.at));
        let all = self.story.outages.iter().filter(|(_, outage)| begun(outage));
        let as_of = |outage| moment.map_or(Cow::Borrowed(outage), |moment| as_of(outage, moment.at));
        let mut all: Vec<_> = all.map(|(id, outage)| (id, as_of(outage))).collect();
        all.reverse();
        all
    }

    /// The outages of a server that are in force, or were then, and when each ends by itself.
    pub(super) fn in_force(&self, server: &ServerName, moment: Option<Moment>) -> Vec<(&OutageSpec, Option<Stamp>)> {
        let mut all: Vec<(&OutageSpec, Option<Stamp>)> = match moment {
            None => {
                let all = self.board.outages.values();
                all.filter_map(|outage| Some((outage.spec.as_ref()?, outage.limit))).collect()
            }
            Some(Moment { at, .. }) => {
                let all = self.story.outages.values().filter(|outage| outage.ended.is_none_or(|ended| ended.at > at));
                let known = all.filter_map(|outage| Some((outage.spec.as_ref()?, outage.began?.at)));
                let begun = known.filter(|(_, began)| *began <= at);
                begun.map(|(spec, began)| (spec, Some(began + spec.limit))).collect()
            }
        };
        all.retain(|(spec, _)| spec.server == *server);
        all
    }
}

/// An outage as far as it had gone by then.
fn as_of(outage: &Outage, at: Stamp) -> Cow<'_, Outage> {
    let goes_on = outage.ended.is_some_and(|ended| ended.at > at);
    if !goes_on && outage.bites.values().all(|(first, _)| first.at <= at) {
        return Cow::Borrowed(outage);
    }
    let mut then = outage.clone();
    then.bites.retain(|_, (first, _)| first.at <= at);
    if goes_on {
        (then.ended, then.why) = (None, None);
        then.tally.clear();
    }
    Cow::Owned(then)
}
