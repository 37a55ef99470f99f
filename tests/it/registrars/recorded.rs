//! Runs on the bench of real software, recorded: the capture, and what the registrars said in that time.

use std::{fs, path::PathBuf};

use super::{
    Truth,
    analysis::{Analysis, Registration},
    blind, span,
};

/// A recorded run: `fixtures/captures/NAME.pcapng`, and beside it `NAME.json`, a [`Truth`].
pub struct Recorded {
    pub name: &'static str,
    /// dumpcap made the capture, which knows of no outage.
    pub foreign: bool,
}

const fn own(name: &'static str) -> Recorded {
    Recorded { name, foreign: false }
}

const fn foreign(name: &'static str) -> Recorded {
    Recorded { name, foreign: true }
}

/// UDP and TCP, and a primary that falls silent.
pub const SILENT: Recorded = own("real-silent");
/// A phone that never comes back, and one that only renews.
pub const STAYING: Recorded = own("real-staying");
/// UDP over IPv6, and a primary that refuses by ICMP.
pub const REFUSING_IPV6: Recorded = own("real-refusing-ipv6");
/// A primary that refuses TCP connections, captured on every interface of the phone.
pub const REFUSING_FOREIGN: Recorded = foreign("real-refusing-foreign");
/// UDP and TCP with VLAN tags, and a primary that answers 503.
pub const UNAVAILABLE_VLAN: Recorded = own("real-unavailable-vlan");
/// TLS.
pub const TLS: Recorded = foreign("real-tls");

#[test]
fn registrars_held_what_was_read_when_the_primary_fell_silent() {
    SILENT.holds();
}

#[test]
fn registrars_held_what_was_read_of_phones_that_stay_where_they_are() {
    STAYING.holds();
}

#[test]
fn registrars_held_what_was_read_when_the_primary_refused_over_ipv6() {
    REFUSING_IPV6.holds();
}

#[test]
fn registrars_held_what_was_read_off_a_foreign_capture_on_every_interface() {
    REFUSING_FOREIGN.holds();
}

#[test]
fn registrars_held_what_was_read_on_a_tagged_link_when_the_primary_answered_503() {
    UNAVAILABLE_VLAN.holds();
}

#[test]
fn of_an_encrypted_phone_that_moved_and_returned_only_connections_are_claimed() {
    TLS.truth().moved(blind::USER);
    blind::only_connections_are_claimed(&TLS.truth(), &TLS.analysis());
}

#[test]
fn a_registrar_s_answers_to_an_encrypted_phone_are_the_exchanges_that_a_run_sees() {
    blind::each_answer_ends_an_exchange(&TLS.truth(), &TLS.capture());
}

#[test]
fn each_way_to_be_wrong_is_found() {
    let registration: [fn(&mut Registration); 9] = [
        // The request is not the answer.
        |it| it.from_ms -= 5.0,
        |it| it.from_ms += 500.0,
        |it| it.until_ms = it.until_ms.map(|until| until - 1_000.0),
        |it| it.until_ms = if it.until_ms.is_some() { None } else { Some(it.from_ms + 20_000.0) },
        |it| it.ended_by = "unknown".to_owned(),
        |it| it.refreshes += 1,
        |it| it.expires_s += 10.0,
        |it| it.contact.push('0'),
        |it| it.role = None,
    ];
    for (number, wrong) in registration.iter().enumerate() {
        let found = SILENT.differences(|analysis| wrong(&mut analysis.phones[0].registrations[0]));
        assert_ne!(found, [""; 0], "registration {number}");
    }
    let whole: [fn(&mut Analysis); 4] = [
        |it| drop(it.phones.pop()),
        |it| drop(it.phones[0].registrations.pop()),
        |it| it.phones[1].aor = Some("399@bench.test".to_owned()),
        |it| it.phones[0].measurements.retain(|it| it.name != "failback"),
    ];
    for (number, wrong) in whole.iter().enumerate() {
        assert_ne!(SILENT.differences(wrong), [""; 0], "whole {number}");
    }
    for index in 0..SILENT.analysis().phones[0].measurements.len() {
        let compared = |analysis: &Analysis| analysis.phones[0].measurements[index].name.starts_with("fail");
        if compared(&SILENT.analysis()) {
            let later = SILENT.differences(|it| it.phones[0].measurements[index].value = Some(1.0));
            assert_ne!(later, [""; 0], "measurement {index}");
        }
    }
}

#[test]
fn no_recorded_capture_holds_a_digest_response() {
    const HEAD: &[u8] = b" response=\"";
    let mut credentials = 0;
    for recorded in [SILENT, STAYING, REFUSING_IPV6, REFUSING_FOREIGN, UNAVAILABLE_VLAN] {
        let bytes = fs::read(recorded.capture()).unwrap();
        let places = bytes.windows(HEAD.len()).enumerate().filter(|(_, window)| *window == HEAD);
        for (place, _) in places {
            let response = &bytes[place + HEAD.len()..][..32];
            assert_eq!(response, [b'x'; 32], "{}, byte {place}", recorded.name);
            credentials += 1;
        }
    }
    assert!(credentials > 100, "{credentials}");
}

impl Recorded {
    pub fn capture(&self) -> PathBuf {
        self.file("pcapng")
    }

    pub fn file(&self, ending: &str) -> PathBuf {
        PathBuf::from(format!("{}/fixtures/captures/{}.{ending}", env!("CARGO_MANIFEST_DIR"), self.name))
    }

    fn truth(&self) -> Truth {
        serde_json::from_slice(&fs::read(self.file("json")).unwrap()).unwrap()
    }

    fn holds(&self) {
        assert_eq!(self.differences(|_| ()), [""; 0]);
    }

    /// In what the analysis differs from what the registrars said, once it was changed.
    fn differences(&self, change: impl Fn(&mut Analysis)) -> Vec<String> {
        let mut analysis = self.analysis();
        change(&mut analysis);
        self.truth().differences(&analysis, span(&self.capture())[1])
    }

    fn analysis(&self) -> Analysis {
        let (capture, truth) = (self.capture(), self.truth());
        let mut options = truth.roles();
        if self.foreign {
            options.extend(truth.outage_since(span(&capture)[0]));
        }
        Analysis::of(&capture, &options)
    }
}
