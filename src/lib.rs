//! siprig: takes the primary SIP server away from real desk phones and proves on the wire that each phone registers
//! with the backup and comes back.
//!
//! Everything that happens in a run becomes a record, and every judgement is a pure function of the records.
//!
//! | module | what it is |
//! |---|---|
//! | [`event`], [`verdict`] | the spine: records, and what a case came to |
//! | [`config`] | benches, phone models, scenarios and suites: TOML, strictly read, then checked |
//! | [`wire`] | bytes to meaning and back: frames, SIP, digests, consoles, the keypad protocol; no I/O |
//! | [`journal`] | the append-only file of records |
//! | [`engine`] | sans-IO: observed records in; derived facts, orders and deadlines out |
//! | [`analysis`] | what a capture tells of registrations, moves and calls, in one pass |
//! | [`discovery`] | what a link or a capture of it tells of the lab: the draft of a bench file |
//! | [`audit`] | what will go wrong with the settings of real phones, from their own configuration files |
//! | [`learn`] | what a run shows of a phone's own timers: records in, the draft of a model file out |
//! | [`cabling`] | which device is behind each port of a bench: observations in, findings out |
//! | [`preflight`] | what must be so before a night may judge phones: observations in, findings out |
//! | [`wiring`] | what breaks a lab on its first day: facts of the machine and frames in, findings out |
//! | [`driver`] | the outside world: serial ports, keypads, the network, the clock, signals |
//! | [`bridge`] | the privileged helper process that joins the two interfaces |
//! | [`session`] | the one loop in which order is decided |
//! | [`rehearsal`] | a run on virtual time: the engine on simulated phones and servers, without waiting |
//! | [`look`] | what a terminal can show: glyphs, colour, and text from phones made harmless |
//! | [`tui`] | the live display: state folded from records, and a pure drawing of it |
//! | [`report`] | summary, JUnit and HTML, made from a journal |
//! | [`nightly`] | a night of runs: plan, ledger, and the fold of it |
//! | [`virtual_bench`] | a lab without hardware: namespaces, simulated phones and registrars |
//! | [`cli`] | the command line; one file per subcommand |
//!
//! Direction of dependence: `event`, `verdict` ← `config`, `wire`, `journal` ← `engine` | `driver` (never each other)
//! ← `session` ← `cli`. `audit` sees the configuration and the computed bounds; `tui`, `report` and `nightly` see only the spine, the journal and the configuration.

pub mod analysis;
pub mod audit;
pub mod bridge;
pub mod cabling;
pub mod cli;
pub mod config;
pub mod discovery;
pub mod driver;
pub mod engine;
pub mod event;
pub mod journal;
pub mod learn;
pub mod look;
pub mod nightly;
pub mod preflight;
pub mod rehearsal;
pub mod report;
pub mod session;
pub mod tui;
pub mod verdict;
pub mod virtual_bench;
pub mod wire;
pub mod wiring;
