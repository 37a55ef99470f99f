//! SIP in connections, while an outage does the same all the time: a segment that opens one, one of the phone's in a connection that
//! is open, and one of the server's in another.

use super::*;

/// What there is of connections.
pub fn segments(ends: &mut Ends, wrapping: Wrapping) -> [Line; 3] {
    let (asks, agrees) = (Message::default(), Message { status: Some(200), ..Message::default() });
    [
        ends.segment(AGREEING, Toward::Phone, wrapping, &agrees.text("7")),
        ends.segment(OPENING, Toward::Server, wrapping, ""),
        ends.segment(ASKING, Toward::Server, wrapping, &asks.text("8")),
    ]
}

#[test]
fn connections_are_at_both_ends_what_each_mode_says_in_whatever_they_are_wrapped() {
    in_lab!(
        "captures::streams::connections_are_at_both_ends_what_each_mode_says_in_whatever_they_are_wrapped",
        |lab| {
            let (mut rig, mut ends) = Ends::open(&lab);
            let more = vec![
                Case {
                    change: |it| it.scope = OutageScope::Sip,
                    ..case("drop, SIP ports", Manner::Drop, |_| "vanishes")
                },
                Case {
                    change: |it| {
                        it.scope = OutageScope::Part(Part { transport: Some(Transport::Tcp), ..Part::default() });
                    },
                    ..case("drop, TCP", Manner::Drop, |_| "vanishes")
                },
                Case {
                    change: |it| {
                        it.scope = OutageScope::Part(Part { transport: Some(Transport::Udp), ..Part::default() });
                    },
                    ..case("drop, UDP", Manner::Drop, |_| "passes")
                },
                case("refuse", Manner::Refuse, refused),
                // A connection that is open goes on in spite of it (RFC 1122 section 4.2.3.9).
                case("host-unreachable", Manner::Unreachable(Unreachable::Host), no_host),
                case("admin-prohibited", Manner::Unreachable(Unreachable::Admin), prohibited),
                // Each end hears the other hang up, at the number that it expects.
                case("reset", Manner::Reset, |line| match line.sort {
                    OPENING => "vanishes; phone hears rst-ack of 1001",
                    ASKING => "vanishes; phone hears rst at 5000; server hears rst at 1000",
                    _ => "vanishes; phone hears rst at 1000; server hears rst at 5000",
                }),
                case("answer 503", answer(503, None), busy),
                case("unresolvable", Manner::Unresolvable, |_| "passes"),
                case("dns", Manner::Nameless, |_| "passes"),
                case("all lost", impaired(|it| it.loss = Share::ALL), |_| "vanishes"),
                case("all twice", impaired(|it| it.duplicate = Share::ALL), |_| "passes 2 times"),
            ];
            let cases: Vec<Case> = drops().into_iter().chain(more).collect();
            let mut table = Table::default();
            each_is_as_expected(&mut rig, &mut ends, &mut table, cases, |ends| {
                Wrapping::whole().into_iter().flat_map(|wrapping| segments(ends, wrapping)).collect()
            });
            close(rig);
            println!("{table}");
        }
    );
}
