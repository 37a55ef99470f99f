//! Bytes of a phone's console: lines, echoes, meanings, masks.

use std::{path::Path, sync::LazyLock, time::Duration};

use siprig::{
    config::load,
    event::Stamp,
    look,
    wire::{
        console::{
            CompiledDialect, Line, LineAssembler, MAX_LINE, SETTLE,
            terminal::{COLUMNS, ROWS, Terminal},
        },
        redact::{self, DigitMask},
    },
};

use super::script;

/// What a model makes of lines.
static DIALECT: LazyLock<CompiledDialect> = LazyLock::new(|| {
    let model = load::model("aastra-6731i", Path::new("")).expect("a model of our own");
    CompiledDialect::new(model.console.as_ref().expect("it has a console")).expect("a dialect of our own")
});

/// The lines are the same however the bytes are cut; they lie in order in the stream, and hold nothing that moves a
/// cursor; what is masked has its length; what is shown does no harm. The script says what is typed meanwhile.
pub fn check(bytes: &[u8]) {
    let (script, stream) = script::split(bytes);
    let mut whole = Vec::new();
    let mut assembler = LineAssembler::new();
    assembler.feed(stream, Stamp::ZERO, &mut whole);
    let tail = assembler.tail();

    let mut lines = Vec::new();
    let mut pieces = LineAssembler::new();
    for (_, piece) in script::pieces(script, stream) {
        pieces.feed(piece, Stamp::ZERO, &mut lines);
    }
    assert_eq!(lines, whole);
    assert_eq!(pieces.tail(), tail);
    assert_eq!(pieces.settle(Stamp::ZERO + SETTLE), tail);
    assert_eq!(pieces.settle(Stamp::ZERO + SETTLE), None, "settled twice");

    let mut end = 0;
    for line in whole.iter().chain(&tail) {
        assert!(line.offset >= end && line.len > 0, "{line:?} behind {end}");
        end = line.offset + line.len;
        meant(line);
    }
    assert!(end <= stream.len() as u64);
    typed(script, stream);
    hidden(script, stream);
    stands(script, stream);
}

/// What stands on a terminal is the same however the bytes are cut and wherever it is scrolled to meanwhile, and it stands in its columns.
fn stands(script: &[u8], stream: &[u8]) {
    // One at a time: their histories are most of what they cost.
    let whole = {
        let mut terminal = Terminal::default();
        terminal.feed(stream);
        picture(&terminal)
    };
    let mut terminal = Terminal::default();
    for (step, piece) in script::pieces(script, stream) {
        terminal.feed(piece);
        if step.act == 1 {
            let most = terminal.most_back();
            terminal.hold(step.length);
            assert!(terminal.back() <= most && terminal.bottom() < ROWS);
            terminal.follow();
        }
    }
    assert_eq!(picture(&terminal), whole);
}

/// Where its cursor and its lowest row are, and what stands on it.
fn picture(terminal: &Terminal) -> (Option<(u16, u16)>, u16, String) {
    let mut text = String::new();
    for row in 0..ROWS {
        let mut next = 0;
        for cell in terminal.cells(row) {
            assert_eq!(cell.column, next);
            next += cell.columns;
            text.push_str(cell.text);
        }
        // A wide character at the edge has no second half.
        assert!(next == COLUMNS || next == COLUMNS + 1, "{next} columns");
        text.push('\n');
    }
    (terminal.cursor(), terminal.bottom(), text)
}

fn meant(line: &Line) {
    let text = &line.text;
    assert!(!text.is_empty() && text.chars().count() <= MAX_LINE);
    assert!(text.chars().all(|char| !char.is_ascii_control() || char == '\t'), "{text:?}");
    let _ = DIALECT.meaning(text);
    let shown = look::harmless(text);
    assert!(!shown.chars().any(look::is_harmful), "{shown:?}");
    assert_eq!(look::harmless(&shown), shown);
    let masked = redact::text(text);
    assert_eq!(masked.len(), text.len());
}

/// Echoes repeat what was typed, and nothing else is called one.
fn typed(script: &[u8], stream: &[u8]) {
    let order = String::from_utf8_lossy(script);
    let mut assembler = LineAssembler::new();
    let (mut lines, mut now) = (Vec::new(), Stamp::ZERO);
    for (step, piece) in script::pieces(script, stream) {
        if step.act == 1 {
            assembler.typed(&order, now);
        }
        assembler.feed(piece, now, &mut lines);
        now = now + Duration::from_millis(u64::from(step.act) * 100);
    }
    for line in lines.iter().filter(|line| line.echo) {
        assert!(!order.trim().is_empty() && line.text.trim().ends_with(order.trim()), "{:?}", line.text);
    }
    let last = assembler.interrupt();
    assert!(last.is_none_or(|line| line.unfinished));
    assert_eq!(assembler.interrupt(), None);
}

/// Masked digits are gone from the text, wherever a read was cut; nothing else changed.
fn hidden(script: &[u8], stream: &[u8]) {
    let mut whole = stream.to_vec();
    DigitMask::default().pass(&mut whole, true);
    let (mut mask, mut pieces) = (DigitMask::default(), Vec::new());
    for (_, piece) in script::pieces(script, stream) {
        let mut piece = piece.to_vec();
        mask.pass(&mut piece, true);
        pieces.extend(piece);
    }
    assert_eq!(pieces, whole);
    assert_eq!(whole.len(), stream.len());
    for (before, after) in stream.iter().zip(&whole) {
        assert!(before == after || before.is_ascii_digit() && *after == b'x');
    }
    if !stream.contains(&0x1b) {
        assert!(!whole.iter().any(u8::is_ascii_digit));
    }
}
