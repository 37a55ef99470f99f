//! A simulated phone with the ports that a rig holds: its console, and a keypad board that plays keys.

use std::time::Duration;

use super::{Happening, Rehearsal, clock, stamp};
use crate::{
    config::keying,
    event::{Observed, PhoneName, PortKind, RawRef, Stamp, Stroke, When},
    journal::run_dir::console_log,
    virtual_bench::phone::{OUT, Phone, PhoneInput, PhoneOutput},
    wire::{
        console::{Line, LineAssembler},
        redact::DigitMask,
    },
};

/// For this long after a PIN the console's driver hides digits.
pub(super) const LINGERING: Duration = Duration::from_secs(1);

/// From an order to the first contact.
const BOARD: Duration = Duration::from_millis(2);

/// A phone and what hangs on it.
#[derive(Debug)]
pub(super) struct Device {
    pub(super) phone: Phone,
    lines: LineAssembler,
    pub(super) pin: Option<String>,
    /// Its console hides digits until then.
    pub(super) hidden: Stamp,
    digits: DigitMask,
    /// When its last sign of life was reported.
    pub(super) seen_alive: Option<Stamp>,
    /// When the last line of its console is reported: a port is read in order.
    told: Stamp,
}

impl Device {
    pub(super) fn new(phone: Phone, pin: Option<String>) -> Self {
        Self {
            phone,
            lines: LineAssembler::new(),
            pin,
            hidden: Stamp::ZERO,
            digits: DigitMask::default(),
            seen_alive: None,
            told: Stamp::ZERO,
        }
    }

    pub(super) fn deadline(&self) -> Option<Stamp> {
        self.phone.poll_deadline().map(stamp)
    }

    pub(super) fn typed(&mut self, text: &str, at: Stamp) {
        self.lines.typed(text, at);
    }

    fn printed(&mut self, bytes: &[u8], at: Stamp) -> Vec<Line> {
        let mut lines = Vec::new();
        let mut bytes = bytes.to_vec();
        self.digits.pass(&mut bytes, at < self.hidden);
        self.lines.feed(&bytes, at, &mut lines);
        lines
    }
}

impl Rehearsal {
    /// Something happens to a phone; what it does about it goes on its way.
    pub(super) fn give_phone(&mut self, name: &PhoneName, input: PhoneInput) {
        let Some(device) = self.devices.get_mut(name) else { return };
        device.phone.handle(clock(self.now), input);
        let outputs: Vec<PhoneOutput> = std::iter::from_fn(|| device.phone.poll_output()).collect();
        for output in outputs {
            match output {
                PhoneOutput::Console(bytes) => self.print(name, &bytes),
                PhoneOutput::ConsoleBack => {
                    let away_ns = Some(OUT.as_nanos() as u64);
                    let (phone, port) = (name.clone(), PortKind::Console);
                    let back = Observed::PortOpened { phone, port, away_ns, across_network: false };
                    self.report(When::exactly(self.now), back);
                }
                PhoneOutput::ConsoleClosed => self.lose(name, PortKind::Console),
                PhoneOutput::Died => {
                    self.lose(name, PortKind::Console);
                    self.lose(name, PortKind::Keypad);
                }
                sent if self.looked(&sent) => {}
                PhoneOutput::SendLog { bytes, .. } => self.logged(name, &bytes),
                PhoneOutput::Call { bytes, .. } => self.called(name, &bytes),
                sent => {
                    if let Some(sent) = self.answered(name, sent) {
                        self.phone_sends(name, sent);
                    }
                }
            }
        }
    }

    /// A board plays keys; it says so when the last one is up.
    pub(super) fn play(&mut self, phone: PhoneName, sequence: u32, keys: &[Stroke]) {
        let model = self.plan.phone(&phone).and_then(|phone| self.plan.model_of(phone));
        let (places, pressing) =
            (model.map(|model| &model.keys), model.map(|model| model.pressing).unwrap_or_default());
        let pin = self.devices.get(&phone).and_then(|device| device.pin.clone());
        let pressed = keying::with_pin(keys, pin.as_deref()).unwrap_or_default();
        let mut contacts = Vec::new();
        let mut at = self.now + BOARD;
        for stroke in &pressed {
            if let Stroke::Press { keys, hold } = stroke {
                let places = keys.iter().filter_map(|key| place(places?.get(key)?));
                contacts.extend(places.map(|place| (place, at, at + pressing.held(*hold))));
            }
            at = at + pressing.lasts(stroke);
        }
        for ((row, col), down, up) in contacts {
            self.schedule(down, Happening::ToPhone(phone.clone(), PhoneInput::KeyDown { row, col }));
            self.schedule(up, Happening::ToPhone(phone.clone(), PhoneInput::KeyUp { row, col }));
        }
        if let Some(device) = self.devices.get_mut(&phone).filter(|_| keys.iter().any(keying::is_secret)) {
            device.hidden = at + LINGERING;
        }
        let ack_after_ns = at.since(self.now).as_nanos() as u64;
        let played = Observed::KeysPlayed { phone, sequence, ack_after_ns, error: None };
        self.schedule(at, Happening::Report(When::exactly(at), played));
    }

    fn print(&mut self, phone: &PhoneName, bytes: &[u8]) {
        let at = self.now;
        let lines = self.devices.get_mut(phone).map(|device| device.printed(bytes, at)).unwrap_or_default();
        for line in lines {
            let raw = RawRef { file: console_log(phone), offset: line.offset, len: line.len };
            let observed = Observed::ConsoleLine { phone: phone.clone(), text: line.text, raw, echo: line.echo };
            let mut told = self.now + self.link.lateness();
            if let Some(device) = self.devices.get_mut(phone) {
                told = told.max(device.told);
                device.told = told;
            }
            self.schedule(told, Happening::Report(When::exactly(line.last), observed));
        }
    }

    fn lose(&mut self, phone: &PhoneName, port: PortKind) {
        let reason = "Input/output error".to_owned();
        self.report(When::exactly(self.now), Observed::PortLost { phone: phone.clone(), port, reason });
    }
}

/// Row and column of `row.column`.
fn place(text: &str) -> Option<(u8, u8)> {
    let (row, col) = text.split_once('.')?;
    Some((row.parse().ok()?, col.parse().ok()?))
}
