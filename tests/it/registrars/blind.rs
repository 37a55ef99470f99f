//! A phone whose signalling is encrypted.

use super::{Truth, analysis::Analysis, word::Word};

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
