//! What is heard in the frames of a capture.

use std::collections::BTreeSet;

use siprig::{
    event::{Fate, OutageId},
    wire::{
        capture::CaptureReader,
        signalling::{Heard, Sighting, Signalling, What},
        sip::{self, MAX_MESSAGE},
    },
};

use super::cost;

/// Most heap that is taken whatever is captured, in bytes, beside a few times the capture itself.
const HEARD: isize = 16 << 20;

/// Everything is heard in a frame that there was; what is called a message begins like one; memory is bounded. The last
/// byte of each frame says whether an outage took it.
pub fn check(bytes: &[u8]) {
    let Ok(mut reader) = CaptureReader::new(bytes) else { return };
    let before = cost::heap();
    let mut signalling = Signalling::new([5070]);
    let mut seen = BTreeSet::new();
    let mut number = 0_u32;
    while let Some(Ok(packet)) = reader.next() {
        let Ok(frame) = packet.frame() else { continue };
        let fate = match packet.bytes.last() {
            Some(0xd0) => Fate::Dropped(OutageId(1)),
            Some(0xd1) => Fate::Injected(OutageId(1)),
            _ => Fate::Passed,
        };
        number += 1;
        seen.insert(number);
        let sighting = Sighting { unix_ns: packet.unix_ns, fate, tag: number };
        signalling.take(&frame, &sighting, &mut |heard| heard_in(&heard, &seen));
        let taken = cost::heap() - before;
        assert!(taken <= HEARD + 8 * bytes.len().cast_signed(), "{taken} bytes for {} of capture", bytes.len());
    }
    signalling.finish(&mut |heard| heard_in(&heard, &seen));
}

fn heard_in(heard: &Heard<'_, u32>, seen: &BTreeSet<u32>) {
    assert!(seen.contains(&heard.sighting.tag), "heard in frame {}", heard.sighting.tag);
    match heard.what {
        What::Message { bytes, .. } => {
            assert!(sip::looks_like_sip(bytes) && bytes.len() <= MAX_MESSAGE + 8);
            let _ = sip::read(bytes);
        }
        What::Unreadable { reason, .. } => assert!(!reason.is_empty()),
        _ => {}
    }
}
