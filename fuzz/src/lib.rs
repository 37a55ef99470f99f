//! What must hold of every reader of foreign bytes, whatever comes.
//!
//! Each module is one fuzz target: its `check` panics where something does not hold. libFuzzer thinks of inputs for the
//! targets in `fuzz_targets`; `tests/it/hostile.rs` includes this file too, and feeds the checks the committed corpus and
//! seeded changes of it, with the stable toolchain.

mod cost;
mod script;

pub mod aastra_xml;
pub mod analyze;
pub mod capture;
pub mod console;
pub mod dns;
pub mod fragments;
pub mod frame;
pub mod http;
pub mod journal;
pub mod keypad;
pub mod messages;
pub mod protocol;
pub mod provisioning;
pub mod redact;
pub mod replay;
pub mod rfc2217;
pub mod rig_files;
pub mod scrub;
pub mod scrub_message;
pub mod sdp;
pub mod signalling;
pub mod sip;
pub mod sip_values;
pub mod stand_in;
pub mod status_page;
pub mod stream;
pub mod syslog;
pub mod tftp;
pub mod tls;
pub mod wiring;

pub use cost::run;

/// Heap is counted, so that a check can hold a reader to a bound.
#[global_allocator]
static HEAP: cost::Heap = cost::Heap;

/// Panics if something does not hold of these bytes.
pub type Check = fn(&[u8]);

/// Every target: its name, which is also that of its module and its files, and its check.
pub const TARGETS: &[(&str, Check)] = &[
    ("aastra_xml", aastra_xml::check),
    ("analyze", analyze::check),
    ("bench", rig_files::bench),
    ("capture", capture::check),
    ("console", console::check),
    ("dns", dns::check),
    ("fragments", fragments::check),
    ("frame", frame::check),
    ("http", http::check),
    ("journal", journal::check),
    ("keypad", keypad::check),
    ("messages", messages::check),
    ("model", rig_files::model),
    ("protocol", protocol::check),
    ("provisioning", provisioning::check),
    ("redact", redact::check),
    ("replay", replay::check),
    ("rfc2217", rfc2217::check),
    ("scenario", rig_files::scenario),
    ("scrub", scrub::check),
    ("scrub_message", scrub_message::check),
    ("sdp", sdp::check),
    ("signalling", signalling::check),
    ("sip", sip::check),
    ("sip_values", sip_values::check),
    ("stand_in", stand_in::check),
    ("status_page", status_page::check),
    ("stream", stream::check),
    ("suite", rig_files::suite),
    ("syslog", syslog::check),
    ("tftp", tftp::check),
    ("tls", tls::check),
    ("wiring", wiring::check),
];

/// Whether `part` lies within `whole`: the same bytes of memory, not only equal ones.
fn lies_within(part: &[u8], whole: &[u8]) -> bool {
    let (part, whole) = (part.as_ptr_range(), whole.as_ptr_range());
    part.start >= whole.start && part.end <= whole.end
}
