//! What operators do to phones by hand in the middle of a run: pressed by the keypad and typed on the console that the scenario uses.
//!
//! Nothing is done in the middle of a key sequence of the scenario, and it is not kept for later either: it would arrive on another
//! display than the one that the operator looks at. The case that a phone is in goes on, and comes to no verdict on the phone: whether
//! it does what it should, or not, may be the operator's doing.

use std::time::Duration;

use super::{Outbox, case::Finding, pairs, registration::Fix, subjects::Subjects};
use crate::{
    config::{StepKind, keying},
    event::{Action, Answer, Derived, Hand, Observed, OutageId, PhoneName, PortKind, Stamp, Stroke},
    verdict::{Blame, Verdict},
};

/// Presses that may wait for their acknowledgement; each takes a board some 160 ms, and the scenario's own come behind them.
const MOST: usize = 8;

/// How long what a board or a phone does not acknowledge counts as under way.
const ACK_PATIENCE: Duration = Duration::from_secs(5);

/// How long a phone may take to show that a key arrived.
const EFFECT_PATIENCE: Duration = Duration::from_secs(1);

/// Presses of operators that are under way.
#[derive(Debug, Default)]
pub struct Hands {
    presses: Vec<Press>,
}

#[derive(Debug)]
struct Press {
    phone: PhoneName,
    sequence: u32,
    key: Stroke,
    /// The record that asked for it.
    asked: u64,
    /// The board has done it.
    acknowledged: bool,
    until: Stamp,
}

/// That an operator had a hand in a case.
#[derive(Debug, Clone)]
pub struct Disturbance {
    by: String,
    what: String,
    since: Fix,
    /// The outage that was ordered; what is declined has disturbed nothing.
    outage: Option<OutageId>,
    /// By an outage of a server.
    of_network: bool,
    /// Its steps were over: what they came to stands.
    in_teardown: bool,
}

/// All that operators did in a case. The first of it says why the case shows nothing.
#[derive(Debug, Clone, Default)]
pub struct Disturbances(Vec<Disturbance>);

impl Hands {
    /// Does what an operator asks for, if that can be done now. `refused` says why nothing can be, whatever it is.
    pub fn asked(
        &mut self,
        (by, phone, hand): (&str, &PhoneName, &Hand),
        refused: Option<&str>,
        subjects: &mut Subjects,
        now: Stamp,
        fix: Fix,
        out: &mut Outbox,
    ) {
        let answer = match refused.map_or_else(|| self.objection(phone, hand, subjects), |it| Some(it.to_owned())) {
            Some(reason) => Answer::Refused { reason },
            None => {
                disturb(&Disturbance::of_phone(by, phone, hand, fix), std::slice::from_ref(phone), subjects);
                Answer::Obeyed { sequence: self.carry_out(phone, hand, subjects, now, fix, out) }
            }
        };
        let (by, phone, hand) = (by.to_owned(), phone.clone(), hand.clone());
        out.conclude(fix.when, Derived::HandAnswered { by, phone, hand, answer });
    }

    /// Why it can not be done.
    fn objection(&self, phone: &PhoneName, hand: &Hand, subjects: &Subjects) -> Option<String> {
        let Some(watch) = subjects.watch(phone) else { return Some("no phone of this run has that name".to_owned()) };
        match hand {
            Hand::Type(_) | Hand::Control(_)
                if subjects.plan().phone(phone).is_none_or(|phone| phone.console.is_none()) =>
            {
                Some("the bench names no console for this phone".to_owned())
            }
            Hand::Type(_) | Hand::Control(_) if watch.lost.contains_key(&PortKind::Console) => {
                Some("the port of its console is lost".to_owned())
            }
            Hand::Type(_) | Hand::Control(_) => None,
            Hand::Press(_) if !watch.keypad => Some("the bench names no keypad for this phone".to_owned()),
            Hand::Press(_) if watch.lost.contains_key(&PortKind::Keypad) => {
                Some("the port of its keypad is lost".to_owned())
            }
            Hand::Press(stroke) => {
                let waiting = self.presses.iter().filter(|press| press.phone == *phone && !press.acknowledged).count();
                if waiting >= MOST {
                    return Some(format!("{waiting} keys wait for their acknowledgement already"));
                }
                let phone = subjects.plan().phone(phone)?;
                let (keypad, model) = phone.keypad.as_ref().zip(subjects.plan().model_of(phone))?;
                let is_digit = keying::whispered_digit(stroke).is_some();
                let unknown = stroke.keys().iter().find(|key| !is_digit && !model.can_press(keypad, key));
                if let Some(key) = unknown {
                    return Some(format!("this keypad has no key `{key}` for the model"));
                }
                (!model.can_hold(keypad, stroke))
                    .then(|| "this keypad can not hold keys, nor press several at once".to_owned())
            }
        }
    }

    fn carry_out(
        &mut self,
        phone: &PhoneName,
        hand: &Hand,
        subjects: &mut Subjects,
        now: Stamp,
        fix: Fix,
        out: &mut Outbox,
    ) -> Option<u32> {
        let stroke = match hand {
            Hand::Type(text) => {
                out.order(Action::Type { phone: phone.clone(), text: text.clone() });
                return None;
            }
            Hand::Control(control) => {
                out.order(Action::TypeControl { phone: phone.clone(), control: *control });
                return None;
            }
            Hand::Press(stroke) => stroke.clone(),
        };
        let sequence = subjects.next_sequence();
        let until = now + ACK_PATIENCE + subjects.lasts(phone, &stroke);
        if let Some(watch) = subjects.watch_mut(phone) {
            watch.keys_ordered.extend(stroke.keys().iter().cloned());
        }
        out.order(Action::PlayKeys { phone: phone.clone(), sequence, keys: vec![stroke.clone()] });
        let (phone, key) = (phone.clone(), stroke);
        self.presses.push(Press { phone, sequence, key, asked: fix.seq, acknowledged: false, until });
        Some(sequence)
    }

    /// Hears what became of a press.
    pub fn observe(&mut self, observed: &Observed, fix: Fix, subjects: &Subjects) {
        let Observed::KeysPlayed { sequence, error, .. } = observed else { return };
        let Some(at) = self.presses.iter().position(|press| press.sequence == *sequence) else { return };
        let Some(press) = self.presses.get_mut(at) else { return };
        // Of a digit given in confidence the console's driver hides which key arrived.
        let told = keying::whispered_digit(&press.key).is_none() && !subjects.signs(&press.phone).is_empty();
        if error.is_some() || !told {
            self.presses.remove(at);
        } else {
            (press.acknowledged, press.until) = (true, fix.when.at + EFFECT_PATIENCE);
        }
    }

    /// Tells which presses have shown an effect, and gives up those that have not in time. A phone that the scenario presses keys of
    /// is let alone.
    pub fn advance(
        &mut self,
        pressing: impl Fn(&PhoneName) -> bool,
        subjects: &mut Subjects,
        now: Stamp,
        fix: Fix,
        out: &mut Outbox,
    ) {
        self.presses.retain(|press| {
            if pressing(&press.phone) {
                return false;
            }
            let signs = subjects.signs(&press.phone);
            let watch = subjects.watch_mut(&press.phone).filter(|_| press.acknowledged);
            let shown = watch.and_then(|watch| {
                let shown = watch.effect(&press.key, &signs, press.asked).filter(|fix| fix.seq > press.asked)?;
                // The next press of this key has to show by itself.
                watch.keys_shown.retain(|(key, _)| !press.key.keys().contains(key));
                Some(shown)
            });
            let over = now >= press.until;
            if shown.is_some() || (over && press.acknowledged) {
                let (phone, key) = (press.phone.clone(), press.key.clone());
                let when = shown.map_or(fix.when, |shown| shown.when);
                out.conclude(when, Derived::KeyConfirmed { phone, key, by: shown.map(|shown| shown.seq) });
            }
            shown.is_none() && !over
        });
    }

    /// When one of them is given up.
    pub fn deadline(&self) -> Option<(Stamp, &'static str)> {
        self.presses.iter().map(|press| (press.until, "the effect of an operator's key")).min()
    }
}

/// Every case that these phones are in, and in which nothing was found yet, proves nothing from now on. Of a phone that was through with
/// its steps, the start state is restored from wherever the network leads it.
pub(super) fn disturb(disturbance: &Disturbance, phones: &[PhoneName], subjects: &mut Subjects) {
    let plan = subjects.plan();
    let is_restored = plan.scenario.is_restored();
    let calls = plan.scenario.all_steps().any(|step| matches!(step.kind, StepKind::Call { .. }));
    let pairs = if calls { pairs::of(subjects) } else { Vec::new() };
    // What one of two does in a call is half of what the other is judged by.
    let with = pairs.iter().filter(|pair| pair.cases().any(|id| phones.contains(&id.phone)));
    let concerned: Vec<PhoneName> = with.flat_map(|pair| pair.cases().map(|id| id.phone.clone())).collect();
    for case in subjects.cases_mut() {
        if !phones.iter().any(|phone| case.is_of(phone)) && !concerned.contains(&case.id.phone) {
            continue;
        }
        let in_teardown = match (&case.decided, &case.outcome) {
            (None, outcome) => outcome.is_some(),
            (Some(_), None) if disturbance.of_network && is_restored => true,
            (Some(_), _) => continue,
        };
        case.disturbed.add(Disturbance { in_teardown, ..disturbance.clone() });
    }
}

/// For people: `pressed options on`.
fn said(hand: &Hand) -> String {
    match hand {
        Hand::Press(stroke) if keying::whispered_digit(stroke).is_some() => "pressed a digit on".to_owned(),
        Hand::Press(stroke) => format!("pressed `{stroke}` on"),
        Hand::Type(_) | Hand::Control(_) => "typed on the console of".to_owned(),
    }
}

impl Disturbances {
    /// One more. Of each kind the first is enough that nothing can undo.
    pub fn add(&mut self, disturbance: Disturbance) {
        let enough = |known: &Disturbance| known.outage.is_none() && known.of_network == disturbance.of_network;
        if !self.0.iter().any(enough) {
            self.0.push(disturbance);
        }
    }

    /// An outage that was ordered does not begin.
    pub fn undo(&mut self, outage: OutageId) {
        self.0.retain(|it| it.outage != Some(outage));
    }

    /// An outage that was ordered has begun: nothing can undo that.
    pub fn confirm(&mut self, outage: OutageId) {
        let of_it = |it: &&mut Disturbance| it.outage == Some(outage);
        self.0.iter_mut().filter(of_it).for_each(|it| it.outage = None);
    }

    /// Nobody had a hand in the case.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether an outage of a server is among it, first or not.
    pub fn of_network(&self) -> bool {
        self.0.iter().any(|it| it.of_network)
    }

    /// The steps of the case were over before anything was done: what they came to stands.
    pub fn in_teardown(&self) -> bool {
        self.0.first().is_some_and(|first| first.in_teardown)
    }

    /// What a finding is worth.
    pub fn weigh(&self, finding: Finding) -> Finding {
        match self.0.first() {
            Some(first) => first.weigh(finding),
            None => finding,
        }
    }
}

impl Disturbance {
    fn of_phone(by: &str, phone: &PhoneName, hand: &Hand, since: Fix) -> Self {
        let what = format!("{} {phone} in the middle of this case", said(hand));
        Self { by: by.to_owned(), what, since, outage: None, of_network: false, in_teardown: false }
    }

    /// By an outage of a server.
    pub fn of_network(by: &str, what: String, since: Fix) -> Self {
        Self { by: by.to_owned(), what, since, outage: None, of_network: true, in_teardown: false }
    }

    /// By one that is ordered, until the bridge declines it.
    pub fn unless_declined(self, outage: OutageId) -> Self {
        Self { outage: Some(outage), ..self }
    }

    /// What a finding is worth: of the phone nothing is said; that the rig has failed stands.
    fn weigh(&self, finding: Finding) -> Finding {
        let about_phone = match finding.verdict {
            Verdict::Pass | Verdict::Flaky | Verdict::Fail => true,
            Verdict::RigError => finding.blame != Some(Blame::Rig),
            Verdict::Skipped | Verdict::NotRun => false,
        };
        if self.in_teardown || !about_phone {
            return finding;
        }
        let Self { by, what, since, .. } = self;
        let mut reason = format!("{by} {what}, so that it shows nothing of the phone");
        if !finding.reason.is_empty() {
            reason.push_str(&format!("; then: {}", finding.reason));
        }
        let disturbed = Finding { verdict: Verdict::NotRun, ..Finding::unclear("disturbed", reason) };
        disturbed.shown_by(finding.evidence.iter().copied().chain([since.seq]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::When;

    #[test]
    fn a_block_after_a_key_press_keeps_detectors_from_blaming_the_line_as_well_and_the_first_is_named() {
        let fix = |seq| Fix { seq, when: When::exactly(Stamp(seq)) };
        let key = Hand::Press("goodbye".parse().unwrap());
        let mut disturbed = Disturbances::default();
        disturbed.add(Disturbance::of_phone("anna", &"p1".into(), &key, fix(1)));
        assert!(!disturbed.of_network());
        disturbed.add(Disturbance::of_network("bert", "blocked".to_owned(), fix(2)));
        assert!(disturbed.of_network());
        let found = disturbed.weigh(Finding::pass());
        assert!(found.reason.starts_with("anna pressed `goodbye` on p1"), "{}", found.reason);
    }
}
