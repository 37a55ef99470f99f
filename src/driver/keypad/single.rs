//! Keypads that press one stroke at a time: the same task for all of them, which knows of PINs, pauses and gaps, and what
//! each of them has of its own.

use std::{fmt, time::Duration};

use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

use super::{
    super::{
        Report,
        clock::RunClock,
        discretion::{Discretion, Pin},
        outbox::Outbox,
    },
    Order,
};
use crate::{
    config::{Pressing, keying},
    event::{Hold, KeyName, Observed, PhoneName, Stroke, When},
};

/// How long an order may take beyond the time of its strokes.
const PATIENCE: Duration = Duration::from_secs(3);

/// The phone, and how its keys are pressed.
#[derive(Debug, Clone)]
pub struct Manner {
    /// The phone.
    pub phone: PhoneName,
    /// How its keys want to be pressed.
    pub pressing: Pressing,
    /// What is pressed in the place of `{pin}`.
    pub pin: Option<Pin>,
    /// What the phone's console shows is hidden while that is pressed.
    pub discretion: Discretion,
}

/// Presses keys somehow.
pub trait Presser: fmt::Debug + Send + 'static {
    /// Presses these keys together, lets them go after `hold`, and returns then. The keys are in the place of digits of a
    /// PIN if `secret`: no message may name them.
    ///
    /// # Errors
    /// For people: why that was not done, and what to do about it.
    fn press(&mut self, keys: &[KeyName], hold: Held, secret: bool) -> impl Future<Output = Result<(), String>> + Send;

    /// Lets go what is held, when an order is given up in the middle. Must not wait.
    fn release(&mut self) {}
}

/// How long keys are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// This long.
    pub span: Duration,
    /// It was asked for: who can only press briefly must refuse.
    pub asked: bool,
}

/// A keypad that presses one stroke at a time.
#[derive(Debug)]
pub struct Single {
    orders: mpsc::UnboundedSender<Order>,
    closing: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Single {
    /// Begins to take orders. Must be called within a tokio runtime.
    pub fn start(manner: Manner, presser: impl Presser, clock: &RunClock, reports: mpsc::Sender<Report>) -> Self {
        let (orders, inbox) = mpsc::unbounded_channel();
        let (closing, closed) = oneshot::channel();
        let player = Player { manner, presser, clock: clock.clone(), orders: inbox, outbox: Outbox::new(reports) };
        Self { orders, closing, task: tokio::spawn(player.run(closed)) }
    }

    /// What takes orders for the phone.
    pub fn keys(&self) -> mpsc::UnboundedSender<Order> {
        self.orders.clone()
    }

    /// Gives up what is under way, lets all keys go, and ends.
    pub async fn close(self) {
        let _ = self.closing.send(());
        let _ = self.task.await;
    }
}

struct Player<P> {
    manner: Manner,
    presser: P,
    clock: RunClock,
    orders: mpsc::UnboundedReceiver<Order>,
    outbox: Outbox,
}

impl<P: Presser> Player<P> {
    async fn run(mut self, closed: oneshot::Receiver<()>) {
        tokio::select! {
            _ = closed => {}
            () = self.serve() => {}
        }
        self.presser.release();
        self.outbox.finish();
    }

    async fn serve(&mut self) {
        loop {
            let order = tokio::select! {
                order = self.orders.recv() => order,
                () = self.outbox.deliver() => continue,
            };
            let Some(order) = order else { return };
            self.carry_out(&order).await;
        }
    }

    async fn carry_out(&mut self, order: &Order) {
        let ordered = self.clock.now();
        if order.strokes.iter().any(keying::is_pin) {
            self.manner.discretion.begin();
        }
        let error = match keying::with_pin(
            &order.strokes,
            order.digit.as_ref().or(self.manner.pin.as_ref()).map(Pin::digits),
        ) {
            None => Some("no PIN is known of this phone's line".to_owned()),
            Some(strokes) if strokes.is_empty() => Some("there is no key to press".to_owned()),
            Some(strokes) => {
                let lasts: Duration = strokes.iter().map(|stroke| self.manner.pressing.lasts(stroke)).sum();
                let limit = ordered + lasts + PATIENCE * u32::try_from(strokes.len()).unwrap_or(u32::MAX);
                let clock = self.clock.clone();
                tokio::select! {
                    error = self.play(&order.strokes, &strokes) => error,
                    () = clock.wait(Some(limit)) => {
                        Some("the keys were not taken in time; does the phone listen?".to_owned())
                    }
                }
            }
        };
        if error.is_some() {
            self.presser.release();
        }
        let now = self.clock.now();
        self.manner.discretion.end(now);
        let (phone, ack_after_ns) = (order.phone.clone(), now.since(ordered).as_nanos() as u64);
        let observed = Observed::KeysPlayed { phone, sequence: order.sequence, ack_after_ns, error };
        self.outbox.push(When::exactly(now), observed);
    }

    async fn play(&mut self, ordered: &[Stroke], strokes: &[Stroke]) -> Option<String> {
        let pressing = self.manner.pressing;
        for (index, stroke) in strokes.iter().enumerate() {
            match stroke {
                Stroke::Pause(span) => self.clock.wait(Some(self.clock.now() + *span)).await,
                Stroke::Press { keys, hold } => {
                    let secret = !ordered.contains(stroke);
                    let held = Held { span: pressing.held(*hold), asked: *hold != Hold::Usual };
                    if let Err(reason) = self.presser.press(keys, held, secret).await {
                        return Some(reason);
                    }
                    if index + 1 < strokes.len() {
                        self.clock.wait(Some(self.clock.now() + pressing.gap)).await;
                    }
                }
            }
        }
        None
    }
}

/// A key for messages: of a secret, nothing.
pub(super) fn called(keys: &[KeyName], secret: bool) -> String {
    if secret {
        return "a key of the PIN".to_owned();
    }
    let names: Vec<_> = keys.iter().map(|key| key.0.as_str()).collect();
    format!("`{}`", names.join("+"))
}
