//! Waits for a person who does what no part of the rig can do.
//!
//! A person has two hands: prompts that name their phones are shown one after the other, each with the whole time. One that names
//! none is for all phones at once. Whatever becomes of a prompt, it is no phone's fault.

use std::{collections::VecDeque, time::Duration};

use crate::{
    config::keying::{EXTENSION, PHONE},
    engine::{Outbox, case::Finding, registration::Fix, subjects::Subjects},
    event::{Derived, Observed, PhoneName, PromptEnd, Reply, Stamp, When},
};

/// The step.
#[derive(Debug)]
pub struct Ask {
    to_come: VecDeque<Request>,
    open: Option<Prompt>,
    limit: Duration,
    optional: bool,
    of: usize,
}

/// What is to be done, and the phones that wait for it.
#[derive(Debug)]
struct Request {
    text: String,
    phones: Vec<PhoneName>,
}

/// A request that was made.
#[derive(Debug)]
struct Prompt {
    number: u32,
    request: Request,
    since: Stamp,
    until: Stamp,
}

impl Ask {
    /// Asks for the first thing to be done.
    pub fn begin(
        text: &str,
        limit: Duration,
        optional: bool,
        subjects: &mut Subjects,
        now: Stamp,
        out: &mut Outbox,
    ) -> Self {
        let mut to_come: VecDeque<Request> = VecDeque::new();
        for phone in subjects.phones_running() {
            let text = written_out(text, &phone, subjects);
            match to_come.back_mut().filter(|request| request.text == text) {
                Some(request) => request.phones.push(phone.clone()),
                None => to_come.push_back(Request { text, phones: vec![phone.clone()] }),
            }
            for case in subjects.running().filter(|case| case.id.phone == phone) {
                case.under_way = true;
            }
        }
        let of = to_come.len();
        let mut step = Self { to_come, open: None, limit, optional, of };
        step.go_on(subjects, now, out);
        step
    }

    /// Hears an answer, or that there is nobody to give one.
    pub fn observe(&mut self, observed: &Observed, fix: Fix, subjects: &mut Subjects, out: &mut Outbox) {
        let end = match observed {
            Observed::ReplyGiven { by, reply, prompt } if self.is_open(*prompt) => {
                let since = self.open.as_ref().map_or(fix.when.at, |open| open.since);
                let after_ns = u64::try_from(fix.when.at.since(since).as_nanos()).unwrap_or(u64::MAX);
                PromptEnd::Replied { by: by.clone(), reply: *reply, after_ns }
            }
            Observed::NobodyAttends { prompt } if self.is_open(*prompt) => PromptEnd::Unattended,
            _ => return,
        };
        self.end(end, fix, subjects, out);
    }

    /// Whether this prompt is shown at present.
    pub fn is_open(&self, prompt: u32) -> bool {
        self.open.as_ref().is_some_and(|open| open.number == prompt)
    }

    /// Takes back what nobody needs any more.
    pub fn withdraw(&mut self, fix: Fix, subjects: &mut Subjects, out: &mut Outbox) {
        if self.open.as_ref().is_some_and(|open| open.request.needed_by(subjects).is_empty()) {
            self.end(PromptEnd::Withdrawn, fix, subjects, out);
        }
    }

    /// Gives up what is not answered in time, and asks for what comes next.
    pub fn advance(&mut self, now: Stamp, fix: Fix, subjects: &mut Subjects, out: &mut Outbox) {
        if self.open.as_ref().is_some_and(|open| now >= open.until) {
            self.end(PromptEnd::Unanswered, fix, subjects, out);
        }
        self.go_on(subjects, now, out);
    }

    /// When a prompt is given up.
    pub fn deadline(&self) -> Option<(Stamp, &'static str)> {
        self.open.as_ref().map(|open| (open.until, "an operator's answer"))
    }

    fn go_on(&mut self, subjects: &mut Subjects, now: Stamp, out: &mut Outbox) {
        while self.open.is_none()
            && let Some(request) = self.to_come.pop_front()
        {
            let phones = request.needed_by(subjects);
            if phones.is_empty() {
                continue;
            }
            let request = Request { phones, ..request };
            let (number, nth) = (subjects.next_sequence(), self.of - self.to_come.len());
            let asked = Derived::OperatorAsked {
                prompt: number,
                text: request.text.clone(),
                phones: request.phones.clone(),
                limit_ns: u64::try_from(self.limit.as_nanos()).unwrap_or(u64::MAX),
                nth,
                of: self.of,
            };
            out.conclude(When::exactly(now), asked);
            self.open = Some(Prompt { number, request, since: now, until: now + self.limit });
        }
    }

    fn end(&mut self, end: PromptEnd, fix: Fix, subjects: &mut Subjects, out: &mut Outbox) {
        let Some(Prompt { number, request: Request { text, phones }, .. }) = self.open.take() else { return };
        let limit = humantime::format_duration(self.limit);
        let over = match &end {
            PromptEnd::Replied { by, reply, after_ns } => {
                let after = *after_ns as f64 / 1e9;
                let did = if *reply == Reply::Done { "did it" } else { "skipped it" };
                format!("{by} {did} {after:.1} s after being asked: {text}")
            }
            PromptEnd::Unanswered => format!("needs an operator, and none answered within {limit}: {text}"),
            PromptEnd::Unattended => format!("needs an operator, and none is attached: {text}"),
            PromptEnd::Withdrawn => format!("no case needs it any more: {text}"),
        };
        for phone in &phones {
            match &end {
                PromptEnd::Replied { reply: Reply::Done, .. } => subjects.finish_step(phone, &over, &[fix.seq]),
                PromptEnd::Replied { reply: Reply::Skip, .. } => {
                    let lacks = Finding::skipped("operator-skipped", over.clone()).shown_by([fix.seq]);
                    subjects.lack(phone, self.optional, &lacks);
                }
                PromptEnd::Unanswered | PromptEnd::Unattended => {
                    let lacks = Finding::skipped("needs-operator", over.clone()).shown_by([fix.seq]);
                    subjects.lack(phone, self.optional, &lacks);
                }
                PromptEnd::Withdrawn => {}
            }
        }
        subjects.prompts.insert(number, over);
        out.conclude(fix.when, Derived::PromptEnded { prompt: number, text, end });
    }
}

impl Request {
    /// Those of its phones that still wait for it.
    fn needed_by(&self, subjects: &Subjects) -> Vec<PhoneName> {
        let waits = |phone: &&PhoneName| {
            subjects.cases().iter().any(|case| case.running() && !case.step_done && case.id.phone == **phone)
        };
        self.phones.iter().filter(waits).cloned().collect()
    }
}

/// What is asked of one phone.
fn written_out(text: &str, phone: &PhoneName, subjects: &Subjects) -> String {
    let line = subjects.plan().phone(phone).and_then(|phone| phone.lines.first());
    let extension = line.map_or("", |line| line.extension.as_str());
    text.replace(PHONE, &phone.0).replace(EXTENSION, extension)
}
