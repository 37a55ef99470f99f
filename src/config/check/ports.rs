//! Checks of what a phone is reached by: its console, what presses its keys, and where objects are pushed to it.

use std::{
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
};

use toml::Spanned;

use super::{Findings, bench::Claims};
use crate::config::{
    bench::{ConsolePort, Keypad},
    raw,
};

/// The port of a phone's web interface, which takes what is pushed.
const HTTP: u16 = 80;

/// What presses the keys of a phone.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Kp1,
    Xml,
}

/// What the kind is called that presses keys by pushing.
const XML: &str = "xml";

/// A console.
pub(super) fn console(
    raw: &Spanned<raw::Console>,
    owner: &str,
    folder: &Path,
    claims: &mut Claims,
    findings: &mut Findings<'_>,
) -> Option<ConsolePort> {
    let help = "add `port = \"/dev/serial/by-id/usb-…\"`";
    let message = format!("the console of {owner} has no port");
    let port = findings.required(raw.get_ref().port.as_ref(), raw.span(), &message, help)?;
    let path = folder.join(port.get_ref());
    claims.claim("port", &identity(&path), &format!("the console of {owner}"), port.span(), findings);
    let baud = match &raw.get_ref().baud {
        Some(baud) => findings.integer(baud, "bit rate", (50, 4_000_000))?,
        None => 115_200,
    };
    Some(ConsolePort { port: path, baud })
}

/// What presses keys.
pub(super) fn keypad(
    raw: &Spanned<raw::Keypad>,
    owner: &str,
    folder: &Path,
    claims: &mut Claims,
    findings: &mut Findings<'_>,
) -> Option<Keypad> {
    let (span, raw) = (raw.span(), raw.get_ref());
    if kind(raw, findings)? == Kind::Xml {
        if let Some(unit) = &raw.unit {
            findings.at(unit.span(), "a keypad of kind `xml` has no units", "leave `unit` out");
        }
        return Some(Keypad::Xml);
    }
    let unit = match &raw.unit {
        Some(unit) => findings.integer(unit, "unit of a board", (1, 255)),
        None => Some(1),
    };
    let message = format!("the keypad of {owner} has no port");
    let port = findings.required(raw.port.as_ref(), span, &message, "add `port = \"/dev/serial/by-id/usb-…\"`")?;
    let raw::KeypadPort::Serial(path) = port.get_ref() else {
        let help = "write the path of its serial port; a TCP port of the phone belongs to `kind = \"xml\"`";
        findings.at(port.span(), "a key board is on no TCP port", help);
        return None;
    };
    let path = folder.join(path);
    let board = identity(&path);
    // One board serves several phones, but neither two with one unit nor a console at the same time.
    claims.claim(
        "keypad unit",
        &format!("{board} unit {}", unit?),
        &format!("the keypad of {owner}"),
        port.span(),
        findings,
    );
    claims.share("port", &board, "a keypad board", port.span(), findings);
    Some(Keypad::Kp1 { port: path, unit: unit? })
}

/// Where a phone takes what is pushed: it says so by `push`, or by a keypad of kind `xml`, which presses keys that way.
pub(super) fn push(
    raw: &raw::Phone,
    owner: &str,
    address: Option<IpAddr>,
    has_xml: bool,
    findings: &mut Findings<'_>,
) -> Option<SocketAddr> {
    let keypad = raw.keypad.as_ref().filter(|keypad| is_xml(keypad.get_ref()));
    let span = raw.push.as_ref().map(Spanned::span).or(keypad.map(Spanned::span))?;
    let pressed = keypad.and_then(|keypad| keypad.get_ref().port.as_ref()).and_then(|port| match port.get_ref() {
        raw::KeypadPort::Tcp(number) => findings.integer(&Spanned::new(port.span(), *number), "port", (1, 65535)),
        raw::KeypadPort::Serial(_) => {
            let help = "leave `port` out, or write the TCP port of the phone's web interface, as `port = 80`";
            findings.at(port.span(), "a keypad of kind `xml` is on no serial port", help);
            None
        }
    });
    let pushed = raw.push.as_ref().and_then(|push| push.get_ref().port.as_ref());
    let pushed = pushed.and_then(|port| findings.integer(port, "port", (1, 65535)));
    if let (Some(pressed), Some(pushed)) = (pressed, pushed)
        && pressed != pushed
    {
        let help = "the keypad and `push` are the same interface: leave one of the ports out";
        findings.at(span.clone(), format!("what is pushed to {owner} goes to port {pushed} and to {pressed}"), help);
    }
    if !has_xml {
        let help = "give the model `xml-names`, or leave `push` and the keypad of kind `xml` out";
        findings.at(span.clone(), format!("the model of {owner} has no XML interface"), help);
    }
    if address.is_none() && raw.address.is_none() {
        let help = "add `address = \"10.77.0.11\"`; one that is learnt in the run comes too late";
        findings.at(span, format!("objects are to be pushed to {owner}, which has no address"), help);
    }
    Some(SocketAddr::new(address?, pressed.or(pushed).unwrap_or(HTTP)))
}

fn kind(raw: &raw::Keypad, findings: &mut Findings<'_>) -> Option<Kind> {
    match &raw.kind {
        Some(kind) => {
            findings.word(kind, "kind of keypad that this version can drive", &[("kp1", Kind::Kp1), (XML, Kind::Xml)])
        }
        None => Some(Kind::Kp1),
    }
}

fn is_xml(raw: &raw::Keypad) -> bool {
    raw.kind.as_ref().is_some_and(|kind| kind.get_ref() == XML)
}

/// What two paths to the same device have in common: where links lead, or the path itself without detours.
fn identity(path: &Path) -> String {
    let plain = || path.components().collect::<PathBuf>();
    path.canonicalize().unwrap_or_else(|_| plain()).display().to_string()
}
