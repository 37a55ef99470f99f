//! Frames that come in on the two sides of the rig, for whoever looks how it is wired.

use std::{collections::BTreeMap, time::Duration};

use siprig::{
    config::{Bench, Network, Role, Server},
    event::LinkSide,
    wire::spanning_tree,
    wiring::{Circumstances, Ear, Verdict},
};

/// Frames of one input, a millisecond apart: all within the time in which a copy is one.
const FRAMES: usize = 900;

/// What is said of them takes no more, in bytes, however many there are.
const SAID: usize = 64 << 10;

/// There is said to be a second way exactly if the same bytes came in on both sides, as a plain reader finds it that compares all
/// with all; and what is said is short. Each frame has a byte for its side ahead of it, and one for its length.
pub fn check(bytes: &[u8]) {
    let frames = frames(bytes);
    let mut ear = Ear::new(&bench(), []);
    for ((side, frame), at) in frames.iter().zip(0..) {
        ear.take(*side, at * 1_000_000, frame);
    }
    let how = Circumstances { lasted: Duration::from_secs(30), joined: true, links: [true; 2], lost: 0 };
    let findings = ear.findings(&how);
    let is_told = findings.first().is_some_and(|it| it.verdict == Verdict::Problem);
    assert_eq!(is_told, has_copies(&frames));
    let said: usize = findings.iter().map(|it| it.what.len() + it.remedy.as_ref().map_or(0, String::len)).sum();
    assert!(said < SAID, "{said} bytes");
}

fn frames(mut bytes: &[u8]) -> Vec<(LinkSide, &[u8])> {
    let mut frames = Vec::new();
    while let [side, length, rest @ ..] = bytes {
        if frames.len() == FRAMES {
            break;
        }
        let (frame, behind) = rest.split_at(usize::from(*length).min(rest.len()));
        frames.push((if side & 1 == 0 { LinkSide::Phone } else { LinkSide::Server }, frame));
        bytes = behind;
    }
    frames
}

fn has_copies(frames: &[(LinkSide, &[u8])]) -> bool {
    let counts = |frame: &[u8]| {
        frame.len() >= 12 && spanning_tree::read(frame).is_none() && !spanning_tree::is_for_bridges(frame)
    };
    let is_copy = |(side, frame): &(LinkSide, &[u8])| {
        frames.iter().any(|(other, bytes)| *side != *other && bytes == frame) && counts(frame)
    };
    frames.iter().any(is_copy)
}

fn bench() -> Bench {
    let server = Server {
        name: "a".into(),
        role: Role::Primary,
        addresses: vec![[10, 77, 0, 2].into()],
        services: BTreeMap::new(),
        names: Vec::new(),
        gateway: None,
        hook: None,
        witness: None,
    };
    Bench {
        name: "lab".to_owned(),
        network: Some(Network::between("phones", "servers")),
        servers: vec![server],
        phones: Vec::new(),
        syslog: None,
        action_uri: None,
        pbx: BTreeMap::new(),
        peers: Vec::new(),
        provisioning: None,
        licences: None,
    }
}
