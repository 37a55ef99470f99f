//! A state that one thread changes and another one shows.

use std::{
    io,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        mpsc::{self, Receiver},
    },
    thread,
    time::Duration,
};

/// A change waits this long for others to be shown with it: no more than ten drawings a second.
const PAUSE: Duration = Duration::from_millis(100);
/// How long the last drawing may take before the end of the run no longer waits for it.
const FAREWELL: Duration = Duration::from_secs(1);

/// The writing end. Dropping it has the state shown a last time.
#[derive(Debug)]
pub struct Feed<S> {
    shared: Arc<Shared<S>>,
    done: Receiver<()>,
}

#[derive(Debug)]
struct Shared<S> {
    inner: Mutex<Inner<S>>,
    changed: Condvar,
}

#[derive(Debug)]
struct Inner<S> {
    state: S,
    dirty: bool,
    closing: bool,
}

impl<S: Send + 'static> Feed<S> {
    /// Starts the thread that shows the state: after each change, and at least as often as `every`. `take` copies what
    /// is to be shown, quickly; `show` writes it, told whether it is the last time, and returns whether it could.
    ///
    /// # Errors
    /// If the thread can not be started.
    pub fn start<T>(
        state: S,
        every: Duration,
        take: impl Fn(&mut S) -> T + Send + 'static,
        mut show: impl FnMut(T, bool) -> bool + Send + 'static,
    ) -> io::Result<Self> {
        let inner = Mutex::new(Inner { state, dirty: true, closing: false });
        let shared = Arc::new(Shared { inner, changed: Condvar::new() });
        let (finished, done) = mpsc::channel();
        let ours = Arc::clone(&shared);
        thread::Builder::new().name("display".to_owned()).spawn(move || {
            loop {
                let (taken, last) = ours.next(every, &take);
                if !show(taken, last) || last {
                    break;
                }
            }
            // Nobody waits for it if the other end is gone already.
            let _ = finished.send(());
        })?;
        Ok(Self { shared, done })
    }

    /// Changes the state. Waits for nothing but a copy being taken.
    pub fn change(&self, change: impl FnOnce(&mut S)) {
        let mut inner = self.shared.lock();
        change(&mut inner.state);
        inner.dirty = true;
        drop(inner);
        self.shared.changed.notify_one();
    }
}

impl<S> Drop for Feed<S> {
    fn drop(&mut self) {
        self.shared.lock().closing = true;
        self.shared.changed.notify_one();
        // A terminal that was stopped (Ctrl-S) would hold up the end of the run; its thread is left behind instead.
        let _ = self.done.recv_timeout(FAREWELL);
    }
}

impl<S> Shared<S> {
    fn lock(&self) -> MutexGuard<'_, Inner<S>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a change, the next tick or the end.
    fn next<T>(&self, every: Duration, take: impl Fn(&mut S) -> T) -> (T, bool) {
        let paused = self.changed.wait_timeout_while(self.lock(), PAUSE, |inner| !inner.closing);
        let (inner, _) = paused.unwrap_or_else(PoisonError::into_inner);
        let idle = every.saturating_sub(PAUSE);
        let woken = self.changed.wait_timeout_while(inner, idle, |inner| !inner.closing && !inner.dirty);
        let (mut inner, _) = woken.unwrap_or_else(PoisonError::into_inner);
        inner.dirty = false;
        (take(&mut inner.state), inner.closing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_state_is_always_shown_and_then_the_thread_ends() {
        let (shown, seen) = mpsc::channel();
        let feed = Feed::start(0, Duration::from_millis(250), |n| *n, move |n, last| shown.send((n, last)).is_ok());
        let feed = feed.unwrap();
        for _ in 0..500 {
            feed.change(|n| *n += 1);
        }
        drop(feed);
        let all: Vec<_> = seen.iter().collect();
        assert_eq!(all.last(), Some(&(500, true)), "{all:?}");
        assert!(all.len() < 100, "{} drawings for one burst", all.len());
    }

    #[test]
    fn a_dead_terminal_ends_the_thread_and_holds_up_nobody() {
        let feed = Feed::start((), Duration::from_millis(250), |()| (), |(), _| false).unwrap();
        feed.done.recv_timeout(Duration::from_secs(20)).expect("the thread still runs");
        feed.change(|()| ());
    }
}
