//! The call partner as a process: a UDP socket for SIP, and a socket beside its file where it is told whom to call.
//!
//! It expects to be in the right network namespace already.

use std::{
    collections::HashMap,
    ffi::OsString,
    io::{self, BufRead, Write},
    net::SocketAddr,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UdpSocket, UnixListener, UnixStream as Stream},
    sync::{mpsc, oneshot},
};

use super::{Peer, PeerInput, PeerOutput, PeerSpec};
use crate::virtual_bench::{
    process::{self, ProcessError, Uptime},
    speech::Mouth,
};

/// More than anybody has to say.
const LONGEST: u64 = 200;

/// What it says of a call that was answered and is over.
const DONE: &str = "done";

/// Where it is told whom to call, beside the file that it was started with.
pub fn socket(spec: &Path) -> PathBuf {
    spec.with_extension("calls")
}

/// Somebody wants a call made.
#[derive(Debug)]
enum Wish {
    Call {
        input: PeerInput,
        number: u32,
        over: oneshot::Sender<Option<String>>,
    },
    /// Whoever wanted it is gone.
    HangUp(u32),
}

/// Runs the partner until it is killed. The file holds a [`PeerSpec`] as JSON.
pub fn main(spec_path: &Path) -> ExitCode {
    process::run(spec_path, |spec| device(spec, spec_path))
}

async fn device(spec: PeerSpec, spec_path: &Path) -> Result<(), ProcessError> {
    let uptime = Uptime::start();
    let mut peer = Peer::new(spec);
    let here = peer.here();
    let udp = UdpSocket::bind(here).await.map_err(ProcessError::in_the_way_of(format!("listen on {here}")))?;
    let spoken = SocketAddr::new(here.ip(), super::PORT);
    let mouth = Mouth::open(spoken).await.map_err(ProcessError::in_the_way_of(format!("speak from {spoken}")))?;
    let path = socket(spec_path);
    let listener =
        UnixListener::bind(&path).map_err(ProcessError::in_the_way_of(format!("listen at {}", path.display())))?;
    let (wishes, mut inbox) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut number = 0;
        while let Ok((stream, _)) = listener.accept().await {
            number += 1;
            tokio::spawn(wish(stream, number, wishes.clone()));
        }
    });
    process::announce_ready()?;
    let mut waiting: HashMap<u32, oneshot::Sender<Option<String>>> = HashMap::new();
    let mut datagram = vec![0; 65_535];
    loop {
        while let Some(output) = peer.poll_output() {
            match output {
                // What can not be sent is lost, and sent again.
                PeerOutput::Datagram { to, bytes } => _ = udp.send_to(&bytes, to).await,
                PeerOutput::Over { number, failed } => {
                    // Whoever asked may not have waited.
                    let _ = waiting.remove(&number).map(|over| over.send(failed));
                }
            }
        }
        mouth.speak_to(peer.speaks_to());
        let input = tokio::select! {
            received = udp.recv_from(&mut datagram) => match received {
                Ok((length, from)) => {
                    PeerInput::Datagram { from, bytes: datagram.get(..length).unwrap_or_default().to_vec() }
                }
                Err(_) => PeerInput::Timeout,
            },
            Some(wish) = inbox.recv() => match wish {
                Wish::Call { input, number, over } => {
                    waiting.insert(number, over);
                    input
                }
                Wish::HangUp(number) => PeerInput::HangUp { number },
            },
            () = uptime.wait(peer.poll_deadline()) => PeerInput::Timeout,
        };
        peer.handle(uptime.now(), input);
    }
}

/// Reads `EXTENSION SERVER SECONDS`, and says what came of the call; hangs up when the other end goes away.
async fn wish(stream: Stream, number: u32, wishes: mpsc::UnboundedSender<Wish>) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut asked = String::new();
    (&mut stream).take(LONGEST).read_line(&mut asked).await?;
    let words: Vec<&str> = asked.split_whitespace().collect();
    let call =
        match words.as_slice() {
            [extension, server, hold] => server.parse().ok().zip(hold.parse().ok()).map(|(server, hold)| {
                PeerInput::Call { number, server, extension: (*extension).to_owned(), hold: Duration::from_secs(hold) }
            }),
            _ => None,
        };
    let Some(input) = call else { return stream.get_mut().write_all(b"say EXTENSION SERVER SECONDS\n").await };
    let (over, told) = oneshot::channel();
    let _ = wishes.send(Wish::Call { input, number, over });
    let mut nothing = [0; 1];
    tokio::select! {
        failed = told => {
            let said = failed.unwrap_or_default().unwrap_or_else(|| DONE.to_owned());
            stream.get_mut().write_all(format!("{said}\n").as_bytes()).await
        }
        _ = stream.read(&mut nothing) => {
            let _ = wishes.send(Wish::HangUp(number));
            Ok(())
        }
    }
}

/// The command: `siprig internal peer-call SOCKET EXTENSION SERVER SECONDS`. Exit code 0 if the call was answered, 1 if not.
pub fn call(args: &[OsString]) -> ExitCode {
    let said = match args {
        [socket, words @ ..] => {
            let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
            ask(Path::new(socket), &format!("{}\n", words.join(" ")))
        }
        [] => Err(io::ErrorKind::InvalidInput.into()),
    };
    let complaint = match said {
        Ok(said) if said == DONE => return ExitCode::SUCCESS,
        Ok(said) => format!("the call {said}"),
        Err(error) => format!("cannot reach the peer: {error}"),
    };
    // Nobody is left to be told if standard error is gone as well.
    let _ = writeln!(io::stderr(), "{complaint}");
    ExitCode::FAILURE
}

fn ask(socket: &Path, question: &str) -> io::Result<String> {
    let mut stream = UnixStream::connect(socket)?;
    stream.write_all(question.as_bytes())?;
    let mut answer = String::new();
    io::BufReader::new(stream).read_line(&mut answer)?;
    Ok(answer.trim_end().to_owned())
}
