//! Console bytes to lines, and lines to what they mean in a dialect.
//!
//! Not here: the ports (`driver::serial`), and what follows from a meaning (`engine`).

mod dialect;
mod echo;
mod escape;
mod lines;
mod login;
pub mod terminal;

pub use dialect::{CompiledDialect, ConsoleFact, DialectError, Identity};
pub use lines::{Line, LineAssembler, MAX_LINE, SETTLE};
pub use login::{Asked, Login};
