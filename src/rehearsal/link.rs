//! The way between phones and servers, with the bridge in its middle: what passes, what an outage takes, what TCP does
//! about it.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::{IpAddr, SocketAddr},
    time::Duration,
};

mod crossing;
mod outage;
mod speech;
mod tap;

pub(super) use outage::{Outage, Treatment};

use speech::{REFUSED, Spoken};

use super::{FRAME_ERROR_NS, Happening, Rehearsal, loading::CLIENT};
use crate::{
    event::{Knock, Manner, OutageId, OutageMode, OutageSpec, PhoneName, ServerName, Stamp, Toward},
    virtual_bench::{
        peer::PeerInput,
        phone::{PhoneInput, PhoneOutput},
        random::Random,
        registrar::{RegistrarInput, RegistrarOutput},
    },
    wire::{
        messages::Messages,
        stream::Framer,
        tls::{Steps, TlsConnection},
    },
};

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
    /// The servers of which frames show that they are behind a router.
    pub(super) routed: BTreeSet<ServerName>,
    connections: BTreeMap<(PhoneName, u32), Connection>,
    /// By the number that the servers know it by.
    by_server: BTreeMap<u32, (PhoneName, u32)>,
    opened: u32,
    captured: u64,
    /// The messages that were at the bridge, as outages of certain ones need them.
    messages: Messages,
    /// So many were late.
    late: u64,
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
    /// What an outage took, and what waits behind that.
    blocked: VecDeque<Blocked>,
    /// The last that an outage has made late, when it goes on: nothing overtakes it.
    behind: Option<(Stamp, OutageId)>,
}

/// A part of a stream that has not arrived.
#[derive(Debug)]
struct Blocked {
    bytes: Vec<u8>,
    /// An outage took it, so that it is sent again; the tap has seen it. Else it is through, and the receiver keeps it for
    /// when what comes before it is there.
    taken: bool,
    /// It is not through before this.
    due: Stamp,
}

/// Something is at the bridge.
#[derive(Debug, Clone)]
pub(super) struct Crossing {
    phone: PhoneName,
    server: SocketAddr,
    toward: Toward,
    load: Load,
}

#[derive(Debug, Clone)]
enum Load {
    Datagram {
        phone_addr: SocketAddr,
        bytes: Vec<u8>,
    },
    /// `again`: the tap saw it taken before.
    Segment {
        conn: u32,
        bytes: Vec<u8>,
        again: bool,
    },
    Syn {
        conn: u32,
        tries: u32,
    },
    /// The answer to a SYN: it opens the connection, or refuses it.
    Opened {
        conn: u32,
        answer: Knock,
    },
    /// What is blocked is tried again.
    Again {
        conn: u32,
        tries: u32,
    },
    End {
        conn: u32,
    },
    /// The error of a host where nobody listens at the port of a datagram.
    TurnedAway,
}

impl Load {
    /// The connection that it belongs to.
    fn conn(&self) -> Option<u32> {
        match self {
            Self::Datagram { .. } | Self::TurnedAway => None,
            Self::Segment { conn, .. }
            | Self::Syn { conn, .. }
            | Self::Opened { conn, .. }
            | Self::Again { conn, .. }
            | Self::End { conn } => Some(*conn),
        }
    }

    /// The connection in which it has a place: nothing overtakes anything there.
    fn in_order(&self) -> Option<u32> {
        self.conn().filter(|_| matches!(self, Self::Segment { .. } | Self::End { .. }))
    }
}

impl Link {
    pub(super) fn new(weather: Weather) -> Self {
        Self {
            random: Random::new(weather.seed),
            weather,
            cut: BTreeSet::new(),
            routed: BTreeSet::new(),
            connections: BTreeMap::new(),
            by_server: BTreeMap::new(),
            opened: 0,
            captured: 0,
            messages: Messages::default(),
            late: 0,
        }
    }

    pub(super) fn cut(&mut self, outage: OutageId) {
        self.cut.insert(outage);
    }

    pub(super) fn mend(&mut self, outage: OutageId) {
        self.cut.remove(&outage);
    }

    /// Whether the bridge sees that an outage is about a link which its server is not on.
    pub(super) fn routes(&self, spec: &OutageSpec) -> bool {
        let by_link = spec.mode == OutageMode::Steady(Manner::Unresolvable);
        self.routed.contains(&spec.server) && (by_link || spec.by.is_some())
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

    /// Where so many bytes lie in the capture.
    pub(super) fn captured(&mut self, length: usize) -> u64 {
        let offset = self.captured;
        self.captured += length as u64;
        offset
    }

    pub(super) fn leg(&mut self) -> Duration {
        self.some_of(self.weather.delay)
    }

    fn loses(&mut self) -> bool {
        self.weather.loss_per_10000 > 0 && self.random.number() % 20_000 < u64::from(self.weather.loss_per_10000)
    }

    fn some_of(&mut self, most: Duration) -> Duration {
        let most = most.as_nanos() as u64;
        if most == 0 { Duration::ZERO } else { Duration::from_nanos(self.random.number() % most) }
    }

    /// The direction of the connection in which something has its place.
    fn place_of(&mut self, crossing: &Crossing) -> Option<&mut Direction> {
        self.direction(&crossing.phone, crossing.load.in_order()?, crossing.toward)
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
            PhoneOutput::SendTftp { to, bytes } => {
                (to, Load::Datagram { phone_addr: SocketAddr::new(own.ip(), CLIENT), bytes })
            }
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
                (connection.server, Load::Segment { conn, bytes, again: false })
            }
            PhoneOutput::TcpClose { conn, .. } => {
                let Some(connection) = self.link.connections.get(&(phone.clone(), conn)) else { return };
                (connection.server, Load::End { conn })
            }
            PhoneOutput::Console(_)
            | PhoneOutput::SendLog { .. }
            | PhoneOutput::Call { .. }
            | PhoneOutput::ConsoleClosed
            | PhoneOutput::ConsoleBack
            | PhoneOutput::Died => {
                return;
            }
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
                RegistrarOutput::SendDatagram { to, bytes } if self.peers.contains_key(&to) => {
                    let there = self.now + self.link.leg();
                    self.schedule(there, Happening::ToPeer(to, PeerInput::Datagram { from: at, bytes }));
                    continue;
                }
                RegistrarOutput::SendDatagram { to, bytes } => {
                    let mut devices = self.devices.iter();
                    let Some((phone, _)) = devices.find(|(_, it)| it.phone.spec().address == to.ip()) else { continue };
                    (phone.clone(), Load::Datagram { phone_addr: to, bytes })
                }
                RegistrarOutput::TcpSend { conn, bytes } => {
                    let Some((phone, conn)) = self.link.by_server.get(&conn).cloned() else { continue };
                    (phone, Load::Segment { conn, bytes, again: false })
                }
                RegistrarOutput::TcpClose { conn } => {
                    let Some((phone, conn)) = self.link.by_server.get(&conn).cloned() else { continue };
                    (phone, Load::End { conn })
                }
            };
            // What goes through a connection comes from its own port.
            let connection = load.in_order().and_then(|conn| self.link.connections.get(&(phone.clone(), conn)));
            let own = connection.map(|connection| connection.server);
            self.send(Crossing { phone, server: own.unwrap_or(at), toward: Toward::Phone, load });
        }
    }

    /// A part of a file is on its way to a phone.
    pub(super) fn send_file(&mut self, phone: &PhoneName, from: SocketAddr, bytes: Vec<u8>) {
        let Some(device) = self.devices.get(phone) else { return };
        let load = Load::Datagram { phone_addr: SocketAddr::new(device.phone.spec().address, CLIENT), bytes };
        self.send(Crossing { phone: phone.clone(), server: from, toward: Toward::Phone, load });
    }

    /// The connections of a process that has ended are over, and their other ends hear of it.
    pub(super) fn close_connections(&mut self, addresses: &[IpAddr]) {
        let of_server = |connection: &Connection| addresses.contains(&connection.server.ip());
        let all = self.link.connections.iter().filter(|(_, connection)| of_server(connection));
        let over: Vec<Crossing> = all
            .map(|((phone, conn), connection)| Crossing {
                phone: phone.clone(),
                server: connection.server,
                toward: Toward::Phone,
                load: Load::End { conn: *conn },
            })
            .collect();
        over.into_iter().for_each(|crossing| self.send(crossing));
    }

    /// It is on its way to the bridge, if it is not lost before.
    fn send(&mut self, crossing: Crossing) {
        let mut at = self.now + self.link.leg();
        if matches!(crossing.load, Load::Datagram { .. }) && self.link.loses() {
            return;
        }
        if let Some(direction) = self.link.place_of(&crossing) {
            at = at.max(direction.last);
            direction.last = at;
        }
        self.schedule(at, Happening::Cross(crossing));
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
            (Toward::Phone, Delivery::Datagram(to, bytes)) if to.port() == CLIENT => {
                Happening::ToPhone(phone.clone(), PhoneInput::Tftp { from: server, bytes })
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
