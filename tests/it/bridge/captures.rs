//! Each mode as packet sockets at both ends see it: what was sent, what arrived, and what was put in.

use siprig::{
    config::Mac,
    event::{Impairment, Manner, OutageMode, Share, Spoof, Unreachable},
    wire::frame::{self, Body, Content, Frame},
};

use super::{
    ear::{Ear, Heard},
    modes::{ask_within, serve},
    *,
};

/// How long the phone waits for an answer.
const PATIENCE: Duration = Duration::from_millis(250);

/// What there is at one end, of what goes from one host to the other.
#[derive(Debug, PartialEq, Eq)]
struct Ends {
    /// REGISTERs that leave the phone, and that come to the server.
    asked: [usize; 2],
    /// 200s that leave the server, and that come to the phone.
    agreed: [usize; 2],
    /// What comes to the phone in the server's name and was not sent by the server: `icmp 3/3`, `sip 503`.
    put_in: Vec<String>,
}

#[test]
fn datagrams_are_at_both_ends_what_each_mode_says_and_nothing_else_is() {
    in_lab!("captures::datagrams_are_at_both_ends_what_each_mode_says_and_nothing_else_is", |lab| {
        let mut rig = Rig::start(&lab);
        serve(hosts::SERVER);
        let server = hosts::mac_of("server");
        let (mut near, mut far) = (Ear::at("phone"), Ear::at("server"));
        let answer = |code| Manner::Answer(Spoof { code, retry_after_s: None, redirect: None });
        let bad = |change: &dyn Fn(&mut Impairment)| {
            let mut impairment = Impairment::default();
            change(&mut impairment);
            Manner::Impair(impairment)
        };
        let cases = [
            ("drop", Manner::Drop, None, [1, 0], [0, 0], None),
            ("requests only", Manner::Drop, Some(Toward::Server), [1, 0], [0, 0], None),
            ("answers only", Manner::Drop, Some(Toward::Phone), [1, 1], [1, 0], None),
            ("refuse", Manner::Refuse, None, [1, 0], [0, 0], Some("icmp 3/3")),
            ("host", Manner::Unreachable(Unreachable::Host), None, [1, 0], [0, 0], Some("icmp 3/1")),
            ("admin", Manner::Unreachable(Unreachable::Admin), None, [1, 0], [0, 0], Some("icmp 3/13")),
            ("reset", Manner::Reset, None, [1, 0], [0, 0], None),
            ("503", answer(503), None, [1, 0], [0, 0], Some("sip 503")),
            ("403", answer(403), None, [1, 0], [0, 0], Some("sip 403")),
            ("all lost", bad(&|it| it.loss = Share::percent(100)), None, [1, 0], [0, 0], None),
            ("late", bad(&|it| it.delay = Duration::from_millis(20)), None, [1, 1], [1, 1], None),
            ("twice", bad(&|it| it.duplicate = Share::percent(100)), None, [1, 2], [2, 4], None),
            ("found in memory", Manner::Unresolvable, None, [1, 1], [1, 1], None),
        ];
        assert_eq!(hosts::udp_echoes(hosts::PHONE, hosts::SERVER, OTHER_PORT, 3), 3);
        for (number, (name, manner, toward, asked, agreed, put_in)) in (1..).zip(cases) {
            rig.begin_mode(number, OutageMode::from(manner), toward, OutageScope::Host);
            let _ = (near.heard(), far.heard());
            let _ = ask_within(hosts::PHONE, hosts::SERVER, &register(number), PATIENCE);
            let (at_phone, at_server) = (near.heard(), far.heard());
            let put_in: Vec<String> = put_in.into_iter().map(str::to_owned).collect();
            assert_eq!(ends(&at_phone, &at_server, number), Ends { asked, agreed, put_in }, "{name}");
            // The phone itself tells of answers that come when nobody waits for them any more.
            let came = at_phone.iter().filter(|heard| !heard.sent);
            for heard in came.filter(|heard| said(heard).is_some_and(|it| is_put_in(&it))) {
                let frame = heard.frame();
                assert_eq!((frame.source, frame.vlans.len()), (Some(server), 0), "{name}");
                assert_eq!(frame.destination, hosts::PHONE_MAC.parse::<Mac>().ok(), "{name}");
                assert_eq!(frame::hop_limit(&frame, &heard.bytes), Some(64), "{name}: as the server's own");
                let mut again = heard.bytes.clone();
                frame::fix_checksums(&mut again);
                assert_eq!(again, heard.bytes, "{name}: its check sums are right");
            }
            let (_, tally) = rig.end(number);
            assert_eq!(tally.leaked, 0, "{name}");
            // What was on its way when it ended is not of the next one.
            let _ = (near.heard(), far.heard());
        }
        let seen = rig.close();
        assert!(!seen.iter().any(is_lost), "{seen:?}");
    });
}

#[test]
fn both_ends_of_a_connection_that_is_reset_see_the_other_end_hang_up() {
    in_lab!("captures::both_ends_of_a_connection_that_is_reset_see_the_other_end_hang_up", |lab| {
        let mut rig = Rig::start(&lab);
        let mut open = hosts::Connection::open("phone", hosts::SERVER, SIP_PORT);
        open.send(b"x");
        assert_eq!(open.received(), b"x");
        let (mut near, mut far) = (Ear::at("phone"), Ear::at("server"));
        rig.begin_mode(1, Manner::Reset.into(), None, OutageScope::Sip);
        open.send(b"y");
        let resets = |heard: &[Heard]| -> Vec<(Option<Mac>, Option<Mac>)> {
            let came = heard.iter().filter(|heard| !heard.sent);
            let ends = came.filter(|heard| is_reset(&heard.frame()));
            ends.map(|heard| (heard.frame().source, heard.frame().destination)).collect()
        };
        let (phone, server) = (hosts::PHONE_MAC.parse::<Mac>().ok(), Some(hosts::mac_of("server")));
        assert_eq!(resets(&near.heard()), [(server, phone)], "the phone hears the server hang up");
        assert_eq!(resets(&far.heard()), [(phone, server)], "and the server the phone");
        rig.end(1);
        rig.close();
    });
}

/// What there was of a call.
fn ends(at_phone: &[Heard], at_server: &[Heard], call: u32) -> Ends {
    let count = |heard: &[Heard], sent, what: &str| {
        let of = |it: &&Heard| it.sent == sent && said(it).is_some_and(|it| it == format!("{what} of {call}"));
        heard.iter().filter(of).count()
    };
    let both = |from: &[Heard], to: &[Heard], what: &str| [count(from, true, what), count(to, false, what)];
    let mut put_in: Vec<String> = Vec::new();
    for heard in at_phone.iter().filter(|heard| !heard.sent) {
        let what = said(heard).filter(|what| is_put_in(what));
        put_in.extend(what.map(|what| what.split(" of ").next().unwrap_or_default().to_owned()));
    }
    Ends { asked: both(at_phone, at_server, "REGISTER"), agreed: both(at_server, at_phone, "sip 200"), put_in }
}

fn is_put_in(what: &str) -> bool {
    what.starts_with("icmp") || (what.starts_with("sip") && !what.starts_with("sip 200"))
}

/// `REGISTER of 7`, `sip 200 of 7`, `icmp 3/3`.
fn said(heard: &Heard) -> Option<String> {
    let frame = heard.frame();
    let Content::Ip(packet) = &frame.content else { return None };
    match &packet.body {
        Body::Udp { payload, .. } => {
            let text = std::str::from_utf8(payload).ok()?;
            let call = text.lines().find_map(|line| line.strip_prefix("Call-ID: "))?;
            let what = match text.strip_prefix("SIP/2.0 ") {
                Some(answer) => format!("sip {}", answer.get(..3)?),
                None => text.split(' ').next()?.to_owned(),
            };
            Some(format!("{what} of {call}"))
        }
        Body::Icmp { kind: 3, code, .. } => Some(format!("icmp 3/{code}")),
        _ => None,
    }
}

fn is_reset(frame: &Frame<'_>) -> bool {
    matches!(&frame.content, Content::Ip(packet) if matches!(packet.body, Body::Tcp(segment) if segment.rst))
}
