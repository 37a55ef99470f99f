//! Outages on the way: whom they are about, and what becomes of each thing at the bridge, as its helper decides it.

use std::{collections::BTreeMap, net::SocketAddr};

use super::{Crossing, FRAME_ERROR_NS, Load, Rehearsal};
use crate::{
    config::Server,
    event::{
        Bystander, Course, Manner, Observed, OutageId, OutageSpec, OutageTally, PhoneName, ServerName, Stamp, Toward,
        Transport, When,
    },
    wire::{
        bad_path::{BadPath, Lot},
        messages::Heard,
        sip::StandIn,
    },
};

/// Bytes of the headers ahead of a datagram: Ethernet, IPv4, UDP.
const DATAGRAM_HEADERS: usize = 42;

/// The same for a segment without options.
const SEGMENT_HEADERS: usize = 54;

/// An outage that was ordered.
#[derive(Debug)]
pub(in crate::rehearsal) struct Outage {
    spec: OutageSpec,
    course: Course<Treatment>,
    /// When it takes force.
    began: Stamp,
    /// Connections that their phones ended in it without their servers' knowing.
    pub(super) orphans: Vec<(SocketAddr, u32)>,
    /// The bad paths, by the phone's place in the bench.
    paths: BTreeMap<(u16, Toward), BadPath>,
    /// What goes on later, by its time and number; and whether the tap has told of it.
    pub(super) late: BTreeMap<(Stamp, u64), (Crossing, bool)>,
    tally: BTreeMap<PhoneName, OutageTally>,
    /// Of whom something was taken, and when that was for the last time.
    bites: BTreeMap<(PhoneName, Toward), Stamp>,
}

impl Outage {
    /// One that takes force then.
    pub(in crate::rehearsal) fn new(spec: OutageSpec, course: Course<Treatment>, began: Stamp) -> Self {
        Self {
            tally: spec.phones.iter().map(|phone| (phone.clone(), OutageTally::default())).collect(),
            spec,
            course,
            began,
            orphans: Vec::new(),
            paths: BTreeMap::new(),
            late: BTreeMap::new(),
            bites: BTreeMap::new(),
        }
    }

    /// What it did, now that it is over; and of whom it took something for the last time, and when.
    pub(in crate::rehearsal) fn close(
        self,
    ) -> (BTreeMap<PhoneName, OutageTally>, BTreeMap<(PhoneName, Toward), Stamp>) {
        (self.tally, self.bites)
    }

    /// What becomes of what it takes at a time, and for how many nanoseconds it has been so.
    pub(super) fn treatment(&self, at: Stamp) -> Option<(&Treatment, u64)> {
        self.course.at(at.0.saturating_sub(self.began.0))
    }

    /// Whether it is about this phone's path to that server.
    pub(in crate::rehearsal) fn concerns(&self, server: &ServerName, phone: &PhoneName) -> bool {
        self.spec.server == *server && self.spec.phones.contains(phone)
    }

    /// Whether a canary that goes this way is dropped: a datagram to the first port in the scope.
    pub(in crate::rehearsal) fn drops_canary(&self, toward: Toward, at: Stamp) -> bool {
        let course = self.spec.mode.course();
        let now = course.at(at.0.saturating_sub(self.began.0));
        now.is_some_and(|(manner, _)| self.spec.drops_canary(manner, toward))
    }

    /// Whether something is in its scope, and among the messages that it is about.
    fn is_about(&self, frame: &Frame<'_>, server: &Server, heard: Option<&Heard>) -> bool {
        let port = frame.transport.map(|_| frame.server.port());
        let in_scope = self.spec.scope.covers(Some(frame.server.ip()), port, frame.transport, server.sip_ports());
        let is_meant = |only| heard.is_some_and(|heard| heard.is_among(only));
        in_scope
            && self.spec.server == server.name
            && self.spec.phones.contains(frame.phone)
            && self.spec.toward.is_none_or(|only| only == frame.toward)
            && self.spec.only.as_ref().is_none_or(is_meant)
    }

    /// What becomes of something that it is about; none: it passes, as for all that the outage does now.
    fn lot(&mut self, id: OutageId, frame: &Frame<'_>, place: u16, now: Stamp) -> Option<Judged> {
        let (treatment, since_ns) = self.course.at(now.0.saturating_sub(self.began.0))?;
        match treatment {
            // Phones and servers know each other here, by their addresses, and never forget.
            Treatment::Plain(Manner::Pass | Manner::Unresolvable | Manner::Nameless) => None,
            Treatment::Plain(Manner::Impair(bad)) => {
                let path = self.paths.entry((place, frame.toward));
                let path = path.or_insert_with(|| BadPath::new(bad.seed, place, frame.toward));
                let Lot::Arrives { at_ns, twice } = path.draw(bad, frame.length(), since_ns, now.0) else {
                    return Some(Judged::Taken(id));
                };
                let tally = self.tally.entry(frame.phone.clone()).or_default();
                tally.late += u64::from(at_ns > now.0);
                tally.doubled += u64::from(twice);
                Some(Judged::Late { outage: id, at: Stamp(at_ns), twice })
            }
            Treatment::Plain(_) | Treatment::Answer(_) => Some(Judged::Taken(id)),
        }
    }
}

/// What becomes of messages under an outage at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::rehearsal) enum Treatment {
    /// Answered in the server's name.
    Answer(StandIn),
    /// Anything else.
    Plain(Manner),
}

impl Treatment {
    /// What becomes of messages, by the time since the outage began.
    ///
    /// # Errors
    /// If the bench does not have the server that an answer leads to: its name.
    pub(in crate::rehearsal) fn course(spec: &OutageSpec, servers: &[Server]) -> Result<Course<Self>, ServerName> {
        spec.mode.course().try_map(|manner| match manner {
            Manner::Answer(spoof) => StandIn::of(&spoof, servers).map(Self::Answer),
            manner => Ok(Self::Plain(manner)),
        })
    }
}

/// What an outage makes of something at the bridge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Judged {
    /// Nothing.
    Passes,
    /// It goes on at that time, which may be now.
    Late {
        outage: OutageId,
        at: Stamp,
        /// And once more.
        twice: bool,
    },
    /// It does not go on.
    Taken(OutageId),
}

/// Something at the bridge, as outages see it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame<'a> {
    phone: &'a PhoneName,
    server: SocketAddr,
    toward: Toward,
    /// None: an ICMP error.
    transport: Option<Transport>,
    payload: &'a [u8],
}

impl<'a> Frame<'a> {
    /// What is seen of a crossing.
    pub(super) fn of(crossing: &'a Crossing) -> Self {
        let (transport, payload) = match &crossing.load {
            Load::Datagram { bytes, .. } => (Some(Transport::Udp), bytes.as_slice()),
            Load::Segment { bytes, .. } => (Some(Transport::Tcp), bytes.as_slice()),
            Load::Syn { .. } | Load::Opened { .. } | Load::Again { .. } | Load::End { .. } => {
                (Some(Transport::Tcp), &[][..])
            }
            Load::TurnedAway => (None, &[][..]),
        };
        Self { phone: &crossing.phone, server: crossing.server, toward: crossing.toward, transport, payload }
    }

    fn length(&self) -> usize {
        let headers = match self.transport {
            Some(Transport::Tcp) => SEGMENT_HEADERS,
            // An ICMP error quotes the datagram's headers.
            Some(Transport::Udp) | None => DATAGRAM_HEADERS,
        };
        headers + self.payload.len()
    }
}

impl Rehearsal {
    /// What becomes of something at the bridge. Each crossing is judged once, since the messages in it are counted.
    pub(super) fn judge(&mut self, frame: &Frame<'_>) -> Judged {
        let heard = self.link.messages.take(frame.payload, frame.toward);
        let Some(server) = self.plan.bench.server_at(frame.server.ip()) else { return Judged::Passes };
        let place = self.plan.bench.phones.iter().position(|phone| phone.name == *frame.phone);
        let place = place.and_then(|place| u16::try_from(place).ok()).unwrap_or_default();
        let in_force = self.outages.iter_mut().filter(|(id, _)| self.link.is_cut(**id));
        let mut concerned = in_force.filter(|(_, outage)| outage.is_about(frame, server, heard.as_ref()));
        let judged = concerned.find_map(|(id, outage)| outage.lot(*id, frame, place, self.now));
        judged.or_else(|| self.link_down().map(Judged::Taken)).unwrap_or(Judged::Passes)
    }

    /// The outage for which a link is down, if one is: nothing of anybody passes.
    fn link_down(&self) -> Option<OutageId> {
        let down = |(id, outage): &(&OutageId, &Outage)| self.link.is_cut(**id) && outage.spec.mode.link().is_some();
        self.outages.iter().find(down).map(|(id, _)| *id)
    }

    /// Whether what goes this way comes in by a link that is down: nobody at the bridge sees it.
    pub(super) fn is_hidden(&self, toward: Toward) -> bool {
        let in_force = self.outages.iter().filter(|(id, _)| self.link.is_cut(**id));
        let mut links = in_force.filter_map(|(_, outage)| outage.spec.mode.link());
        links.any(|side| side.toward() != toward)
    }

    /// An outage has taken something.
    pub(super) fn bite(&mut self, id: OutageId, phone: &PhoneName, server: SocketAddr, toward: Toward) {
        if self.is_hidden(toward) {
            return;
        }
        let is_sip = self.plan.bench.server_at(server.ip()).is_some_and(|it| it.sip_ports().contains(&server.port()));
        let Some(outage) = self.outages.get_mut(&id) else { return };
        let bystander = (!is_sip).then(|| Bystander::at(Some(server.port())));
        outage.tally.entry(phone.clone()).or_default().count_drop(toward, bystander);
        if outage.bites.insert((phone.clone(), toward), self.now).is_none() {
            let bite = Observed::FirstBite { outage: id, phone: phone.clone(), toward };
            self.report(When { at: self.now, error_ns: FRAME_ERROR_NS }, bite);
        }
    }
}
