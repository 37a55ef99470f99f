//! What was found out of each phone, beside its cables: that console and keypad answer, where its lines are, its firmware.

use super::{Forced, Looked, Preflight, clocks, standing::Place};
use crate::{
    cabling::Answers,
    event::{PhoneName, Stamp},
};

/// Something that was found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What it is about, in a word: `registration`.
    pub area: &'static str,
    /// What came of it.
    pub verdict: Verdict,
    /// A word for programs that does not change.
    pub code: &'static str,
    /// The phone; none: it is of the bench.
    pub phone: Option<PhoneName>,
    /// What was looked at, and what was found.
    pub what: String,
    /// What was read.
    pub value: Option<String>,
    /// What to do about it; of what is unknown or was not looked at, why.
    pub remedy: Option<String>,
}

/// What came of a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is as it must be.
    Ok,
    /// It is not.
    Problem,
    /// It was looked at in vain.
    Unknown,
    /// There is nothing to look at.
    Skipped,
}

impl Finding {
    /// One that needs no remedy.
    pub fn ok(area: &'static str, code: &'static str, what: impl Into<String>) -> Self {
        Self { area, verdict: Verdict::Ok, code, phone: None, what: what.into(), value: None, remedy: None }
    }

    /// One with a remedy, or a reason.
    pub fn not(
        verdict: Verdict,
        area: &'static str,
        code: &'static str,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { verdict, remedy: Some(remedy.into()), ..Self::ok(area, code, what) }
    }

    /// The same of a phone.
    #[must_use]
    pub fn about(self, phone: &PhoneName) -> Self {
        Self { phone: Some(phone.clone()), ..self }
    }

    /// The same with what was read.
    #[must_use]
    pub fn with(self, value: impl Into<String>) -> Self {
        Self { value: Some(value.into()), ..self }
    }
}

impl Preflight {
    /// What was found out by this time, phone by phone.
    pub fn findings(&mut self, now: Stamp) -> Vec<Finding> {
        let places = self.standings.places(&self.bench, now);
        let mut findings = Vec::new();
        for looked in &self.phones {
            let name = &looked.phone.name;
            let answers = self.cabling.answers(name).unwrap_or_default();
            let mut of_phone = parts(looked, answers);
            let lines = places.iter().filter(|(phone, ..)| phone == name);
            of_phone.extend(lines.map(|(_, extension, place)| registration(looked, extension, place)));
            of_phone.push(firmware(looked));
            let unknown = "no message of its syslog with a time and a zone was heard";
            of_phone.push(clocks::of_phone(name, looked.clock.ok_or_else(|| unknown.to_owned())));
            findings.extend(of_phone.into_iter().map(|finding| finding.about(name)));
        }
        findings
    }
}

/// That console and keypad answer. What keeps them from it is said of the cables.
fn parts(looked: &Looked, answers: Answers) -> Vec<Finding> {
    let name = &looked.phone.name;
    let why = "the bench file names none";
    let console = match looked.phone.console {
        None => Some(Finding::not(Verdict::Skipped, "console", "console", format!("console of {name}"), why)),
        Some(_) => answers.console.then(|| Finding::ok("console", "console", format!("the console of {name} answers"))),
    };
    let keypad = match looked.phone.keypad {
        None => Some(Finding::not(Verdict::Skipped, "keypad", "keypad", format!("keypad of {name}"), why)),
        Some(_) => {
            let what = || format!("the keypad of {name} acknowledges what it presses");
            answers.keypad.then(|| Finding::ok("keypad", "keypad", what()))
        }
    };
    console.into_iter().chain(keypad).collect()
}

fn registration(looked: &Looked, extension: &str, place: &Place) -> Finding {
    const AREA: &str = "registration";
    let line = format!("{extension} of {}", looked.phone.name);
    let problem = |code, what: String, remedy: &str| Finding::not(Verdict::Problem, AREA, code, what, remedy);
    match place {
        Place::Home { by } => {
            Finding::ok(AREA, "registered", format!("{line} is registered at its primary: so says {by}"))
        }
        Place::Backup { by } => problem(
            "registered-at-backup",
            format!("{line} is registered at its backup: so says {by}"),
            "does its primary answer? wait until it has come home, or boot the phone",
        ),
        Place::Elsewhere { at, by } => problem(
            "registered-elsewhere",
            format!("{line} is registered at {at}, which is neither its primary nor its backup: so says {by}"),
            "correct the phone's settings, or the bench file",
        ),
        Place::Nowhere { why } => problem(
            "not-registered",
            format!("{line} is not registered: {why}"),
            "is somebody logged on at the phone, and does its server have the extension?",
        ),
        Place::Forgotten => problem(
            "binding-forgotten",
            format!("its primary has taken {line}, as the wire shows, and its list does not name it"),
            "look at the server; or does the `pattern` of its witness fit what it says?",
        ),
        Place::Unknown { why } => {
            let tried = match looked.forced {
                None => "it did not register meanwhile",
                Some(Forced::ByCommand) => "it was told to register, and did not",
                Some(Forced::ByRestart) => "it was told to boot, and did not register",
            };
            let why = why.as_deref().unwrap_or("no other witness says where it is");
            let help = match looked.forced {
                None => {
                    "listen for longer (--listen), have it register (--force), or declare a witness (docs/witnesses.md)"
                }
                Some(_) => "look at the phone",
            };
            let (what, why) = (
                format!("where {line} is registered is unknown until it renews"),
                format!("{tried}, and {why}; {help}"),
            );
            Finding::not(Verdict::Unknown, AREA, "unknown-until-renewal", what, why)
        }
    }
}

/// As the console tells it, else as the phone calls itself when it registers: for one phone, always the same of the two.
fn firmware(looked: &Looked) -> Finding {
    const CODE: &str = "firmware";
    let name = &looked.phone.name;
    match (&looked.firmware, &looked.agent) {
        (Some(firmware), agent) => {
            let also = agent.as_ref().map(|agent| format!("; it registers as `{agent}`")).unwrap_or_default();
            Finding::ok(CODE, CODE, format!("{name} has firmware {firmware}, by its console{also}")).with(firmware)
        }
        (None, Some(agent)) => Finding::ok(CODE, CODE, format!("{name} registers as `{agent}`")).with(agent),
        (None, None) => {
            let why = "it did not register meanwhile, and no console tells it (`identity-command` and `firmware` of its model)";
            Finding::not(Verdict::Unknown, CODE, CODE, format!("firmware of {name}"), why)
        }
    }
}
