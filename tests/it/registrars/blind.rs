//! A phone whose signalling is encrypted.

use std::{collections::BTreeMap, fs::File, net::SocketAddr, path::Path, time::Duration};

use siprig::{
    engine::{blind::Connections, registration::Fix},
    event::{Fate, RawRef, Stamp, TlsFact, Toward, When},
    wire::{
        capture::CaptureReader,
        frame::Frame,
        signalling::{Sighting, Signalling, What},
        tls::Steps,
    },
};

use super::{Truth, analysis::Analysis, within, word::Word};

/// Of the phone with TLS on the bench of real software.
pub const USER: &str = "307";
const ADDRESS: &str = "10.77.0.27";

/// In seconds: from the agreement on keys to the first REGISTER that the registrar took, its challenge included.
const TALKING: f64 = 1.0;

/// Nobody can tell from the capture where the phone was registered, and nobody pretends to: of it only connections are
/// claimed, and each server took its first REGISTER from there on.
pub fn only_connections_are_claimed(truth: &Truth, analysis: &Analysis) {
    assert_eq!(analysis.unreadable, 0);
    let [line] = &analysis.phones[..] else { panic!("one phone: {:?}", analysis.phones) };
    assert_eq!(line.address.to_string(), ADDRESS);
    assert!(line.blind && line.registrations.is_empty(), "{line:?}");
    assert!(line.measurements.iter().all(|it| it.name == "connected-at"), "{line:?}");
    for server in truth.servers.values() {
        let there = |to: &str| server.addresses.iter().any(|address| address.to_string() == to);
        let mut connected = line.measurements.iter().filter(|it| it.to_server.as_deref().is_some_and(there));
        let connected = analysis.unix(connected.find_map(|it| it.value).unwrap());
        let taken = server.said.iter().find_map(|word| match word {
            Word::Answered { asked, .. } => Some(*asked),
            Word::Lapsed { .. } => None,
        });
        let talking = taken.unwrap() - connected;
        assert!((0.0..TALKING).contains(&talking), "{talking} s from connection to REGISTER: {line:?}");
    }
}

/// In seconds: a REGISTER is seen sooner than that before the registrar takes it.
const ON_ITS_WAY: f64 = 0.1;

/// What a run takes for an exchange is one, whatever is said in it: each REGISTER that a registrar took and answered is an
/// exchange of just that time. But the first behind the outage was written when that began, and lay in a buffer since: it is
/// none.
pub fn each_answer_ends_an_exchange(truth: &Truth, capture: &Path) {
    let connections = connections(truth, capture);
    let (began, over) = (truth.outage.0, truth.outage.1.unwrap());
    for (name, server) in &truth.servers {
        let mut before = f64::MAX;
        for word in &server.said {
            let Word::Answered { asked, answered, .. } = word else { continue };
            let is_late = before < began && *asked > over;
            before = *asked;
            let mut since = Stamp(((asked - ON_ITS_WAY) * 1e9) as u64);
            // Ahead of it there may be the one that was challenged.
            let (request, done) = loop {
                let exchange = connections.exchange(&name.as_str().into(), since);
                let exchange = exchange.unwrap_or_else(|| panic!("{word:?}"));
                let [request, done] = [exchange.request, exchange.done].map(|fix| fix.when.at.0 as f64 / 1e9);
                if done >= *asked {
                    break (request, done);
                }
                since = Stamp(exchange.request.when.at.0 + 1);
            };
            if is_late {
                assert!(request > *asked, "{request} and {word:?}");
                continue;
            }
            assert!((asked - ON_ITS_WAY..=*asked).contains(&request), "{request} and {word:?}");
            assert!(within(done, [*asked, *answered], truth.wire), "{done} and {word:?}");
        }
    }
}

/// The connections that a run would know of; times since 1970.
fn connections(truth: &Truth, capture: &Path) -> Connections {
    let server = |place: SocketAddr| {
        let names = truth.servers.iter().find(|(_, server)| server.addresses.contains(&place.ip()));
        names.map(|(name, _)| name.as_str().into())
    };
    let mut reader = CaptureReader::new(File::open(capture).unwrap()).unwrap();
    let mut signalling = Signalling::new([]);
    let mut steps: BTreeMap<_, Steps> = BTreeMap::new();
    let mut connections = Connections::default();
    let mut seq = 0;
    while let Some(captured) = reader.next() {
        let captured = captured.unwrap();
        let Ok(frame) = Frame::parse_as(captured.link, captured.bytes) else { continue };
        let sighting = Sighting { unix_ns: captured.unix_ns, fate: Fate::Passed, tag: () };
        signalling.take(&frame, &sighting, &mut |heard| {
            let What::Tls { ends, event } = heard.what else { return };
            let (toward, phone_addr, server_addr) = match server(ends.destination) {
                Some(_) => (Toward::Server, ends.source, ends.destination),
                None => (Toward::Phone, ends.destination, ends.source),
            };
            let unix_ns = heard.sighting.unix_ns;
            let step = steps.entry((phone_addr, server_addr)).or_default().take(event, toward, unix_ns);
            let Some((step, server)) = step.zip(server(server_addr)) else { return };
            let raw = RawRef { file: String::new(), offset: 0, len: 0 };
            let (phone, fate) = (USER.into(), Fate::Passed);
            seq += 1;
            let fix = Fix { seq, when: When::exactly(Stamp(unix_ns as u64)) };
            let fact = TlsFact { phone, server, server_addr, phone_addr, toward, step, fate, raw };
            connections.take(&fact, fix, Duration::ZERO);
        });
    }
    connections
}
