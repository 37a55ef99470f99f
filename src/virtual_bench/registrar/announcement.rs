//! Calls that the server takes itself to confirm a dialled code: answered at once, and hung up soon after the ACK. The
//! tone that users hear is not sent.

use std::time::Duration;

use super::{
    RegistrarOutput,
    answer::{Asked, Way},
    requests::{PATIENCE, Repeat},
};

/// From the ACK to the BYE.
const TONE: Duration = Duration::from_millis(200);

/// Most calls at a time; those beyond are not remembered, so that nothing is repeated for them.
const MOST: usize = 256;

#[derive(Debug)]
struct Call {
    call_id: String,
    tag: String,
    branch: String,
    way: Way,
    answer: Vec<u8>,
    /// Ends with the ACK.
    repeat: Option<Repeat>,
    acknowledged: bool,
    hang_up: Option<Duration>,
    bye: Bye,
    until: Duration,
}

/// What the BYE needs to know of the call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bye {
    /// Over what it goes.
    pub way: Way,
    /// The other end's Contact.
    pub uri: String,
    /// `From` of the BYE, with our tag.
    pub from: String,
    /// `To` of the BYE, with the tag of the other end.
    pub to: String,
    /// `Call-ID`.
    pub call_id: String,
}

/// The calls.
#[derive(Debug, Default)]
pub struct Announcements(Vec<Call>);

impl Announcements {
    /// A call was answered with those bytes under that tag.
    pub fn answered(&mut self, now: Duration, asked: &Asked<'_>, tag: &str, answer: Vec<u8>, bye: Bye) {
        if self.0.len() >= MOST {
            return;
        }
        self.0.push(Call {
            call_id: bye.call_id.clone(),
            tag: tag.to_owned(),
            branch: asked.message.via_branch().unwrap_or_default().to_owned(),
            way: asked.way,
            answer,
            // A 2xx is repeated over any transport (RFC 3261 section 13.3.1.4); connections of the bench lose nothing.
            repeat: Repeat::after(now, asked.way),
            acknowledged: false,
            hang_up: Some(now + PATIENCE),
            bye,
            until: now + 2 * PATIENCE,
        });
    }

    /// The answer again, if an INVITE is the repeat of one that was answered; also for the CANCEL of it.
    pub fn answer_to(&self, asked: &Asked<'_>) -> Option<RegistrarOutput> {
        let call_id = asked.message.header("Call-ID")?;
        let branch = asked.message.via_branch()?;
        let call = self.0.iter().find(|call| call.call_id == call_id && call.branch == branch)?;
        Some(call.way.send(call.answer.clone()))
    }

    /// Whether a request inside a dialog belongs to one of these calls.
    pub fn has(&self, asked: &Asked<'_>) -> bool {
        let (call_id, tag) = (asked.message.header("Call-ID"), asked.dialog_tag());
        self.0.iter().any(|call| Some(call.call_id.as_str()) == call_id && Some(&call.tag) == tag.as_ref())
    }

    /// An ACK has come.
    pub fn acknowledged(&mut self, now: Duration, asked: &Asked<'_>) {
        let tag = asked.dialog_tag();
        for call in self.0.iter_mut().filter(|call| Some(&call.tag) == tag.as_ref() && !call.acknowledged) {
            call.repeat = None;
            call.acknowledged = true;
            call.hang_up = call.hang_up.map(|_| now + TONE);
        }
    }

    /// The other end hung up.
    pub fn ended(&mut self, asked: &Asked<'_>) {
        let tag = asked.dialog_tag();
        for call in self.0.iter_mut().filter(|call| Some(&call.tag) == tag.as_ref()) {
            call.repeat = None;
            call.hang_up = None;
        }
    }

    /// Repeats what is due; returns that, and the calls that are to be hung up.
    pub fn run(&mut self, now: Duration) -> (Vec<RegistrarOutput>, Vec<Bye>) {
        self.0.retain(|call| call.until > now);
        let (mut repeats, mut byes) = (Vec::new(), Vec::new());
        for call in &mut self.0 {
            if call.hang_up.take_if(|at| *at <= now).is_some() {
                call.repeat = None;
                byes.push(call.bye.clone());
            }
            if call.repeat.as_mut().is_some_and(|repeat| repeat.take(now)) {
                repeats.push(call.way.send(call.answer.clone()));
            }
        }
        (repeats, byes)
    }

    /// When something is due.
    pub fn deadline(&self) -> Option<Duration> {
        let times = |call: &Call| [Some(call.until), call.hang_up, call.repeat.map(Repeat::at)];
        self.0.iter().flat_map(times).flatten().min()
    }
}
