//! Phones that are told things by HTTP: keys by name, and commands, one request at a time for each phone and in order.
//!
//! The phone acknowledges by its answer that it took an object, not that anything came of it: a key that it does not have
//! is silently passed over (`docs/models.md`). A request never enters the capture, as the taps ship SIP and what tells why that
//! fails; so the digits of a PIN stay here.
//!
//! Not here: the objects and the answers ([`wire::aastra_xml`](crate::wire::aastra_xml)), and whether a key had an effect on
//! the phone (`engine`).

use std::{
    collections::BTreeMap,
    io,
    net::{IpAddr, SocketAddr},
    pin::pin,
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

use super::{
    Report,
    clock::RunClock,
    discretion::{Discretion, Pin},
    keypad::{self, Keypad},
    outbox::Outbox,
};
use crate::{
    config::{Pressing, keying},
    event::{KeyName, Observed, PhoneName, PushCommand, Stroke, When},
    wire::{
        aastra_xml::{Execute, ExecuteUri, Object, Objection, push},
        http::{HttpResponse, response_head},
    },
};

/// How long a phone may take for a request, from the first SYN to the head of its answer.
pub const PATIENCE: Duration = Duration::from_secs(3);

/// A phone that is pushed to.
#[derive(Debug, Clone)]
pub struct Addressee {
    /// The phone.
    pub phone: PhoneName,
    /// Its web interface.
    pub to: SocketAddr,
    /// Our own address, which the phone must have in its `xml application post list`; none: what the system chooses.
    pub from: Option<IpAddr>,
    /// Its keys and what they are called in XML: `Key:PrgKey1`.
    pub keys: BTreeMap<KeyName, String>,
    /// How they want to be pressed.
    pub pressing: Pressing,
    /// What is pressed in the place of `{pin}`.
    pub pin: Option<Pin>,
    /// What the phone's console shows is hidden while that is pressed.
    pub discretion: Discretion,
}

/// What a phone is to be told.
#[derive(Debug)]
enum Order {
    Keys(keypad::Order),
    Command { sequence: u32, command: PushCommand },
}

/// A part of an order.
enum Step {
    Push(ExecuteUri),
    Wait(Duration),
}

/// A phone that takes orders.
#[derive(Debug)]
pub struct Pusher {
    orders: mpsc::UnboundedSender<Order>,
    closing: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Pusher {
    /// Begins to take orders; nothing is sent before the first. Must be called within a tokio runtime.
    pub fn start(addressee: Addressee, clock: &RunClock, reports: mpsc::Sender<Report>) -> Self {
        let (orders, inbox) = mpsc::unbounded_channel();
        let (closing, closed) = oneshot::channel();
        let courier = Courier { addressee, clock: clock.clone(), orders: inbox, outbox: Outbox::new(reports) };
        Self { orders, closing, task: tokio::spawn(courier.run(closed)) }
    }

    /// What presses the phone's keys by this interface.
    pub fn keys(&self) -> XmlKeys {
        XmlKeys(self.orders.clone())
    }

    /// Orders a command to be given. What comes of it is reported as [`Observed::Pushed`] with the same `sequence`.
    pub fn command(&self, sequence: u32, command: PushCommand) {
        let _ = self.orders.send(Order::Command { sequence, command });
    }

    /// Ends, and gives up what is under way.
    pub async fn close(self) {
        let _ = self.closing.send(());
        let _ = self.task.await;
    }
}

/// The keys of a phone, pressed by pushes: one at a time and briefly.
#[derive(Debug)]
pub struct XmlKeys(mpsc::UnboundedSender<Order>);

impl Keypad for XmlKeys {
    fn play(&self, order: keypad::Order) {
        // A task that is gone has been given up with its phone.
        let _ = self.0.send(Order::Keys(order));
    }
}

/// Who carries the orders of one phone out.
struct Courier {
    addressee: Addressee,
    clock: RunClock,
    orders: mpsc::UnboundedReceiver<Order>,
    outbox: Outbox,
}

impl Courier {
    async fn run(mut self, closed: oneshot::Receiver<()>) {
        tokio::select! {
            _ = closed => {}
            () = self.serve() => {}
        }
        self.outbox.finish();
    }

    async fn serve(&mut self) {
        loop {
            let order = tokio::select! {
                order = self.orders.recv() => order,
                () = self.outbox.deliver() => continue,
            };
            match order {
                Some(Order::Keys(order)) => self.press(&order).await,
                Some(Order::Command { sequence, command }) => self.give(sequence, command).await,
                None => return,
            }
        }
    }

    async fn press(&mut self, order: &keypad::Order) {
        let (ordered, sequence) = (self.clock.now(), order.sequence);
        if order.strokes.iter().any(keying::is_pin) {
            self.addressee.discretion.begin();
        }
        let mut error = None;
        match self.names(order) {
            Ok(steps) => {
                for step in steps {
                    error = match step {
                        Step::Push(uri) => self.push(uri).await.err().map(|objection| objection.to_string()),
                        Step::Wait(span) => {
                            self.clock.wait(Some(self.clock.now() + span)).await;
                            None
                        }
                    };
                    if error.is_some() {
                        break;
                    }
                }
            }
            Err(unknown) => error = Some(unknown),
        }
        let now = self.clock.now();
        self.addressee.discretion.end(now);
        let (phone, ack_after_ns) = (self.addressee.phone.clone(), now.since(ordered).as_nanos() as u64);
        self.outbox.push(When::exactly(now), Observed::KeysPlayed { phone, sequence, ack_after_ns, error });
    }

    async fn give(&mut self, sequence: u32, command: PushCommand) {
        let ordered = self.clock.now();
        let error = self.push(ExecuteUri::Command(command.into())).await.err();
        let error = error.map(|objection| objection.to_string());
        let now = self.clock.now();
        let (phone, ack_after_ns) = (self.addressee.phone.clone(), now.since(ordered).as_nanos() as u64);
        self.outbox.push(When::exactly(now), Observed::Pushed { phone, sequence, ack_after_ns, error });
    }

    /// Strokes to pushes, with the model's gap between keys.
    fn names(&self, order: &keypad::Order) -> Result<Vec<Step>, String> {
        let ordered = &order.strokes;
        let strokes = keying::with_pin(ordered, order.digit.as_ref().or(self.addressee.pin.as_ref()).map(Pin::digits));
        let strokes = strokes.ok_or("no PIN is known of this phone's line")?;
        let mut steps = Vec::new();
        for stroke in &strokes {
            match stroke {
                Stroke::Pause(span) => steps.push(Step::Wait(*span)),
                Stroke::Press { .. } => {
                    let said = keying::sayable(ordered, stroke);
                    let key = stroke.plain().ok_or_else(|| {
                        format!("`{said}` can not be pushed: the XML interface presses keys one by one, and briefly")
                    })?;
                    let name = self.addressee.keys.get(key);
                    let name = name.ok_or_else(|| format!("the phone's model has no name in XML for key `{said}`"))?;
                    if matches!(steps.last(), Some(Step::Push(_))) {
                        steps.push(Step::Wait(self.addressee.pressing.gap));
                    }
                    steps.push(Step::Push(ExecuteUri::read(name)));
                }
            }
        }
        if steps.is_empty() { Err("there is no key to press".to_owned()) } else { Ok(steps) }
    }

    /// Pushes one thing to do, and waits until the phone has taken it.
    ///
    /// # Errors
    /// If it did not, or not in time.
    async fn push(&mut self, uri: ExecuteUri) -> Result<(), Objection> {
        let (to, from) = (self.addressee.to, self.addressee.from);
        let request = push(to, &Object::Execute(Execute::of([uri]))).to_bytes();
        let until = self.clock.now() + PATIENCE;
        let mut exchange = pin!(exchange(to, from, &request));
        loop {
            tokio::select! {
                answered = &mut exchange => {
                    let (answer, own) = answered?;
                    return Objection::of(answer.code, to, own).map_or(Ok(()), Err);
                }
                () = self.clock.wait(Some(until)) => return Err(silent(to, from)),
                () = self.outbox.deliver() => {}
            }
        }
    }
}

/// Whether a phone's web interface can be connected to; nothing is sent. Blocks for [`PATIENCE`] at most.
///
/// # Errors
/// If it can not.
pub fn reach(to: SocketAddr, from: Option<IpAddr>) -> Result<(), Objection> {
    let failed = |error: io::Error| Objection::new(format!("can not try {to}: {error}"), "please report this");
    // On a thread of its own: the caller may be inside a runtime, where another must not be waited for.
    std::thread::scope(|scope| {
        let trying = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
            runtime.block_on(async {
                let clock = RunClock::start();
                tokio::select! {
                    connected = connect(to, from) => connected.map(drop),
                    () = clock.wait(Some(clock.now() + PATIENCE)) => Err(silent(to, from)),
                }
            })
        });
        trying.join().unwrap_or_else(|_| Err(failed(io::Error::other("the try itself failed"))))
    })
}

/// Asks a phone's web interface; the answer, without its body, and the address of ours that asked.
///
/// # Errors
/// If there is none within [`PATIENCE`], or it is none of a web interface.
pub(super) async fn ask(
    to: SocketAddr,
    from: Option<IpAddr>,
    request: &[u8],
    clock: &RunClock,
) -> Result<(HttpResponse, IpAddr), Objection> {
    tokio::select! {
        answered = exchange(to, from, request) => answered,
        () = clock.wait(Some(clock.now() + PATIENCE)) => Err(silent(to, from)),
    }
}

async fn exchange(to: SocketAddr, from: Option<IpAddr>, request: &[u8]) -> Result<(HttpResponse, IpAddr), Objection> {
    let mut stream = connect(to, from).await?;
    let own = stream.local_addr().map_or_else(|_| to.ip(), |own| own.ip());
    let broken =
        |error: io::Error| Objection::new(format!("{to} broke the connection off: {error}"), "is the phone booting?");
    stream.write_all(request).await.map_err(broken)?;
    let (mut head, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        let count = stream.read(&mut piece).await.map_err(broken)?;
        if count == 0 {
            let what = format!("{to} closed the connection without an answer");
            return Err(Objection::new(what, "is that the phone's web interface, and is the phone up?"));
        }
        head.extend_from_slice(&piece[..count]);
        let answer = response_head(&head).map_err(|error| {
            let what = format!("{to} gave no answer of a web interface: {error}");
            Objection::new(what, "is that a phone? If not, correct address or port")
        })?;
        if let Some(answer) = answer {
            return Ok((answer, own));
        }
    }
}

/// From our own address, if we have one of the phone's family.
pub(super) async fn connect(to: SocketAddr, from: Option<IpAddr>) -> Result<TcpStream, Objection> {
    let socket = if to.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() };
    let socket =
        socket.map_err(|error| Objection::new(format!("no socket for {to}: {error}"), "close other programs"))?;
    if let Some(from) = from.filter(|from| from.is_ipv4() == to.is_ipv4()) {
        socket.bind(SocketAddr::new(from, 0)).map_err(|error| {
            let remedy = "is `probe-address` under [network] an address of the bridge?";
            Objection::new(format!("can not push from {from}: {error}"), remedy)
        })?;
    }
    socket.connect(to).await.map_err(|error| match error.kind() {
        io::ErrorKind::ConnectionRefused => Objection::new(
            format!("{to} refuses the connection"),
            "is the phone's web interface on, and is that its port?",
        ),
        _ => Objection::new(format!("can not connect to {to}: {error}"), "is the phone on, and is that its address?"),
    })
}

pub(super) fn silent(to: SocketAddr, from: Option<IpAddr>) -> Objection {
    let from = from.map_or_else(|| "this machine".to_owned(), |from| from.to_string());
    let what = format!("{to} did not answer within {} s", PATIENCE.as_secs());
    Objection::new(what, format!("is the phone on, and can {from} reach it?"))
}

#[cfg(test)]
mod tests;
