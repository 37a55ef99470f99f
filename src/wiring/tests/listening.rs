//! What came in on the two sides.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::LazyLock,
    time::Duration,
};

use proptest::prelude::*;

use super::*;
use crate::{
    config::{Bench, Mac, document::Document, load},
    wire::frame::udp_frame,
};

const BENCH: &str = r#"
[bench]
name = "lab"
[network]
phone-side = "enp3s0"
server-side = "enp4s0"
[[server]]
name = "a"
role = "primary"
addresses = ["10.77.0.2"]
[[server]]
name = "b"
role = "backup"
addresses = ["10.77.0.3"]
[[phone]]
name = "p1"
model = "aastra-6731i"
mac = "00:08:5d:77:00:0b"
extension = "1001"
[[phone]]
name = "p2"
model = "aastra-6731i"
mac = "00:08:5d:77:00:0c"
extension = "1002"
"#;

const PHONE: LinkSide = LinkSide::Phone;
const SERVER: LinkSide = LinkSide::Server;
/// Of this machine.
const OWN: Mac = Mac([2, 0, 0, 0, 0, 0x99]);
/// The switches of both sides.
const SWITCHES: [u8; 2] = [0xa1, 0xa2];

const HOW: Circumstances = Circumstances { lasted: Duration::from_secs(30), joined: true, links: [true; 2], lost: 0 };

/// Read once: the models take a while.
fn bench() -> Bench {
    static READ: LazyLock<Bench> = LazyLock::new(|| {
        let document = Document::parse(PathBuf::from("lab.toml"), BENCH.to_owned(), &[]).unwrap();
        load::checked_bench(&document, Path::new(load::RIG)).unwrap().0
    });
    READ.clone()
}

/// Frames that come in one after the other.
struct Wire {
    ear: Ear,
    at: i64,
    vlan: Option<u16>,
}

impl Wire {
    fn new() -> Self {
        Self { ear: Ear::new(&bench(), [OWN]), at: 0, vlan: None }
    }

    /// A lab in which phones p1 and p2 come in on `sides[0]`, and servers a and b on `sides[1]`.
    fn of_lab(sides: [LinkSide; 2]) -> Self {
        let mut wire = Self::new();
        [11, 12].into_iter().for_each(|last| wire.speaks(last, sides[0]));
        [2, 3].into_iter().for_each(|last| wire.speaks(last, sides[1]));
        wire
    }

    fn comes(&mut self, side: LinkSide, bytes: &[u8]) {
        self.at += 1_000_000;
        self.ear.take(side, self.at, bytes);
    }

    /// What the host with this last byte of its address says to somebody.
    fn datagram(&self, last: u8, port: u16, to: u16, payload: &[u8]) -> Vec<u8> {
        let mac = match last {
            11.. => Mac([0, 8, 0x5d, 0x77, 0, last]),
            _ => Mac([2, 0, 0, 0, 0, last]),
        };
        let end = |last, port| SocketAddr::from(([10, 77, 0, last], port));
        udp_frame(mac, Mac([2, 0, 0, 0, 0, 0xfe]), self.vlan, end(last, port), end(0xfe, to), payload)
    }

    fn speaks(&mut self, last: u8, side: LinkSide) {
        let bytes = self.datagram(last, 5060, 5060, &self.at.to_be_bytes());
        self.comes(side, &bytes);
    }

    /// A rapid spanning tree frame of a switch, from a designated port.
    fn tree(&mut self, side: LinkSide, switch: u8, forwards: bool) {
        let id = [0x80, 0, 0, 0x1b, 0x54, 0, 0, switch];
        let flags = if forwards { 0x3c } else { 0x0e };
        let bytes = [
            &[1, 0x80, 0xc2, 0, 0, 0, 0, 0x1b, 0x54, 0, 1, switch, 0, 39, 0x42, 0x42, 3, 0, 0, 2, 2, flags][..],
            &[0x80, 0, 0, 0x1b, 0x54, 0, 0, 1, 0, 0, 0, 4],
            &id,
            &[0; 12],
        ];
        self.comes(side, &bytes.concat());
    }

    fn findings(&self) -> Vec<Finding> {
        self.ear.findings(&HOW)
    }
}

/// What is unknown, and why.
fn unknown(findings: &[Finding]) -> Vec<String> {
    let unknown = findings.iter().filter(|it| it.verdict == Verdict::Unknown);
    unknown.map(|it| format!("{}: {}", it.what, it.remedy.clone().unwrap_or_default())).collect()
}

fn has(told: &[impl AsRef<str>], words: &str) -> bool {
    told.iter().any(|it| it.as_ref().contains(words))
}

#[test]
fn a_lab_that_is_wired_rightly() {
    let mut wire = Wire::of_lab([PHONE, SERVER]);
    let offer = wire.datagram(2, 67, 68, &[2, 1, 6, 0]);
    wire.comes(SERVER, &offer);
    insta::assert_snapshot!(told(&wire.findings()));
}

#[test]
fn exchanged_cables_are_one_finding() {
    let mut wire = Wire::of_lab([SERVER, PHONE]);
    let offer = wire.datagram(2, 67, 68, &[2, 1, 6, 0]);
    wire.comes(PHONE, &offer);
    insta::assert_snapshot!(told(&wire.findings()));
}

#[test]
fn a_phone_on_the_servers_side_and_a_server_on_the_phones_side_are_named() {
    let mut wire = Wire::of_lab([PHONE, SERVER]);
    wire.ear = Ear::new(&bench(), []);
    wire.speaks(11, PHONE);
    wire.speaks(12, SERVER);
    wire.speaks(2, PHONE);
    let findings = wire.findings();
    assert_eq!(
        problems(&findings),
        ["phone p2 came in at enp4s0, and not at enp3s0", "server a came in at enp3s0, and not at enp4s0"]
    );
    assert!(told(&findings).contains("ok       phone p1 came in at enp3s0"), "{}", told(&findings));
    assert!(has(&unknown(&findings), "where server b comes in"), "{}", told(&findings));
}

#[test]
fn who_came_in_on_both_sides_has_a_second_way_and_so_has_the_frame_that_did() {
    let mut wire = Wire::of_lab([PHONE, SERVER]);
    let bytes = wire.datagram(11, 68, 67, b"anybody?");
    wire.comes(PHONE, &bytes);
    wire.comes(SERVER, &bytes);
    insta::assert_snapshot!(told(&wire.findings()));
}

#[test]
fn the_same_bytes_much_later_or_on_the_same_side_are_another_frame() {
    let mut wire = Wire::of_lab([PHONE, SERVER]);
    let bytes = wire.datagram(40, 68, 67, b"anybody?");
    wire.comes(PHONE, &bytes);
    wire.comes(PHONE, &bytes);
    wire.at += 2_000_000_000;
    wire.comes(SERVER, &bytes);
    assert_eq!(problems(&wire.findings()), [""; 0]);
}

#[test]
fn a_frame_of_this_machine_that_comes_back_is_a_loop() {
    let mut wire = Wire::of_lab([PHONE, SERVER]);
    let mut bytes = wire.datagram(40, 68, 67, b"anybody?");
    bytes[6..12].copy_from_slice(&OWN.0);
    wire.comes(SERVER, &bytes);
    let findings = wire.findings();
    assert_eq!(problems(&findings), ["1 frame of this machine's own came back in at enp4s0: there is a loop"]);
}

#[test]
fn of_one_side_without_a_frame_a_second_way_is_not_denied() {
    let mut wire = Wire::new();
    wire.speaks(11, PHONE);
    assert!(has(&unknown(&wire.findings()), "whether there is a way around siprig: nothing came in at enp4s0"));
}

#[test]
fn spanning_tree_on_one_side_is_told_and_not_blamed() {
    let mut wire = Wire::of_lab([PHONE, SERVER]);
    wire.tree(SERVER, SWITCHES[1], true);
    let findings = wire.findings();
    assert_eq!(problems(&findings), [""; 0]);
    let words = "whether the switch's port at enp4s0 is an edge port: spanning tree frames come in, of bridge \
                 32768.00:1b:54:00:00:a2 with root 32768.00:1b:54:00:00:01";
    assert!(has(&unknown(&findings), words), "{}", told(&findings));
}

#[test]
fn a_port_of_a_switch_that_does_not_forward_yet_is_no_edge_port() {
    let mut wire = Wire::of_lab([PHONE, SERVER]);
    wire.tree(PHONE, SWITCHES[0], false);
    wire.tree(PHONE, SWITCHES[0], true);
    let findings = wire.findings();
    let words = "bridge 32768.00:1b:54:00:00:a1 does not forward yet at enp3s0, as its spanning tree frames say";
    assert_eq!(problems(&findings), [words]);
    assert!(told(&findings).contains("edge port (PortFast)"), "{}", told(&findings));
}

#[test]
fn one_switch_on_both_sides_hears_itself_and_two_hear_each_other() {
    let mut wire = Wire::of_lab([PHONE, SERVER]);
    wire.tree(PHONE, SWITCHES[0], true);
    wire.tree(SERVER, SWITCHES[1], true);
    let findings = wire.findings();
    assert!(has(&problems(&findings), "through siprig each switch hears the other"), "{}", told(&findings));
    wire.tree(SERVER, SWITCHES[0], true);
    let findings = wire.findings();
    assert!(has(&problems(&findings), "one switch sends spanning tree frames at both enp3s0 and enp4s0"));
    assert!(told(&findings).contains("BPDU filter on both of siprig's ports"), "{}", told(&findings));
}

#[test]
fn that_no_switch_speaks_is_known_after_a_while() {
    let wire = Wire::of_lab([PHONE, SERVER]);
    let briefly = wire.ear.findings(&Circumstances { lasted: Duration::from_secs(1), ..HOW });
    assert!(has(&unknown(&briefly), "spanning tree: a bridge speaks each 2 s"), "{}", told(&briefly));
    assert!(told(&wire.findings()).contains("ok       no switch sends spanning tree frames"));
}

#[test]
fn dhcp_on_the_phones_side_is_named_with_its_sender_and_questions_are_no_answers() {
    let mut wire = Wire::of_lab([PHONE, SERVER]);
    let question = wire.datagram(11, 68, 67, &[1, 1, 6, 0]);
    wire.comes(PHONE, &question);
    assert!(has(&unknown(&wire.findings()), "on which side DHCP is answered"));
    let offer = wire.datagram(66, 67, 68, &[2, 1, 6, 0]);
    wire.comes(PHONE, &offer);
    let findings = wire.findings();
    let words = "DHCP is answered on the phones' side, at enp3s0, by 10.77.0.66 (00:08:5d:77:00:42)";
    assert_eq!(problems(&findings), [words]);
}

#[test]
fn silence_is_told_with_what_it_may_be_and_never_as_certain() {
    let whys = |wire: &Wire, how: &Circumstances| unknown(&wire.ear.findings(how));
    let mut wire = Wire::new();
    assert!(has(&whys(&wire, &HOW), "nothing at all came in at enp3s0, which has a link: it may be quiet there"));
    wire.speaks(40, PHONE);
    wire.speaks(41, PHONE);
    assert!(has(
        &whys(&wire, &HOW),
        "where phones p1 and p2 come in: 2 other devices came in at enp3s0 and none of these"
    ));
    wire.speaks(11, PHONE);
    assert!(has(&whys(&wire, &HOW), "where phone p2 comes in: phones speak when they start"));
    assert!(has(&whys(&wire, &Circumstances { joined: false, ..HOW }), "`siprig check --discover --join` joins them"));
    let how = Circumstances { links: [false, true], ..HOW };
    assert!(has(&whys(&wire, &how), "where phone p2 comes in: enp3s0 has no link"));
    assert!(has(&whys(&wire, &Circumstances { lost: 7, ..HOW }), "7 frames that were not taken in time"));
    for how in [HOW, how] {
        assert_eq!(problems(&wire.ear.findings(&how)), [""; 0]);
    }
}

#[test]
fn phones_in_another_vlan_than_the_bench_file_has_are_named_and_one_frame_in_it_is_enough() {
    let mut wire = Wire::of_lab([PHONE, SERVER]);
    wire.ear = Ear::new(&bench(), []);
    wire.vlan = Some(77);
    wire.speaks(11, PHONE);
    let findings = wire.findings();
    assert_eq!(problems(&findings), ["frames of phone p1 are in VLAN 77, and the bench file has none"]);
    assert!(told(&findings).contains("write `vlan = 77` under [network]"));
    let mut in_vlan = bench();
    in_vlan.network.as_mut().unwrap().vlan = Some(77);
    wire.ear = Ear::new(&in_vlan, []);
    wire.speaks(11, PHONE);
    wire.vlan = None;
    wire.speaks(11, PHONE);
    assert_eq!(problems(&wire.findings()), [""; 0]);
    wire.speaks(12, PHONE);
    let words = "frames of phone p2 have no tag, and the bench file has VLAN 77";
    assert_eq!(problems(&wire.findings()), [words]);
}

proptest! {
    #[test]
    fn nobody_can_say_anything_that_breaks_it(
        frames in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..80)), 0..40),
    ) {
        let mut wire = Wire::of_lab([PHONE, SERVER]);
        for (side, bytes) in frames {
            wire.comes(if side { PHONE } else { SERVER }, &bytes);
        }
        prop_assert!(told(&wire.findings()).contains("p1"));
    }
}
