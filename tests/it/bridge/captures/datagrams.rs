//! SIP in datagrams, while an outage does the same all the time.

use super::*;

/// What is answered is asked, in one piece.
fn answered(line: &Line, answer: &'static str) -> &'static str {
    if line.toward == Toward::Server && !line.wrapping.cut { answer } else { "vanishes" }
}

/// What is asked and agreed to.
pub fn messages(ends: &mut Ends, wrapping: Wrapping) -> [Line; 2] {
    [
        ends.sip(Toward::Phone, wrapping, &Message { status: Some(200), ..Message::default() }),
        ends.sip(Toward::Server, wrapping, &Message::default()),
    ]
}

#[test]
fn datagrams_are_at_both_ends_what_each_mode_says_in_whatever_they_are_wrapped() {
    in_lab!(
        "captures::datagrams::datagrams_are_at_both_ends_what_each_mode_says_in_whatever_they_are_wrapped",
        |lab| {
            let (mut rig, mut ends) = Ends::open(&lab);
            let more = vec![
                Case {
                    change: |it| it.scope = OutageScope::Sip,
                    ..case("drop, SIP ports", Manner::Drop, |line| {
                        // The second fragment does not say of what port it is, and is worth nothing.
                        if line.wrapping.cut { "fragments pass [0, 1] times" } else { "vanishes" }
                    })
                },
                Case {
                    change: |it| it.scope = OutageScope::Part(Part { ports: vec![7001], ..Part::default() }),
                    ..case("drop, another port", Manner::Drop, |_| "passes")
                },
                Case {
                    change: |it| {
                        it.scope = OutageScope::Part(Part { transport: Some(Transport::Udp), ..Part::default() });
                    },
                    ..case("drop, UDP", Manner::Drop, |_| "vanishes")
                },
                Case {
                    change: |it| {
                        it.scope = OutageScope::Part(Part { transport: Some(Transport::Tcp), ..Part::default() });
                    },
                    ..case("drop, TCP", Manner::Drop, |_| "passes")
                },
                case("refuse", Manner::Refuse, refused),
                case("host-unreachable", Manner::Unreachable(Unreachable::Host), no_host),
                case("admin-prohibited", Manner::Unreachable(Unreachable::Admin), prohibited),
                case("reset", Manner::Reset, |_| "vanishes"),
                case("answer 503", answer(503, None), busy),
                case("answer 403", answer(403, None), |line| answered(line, "vanishes; phone hears sip 403")),
                case("answer 302", answer(302, Some("b")), |line| answered(line, "vanishes; phone hears sip 302")),
                case("unresolvable", Manner::Unresolvable, |_| "passes"),
                case("dns", Manner::Nameless, |_| "passes"),
                case("all lost", impaired(|it| it.loss = Share::ALL), |_| "vanishes"),
                case("all twice", impaired(|it| it.duplicate = Share::ALL), |_| "passes 2 times"),
                Case {
                    change: |it| it.toward = Some(Toward::Phone),
                    ..case("all twice, answers only", impaired(|it| it.duplicate = Share::ALL), |line| {
                        match line.toward {
                            Toward::Server => "passes",
                            Toward::Phone => "passes 2 times",
                        }
                    })
                },
            ];
            let cases: Vec<Case> = drops().into_iter().chain(more).collect();
            let mut table = Table::default();
            each_is_as_expected(&mut rig, &mut ends, &mut table, cases, |ends| {
                Wrapping::all().into_iter().flat_map(|wrapping| messages(ends, wrapping)).collect()
            });
            close(rig);
            println!("{table}");
        }
    );
}
