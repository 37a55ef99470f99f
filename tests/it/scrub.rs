//! Captures of real software, scrubbed: nothing of who it was is left in them, and they tell the same.

use std::{
    collections::BTreeSet,
    fs,
    io::Cursor,
    net::IpAddr,
    path::{Path, PathBuf},
    process::Command,
};

use siprig::{
    analysis::{Analysis, Settings},
    config::Role,
    wire::{
        capture::{CaptureCopy, CaptureReader},
        frame::{Body, Content, Frame, LinkType},
        scrub::{Key, Scrubber},
        sip::Message,
    },
};

/// The servers of every bench that was recorded: primary and backup.
const SERVERS: [(&str, Role); 4] =
    [("10.77.0.2", Role::Primary), ("fd77::2", Role::Primary), ("10.77.0.3", Role::Backup), ("fd77::3", Role::Backup)];

/// Texts that name somebody in the recorded captures, besides addresses.
const NAMES: [&str; 2] = ["bench.test", "siprig-virtual"];

fn captures() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let fixtures = root.join("fixtures/captures").read_dir().unwrap().map(|entry| entry.unwrap().path());
    let sample =
        root.join("reports/sample").read_dir().unwrap().map(|entry| entry.unwrap().path().join("capture.pcapng"));
    let found: Vec<_> =
        fixtures.chain(sample).filter(|path| path.extension().is_some_and(|it| it == "pcapng")).collect();
    assert!(found.len() >= 8, "{found:?}");
    found
}

/// A key that is the same each time.
fn key(digits: &str) -> Key {
    digits.repeat(64 / digits.len()).parse().unwrap()
}

/// A frame as the capture has it.
struct Kept {
    interface: (u32, LinkType),
    unix_ns: i64,
    original_len: u32,
    bytes: Vec<u8>,
    comment: Option<String>,
}

fn read(capture: &[u8]) -> Vec<Kept> {
    let mut reader = CaptureReader::new(Cursor::new(capture)).unwrap();
    let mut frames = Vec::new();
    while let Some(captured) = reader.next() {
        let captured = captured.unwrap();
        frames.push(Kept {
            interface: (captured.interface, captured.link),
            unix_ns: captured.unix_ns,
            original_len: captured.original_len,
            bytes: captured.bytes.to_vec(),
            comment: captured.comment.map(|comment| comment.into_owned()),
        });
    }
    frames
}

fn scrubbed(capture: &[u8], scrubber: &mut Scrubber<Kept>) -> Vec<u8> {
    let mut out = CaptureCopy::new(Vec::new()).unwrap();
    let mut write = |scrubber: &mut Scrubber<Kept>| {
        while let Some((kept, bytes)) = scrubber.pop() {
            let comment = kept.comment.map(|comment| scrubber.comment(&comment));
            out.write(kept.interface, kept.unix_ns, kept.original_len, &bytes, comment.as_deref()).unwrap();
        }
    };
    for mut kept in read(capture) {
        let bytes = std::mem::take(&mut kept.bytes);
        scrubber.push(kept.interface.1, bytes, kept);
        write(scrubber);
    }
    scrubber.finish();
    write(scrubber);
    out.into_inner()
}

/// What `siprig analyze --json` says.
fn analysed(capture: &[u8], servers: impl IntoIterator<Item = (String, Role)>) -> serde_json::Value {
    let mut settings = Settings::default();
    for (address, role) in servers {
        settings.name_server(address.parse().unwrap(), role);
    }
    let mut analysis = Analysis::new(settings);
    let mut reader = CaptureReader::new(Cursor::new(capture)).unwrap();
    while let Some(captured) = reader.next() {
        analysis.take(&captured.unwrap());
    }
    serde_json::from_str(&analysis.finish().document.to_json().unwrap()).unwrap()
}

/// The document with every name replaced, sorted as the analysis sorts.
fn renamed(value: serde_json::Value, key: &str, scrubber: &mut Scrubber<Kept>) -> serde_json::Value {
    use serde_json::Value;
    match value {
        Value::String(text) => Value::String(match key {
            "aor" | "address" | "mac" | "server" | "from_server" | "to_server" | "caller" | "callee" | "tried" => {
                scrubber.identity(&text)
            }
            // A word of nobody's; it names the same call in another one's place.
            "call_id" => String::new(),
            "contact" | "redirected_to" => {
                let (scheme, rest) = text.split_once(':').unwrap();
                let (place, parameters) = rest.split_at(rest.find(';').unwrap_or(rest.len()));
                let port = place.rfind(':').filter(|at| place[at + 1..].parse::<u16>().is_ok());
                let (place, port) = place.split_at(port.unwrap_or(place.len()));
                format!("{scheme}:{}{port}{parameters}", scrubber.identity(place))
            }
            // It may name a server.
            "why_null" => {
                let is_address = |word: &str| word.trim_matches([',', ';']).parse::<IpAddr>().is_ok();
                let words = text.split(' ');
                let words = words.map(|word| if is_address(word) { scrubber.identity(word) } else { word.to_owned() });
                words.collect::<Vec<_>>().join(" ")
            }
            _ => text,
        }),
        Value::Array(items) => {
            let mut items: Vec<_> = items.into_iter().map(|item| renamed(item, key, scrubber)).collect();
            if matches!(key, "phones" | "servers" | "refusals") {
                items.sort_by_key(ToString::to_string);
            }
            Value::Array(items)
        }
        Value::Object(fields) => Value::Object(
            fields.into_iter().map(|(key, field)| (key.clone(), renamed(field, &key, scrubber))).collect(),
        ),
        other => other,
    }
}

fn sorted(value: serde_json::Value) -> serde_json::Value {
    renamed(value, "", &mut Scrubber::secrets())
}

/// Where two documents differ first.
fn difference(found: &serde_json::Value, expected: &serde_json::Value, at: &str) -> Option<String> {
    use serde_json::Value;
    match (found, expected) {
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            let both = one.iter().zip(other).enumerate();
            both.into_iter().find_map(|(index, (one, other))| difference(one, other, &format!("{at}/{index}")))
        }
        (Value::Object(one), Value::Object(other)) if one.keys().eq(other.keys()) => {
            let mut both = one.iter().zip(other.values());
            both.find_map(|((key, one), other)| difference(one, other, &format!("{at}/{key}")))
        }
        _ => (found != expected).then(|| format!("{at}: {found} instead of {expected}")),
    }
}

#[test]
fn a_scrubbed_capture_tells_the_same_of_lines_servers_times_and_moves() {
    for path in captures() {
        let capture = fs::read(&path).unwrap();
        let servers = || SERVERS.map(|(address, role)| (address.to_owned(), role));
        let original = analysed(&capture, servers());
        assert!(!original["phones"].as_array().unwrap().is_empty(), "{}", path.display());
        for digits in ["5a", "17f3"] {
            let mut scrubber = Scrubber::pseudonyms(&key(digits));
            let out = scrubbed(&capture, &mut scrubber);
            let renamed_servers = servers().map(|(address, role)| (scrubber.identity(&address), role));
            let found = sorted(analysed(&out, renamed_servers));
            let expected = renamed(original.clone(), "", &mut scrubber);
            assert_eq!(difference(&found, &expected, ""), None, "{}", path.display());
        }
        assert_eq!(analysed(&scrubbed(&capture, &mut Scrubber::secrets()), servers()), original, "{}", path.display());
    }
}

#[test]
fn nothing_of_who_it_was_is_left() {
    let (mut present, mut all) = (0, 0);
    for path in captures() {
        let capture = fs::read(&path).unwrap();
        let mut texts: BTreeSet<String> = NAMES.map(str::to_owned).into();
        let mut bytes: BTreeSet<Vec<u8>> = BTreeSet::new();
        for phone in analysed(&capture, [])["phones"].as_array().unwrap() {
            if let Some((user, host)) = phone["aor"].as_str().and_then(|aor| aor.split_once('@')) {
                texts.extend([
                    format!("sip:{user}@"),
                    format!("sip:{user}-"),
                    format!("\"{user}\""),
                    format!("@{host}"),
                ]);
            }
            if let Some(mac) = phone["mac"].as_str() {
                texts.insert(mac[9..].to_owned());
                bytes.insert(mac[9..].split(':').map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect());
            }
            let address = phone["address"].as_str().unwrap().to_owned();
            bytes.insert(match address.parse().unwrap() {
                IpAddr::V4(address) => address.octets().to_vec(),
                IpAddr::V6(address) => address.octets().to_vec(),
            });
            texts.insert(address);
        }
        assert!(texts.len() > NAMES.len() && !bytes.is_empty(), "{texts:?}");
        let holds = |capture: &[u8], text: &[u8]| {
            read(capture).iter().any(|kept| memchr::memmem::find(&kept.bytes, text).is_some())
        };
        // One number of 900 is its own pseudonym; under this key it is none of these.
        let mut scrubber = Scrubber::pseudonyms(&key("5b"));
        let out = scrubbed(&capture, &mut scrubber);
        for text in texts.iter().map(|text| text.as_bytes().to_vec()).chain(bytes) {
            all += 1;
            present += u32::from(holds(&capture, &text));
            assert!(!holds(&out, &text), "{}: {} is left", path.display(), String::from_utf8_lossy(&text));
        }
    }
    assert!(present * 2 > all, "{present} of {all} are in the originals");
}

/// A remark of siprig's without the name of the server.
fn nameless(comment: &Option<String>) -> Option<String> {
    let words = comment.as_ref()?.split(' ');
    let mut previous = "";
    let words = words.map(|word| if std::mem::replace(&mut previous, word) == "of" { "SERVER" } else { word });
    Some(words.collect::<Vec<_>>().join(" "))
}

#[test]
fn every_message_is_as_long_and_as_readable_as_it_was() {
    let mut messages = 0;
    for path in captures() {
        let capture = fs::read(&path).unwrap();
        let out = scrubbed(&capture, &mut Scrubber::pseudonyms(&key("5a")));
        let (before, after) = (read(&capture), read(&out));
        assert_eq!(before.len(), after.len());
        for (before, after) in before.iter().zip(&after) {
            assert_eq!((before.unix_ns, before.bytes.len()), (after.unix_ns, after.bytes.len()));
            assert_eq!(nameless(&before.comment), nameless(&after.comment), "remarks of siprig stay");
            let message = |kept: &Kept| {
                let frame = Frame::parse_as(kept.interface.1, &kept.bytes).ok()?;
                let Content::Ip(packet) = frame.content else { return None };
                let Body::Udp { payload, .. } = packet.body else { return None };
                Message::parse(payload).ok()
            };
            let (Some(before), Some(after)) = (message(before), message(after)) else { continue };
            messages += 1;
            for name in
                ["CSeq", "Expires", "Max-Forwards", "Allow", "Content-Length", "User-Agent", "Server", "Supported"]
            {
                assert_eq!(before.header(name), after.header(name));
            }
            assert_eq!(before.header("Authorization").is_some(), after.header("Authorization").is_some());
            assert_eq!(before.summary().oddities, after.summary().oddities);
        }
    }
    assert!(messages > 300, "{messages}");
}

/// Fields of every packet as tshark tells them; none if it is not installed.
fn tshark(capture: &Path, filter: &str, fields: &[&str]) -> Option<Vec<String>> {
    let sums = ["ip", "udp", "tcp"].map(|layer| format!("{layer}.check_checksum:TRUE"));
    let mut command = Command::new("tshark");
    command.arg("-n").args(sums.iter().flat_map(|option| ["-o", option])).arg("-r").arg(capture);
    command.args(["-Y", filter, "-T", "fields"]).args(fields.iter().flat_map(|field| ["-e", field]));
    match command.output() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            #[expect(clippy::print_stdout, reason = "a test that can not run says so")]
            {
                println!("SKIPPED: there is no `tshark` here");
            }
            None
        }
        output => {
            let output = output.unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            Some(String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect())
        }
    }
}

#[test]
fn tshark_finds_the_same_signalling_and_every_check_sum_right() {
    let directory = tempfile::tempdir().unwrap();
    for path in captures() {
        let capture = fs::read(&path).unwrap();
        let out = directory.path().join("scrubbed.pcapng");
        fs::write(&out, scrubbed(&capture, &mut Scrubber::pseudonyms(&key("5a")))).unwrap();
        let layers = ["ip", "udp", "tcp", "icmp", "icmpv6"];
        let with = |status: &str| layers.map(|layer| format!("{layer}.checksum.status == {status}")).join(" || ");
        let wrong = with("Bad") + " || _ws.malformed";
        let Some(found) = tshark(&out, &wrong, &["frame.number"]) else { return };
        assert_eq!(found, [] as [&str; 0], "{}", path.display());
        let good = tshark(&out, &with("Good"), &["frame.number"]).unwrap();
        assert!(good.len() > 40, "{}: {}", path.display(), good.len());
        let fields = [
            "frame.number",
            "sip.Method",
            "sip.Status-Code",
            "sip.CSeq",
            "sip.Expires",
            "sip.User-Agent",
            "udp.srcport",
            "udp.dstport",
            "tcp.seq_raw",
            "tcp.len",
            "arp.opcode",
        ];
        assert_eq!(tshark(&out, "frame", &fields), tshark(&path, "frame", &fields), "{}", path.display());
    }
}
