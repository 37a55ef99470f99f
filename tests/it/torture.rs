//! The torture messages of RFC 4475, read from a folder of raw files beside the repository. They are not part of it: set
//! `SIPRIG_TORTURE` to a folder that holds them as `<name>.dat`, the names being those of the RFC.

use std::{fs, path::PathBuf};

use siprig::{
    event::{SipMessage, SipStart, SipSummary},
    wire::sip::{Message, Reader, looks_like_sip, read},
};

/// What must come of a message.
enum Expected {
    /// Read; this and nothing else is odd.
    Read(&'static [&'static str]),
    /// Not read; the reason says this.
    Refused(&'static str),
}

use Expected::{Read, Refused};

const MESSAGES: [(&str, Expected); 49] = [
    // 3.1.1: valid messages.
    ("wsinv", Read(&[])),
    ("intmeth", Read(&[])),
    ("esc01", Read(&[])),
    ("escnull", Read(&[])),
    ("esc02", Read(&[])),
    ("lwsdisp", Read(&[])),
    ("longreq", Read(&[])),
    // What follows the first message in a datagram is to be ignored.
    ("dblreq", Read(&["surplus bytes behind the body"])),
    ("semiuri", Read(&[])),
    ("transports", Read(&[])),
    ("mpart01", Read(&[])),
    ("unreason", Read(&[])),
    ("noreason", Read(&[])),
    // 3.1.2: invalid messages, each refused or its fault named.
    ("badinv01", Read(&["an empty parameter", "an unreadable Via"])),
    ("clerr", Read(&["body shorter than Content-Length"])),
    ("ncl", Read(&["unusable Content-Length"])),
    ("scalar02", Read(&["an unreadable number of seconds", "an unreadable CSeq number", "an unreadable Max-Forwards"])),
    ("scalarlg", Read(&["an unreadable CSeq number", "an unreadable number of seconds"])),
    ("quotbal", Read(&["an unbalanced quote or bracket"])),
    ("ltgtruri", Read(&["angle brackets around the Request-URI"])),
    ("lwsruri", Read(&["white space in the Request-URI"])),
    ("lwsstart", Read(&["more than one space in the start line"])),
    ("trws", Read(&["white space around the start line"])),
    ("escruri", Read(&["headers in the Request-URI"])),
    ("baddate", Read(&["a Date outside GMT"])),
    ("regbadct", Read(&["headers in a URI without angle brackets"])),
    ("badaspec", Read(&["white space around a URI"])),
    // The display names need quotes; but this copy of the message has no end either.
    ("baddn", Refused("no blank line")),
    ("badvers", Refused("version")),
    ("mismatch01", Read(&["the method of CSeq differs"])),
    ("mismatch02", Read(&["the method of CSeq differs"])),
    ("bigcode", Refused("status code")),
    // 3.2 to 3.4: readable; the fault, if there is one, belongs to higher layers.
    ("badbranch", Read(&["a branch that is unique to nothing"])),
    ("insuf", Read(&["a required header is missing"])),
    ("unkscm", Read(&[])),
    ("novelsc", Read(&[])),
    ("unksm2", Read(&[])),
    ("bext01", Read(&[])),
    ("invut", Read(&[])),
    ("regaut01", Read(&[])),
    ("multi01", Read(&["a header that is single is repeated", "repeated headers contradict each other"])),
    ("mcl01", Read(&["repeated Content-Length", "unusable Content-Length"])),
    ("bcast", Read(&[])),
    ("zeromf", Read(&[])),
    ("cparam01", Read(&[])),
    ("cparam02", Read(&[])),
    ("regescrt", Read(&[])),
    ("sdp01", Read(&[])),
    ("inv2543", Read(&[])),
];

/// What a message says: `Call-ID` behind the message's name, `CSeq`, branch, `From`, `To` (each with its tag), `Contact`s.
type Said =
    (&'static str, &'static str, &'static str, &'static str, &'static str, &'static str, &'static [&'static str]);

/// By the text of the RFC: all valid messages but the longest, and those of the others in which more is to be read than
/// meets the eye. A name alone ends the `Call-ID` of a message that begins it otherwise.
const SAID: [Said; 26] = [
    (
        "wsinv",
        "ndaksdj@192.0.2.1",
        "9 INVITE",
        "390skdjuw",
        "jdrosen@example.com;98asjd8",
        "vivekg@chair-dnrc.example.com;1918181833n",
        &["sip:jdrosen@example.com q=330"],
    ),
    (
        "intmeth",
        "word%ZK-!.*_+'@word`~)(><:\\/\"][?}{",
        "139122385 !interesting-Method0123456789_*+`.%indeed'~",
        "z9hG4bK-.!%66*_+`'~",
        "mundane@example.com;_token~1'+`*%!-.",
        "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*@example.com",
        &[],
    ),
    (
        "esc01",
        "239409asdfakjkn23onasd0-3234",
        "234234 INVITE",
        "z9hG4bKkdjuw",
        "I%20have%20spaces@example.net;938",
        // `%75se%72` is `user`.
        "user@example.com",
        &["sip:cal%6Cer@host5.example.net;%6C%72;n%61me=v%61lue%25%34%31"],
    ),
    (
        "escnull",
        "39203ndfvkjdasfkq3w4otrq0adsfdfnavd",
        "14398234 REGISTER",
        "z9hG4bKkdjuw",
        "null-%00-null@example.com;839923423",
        "null-%00-null@example.com",
        &["sip:%00@host5.example.com", "sip:%00%00@host5.example.com"],
    ),
    (
        "esc02",
        "asdfnqwo34rq23i34jrjasdcnl23nrlknsdf",
        // Not REGISTER, and `C%6Fntact` is not `Contact`.
        "29344 RE%47IST%45R",
        "z9hG4bK209%fzsnel234",
        "resource@example.com;f232jadfj23",
        "resource@example.com",
        &["sip:alias1@host1.example.com", "sip:alias3@host3.example.com"],
    ),
    (
        "lwsdisp",
        "1234abcd@funky.example.com",
        "60 OPTIONS",
        "z9hG4bKkdjuw",
        "caller@example.com;323",
        "user@example.com",
        &[],
    ),
    (
        "dblreq",
        "0ha0isndaksdj99sdfafnl3lk233412",
        "8 REGISTER",
        "z9hG4bKkdjuw23492",
        "j.user@example.com;43251j3j324",
        "j.user@example.com",
        &["sip:j.user@host.example.com"],
    ),
    ("semiuri", "0ha0isndaksdj", "8 OPTIONS", "z9hG4bKkdjuw", "caller@example.org;33242", "j_user@example.com", &[]),
    (
        "transports",
        "kijh4akdnaqjkwendsasfdj",
        "60 OPTIONS",
        "z9hG4bKkdjuw",
        "caller@example.com;323",
        "user@example.com",
        &[],
    ),
    (
        "mpart01",
        "3d9485ad0c49859b@Zmx1ZmZ5LW1hYy0xNi5sb2NhbA..",
        "1 MESSAGE",
        "z9hG4bK-d87543-4dade06d0bdb11ee-1--d87543-",
        "fluffy@example.com;2fb0dcc9",
        "kumiko@example.org",
        &["sip:fluffy@127.0.0.1:5070"],
    ),
    (
        "unreason",
        "1234ksdfak3j2erwedfsASdf",
        "35 INVITE",
        "z9hG4bK1324923",
        "user@example.com;11141343",
        "user@example.edu;2229",
        &["sip:user@host198.example.com"],
    ),
    (
        "noreason",
        "asndj203insdf99223ndf",
        "35 INVITE",
        "z9hG4bK2398ndaoe",
        "user@example.com;39ansfi3",
        "user@example.edu;902jndnke3",
        &["sip:user@host105.example.com"],
    ),
    (
        "badinv01",
        "0ha0isndaksdjasdf3234nas",
        "8 INVITE",
        "",
        "caller@example.net;134161461246",
        "j.user@example.com",
        &["sip:joe@example.org"],
    ),
    (
        // Numbers beyond their range are none.
        "scalar02",
        "23o0pd9vanlq3wnrlnewofjas9ui32",
        "0 REGISTER",
        "z9hG4bK342sdfoi3",
        "user@example.com;239232jh3",
        "user@example.com",
        &["sip:user@host129.example.com"],
    ),
    (
        "quotbal",
        "aksdj",
        "8 INVITE",
        "z9hG4bKkdjuw39234",
        "caller@example.net;93334",
        // A missing quote can be supplied in one place only.
        "j.user@example.com",
        &["sip:caller@host59.example.net"],
    ),
    (
        "regbadct",
        "k345asrl3fdbv@10.0.0.1",
        "1 REGISTER",
        "z9hG4bKkdjuw",
        "user@example.com;998332",
        "user@example.com",
        &["sip:user@example.com?Route=%3Csip:sip.example.com%3E"],
    ),
    (
        "badaspec",
        "sdf0234n2nds0a099u23h3hnnw009cdkne3",
        "3923239 OPTIONS",
        "z9hG4bKkdju43234",
        "a.g.bell@example.com;433423",
        "t.watson@example.org",
        &[],
    ),
    ("mismatch01", "dj0234sxdfl3", "8 INVITE", "z9hG4bKkdjuw", "caller@example.net;34525", "j.user@example.com", &[]),
    ("insuf", "", "193942 INVITE", "z9hG4bKkdj.insuf", "", "", &[]),
    (
        "unksm2",
        "daksdj@hyphenated-host.example.com",
        "234902 REGISTER",
        "z9hG4bKkdjuw",
        "http://www.example.com;3234233",
        "isbn:2983792873",
        &["name:John_Smith"],
    ),
    // Said in two ways each: nobody knows which one a receiver takes. Contacts may be several.
    ("multi01", "", "0 ", "z9hG4bKkdjuw", "", "", &["sip:caller@host25.example.net", "sip:caller@host36.example.net"]),
    (
        "bcast",
        "0384840201234ksdfak3j2erwedfsASdf",
        "35 INVITE",
        "z9hG4bK1324923",
        "user@example.com;11141343",
        "user@example.edu;2229",
        &["sip:user@host28.example.com"],
    ),
    (
        "cparam01",
        "70710@saturn.example.com",
        "2 REGISTER",
        "z9hG4bKkdjuw",
        "watson@example.com;DkfVgjkrtMwaerKKpe",
        "watson@example.com",
        // Without brackets the parameter is the header's.
        &["sip:+19725552222@gw1.example.net"],
    ),
    (
        "cparam02",
        "70710@saturn.example.com",
        "3 REGISTER",
        "z9hG4bKkdjuw",
        "watson@example.com;838293",
        "watson@example.com",
        &["sip:+19725552222@gw1.example.net;unknownparam"],
    ),
    (
        "regescrt",
        "k345asrl3fdbv@192.0.2.1",
        "14398234 REGISTER",
        "z9hG4bKkdjuw",
        "user@example.com;8",
        "user@example.com",
        &["sip:user@example.com?Route=%3Csip:sip.example.com%3E"],
    ),
    (
        "inv2543",
        "1717@ift.client.example.com",
        "56 INVITE",
        "",
        "+13035551111@ift.client.example.net",
        "+16505552222@ss1.example.net",
        &[],
    ),
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
            (Read(oddities), SipMessage::Read(summary)) => summary.oddities == *oddities,
            (Refused(why), SipMessage::Unreadable { reason, .. }) => reason.contains(why),
            _ => false,
        };
        if !fits {
            wrong.push(format!("{name}: {:?}", read(&bytes)));
        }
        assert_eq!(Reader::by_shape().read(&bytes), read(&bytes), "{name}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_torture_messages_say_is_read_as_the_rfc_explains_it() {
    if folder().is_none() {
        return;
    }
    for (name, call_id, cseq, branch, from, to, contacts) in SAID {
        let read = summary(&bytes(name).unwrap());
        let call_id_read = read.call_id.strip_prefix(&format!("{name}.")).unwrap_or(&read.call_id);
        assert_eq!(call_id_read, call_id, "{name}");
        assert_eq!(format!("{} {}", read.cseq, read.method), cseq, "{name}");
        assert_eq!(read.branch, branch, "{name}");
        let party = |record: &str, tag: Option<String>| {
            format!("{record}{}", tag.map(|tag| format!(";{tag}")).unwrap_or_default())
        };
        assert_eq!(party(&read.from, read.from_tag), from, "{name}");
        assert_eq!(party(&read.to, read.to_tag), to, "{name}");
        let q = |q: Option<u16>| q.map(|q| format!(" q={q}")).unwrap_or_default();
        let named: Vec<_> = read.contacts.iter().map(|contact| format!("{}{}", contact.uri, q(contact.q))).collect();
        assert_eq!(named, contacts, "{name}");
        let lifetimes = read.contacts.iter().map(|contact| contact.expires).chain([read.expires, read.retry_after]);
        assert_eq!(lifetimes.flatten().count(), 0, "{name}");
    }
}

#[test]
fn what_else_the_valid_messages_say_is_read_right() {
    let Some(wsinv) = bytes("wsinv") else { return };
    let message = Message::parse(&wsinv).unwrap();
    assert_eq!(message.headers("Via").count(), 3);
    assert_eq!(message.header("newfangledheader"), Some("newfangled value continued newfangled value"));
    assert_eq!((message.header("Subject"), message.header("Max-Forwards")), (Some(""), Some("0068")));
    assert_eq!(message.header("UnknownHeaderWithUnusualValue"), Some(";;,,;;,;"));
    assert_eq!(message.body().len(), 150);

    let longreq = Message::parse(&bytes("longreq").unwrap()).unwrap();
    let vias: Vec<_> = longreq.headers("Via").collect();
    assert_eq!((vias.len(), vias[0], vias[33].len()), (34, "SIP/2.0/TCP sip33.example.com", 270));
    let summary = longreq.summary();
    assert_eq!((summary.call_id.len(), summary.cseq, summary.branch.as_str()), (141, 3_882_340, ""));
    assert_eq!((summary.from.len(), summary.from_tag.as_ref().unwrap().len()), (127, 155));
    assert_eq!((summary.to.as_str(), summary.contacts[0].uri.len()), ("user@example.com", 137));

    let uri = |name: &str| match self::summary(&bytes(name).unwrap()).start {
        SipStart::Request { uri, .. } => uri,
        SipStart::Response { .. } => panic!("{name} is a response"),
    };
    assert_eq!(uri("wsinv"), "sip:vivekg@chair-dnrc.example.com;unknownparam");
    assert_eq!(uri("semiuri"), "sip:user;par=u%40example.net@example.com");
    assert_eq!(uri("esc01"), "sip:sips%3Auser%40example.com@example.net");
    assert_eq!(
        uri("intmeth"),
        "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com"
    );

    let unreason = self::summary(&bytes("unreason").unwrap());
    let reason = "= 2**3 * 5**2 \u{43d}\u{43e} \u{441}\u{442}\u{43e} ";
    assert!(
        matches!(unreason.start, SipStart::Response { code: 200, reason: read } if read.starts_with(reason) && read.chars().count() == 47)
    );
    let noreason = self::summary(&bytes("noreason").unwrap());
    assert_eq!(noreason.start, SipStart::Response { code: 100, reason: String::new() });

    let dblreq = Message::parse(&bytes("dblreq").unwrap()).unwrap();
    assert_eq!(dblreq.body(), b"");
    let transports = Message::parse(&bytes("transports").unwrap()).unwrap();
    assert_eq!(transports.headers("Via").nth(3), Some("SIP/2.0/UNKNOWN t4.example.com;branch=z9hG4bKasd0f3en"));

    let mpart01 = Message::parse(&bytes("mpart01").unwrap()).unwrap();
    assert_eq!(mpart01.header("Content-Length"), Some(mpart01.body().len().to_string().as_str()));
    assert_eq!(mpart01.summary().content_type.as_deref(), Some("multipart/mixed"));
    let regaut01 = self::summary(&bytes("regaut01").unwrap());
    assert_eq!((regaut01.authorized, regaut01.nonce), (true, None));
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
