//! Notices of the helper to reports and a capture file.

use std::{
    fs::{File, OpenOptions},
    io::BufWriter,
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use super::{
    NetworkError,
    signalling::{Found, Sighting, Signalling},
};
use crate::{
    bridge::protocol::{FrameKind, Notice, PhoneIndex, SeenFrame, ServerIndex},
    config::Plan,
    driver::{clock::RunClock, outbox::Outbox},
    event::{Fate, Loss, Observed, PhoneName, RawRef, RigPart, ServerName, Toward, When},
    wire::{
        capture::{CaptureWriter, Side},
        redact,
    },
};

/// Name of the capture in the run directory.
const CAPTURE: &str = "capture.pcapng";

/// Everything that notices are turned into reports with.
#[derive(Debug)]
pub(super) struct Watch {
    clock: RunClock,
    phones: Vec<PhoneName>,
    servers: Vec<ServerName>,
    signalling: Signalling,
    keep_secrets: bool,
    /// None: it could not be written any more, which was reported.
    capture: Option<CaptureWriter<BufWriter<File>>>,
}

impl Watch {
    pub fn new(plan: &Plan, clock: RunClock, run_dir: &Path) -> Result<Self, NetworkError> {
        let failed = |source| NetworkError::Capture { file: CAPTURE.to_owned(), source };
        let mode = if plan.keep_secrets { 0o600 } else { 0o644 };
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(mode);
        let file = options.open(run_dir.join(CAPTURE)).map_err(failed)?;
        let capture = CaptureWriter::new(BufWriter::new(file)).map_err(failed)?;
        Ok(Self {
            clock,
            phones: plan.bench.phones.iter().map(|phone| phone.name.clone()).collect(),
            servers: plan.bench.servers.iter().map(|server| server.name.clone()).collect(),
            signalling: Signalling::new(&plan.bench, plan.keep_secrets),
            keep_secrets: plan.keep_secrets,
            capture: Some(capture),
        })
    }

    /// Reports what a notice says.
    pub fn take(&mut self, notice: Notice, outbox: &mut Outbox) {
        if let Notice::Frame(frame) = notice {
            return self.take_frame(frame, outbox);
        }
        if let Some((when, observed)) = self.translate(notice) {
            outbox.push(when, observed);
        }
    }

    /// Writes the rest of the capture.
    pub fn finish(&mut self) -> Result<(), NetworkError> {
        let done = self.capture.as_mut().map_or(Ok(()), CaptureWriter::flush);
        done.map_err(|source| NetworkError::Capture { file: CAPTURE.to_owned(), source })
    }

    fn translate(&self, notice: Notice) -> Option<(When, Observed)> {
        let now = When::exactly(self.clock.now());
        Some(match notice {
            Notice::Began { outage, unix_ns, error_ns } => {
                (self.when(unix_ns, error_ns), Observed::OutageBegan { outage })
            }
            Notice::Ended { outage, why, unix_ns, error_ns, tally } => {
                let tally = tally.into_iter().filter_map(|(phone, tally)| Some((self.phone(phone)?, tally))).collect();
                (self.when(unix_ns, error_ns), Observed::OutageEnded { outage, why, tally })
            }
            Notice::FirstBite { outage, phone, toward, unix_ns } => {
                (self.when(unix_ns, 0), Observed::FirstBite { outage, phone: self.phone(phone)?, toward })
            }
            Notice::Leak { outage, phone, toward, unix_ns } => {
                (self.when(unix_ns, 0), Observed::Leak { outage, phone: self.phone(phone)?, toward })
            }
            Notice::Canary { outage, phone, server, toward, passed, unix_ns } => {
                let (phone, server) = (self.phone(phone)?, self.server(server)?);
                (self.when(unix_ns, 0), Observed::Canary { outage, phone, server, toward, passed })
            }
            Notice::SignOfLife { phone, unix_ns } => {
                (self.when(unix_ns, 0), Observed::SignOfLife { phone: self.phone(phone)? })
            }
            Notice::Lost { how, count } => (now, Observed::EvidenceLost { how, count }),
            Notice::Trouble(what) => {
                let reason = format!("the bridge helper {what}");
                (now, Observed::DriverFailed { part: RigPart::Bridge, phone: None, reason })
            }
            // Only ever the first notice, which is not ours to read; and frames, which go another way.
            Notice::Ready { .. } | Notice::Refused(_) | Notice::Frame(_) => return None,
        })
    }

    fn take_frame(&mut self, frame: SeenFrame, outbox: &mut Outbox) {
        let raw = match self.keep(&frame) {
            Ok(raw) => raw,
            Err(error) => {
                self.capture = None;
                let reason = format!("can not write {CAPTURE}: {error}; make room on the disk");
                let failed = Observed::DriverFailed { part: RigPart::Disk, phone: None, reason };
                outbox.push(When::exactly(self.clock.now()), failed);
                RawRef { file: CAPTURE.to_owned(), offset: 0, len: 0 }
            }
        };
        // Canaries are no traffic, and what leaks was read when it came in.
        if frame.kind != FrameKind::Traffic {
            return;
        }
        let sighting = Sighting { toward: frame.toward, unix_ns: frame.unix_ns, fate: frame.fate, raw };
        for found in self.signalling.read(&frame.bytes, &sighting) {
            match found {
                Found::Sip(unix_ns, fact) => outbox.push(self.when(unix_ns, 0), Observed::Sip(fact)),
                Found::Tls(unix_ns, fact) => outbox.push(self.when(unix_ns, 0), Observed::Encrypted(fact)),
                Found::Knock(unix_ns, observed) => outbox.push(self.when(unix_ns, 0), *observed),
                Found::Gap(unix_ns) => {
                    outbox.push(self.when(unix_ns, 0), Observed::EvidenceLost { how: Loss::KernelDrop, count: 1 });
                }
            }
        }
    }

    /// Writes a frame to the capture, secrets masked.
    fn keep(&mut self, frame: &SeenFrame) -> std::io::Result<RawRef> {
        let file = CAPTURE.to_owned();
        let Some(capture) = &mut self.capture else { return Ok(RawRef { file, offset: 0, len: 0 }) };
        let mut masked = None;
        if !self.keep_secrets {
            let mut bytes = frame.bytes.clone();
            redact::frame_in_place(&mut bytes);
            masked = Some(bytes);
        }
        let bytes = masked.as_deref().unwrap_or(&frame.bytes);
        // A frame lies on the side on which it was seen: where it came in, or where it leaked out.
        let side = match (frame.toward, frame.kind) {
            (Toward::Server, FrameKind::Traffic | FrameKind::Canary) | (Toward::Phone, FrameKind::Leak) => Side::Phone,
            (Toward::Phone, FrameKind::Traffic | FrameKind::Canary) | (Toward::Server, FrameKind::Leak) => Side::Server,
        };
        let comment = comment(frame);
        let place = capture.write(side, frame.unix_ns, frame.original_len, bytes, comment.as_deref())?;
        Ok(RawRef { file, offset: place.offset, len: place.len })
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
fn comment(frame: &SeenFrame) -> Option<String> {
    let fate = match frame.fate {
        Fate::Passed => None,
        Fate::Dropped(outage) => Some(format!("dropped by outage {}", outage.0)),
        Fate::Injected(outage) => Some(format!("made by the bridge for outage {}", outage.0)),
    };
    match (frame.kind, fate) {
        (FrameKind::Traffic, fate) => fate,
        (FrameKind::Canary, None) => Some("canary".to_owned()),
        (FrameKind::Canary, Some(fate)) => Some(format!("canary; {fate}")),
        (FrameKind::Leak, _) => Some("leak: it left although an outage was in force".to_owned()),
    }
}
