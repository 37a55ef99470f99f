//! Consoles that others on this machine may look on at: one types, whoever opened the port, and any number watch.
//!
//! Each shared console has a socket (unix(7)) in the state directory, for its user alone. It takes nothing: who watches
//! can neither type nor hold anything up, and one that is too slow is told what it missed.

use std::{
    fs::{self, Permissions},
    io,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use nix::unistd::geteuid;
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{UnixListener, UnixStream},
    sync::broadcast::{self, error::RecvError},
    task::{JoinHandle, JoinSet},
};

use super::{Console, Heard};
use crate::{driver::clock::RunClock, event::PhoneName, journal::run_dir::file_name_of};

/// Version of what is told, to be raised with every change.
const VERSION: u32 = 1;

/// The longest message; a read of a console is at most 4096 bytes.
const MAX_MESSAGE: u32 = 65_536;

/// What one who watches is told. Times are by the wall clock, in nanoseconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Told {
    /// First of all: who types.
    Welcome {
        /// Of what is told.
        version: u32,
        /// `siprig run failover (process 17)`.
        typist: String,
    },
    /// Bytes came.
    Came(i64, Vec<u8>),
    /// Bytes were typed; none: they are secret.
    Typed(i64, Option<Vec<u8>>),
    /// The port was opened.
    Opened(i64),
    /// The port was lost.
    Lost(i64),
    /// So many of these were missed.
    Missed(u64),
}

/// A console that is shared, until this is dropped.
#[derive(Debug)]
pub struct Share {
    path: PathBuf,
    task: JoinHandle<()>,
}

impl Share {
    /// Shares a console of a bench. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// If the socket can not be made, or somebody shares a console of this name already.
    pub fn open(state: &Path, bench: &str, phone: &PhoneName, console: &Console, typist: &str) -> io::Result<Self> {
        let namespace = fs::metadata("/proc/self/ns/net").map_or(0, |found| found.ino());
        let path = state.join(format!("console-{namespace}{}", ending(bench, phone)));
        if std::os::unix::net::UnixStream::connect(&path).is_ok() {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        // It gets its name once somebody listens, or it would look as if he had been killed.
        let nameless = path.with_extension("new");
        let _ = fs::remove_file(&nameless);
        let listener = UnixListener::bind(&nameless)?;
        fs::set_permissions(&nameless, Permissions::from_mode(0o600))?;
        fs::rename(&nameless, &path)?;
        let (feed, clock) = (console.feed.clone(), console.clock.clone());
        let typist = format!("{typist} (process {})", std::process::id());
        let task = tokio::spawn(serve(listener, feed, clock, typist));
        Ok(Self { path, task })
    }
}

/// Removes what is left in the state directory of shared consoles whose siprig was killed.
pub fn sweep(state: &Path) {
    let entries = fs::read_dir(state).into_iter().flatten().flatten();
    let sockets = entries.filter(|entry| {
        entry.file_name().to_str().is_some_and(|name| name.starts_with("console-") && name.ends_with(".sock"))
    });
    for socket in sockets {
        let unheard = std::os::unix::net::UnixStream::connect(socket.path())
            .is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused);
        if unheard {
            // Whoever else removes it does the same.
            let _ = fs::remove_file(socket.path());
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.task.abort();
        let _ = fs::remove_file(&self.path);
    }
}

async fn serve(listener: UnixListener, feed: broadcast::Sender<Heard>, clock: RunClock, typist: String) {
    let mut watchers = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // Out of descriptors: who wants to watch tries again.
                let Ok((stream, _)) = accepted else { return };
                let allowed = |uid| uid == geteuid().as_raw() || uid == 0;
                if stream.peer_cred().is_ok_and(|peer| allowed(peer.uid())) {
                    watchers.spawn(tell(stream, feed.subscribe(), clock.clone(), typist.clone()));
                }
            }
            Some(_) = watchers.join_next() => {}
        }
    }
}

/// Tells one who watches, until that one has seen enough.
async fn tell(mut stream: UnixStream, mut feed: broadcast::Receiver<Heard>, clock: RunClock, typist: String) {
    let mut next = Told::Welcome { version: VERSION, typist };
    loop {
        let Ok(message) = postcard::to_stdvec(&next) else { return };
        let Ok(length) = u32::try_from(message.len()) else { return };
        if stream.write_all(&[&length.to_le_bytes()[..], &message].concat()).await.is_err() {
            return;
        }
        next = loop {
            let mut nothing = [0; 64];
            tokio::select! {
                heard = feed.recv() => match heard {
                    Ok(heard) => if let Some(told) = told(heard, &clock) { break told },
                    Err(RecvError::Lagged(count)) => break Told::Missed(count),
                    Err(RecvError::Closed) => return,
                },
                // What is said here is passed over; only that nobody is there any more counts.
                read = stream.read(&mut nothing) => if !matches!(read, Ok(1..)) { return },
            }
        };
    }
}

fn told(heard: Heard, clock: &RunClock) -> Option<Told> {
    Some(match heard {
        Heard::Came(at, bytes) => Told::Came(clock.unix_ns(at), bytes.to_vec()),
        Heard::Typed(at, bytes) => Told::Typed(clock.unix_ns(at), bytes.map(|bytes| bytes.to_vec())),
        Heard::Opened(at) => Told::Opened(clock.unix_ns(at)),
        Heard::Lost(at) => Told::Lost(clock.unix_ns(at)),
        Heard::Line(_) => return None,
    })
}

/// One who watches a console that somebody else has.
#[derive(Debug)]
pub struct Watch {
    /// Who types there.
    pub typist: String,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Socket(UnixStream, Vec<u8>),
    Own(broadcast::Receiver<Heard>, RunClock),
}

impl Watch {
    /// Hears a console of our own.
    pub fn own(console: &Console) -> Self {
        Self { typist: String::new(), source: Source::Own(console.listen(), console.clock.clone()) }
    }

    /// Looks on at a console of a bench that somebody shares; none: nobody does.
    ///
    /// # Errors
    /// If several benches of this name are shared, or theirs is another version of siprig.
    pub async fn join(state: &Path, bench: &str, phone: &PhoneName) -> io::Result<Option<Self>> {
        let ending = ending(bench, phone);
        let mut found = Vec::new();
        for entry in fs::read_dir(state)?.flatten() {
            if entry.file_name().to_str().is_some_and(|name| name.starts_with("console-") && name.ends_with(&ending))
                && let Ok(stream) = UnixStream::connect(entry.path()).await
            {
                let mut source = Source::Socket(stream, Vec::new());
                match source.next().await? {
                    Some(Told::Welcome { version: VERSION, typist }) => found.push(Self { typist, source }),
                    Some(_) => return Err(io::Error::other("it is shared by another version of siprig")),
                    None => {}
                }
            }
        }
        if found.len() > 1 {
            let typists: Vec<_> = found.iter().map(|watch| watch.typist.as_str()).collect();
            return Err(io::Error::other(format!("several benches of this name are in use: {}", typists.join(", "))));
        }
        Ok(found.pop())
    }

    /// What happens next; none: who has the console has ended. Safe to cancel.
    ///
    /// # Errors
    /// If what is told makes no sense.
    pub async fn next(&mut self) -> io::Result<Option<Told>> {
        self.source.next().await
    }
}

impl Source {
    async fn next(&mut self) -> io::Result<Option<Told>> {
        match self {
            Self::Own(feed, clock) => loop {
                match feed.recv().await {
                    Ok(heard) => {
                        if let Some(told) = told(heard, clock) {
                            return Ok(Some(told));
                        }
                    }
                    Err(RecvError::Lagged(count)) => return Ok(Some(Told::Missed(count))),
                    Err(RecvError::Closed) => return Ok(None),
                }
            },
            Self::Socket(stream, gathered) => loop {
                if let Some((head, rest)) = gathered.split_first_chunk::<4>() {
                    let length = u32::from_le_bytes(*head);
                    if length > MAX_MESSAGE {
                        return Err(io::Error::other("who shares it speaks another language"));
                    }
                    if let Some(message) = rest.get(..length as usize) {
                        let told = postcard::from_bytes(message).map_err(io::Error::other)?;
                        gathered.drain(..4 + length as usize);
                        return Ok(Some(told));
                    }
                }
                if stream.read_buf(gathered).await? == 0 {
                    return Ok(None);
                }
            },
        }
    }
}

/// How the name of a console's socket ends.
fn ending(bench: &str, phone: &PhoneName) -> String {
    format!("-{}-{}.sock", file_name_of(bench), file_name_of(&phone.0))
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn what_a_killed_siprig_has_shared_is_swept_away_and_what_others_share_is_not() {
        let state = tempfile::tempdir().unwrap();
        let at = |name: &str| state.path().join(name);
        drop(UnixListener::bind(at("console-1-virtual-p1.sock")).unwrap());
        drop(UnixListener::bind(at("of-somebody-else.sock")).unwrap());
        let _shared = UnixListener::bind(at("console-2-virtual-p1.sock")).unwrap();
        sweep(state.path());
        let left = fs::read_dir(state.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut left: Vec<_> = left.collect();
        left.sort();
        assert_eq!(left, ["console-2-virtual-p1.sock", "of-somebody-else.sock"]);
        sweep(&at("nowhere"));
    }
}
