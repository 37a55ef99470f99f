//! What presses the keys of phones: one interface, and behind it a key board, the phone's web interface, its console or a
//! queue of events.
//!
//! | module | what it is | holds and chords |
//! |---|---|---|
//! | [`kp1`] | a key board that speaks KP1, for one or several phones | yes, timed by the board |
//! | [`push`](super::push) | the phone's XML interface | no |
//! | [`url`] | requests for addresses that stand for keys | where the phone has such for holds |
//! | [`typed`] | what is typed on the phone's console | no |
//! | [`evdev`] | a FIFO that takes Linux input events | yes, timed here |
//!
//! The last three press one stroke at a time by [`single`].
//!
//! A driver presses, and says whether that was taken. Not here: whether a key had an effect on the phone (`engine`).

use tokio::sync::mpsc;

use super::discretion::Pin;
use crate::event::{PhoneName, Stroke};

pub mod evdev;
pub mod kp1;
mod score;
pub mod single;
pub mod typed;
pub mod url;

/// An order to press keys. What comes of it is reported as [`KeysPlayed`](crate::event::Observed::KeysPlayed).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// On which phone.
    pub phone: PhoneName,
    /// Comes back in the report.
    pub sequence: u32,
    /// What is pressed, one after the other. `{pin}` among them stays what it is outside of the driver.
    pub strokes: Vec<Stroke>,
    /// What `{pin}` stands for in this order, if not for the PIN of the phone's line: a digit that an operator presses.
    pub digit: Option<Pin>,
}

/// Presses the keys of phones.
pub trait Keypad: std::fmt::Debug + Send {
    /// Carries an order out. Never waits.
    fn play(&self, order: Order);
}

impl Keypad for mpsc::UnboundedSender<Order> {
    fn play(&self, order: Order) {
        // A task that is gone has reported why.
        let _ = self.send(order);
    }
}
