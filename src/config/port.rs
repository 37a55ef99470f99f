//! Where a console is: a device by its path or by what its USB adapter is, or a port that a server of serial lines offers.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use serde::{Deserialize, Serialize};

/// Where a serial line is found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum PortAddress {
    /// The path of a device, or of a symbolic link to one.
    Path(PathBuf),
    /// The USB adapter that is such a one.
    Usb(UsbIdentity),
    /// The USB adapter that is plugged in there.
    UsbPath(UsbPath),
    /// A TCP port whose bytes are those of the line.
    Tcp(Remote),
    /// A TCP port that speaks RFC 2217, by which its line can be set.
    Rfc2217(Remote),
}

/// What a USB adapter says of itself. What is not given does not matter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct UsbIdentity {
    /// Vendor.
    pub vid: Option<u16>,
    /// Product.
    pub pid: Option<u16>,
    /// Serial number; cheap adapters have none, or all the same.
    pub serial: Option<String>,
    /// Number of the USB interface, where an adapter has several lines.
    pub interface: Option<u8>,
    /// Number of the line, from 0, where an interface has several.
    pub line: Option<u8>,
}

/// A socket of a USB hub, as the kernel names it: bus, hub ports, and behind a colon configuration and interface.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct UsbPath {
    /// Bus and chain of hub ports: `1-1.4.5`.
    pub socket: String,
    /// Configuration and interface: `1.0`; none: the adapter has one line only.
    pub interface: Option<String>,
}

/// A TCP port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Remote {
    /// Name or address of the host.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// Why a text is no [`PortAddress`], and what would be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{wrong}; {help}")]
pub struct AddressError {
    /// What is wrong.
    pub wrong: String,
    /// What to write.
    pub help: &'static str,
}

const USB: &str = "write what of it is to count, as `usb:vid=0403,pid=6011,serial=FT4X,interface=1`";
const USB_PATH: &str = "write the kernel's name of it, as `usb-path:1-1.4.5:1.0`; `ls /sys/bus/usb/devices` lists them";
const REMOTE: &str = "write host and port, as `tcp:lab-pi:2001`, `rfc2217:10.0.0.5:2001` or `tcp:[2001:db8::5]:2001`";

impl PortAddress {
    /// Reads what a file says; a path is that from `folder`.
    ///
    /// # Errors
    /// If it is none.
    pub fn read(text: &str, folder: &Path) -> Result<Self, AddressError> {
        Ok(match text.parse()? {
            Self::Path(path) => Self::Path(folder.join(path)),
            other => other,
        })
    }

    /// Its bytes come through a network.
    pub const fn is_remote(&self) -> bool {
        matches!(self, Self::Tcp(_) | Self::Rfc2217(_))
    }
}

impl FromStr for PortAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let Some((scheme, rest)) = text.split_once(':') else { return Ok(Self::Path(text.into())) };
        match scheme {
            "usb" => usb(rest).map(Self::Usb),
            "usb-path" => usb_path(rest).map(Self::UsbPath),
            "tcp" => remote(rest).map(Self::Tcp),
            "rfc2217" => remote(rest).map(Self::Rfc2217),
            _ => Ok(Self::Path(text.into())),
        }
    }
}

fn wrong(wrong: String, help: &'static str) -> AddressError {
    AddressError { wrong, help }
}

fn usb(text: &str) -> Result<UsbIdentity, AddressError> {
    let mut identity = UsbIdentity::default();
    for part in text.split(',') {
        let pair = part.split_once('=').filter(|(_, value)| !value.is_empty());
        let (key, value) = pair.ok_or_else(|| wrong(format!("`{part}` says nothing of a USB adapter"), USB))?;
        let hex = || {
            let digits = value.strip_prefix("0x").unwrap_or(value);
            u16::from_str_radix(digits, 16).map_err(|_| wrong(format!("`{value}` is no {key} of four digits"), USB))
        };
        let number = || value.parse().map_err(|_| wrong(format!("`{value}` is no number of an {key}"), USB));
        let twice = match key {
            "vid" => identity.vid.replace(hex()?).is_some(),
            "pid" => identity.pid.replace(hex()?).is_some(),
            "serial" => identity.serial.replace(value.to_owned()).is_some(),
            "interface" => identity.interface.replace(number()?).is_some(),
            "line" => identity.line.replace(number()?).is_some(),
            _ => return Err(wrong(format!("a USB adapter has no `{key}`"), USB)),
        };
        if twice {
            return Err(wrong(format!("`{key}` is given twice"), USB));
        }
    }
    Ok(identity)
}

fn usb_path(text: &str) -> Result<UsbPath, AddressError> {
    let (socket, interface) = match text.split_once(':') {
        Some((socket, interface)) => (socket, Some(interface)),
        None => (text, None),
    };
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let fits = socket.split_once('-').is_some_and(|(bus, ports)| number(bus) && ports.split('.').all(number))
        && interface
            .is_none_or(|it| it.split_once('.').is_some_and(|(set, number_of)| number(set) && number(number_of)));
    if !fits {
        return Err(wrong(format!("`{text}` is no socket of a USB hub"), USB_PATH));
    }
    Ok(UsbPath { socket: socket.to_owned(), interface: interface.map(str::to_owned) })
}

fn remote(text: &str) -> Result<Remote, AddressError> {
    let flaw = || wrong(format!("`{text}` is no TCP port"), REMOTE);
    let (host, port) = text.rsplit_once(':').ok_or_else(flaw)?;
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let host = bare.unwrap_or(host);
    let port = port.parse::<u16>().ok().filter(|port| *port > 0).ok_or_else(flaw)?;
    let named = !host.is_empty() && !host.contains(|c: char| c.is_whitespace() || c.is_control() || "[]/@".contains(c));
    if !named || (bare.is_none() && host.contains(':')) {
        return Err(flaw());
    }
    Ok(Remote { host: host.to_owned(), port })
}

impl fmt::Display for PortAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => write!(f, "{}", path.display()),
            Self::Usb(identity) => write!(f, "usb:{identity}"),
            Self::UsbPath(path) => write!(f, "usb-path:{path}"),
            Self::Tcp(remote) => write!(f, "tcp:{remote}"),
            Self::Rfc2217(remote) => write!(f, "rfc2217:{remote}"),
        }
    }
}

impl fmt::Display for UsbIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            self.vid.map(|vid| format!("vid={vid:04x}")),
            self.pid.map(|pid| format!("pid={pid:04x}")),
            self.serial.as_ref().map(|serial| format!("serial={serial}")),
            self.interface.map(|interface| format!("interface={interface}")),
            self.line.map(|line| format!("line={line}")),
        ];
        let parts: Vec<_> = parts.into_iter().flatten().collect();
        f.write_str(&parts.join(","))
    }
}

impl fmt::Display for UsbPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.socket)?;
        self.interface.as_ref().map_or(Ok(()), |interface| write!(f, ":{interface}"))
    }
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl Serialize for PortAddress {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PortAddress {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_is_written_as_it_is_read() {
        for text in [
            "/dev/ttyUSB0",
            "/dev/serial/by-path/pci-0000:00:14.0-usb-0:2:1.0-port0",
            "usb:vid=0403,pid=6011,serial=FT 4X,interface=1,line=0",
            "usb:serial=A",
            "usb-path:1-1.4.5:1.0",
            "usb-path:2-3",
            "tcp:lab-pi:2001",
            "tcp:[2001:db8::5]:2001",
            "rfc2217:10.0.0.5:65535",
        ] {
            let address: PortAddress = text.parse().unwrap();
            assert_eq!(address.to_string(), text);
            assert_eq!(matches!(address, PortAddress::Path(_)), text.starts_with('/'), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_what_would_be_one() {
        for (text, flaw) in [
            ("usb:", "says nothing"),
            ("usb:vid=", "says nothing"),
            ("usb:vid=wxyz", "no vid"),
            ("usb:vid=12345", "no vid"),
            ("usb:colour=red", "no `colour`"),
            ("usb:vid=0403,vid=0403", "twice"),
            ("usb:interface=300", "no number"),
            ("usb-path:1", "no socket"),
            ("usb-path:1-", "no socket"),
            ("usb-path:1-1.4:0", "no socket"),
            ("usb-path:../x", "no socket"),
            ("tcp:lab", "no TCP port"),
            ("tcp::2001", "no TCP port"),
            ("tcp:lab:0", "no TCP port"),
            ("tcp:lab:70000", "no TCP port"),
            ("tcp:2001:db8::5:2001", "no TCP port"),
            ("rfc2217:a b:2001", "no TCP port"),
        ] {
            let error = text.parse::<PortAddress>().unwrap_err();
            assert!(error.wrong.contains(flaw), "{text}: {error}");
            assert!(error.help.contains("write "), "{error}");
        }
    }

    #[test]
    fn a_path_is_that_from_the_folder_of_the_file() {
        let read = |text| PortAddress::read(text, Path::new("/bench")).unwrap().to_string();
        assert_eq!(read("pty/p1"), "/bench/pty/p1");
        assert_eq!(read("/dev/tty0"), "/dev/tty0");
        assert_eq!(read("tcp:lab:1"), "tcp:lab:1");
    }
}
