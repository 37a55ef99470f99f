//! Subscriptions to message waiting (RFC 6665, RFC 3842). They live as long as the server: after a restart a refresh is
//! answered 481.

use std::time::Duration;

use super::answer::{Answer, Asked, Way, local_tag};

/// The event package.
pub const EVENT: &str = "message-summary";

/// Lifetime for those who ask for none, and the longest one.
const LONGEST: Duration = Duration::from_secs(3600);

/// Most subscriptions.
const MOST: usize = 10_000;

#[derive(Debug)]
struct Subscription {
    extension: String,
    call_id: String,
    tag: String,
    way: Way,
    uri: String,
    /// `From` of our NOTIFY.
    local: String,
    /// `To` of our NOTIFY.
    remote: String,
    cseq: u32,
    until: Duration,
}

/// A NOTIFY to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    pub extension: String,
    pub way: Way,
    pub uri: String,
    pub from: String,
    pub to: String,
    pub call_id: String,
    pub cseq: u32,
    /// Value of `Subscription-State`.
    pub state: String,
    /// Our tag, which names the subscription.
    pub tag: String,
}

/// The subscriptions.
#[derive(Debug)]
pub struct Subscriptions {
    all: Vec<Subscription>,
    secret: u64,
}

impl Subscriptions {
    /// None yet.
    pub const fn new(secret: u64) -> Self {
        Self { all: Vec::new(), secret }
    }

    /// Carries out a SUBSCRIBE to the mailbox of an extension that exists.
    pub fn subscribe(&mut self, now: Duration, asked: &Asked<'_>, extension: &str) -> (Answer, Option<Notice>) {
        let message = asked.message;
        let event = message.header("Event").map(|event| event.split(';').next().unwrap_or_default().trim());
        if event.is_none_or(|event| !event.eq_ignore_ascii_case(EVENT)) {
            return (Answer::bare(489).with("Allow-Events", EVENT), None);
        }
        let parts = (message.header("Call-ID"), message.header("From"), message.header("To"), asked.way_back());
        let (Some(call_id), Some(from), Some(to), Some((way, uri))) = parts else { return (Answer::bare(400), None) };
        let asked_for = message.summary().expires.map(|seconds| Duration::from_secs(u64::from(seconds)));
        let granted = asked_for.unwrap_or(LONGEST).min(LONGEST);

        let known =
            self.all.iter().position(|own| own.call_id == call_id && Some(&own.tag) == asked.dialog_tag().as_ref());
        let mut subscription = match known {
            Some(index) => self.all.swap_remove(index),
            None if asked.dialog_tag().is_some() => return (Answer::bare(481), None),
            None if self.all.len() >= MOST => return (Answer::bare(500), None),
            None => {
                let tag = local_tag(self.secret, message);
                // A repeat, as the answer got lost: the subscription is there already.
                self.all.retain(|own| own.tag != tag);
                let local = format!("{to};tag={tag}");
                let (call_id, remote) = (call_id.to_owned(), from.to_owned());
                let extension = extension.to_owned();
                Subscription { extension, call_id, tag, way, uri: String::new(), local, remote, cseq: 0, until: now }
            }
        };
        (subscription.way, subscription.uri) = (way, uri);
        subscription.until = now + granted;
        let state = if granted.is_zero() {
            "terminated;reason=timeout".to_owned()
        } else {
            format!("active;expires={}", granted.as_secs())
        };
        let notice = subscription.notice(state);
        if !granted.is_zero() {
            self.all.push(subscription);
        }
        (Answer::bare(200).with("Expires", granted.as_secs().to_string()), Some(notice))
    }

    /// A NOTIFY was refused, or nobody answered it.
    pub fn failed(&mut self, tag: &str) {
        self.all.retain(|own| own.tag != tag);
    }

    /// Ends what has run out, with a last NOTIFY each.
    pub fn run(&mut self, now: Duration) -> Vec<Notice> {
        let ended = self.all.extract_if(.., |own| own.until <= now);
        ended.map(|mut own| own.notice("terminated;reason=timeout".to_owned())).collect()
    }

    /// When one runs out.
    pub fn deadline(&self) -> Option<Duration> {
        self.all.iter().map(|own| own.until).min()
    }

    /// How many there are.
    pub const fn count(&self) -> usize {
        self.all.len()
    }
}

impl Subscription {
    fn notice(&mut self, state: String) -> Notice {
        self.cseq += 1;
        Notice {
            extension: self.extension.clone(),
            way: self.way,
            uri: self.uri.clone(),
            from: self.local.clone(),
            to: self.remote.clone(),
            call_id: self.call_id.clone(),
            cseq: self.cseq,
            state,
            tag: self.tag.clone(),
        }
    }
}
