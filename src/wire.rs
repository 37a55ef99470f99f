//! Bytes to meaning and back. Pure: no I/O, no clock, no allocation without bound.

pub mod aastra_xml;
pub mod bad_path;
pub mod capture;
pub mod console;
pub mod digest;
pub mod dns;
pub mod fragments;
pub mod frame;
pub mod html;
pub mod http;
pub mod kp1;
pub mod listing;
pub mod message_summary;
pub mod messages;
pub mod recent;
pub mod redact;
pub mod resolution;
pub mod rfc2217;
pub mod scrub;
pub mod signalling;
pub mod sip;
pub mod status_page;
pub mod stream;
pub mod syslog;
pub mod testimony;
pub mod tls;
