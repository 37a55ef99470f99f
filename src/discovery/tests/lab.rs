//! Labs made of frames: who registers where, and how the draft of that is loaded.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    sync::LazyLock,
};

use crate::{
    analysis::Settings,
    config::{Bench, Mac, Model, document::Document, load},
    discovery::{Discovery, KnownModel, Origin, Provisioned},
    wire::{
        capture::{Captured, LinkType},
        frame::{Envelope, udp_frame},
    },
};

/// A second, in nanoseconds.
pub const SECOND: i64 = 1_000_000_000;

/// One end, and who carries its packets.
#[derive(Debug, Clone, Copy)]
pub struct End {
    pub mac: Mac,
    pub at: SocketAddr,
}

/// 10.77.0.N with a MAC of its own.
pub fn end(last: u8) -> End {
    End { mac: Mac([0, 8, 0x5d, 0x77, 0, last]), at: SocketAddr::from(([10, 77, 0, last], 5060)) }
}

/// The same behind a router.
pub fn behind(router: Mac, last: u8) -> End {
    End { mac: router, ..end(last) }
}

/// A link that is watched.
pub struct Lab {
    pub discovery: Discovery,
    pub now: i64,
    pub vlan: Option<u16>,
    /// Where phones and servers enter: number and name of an interface.
    pub sides: [(u32, Option<&'static str>); 2],
    /// Frames are seen a second time on the other side, so long after.
    pub copies: Option<i64>,
    serial: u32,
}

/// What a phone says in its REGISTERs.
#[derive(Debug, Clone)]
pub struct Voice {
    pub record: String,
    pub agent: String,
    pub auth_user: String,
    pub expires: u32,
}

impl Voice {
    pub fn of(user: &str) -> Self {
        Self {
            record: format!("sip:{user}@bench.test"),
            agent: "Aastra 6731i/2.6.0.2019".to_owned(),
            auth_user: user.to_owned(),
            expires: 60,
        }
    }
}

impl Lab {
    pub fn new() -> Self {
        Self::knowing(Settings::default())
    }

    pub fn knowing(settings: Settings) -> Self {
        Self {
            discovery: Discovery::new(settings),
            now: SECOND,
            vlan: None,
            sides: [(0, None), (0, None)],
            copies: None,
            serial: 0,
        }
    }

    /// A frame that enters at a side: 0 toward the phones, 1 toward the servers.
    pub fn frame(&mut self, side: usize, bytes: &[u8]) {
        let late = self.copies.map(|late| (late, self.sides[1 - side]));
        for (late, (interface, interface_name)) in std::iter::once((0, self.sides[side])).chain(late) {
            self.discovery.take(&Captured {
                unix_ns: self.now + late,
                link: LinkType::Ethernet,
                interface,
                interface_name,
                original_len: bytes.len() as u32,
                bytes,
                comment: None,
                offset: 0,
                len: 0,
            });
        }
    }

    pub fn datagram(&mut self, from: End, to: End, side: usize, payload: &[u8]) {
        let bytes = udp_frame(from.mac, to.mac, self.vlan, from.at, to.at, payload);
        self.frame(side, &bytes);
    }

    /// A REGISTER that is not answered.
    pub fn ask(&mut self, phone: End, server: End, voice: &Voice) {
        self.serial += 1;
        let Voice { record, agent, auth_user, expires } = voice;
        let (serial, at) = (self.serial, phone.at);
        let text = format!(
            "REGISTER sip:bench.test SIP/2.0\r\nVia: SIP/2.0/UDP {at};branch=z9hG4bK{serial}\r\nFrom: <{record}>;tag=1\r\n\
             To: <{record}>\r\nCall-ID: {at}\r\nCSeq: {serial} REGISTER\r\nContact: <sip:{at}>\r\nExpires: {expires}\r\n\
             User-Agent: {agent}\r\nAuthorization: Digest username=\"{auth_user}\", realm=\"r\", nonce=\"n\", uri=\"sip:b\", \
             response=\"0123456789abcdef0123456789abcdef\"\r\nContent-Length: 0\r\n\r\n"
        );
        self.datagram(phone, server, 0, text.as_bytes());
    }

    /// The answer to the last REGISTER.
    pub fn answer(&mut self, phone: End, server: End, voice: &Voice, status: &str) {
        self.now += 5_000_000;
        let Voice { record, expires, .. } = voice;
        let (serial, at) = (self.serial, phone.at);
        let text = format!(
            "SIP/2.0 {status}\r\nVia: SIP/2.0/UDP {at};branch=z9hG4bK{serial}\r\nFrom: <{record}>;tag=1\r\n\
             To: <{record}>;tag=2\r\nCall-ID: {at}\r\nCSeq: {serial} REGISTER\r\nContact: <sip:{at}>;expires={expires}\r\n\
             Content-Length: 0\r\n\r\n"
        );
        self.datagram(server, phone, 1, text.as_bytes());
    }

    /// A REGISTER that is accepted.
    pub fn register(&mut self, phone: End, server: End, voice: &Voice) {
        self.ask(phone, server, voice);
        self.answer(phone, server, voice, "200 OK");
    }

    pub fn wait(&mut self, seconds: i64) {
        self.now += seconds * SECOND;
    }

    pub fn tcp(&mut self, from: End, to: End, side: usize, segment: &crate::wire::frame::TcpSegment<'_>) {
        let bytes = Envelope::new(from.mac, to.mac, self.vlan).tcp(from.at.ip(), to.at.ip(), segment, None);
        self.frame(side, &bytes);
    }

    /// The draft as text.
    pub fn text(self) -> String {
        self.text_of(&Origin { source: "lab.pcapng".to_owned(), bench: "lab".to_owned(), ..Origin::default() })
    }

    pub fn text_of(self, origin: &Origin) -> String {
        self.discovery.draft(&models(), &Provisioned::default(), origin).unwrap()
    }
}

/// Those of the rig directory, read once.
pub fn models() -> Vec<KnownModel> {
    static MODELS: LazyLock<Vec<KnownModel>> = LazyLock::new(read_models);
    MODELS.clone()
}

fn read_models() -> Vec<KnownModel> {
    let rig = Path::new(load::RIG);
    let names = load::model_names(rig).into_iter();
    names
        .map(|name| (load::model(&name, rig).unwrap(), name))
        .map(|(model, name)| KnownModel::new(name, &model))
        .collect()
}

/// Reads a draft as any bench file is read: strictly.
pub fn loaded(draft: &str) -> (Bench, BTreeMap<String, Model>) {
    let document = Document::parse(PathBuf::from("draft.toml"), draft.to_owned(), &[]);
    let checked = document.and_then(|document| load::checked_bench(&document, Path::new(load::RIG)));
    checked.unwrap_or_else(|found| panic!("{found}\n\n{draft}"))
}

pub fn address(last: u8) -> IpAddr {
    end(last).at.ip()
}
