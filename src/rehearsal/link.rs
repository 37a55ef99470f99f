//! The way between phones and servers, with the bridge in its middle: what passes, what an outage takes, what TCP does
//! about it.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::SocketAddr,
    time::Duration,
};

mod outage;
mod tap;

pub(super) use outage::Treatment;

use outage::{REFUSED, Spoken};

use super::{FRAME_ERROR_NS, Happening, Rehearsal};
use crate::{
    event::{Door, Fate, Knock, OutageId, PhoneName, Stamp, Toward, Transport},
    virtual_bench::{
        phone::{PhoneInput, PhoneOutput},
        random::Random,
        registrar::{RegistrarInput, RegistrarOutput},
    },
    wire::{
        stream::Framer,
        tls::{Steps, TlsConnection},
    },
};

/// First pause before a segment is sent again; doubled each time (RFC 6298 section 2: 200 ms is Linux's minimum).
const SEGMENT_AGAIN: Duration = Duration::from_millis(200);

/// First pause before a SYN is sent again; doubled each time (RFC 6298 section 2.1).
const SYN_AGAIN: Duration = Duration::from_secs(1);

/// Longest pause of both (Linux's `TCP_RTO_MAX`).
const LONGEST_PAUSE: Duration = Duration::from_secs(120);

/// First port of a phone's connections.
const FIRST_PORT: u16 = 40_000;

/// What the network is like. The default is a quiet one.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Weather {
    /// Decides everything that is random about it.
    pub seed: u64,
    /// Longest time from an end to the bridge; each message takes its own, from zero to this.
    pub delay: Duration,
    /// This share of the datagrams, in hundredths of a percent, does not arrive.
    pub loss_per_10000: u32,
    /// Longest time from a frame to its report; each takes its own, so that reports overtake one another.
    pub lateness: Duration,
    /// Phones are switched on within this time after the bridge is up, each at its own moment.
    pub switch_on: Duration,
}

/// The network's state.
#[derive(Debug)]
pub(super) struct Link {
    weather: Weather,
    random: Random,
    cut: BTreeSet<OutageId>,
    connections: BTreeMap<(PhoneName, u32), Connection>,
    /// By the number that the servers know it by.
    by_server: BTreeMap<u32, (PhoneName, u32)>,
    opened: u32,
    captured: u64,
}

#[derive(Debug)]
struct Connection {
    server: SocketAddr,
    local: SocketAddr,
    number: u32,
    to_server: Direction,
    to_phone: Direction,
    /// What the bridge said in it.
    spoken: Option<Spoken>,
    /// It looks like TLS.
    tls: Option<(TlsConnection, Steps)>,
}

/// One direction of a connection.
#[derive(Debug, Default)]
struct Direction {
    seen: Framer,
    /// When the last segment was at the bridge: nothing overtakes it.
    last: Stamp,
    /// When the last one arrived: the same.
    arrived: Stamp,
    /// What an outage took, or what waits behind that, and is sent again; and whether the tap has seen it.
    blocked: VecDeque<(Vec<u8>, bool)>,
}

/// Something is at the bridge.
#[derive(Debug)]
pub(super) struct Crossing {
    phone: PhoneName,
    server: SocketAddr,
    toward: Toward,
    load: Load,
}

#[derive(Debug)]
enum Load {
    Datagram { phone_addr: SocketAddr, bytes: Vec<u8> },
    Segment { conn: u32, bytes: Vec<u8> },
    Syn { conn: u32, tries: u32 },
    Again { conn: u32, tries: u32 },
    End { conn: u32 },
}

impl Link {
    pub(super) fn new(weather: Weather) -> Self {
        Self {
            random: Random::new(weather.seed),
            weather,
            cut: BTreeSet::new(),
            connections: BTreeMap::new(),
            by_server: BTreeMap::new(),
            opened: 0,
            captured: 0,
        }
    }

    pub(super) fn cut(&mut self, outage: OutageId) {
        self.cut.insert(outage);
    }

    pub(super) fn mend(&mut self, outage: OutageId) {
        self.cut.remove(&outage);
    }

    pub(super) fn is_cut(&self, outage: OutageId) -> bool {
        self.cut.contains(&outage)
    }

    /// When a phone is switched on.
    pub(super) fn pause(&mut self) -> Duration {
        self.some_of(self.weather.switch_on)
    }

    /// How late a report is.
    pub(super) fn lateness(&mut self) -> Duration {
        self.some_of(self.weather.lateness)
    }

    fn leg(&mut self) -> Duration {
        self.some_of(self.weather.delay)
    }

    fn loses(&mut self) -> bool {
        self.weather.loss_per_10000 > 0 && self.random.number() % 20_000 < u64::from(self.weather.loss_per_10000)
    }

    fn some_of(&mut self, most: Duration) -> Duration {
        let most = most.as_nanos() as u64;
        if most == 0 { Duration::ZERO } else { Duration::from_nanos(self.random.number() % most) }
    }

    fn direction(&mut self, phone: &PhoneName, conn: u32, toward: Toward) -> Option<&mut Direction> {
        let connection = self.connections.get_mut(&(phone.clone(), conn))?;
        Some(match toward {
            Toward::Server => &mut connection.to_server,
            Toward::Phone => &mut connection.to_phone,
        })
    }
}

impl Rehearsal {
    /// A phone sends something to a server.
    pub(super) fn phone_sends(&mut self, phone: &PhoneName, output: PhoneOutput) {
        let Some(device) = self.devices.get(phone) else { return };
        let own = SocketAddr::new(device.phone.spec().address, device.phone.spec().port);
        let (server, load) = match output {
            PhoneOutput::SendDatagram { to, bytes } => (to, Load::Datagram { phone_addr: own, bytes }),
            PhoneOutput::TcpConnect { conn, to } => {
                self.link.opened += 1;
                let number = self.link.opened;
                let local = SocketAddr::new(own.ip(), FIRST_PORT + (number % 20_000) as u16);
                let connection = Connection {
                    server: to,
                    local,
                    number,
                    to_server: Direction::default(),
                    to_phone: Direction::default(),
                    spoken: None,
                    tls: None,
                };
                self.link.connections.insert((phone.clone(), conn), connection);
                self.link.by_server.insert(number, (phone.clone(), conn));
                (to, Load::Syn { conn, tries: 0 })
            }
            PhoneOutput::TcpSend { conn, bytes } => {
                let Some(connection) = self.link.connections.get(&(phone.clone(), conn)) else { return };
                (connection.server, Load::Segment { conn, bytes })
            }
            PhoneOutput::TcpClose { conn, .. } => {
                let Some(connection) = self.link.connections.get(&(phone.clone(), conn)) else { return };
                (connection.server, Load::End { conn })
            }
            PhoneOutput::Console(_) | PhoneOutput::ConsoleClosed | PhoneOutput::Died => return,
        };
        self.send(Crossing { phone: phone.clone(), server, toward: Toward::Server, load });
    }

    /// Something happens to a server; what it answers goes on its way.
    pub(super) fn give_server(&mut self, at: SocketAddr, input: RegistrarInput) {
        let Some(server) = self.servers.get_mut(&at) else { return };
        server.handle(super::clock(self.now), input);
        let outputs: Vec<RegistrarOutput> = std::iter::from_fn(|| server.poll_output()).collect();
        for output in outputs {
            let (phone, load) = match output {
                // Between servers it stays behind the bridge, which does not see it.
                RegistrarOutput::SendDatagram { to, bytes } if self.servers.contains_key(&to) => {
                    let there = self.now + self.link.leg();
                    self.schedule(there, Happening::ToServer(to, RegistrarInput::Datagram { from: at, bytes }));
                    continue;
                }
                RegistrarOutput::SendDatagram { to, bytes } => {
                    let mut devices = self.devices.iter();
                    let Some((phone, _)) = devices.find(|(_, it)| it.phone.spec().address == to.ip()) else { continue };
                    (phone.clone(), Load::Datagram { phone_addr: to, bytes })
                }
                RegistrarOutput::TcpSend { conn, bytes } => {
                    let Some((phone, conn)) = self.link.by_server.get(&conn).cloned() else { continue };
                    (phone, Load::Segment { conn, bytes })
                }
                RegistrarOutput::TcpClose { conn } => {
                    let Some((phone, conn)) = self.link.by_server.get(&conn).cloned() else { continue };
                    (phone, Load::End { conn })
                }
            };
            // What goes through a connection comes from its own port.
            let own = match &load {
                Load::Segment { conn, .. } | Load::End { conn } => {
                    self.link.connections.get(&(phone.clone(), *conn)).map(|connection| connection.server)
                }
                Load::Datagram { .. } | Load::Syn { .. } | Load::Again { .. } => None,
            };
            self.send(Crossing { phone, server: own.unwrap_or(at), toward: Toward::Phone, load });
        }
    }

    /// It is on its way to the bridge, if it is not lost before.
    fn send(&mut self, crossing: Crossing) {
        let mut at = self.now + self.link.leg();
        match &crossing.load {
            Load::Datagram { .. } if self.link.loses() => return,
            Load::Segment { conn, .. } | Load::End { conn } => {
                if let Some(direction) = self.link.direction(&crossing.phone, *conn, crossing.toward) {
                    at = at.max(direction.last);
                    direction.last = at;
                }
            }
            Load::Datagram { .. } | Load::Syn { .. } | Load::Again { .. } => {}
        }
        self.schedule(at, Happening::Cross(crossing));
    }

    /// It is at the bridge.
    pub(super) fn cross(&mut self, crossing: Crossing) {
        let outage = self.outage_over(&crossing.phone, crossing.server, crossing.toward);
        let gone = match crossing.load {
            Load::Datagram { .. } => false,
            Load::Segment { conn, .. } | Load::Syn { conn, .. } | Load::Again { conn, .. } | Load::End { conn } => {
                !self.link.connections.contains_key(&(crossing.phone.clone(), conn))
            }
        };
        if gone {
            return;
        }
        self.show_life(&crossing);
        let crossing = match outage {
            Some(outage) => {
                self.bite(outage, &crossing.phone, crossing.toward);
                let Some(crossing) = self.speak(outage, crossing) else { return };
                crossing
            }
            None => crossing,
        };
        let fate = outage.map_or(Fate::Passed, Fate::Dropped);
        let Crossing { phone, server, toward, load } = crossing;
        match load {
            Load::Datagram { phone_addr, bytes } => {
                self.see(&phone, server, phone_addr, toward, Transport::Udp, fate, &bytes);
                if outage.is_some() || self.link.loses() {
                    return;
                }
                if toward == Toward::Server && !self.listens(server) {
                    return self.turn_away(&phone, server);
                }
                self.deliver(&phone, server, toward, Delivery::Datagram(phone_addr, bytes));
            }
            Load::Segment { conn, bytes } => self.segment(&phone, server, toward, conn, bytes, outage),
            Load::Again { conn, tries } if outage.is_some() => {
                self.try_again(phone, server, toward, |tries| Load::Again { conn, tries }, tries, SEGMENT_AGAIN);
            }
            Load::Again { conn, .. } => {
                let blocked = self.link.direction(&phone, conn, toward).map(|it| std::mem::take(&mut it.blocked));
                for (bytes, seen) in blocked.unwrap_or_default() {
                    self.see_segment(&phone, server, toward, conn, Fate::Passed, &bytes, seen);
                    self.deliver(&phone, server, toward, Delivery::Segment(conn, bytes));
                }
            }
            Load::Syn { conn, tries } if outage.is_some() => {
                self.knock(&phone, server, Knock::Asked, fate);
                self.try_again(phone, server, toward, |tries| Load::Syn { conn, tries }, tries, SYN_AGAIN);
            }
            Load::Syn { conn, tries } => {
                self.knock(&phone, server, Knock::Asked, Fate::Passed);
                let answer = if self.listens(server) { Knock::Opened } else { Knock::Refused };
                // Without the answer nothing is open, and nothing refused.
                if let Some(outage) = self.outage_over(&phone, server, Toward::Phone) {
                    self.bite(outage, &phone, Toward::Phone);
                    self.knock(&phone, server, answer, Fate::Dropped(outage));
                    let load = |tries| Load::Syn { conn, tries };
                    return self.try_again(phone, server, toward, load, tries, SYN_AGAIN);
                }
                self.knock(&phone, server, answer, Fate::Passed);
                self.deliver(&phone, server, toward, Delivery::Syn(conn));
            }
            Load::End { conn } => {
                let key = (phone.clone(), conn);
                self.see_end(&phone, conn, toward, fate);
                if outage.is_none() {
                    self.deliver(&phone, server, toward, Delivery::End(conn));
                }
                if toward == Toward::Server || outage.is_none() {
                    self.link.connections.remove(&key);
                }
            }
        }
    }

    /// Nobody listens at the port of a datagram, and the host says so.
    fn turn_away(&mut self, phone: &PhoneName, server: SocketAddr) {
        let outage = self.outage_over(phone, server, Toward::Phone);
        let fate = outage.map_or(Fate::Passed, Fate::Dropped);
        self.knock_at(Door::Udp, phone, server, Knock::Refused, fate);
        match outage {
            Some(outage) => self.bite(outage, phone, Toward::Phone),
            None => {
                let at = self.now + self.link.leg();
                self.schedule(at, Happening::ToPhone(phone.clone(), PhoneInput::Unreachable { to: server }));
            }
        }
    }

    fn segment(
        &mut self,
        phone: &PhoneName,
        server: SocketAddr,
        toward: Toward,
        conn: u32,
        bytes: Vec<u8>,
        outage: Option<OutageId>,
    ) {
        let waiting = self.link.direction(phone, conn, toward).is_some_and(|direction| !direction.blocked.is_empty());
        if outage.is_none() && !waiting {
            self.see_segment(phone, server, toward, conn, Fate::Passed, &bytes, false);
            return self.deliver(phone, server, toward, Delivery::Segment(conn, bytes));
        }
        if let Some(outage) = outage {
            self.see_segment(phone, server, toward, conn, Fate::Dropped(outage), &bytes, false);
        }
        if let Some(direction) = self.link.direction(phone, conn, toward) {
            direction.blocked.push_back((bytes, outage.is_some()));
        }
        if !waiting {
            let load = |tries| Load::Again { conn, tries };
            self.try_again(phone.clone(), server, toward, load, 0, SEGMENT_AGAIN);
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

    /// From the bridge to the far end.
    fn deliver(&mut self, phone: &PhoneName, server: SocketAddr, toward: Toward, what: Delivery) {
        let mut at = self.now + self.link.leg();
        if let Delivery::Segment(conn, _) | Delivery::End(conn) = &what
            && let Some(direction) = self.link.direction(phone, *conn, toward)
        {
            at = at.max(direction.arrived);
            direction.arrived = at;
        }
        let connection = |link: &Link, conn: u32| {
            let connection = link.connections.get(&(phone.clone(), conn))?;
            Some((connection.number, connection.local))
        };
        let happening = match (toward, what) {
            (Toward::Server, Delivery::Datagram(from, bytes)) => {
                Happening::ToServer(server, RegistrarInput::Datagram { from, bytes })
            }
            (Toward::Phone, Delivery::Datagram(_, bytes)) => {
                Happening::ToPhone(phone.clone(), PhoneInput::Datagram { from: server, bytes })
            }
            (Toward::Server, Delivery::Segment(conn, bytes)) => {
                let Some((conn, _)) = connection(&self.link, conn) else { return };
                Happening::ToServer(self.machine(server), RegistrarInput::TcpData { conn, bytes })
            }
            (Toward::Phone, Delivery::Segment(conn, bytes)) => {
                Happening::ToPhone(phone.clone(), PhoneInput::TcpData { conn, bytes })
            }
            (_, Delivery::Syn(conn)) => {
                let Some((number, from)) = connection(&self.link, conn) else { return };
                if self.listens(server) {
                    let accepted = if self.is_application(server) {
                        RegistrarInput::HttpAccepted { conn: number, from }
                    } else {
                        RegistrarInput::TcpAccepted { conn: number, from }
                    };
                    self.schedule(at, Happening::ToServer(self.machine(server), accepted));
                    Happening::ToPhone(phone.clone(), PhoneInput::TcpConnected { conn })
                } else {
                    let error = Some(REFUSED.to_owned());
                    Happening::ToPhone(phone.clone(), PhoneInput::TcpClosed { conn, error })
                }
            }
            (Toward::Server, Delivery::End(conn)) => {
                let Some((conn, _)) = connection(&self.link, conn) else { return };
                Happening::ToServer(self.machine(server), RegistrarInput::TcpClosed { conn })
            }
            (Toward::Phone, Delivery::End(conn)) => {
                Happening::ToPhone(phone.clone(), PhoneInput::TcpClosed { conn, error: None })
            }
        };
        self.schedule(at, happening);
    }

    /// Whether this is the port of an XML application.
    fn is_application(&self, server: SocketAddr) -> bool {
        let ports = self.plan.bench.server_at(server.ip()).and_then(|server| server.services.get("xml"));
        ports.is_some_and(|ports| ports.contains(&server.port()))
    }

    /// The server behind a port: servers are known by where they speak SIP.
    fn machine(&self, server: SocketAddr) -> SocketAddr {
        let declared = self.plan.bench.server_at(server.ip()).map(|server| &server.services);
        let speaks = declared.is_some_and(|services| services.values().flatten().any(|port| *port == server.port()));
        let sip = self.servers.keys().find(|sip| speaks && sip.ip() == server.ip());
        sip.copied().unwrap_or(server)
    }

    fn listens(&self, server: SocketAddr) -> bool {
        self.servers.contains_key(&self.machine(server))
    }
}

/// What arrives.
enum Delivery {
    Datagram(SocketAddr, Vec<u8>),
    Segment(u32, Vec<u8>),
    Syn(u32),
    End(u32),
}
