//! Which device is meant: USB adapters are found by what the kernel tells of them in sysfs, each time that one is opened,
//! since after a replug the same adapter may have another name.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::port::PortError;
use crate::config::{PortAddress, UsbIdentity, UsbPath};

/// How many adapters an error lists.
const MAX_LISTED: usize = 12;

/// Where the kernel shows its devices.
#[derive(Debug, Clone)]
pub(super) struct Roots {
    /// `/sys`.
    pub(super) sys: PathBuf,
    /// `/dev`.
    pub(super) dev: PathBuf,
}

impl Default for Roots {
    fn default() -> Self {
        Self { sys: "/sys".into(), dev: "/dev".into() }
    }
}

/// A serial line of a USB adapter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Adapter {
    device: PathBuf,
    vid: u16,
    pid: u16,
    serial: Option<String>,
    /// Bus and chain of hub ports.
    socket: String,
    /// Configuration and interface.
    setting: String,
    interface: u8,
    line: u8,
}

/// The path of the device that is meant; none: it is behind a network.
///
/// # Errors
/// If no adapter fits, or several do.
pub fn device(address: &PortAddress) -> Result<Option<PathBuf>, PortError> {
    device_under(&Roots::default(), address)
}

pub(super) fn device_under(roots: &Roots, address: &PortAddress) -> Result<Option<PathBuf>, PortError> {
    let fits: Box<dyn Fn(&Adapter) -> bool> = match address {
        PortAddress::Path(path) => return Ok(Some(path.clone())),
        PortAddress::Tcp(_) | PortAddress::Rfc2217(_) => return Ok(None),
        PortAddress::Usb(identity) => Box::new(|adapter| adapter.is(identity)),
        PortAddress::UsbPath(path) => Box::new(|adapter| adapter.is_at(path)),
    };
    let all = adapters(roots);
    let mut found: Vec<_> = all.iter().filter(|adapter| fits(adapter)).collect();
    match found.as_slice() {
        [only] => Ok(Some(only.device.clone())),
        [] => Err(PortError::NoAdapter { address: address.clone(), there: list(&all.iter().collect::<Vec<_>>()) }),
        _ => {
            found.sort();
            Err(PortError::Ambiguous { address: address.clone(), candidates: list(&found) })
        }
    }
}

fn list(adapters: &[&Adapter]) -> String {
    if adapters.is_empty() {
        return "none at all".to_owned();
    }
    let mut listed: Vec<_> = adapters.iter().take(MAX_LISTED).map(|adapter| adapter.told()).collect();
    if adapters.len() > MAX_LISTED {
        listed.push(format!("{} more", adapters.len() - MAX_LISTED));
    }
    listed.join(", ")
}

impl Adapter {
    /// Reads what the kernel tells of a terminal; none: it is no USB adapter, or is going away at this moment.
    fn read(roots: &Roots, terminal: &Path) -> Option<Self> {
        let name = terminal.file_name()?.to_owned();
        let place = fs::canonicalize(terminal).ok()?;
        let interface = place.ancestors().find(|folder| folder.join("bInterfaceNumber").is_file())?;
        let device = interface.ancestors().find(|folder| folder.join("idVendor").is_file())?;
        let hex = |folder: &Path, name| u16::from_str_radix(&text(&folder.join(name))?, 16).ok();
        let (socket, setting) = interface.file_name()?.to_str()?.split_once(':')?;
        Some(Self {
            device: roots.dev.join(name),
            vid: hex(device, "idVendor")?,
            pid: hex(device, "idProduct")?,
            serial: text(&device.join("serial")),
            socket: socket.to_owned(),
            setting: setting.to_owned(),
            interface: u8::try_from(hex(interface, "bInterfaceNumber")?).ok()?,
            line: text(&terminal.join("device/port_number")).and_then(|number| number.parse().ok()).unwrap_or(0),
        })
    }

    fn is(&self, identity: &UsbIdentity) -> bool {
        let UsbIdentity { vid, pid, serial, interface, line } = identity;
        vid.is_none_or(|vid| vid == self.vid)
            && pid.is_none_or(|pid| pid == self.pid)
            && serial.as_ref().is_none_or(|serial| self.serial.as_ref() == Some(serial))
            && interface.is_none_or(|interface| interface == self.interface)
            && line.is_none_or(|line| line == self.line)
    }

    fn is_at(&self, path: &UsbPath) -> bool {
        path.socket == self.socket && path.interface.as_ref().is_none_or(|setting| *setting == self.setting)
    }

    /// As a bench file can name it.
    fn told(&self) -> String {
        let Self { device, vid, pid, socket, setting, interface, line, .. } = self;
        let serial = self.serial.as_ref().map_or_else(String::new, |serial| format!(",serial={serial}"));
        let line = if *line > 0 { format!(",line={line}") } else { String::new() };
        format!(
            "{} (usb:vid={vid:04x},pid={pid:04x}{serial},interface={interface}{line} or usb-path:{socket}:{setting})",
            device.display()
        )
    }
}

/// All serial lines of USB adapters, in the order of their names.
fn adapters(roots: &Roots) -> Vec<Adapter> {
    let terminals = fs::read_dir(roots.sys.join("class/tty")).into_iter().flatten().flatten();
    let mut all: Vec<_> = terminals.filter_map(|terminal| Adapter::read(roots, &terminal.path())).collect();
    all.sort();
    all
}

fn text(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    Some(text.trim_end().to_owned()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A sysfs in which these adapters are plugged in: terminal, socket, setting, interface, vid, pid, serial.
    struct Machine {
        roots: Roots,
        _folder: tempfile::TempDir,
    }

    const FOUR_LINES: [(&str, &str); 2] = [("ttyUSB0", "1.0"), ("ttyUSB1", "1.1")];

    impl Machine {
        fn empty() -> Self {
            let folder = tempfile::tempdir().unwrap();
            fs::create_dir_all(folder.path().join("sys/class/tty")).unwrap();
            let roots = Roots { sys: folder.path().join("sys"), dev: "/dev".into() };
            let machine = Self { roots, _folder: folder };
            // Neither the machine's own port nor a console is an adapter.
            let own = machine.roots.sys.join("devices/pnp0/00:03/tty/ttyS0");
            fs::create_dir_all(&own).unwrap();
            symlink(own, machine.roots.sys.join("class/tty/ttyS0")).unwrap();
            machine
        }

        /// As usb-serial shows it: the terminal is below a device of its own name below the interface.
        fn plug(&self, terminal: &str, socket: &str, setting: &str, identity: (&str, &str, Option<&str>)) {
            let device = self.roots.sys.join("devices/pci0/usb1").join(socket);
            let interface = device.join(format!("{socket}:{setting}"));
            let port = interface.join(terminal);
            let place = port.join("tty").join(terminal);
            fs::create_dir_all(&place).unwrap();
            let number = setting.rsplit('.').next().unwrap();
            fs::write(interface.join("bInterfaceNumber"), format!("0{number}\n")).unwrap();
            fs::write(device.join("idVendor"), format!("{}\n", identity.0)).unwrap();
            fs::write(device.join("idProduct"), format!("{}\n", identity.1)).unwrap();
            if let Some(serial) = identity.2 {
                fs::write(device.join("serial"), format!("{serial}\n")).unwrap();
            }
            fs::write(port.join("port_number"), "0\n").unwrap();
            symlink(&port, place.join("device")).unwrap();
            let link = self.roots.sys.join("class/tty").join(terminal);
            let _ = fs::remove_file(&link);
            symlink(&place, link).unwrap();
        }

        fn unplug(&self, terminal: &str) {
            let link = self.roots.sys.join("class/tty").join(terminal);
            fs::remove_dir_all(fs::canonicalize(&link).unwrap().ancestors().nth(3).unwrap()).unwrap();
            fs::remove_file(link).unwrap();
        }

        fn finds(&self, address: &str) -> Result<String, String> {
            let device = device_under(&self.roots, &address.parse().unwrap());
            device.map(|path| path.unwrap().display().to_string()).map_err(|error| error.to_string())
        }
    }

    #[test]
    fn an_adapter_is_found_by_what_it_is_and_by_where_it_is() {
        let machine = Machine::empty();
        for (terminal, setting) in FOUR_LINES {
            machine.plug(terminal, "1-1.4", setting, ("0403", "6011", Some("FT4X")));
        }
        machine.plug("ttyACM0", "1-2", "1.0", ("2e8a", "000a", Some("E66")));
        for (address, device) in [
            ("usb:vid=0403,pid=6011,serial=FT4X,interface=1", "/dev/ttyUSB1"),
            ("usb:serial=E66", "/dev/ttyACM0"),
            ("usb:vid=2E8A", "/dev/ttyACM0"),
            ("usb-path:1-1.4:1.0", "/dev/ttyUSB0"),
            ("usb-path:1-2", "/dev/ttyACM0"),
            ("/dev/ttyS7", "/dev/ttyS7"),
        ] {
            assert_eq!(machine.finds(address).as_deref(), Ok(device), "{address}");
        }
    }

    #[test]
    fn of_several_that_fit_none_is_taken_and_all_are_listed_as_they_can_be_told_apart() {
        let machine = Machine::empty();
        machine.plug("ttyUSB1", "1-3", "1.0", ("1a86", "7523", None));
        machine.plug("ttyUSB0", "1-2", "1.0", ("1a86", "7523", None));
        let error = machine.finds("usb:vid=1a86,pid=7523").unwrap_err();
        assert_eq!(
            error,
            "several USB adapters are `usb:vid=1a86,pid=7523`: /dev/ttyUSB0 (usb:vid=1a86,pid=7523,interface=0 or \
             usb-path:1-2:1.0), /dev/ttyUSB1 (usb:vid=1a86,pid=7523,interface=0 or usb-path:1-3:1.0); name one so that \
             no other fits"
        );
        assert_eq!(machine.finds("usb-path:1-3:1.0").as_deref(), Ok("/dev/ttyUSB1"));
    }

    #[test]
    fn after_a_replug_the_same_adapter_is_found_under_another_name() {
        let machine = Machine::empty();
        machine.plug("ttyUSB0", "1-2", "1.0", ("1a86", "7523", None));
        assert_eq!(machine.finds("usb-path:1-2:1.0").as_deref(), Ok("/dev/ttyUSB0"));
        machine.unplug("ttyUSB0");
        let error = machine.finds("usb-path:1-2:1.0").unwrap_err();
        assert!(error.starts_with("no USB adapter is `usb-path:1-2:1.0`; plugged in: none at all"), "{error}");
        machine.plug("ttyUSB3", "1-2", "1.0", ("1a86", "7523", None));
        assert_eq!(machine.finds("usb-path:1-2:1.0").as_deref(), Ok("/dev/ttyUSB3"));
    }
}
