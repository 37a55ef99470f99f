//! The same captures as Wireshark's own programs read and write them. Without those programs these tests are skipped, and
//! say so.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::*;

/// Recorded between real phones and servers, and written by us.
const RECORDED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/captures/real-failover-udp.pcapng");

/// What tshark tells of a packet, in this order.
const FIELDS: [&str; 5] = ["frame.time_epoch", "frame.cap_len", "frame.len", "frame.interface_id", "frame.comment"];

/// Standard output of a program; none, and a line that says so, if it is not installed.
fn run(program: &str, arguments: &[&str]) -> Option<String> {
    let output = match Command::new(program).args(arguments).output() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            println!("SKIPPED: there is no `{program}` here");
            return None;
        }
        output => output.unwrap(),
    };
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

/// A packet by what both readers tell: stamp, captured and original length, interface, comment. A simple packet has no
/// stamp for tshark.
type Told = (Option<i64>, usize, u32, u32, String);

fn tshark(file: &Path) -> Option<Vec<Told>> {
    let mut arguments = vec!["-n", "-r", file.to_str().unwrap(), "-T", "fields", "-E", "aggregator=|"];
    arguments.extend(FIELDS.iter().flat_map(|field| ["-e", field]));
    let text = run("tshark", &arguments)?;
    let told = text.lines().map(|line| {
        let fields: Vec<&str> = line.split('\t').collect();
        let stamp = fields[0].split_once('.').map(|(seconds, fraction)| {
            assert_eq!(fraction.len(), 9, "{line}");
            seconds.parse::<i64>().unwrap() * 1_000_000_000 + fraction.parse::<i64>().unwrap()
        });
        let interface = fields[3].parse().unwrap_or(0);
        (stamp, fields[1].parse().unwrap(), fields[2].parse().unwrap(), interface, fields[4].to_owned())
    });
    Some(told.collect())
}

/// Compares what we read with what tshark does; how many packets there are, or none if it is not installed.
fn compare(file: &Path) -> Option<usize> {
    let theirs = tshark(file)?;
    let (ours, _) = read(fs::File::open(file).unwrap()).unwrap();
    assert_eq!(ours.len(), theirs.len(), "{}", file.display());
    for (our, their) in ours.iter().zip(&theirs) {
        let stamp = their.0.map(|_| our.unix_ns);
        let comment = our.comment.clone().unwrap_or_default().replace('\n', "|");
        assert_eq!(&(stamp, our.bytes.len(), our.original_len, our.interface, comment), their, "{}", file.display());
    }
    Some(ours.len())
}

#[test]
fn tshark_reads_every_variant_as_we_do() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("made");
    for (index, file) in samples().into_iter().enumerate() {
        fs::write(&path, &file.bytes).unwrap();
        let Some(count) = compare(&path) else { return };
        assert!(count >= 2, "{index}");
    }
    for (order, offset) in [(Little, 3600_i64.to_le_bytes()), (Big, 3600_i64.to_be_bytes())] {
        let resolutions = [0_u8, 3, 6, 9, 0x80, 0x94, 0xA0];
        let mut file = Made::empty(order).section(order);
        for resolution in resolutions {
            file = file.interface(1, 0, &[(RESOLUTION, &[resolution]), (OFFSET, &offset)]);
        }
        for (interface, resolution) in (0..).zip(resolutions) {
            let second = match u32::from(resolution & 0x7F) {
                power if resolution & 0x80 == 0 => 10_u64.pow(power),
                power => 1 << power,
            };
            let comments: Options<'_> = &[(COMMENT, b"one"), (COMMENT, b"two")];
            file = file.packet(interface, 1_790_000_000 * second + 1, 4, b"abcd", comments);
        }
        fs::write(&path, &file.bytes).unwrap();
        assert_eq!(compare(&path), Some(resolutions.len()));
    }
}

#[test]
fn what_wireshark_makes_of_a_capture_is_read_as_the_capture() {
    let directory = tempfile::tempdir().unwrap();
    let place = |name: &str| -> PathBuf { directory.path().join(name) };
    let recorded = read(fs::File::open(RECORDED).unwrap()).unwrap().0;
    assert!(recorded.len() > 50, "{}", recorded.len());
    let pcapng = place("recorded.pcapng");
    for (format, options, unit) in [
        ("pcapng", &[][..], 1),
        ("pcap", &[], 1000),
        ("nsecpcap", &[], 1),
        ("nsecpcap", &["-s", "60"], 1),
        ("pcapng", &["-s", "60"], 1),
    ] {
        let made = place(format);
        let mut arguments = vec!["-F", format];
        arguments.extend(options);
        arguments.extend([RECORDED, made.to_str().unwrap()]);
        if run("editcap", &arguments).is_none() {
            return;
        }
        compare(&made);
        let (read, ending) = read(fs::File::open(&made).unwrap()).unwrap();
        assert_eq!((read.len(), ending), (recorded.len(), Ending::Whole), "{format}");
        for (read, recorded) in read.iter().zip(&recorded) {
            assert_eq!(read.unix_ns, recorded.unix_ns / unit * unit);
            assert_eq!((read.link, read.original_len), (1, recorded.original_len));
            assert!(read.bytes == recorded.bytes || read.bytes == recorded.bytes[..60]);
        }
    }
    let modified = place("modified");
    let arguments = ["-F", "modpcap", RECORDED, modified.to_str().unwrap()];
    run("editcap", &arguments);
    let error = CaptureReader::new(fs::File::open(&modified).unwrap()).unwrap_err();
    assert!(matches!(error, CaptureError::Modified), "{error}");

    // Two captures in one, each with interfaces of its own.
    let both = place("both");
    fs::copy(RECORDED, &pcapng).unwrap();
    run("mergecap", &["-w", both.to_str().unwrap(), "-I", "none", RECORDED, pcapng.to_str().unwrap()]);
    assert_eq!(compare(&both), Some(2 * recorded.len()));
}

#[test]
fn raw_packets_that_wireshark_made_of_text_are_read() {
    let directory = tempfile::tempdir().unwrap();
    let (text, made) = (directory.path().join("text"), directory.path().join("made"));
    fs::write(
        &text,
        "0000  45 00 00 1d 00 01 00 00 40 11 00 00 0a 4d 00 0b\n0010  0a 4d 00 02 13 c4 13 c4 00 09 00 00 78\n",
    )
    .unwrap();
    let names = [text.to_str().unwrap(), made.to_str().unwrap()];
    for format in ["pcap", "nsecpcap", "pcapng"] {
        let arguments = [&["-q", "-F", format, "-l", "101"][..], &names].concat();
        if run("text2pcap", &arguments).is_none() {
            return;
        }
        assert_eq!(compare(&made), Some(1));
        let mut reader = CaptureReader::new(fs::File::open(&made).unwrap()).unwrap();
        let captured = reader.next().unwrap().unwrap();
        assert_eq!((captured.link, captured.bytes.len()), (LinkType::Raw, 29));
        assert!(captured.frame().is_ok());
    }
}

#[test]
fn wireshark_reads_what_we_write_to_the_end() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ours.pcapng");
    let mut writer = crate::wire::capture::CaptureWriter::new(Vec::new()).unwrap();
    let side = crate::wire::capture::Side::Server;
    let comments =
        ["siprig: dropped by outage 1".to_owned(), "siprig: outage 1 of a began 1.000000000 ±0.000000001".to_owned()];
    writer.write(side, 1_790_000_000_123_456_789, 60, &[7; 42], &comments).unwrap();
    writer.remark(1_790_000_001_000_000_001, &comments).unwrap();
    fs::write(&path, writer.into_inner()).unwrap();
    assert_eq!(read(fs::File::open(&path).unwrap()).unwrap().0.len(), 1);
    if compare(&path).is_none() {
        return;
    }
    let info = run("capinfos", &["-A", path.to_str().unwrap()]).unwrap_or_default();
    assert!(info.contains("Number of packets:   1"), "{info}");
}
