//! What the rig pushes to phones: as the driver does it, one request at a time for each phone, on a way that no outage of a
//! server concerns.

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    time::Duration,
};

use super::{Happening, Rehearsal, device::LINGERING};
use crate::{
    config::{Keypad, keying},
    event::{Observed, PhoneName, PushCommand, Stamp, Stroke, When},
    virtual_bench::phone::{FIRST_ACCEPTED, PhoneInput, PhoneOutput, Service},
    wire::{
        aastra_xml::{Execute, ExecuteUri, Object, Objection, push},
        http::status,
    },
};

/// From an order to the phone, and as long back.
const WAY: Duration = Duration::from_micros(200);

/// As long as the driver waits.
const PATIENCE: Duration = Duration::from_secs(3);

/// First port of our connections.
const FIRST_PORT: u16 = 50_000;

/// What is under way, one push for each phone.
#[derive(Debug, Default)]
pub(super) struct Pushes {
    open: BTreeMap<PhoneName, Pushing>,
    begun: u32,
}

/// A push under way.
#[derive(Debug)]
struct Pushing {
    conn: u32,
    to: SocketAddr,
    from: SocketAddr,
    head: Vec<u8>,
    /// What is pushed after it.
    then: VecDeque<ExecuteUri>,
    ordered: Stamp,
    sequence: u32,
    keys: bool,
}

impl Rehearsal {
    /// Whether a phone's keys are pushed.
    pub(super) fn pushes_keys(&self, phone: &PhoneName) -> bool {
        self.plan.phone(phone).is_some_and(|phone| phone.keypad == Some(Keypad::Xml))
    }

    /// The digits of a PIN are pushed one by one, while the phone's console is not shown.
    pub(super) fn push_keys(&mut self, phone: PhoneName, sequence: u32, keys: Vec<Stroke>) {
        let model = self.plan.phone(&phone).and_then(|phone| self.plan.model_of(phone));
        let names = model.map(|model| model.xml_keys.clone()).unwrap_or_default();
        let pin = self.devices.get(&phone).and_then(|device| device.pin.clone());
        let pressed = keying::with_pin(&keys, pin.as_deref()).unwrap_or_default();
        if let Some(device) = self.devices.get_mut(&phone).filter(|_| keys.iter().any(keying::is_secret)) {
            device.hidden = self.now + PATIENCE + LINGERING;
        }
        let uris =
            pressed.iter().filter_map(|key| names.get(key.plain()?)).map(|name| ExecuteUri::read(name)).collect();
        self.push(phone, sequence, true, uris);
    }

    pub(super) fn push_command(&mut self, phone: PhoneName, sequence: u32, command: PushCommand) {
        self.push(phone, sequence, false, VecDeque::from([ExecuteUri::Command(command.into())]));
    }

    fn push(&mut self, phone: PhoneName, sequence: u32, keys: bool, uris: VecDeque<ExecuteUri>) {
        let to = self.plan.phone(&phone).and_then(|phone| phone.push);
        let own = self.plan.bench.network.as_ref().and_then(|network| network.probe_address);
        let Some((to, (own, _))) = to.zip(own) else { return };
        let from = SocketAddr::new(own, FIRST_PORT);
        let pushing = Pushing { conn: 0, to, from, head: Vec::new(), then: uris, ordered: self.now, sequence, keys };
        self.next_push(phone, pushing);
    }

    /// The next request of an order, or word that it was the last.
    fn next_push(&mut self, phone: PhoneName, mut pushing: Pushing) {
        let Some(uri) = pushing.then.pop_front() else { return self.pushed(&phone, pushing, None) };
        self.pushes.begun += 1;
        pushing.conn = FIRST_ACCEPTED + self.pushes.begun;
        pushing.head.clear();
        let (conn, from) = (pushing.conn, pushing.from);
        let bytes = push(pushing.to, &Object::Execute(Execute::of([uri]))).to_bytes();
        self.pushes.open.insert(phone.clone(), pushing);
        let at = self.now + WAY;
        let accepted = PhoneInput::TcpAccepted { conn, from, service: Service::Http };
        self.schedule(at, Happening::ToPhone(phone.clone(), accepted));
        self.schedule(at, Happening::ToPhone(phone.clone(), PhoneInput::TcpData { conn, bytes }));
        self.schedule(self.now + PATIENCE, Happening::PushOverdue(phone, conn));
    }

    /// What a phone sends on our connection is for us; gives everything else back.
    pub(super) fn answered(&mut self, phone: &PhoneName, output: PhoneOutput) -> Option<PhoneOutput> {
        let ours = |conn: u32| conn >= FIRST_ACCEPTED;
        match &output {
            PhoneOutput::TcpSend { conn, bytes } if ours(*conn) => {
                let pushing = self.pushes.open.get_mut(phone).filter(|pushing| pushing.conn == *conn)?;
                pushing.head.extend_from_slice(bytes);
                let code = status(&pushing.head).ok().flatten()?;
                let objection = Objection::of(code, pushing.to, pushing.from.ip());
                self.end_push(phone, *conn, objection);
                None
            }
            PhoneOutput::TcpClose { conn, .. } if ours(*conn) => {
                let to = self.pushes.open.get(phone).map(|pushing| pushing.to)?;
                let what = format!("{to} closed the connection without an answer");
                self.end_push(phone, *conn, Some(Objection::new(what, "is the phone up?")));
                None
            }
            _ => Some(output),
        }
    }

    pub(super) fn push_overdue(&mut self, phone: &PhoneName, conn: u32) {
        let Some(to) = self.pushes.open.get(phone).map(|pushing| pushing.to) else { return };
        let objection = Objection::new(format!("{to} did not answer"), "is the phone on?");
        self.end_push(phone, conn, Some(objection));
    }

    fn end_push(&mut self, phone: &PhoneName, conn: u32, objection: Option<Objection>) {
        if self.pushes.open.get(phone).is_none_or(|pushing| pushing.conn != conn) {
            return;
        }
        let Some(pushing) = self.pushes.open.remove(phone) else { return };
        match objection {
            None => self.next_push(phone.clone(), pushing),
            Some(objection) => self.pushed(phone, pushing, Some(objection.to_string())),
        }
    }

    fn pushed(&mut self, phone: &PhoneName, pushing: Pushing, error: Option<String>) {
        let at = self.now + WAY;
        if let Some(device) = self.devices.get_mut(phone).filter(|device| device.hidden > at) {
            device.hidden = at + LINGERING;
        }
        let Pushing { sequence, ordered, keys, .. } = pushing;
        let (phone, ack_after_ns) = (phone.clone(), at.since(ordered).as_nanos() as u64);
        let observed = if keys {
            Observed::KeysPlayed { phone, sequence, ack_after_ns, error }
        } else {
            Observed::Pushed { phone, sequence, ack_after_ns, error }
        };
        self.schedule(at, Happening::Report(When::exactly(at), observed));
    }
}
