//! Each defect as a phone or another server sees it.

use std::time::Duration;

use super::net::*;
use crate::{
    virtual_bench::registrar::{DigestAlgorithm, RegistrarDefect, RegistrarInput, RegistrarSpec},
    wire::digest::{Challenge, Credentials},
};

/// Server a with that defect.
fn with(defect: RegistrarDefect) -> Net {
    Net::with(move |spec: &mut RegistrarSpec| {
        if spec.name == "a" {
            spec.defects = vec![defect.clone()];
        }
    })
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn register() -> Ask {
    Ask::new("REGISTER", "sip:bench.test", "1002", "1002").contact("1002", P2).with("Expires", "60")
}

fn options() -> Ask {
    Ask::new("OPTIONS", "sip:bench.test", "1002", "1002")
}

fn fetched(net: &mut Net) -> usize {
    let fetch = Ask::new("REGISTER", "sip:bench.test", "1002", "1002");
    net.ask(P2, A, fetch).expect("an answer").message.headers("Contact").count()
}

fn call(net: &mut Net) -> Option<u16> {
    let invite = Ask::new("INVITE", "sip:1002@bench.test", "1001", "1002").contact("1001", P1);
    net.ask(P1, A, invite).map(|answer| answer.code())
}

#[test]
fn one_falls_silent_at_its_time_over_sip_and_http() {
    let mut net = with(RegistrarDefect::SilentAfter(seconds(10)));
    net.run_to(9.9);
    assert_eq!(net.register(P2, A, "1002"), 200);
    net.run_to(10.0);
    assert!(net.ask(P2, A, register()).is_none() && net.ask(P2, A, options()).is_none());
    net.give(at(A), RegistrarInput::HttpAccepted { conn: 1, from: at(P1) });
    net.give(at(A), RegistrarInput::TcpData { conn: 1, bytes: b"GET /logon HTTP/1.1\r\n\r\n".to_vec() });
    assert!(net.closed.is_empty());
    net.run_to(1000.0);
    assert_eq!(net.server(A).poll_deadline(), None);
}

#[test]
fn one_is_there_for_everybody_but_registrations() {
    let mut net = with(RegistrarDefect::TwoFaced);
    assert!(net.ask(P2, A, register()).is_none());
    assert_eq!(net.ask(P2, A, options()).map(|answer| answer.code()), Some(200));
    assert_eq!(net.fetch(A, &format!("/logon?mac={MAC}")).code, 200);
}

#[test]
fn some_refuse_with_a_code_a_pause_or_a_wrong_direction() {
    for (defect, code, header, value) in [
        (RegistrarDefect::Reject(500), 500, "Contact", ""),
        (RegistrarDefect::Unavailable(seconds(120)), 503, "Retry-After", "120"),
        (RegistrarDefect::RedirectsNowhere, 302, "Contact", "<sip:1002@192.0.2.1>"),
    ] {
        let mut net = with(defect);
        let answer = net.ask(P2, A, register()).unwrap();
        assert_eq!((answer.code(), answer.header(header)), (code, value));
    }
}

#[test]
fn one_forgets_what_it_accepted() {
    let mut net = with(RegistrarDefect::Forgets);
    let answer = net.ask(P2, A, register()).unwrap();
    assert_eq!((answer.code(), answer.message.headers("Contact").count()), (200, 1));
    assert_eq!((fetched(&mut net), call(&mut net)), (0, Some(480)));
}

#[test]
fn one_forgets_early_and_one_late_whatever_they_granted() {
    for (kept, granted, gone) in [(5, 60, 5), (100, 60, 100)] {
        let mut net = with(RegistrarDefect::KeepsFor(seconds(kept)));
        let answer = net.ask(P2, A, register()).unwrap();
        assert_eq!(answer.message.summary().contacts[0].expires, Some(granted));
        net.run_to(f64::from(gone) - 0.1);
        assert_eq!(call(&mut net), None, "it rings");
        net.take(P2);
        net.run_to(f64::from(gone));
        assert_eq!((call(&mut net), fetched(&mut net)), (Some(480), 0));
    }
}

#[test]
fn one_names_no_contact_but_keeps_the_binding() {
    let mut net = with(RegistrarDefect::NoContactIn200);
    assert_eq!(net.ask(P2, A, register()).map(|answer| answer.message.headers("Contact").count()), Some(0));
    assert_eq!((net.server(A).bindings().len(), call(&mut net)), (1, None));
}

#[test]
fn one_answers_late() {
    let mut net = with(RegistrarDefect::AnswersLate(Duration::from_millis(2500)));
    assert!(net.ask(P2, A, register()).is_none());
    net.run_to(2.4);
    assert!(net.take(P2).is_empty());
    net.run_to(3.0);
    let got = net.take(P2);
    assert_eq!(got.iter().map(|arrived| (arrived.at.as_millis(), arrived.code())).collect::<Vec<_>>(), [(2500, 200)]);
}

/// Registers with credentials for the challenge that it gets; the code of the answer, and its challenge if it has one.
fn authenticate(net: &mut Net) -> (u16, Option<Challenge>) {
    let asked = net.ask(P2, A, register()).unwrap();
    assert_eq!(asked.code(), 401);
    let challenge = Challenge::best(asked.message.headers("WWW-Authenticate")).unwrap();
    let credentials = Credentials::answer(&challenge, "REGISTER", "sip:bench.test", "1002", "pw-1002", "cn", 1);
    let answer = net.ask(P2, A, register().with("Authorization", &credentials)).unwrap();
    (answer.code(), Challenge::best(answer.message.headers("WWW-Authenticate")))
}

#[test]
fn one_loses_its_passwords_and_one_never_likes_a_nonce() {
    let asking = |defect: RegistrarDefect| {
        Net::with(move |spec: &mut RegistrarSpec| {
            spec.algorithms = vec![DigestAlgorithm::Md5];
            spec.defects = vec![defect.clone()];
        })
    };
    let mut net = asking(RegistrarDefect::LosesPasswordsAfter(seconds(10)));
    assert_eq!(authenticate(&mut net), (200, None));
    net.run_to(10.0);
    let (code, challenge) = authenticate(&mut net);
    assert_eq!((code, challenge.map(|challenge| challenge.stale)), (401, Some(false)));

    let mut net = asking(RegistrarDefect::AlwaysStale);
    let (code, challenge) = authenticate(&mut net);
    assert_eq!((code, challenge.map(|challenge| challenge.stale)), (401, Some(true)));
    assert!(net.server(A).bindings().is_empty());
}
