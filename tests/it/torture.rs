//! The torture messages of RFC 4475, read from a folder of raw files beside the repository. They are not part of it: set
//! `SIPRIG_TORTURE` to a folder that holds them as `<name>.dat`, the names being those of the RFC.

use std::{fs, path::PathBuf};

use siprig::{
    event::{SipMessage, SipStart, SipSummary},
    wire::sip::{Message, looks_like_sip, read},
};

/// What must come of a message.
enum Expected {
    /// Well-formed (section 3.1.1): read without a finding.
    Clean,
    /// Read; all of these are found.
    Odd(&'static [&'static str]),
    /// Not read; the reason says this.
    Refused(&'static str),
}

use Expected::{Clean, Odd, Refused};

const MESSAGES: [(&str, Expected); 49] = [
    // 3.1.1: valid messages.
    ("wsinv", Clean),
    ("intmeth", Clean),
    ("esc01", Clean),
    ("escnull", Clean),
    ("esc02", Clean),
    ("lwsdisp", Clean),
    ("longreq", Clean),
    // What follows the first message in a datagram is to be ignored.
    ("dblreq", Odd(&["surplus bytes behind the body"])),
    ("semiuri", Clean),
    ("transports", Clean),
    ("mpart01", Clean),
    ("unreason", Clean),
    ("noreason", Clean),
    // 3.1.2: invalid messages, each refused or its fault named.
    ("badinv01", Odd(&["an empty parameter"])),
    ("clerr", Odd(&["body shorter than Content-Length"])),
    ("ncl", Odd(&["unusable Content-Length"])),
    ("scalar02", Odd(&["an unreadable CSeq number", "an unreadable number of seconds", "an unreadable Max-Forwards"])),
    ("scalarlg", Odd(&["an unreadable CSeq number", "an unreadable number of seconds"])),
    ("quotbal", Odd(&["an unbalanced quote or bracket"])),
    ("ltgtruri", Odd(&["angle brackets around the Request-URI"])),
    ("lwsruri", Odd(&["white space in the Request-URI"])),
    ("lwsstart", Odd(&["more than one space in the start line"])),
    ("trws", Odd(&["white space around the start line"])),
    ("escruri", Odd(&["headers in the Request-URI"])),
    ("baddate", Odd(&["a Date outside GMT"])),
    ("regbadct", Odd(&["headers in a URI without angle brackets"])),
    ("badaspec", Odd(&["white space around a URI"])),
    ("baddn", Refused("no blank line")),
    ("badvers", Refused("version")),
    ("mismatch01", Odd(&["the method of CSeq differs"])),
    ("mismatch02", Odd(&["the method of CSeq differs"])),
    ("bigcode", Refused("status code")),
    // 3.2 to 3.4: readable; the fault, if there is one, belongs to higher layers.
    ("badbranch", Odd(&[])),
    ("insuf", Odd(&["a required header is missing"])),
    ("unkscm", Odd(&[])),
    ("novelsc", Odd(&[])),
    ("unksm2", Odd(&[])),
    ("bext01", Odd(&[])),
    ("invut", Odd(&[])),
    ("regaut01", Odd(&[])),
    ("multi01", Odd(&["a header that is single is repeated"])),
    ("mcl01", Odd(&["repeated Content-Length", "unusable Content-Length"])),
    ("bcast", Odd(&[])),
    ("zeromf", Odd(&[])),
    ("cparam01", Odd(&[])),
    ("cparam02", Odd(&[])),
    ("regescrt", Odd(&[])),
    ("sdp01", Odd(&[])),
    ("inv2543", Odd(&[])),
];

/// The folder, or none with a word on the terminal.
fn folder() -> Option<PathBuf> {
    let default = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/torture");
    let folder = std::env::var_os("SIPRIG_TORTURE").map_or_else(default, PathBuf::from);
    if !folder.join("wsinv.dat").exists() {
        #[expect(clippy::print_stdout, reason = "a test that can not run says so")]
        {
            println!("SKIPPED: no torture messages in {}; set SIPRIG_TORTURE", folder.display());
        }
        return None;
    }
    Some(folder)
}

fn bytes(name: &str) -> Option<Vec<u8>> {
    Some(fs::read(folder()?.join(format!("{name}.dat"))).unwrap())
}

fn summary(bytes: &[u8]) -> SipSummary {
    match read(bytes) {
        SipMessage::Read(summary) => *summary,
        SipMessage::Unreadable { reason, offset } => panic!("{reason} at {offset}"),
    }
}

#[test]
fn every_torture_message_is_read_or_its_fault_is_named() {
    if folder().is_none() {
        return;
    }
    let mut wrong = Vec::new();
    for (name, expected) in MESSAGES {
        let bytes = bytes(name).unwrap();
        assert!(looks_like_sip(&bytes) || name == "badvers", "{name} would not be taken for SIP");
        let fits = match (&expected, read(&bytes)) {
            (Clean, SipMessage::Read(summary)) => summary.oddities.is_empty(),
            (Odd(found), SipMessage::Read(summary)) => {
                found.iter().all(|oddity| summary.oddities.iter().any(|found| found == oddity))
            }
            (Refused(why), SipMessage::Unreadable { reason, .. }) => reason.contains(why),
            _ => false,
        };
        if !fits {
            wrong.push(format!("{name}: {:?}", read(&bytes)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_hard_ones_of_the_valid_messages_are_read_right() {
    let Some(wsinv) = bytes("wsinv") else { return };
    let message = Message::parse(&wsinv).unwrap();
    let summary = message.summary();
    assert_eq!(message.via_branch(), Some("390skdjuw"));
    assert_eq!(message.headers("Via").count(), 3);
    assert_eq!((summary.cseq, summary.method.as_str()), (9, "INVITE"));
    assert_eq!(summary.to, "vivekg@chair-dnrc.example.com");
    assert_eq!(summary.to_tag.as_deref(), Some("1918181833n"));
    assert_eq!(summary.contacts[0].uri, "sip:jdrosen@example.com");
    assert_eq!(message.header("newfangledheader"), Some("newfangled value continued newfangled value"));
    assert_eq!(message.body().len(), 150);

    let intmeth = self::summary(&bytes("intmeth").unwrap());
    let method = "!interesting-Method0123456789_*+`.%indeed'~";
    assert_eq!((intmeth.method.as_str(), intmeth.cseq), (method, 139_122_385));
    assert_eq!(intmeth.to, "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*@example.com");
    assert_eq!(intmeth.call_id, "intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{");

    let escnull = self::summary(&bytes("escnull").unwrap());
    assert_eq!(escnull.contacts.len(), 2);
    assert!(escnull.contacts[0].uri.starts_with("sip:%00@"), "{:?}", escnull.contacts);

    let esc01 = self::summary(&bytes("esc01").unwrap());
    assert_eq!(esc01.to, "user@example.com", "%75se%72 is user");

    let longreq = Message::parse(&bytes("longreq").unwrap()).unwrap();
    assert_eq!(longreq.headers("Via").count(), 34);

    let semiuri = self::summary(&bytes("semiuri").unwrap());
    assert!(
        matches!(semiuri.start, SipStart::Request { uri, .. } if uri == "sip:user;par=u%40example.net@example.com")
    );

    let unreason = self::summary(&bytes("unreason").unwrap());
    assert!(matches!(unreason.start, SipStart::Response { code: 200, reason } if reason.starts_with("= 2**3 * 5**2 ")));
    let noreason = self::summary(&bytes("noreason").unwrap());
    assert_eq!(noreason.start, SipStart::Response { code: 100, reason: String::new() });

    let dblreq = Message::parse(&bytes("dblreq").unwrap()).unwrap();
    assert_eq!((dblreq.summary().cseq, dblreq.body()), (8, &b""[..]));

    let mpart01 = Message::parse(&bytes("mpart01").unwrap()).unwrap();
    assert_eq!(mpart01.header("Content-Length"), Some(mpart01.body().len().to_string().as_str()));
}

#[test]
fn no_torture_message_that_is_cut_anywhere_is_read_as_whole_or_panics() {
    if folder().is_none() {
        return;
    }
    for (name, _) in MESSAGES {
        let bytes = bytes(name).unwrap();
        let head = memchr::memmem::find(&bytes, b"\r\n\r\n").map_or(bytes.len(), |at| at + 4);
        for len in 0..head.min(bytes.len()) {
            assert!(Message::parse(&bytes[..len]).is_err(), "{name} cut to {len} bytes");
        }
    }
}
