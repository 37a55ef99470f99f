//! The live display of a run: state folded from records, and a pure drawing of it.
//!
//! [`Board`] is the state, [`draw`](draw::draw) turns it into cells, and [`LiveDisplay`] keeps them current at the
//! bottom of a terminal; [`PlainDisplay`] writes lines where there is none. All of them only see records, and all
//! writing is done by a thread of its own, as a terminal that was stopped must not stop the run. Not here: keys, menus,
//! the closing table ([`report::table`](crate::report::table)).

mod banner;
pub mod board;
pub mod console;
pub mod draw;
mod feed;
mod known;
mod live;
mod narrator;
mod pen;
mod plain;
pub mod wording;

pub use board::Board;
pub use live::LiveDisplay;
pub use plain::{PlainDisplay, PlainProgress};
