//! Outages of certain SIP messages alone: what is selected vanishes, is refused, answered or late, and everything else passes. By
//! datagrams in whatever they are wrapped, in one piece and in two, and in connections.

use super::*;

/// What is said of one call, in this order.
#[derive(Clone, Copy)]
struct Saying {
    toward: Toward,
    message: Message<'static>,
    /// What becomes of it.
    expected: &'static str,
}

/// Which messages an outage takes, and a conversation.
struct Conversation {
    name: &'static str,
    mode: fn() -> OutageMode,
    only: Selection,
    sayings: Vec<Saying>,
}

fn asks(method: &'static str, cseq: u32, expected: &'static str) -> Saying {
    Saying { toward: Toward::Server, message: Message { method, cseq, ..Message::default() }, expected }
}

fn answers(method: &'static str, cseq: u32, status: u16, expected: &'static str) -> Saying {
    let message = Message { method, cseq, status: Some(status), ..Message::default() };
    Saying { toward: Toward::Phone, message, expected }
}

/// The same with a line of its own in it, by which its frame is told from others of the same message.
fn with(saying: Saying, extra: &'static str) -> Saying {
    Saying { message: Message { extra, ..saying.message }, ..saying }
}

fn conversations() -> Vec<Conversation> {
    let only = |change: &dyn Fn(&mut Selection)| {
        let mut selection = Selection::default();
        change(&mut selection);
        selection
    };
    let drop = || OutageMode::DROP;
    let method = |it: &mut Selection, name: &str| it.method = Some(name.to_owned());
    let [once, again, third] = ["X-Sending: 1\r\n", "X-Sending: 2\r\n", "X-Sending: 3\r\n"];
    let (gone, passes) = ("vanishes", "passes");
    vec![
        Conversation {
            name: "REGISTER alone",
            mode: drop,
            only: only(&|it| method(it, "REGISTER")),
            sayings: vec![
                asks("REGISTER", 1, gone),
                answers("REGISTER", 1, 200, passes),
                asks("OPTIONS", 2, passes),
                asks("INVITE", 3, passes),
            ],
        },
        Conversation {
            name: "INVITE alone",
            mode: drop,
            only: only(&|it| method(it, "INVITE")),
            sayings: vec![asks("INVITE", 1, gone), asks("REGISTER", 2, passes)],
        },
        Conversation {
            name: "200 to REGISTER",
            mode: drop,
            only: only(&|it| (it.method, it.status) = (Some("REGISTER".to_owned()), Some(200))),
            sayings: vec![
                asks("REGISTER", 1, passes),
                answers("REGISTER", 1, 401, passes),
                answers("REGISTER", 1, 200, gone),
                answers("OPTIONS", 2, 200, passes),
            ],
        },
        Conversation {
            name: "401 twice",
            mode: || impaired(|it| it.duplicate = Share::ALL).into(),
            only: only(&|it| it.status = Some(401)),
            sayings: vec![
                asks("REGISTER", 1, passes),
                answers("REGISTER", 1, 401, "passes 2 times"),
                answers("REGISTER", 1, 200, passes),
            ],
        },
        Conversation {
            name: "first sending",
            mode: drop,
            only: only(&|it| it.nth = Some(1)),
            sayings: vec![
                with(asks("REGISTER", 1, gone), once),
                with(asks("REGISTER", 1, passes), again),
                answers("REGISTER", 1, 200, passes),
                asks("REGISTER", 2, gone),
            ],
        },
        Conversation {
            name: "second sending",
            mode: drop,
            only: only(&|it| it.nth = Some(2)),
            sayings: vec![
                with(asks("REGISTER", 1, passes), once),
                with(asks("REGISTER", 1, gone), again),
                with(asks("REGISTER", 1, passes), third),
            ],
        },
        Conversation {
            name: "renewals",
            mode: drop,
            only: only(&|it| it.refresh = true),
            sayings: vec![
                asks("REGISTER", 1, passes),
                answers("REGISTER", 1, 200, passes),
                asks("REGISTER", 2, gone),
                with(asks("REGISTER", 3, passes), "Expires: 0\r\n"),
            ],
        },
        Conversation {
            name: "REGISTER refused",
            mode: || OutageMode::REFUSE,
            only: only(&|it| method(it, "REGISTER")),
            sayings: vec![asks("REGISTER", 1, "refused"), asks("OPTIONS", 2, passes)],
        },
        Conversation {
            name: "REGISTER answered",
            mode: || answer(503, None).into(),
            only: only(&|it| method(it, "REGISTER")),
            sayings: vec![asks("REGISTER", 1, "busy"), asks("OPTIONS", 2, passes)],
        },
    ]
}

/// What is expected of a line in words that depend on how it is wrapped. Of a message in fragments the second is not known to be of
/// it.
fn expected(saying: &Saying, line: &Line) -> String {
    let whole = match saying.expected {
        "refused" => refused(line),
        "busy" => busy(line),
        other => other,
    };
    match whole.strip_prefix("vanishes") {
        Some(put_in) if line.wrapping.cut => format!("fragments pass [0, 1] times{put_in}"),
        _ if line.wrapping.cut && whole == "passes 2 times" => "fragments pass [2, 1] times".to_owned(),
        _ => whole.to_owned(),
    }
}

#[test]
fn certain_messages_are_taken_and_all_others_pass() {
    in_lab!("captures::selections::certain_messages_are_taken_and_all_others_pass", |lab| {
        let (mut rig, mut ends) = Ends::open(&lab);
        let mut table = Table::default();
        for (number, Conversation { name, mode, only, sayings }) in (1..).zip(conversations()) {
            ends.forget();
            rig.begin_changed(number, mode(), |it| it.only = Some(only));
            let mut said = Vec::new();
            for (place, saying) in sayings.iter().enumerate() {
                let lines = in_every_wrapping(&mut ends, name, saying);
                lines.iter().for_each(|line| ends.say(line));
                // What an answer means depends on what was asked before.
                ends.settle(&mut rig);
                said.extend(lines.into_iter().map(|line| (place, line)));
            }
            ends.until(|ends| {
                said.iter().all(|(place, line)| expected(&sayings[*place], line).starts_with(&ends.fate(line)))
            });
            let (_, tally) = rig.end(number);
            ends.listen();
            for (place, line) in &said {
                let fate = ends.fate(line);
                let what = sayings[*place].message;
                assert_eq!(fate, expected(&sayings[*place], line), "{name}: {what:?} {} {}", line.sort, line.wrapping);
                table.add(name, line, &format!("{} {}: {fate}", place + 1, of(&what)));
            }
            assert_eq!(tally.leaked, 0, "{name}");
        }
        close(rig);
        println!("{table}");
    });
}

#[test]
fn one_call_is_taken_both_ways_and_another_passes() {
    in_lab!("captures::selections::one_call_is_taken_both_ways_and_another_passes", |lab| {
        let (mut rig, mut ends) = Ends::open(&lab);
        ends.forget();
        let only = Selection { call_id: Some("one".to_owned()), ..Selection::default() };
        rig.begin_changed(1, OutageMode::DROP, |it| it.only = Some(only));
        let mut said = Vec::new();
        for wrapping in Wrapping::whole() {
            for (call, expected) in [("one", "vanishes"), ("other", "passes")] {
                for toward in WAYS {
                    let status = (toward == Toward::Phone).then_some(200);
                    let message = Message { status, ..Message::default() };
                    said.push((ends.sip_of(call, toward, wrapping, &message), expected));
                    said.push((ends.segment(ASKING, toward, wrapping, &message.text(call)), expected));
                }
            }
        }
        said.iter().for_each(|(line, _)| ends.say(line));
        ends.settle(&mut rig);
        ends.until(|ends| said.iter().all(|(line, expected)| ends.fate(line) == *expected));
        rig.end(1);
        ends.listen();
        for (line, expected) in &said {
            assert_eq!(ends.fate(line), *expected, "{} {}", line.sort, line.wrapping);
        }
        close(rig);
    });
}

/// `REGISTER`, `200 to REGISTER`.
fn of(message: &Message<'_>) -> String {
    let status = message.status.map(|status| format!("{status} to "));
    format!("{}{}", status.unwrap_or_default(), message.method)
}

/// A message in each wrapping, and in a connection, each of a call of its own.
fn in_every_wrapping(ends: &mut Ends, name: &str, saying: &Saying) -> Vec<Line> {
    let Saying { toward, message, .. } = saying;
    let name = name.replace(' ', "-");
    let datagrams = Wrapping::all().into_iter().map(|wrapping| (wrapping, false));
    let segments = Wrapping::whole().into_iter().map(|wrapping| (wrapping, true));
    let every = datagrams.chain(segments).enumerate();
    let lines = every.map(|(number, (wrapping, stream))| {
        let call = format!("{name}-{number}");
        match stream {
            false => ends.sip_of(&call, *toward, wrapping, message),
            true => ends.segment(ASKING, *toward, wrapping, &message.text(&call)),
        }
    });
    lines.collect()
}
