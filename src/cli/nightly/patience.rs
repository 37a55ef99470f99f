//! Work that may take long, and what is said of it meanwhile.

use std::sync::mpsc::{self, RecvTimeoutError};

use super::told::Teller;
use crate::cli::{error::UserError, exit::Exit};

/// Does something in a thread of its own. What it says is said, and again when there was nothing else to say for long; before it says
/// anything, what it is `about` is.
///
/// # Errors
/// If the thread fell.
pub(super) fn work<T: Send>(
    about: &str,
    teller: &Teller,
    work: impl FnOnce(&dyn Fn(&str)) -> T + Send,
) -> Result<T, UserError> {
    let (sender, receiver) = mpsc::channel::<String>();
    std::thread::scope(|scope| {
        let worker = scope.spawn(move || {
            // The receiver is there until this one is gone.
            work(&|text| drop(sender.send(text.to_owned())))
        });
        let mut last = about.to_owned();
        loop {
            match receiver.recv_timeout(teller.patience()) {
                Ok(words) => last = words,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            teller.say(&last);
            teller.goes_on(&last);
        }
        worker.join().map_err(|_| {
            let message = format!("the thread is gone in which {about}");
            UserError::new(Exit::Unexpected, message, "please report this")
        })
    })
}
