//! Requests that are repeated over UDP until they are answered (RFC 3261 section 17.1): the server's own, and those that
//! came over a connection and went on without one.

use std::time::Duration;

use super::{RegistrarOutput, answer::Way};

const T1: Duration = Duration::from_millis(500);
const T2: Duration = Duration::from_secs(4);

/// Timer F: how long an answer is waited for; also how long a 2xx to an INVITE is repeated (section 13.3.1.4).
pub const PATIENCE: Duration = Duration::from_secs(32);

/// Most requests under way. More are sent and forgotten.
const MOST: usize = 1000;

/// What a request is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum About {
    /// Nobody waits for how it ends.
    Nothing,
    /// News of a subscription, by the tag that we gave it.
    Subscription(String),
}

/// When something is repeated: at that time, and then after twice this interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repeat {
    at: Duration,
    interval: Duration,
    longest: Duration,
}

impl Repeat {
    /// First after T1; over connections nothing is repeated.
    pub fn after(now: Duration, way: Way) -> Option<Self> {
        matches!(way, Way::Datagram(_)).then_some(Self { at: now + T1, interval: T1, longest: T2 })
    }

    /// When it is due.
    pub const fn at(self) -> Duration {
        self.at
    }

    /// Whether it is due; if so the next one is set.
    pub fn take(&mut self, now: Duration) -> bool {
        let due = self.at <= now;
        if due {
            self.interval = (2 * self.interval).min(self.longest);
            self.at = now + self.interval;
        }
        due
    }
}

#[derive(Debug)]
struct Sent {
    branch: String,
    way: Way,
    bytes: Vec<u8>,
    about: About,
    repeat: Option<Repeat>,
    until: Duration,
}

/// The requests under way.
#[derive(Debug, Default)]
pub struct Requests(Vec<Sent>);

impl Requests {
    /// Sends one, with that branch.
    pub fn send(&mut self, now: Duration, way: Way, branch: String, bytes: Vec<u8>, about: About) -> RegistrarOutput {
        self.begin(now, way, branch, bytes, about, T2)
    }

    /// Sends one that came over a connection; of an INVITE the pauses double without end (timer A).
    pub fn send_on(
        &mut self,
        now: Duration,
        way: Way,
        method: &str,
        branch: String,
        bytes: Vec<u8>,
    ) -> RegistrarOutput {
        let longest = if method == "INVITE" { PATIENCE } else { T2 };
        self.begin(now, way, branch, bytes, About::Nothing, longest)
    }

    fn begin(
        &mut self,
        now: Duration,
        way: Way,
        branch: String,
        bytes: Vec<u8>,
        about: About,
        longest: Duration,
    ) -> RegistrarOutput {
        let output = way.send(bytes.clone());
        if self.0.len() < MOST {
            let repeat = Repeat::after(now, way).map(|repeat| Repeat { longest, ..repeat });
            self.0.push(Sent { branch, way, bytes, about, repeat, until: now + PATIENCE });
        }
        output
    }

    /// A final answer has come: what it was about. None: it answers nothing of ours.
    pub fn answered(&mut self, branch: &str) -> Option<About> {
        let index = self.0.iter().position(|sent| sent.branch == branch)?;
        Some(self.0.swap_remove(index).about)
    }

    /// Repeats what is due. Returns what that sends, and what the requests were about whose time is up.
    pub fn run(&mut self, now: Duration) -> (Vec<RegistrarOutput>, Vec<About>) {
        let given_up = self.0.extract_if(.., |sent| sent.until <= now).map(|sent| sent.about).collect();
        let due = self.0.iter_mut().filter_map(|sent| {
            let due = sent.repeat.as_mut().is_some_and(|repeat| repeat.take(now));
            due.then(|| sent.way.send(sent.bytes.clone()))
        });
        (due.collect(), given_up)
    }

    /// When something is due.
    pub fn deadline(&self) -> Option<Duration> {
        self.0.iter().flat_map(|sent| [Some(sent.until), sent.repeat.map(Repeat::at)]).flatten().min()
    }
}
