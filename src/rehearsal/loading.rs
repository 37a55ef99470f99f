//! What phones load at a boot, and the files that it is: both folders are in memory, and the host of the first server serves one.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use super::{FRAME_ERROR_NS, Happening, Rehearsal};
use crate::{
    config::{Phone, provisioning::with_settings},
    event::{Fate, Fetch, FileFault, FileFlaw, Observed, PhoneName, RawRef, Toward, When},
    journal::run_dir::capture_file,
    virtual_bench::{plan::LabPlan, tftp::Transfer},
    wire::tftp::{self, Packet},
};

/// The port from which a phone loads its files.
pub(super) const CLIENT: u16 = 40_069;
/// The port from which they come.
const SERVER: u16 = 41_069;

/// How long it takes to write one.
const TAKES: Duration = Duration::from_millis(20);

/// A file, by its name.
type Folder = BTreeMap<String, Vec<u8>>;

/// The folders, and what is under way from one of them.
#[derive(Debug, Default)]
pub struct Files {
    /// What the phones' files are meant to be.
    pub base: Folder,
    /// What is served.
    pub served: Folder,
    /// Writing fails, for this reason.
    pub broken: Option<String>,
    transfers: BTreeMap<PhoneName, Transfer>,
}

impl Files {
    /// Those of a lab.
    pub(super) fn of(lab: &LabPlan) -> Self {
        let named = |path: std::path::PathBuf| path.file_name().map(|name| name.to_string_lossy().into_owned());
        let folder: Folder = lab
            .phone_files()
            .into_iter()
            .filter_map(|(path, text)| Some((named(path)?, text.as_bytes().to_vec())))
            .collect();
        Self { base: folder.clone(), served: folder, ..Self::default() }
    }
}

/// An order to write a phone's file.
#[derive(Debug)]
pub(super) struct FileOrder {
    pub(super) phone: PhoneName,
    pub(super) sequence: u32,
    pub(super) settings: BTreeMap<String, String>,
}

impl Rehearsal {
    /// The phones' files, to be changed before the run begins.
    pub fn files_mut(&mut self) -> &mut Files {
        &mut self.files
    }

    pub(super) fn order_file(&mut self, order: FileOrder) {
        self.schedule(self.now + TAKES, Happening::Write(order));
    }

    pub(super) fn write_file(&mut self, order: FileOrder) {
        let FileOrder { phone, sequence, settings } = order;
        let file = self.plan.phone(&phone).and_then(Phone::settings_file).unwrap_or_default();
        let base = self.files.base.get(&file).cloned().unwrap_or_default();
        let written = match &self.files.broken {
            Some(reason) => Err(reason.clone()),
            None => with_settings(&base, &settings).map_err(|error| error.to_string()),
        };
        let flaw = match written {
            Ok(bytes) => {
                let bytes = if settings.is_empty() { base } else { bytes };
                self.files.served.insert(file.clone(), bytes);
                None
            }
            Err(reason) => Some(FileFlaw { fault: FileFault::Failed, reason }),
        };
        let settings = if flaw.is_some() { BTreeMap::new() } else { settings };
        let observed = Observed::PhoneFileWritten { phone, sequence: Some(sequence), file, settings, flaw };
        self.report(When::exactly(self.now), observed);
    }

    /// A request for a file, or what belongs to its transfer, is at the bridge.
    pub(super) fn see_loading(
        &mut self,
        phone: &PhoneName,
        server: SocketAddr,
        toward: Toward,
        fate: Fate,
        bytes: &[u8],
    ) {
        let Some(file) = tftp::asked_file(bytes).filter(|_| toward == Toward::Server) else { return };
        let raw = RawRef { file: capture_file(1), offset: self.link.captured(bytes.len()), len: bytes.len() as u64 };
        let fetch = Fetch {
            phone: phone.clone(),
            address: server.ip(),
            server: self.plan.bench.server_at(server.ip()).map(|server| server.name.clone()),
            file: file.to_owned(),
            fate,
            raw,
        };
        self.report(When { at: self.now, error_ns: FRAME_ERROR_NS }, Observed::Fetched(Box::new(fetch)));
    }

    /// It has reached the host that serves the files, whose answer goes on its way.
    pub(super) fn serve(&mut self, phone: &PhoneName, host: IpAddr, bytes: &[u8]) {
        // What it cannot read, and what comes after the end, is not answered.
        let answer = match Packet::parse(bytes) {
            Some(Packet::Read(name)) => match self.files.served.get(name).cloned() {
                Some(bytes) => {
                    let transfer = Transfer::new(bytes);
                    let packet = transfer.packet();
                    self.files.transfers.insert(phone.clone(), transfer);
                    Some(packet)
                }
                None => Some(Packet::Failed(tftp::NOT_FOUND).to_bytes()),
            },
            _ => {
                let transfer = self.files.transfers.get_mut(phone);
                transfer.and_then(|transfer| transfer.hear(bytes).then(|| transfer.packet()))
            }
        };
        if let Some(bytes) = answer {
            self.send_file(phone, SocketAddr::new(host, SERVER), bytes);
        }
    }
}
