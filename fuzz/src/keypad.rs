//! KP1 from both ends of the line.

use std::time::Duration;

use siprig::{
    event::Stamp,
    virtual_bench::board::{Board, BoardInput, BoardOutput},
    wire::kp1::{BoardFrame, Chord, Host, HostEvent, HostFrame, Identity, Key, MAX_LINE, Refusal, Verb, crc16},
};

/// Frames are printed as they were read, sealed or not; host and board get along with any noise.
pub fn check(bytes: &[u8]) {
    for line in bytes.split(|byte| *byte == b'\n') {
        frames(line);
        // Noise hardly ever has a right check sum.
        if let Ok(text) = str::from_utf8(line.trim_ascii_end())
            && !text.contains('\r')
        {
            frames(format!("{text}*{:04X}\r\n", crc16(text.as_bytes())).as_bytes());
            if let Ok(identity) = text.parse::<Identity>() {
                assert_eq!(identity.to_string().parse(), Ok(identity));
            }
        }
    }
    host(bytes);
    board(bytes);
}

fn frames(line: &[u8]) {
    if let Ok(frame) = HostFrame::parse(line) {
        assert!(line.trim_ascii_end().len() <= MAX_LINE && frame.unit > 0);
        assert_eq!(HostFrame::sequence_number(line), Some(frame.seq));
        let printed = frame.line();
        if printed.len() <= MAX_LINE {
            assert_eq!(HostFrame::parse(printed.as_bytes()), Ok(frame));
        }
    }
    if let Ok(frame) = BoardFrame::parse(line) {
        let printed = frame.line();
        assert_eq!(printed.matches('\n').count(), 1);
        if printed.len() <= MAX_LINE {
            assert_eq!(BoardFrame::parse(printed.as_bytes()), Ok(trimmed(frame)));
        }
    }
}

/// Texts are printed in one line, without white space at its end.
fn trimmed(frame: BoardFrame) -> BoardFrame {
    let BoardFrame::Reply { seq, result } = frame else { return frame };
    let plain = |text: &str| text.replace('\r', " ").trim_end().to_owned();
    let result = match result {
        Ok(said) => Ok(plain(&said)),
        Err(Refusal { code, text }) if plain(&text).is_empty() => {
            Err(Refusal { code: plain(&code), text: plain(&text) })
        }
        Err(Refusal { code, text }) => Err(Refusal { code: code.replace('\r', " "), text: plain(&text) }),
    };
    BoardFrame::Reply { seq, result }
}

/// Whatever comes in, each order is answered or given up, once, and in its turn.
fn host(bytes: &[u8]) {
    let mut host = Host::new();
    let orders = [Verb::Hello { nonce: 7 }, Verb::Down(Chord::single(Key { row: 1, column: 2 })), Verb::Ping];
    let mut waiting: Vec<u8> = orders.into_iter().map(|verb| host.send(1, verb).expect("room for three")).collect();
    let mut now = Stamp::ZERO;
    let mut lines = bytes.split(|byte| *byte == b'\n');
    // Each is sent twelve times at most, and each resend is asked for twice here.
    for _ in 0..3 * 12 * 2 + 1 {
        let _ = host.poll_transmit(now);
        let heard = lines.next().and_then(|line| host.handle_line(line));
        now = host.poll_deadline().unwrap_or(now);
        for event in heard.into_iter().chain(host.handle_deadline(now)) {
            let (HostEvent::Answered { seq, tries, .. } | HostEvent::GaveUp { seq, tries }) = event else { continue };
            assert_eq!(waiting.first(), Some(&seq), "out of turn");
            assert!((1..=12).contains(&tries), "{tries} tries");
            waiting.remove(0);
        }
    }
    assert!(waiting.is_empty() && host.is_idle(), "{waiting:?} are forgotten");
}

/// Every key that went down can be let go, and what a board says a host can read.
fn board(bytes: &[u8]) {
    let mut board = Board::new(2);
    let mut down = Vec::new();
    let mut said = Vec::new();
    let mut hear = |board: &mut Board| {
        while let Some(output) = board.poll_output() {
            match output {
                BoardOutput::Bytes(bytes) => said.extend(bytes),
                BoardOutput::KeyDown { unit, row, col } => down.push((unit, row, col)),
                BoardOutput::KeyUp { unit, row, col } => down.retain(|key| *key != (unit, row, col)),
            }
        }
        down.len()
    };
    let mut now = Duration::ZERO;
    let hello = HostFrame { seq: 0xFC, unit: 1, verb: Verb::Hello { nonce: 1 } };
    board.handle(now, BoardInput::Bytes(hello.line().into_bytes()));
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        board.handle(now, BoardInput::Bytes(line.to_vec()));
        hear(&mut board);
        now += Duration::from_millis(u64::from(line[0]));
        board.handle(now, BoardInput::Timeout);
        hear(&mut board);
        assert!(board.poll_deadline().is_none_or(|at| at > now), "it wants the past");
    }
    for unit in 1..=2 {
        let abort = HostFrame { seq: 0xFD + unit, unit, verb: Verb::Abort };
        board.handle(now, BoardInput::Bytes([b"\n", abort.line().as_bytes()].concat()));
        // It may have heard that number before, and answer from memory.
        let abort = HostFrame { seq: 0x10 + unit, unit, verb: Verb::Abort };
        board.handle(now, BoardInput::Bytes(abort.line().into_bytes()));
    }
    assert_eq!(hear(&mut board), 0, "keys stay down");
    for line in said.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        assert!(BoardFrame::parse(line).is_ok(), "{:?}", String::from_utf8_lossy(line));
    }
}
