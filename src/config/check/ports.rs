//! Checks of what a phone is reached by: its console, what presses its keys, and where objects are pushed to it.

use std::{
    net::{IpAddr, SocketAddr},
    ops::Range,
    path::{Path, PathBuf},
};

use toml::Spanned;

use super::{Findings, bench::Claims};
use crate::config::{
    bench::{ConsolePort, Keypad},
    model::Model,
    port::PortAddress,
    raw,
};

/// The port of a phone's web interface, which takes what is pushed.
const HTTP: u16 = 80;

/// What presses the keys of a phone.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Kp1,
    Xml,
    Url,
    Console,
    Evdev,
}

/// What they are called.
const KINDS: [(&str, Kind); 5] =
    [("kp1", Kind::Kp1), (XML, Kind::Xml), ("url", Kind::Url), ("console", Kind::Console), ("evdev", Kind::Evdev)];

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
    let baud = match &raw.get_ref().baud {
        Some(baud) => findings.integer(baud, "bit rate", (50, 4_000_000)),
        None => Some(115_200),
    };
    let port = findings.required(raw.get_ref().port.as_ref(), raw.span(), &message, help)?;
    let address = match PortAddress::read(port.get_ref(), folder) {
        Ok(address) => address,
        Err(error) => {
            findings.at(port.span(), error.wrong, error.help);
            return None;
        }
    };
    let identity = match &address {
        PortAddress::Path(path) => identity(path),
        other => other.to_string(),
    };
    claims.claim("port", &identity, &format!("the console of {owner}"), port.span(), findings);
    let console = raw.get_ref();
    let password_file = console.password_file.as_ref().map(|path| folder.join(path.get_ref()));
    if let (Some(file), Some(path)) = (&console.password_file, &password_file)
        && !path.is_file()
    {
        findings.at(file.span(), format!("there is no file {}", path.display()), "write the password into it, alone");
    }
    Some(ConsolePort { port: address, baud: baud?, user: super::plain(&console.user), password_file })
}

/// What presses keys. `address` is that of the phone; none if it is not known, or wrong.
pub(super) fn keypad(
    phone: &raw::Phone,
    owner: &str,
    address: Option<IpAddr>,
    folder: &Path,
    claims: &mut Claims,
    findings: &mut Findings<'_>,
) -> Option<Keypad> {
    let raw = phone.keypad.as_ref()?;
    let (span, raw) = (raw.span(), raw.get_ref());
    let kind = kind(raw, findings)?;
    tell_surplus(kind, raw, findings);
    match kind {
        Kind::Kp1 => board(raw, span, owner, folder, claims, findings),
        Kind::Xml => Some(Keypad::Xml),
        Kind::Url => url(raw, span, phone, owner, address, folder, findings),
        Kind::Console => {
            if phone.console.is_none() {
                let help = "add `console = { port = \"…\" }`, or give the keypad another kind";
                findings.at(span, format!("the keys of {owner} are to be typed on its console, and it has none"), help);
            }
            Some(Keypad::Console)
        }
        Kind::Evdev => {
            let help = "add `port = \"/run/phone/keys\"`, the path of the FIFO that the phone reads events from";
            let message = format!("the keypad of {owner} has no port");
            let port = findings.required(raw.port.as_ref(), span, &message, help)?;
            let fifo = folder.join(serial(port, "is a FIFO, which is on no TCP port", findings)?);
            claims.claim("port", &identity(&fifo), &format!("the keypad of {owner}"), port.span(), findings);
            Some(Keypad::Evdev { fifo })
        }
    }
}

/// What a keypad of that kind does not have.
fn tell_surplus(kind: Kind, raw: &raw::Keypad, findings: &mut Findings<'_>) {
    let word = KINDS.iter().find(|(_, known)| *known == kind).map_or("", |(word, _)| *word);
    if let Some(unit) = raw.unit.as_ref().filter(|_| kind != Kind::Kp1) {
        findings.at(unit.span(), format!("a keypad of kind `{word}` has no units"), "leave `unit` out");
    }
    for (key, value) in [("user", &raw.user), ("password-file", &raw.password_file)] {
        if let Some(value) = value.as_ref().filter(|_| kind != Kind::Url) {
            let message = format!("a keypad of kind `{word}` asks for no password");
            findings.at(value.span(), message, format!("leave `{key}` out"));
        }
    }
    if let Some(port) = raw.port.as_ref().filter(|_| kind == Kind::Console) {
        findings.at(port.span(), "a keypad of kind `console` has no port of its own", "leave `port` out");
    }
}

/// Requests to a phone's web interface.
fn url(
    raw: &raw::Keypad,
    span: Range<usize>,
    phone: &raw::Phone,
    owner: &str,
    address: Option<IpAddr>,
    folder: &Path,
    findings: &mut Findings<'_>,
) -> Option<Keypad> {
    let port = match raw.port.as_ref().map(|port| (port.span(), port.get_ref())) {
        Some((span, raw::KeypadPort::Tcp(number))) => {
            findings.integer(&Spanned::new(span, *number), "port", (1, 65535))
        }
        Some((span, raw::KeypadPort::Serial(_))) => {
            let help = "leave `port` out, or write the TCP port of the phone's web interface, as `port = 80`";
            findings.at(span, "a keypad of kind `url` is on no serial port", help);
            None
        }
        None => Some(HTTP),
    };
    if raw.user.is_none() && raw.password_file.is_some() {
        findings.at(
            span.clone(),
            format!("the keypad of {owner} has a password and no user"),
            "add `user = \"admin\"`",
        );
    }
    if address.is_none() && phone.address.is_none() {
        let help = "add `address = \"10.77.0.11\"`; one that is learnt in the run comes too late";
        findings.at(
            span,
            format!("keys are to be pressed at the web interface of {owner}, which has no address"),
            help,
        );
    }
    Some(Keypad::Url {
        at: SocketAddr::new(address?, port?),
        user: raw.user.as_ref().map(|user| user.get_ref().clone()),
        password_file: raw.password_file.as_ref().map(|file| folder.join(file.get_ref())),
    })
}

/// The path that a port is; says that it is none.
fn serial<'a>(port: &'a Spanned<raw::KeypadPort>, instead: &str, findings: &mut Findings<'_>) -> Option<&'a String> {
    match port.get_ref() {
        raw::KeypadPort::Serial(path) => Some(path),
        raw::KeypadPort::Tcp(_) => {
            let help = "write its path; a TCP port of the phone belongs to `kind = \"xml\"` or `kind = \"url\"`";
            findings.at(port.span(), format!("the keypad {instead}"), help);
            None
        }
    }
}

fn board(
    raw: &raw::Keypad,
    span: Range<usize>,
    owner: &str,
    folder: &Path,
    claims: &mut Claims,
    findings: &mut Findings<'_>,
) -> Option<Keypad> {
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

/// A model that has not a single key which the keypad could press is not meant for it.
pub(super) fn tell_unpressable(
    keypad: Option<&Keypad>,
    model: Option<&Model>,
    owner: &str,
    raw: &raw::Phone,
    findings: &mut Findings<'_>,
) {
    let (Some(keypad), Some(model), Some(place)) = (keypad, model, &raw.keypad) else { return };
    let (table, url) = match keypad {
        Keypad::Url { .. } => ("url-keys", true),
        Keypad::Console => ("typed-keys", false),
        Keypad::Evdev { .. } => ("key-codes", false),
        Keypad::Kp1 { .. } | Keypad::Xml => return,
    };
    if !model.all_keys().iter().any(|key| model.can_press(keypad, key)) || (url && model.key_url.is_none()) {
        let message = format!("the model of {owner} has no keys that a keypad of kind `{}` can press", keypad.kind());
        let table = if url { "[key-url] and [url-keys]".to_owned() } else { format!("[{table}]") };
        findings.at(place.span(), message, format!("give the model {table}, or the keypad another kind"));
    }
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
        Some(kind) => findings.word(kind, "kind of keypad that this version can drive", &KINDS),
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
