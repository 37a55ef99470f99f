//! A lab without hardware: namespaces, simulated phones and simulated registrars.

pub mod board;
pub mod phone;
pub mod registrar;
