//! What further witnesses say of a move that the wire has shown: waited for as long as they may be late, and not longer.

use std::time::Duration;

use super::{ASK_AGAIN, LAST_REPEAT};
use crate::{
    engine::{
        Outbox,
        case::{Finding, Leg, Moved},
        run::GRACE,
        subjects::Subjects,
        witness::{self, Expected, PATIENCE, Vouched},
    },
    event::{Action, Move, Stamp, Transport},
    verdict::CaseId,
};

/// How far they have been heard.
#[derive(Debug)]
pub(super) enum Further {
    /// Nobody was asked yet.
    Waiting,
    /// They are asked, again and again, and have time until then.
    Asked { of: Vec<Expected>, again: Stamp, until: Stamp },
    /// Nothing more is needed of them.
    Settled,
}

/// What came of it.
pub(super) enum Outcome {
    /// It is too early to say.
    Wait,
    /// Nobody contradicts; these agree, and these say where the line is.
    Said { agreeing: Vec<Vouched>, vouching: Vec<Vouched> },
    /// Somebody contradicts.
    Against(Finding),
}

impl Further {
    /// When they must be looked at again.
    pub(super) fn deadline(&self) -> Option<Stamp> {
        match self {
            Self::Asked { again, until, .. } => Some((*again).min(*until)),
            Self::Waiting | Self::Settled => None,
        }
    }

    /// Hears them. Of a move that nobody could read, `unread` is the time until which what it was may show.
    #[expect(clippy::too_many_arguments, reason = "one move of one case, and the whole context of a step")]
    pub(super) fn hear(
        &mut self,
        id: &CaseId,
        leg: Leg,
        moved: &Moved,
        unread: Option<Stamp>,
        now: Stamp,
        subjects: &Subjects,
        out: &mut Outbox,
    ) -> Outcome {
        let said = |agreeing, vouching| Outcome::Said { agreeing, vouching };
        let Some(case) = subjects.case(id) else { return said(Vec::new(), Vec::new()) };
        // What a phone shows that was turned away, no manual tells.
        let Some(server) = case.destination(leg).filter(|_| leg.of != Move::Rejection).cloned() else {
            *self = Self::Settled;
            return said(Vec::new(), Vec::new());
        };
        if matches!(self, Self::Waiting) {
            *self = Self::begin(id, &server, moved, unread, now, subjects, out);
        }
        let heard = |of: &[Expected]| witness::weigh(subjects, case, leg, moved, &server, of);
        let Self::Asked { of, again, until } = self else {
            let heard = heard(&[]);
            return said(heard.agreeing, heard.vouching);
        };
        let heard = heard(of);
        let enough = if unread.is_some() { !heard.vouching.is_empty() } else { heard.awaited.is_empty() };
        if heard.against.is_none() && enough {
            *self = Self::Settled;
            return said(heard.agreeing, heard.vouching);
        }
        if now < *until {
            if now >= *again {
                out.order(Action::AskWitnesses { phone: subjects.seat_of(id).clone() });
                *again = now + ASK_AGAIN.max(until.since(now) / 8);
            }
            return Outcome::Wait;
        }
        *self = Self::Settled;
        match heard.against {
            None => said(heard.agreeing, heard.vouching),
            Some(against) if unread.is_some() => {
                Outcome::Against(witness::contradicted_unread(subjects, case, leg.of, moved, &against))
            }
            Some(against) => Outcome::Against(witness::contradicted(subjects, case, leg.of, moved, &server, &against)),
        }
    }

    fn begin(
        id: &CaseId,
        server: &crate::event::ServerName,
        moved: &Moved,
        unread: Option<Stamp>,
        now: Stamp,
        subjects: &Subjects,
        out: &mut Outbox,
    ) -> Self {
        let of = witness::expected(subjects, id, server, unread.is_some());
        let Some(error) = of.iter().map(|(_, error)| *error).max() else { return Self::Settled };
        out.order(Action::AskWitnesses { phone: subjects.seat_of(id).clone() });
        // The answer may have been lost behind the bridge: then the phone asks again, and does not know yet.
        let transport = subjects.case(id).and_then(|case| case.track.transport());
        let repeat = if transport == Some(Transport::Udp) { LAST_REPEAT } else { Duration::ZERO };
        let until = unread.unwrap_or(now).max(now).max(moved.done.when.at) + repeat + PATIENCE + error + GRACE;
        Self::Asked { of, again: now + ASK_AGAIN, until }
    }
}
