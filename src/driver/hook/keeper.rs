//! A thread that does what it is ordered to, one after the other, and at the end undoes what it did: it waits for nobody but its
//! commands, whatever becomes of the session.

use std::{io, sync::mpsc, thread::JoinHandle};

use nix::poll::{PollTimeout, poll};

use crate::driver::Report;

/// How often a report is offered to a session that has no room for it, and how long is waited in between.
const OFFERS: u32 = 300;
const PAUSE_MS: u8 = 10;

/// The other end of the thread. When this is dropped, the thread gets no more orders, and is waited for.
#[derive(Debug)]
pub(in crate::driver) struct Keeper<O> {
    orders: Option<mpsc::Sender<O>>,
    thread: Option<JoinHandle<()>>,
}

impl<O: Send + 'static> Keeper<O> {
    /// Starts it. What it does ends when there are no more orders.
    ///
    /// # Errors
    /// If the system has no thread for it.
    pub(in crate::driver) fn start(
        name: String,
        work: impl FnOnce(&mpsc::Receiver<O>) + Send + 'static,
    ) -> io::Result<Self> {
        let (orders, inbox) = mpsc::channel();
        let thread = std::thread::Builder::new().name(name).spawn(move || work(&inbox))?;
        Ok(Self { orders: Some(orders), thread: Some(thread) })
    }
}

impl<O> Keeper<O> {
    pub(in crate::driver) fn order(&self, order: O) {
        // The thread outlives this handle's sender.
        let _ = self.orders.as_ref().map(|orders| orders.send(order));
    }

    /// There are no more orders.
    pub(in crate::driver) fn dismiss(&mut self) {
        drop(self.orders.take());
    }
}

impl<O> Drop for Keeper<O> {
    fn drop(&mut self) {
        self.dismiss();
        // One that panicked has said so.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// Reports to the session. One that has no room for it is waited for, but not for ever: it may be gone.
pub(in crate::driver) fn offer(reports: &tokio::sync::mpsc::Sender<Report>, mut report: Report) {
    for _ in 0..OFFERS {
        match reports.try_send(report) {
            Err(tokio::sync::mpsc::error::TrySendError::Full(back)) => report = back,
            Ok(()) | Err(_) => return,
        }
        // Interrupted is as good as waited.
        let _ = poll(&mut [], PollTimeout::from(PAUSE_MS));
    }
}
