//! What a phone loads at a boot: its files one after the other, by TFTP (RFC 1350).
//!
//! The maker's guide tells the order. How long a phone waits for its server, and how often it asks, is invented; so is that a phone
//! whose server does not answer goes by what it has loaded before.

use std::{
    collections::{BTreeMap, VecDeque},
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use super::PhoneOutput;
use crate::{
    config::provisioning::MAX_BYTES,
    wire::tftp::{BLOCK, PORT, Packet},
};

/// How long an answer is waited for before the phone asks again, and how often it asks.
const PATIENCE: Duration = Duration::from_secs(2);
const TRIES: u32 = 3;

/// The loading of a boot.
#[derive(Debug, Default)]
pub struct Loader {
    under_way: Option<Load>,
}

#[derive(Debug)]
struct Load {
    server: IpAddr,
    /// The files to come, the one that is loaded first.
    files: VecDeque<String>,
    /// Where its blocks come from, since the first one.
    from: Option<SocketAddr>,
    bytes: Vec<u8>,
    blocks: u16,
    loaded: BTreeMap<String, Vec<u8>>,
    again: Duration,
    tries: u32,
}

/// What came of it.
#[derive(Debug, PartialEq, Eq)]
pub enum Loaded {
    /// By name, the files that the server has.
    Files(BTreeMap<String, Vec<u8>>),
    /// The server does not answer.
    Nothing,
}

impl Loader {
    /// Begins to load these files.
    pub fn begin(
        &mut self,
        now: Duration,
        server: IpAddr,
        files: impl IntoIterator<Item = String>,
        outputs: &mut VecDeque<PhoneOutput>,
    ) {
        let mut load = Load {
            server,
            files: files.into_iter().collect(),
            from: None,
            bytes: Vec::new(),
            blocks: 0,
            loaded: BTreeMap::new(),
            again: now,
            tries: 0,
        };
        load.ask(now, outputs);
        self.under_way = Some(load);
    }

    /// It goes no further.
    pub fn stop(&mut self) {
        self.under_way = None;
    }

    /// When it asks again.
    pub fn next_due(&self) -> Option<Duration> {
        self.under_way.as_ref().map(|load| load.again)
    }

    /// A datagram has come for it.
    pub fn hear(
        &mut self,
        now: Duration,
        from: SocketAddr,
        datagram: &[u8],
        outputs: &mut VecDeque<PhoneOutput>,
    ) -> Option<Loaded> {
        let load = self.under_way.as_mut()?;
        let theirs = from.ip() == load.server && load.from.is_none_or(|known| known == from);
        match Packet::parse(datagram).filter(|_| theirs)? {
            Packet::Data(block, data) if block == load.blocks.wrapping_add(1) && load.bytes.len() < MAX_BYTES => {
                (load.from, load.blocks) = (Some(from), block);
                load.bytes.extend_from_slice(data);
                load.acknowledge(now, outputs);
                if data.len() < BLOCK {
                    let bytes = std::mem::take(&mut load.bytes);
                    let name = load.files.front().cloned().unwrap_or_default();
                    load.loaded.insert(name, bytes);
                    return self.next(now, outputs);
                }
            }
            // The acknowledgement was lost.
            Packet::Data(block, _) if block == load.blocks && load.from.is_some() => load.acknowledge(now, outputs),
            Packet::Failed(_) => return self.next(now, outputs),
            _ => {}
        }
        None
    }

    /// Asks again if it is time, or gives its server up.
    pub fn run(&mut self, now: Duration, outputs: &mut VecDeque<PhoneOutput>) -> Option<Loaded> {
        let load = self.under_way.as_mut().filter(|load| load.again <= now)?;
        if load.tries >= TRIES {
            self.under_way = None;
            return Some(Loaded::Nothing);
        }
        match load.from {
            Some(_) => load.acknowledge(now, outputs),
            None => load.ask(now, outputs),
        }
        None
    }

    fn next(&mut self, now: Duration, outputs: &mut VecDeque<PhoneOutput>) -> Option<Loaded> {
        let load = self.under_way.as_mut()?;
        load.files.pop_front();
        (load.from, load.blocks, load.tries) = (None, 0, 0);
        load.bytes.clear();
        if load.files.is_empty() {
            let loaded = std::mem::take(&mut load.loaded);
            self.under_way = None;
            return Some(Loaded::Files(loaded));
        }
        load.ask(now, outputs);
        None
    }
}

impl Load {
    fn ask(&mut self, now: Duration, outputs: &mut VecDeque<PhoneOutput>) {
        let to = SocketAddr::new(self.server, PORT);
        let bytes = Packet::Read(self.files.front().map_or("", String::as_str)).to_bytes();
        self.wait(now, PhoneOutput::SendTftp { to, bytes }, outputs);
        self.tries += 1;
    }

    fn acknowledge(&mut self, now: Duration, outputs: &mut VecDeque<PhoneOutput>) {
        let Some(to) = self.from else { return };
        self.tries = if self.again <= now { self.tries + 1 } else { 0 };
        let bytes = Packet::Acknowledged(self.blocks).to_bytes();
        self.wait(now, PhoneOutput::SendTftp { to, bytes }, outputs);
    }

    fn wait(&mut self, now: Duration, output: PhoneOutput, outputs: &mut VecDeque<PhoneOutput>) {
        self.again = now + PATIENCE;
        outputs.push_back(output);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{virtual_bench::tftp::Transfer, wire::tftp::NOT_FOUND};

    const SERVER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 77, 0, 2));

    /// What a phone loads of a server that has these files, where every `lost`th datagram is lost.
    fn load(has: &[(&str, Vec<u8>)], lost: usize) -> (Option<Loaded>, Vec<String>) {
        let (mut loader, mut outputs, mut now) = (Loader::default(), VecDeque::new(), Duration::ZERO);
        let (mut asked, mut transfer, mut count) = (Vec::new(), None::<Transfer>, 0);
        let names = ["aastra.cfg", "6731i.cfg", "00085D237429.cfg"].map(str::to_owned);
        loader.begin(now, SERVER, names, &mut outputs);
        for _ in 0..10_000 {
            let Some(PhoneOutput::SendTftp { to, bytes }) = outputs.pop_front() else {
                let Some(due) = loader.next_due() else { break };
                now = due;
                if let Some(loaded) = loader.run(now, &mut outputs) {
                    return (Some(loaded), asked);
                }
                continue;
            };
            count += 1;
            if lost > 0 && count % lost == 0 {
                continue;
            }
            let answer = match Packet::parse(&bytes) {
                Some(Packet::Read(name)) if to.port() == PORT => {
                    asked.push(name.to_owned());
                    transfer = has.iter().find(|(known, _)| *known == name).map(|(_, it)| Transfer::new(it.clone()));
                    transfer.as_ref().map_or(Packet::Failed(NOT_FOUND).to_bytes(), Transfer::packet)
                }
                _ => match transfer.as_mut().map(|it| (it.hear(&bytes), it)) {
                    Some((true, it)) => it.packet(),
                    _ => continue,
                },
            };
            if let Some(loaded) = loader.hear(now, SocketAddr::new(SERVER, 40_001), &answer, &mut outputs) {
                return (Some(loaded), asked);
            }
        }
        (None, asked)
    }

    #[test]
    fn files_are_loaded_in_their_order_and_those_that_are_not_there_are_passed_over() {
        let has = [("aastra.cfg", vec![b'a'; 2 * BLOCK]), ("00085D237429.cfg", b"b: 1\n".to_vec())];
        let files = Loaded::Files(has.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.clone())).collect());
        let (loaded, asked) = load(&has, 0);
        assert_eq!(
            (loaded, asked),
            (Some(files), vec!["aastra.cfg".into(), "6731i.cfg".into(), "00085D237429.cfg".into()])
        );
    }

    #[test]
    fn what_is_lost_is_asked_for_again_and_a_silent_server_is_given_up() {
        let has = [("aastra.cfg", vec![b'a'; 5 * BLOCK + 9])];
        let files = Loaded::Files([("aastra.cfg".to_owned(), has[0].1.clone())].into());
        assert_eq!(load(&has, 4).0, Some(files));
        assert_eq!(load(&has, 1), (Some(Loaded::Nothing), Vec::new()));
    }
}
