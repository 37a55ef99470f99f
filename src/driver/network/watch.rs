//! Notices of the helper to reports and the capture.

use std::{collections::BTreeMap, io, path::Path};

use super::{
    NetworkError, Tallies,
    recording::{Frame, Recording},
    signalling::{Found, Sighting, Signalling},
};
use crate::{
    bridge::protocol::{Counted, FrameKind, Lateness, Notice, PhoneIndex, SeenFrame, ServerIndex},
    config::{Bench, CAPTURE_SIZE},
    driver::{clock::RunClock, outbox::Outbox},
    event::{
        Fate, Loss, Observed, OutageId, OutageTally, PhoneName, RawRef, RigPart, ServerName, Speech, Toward, When,
    },
    journal::run_dir::capture_file,
    wire::{
        self,
        capture::{Note, Side},
        redact,
    },
};

/// Everything that notices are turned into reports with.
#[derive(Debug)]
pub(super) struct Watch {
    clock: RunClock,
    phones: Vec<PhoneName>,
    servers: Vec<ServerName>,
    signalling: Signalling,
    keep_secrets: bool,
    /// Which server each outage takes away.
    outages: BTreeMap<OutageId, ServerName>,
    /// None: none was wanted, or it could not be written any more, which was reported.
    capture: Option<Recording>,
}

impl Watch {
    /// None is written of a capture without a directory.
    pub fn new(
        bench: &Bench,
        keep_secrets: bool,
        clock: RunClock,
        run_dir: Option<&Path>,
    ) -> Result<Self, NetworkError> {
        let limit = bench.network.as_ref().map_or(CAPTURE_SIZE, |network| network.capture_size);
        let capture = run_dir.map(|run_dir| Recording::begin(run_dir, keep_secrets, limit)).transpose();
        let capture = capture.map_err(|source| NetworkError::Capture { file: capture_file(1), source })?;
        Ok(Self {
            clock,
            phones: bench.phones.iter().map(|phone| phone.name.clone()).collect(),
            servers: bench.servers.iter().map(|server| server.name.clone()).collect(),
            signalling: Signalling::new(bench, keep_secrets),
            keep_secrets,
            outages: BTreeMap::new(),
            capture,
        })
    }

    /// Learns of an outage that was ordered.
    pub fn expect(&mut self, outage: OutageId, server: ServerIndex) {
        if let Some(server) = self.server(server) {
            self.outages.insert(outage, server);
        }
    }

    /// Notes in the capture that an outage has ended with the helper.
    pub fn lose(&mut self, outage: OutageId, when: When) {
        let unix_ns = self.clock.unix_ns(when.at);
        self.note(outage, |outage, server| Note::OutageEnded { outage, server, unix_ns, error_ns: when.error_ns });
    }

    /// Reports what a notice says.
    pub fn take(&mut self, notice: Notice, outbox: &mut Outbox) {
        match notice {
            Notice::Began { outage, unix_ns, error_ns } => {
                self.note(outage, |outage, server| Note::OutageBegan { outage, server, unix_ns, error_ns });
            }
            Notice::Ended { outage, unix_ns, error_ns, .. } => {
                self.note(outage, |outage, server| Note::OutageEnded { outage, server, unix_ns, error_ns });
            }
            _ => {}
        }
        if let Notice::Frame(frame) = notice {
            return self.take_frame(frame, outbox);
        }
        if let Some((when, observed)) = self.translate(notice) {
            outbox.push(when, observed);
        }
    }

    /// Writes the rest of the capture.
    pub fn finish(&mut self) -> Result<(), NetworkError> {
        let now_ns = self.clock.unix_ns(self.clock.now());
        let Some(capture) = &mut self.capture else { return Ok(()) };
        capture.finish(now_ns).map_err(|source| NetworkError::Capture { file: capture.file(), source })
    }

    fn translate(&self, notice: Notice) -> Option<(When, Observed)> {
        let now = When::exactly(self.clock.now());
        Some(match notice {
            Notice::Began { outage, unix_ns, error_ns } => {
                (self.when(unix_ns, error_ns), Observed::OutageBegan { outage })
            }
            Notice::Ended { outage, why, unix_ns, error_ns, tally } => {
                let tally = self.named(&tally);
                (self.when(unix_ns, error_ns), Observed::OutageEnded { outage, why, tally })
            }
            Notice::Declined { outage, reason } => (now, Observed::OutageDeclined { outage, reason }),
            Notice::FirstBite { outage, phone, toward, unix_ns } => {
                (self.when(unix_ns, 0), Observed::FirstBite { outage, phone: self.phone(phone)?, toward })
            }
            Notice::LastBite { outage, phone, toward, unix_ns } => {
                (self.when(unix_ns, 0), Observed::LastBite { outage, phone: self.phone(phone)?, toward })
            }
            Notice::Leak { outage, phone, toward, unix_ns } => {
                (self.when(unix_ns, 0), Observed::Leak { outage, phone: self.phone(phone)?, toward })
            }
            Notice::Canary { outage, phone, server, toward, passed, unix_ns } => {
                let (phone, server) = (self.phone(phone)?, self.server(server)?);
                (self.when(unix_ns, 0), Observed::Canary { outage, phone, server, toward, passed })
            }
            Notice::Address { phone, address, unix_ns } => {
                (self.when(unix_ns, 0), Observed::AddressSeen { phone: self.phone(phone)?, address })
            }
            Notice::FollowedLate { outage, phone, address, late_ns, unix_ns } => {
                let phone = self.phone(phone)?;
                (self.when(unix_ns, 0), Observed::FollowedLate { outage, phone, address, late_ns })
            }
            Notice::Router { phone, address, place, taken, unix_ns } => {
                let phone = self.phone(phone)?;
                (self.when(unix_ns, 0), Observed::RouterSeen { phone, address, place, taken })
            }
            Notice::Server { server, address, place, unix_ns } => {
                (self.when(unix_ns, 0), Observed::ServerSeen { server: self.server(server)?, address, place })
            }
            // One of which nothing has passed has no times.
            Notice::Media(Counted { packets: 0, .. }) => return None,
            Notice::Media(counted) => {
                let last = self.when(counted.last_ns, 0);
                let Counted { own, other, toward, packets, dropped, gap_ns, .. } = counted;
                let (phone, first) = (self.phone(counted.phone)?, self.when(counted.first_ns, 0).at);
                let speech = Speech { phone, own, other, toward, packets, dropped, first, last: last.at, gap_ns };
                (last, Observed::Spoke(Box::new(speech)))
            }
            Notice::SignOfLife { phone, unix_ns } => {
                (self.when(unix_ns, 0), Observed::SignOfLife { phone: self.phone(phone)? })
            }
            Notice::Lost { how, count } => (now, Observed::EvidenceLost { how, count }),
            Notice::OrphansRemoved(names) => (now, Observed::OrphansRemoved { names }),
            Notice::LinkLost { interface, how, unix_ns, error_ns } => {
                (self.when(unix_ns, error_ns), Observed::LinkLost { interface, how })
            }
            Notice::LinkBack { interface, how, gap_ns, changed, unix_ns } => {
                (self.when(unix_ns, 0), Observed::LinkBack { interface, how, gap_ns, changed })
            }
            Notice::Trouble(what) => {
                let reason = format!("the bridge helper {what}");
                (now, Observed::DriverFailed { part: RigPart::Bridge, phone: None, reason })
            }
            // Only ever the first notice, which is not ours to read; and frames and counts, which go another way.
            Notice::Ready { .. } | Notice::Refused(_) | Notice::Frame(_) | Notice::Count { .. } | Notice::Pong => {
                return None;
            }
        })
    }

    fn take_frame(&mut self, frame: SeenFrame, outbox: &mut Outbox) {
        let raw = match self.keep(&frame) {
            Ok(raw) => raw,
            Err(error) => {
                let file = self.capture.take().map_or_else(|| capture_file(1), |capture| capture.file());
                let reason = format!("can not write {file}: {error}; make room on the disk");
                let failed = Observed::DriverFailed { part: RigPart::Disk, phone: None, reason };
                outbox.push(When::exactly(self.clock.now()), failed);
                RawRef { file, offset: 0, len: 0 }
            }
        };
        if let FrameKind::Stray(outage) = frame.kind {
            let Ok(Some(mac)) = wire::frame::Frame::parse(&frame.bytes).map(|read| match frame.toward {
                Toward::Server => read.source,
                Toward::Phone => read.destination,
            }) else {
                return;
            };
            let lost = Observed::BystanderLost { outage, mac, toward: frame.toward, raw };
            return outbox.push(self.when(frame.unix_ns, 0), lost);
        }
        // Canaries are no traffic, and what leaks or goes twice was read when it came in.
        if frame.kind != FrameKind::Traffic {
            return;
        }
        let sighting = Sighting { toward: frame.toward, unix_ns: frame.unix_ns, fate: frame.fate, raw };
        for found in self.signalling.read(&frame.bytes, &sighting) {
            match found {
                Found::Sip(unix_ns, fact) => outbox.push(self.when(unix_ns, 0), Observed::Sip(fact)),
                Found::Tls(unix_ns, fact) => outbox.push(self.when(unix_ns, 0), Observed::Encrypted(fact)),
                Found::Fetched(unix_ns, fetch) => outbox.push(self.when(unix_ns, 0), Observed::Fetched(fetch)),
                Found::Knock(unix_ns, observed) => outbox.push(self.when(unix_ns, 0), *observed),
                Found::Gap(unix_ns) => {
                    outbox.push(self.when(unix_ns, 0), Observed::EvidenceLost { how: Loss::KernelDrop, count: 1 });
                }
            }
        }
    }

    /// Writes a frame to the capture, secrets masked.
    fn keep(&mut self, frame: &SeenFrame) -> io::Result<RawRef> {
        let Some(capture) = &mut self.capture else { return Ok(RawRef { file: capture_file(1), offset: 0, len: 0 }) };
        let mut masked = None;
        if !self.keep_secrets {
            let mut bytes = frame.bytes.clone();
            redact::frame_in_place(&mut bytes);
            masked = Some(bytes);
        }
        let bytes = masked.as_deref().unwrap_or(&frame.bytes);
        // A frame lies on the side on which it was seen: where it came in, or where it leaked out.
        let side = match (frame.toward, frame.kind) {
            (Toward::Server, FrameKind::Leak) => Side::Server,
            (Toward::Phone, FrameKind::Leak) => Side::Phone,
            (Toward::Server, _) => Side::Phone,
            (Toward::Phone, _) => Side::Server,
        };
        let SeenFrame { unix_ns, original_len, .. } = *frame;
        capture.write(&Frame { side, unix_ns, original_len, bytes }, &notes(frame))
    }

    /// Keeps a note on an outage for the next frame of the capture.
    fn note(&mut self, outage: OutageId, note: impl FnOnce(OutageId, ServerName) -> Note) {
        if let (Some(capture), Some(server)) = (&mut self.capture, self.outages.get(&outage)) {
            capture.note(note(outage, server.clone()));
        }
    }

    /// Tallies by the names of phones.
    pub fn named(&self, tally: &[(PhoneIndex, OutageTally)]) -> Tallies {
        tally.iter().filter_map(|(phone, tally)| Some((self.phone(*phone)?, *tally))).collect()
    }

    fn when(&self, unix_ns: i64, error_ns: u64) -> When {
        let mut when = self.clock.at_realtime(unix_ns);
        when.error_ns += error_ns;
        when
    }

    fn phone(&self, index: PhoneIndex) -> Option<PhoneName> {
        self.phones.get(usize::from(index)).cloned()
    }

    fn server(&self, index: ServerIndex) -> Option<ServerName> {
        self.servers.get(usize::from(index)).cloned()
    }
}

/// What a reader of the capture is told about a frame.
fn notes(frame: &SeenFrame) -> Vec<Note> {
    let kind = match frame.kind {
        FrameKind::Traffic => frame.late.map(|Lateness { outage, by_ns }| Note::Late { outage, by_ns }),
        FrameKind::Copy(outage) => Some(Note::Doubled { outage }),
        FrameKind::Canary => Some(Note::Canary),
        // It is the frame of one that the outage should have taken, and was seen before.
        FrameKind::Leak => return vec![Note::Leak],
        FrameKind::Stray(_) => return vec![Note::Stray],
    };
    let fate = match frame.fate {
        Fate::Passed => None,
        Fate::Dropped(outage) => Some(Note::Dropped { outage }),
        Fate::Injected(outage) => Some(Note::Injected { outage }),
    };
    kind.into_iter().chain(fate).collect()
}
