//! Who calls whom: the phones of a run in pairs, and what a phone needs for its side of a call.

use super::{case::Finding, registration::Fix, subjects::Subjects};
use crate::{
    config::{CallAct, Party, StepKind},
    event::{KeyName, PhoneName, Stroke},
    verdict::CaseId,
};

/// Two phones of which the first calls the second, by the cases of their first lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// Who calls.
    pub caller: CaseId,
    /// Who is called.
    pub callee: CaseId,
}

/// A case's part in the last call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// From then on it can be seen.
    pub since: Fix,
}

impl Pair {
    /// The side of a party.
    pub const fn side(&self, party: Party) -> &CaseId {
        match party {
            Party::Callers => &self.caller,
            Party::Callees => &self.callee,
        }
    }

    /// Both sides.
    pub fn both(&self) -> [&CaseId; 2] {
        [&self.caller, &self.callee]
    }
}

/// The pairs of a run, as far as they are looked at.
pub fn of(subjects: &Subjects) -> Vec<Pair> {
    let phones = subjects.plan().phones.chunks_exact(2);
    let pair = |two: &[PhoneName]| match two {
        [one, other] => Some(Pair { caller: first_line(subjects, one)?, callee: first_line(subjects, other)? }),
        _ => None,
    };
    phones.filter_map(pair).filter(|pair| subjects.in_focus(&pair.caller.phone)).collect()
}

/// The phone that is left over, if their number is odd.
pub fn odd_one(subjects: &Subjects) -> Option<PhoneName> {
    let odd = subjects.plan().phones.chunks_exact(2).remainder().first();
    odd.filter(|phone| subjects.in_focus(phone)).cloned()
}

/// Whether a phone is on that side of its pair.
pub fn is_of(subjects: &Subjects, phone: &PhoneName, party: Party) -> bool {
    of(subjects).iter().any(|pair| pair.side(party).phone == *phone)
}

/// The case of a phone's first line, on which it calls and is called.
fn first_line(subjects: &Subjects, phone: &PhoneName) -> Option<CaseId> {
    subjects.cases().iter().map(|case| &case.id).find(|id| id.phone == *phone).cloned()
}

/// The keys by which one side of a pair does its part of that, or what is missing.
///
/// # Errors
/// The finding that leaves both sides as skipped.
pub fn keys(subjects: &Subjects, pair: &Pair, party: Party, act: CallAct) -> Result<Vec<Stroke>, Finding> {
    let phone = &pair.side(party).phone;
    if !subjects.watch(phone).is_some_and(|watch| watch.keypad) {
        return Err(Finding::skipped("no-keypad", format!("phone {phone} has no keypad to make or answer calls with")));
    }
    let menu = |name: &str| {
        let missing = || Finding::skipped("no-menu", format!("the model of phone {phone} has no menu `{name}`"));
        subjects.menu(phone, name).ok_or_else(missing)
    };
    let [before, after] = match act.menus() {
        [before, after] => [menu(before)?, menu(after)?],
        menus => [menus.iter().map(|name| menu(name)).collect::<Result<Vec<_>, _>>()?.concat(), Vec::new()],
    };
    let digits = if act == CallAct::Dial { digits(subjects, phone, &pair.callee.line)? } else { Vec::new() };
    Ok([before, digits, after].concat())
}

/// Looks ahead whether a pair can do all that the scenario will ask of it: nobody shall be left in a call that the rig can
/// not end.
///
/// # Errors
/// The finding that leaves both sides as skipped.
pub fn fit(subjects: &Subjects, pair: &Pair) -> Result<(), Finding> {
    let steps = subjects.plan().scenario.steps.iter();
    let mut acts = steps.filter_map(|step| if let StepKind::Call { act } = step.kind { Some(act) } else { None });
    acts.try_for_each(|act| act.party().map_or(Ok(()), |party| keys(subjects, pair, party, act).map(drop)))
}

fn digits(subjects: &Subjects, phone: &PhoneName, number: &str) -> Result<Vec<Stroke>, Finding> {
    let declared = subjects.plan().phone(phone);
    let model = declared.and_then(|phone| subjects.plan().model_of(phone));
    let keypad = declared.and_then(|phone| phone.keypad.as_ref());
    let key = |digit: char| {
        let key = KeyName(digit.to_string());
        let pressed = model.zip(keypad).is_some_and(|(model, keypad)| model.can_press(keypad, &key));
        (digit.is_ascii_digit() && pressed).then(|| Stroke::from(key))
    };
    number.chars().map(key).collect::<Option<_>>().ok_or_else(|| {
        Finding::skipped("not-dialable", format!("the keys of phone {phone} can not dial extension {number}"))
    })
}
