//! A phone whose console says anything at all: random bytes, escape sequences, text that hides and turns.

use std::{fs, io::Write, path::Path};

use ratatui::{buffer::Buffer, layout::Rect};
use siprig::{
    event::{PhoneName, Stamp},
    journal::run_dir::{console_index, console_log},
    look::{Look, is_harmful},
    tui::console::{Console, Going, Said, Source, Speaker, key::Key, screen},
    virtual_bench::random::Random,
    wire::console::LineAssembler,
};

use super::{now_ns, records::Round, resident_kb, terminal::Window, used};

/// What is said at a time.
const PIECE: usize = 16 << 10;
/// What must reach no terminal, and what it comes among.
const SAYINGS: [&[u8]; 16] = [
    b"\x1b[2J",
    b"\x1b[31m",
    b"\x1b]0;title\x07",
    b"\x1b]52;c;cm0gLXJmIC8=\x07",
    b"\x1bP+q544e\x1b\\",
    b"\x1b[6n",
    b"\x1b[?1049l",
    b"\x1b[200~",
    b"\x07\x08\x0c\x0e",
    b"\xc2\x9b2J\xc2\x9d0;x\xc2\x9c",
    "\u{202e}\u{2066}\u{200d}\u{feff}".as_bytes(),
    b"\r\n",
    b"\n",
    b"\r",
    b"an ordinary line of a phone",
    "\u{4e16}\u{754c}\u{e9}".as_bytes(),
];

/// The next piece: half of it from the sayings, half random.
fn piece(dice: &mut Random) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(PIECE + 64);
    while bytes.len() < PIECE {
        let number = dice.number();
        if number & 1 == 0 {
            bytes.extend_from_slice(SAYINGS[(number >> 8) as usize % SAYINGS.len()]);
        } else {
            bytes.extend_from_slice(&number.to_le_bytes());
            bytes.extend_from_slice(&dice.number().to_le_bytes());
        }
    }
    bytes
}

/// Through what a console's lines are made of and kept in, and drawn 30 times for each 115 MB.
pub fn fold(megabytes: u64) {
    let mut console = Console::new(Source::Live { own: false, state: Going::On, behind: 0 });
    let round = Round::of(2, 0);
    console.apply(&round.begin);
    console.press(Key::Char('2'));
    console.press(Key::Char('c'));
    let phone = console.listens_to().unwrap().clone();
    console.listen(phone.clone());
    let mut dice = Random::new(3);
    // So many pieces that no round of them fits the other.
    let pieces: Vec<Vec<u8>> = (0..1009).map(|_| piece(&mut dice)).collect();
    let (before, begun) = (resident_kb(std::process::id()), used());
    let (mut lines, mut said, mut frames, mut most) = (LineAssembler::new(), 0_u64, 0_u64, 0);
    let area = Rect::new(0, 0, 120, 40);
    for piece in pieces.iter().cycle() {
        if said >= megabytes << 20 {
            break;
        }
        let at = Stamp(said * 1000);
        let serial = console.heard_of(&phone).unwrap();
        let mut ended = Vec::new();
        lines.feed(piece, at, &mut ended);
        for line in ended {
            serial.line(Said { at, text: line.text, by: Speaker::Phone });
        }
        serial.bytes(at, Speaker::Phone, piece);
        said += piece.len() as u64;
        if said / 4_000_000 > frames {
            frames += 1;
            if frames.is_multiple_of(10) {
                console.press(Key::Char('h'));
            }
            let mut buffer = Buffer::empty(area);
            screen::draw(&console, at, Look { colour: true, unicode: true }, area, &mut buffer);
            let harmful = buffer.content().iter().find(|cell| cell.symbol().chars().any(is_harmful));
            assert!(harmful.is_none(), "{harmful:?}");
            most = most.max(resident_kb(std::process::id()).saturating_sub(before));
        }
    }
    let seconds = (used() - begun).as_secs_f64();
    println!(
        "{} MB in {seconds:.1} s of processor time, {:.0} MB a second; {frames} frames, nothing but text in them; at most {most} kB more",
        said >> 20,
        (said >> 20) as f64 / seconds
    );
}

/// The same of a recording that is as long, played back by `siprig console`.
pub fn hostile(siprig: &str, megabytes: u64) {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("2026-11-25T183352Z-failover");
    fs::create_dir(&run).unwrap();
    fs::copy(
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/journals/failover.jsonl")),
        run.join("journal.jsonl"),
    )
    .unwrap();
    let phone = PhoneName::from("p1");
    let mut dice = Random::new(4);
    let (mut index, mut log) = (String::new(), fs::File::create(run.join(console_log(&phone))).unwrap());
    let mut offset = 0;
    while offset < megabytes << 20 {
        let piece = piece(&mut dice);
        index.push_str(&format!("{{\"at\":{offset},\"what\":\"in\",\"offset\":{offset},\"len\":{}}}\n", piece.len()));
        log.write_all(&piece).unwrap();
        offset += piece.len() as u64;
    }
    fs::write(run.join(console_index(&phone)), index).unwrap();
    let arguments = ["console", "--replay", "latest", "--report-dir", folder.path().to_str().unwrap()];
    let state = folder.path().join("state");
    // Without colours, so that those of the phone are told from the console's own.
    let environment = [("SIPRIG_STATE", state.to_str().unwrap()), ("NO_COLOR", "1")];
    let mut window = Window::open(siprig, &arguments, &environment);
    let second = 1_000_000_000;
    window.looks(now_ns() + 30 * second, 2, "[1 Phones]").expect("it shows nothing");
    // To its end, and to the console of the phone.
    window.types(b"\x1b[C\x1b[C2c");
    window.looks(now_ns() + 30 * second, 3, "Console of p1").expect("no console is shown");
    let (begun, mut late, mut most) = (now_ns(), Vec::new(), 0);
    let mut before = window.used();
    // Keys, until it has heard all of it.
    loop {
        for (key, name) in [("1", "[1 Phones]"), ("2", "[2 Phone]"), ("c", "")] {
            let asked = now_ns();
            window.types(key.as_bytes());
            if !name.is_empty() {
                let shown = window.looks(now_ns() + 30 * second, 2, name).expect("a key was not answered");
                late.push((shown - asked) as f64 / 1e6);
            }
        }
        window.looks(now_ns() + second / 2, 0, "");
        most = most.max(resident_kb(window.child.id()));
        let spent = window.used() - before;
        before += spent;
        if spent < 0.1 && late.len() > 8 {
            break;
        }
    }
    late.sort_by(f64::total_cmp);
    let wrote = window.wrote();
    let foreign = foreign(&wrote);
    println!(
        "{megabytes} MB of a recording looked at for {:.1} s: {} keys answered after at most {:.0} ms, {} MB resident at most; \
         {} bytes were written, {foreign} of them neither text nor the console's own",
        (now_ns() - begun) as f64 / 1e9,
        late.len(),
        late.last().unwrap(),
        most / 1000,
        wrote.len(),
    );
    assert_eq!(foreign, 0);
}

/// How many bytes, after what a full-screen program writes itself, are none of text.
fn foreign(wrote: &[u8]) -> usize {
    let own = regex::bytes::Regex::new(
        r"\x1b\[(?:[0-9;]*H|(?:0|1|2|22|39|49|59|39;49)?m|\?25[hl]|\?1049h|\?1000h|\?1006h|\?2004h)",
    )
    .unwrap();
    let rest = own.replace_all(wrote, &b""[..]);
    // What was said and is no UTF-8 has been replaced already, and U+FFFD is text.
    String::from_utf8_lossy(&rest).chars().filter(|char| is_harmful(*char)).count()
}
