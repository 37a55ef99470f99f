//! The live display of a run: state folded from records, and a pure drawing of it.
//!
//! [`board::Board`] is the state, [`draw`] turns it into cells, [`LiveDisplay`] puts them on a terminal, and
//! [`PlainProgress`] writes lines where there is none. All of them only see records. Not here: keys, menus, the closing
//! table (`report::table`).

pub mod board;
pub mod draw;
mod live;
mod plain;

pub use live::LiveDisplay;
pub use plain::PlainProgress;
