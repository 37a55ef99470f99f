//! What happens at the bridge: something passes, goes on later, or is taken; and what TCP does about what is taken.
//!
//! Of TCP there is what a bad path shows: the order stays, what is lost is sent again, and what comes behind it waits at the
//! receiver. Not here: acknowledgements, and segments that are sent again because they are late.

use std::{net::SocketAddr, time::Duration};

use super::{
    Blocked, CLIENT, Crossing, Delivery, Happening, Load, Rehearsal,
    outage::{Frame, Judged},
    speech::RESET,
};
use crate::{
    event::{Door, Fate, Knock, OutageId, PhoneName, Stamp, Toward, Transport},
    virtual_bench::phone::PhoneInput,
};

/// First pause before a segment is sent again; doubled each time (RFC 6298 section 2: 200 ms is Linux's minimum).
const SEGMENT_AGAIN: Duration = Duration::from_millis(200);

/// First pause before a SYN is sent again; doubled each time (RFC 6298 section 2.1).
const SYN_AGAIN: Duration = Duration::from_secs(1);

/// Longest pause of both (Linux's `TCP_RTO_MAX`).
const LONGEST_PAUSE: Duration = Duration::from_secs(120);

impl Rehearsal {
    /// It is at the bridge.
    pub(in crate::rehearsal) fn cross(&mut self, crossing: Crossing) {
        if self.is_gone(&crossing) {
            return;
        }
        self.show_life(&crossing);
        if let Load::Again { conn, tries } = crossing.load {
            return self.cross_again(crossing, conn, tries);
        }
        match self.judge(&Frame::of(&crossing)) {
            Judged::Taken(outage) => {
                self.bite(outage, &crossing.phone, crossing.server, crossing.toward);
                if let Some(crossing) = self.speak(outage, crossing) {
                    self.vanish(outage, crossing);
                }
            }
            Judged::Late { outage, at, twice } => self.pass(crossing, at, Some(outage), twice),
            Judged::Passes => self.pass(crossing, self.now, None, false),
        }
    }

    /// What was late goes on, if its outage has not let it go before.
    pub(in crate::rehearsal) fn go_on_late(&mut self, id: OutageId) {
        let now = self.now;
        let Some(outage) = self.outages.get_mut(&id) else { return };
        let Some(first) = outage.late.first_entry().filter(|first| first.key().0 <= now) else { return };
        let (crossing, told) = first.remove();
        self.arrive(crossing, told);
    }

    /// All that an outage has made late goes on, in its order: nothing makes it wait any longer.
    pub(in crate::rehearsal) fn release(&mut self, id: OutageId) {
        let late = self.outages.get_mut(&id).map(|outage| std::mem::take(&mut outage.late)).unwrap_or_default();
        late.into_values().for_each(|(crossing, told)| self.arrive(crossing, told));
    }

    /// Whether its connection is over.
    fn is_gone(&self, crossing: &Crossing) -> bool {
        let open = |conn| self.link.connections.contains_key(&(crossing.phone.clone(), conn));
        crossing.load.conn().is_some_and(|conn| !open(conn))
    }

    /// An outage has taken it, and nobody was told.
    fn vanish(&mut self, outage: OutageId, crossing: Crossing) {
        let fate = Fate::Dropped(outage);
        let Crossing { phone, server, toward, load } = crossing;
        match load {
            Load::Datagram { phone_addr, bytes } => {
                self.see(&phone, server, phone_addr, toward, Transport::Udp, fate, &bytes);
            }
            Load::Segment { conn, bytes, .. } => {
                self.see_segment(&phone, server, toward, conn, fate, &bytes, false);
                self.block(&phone, server, toward, conn, Blocked { bytes, taken: true, due: self.now });
            }
            Load::Again { conn, tries } => {
                self.try_again(phone, server, toward, |tries| Load::Again { conn, tries }, tries, SEGMENT_AGAIN);
            }
            Load::Syn { conn, tries } => {
                self.knock(&phone, server, Knock::Asked, fate);
                self.try_again(phone, server, toward, |tries| Load::Syn { conn, tries }, tries, SYN_AGAIN);
            }
            Load::Opened { answer, .. } => self.knock(&phone, server, answer, fate),
            Load::End { conn } => {
                self.see_end(&phone, conn, toward, fate);
                if toward == Toward::Server {
                    self.link.connections.remove(&(phone, conn));
                }
            }
            Load::TurnedAway => self.knock_at(Door::Udp, &phone, server, Knock::Refused, fate),
        }
    }

    /// It goes on at `due`; if that is later than now, then because `outage` makes it wait.
    fn pass(&mut self, crossing: Crossing, mut due: Stamp, mut outage: Option<OutageId>, twice: bool) {
        let (now, outages) = (self.now, &self.outages);
        if let Some(direction) = self.link.place_of(&crossing) {
            let ahead = direction.behind.filter(|(at, of)| *at > due && outages.contains_key(of));
            (due, outage) = ahead.map_or((due, outage), |(at, of)| (at, Some(of)));
            if let Some(outage) = outage.filter(|_| due > now) {
                direction.behind = Some((due, outage));
            }
            // The receiver keeps it until what comes before it is there.
            if !direction.blocked.is_empty() && matches!(crossing.load, Load::Segment { again: false, .. }) {
                if let Load::Segment { bytes, .. } = crossing.load {
                    direction.blocked.push_back(Blocked { bytes, taken: false, due });
                }
                return;
            }
        }
        // What a phone says counts from when it says it, and what it is told from when it is told.
        let told = due > now && crossing.toward == Toward::Server;
        if told {
            self.tell(&crossing);
        }
        // The second copy was told of with the first, and in a connection it is worth nothing.
        let copy = (twice && crossing.load.conn().is_none()).then(|| (crossing.clone(), true));
        for (crossing, told) in [Some((crossing, told)), copy].into_iter().flatten() {
            match outage.filter(|_| due > now).and_then(|outage| Some((outage, self.outages.get_mut(&outage)?))) {
                Some((id, waiting)) => {
                    self.link.late += 1;
                    waiting.late.insert((due, self.link.late), (crossing, told));
                    self.schedule(due, Happening::GoOn(id));
                }
                None => self.arrive(crossing, told),
            }
        }
    }

    /// The tap sees it pass.
    fn tell(&mut self, crossing: &Crossing) {
        let Crossing { phone, server, toward, load } = crossing;
        let (server, toward, fate) = (*server, *toward, Fate::Passed);
        match load {
            Load::Datagram { phone_addr, bytes } => {
                self.see(phone, server, *phone_addr, toward, Transport::Udp, fate, bytes);
            }
            Load::Segment { conn, bytes, again } => {
                self.see_segment(phone, server, toward, *conn, fate, bytes, *again);
            }
            Load::Syn { .. } => self.knock(phone, server, Knock::Asked, fate),
            Load::Opened { answer, .. } => self.knock(phone, server, *answer, fate),
            Load::End { conn } => self.see_end(phone, *conn, toward, fate),
            Load::TurnedAway => self.knock_at(Door::Udp, phone, server, Knock::Refused, fate),
            Load::Again { .. } => {}
        }
    }

    /// It leaves the bridge for the far end; the tap has told of it, or does now.
    fn arrive(&mut self, crossing: Crossing, told: bool) {
        if self.is_gone(&crossing) {
            return;
        }
        if !told {
            self.tell(&crossing);
        }
        let Crossing { phone, server, toward, load } = crossing;
        match load {
            Load::Datagram { phone_addr, bytes } => {
                if self.link.loses() {
                    return;
                }
                if toward == Toward::Server && phone_addr.port() == CLIENT {
                    // Where nobody serves files, nobody answers.
                    if self.servers.keys().any(|it| it.ip() == server.ip()) {
                        let at = self.now + self.link.leg();
                        self.schedule(at, Happening::Serve(phone, server.ip(), bytes));
                    }
                    return;
                }
                if toward == Toward::Server && !self.listens(server) {
                    self.come_back(phone, server, Load::TurnedAway);
                    return;
                }
                self.deliver(&phone, server, toward, Delivery::Datagram(phone_addr, bytes));
            }
            Load::Segment { conn, bytes, .. } => self.arrive_in(&phone, server, toward, conn, bytes),
            Load::Syn { conn, tries } => {
                let answer = if self.listens(server) { Knock::Opened } else { Knock::Refused };
                // Without the answer nothing is open, and nothing refused.
                if self.come_back(phone.clone(), server, Load::Opened { conn, answer }) {
                    self.try_again(phone, server, toward, |tries| Load::Syn { conn, tries }, tries, SYN_AGAIN);
                }
            }
            Load::Opened { conn, .. } => self.deliver(&phone, server, toward, Delivery::Syn(conn)),
            Load::End { conn } => {
                self.deliver(&phone, server, toward, Delivery::End(conn));
                self.link.connections.remove(&(phone, conn));
            }
            Load::TurnedAway => {
                let at = self.now + self.link.leg();
                self.schedule(at, Happening::ToPhone(phone, PhoneInput::Unreachable { to: server }));
            }
            Load::Again { .. } => {}
        }
    }

    /// What a server answers at once; true if it was taken.
    fn come_back(&mut self, phone: PhoneName, server: SocketAddr, load: Load) -> bool {
        let crossing = Crossing { phone, server, toward: Toward::Phone, load };
        let judged = self.judge(&Frame::of(&crossing));
        match judged {
            Judged::Taken(outage) => {
                self.bite(outage, &crossing.phone, server, Toward::Phone);
                self.vanish(outage, crossing);
            }
            Judged::Late { outage, at, twice } => self.pass(crossing, at, Some(outage), twice),
            Judged::Passes => self.pass(crossing, self.now, None, false),
        }
        matches!(judged, Judged::Taken(_))
    }

    /// A segment leaves the bridge. Of a connection that began with the bridge the server knows nothing, and says so. One in
    /// which the bridge has answered leads nowhere until the end of the outage resets it: bytes are missing to the server.
    fn arrive_in(&mut self, phone: &PhoneName, server: SocketAddr, toward: Toward, conn: u32, bytes: Vec<u8>) {
        let connection = self.link.connections.get(&(phone.clone(), conn));
        match connection.and_then(|connection| connection.spoken.as_ref()).map(|spoken| spoken.ours_alone) {
            Some(true) => self.hang_up(phone, conn, Fate::Passed, RESET),
            Some(false) => {}
            None => self.deliver(phone, server, toward, Delivery::Segment(conn, bytes)),
        }
    }

    fn block(&mut self, phone: &PhoneName, server: SocketAddr, toward: Toward, conn: u32, blocked: Blocked) {
        let Some(direction) = self.link.direction(phone, conn, toward) else { return };
        let waiting = !direction.blocked.is_empty();
        direction.blocked.push_back(blocked);
        if !waiting {
            let load = |tries| Load::Again { conn, tries };
            self.try_again(phone.clone(), server, toward, load, 0, SEGMENT_AGAIN);
        }
    }

    /// What was taken of a stream is sent again; with it goes on what has waited for it.
    fn cross_again(&mut self, crossing: Crossing, conn: u32, tries: u32) {
        let (phone, server, toward) = (crossing.phone.clone(), crossing.server, crossing.toward);
        let Some(direction) = self.link.direction(&phone, conn, toward) else { return };
        let mut waiting = std::mem::take(&mut direction.blocked);
        while let Some(Blocked { bytes, taken, due }) = waiting.pop_front() {
            let segment = Crossing { load: Load::Segment { conn, bytes, again: taken }, ..crossing.clone() };
            if !taken {
                let behind = self.link.direction(&phone, conn, toward).and_then(|direction| direction.behind);
                self.pass(segment, due.max(self.now), behind.map(|(_, outage)| outage), false);
                continue;
            }
            match self.judge(&Frame::of(&segment)) {
                Judged::Passes => self.pass(segment, self.now, None, false),
                Judged::Late { outage, at, .. } => self.pass(segment, at, Some(outage), false),
                Judged::Taken(outage) => {
                    if let Load::Segment { bytes, .. } = segment.load {
                        waiting.push_front(Blocked { bytes, taken, due });
                    }
                    if let Some(direction) = self.link.direction(&phone, conn, toward) {
                        direction.blocked = waiting;
                    }
                    self.bite(outage, &phone, server, toward);
                    let again = Crossing { load: Load::Again { conn, tries }, ..crossing };
                    if let Some(again) = self.speak(outage, again) {
                        self.vanish(outage, again);
                    }
                    return;
                }
            }
        }
    }

    fn try_again(
        &mut self,
        phone: PhoneName,
        server: SocketAddr,
        toward: Toward,
        load: impl Fn(u32) -> Load,
        tries: u32,
        first: Duration,
    ) {
        let pause = first.saturating_mul(1 << tries.min(16)).min(LONGEST_PAUSE);
        let at = self.now + pause;
        self.schedule(at, Happening::Cross(Crossing { phone, server, toward, load: load(tries + 1) }));
    }
}
