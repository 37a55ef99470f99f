//! Capture files of anybody's making.

use std::io::{self, Cursor, Read};

use siprig::wire::{
    capture::{CaptureError, CaptureReader, CaptureWriter, Captured, Ending, Note, Side},
    frame::LinkType,
};

use super::cost;

/// Most heap that a reader takes, in bytes: its window, which is copied when it grows, and its interfaces.
const READER: isize = 6 << 20;

/// What is found lies in the file, one behind the other; how the file is handed out makes no difference; memory is flat;
/// and what is written again is read the same.
pub fn check(bytes: &[u8]) {
    let before = cost::heap();
    let mut end = 0;
    let mut written = CaptureWriter::new(Vec::new()).expect("memory");
    let mut kept = Vec::new();
    let whole = read(bytes, |packet| {
        assert!(packet.offset >= end && packet.len > packet.bytes.len() as u64, "{packet:?} behind {end}");
        end = packet.offset + packet.len;
        assert!(end <= bytes.len() as u64);
        assert!(packet.original_len as usize >= packet.bytes.len());
        let _ = packet.frame();
        for note in packet.comment.as_deref().map(Note::all).into_iter().flatten() {
            assert_eq!(note.to_string().parse(), Ok(note));
        }
        if packet.link == LinkType::Ethernet && packet.unix_ns >= 0 {
            let side = if packet.interface == 0 { Side::Phone } else { Side::Server };
            let comment = packet.comment.as_deref().filter(|comment| comment.len() < 4096);
            let remarks: Vec<String> = comment.map(str::to_owned).into_iter().collect();
            written.write(side, packet.unix_ns, packet.original_len, packet.bytes, &remarks).expect("memory");
            kept.push((packet.unix_ns, packet.original_len, packet.bytes.to_vec(), comment.map(str::to_owned)));
        }
    });
    match whole {
        Ok(Ending::Truncated { offset } | Ending::Broken { offset, .. }) => {
            assert!(offset >= end && offset <= bytes.len() as u64, "{whole:?} behind {end}");
        }
        Ok(Ending::Whole) | Err(_) => {}
    }

    let mut packets = 0;
    let slow = Slow { inner: Cursor::new(bytes), most: usize::from(bytes.last().copied().unwrap_or(1)) % 31 + 1 };
    let pieces = read(slow, |_| {
        packets += 1;
        let taken = cost::heap() - before;
        assert!(taken <= READER + 4 * bytes.len().cast_signed(), "a reader of {taken} bytes");
    });
    assert_eq!(format!("{pieces:?}"), format!("{whole:?}"));

    let mut expected = kept.into_iter();
    let again = read(&*written.into_inner(), |packet| {
        let read =
            (packet.unix_ns, packet.original_len, packet.bytes.to_vec(), packet.comment.as_deref().map(str::to_owned));
        assert_eq!(Some(read), expected.next());
    });
    assert!(matches!(again, Ok(Ending::Whole)), "{again:?}");
    assert!(expected.next().is_none());
}

fn read(source: impl Read, mut with: impl FnMut(&Captured<'_>)) -> Result<Ending, CaptureError> {
    let mut reader = CaptureReader::new(source)?;
    while let Some(next) = reader.next() {
        match next {
            Ok(packet) => with(&packet),
            Err(error) => assert!(matches!(error, CaptureError::Broken { .. }), "{error}"),
        }
    }
    assert!(reader.next().is_none());
    Ok(reader.ending())
}

/// Hands out a few bytes at a time, as a pipe may.
struct Slow<R> {
    inner: R,
    most: usize,
}

impl<R: Read> Read for Slow<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let end = buffer.len().min(self.most);
        self.inner.read(&mut buffer[..end])
    }
}
