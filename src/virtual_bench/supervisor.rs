//! The process that is the lab: it builds the links, starts the phones and the servers, writes the bench file, and
//! then plays the switch.
//!
//! A phone or server that dies stays dead: that is a fault for the controller to observe. It leaves a line in the
//! lab's log.
//!
//! Not here: namespaces of the whole bench and its end (`init`).

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd},
        unix::fs::OpenOptionsExt,
    },
    path::{Path, PathBuf},
    process::{ExitCode, Stdio},
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::UnixListener,
    process::{Child, Command},
};

use super::{
    Description,
    machines::{self, Machine},
    namespace,
    plan::LabPlan,
    topology::{End, Topology},
};
use crate::{config::Mac, event::KeyName};

/// What a supervisor is started with: JSON in a file of the bench's private directory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Order {
    /// The bench.
    pub description: Description,
    /// Keys of its phones.
    pub keys: BTreeMap<KeyName, String>,
}

/// What it says, as one line of JSON, when the bench is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ready {
    /// The bench file.
    pub bench: PathBuf,
    /// How long the links took, in milliseconds.
    pub links_ms: u64,
    /// How long the processes took, in milliseconds.
    pub processes_ms: u64,
}

/// Name of the order in the private directory.
pub(super) const ORDER: &str = "lab.json";

/// How long a phone or server may take to start. On an idle machine it takes 10 ms.
const START: Duration = Duration::from_secs(10);

/// Runs the lab until it is killed. Its files are in `directory`.
pub(super) fn main(directory: &Path) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return complain(&error),
    };
    match runtime.block_on(supervise(directory)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(&*error),
    }
}

#[expect(clippy::print_stderr, reason = "standard error is the lab's log")]
fn complain(error: &dyn std::error::Error) -> ExitCode {
    eprintln!("{error}");
    ExitCode::FAILURE
}

pub(super) type Failure = Box<dyn std::error::Error>;

async fn supervise(directory: &Path) -> Result<(), Failure> {
    let order: Order = serde_json::from_slice(&fs::read(directory.join(ORDER))?)?;
    let plan = LabPlan::new(&order.description, directory, &order.keys, password_maker()?);
    let begin = now();
    let topology = Topology::build(&phone_ends(&plan), &server_ends(&plan)).await?;
    let linked = now();
    let news = topology.listen()?;

    let mut servers = Vec::new();
    for (server, netns) in plan.servers.iter().zip(topology.servers()) {
        servers.push(start("registrar", &server.spec.name, &serde_json::to_vec(&server.spec)?, netns, directory)?);
    }
    let mut phones = Vec::new();
    for (process, netns) in plan.phones.iter().zip(topology.phones()) {
        phones.push(start("phone", &process.phone.name, &serde_json::to_vec(process)?, netns, directory)?);
    }
    let mut peers = Vec::new();
    for (peer, netns) in plan.peers.iter().zip(topology.servers().iter().skip(plan.servers.len())) {
        peers.push(start("peer", &peer.name, &serde_json::to_vec(peer)?, netns, directory)?);
    }
    for Device { name, child, .. } in servers.iter_mut().chain(&mut phones).chain(&mut peers) {
        tokio::time::timeout(START, ready(child)).await.map_err(|_| format!("{name} does not start"))??;
    }
    let listener = UnixListener::bind(machines::socket(directory))?;
    for (path, secret) in plan.secret_files() {
        write_private(&path, secret.as_bytes())?;
    }
    for (path, text) in plan.phone_files() {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        write_private(&path, text.as_bytes())?;
    }
    let bench = directory.join("bench.toml");
    write_private(&bench, toml::to_string(&plan.bench_file())?.as_bytes())?;
    let millis = |from: Instant, to: Instant| u64::try_from((to - from).as_millis()).unwrap_or(u64::MAX);
    let ready = Ready { bench, links_ms: millis(begin, linked), processes_ms: millis(linked, now()) };

    let mut line = serde_json::to_vec(&ready)?;
    line.push(b'\n');
    io::stdout().write_all(&line)?;

    for device in phones.into_iter().chain(peers) {
        tokio::spawn(watch(device.name, device.child));
    }
    let mut machines = BTreeMap::new();
    for (Device { name, child, spec, log }, netns) in servers.into_iter().zip(topology.servers()) {
        let netns = netns.as_fd().try_clone_to_owned()?;
        machines.insert(name.clone(), Machine::running(&name, netns, spec, log, child));
    }
    tokio::select! {
        tracked = topology.track_uplink(news) => Ok(tracked?),
        served = machines::serve(listener, machines) => served,
    }
}

fn phone_ends(plan: &LabPlan) -> Vec<End> {
    let phones = plan.phones.iter().map(|process| &process.phone);
    phones.map(|phone| End { name: phone.name.clone(), mac: phone.mac, address: phone.address }).collect()
}

fn server_ends(plan: &LabPlan) -> Vec<End> {
    let servers = plan.servers.iter();
    let servers =
        servers.map(|server| End { name: server.spec.name.clone(), mac: server.mac, address: server.spec.address });
    let peers = (1..).zip(&plan.peers).map(|(number, peer)| {
        let mac = Mac([0x02, 0x00, 0x0a, 0x4d, 0x00, 0xf0 + number]);
        End { name: peer.name.clone(), mac, address: peer.address }
    });
    servers.chain(peers).collect()
}

/// A phone or server that was started.
struct Device {
    name: String,
    child: Child,
    spec: PathBuf,
    log: PathBuf,
}

fn start(role: &str, name: &str, spec: &[u8], netns: &impl AsFd, directory: &Path) -> Result<Device, Failure> {
    let spec_path = spec_file(directory, name);
    write_private(&spec_path, spec)?;
    let log = directory.join(format!("{name}.log"));
    private(&log)?;
    let child = launch(role, name, &spec_path, &log, netns)?;
    Ok(Device { name: name.to_owned(), child, spec: spec_path, log })
}

/// The file that a device is started with.
pub(super) fn spec_file(directory: &Path, name: &str) -> PathBuf {
    directory.join(format!("{name}.json"))
}

/// Starts a process of the lab in its namespace; its log, which is there, goes on.
pub(super) fn launch(role: &str, name: &str, spec: &Path, log: &Path, netns: &impl AsFd) -> Result<Child, Failure> {
    let log = OpenOptions::new().append(true).open(log)?;
    let mut command = Command::new("/proc/self/exe");
    command.arg0("siprig");
    command.args([OsStr::new("internal"), OsStr::new(role), spec.as_os_str()]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
    let netns = netns.as_fd().as_raw_fd();
    // SAFETY: between fork and exec only system calls are made, on a descriptor that is open in the parent for longer than
    // this call.
    unsafe {
        command.pre_exec(move || namespace::join(BorrowedFd::borrow_raw(netns)));
    }
    let child = command.spawn().map_err(|error| format!("cannot start {role} {name}: {error}"))?;
    Ok(child)
}

/// Waits until a child says that it is there.
pub(super) async fn ready(child: &mut Child) -> Result<(), Failure> {
    let mut said = String::new();
    let Some(stdout) = child.stdout.as_mut() else { return Err("no standard output".into()) };
    let mut lines = BufReader::new(stdout);
    lines.read_line(&mut said).await?;
    if said.trim_end() == "ready" { Ok(()) } else { Err(format!("said {said:?} instead of `ready`").into()) }
}

/// Notes the death of a child.
#[expect(clippy::print_stderr, reason = "standard error is the lab's log")]
pub(super) async fn watch(name: String, mut child: Child) {
    // What it still says goes nowhere, but must not make it wait.
    if let Some(mut stdout) = child.stdout.take() {
        let mut nowhere = tokio::io::sink();
        let _ = tokio::io::copy(&mut stdout, &mut nowhere).await;
    }
    match child.wait().await {
        Ok(status) => eprintln!("{name} is gone: {status}"),
        Err(error) => eprintln!("{name} is lost: {error}"),
    }
}

/// Passwords that nobody can know before.
fn password_maker() -> io::Result<impl FnMut() -> String> {
    use std::io::Read;
    let mut seed = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut seed)?;
    let mut count = 0_u32;
    Ok(move || {
        use sha2::{Digest, Sha256};
        count += 1;
        let hash = Sha256::new().chain_update(seed).chain_update(count.to_be_bytes()).finalize();
        hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    })
}

/// Makes a file that only its owner can read.
pub(super) fn private(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Writes a file that only its owner can read.
pub(super) fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    private(path)?.write_all(bytes)
}

#[expect(clippy::disallowed_methods, reason = "how long the bench takes to come up is measured")]
fn now() -> Instant {
    Instant::now()
}
