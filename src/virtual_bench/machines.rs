//! The servers of a lab as machines whose service can be stopped and started, by a command as on real ones: it asks the lab
//! through a socket in the bench's private directory, and ends when it is done.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    io::{self, BufRead, Write},
    os::{fd::OwnedFd, unix::net::UnixStream},
    path::{Path, PathBuf},
    process::ExitCode,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::UnixListener,
    process::Child,
    task::JoinHandle,
};

use super::supervisor::{Failure, launch, ready, watch};

/// What the lab says when it has done what it was asked for.
const DONE: &str = "done";

/// Name of the socket in the private directory.
const SOCKET: &str = "servers.socket";

/// Where the lab is asked.
pub fn socket(directory: &Path) -> PathBuf {
    directory.join(SOCKET)
}

/// A server of the lab.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) netns: OwnedFd,
    pub(super) spec: PathBuf,
    pub(super) log: PathBuf,
    service: Option<Service>,
}

/// Its process, and who waits for the end of that.
#[derive(Debug)]
struct Service {
    process: Pid,
    end: JoinHandle<()>,
}

impl Machine {
    /// A machine whose service runs.
    pub(super) fn running(name: &str, netns: OwnedFd, spec: PathBuf, log: PathBuf, child: Child) -> Self {
        Self { netns, spec, log, service: Service::of(name, child) }
    }

    async fn stop(&mut self) -> Result<(), Failure> {
        let Some(service) = self.service.take() else { return Ok(()) };
        // One that has ended already needs no signal.
        let _ = kill(service.process, Signal::SIGTERM);
        Ok(service.end.await?)
    }

    async fn start(&mut self, name: &str) -> Result<(), Failure> {
        if self.service.as_ref().is_some_and(|service| !service.end.is_finished()) {
            return Ok(());
        }
        let mut child = launch("registrar", name, &self.spec, &self.log, &self.netns)?;
        ready(&mut child).await?;
        self.service = Service::of(name, child);
        Ok(())
    }
}

impl Service {
    fn of(name: &str, child: Child) -> Option<Self> {
        let process = Pid::from_raw(child.id()?.cast_signed());
        Some(Self { process, end: tokio::spawn(watch(name.to_owned(), child)) })
    }
}

/// Does what is asked for, one after the other, as long as the lab lives.
pub(super) async fn serve(listener: UnixListener, mut machines: BTreeMap<String, Machine>) -> Result<(), Failure> {
    loop {
        let (stream, _) = listener.accept().await?;
        let mut stream = BufReader::new(stream);
        let mut asked = String::new();
        if stream.read_line(&mut asked).await.is_err() {
            continue;
        }
        let answer = match obey(asked.trim_end(), &mut machines).await {
            Ok(()) => DONE.to_owned(),
            Err(error) => error.to_string(),
        };
        // Whoever asked may not have waited.
        let _ = stream.get_mut().write_all(format!("{answer}\n").as_bytes()).await;
    }
}

async fn obey(asked: &str, machines: &mut BTreeMap<String, Machine>) -> Result<(), Failure> {
    let (act, name) = asked.split_once(' ').ok_or("say `stop` or `start`, and which server")?;
    let machine = machines.get_mut(name).ok_or_else(|| format!("this lab has no server `{name}`"))?;
    match act {
        "stop" => machine.stop().await,
        "start" => machine.start(name).await,
        other => Err(format!("a server can not `{other}`").into()),
    }
}

/// The command: `siprig internal server SOCKET stop NAME`. Exit code 0 when it is done, 1 if it is not.
pub(super) fn main(socket: &OsStr, act: &OsStr, name: &OsStr) -> ExitCode {
    match ask(socket, &format!("{} {}\n", act.to_string_lossy(), name.to_string_lossy())) {
        Ok(answer) if answer == DONE => ExitCode::SUCCESS,
        Ok(answer) => complain(&answer),
        Err(error) => complain(&format!("cannot reach the lab: {error}")),
    }
}

fn ask(socket: &OsStr, question: &str) -> io::Result<String> {
    let mut stream = UnixStream::connect(socket)?;
    stream.write_all(question.as_bytes())?;
    let mut answer = String::new();
    io::BufReader::new(stream).read_line(&mut answer)?;
    Ok(answer.trim_end().to_owned())
}

#[expect(clippy::print_stderr, reason = "this is a command, and says so where commands do")]
fn complain(what: &str) -> ExitCode {
    eprintln!("{what}");
    ExitCode::FAILURE
}
