use proptest::prelude::*;

use super::*;

fn at(millis: u64) -> Stamp {
    Stamp::from_millis(millis)
}

fn lines_of(bytes: &[u8]) -> Vec<Line> {
    let (mut assembler, mut lines) = (LineAssembler::new(), Vec::new());
    assembler.feed(bytes, Stamp::ZERO, &mut lines);
    lines
}

fn texts(bytes: &[u8]) -> Vec<String> {
    lines_of(bytes).into_iter().map(|line| line.text).collect()
}

#[test]
fn terminals_are_read_as_people_see_them() {
    let table: &[(&str, &[u8], &[&str])] = &[
        ("line feed", b"one\ntwo\n", &["one", "two"]),
        ("CR LF", b"one\r\ntwo\r\n", &["one", "two"]),
        ("CR CR LF of a cooked tty", b"one\r\r\ntwo\r\r\n", &["one", "two"]),
        ("LF CR", b"one\n\rtwo\n\r", &["one", "two"]),
        ("empty lines", b"\r\n\r\n\none\n", &["one"]),
        ("no line ending", b"one\ntw", &["one"]),
        ("colour", b"\x1b[1;31mred\x1b[0m alert\n", &["red alert"]),
        ("colour reset on the next line", b"\x1b[32mok\n\x1b[mnext\n", &["ok", "next"]),
        ("bracketed paste of readline", b"\x1b[?2004hlinphonec> quit\x1b[?2004l\r\n", &["linphonec> quit"]),
        ("redrawn per key", b"\r/\r/r\r/re\r/reg\n", &["/reg"]),
        ("call time with CR only", b"[0:00:01]\r[0:00:02]\r[0:00:03]\rended\n", &["ended"]),
        ("CR and erase", b"> help\r\x1b[K> quit\n", &["> quit"]),
        ("CR, erase, nothing", b"progress\r\x1b[K\n", &[]),
        ("erase at the end of the text", b"text\x1b[K\n", &["text"]),
        ("erase the line", b"old\x1b[2Knew\n", &["new"]),
        ("column one", b"old\x1b[1Gnew\n", &["new"]),
        ("backspace", b"helo\x08lo\n", &["hello"]),
        ("rubbed out", b"abc\x08 \x08\n", &["ab"]),
        ("backspace over a two-byte character", "gr\u{fc}\x08un\n".as_bytes(), &["grun"]),
        ("backspace beyond the beginning", b"\x08\x08a\n", &["a"]),
        ("window title, BEL", b"\x1b]0;phone 1\x07ready\n", &["ready"]),
        ("window title, ST", b"\x1b]0;phone 1\x1b\\ready\n", &["ready"]),
        ("unfinished title ends with its line", b"\x1b]0;phone\nready\n", &["ready"]),
        ("unfinished sequence ends with its line", b"\x1b[12\nready\n", &["ready"]),
        ("character set", b"\x1b(Bready\n", &["ready"]),
        ("ESC ESC", b"\x1b\x1b[mready\n", &["ready"]),
        ("bell and NUL", b"re\x07a\0dy\n", &["ready"]),
        ("tab", b"a\tb\n", &["a\tb"]),
        ("UTF-8", "Gespr\u{e4}ch\n".as_bytes(), &["Gespr\u{e4}ch"]),
        ("garbage", b"\xff\xfe!\n", &["\u{fffd}\u{fffd}!"]),
        ("CAN ends a sequence", b"\x1b[12\x18ready\n", &["ready"]),
    ];
    for (name, bytes, expected) in table {
        assert_eq!(texts(bytes), *expected, "{name}");
    }
}

#[test]
fn every_line_knows_where_its_bytes_lie() {
    let stream = b"\x1b[1mone\x1b[m\r\n\r\n\r/\r/re\ntail";
    let lines = lines_of(stream);
    let raw: Vec<&[u8]> = lines
        .iter()
        .map(|line| &stream[usize::try_from(line.offset).unwrap()..][..usize::try_from(line.len).unwrap()])
        .collect();
    assert_eq!(raw, [&b"\x1b[1mone\x1b[m\r\n"[..], b"\r/\r/re\n"]);
}

#[test]
fn a_line_carries_the_times_of_its_first_and_last_byte() {
    let (mut assembler, mut lines) = (LineAssembler::new(), Vec::new());
    assembler.feed(b"x\nhe", at(10), &mut lines);
    assembler.feed(b"ll", at(20), &mut lines);
    assembler.feed(b"o\n", at(30), &mut lines);
    assert_eq!((lines[0].first, lines[0].last), (at(10), at(10)));
    assert_eq!((lines[1].first, lines[1].last), (at(10), at(30)));
}

#[test]
fn a_line_without_end_is_cut_and_nothing_of_it_is_lost() {
    let stream = vec![b'x'; 10_000];
    let (mut assembler, mut lines) = (LineAssembler::new(), Vec::new());
    assembler.feed(&stream, Stamp::ZERO, &mut lines);
    let tail = assembler.tail().unwrap();
    let lengths: Vec<usize> = lines.iter().chain([&tail]).map(|line| line.text.len()).collect();
    assert_eq!(lengths, [MAX_LINE, MAX_LINE, 10_000 - 2 * MAX_LINE]);
    assert_eq!(tail.offset, 2 * MAX_LINE as u64);
}

#[test]
fn an_endless_control_string_swallows_no_more_than_its_limit() {
    let mut stream = b"\x1b]".to_vec();
    stream.extend([b'y'; 3000]);
    stream.push(b'\n');
    let kept: usize = texts(&stream).iter().map(String::len).sum();
    assert!(kept > 1900, "{kept} of 3000 bytes kept");
}

#[test]
fn a_prompt_is_confirmed_once_after_silence_and_not_before() {
    let (mut assembler, mut lines) = (LineAssembler::new(), Vec::new());
    assert_eq!(assembler.deadline(), None);
    assembler.feed(b"ready\n> ", at(100), &mut lines);
    assert_eq!(assembler.deadline(), Some(at(130)));
    assert_eq!(assembler.settle(at(129)), None);
    let prompt = assembler.settle(at(130)).unwrap();
    assert_eq!((prompt.text.as_str(), prompt.offset, prompt.unfinished), ("> ", 6, true));
    assert_eq!(assembler.settle(at(500)), None, "given out twice");
    assembler.feed(b"x", at(600), &mut lines);
    assert_eq!(assembler.deadline(), Some(at(630)), "more text makes it a new candidate");
}

#[test]
fn the_unfinished_line_is_given_out_when_the_port_is_lost() {
    let (mut assembler, mut lines) = (LineAssembler::new(), Vec::new());
    assembler.feed(b"Kernel panic - not syncing\x1b[", at(1), &mut lines);
    let last = assembler.interrupt().unwrap();
    assert_eq!((last.text.as_str(), last.unfinished), ("Kernel panic - not syncing", true));
    assembler.feed(b"3 booting\n", at(2), &mut lines);
    assert_eq!(lines[0].text, "3 booting", "the cut sequence must not eat into the new stream");
}

/// The echo tags of the lines in `stream` when `typed` is typed at 0 behind the prompt `> ` and the stream comes then.
fn echo_tags(typed: &str, stream: &[u8], after_ms: u64) -> Vec<bool> {
    let (mut assembler, mut lines) = (LineAssembler::new(), Vec::new());
    assembler.feed(b"> ", Stamp::ZERO, &mut lines);
    assembler.typed(typed, Stamp::ZERO);
    assembler.feed(stream, at(after_ms), &mut lines);
    lines.iter().map(|line| line.echo).collect()
}

#[test]
fn only_what_repeats_the_typed_line_is_an_echo() {
    for (name, typed, stream, after_ms, expected) in [
        ("behind the prompt", "status", &b"status\r\n1001 ok\r\n"[..], 5, vec![true, false]),
        ("redrawn per key", "status", b"\r> s\r> st\r> status\r\n", 5, vec![true]),
        ("prompt rewritten without it", "status", b"\rstatus\r\n", 5, vec![true]),
        ("only once", "status", b"status\nstatus\n", 5, vec![true, false]),
        ("too late", "status", b"status\n", 501, vec![false]),
        ("a line that merely ends alike", "r", b"\rregistered at server\n", 5, vec![false]),
        ("nothing typed", "", b"\r\n1001 ok\n", 5, vec![false, false]),
    ] {
        assert_eq!(echo_tags(typed, stream, after_ms), expected, "{name}");
    }
}

/// Bytes as consoles send them: mostly text and line endings, with sequences and garbage in between.
fn console_bytes() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => "[ -~]{0,12}".prop_map(String::into_bytes),
        3 => prop::sample::select(vec![&b"\r\n"[..], b"\n", b"\r", b"\x08", b"\x1b", b"\x1b[", b"\x1b[2K", b"\x1b[K", b"\x1b]0;t\x07", b"\x1b]0;"]).prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(any::<u8>(), 0..8),
    ];
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn how_the_bytes_were_cut_into_reads_makes_no_difference(
        bytes in console_bytes(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let (mut assembler, mut lines) = (LineAssembler::new(), Vec::new());
        for pair in cuts.windows(2) {
            assembler.feed(&bytes[pair[0]..pair[1]], Stamp::ZERO, &mut lines);
        }
        prop_assert_eq!(lines, lines_of(&bytes));
    }

    #[test]
    fn lines_lie_in_order_and_never_overlap(bytes in console_bytes()) {
        let mut end = 0;
        for line in lines_of(&bytes) {
            prop_assert!(line.offset >= end && line.len > 0);
            end = line.offset + line.len;
            prop_assert!(line.text.chars().count() <= MAX_LINE);
        }
        prop_assert!(end <= bytes.len() as u64);
    }
}
