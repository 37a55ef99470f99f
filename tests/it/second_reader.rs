//! A second reader, tshark, reads the same captures: both must find the same messages, and the same in them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    path::{Path, PathBuf},
};

use siprig::{
    event::{Fate, SipMessage, SipStart, SipSummary, Transport},
    wire::{
        capture::CaptureReader,
        signalling::{Ends, Sighting, Signalling, What},
        sip::{Reader, read},
    },
};

mod corpus;
mod dice;
mod dispute;
mod mutation;
mod recording;
mod tshark;

use corpus::{Carrier, Made};
use dice::Dice;
use dispute::Part;
use tshark::Flow;

/// At least so many messages are made.
const MADE: usize = 6000;

/// In at least so many of them nothing is disputed.
const UNDISPUTED: usize = 2000;

const SEED: u64 = 20_261_126;

#[test]
fn what_was_made_is_read_and_the_second_reader_agrees() {
    let folder = tempfile::tempdir().unwrap();
    let capture = folder.path().join("made.pcapng");
    let made = recording::record(&capture, &mut Dice(SEED), MADE);
    let ours = ours(&capture);
    assert_eq!(ours.keys().collect::<Vec<_>>(), made.keys().collect::<Vec<_>>());
    for (flow, made) in &made {
        assert_eq!(ours[flow].len(), made.len(), "{flow:?}");
        for (made, (bytes, read)) in made.iter().zip(&ours[flow]) {
            assert_eq!(*bytes, made.bytes);
            let difference = told_by_truth(read, made);
            assert!(difference.is_empty(), "{difference:?}: {}", String::from_utf8_lossy(bytes));
        }
    }
    let plain = |(source, destination, tcp): &Flow| {
        !tcp || recording::is_plain(if source.port() == 5060 { *destination } else { *source })
    };
    let undisputed = made.iter().filter(|(flow, _)| plain(flow)).flat_map(|(_, made)| made);
    let undisputed = undisputed.filter(|made| made.truth.disputed.is_empty()).count();
    assert!(undisputed >= UNDISPUTED, "{undisputed}");
    if let Some(mut theirs) = theirs(&capture) {
        theirs.retain(|flow, _| plain(flow));
        let ours = ours.into_iter().filter(|(flow, _)| plain(flow)).collect();
        compare(&ours, &theirs, &made);
    }
}

#[test]
fn both_readers_agree_on_captures_of_real_traffic() {
    let own = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/captures");
    let given = std::env::var_os("SIPRIG_CAPTURES").map(PathBuf::from);
    for folder in [Some(own), given].into_iter().flatten() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if !path.extension().is_some_and(|ending| ending == "pcap" || ending == "pcapng") {
                continue;
            }
            let ours = ours(&path);
            let Some(theirs) = theirs(&path) else { return };
            compare(&ours, &theirs, &BTreeMap::new());
        }
    }
}

/// Mutants that are read in both ways.
const MUTANTS: usize = 20_000;

#[test]
fn whatever_becomes_of_a_message_both_ways_of_reading_agree() {
    let mut dice = Dice(SEED);
    let messages: Vec<Vec<u8>> =
        (0..300).map(|number| corpus::message(&mut dice, number, Carrier::Datagram).bytes).collect();
    let (mut every, mut by_shape) = (Reader::every(), Reader::by_shape());
    let (mut read, mut unread) = (0, 0);
    for _ in 0..MUTANTS {
        let bytes = mutation::mutant(&messages, &mut dice);
        let message = every.read(&bytes);
        assert_eq!(by_shape.read(&bytes), message, "{}", String::from_utf8_lossy(&bytes));
        match message {
            SipMessage::Read(_) => read += 1,
            SipMessage::Unreadable { offset, .. } => {
                assert!(offset <= bytes.len());
                unread += 1;
            }
        }
    }
    assert!(read > MUTANTS / 4 && unread > MUTANTS / 10, "{read} read, {unread} not");
    assert!(by_shape.passed() < every.passed(), "some of them were of a shape that was known");
}

/// Messages by flow, as we find and read them.
type Ours = BTreeMap<Flow, Vec<(Vec<u8>, SipSummary)>>;

fn ours(capture: &Path) -> Ours {
    let mut capture = CaptureReader::new(File::open(capture).unwrap()).unwrap();
    let (mut signalling, mut shapes) = (Signalling::<()>::new([]), Reader::by_shape());
    let mut ours = Ours::new();
    let mut hear = |what: What<'_>| {
        let What::Message { ends: Ends { source, destination }, transport, bytes } = what else {
            assert!(!matches!(what, What::Unreadable { .. } | What::Gap { .. }), "{what:?}");
            return;
        };
        let message = read(bytes);
        assert_eq!(shapes.read(bytes), message, "{}", String::from_utf8_lossy(bytes));
        let SipMessage::Read(summary) = message else { panic!("{message:?}: {}", String::from_utf8_lossy(bytes)) };
        let flow = (source, destination, transport == Transport::Tcp);
        ours.entry(flow).or_default().push((bytes.to_vec(), *summary));
    };
    while let Some(captured) = capture.next() {
        let captured = captured.unwrap();
        let Ok(frame) = captured.frame() else { continue };
        let sighting = Sighting { unix_ns: captured.unix_ns, fate: Fate::Passed, tag: () };
        signalling.take(&frame, &sighting, &mut |heard| hear(heard.what));
    }
    ours
}

/// Messages by flow, as tshark finds them; none, with a word on the terminal, where it is not here.
fn theirs(capture: &Path) -> Option<BTreeMap<Flow, Vec<tshark::Seen>>> {
    if !tshark::is_here() {
        #[expect(clippy::print_stdout, reason = "a test that can not run says so")]
        {
            println!("SKIPPED: no tshark here to read the captures, too");
        }
        return None;
    }
    let mut theirs: BTreeMap<Flow, Vec<tshark::Seen>> = BTreeMap::new();
    for (flow, seen) in tshark::messages(capture) {
        theirs.entry(flow).or_default().push(seen);
    }
    Some(theirs)
}

/// In what a message that was read differs from what was made.
fn told_by_truth(read: &SipSummary, made: &Made) -> Vec<String> {
    let truth = &made.truth;
    let mut told = Vec::new();
    let mut differs = |what: &str, read: String, truth: String| {
        if read != truth {
            told.push(format!("{what}: {read} instead of {truth}"));
        }
    };
    differs("start", format!("{:?}", read.start), format!("{:?}", truth.start));
    differs("Call-ID", read.call_id.clone(), truth.call_id.clone());
    differs("CSeq", format!("{} {}", read.cseq, read.method), format!("{} {}", truth.cseq.0, truth.cseq.1));
    differs("branch", read.branch.clone(), truth.branch.clone());
    differs(
        "From",
        format!("{} {:?}", read.from, read.from_tag),
        format!("{} {:?}", truth.from.record, truth.from.tag),
    );
    differs("To", format!("{} {:?}", read.to, read.to_tag), format!("{} {:?}", truth.to.record, truth.to.tag));
    differs("Contact", format!("{:?}", read.contacts), format!("{:?}", truth.contacts));
    differs("Expires", format!("{:?}", read.expires), format!("{:?}", truth.expires));
    let mut oddities: Vec<&str> = read.oddities.iter().map(String::as_str).collect();
    oddities.sort_unstable();
    differs("oddities", format!("{oddities:?}"), format!("{:?}", truth.oddities.iter().collect::<Vec<_>>()));
    told
}

/// Message by message, but for what is known to be misread.
fn compare(ours: &Ours, theirs: &BTreeMap<Flow, Vec<tshark::Seen>>, made: &BTreeMap<Flow, Vec<Made>>) {
    let (mut told, none) = (Vec::new(), BTreeSet::new());
    for (flow, ours) in ours {
        let disputed = |place: usize| made.get(flow).map_or(&none, |made| &made[place].truth.disputed);
        let seen = ours.iter().enumerate().map(|(place, (bytes, read))| (bytes, read, disputed(place)));
        let seen: Vec<_> =
            seen.filter(|(.., disputed)| disputed.iter().all(|(part, _)| *part != Part::Whole)).collect();
        let theirs = theirs.get(flow).map(Vec::as_slice).unwrap_or_default();
        if seen.len() != theirs.len() {
            told.push(format!("{flow:?}: {} messages, {} of theirs", seen.len(), theirs.len()));
            continue;
        }
        for ((bytes, read, disputed), theirs) in seen.into_iter().zip(theirs) {
            for (part, difference) in differences(read, theirs) {
                if disputed.iter().all(|(known, _)| *known != part) {
                    told.push(format!("{flow:?}: {difference}\n{}", String::from_utf8_lossy(bytes)));
                }
            }
        }
    }
    for flow in theirs.keys().filter(|flow| !ours.contains_key(flow)) {
        told.push(format!("{flow:?}: messages that we do not see"));
    }
    assert!(told.is_empty(), "{} differences\n{}", told.len(), told[..told.len().min(20)].join("\n"));
}

/// In what two readings differ.
fn differences(ours: &SipSummary, theirs: &tshark::Seen) -> Vec<(Part, String)> {
    let mut told = Vec::new();
    let mut differs = |part: Part, what: &str, ours: String, theirs: String| {
        if ours != theirs {
            told.push((part, format!("{what}: {ours:?}, theirs {theirs:?}")));
        }
    };
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    match &ours.start {
        SipStart::Request { method, uri } => {
            differs(Part::Other, "method", method.clone(), text(&theirs.method));
            differs(Part::Other, "Request-URI", uri.clone(), text(&theirs.uri));
        }
        SipStart::Response { code, .. } => {
            differs(Part::Other, "status", format!("{:?}", Some(code)), format!("{:?}", theirs.code));
        }
    }
    differs(Part::CallId, "Call-ID", ours.call_id.clone(), text(&theirs.call_id));
    differs(Part::CSeq, "CSeq", format!("{:?}", Some(ours.cseq)), format!("{:?}", theirs.cseq));
    differs(Part::CSeq, "CSeq", ours.method.clone(), text(&theirs.cseq_method));
    differs(Part::Via, "branch", ours.branch.clone(), text(&theirs.branch));
    differs(Part::From, "From", ours.from.clone(), theirs.from.record());
    differs(Part::From, "tag of From", text(&ours.from_tag), text(&theirs.from.tag));
    differs(Part::To, "To", ours.to.clone(), theirs.to.record());
    differs(Part::To, "tag of To", text(&ours.to_tag), text(&theirs.to.tag));
    let expires = ours.expires.map(|it| it.to_string()).unwrap_or_default();
    differs(Part::Expires, "Expires", expires, text(&theirs.expires));
    let contacts: Vec<_> = ours.contacts.iter().map(|it| (it.uri.clone(), it.expires)).collect();
    let theirs: Vec<_> = theirs.contacts.iter().map(|it| (it.uri.clone(), it.expires())).collect();
    differs(Part::Contact, "Contact", format!("{contacts:?}"), format!("{theirs:?}"));
    told
}
