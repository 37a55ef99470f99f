//! The configuration files of the Aastra/Mitel 6700i phones, as a provisioning server holds them, and what a phone makes
//! of them: [`SettingsFile`] (one file, line by line) → [`Layers`] (files in their order) → [`Merged`] (the value that
//! counts, and where it stands) → [`Effective`] (typed, with the phone's own clamping applied and said).
//!
//! ```
//! use std::path::PathBuf;
//! use siprig::config::provisioning::{Effective, Layer, Layers, SettingsFile};
//!
//! let mut layers = Layers::new();
//! let global = b"sip proxy ip: 10.77.0.2\nsip registration timeout retry timer: 5\n";
//! layers.push(Layer::Global, SettingsFile::parse(PathBuf::from("aastra.cfg"), global));
//! layers.push(Layer::Phone, SettingsFile::parse(PathBuf::from("00085D237429.cfg"), b"sip line1 user name: 1001\n"));
//! layers.set_local("sip proxy ip", "10.77.0.3").unwrap();
//!
//! let effective = Effective::of(&layers.merge());
//! let line = &effective.lines[&1];
//! assert_eq!(line.proxy.host.value.to_string(), "10.77.0.3");
//! assert_eq!(line.retry_timeout.value.as_secs(), 30, "the phone raises it");
//! ```
//!
//! Not here: opening files, judging settings, and what a phone does with them.

mod effective;
mod known;
mod layers;
mod naming;
mod parameter;
mod retimed;
mod rewrite;
mod syntax;
mod value;

pub use effective::{Effective, Key, LineSettings, Remark, RemarkKind, Server, Taken, Transport};
pub use layers::{Layer, Layers, Merged, Refused, Setting};
pub use naming::{Naming, is_settings_file, spelt};
pub use parameter::{Identified, Kind, Parameter, Unit, Unknown, identify, recognise};
pub use retimed::retimed;
pub use rewrite::{NotWritten, line_of, with_settings};
pub use syntax::{Assignment, Flaw, FlawKind, MAX_BYTES, MAX_FLAWS, MAX_LINE, MAX_LINES, Origin, SettingsFile};
pub use value::{Host, Value, is_secret};

#[cfg(test)]
mod tests;
