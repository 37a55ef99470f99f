//! Records of a run for whoever wishes them: the lines of its journal, from the first on, and as they come. One who is slow holds up his
//! own thread and nobody else.

use std::{
    fs::File,
    io::{self, Read, Write},
    os::{fd::AsFd, unix::net::UnixStream},
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// How often it is looked for more.
const LOOK: Duration = Duration::from_millis(50);

/// Tells them until the run is `over`, or nobody listens any more. What is told is whole lines.
///
/// # Errors
/// If the journal can not be read, or nothing can be told.
pub(super) fn tell(journal: &Path, over: &AtomicBool, stream: &mut UnixStream) -> io::Result<()> {
    let mut journal = File::open(journal)?;
    let (mut read, mut lines) = (vec![0; 1 << 16], Vec::new());
    loop {
        // What was written before it was over is there now.
        let was_over = over.load(Ordering::SeqCst);
        let count = journal.read(&mut read)?;
        lines.extend_from_slice(read.get(..count).unwrap_or_default());
        let whole = memchr::memrchr(b'\n', &lines).map_or(0, |last| last + 1);
        stream.write_all(lines.get(..whole).unwrap_or_default())?;
        lines.drain(..whole);
        if count == 0 {
            if was_over || has_hung_up(stream) {
                return Ok(());
            }
            thread::park_timeout(LOOK);
        }
    }
}

fn has_hung_up(stream: &UnixStream) -> bool {
    let mut look = [PollFd::new(stream.as_fd(), PollFlags::empty())];
    poll(&mut look, PollTimeout::ZERO).is_ok_and(|count| count > 0)
}

#[cfg(test)]
mod tests {
    use std::{fs, io::BufRead, sync::Arc};

    use super::*;

    #[test]
    fn lines_are_told_whole_as_they_come_until_the_run_is_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        fs::write(&path, "one\ntwo\nthr").unwrap();
        let (mut told, heard) = UnixStream::pair().unwrap();
        let over = Arc::new(AtomicBool::new(false));
        let (journal, ended) = (path.clone(), over.clone());
        let teller = thread::spawn(move || tell(&journal, &ended, &mut told));
        let mut lines = io::BufReader::new(heard).lines();
        let mut next = || lines.next().transpose().unwrap();
        assert_eq!((next().as_deref(), next().as_deref()), (Some("one"), Some("two")));
        let mut more = fs::OpenOptions::new().append(true).open(&path).unwrap();
        more.write_all(b"ee\nfour\nfi").unwrap();
        assert_eq!((next().as_deref(), next().as_deref()), (Some("three"), Some("four")));
        over.store(true, Ordering::SeqCst);
        assert_eq!(next(), None, "a line without its end is none");
        teller.join().unwrap().unwrap();
    }

    #[test]
    fn whoever_hangs_up_is_told_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        fs::write(&path, "one\n").unwrap();
        let (mut told, heard) = UnixStream::pair().unwrap();
        drop(heard);
        // Written to or only looked at: it comes to its end either way.
        let _ = tell(&path, &AtomicBool::new(false), &mut told);
    }
}
