//! Who calls whom: the phones of a run in pairs, or each with a peer on the servers' side; and what a phone needs for its
//! side of a call.

use super::{case::Finding, registration::Fix, subjects::Subjects};
use crate::{
    config::{CallAct, Party, StepKind},
    event::{KeyName, PhoneName, Stroke},
    verdict::CaseId,
};

/// Who calls and who is called, each a phone by the case of its first line, or a peer on the servers' side; at most one is a
/// peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// Who calls; none: the peer.
    pub caller: Option<CaseId>,
    /// Who is called; none: the peer.
    pub callee: Option<CaseId>,
    /// What is dialled to reach who is called.
    number: String,
}

/// A case's part in the last call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// From then on it can be seen.
    pub since: Fix,
}

impl Pair {
    /// The phone's side of a party; none: that is a peer.
    pub const fn side(&self, party: Party) -> Option<&CaseId> {
        match party {
            Party::Callers => self.caller.as_ref(),
            Party::Callees => self.callee.as_ref(),
        }
    }

    /// The sides that are phones, with what they are.
    pub fn sides(&self) -> impl Iterator<Item = (Party, &CaseId)> {
        [Party::Callers, Party::Callees].into_iter().filter_map(|party| Some((party, self.side(party)?)))
    }

    /// The cases of these.
    pub fn cases(&self) -> impl Iterator<Item = &CaseId> {
        self.sides().map(|(_, id)| id)
    }

    /// Whose keys do that: also those of a phone that is called by a peer, which has no keys to hang up by. None: nobody's.
    pub fn presses(&self, act: CallAct) -> Option<Party> {
        let party = act.party()?;
        match (act, party) {
            (CallAct::HangUp, _) if self.caller.is_none() => Some(Party::Callees),
            (_, party) => self.side(party).map(|_| party),
        }
    }
}

/// The pairs of a run, as far as they are looked at.
pub fn of(subjects: &Subjects) -> Vec<Pair> {
    let plan = subjects.plan();
    let Some(side) = plan.scenario.peer else {
        let pair = |two: &[PhoneName]| match two {
            [one, other] => {
                let (caller, callee) = (first_line(subjects, one)?, first_line(subjects, other)?);
                let number = callee.line.clone();
                Some(Pair { caller: Some(caller), callee: Some(callee), number })
            }
            _ => None,
        };
        let pairs = plan.phones.chunks_exact(2).filter_map(pair);
        return pairs.filter(|pair| pair.caller.iter().any(|caller| subjects.in_focus(&caller.phone))).collect();
    };
    let Some(peer) = plan.bench.peer_for(side) else { return Vec::new() };
    let phones = plan.phones.iter().filter(|phone| subjects.in_focus(phone));
    let pair = |id: CaseId| match side {
        Party::Callers => Pair { caller: None, number: id.line.clone(), callee: Some(id) },
        Party::Callees => Pair { caller: Some(id), callee: None, number: peer.extension.clone() },
    };
    phones.filter_map(|phone| first_line(subjects, phone)).map(pair).collect()
}

/// The phone that is left over, if their number is odd.
pub fn odd_one(subjects: &Subjects) -> Option<PhoneName> {
    let plan = subjects.plan();
    let odd = plan.phones.chunks_exact(2).remainder().first().filter(|_| plan.scenario.peer.is_none());
    odd.filter(|phone| subjects.in_focus(phone)).cloned()
}

/// Whether a phone is on that side of its pair.
pub fn is_of(subjects: &Subjects, phone: &PhoneName, party: Party) -> bool {
    of(subjects).iter().any(|pair| pair.side(party).is_some_and(|side| side.phone == *phone))
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
    let Some(CaseId { phone, .. }) = pair.side(party) else { return Ok(Vec::new()) };
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
    let digits = if act == CallAct::Dial { digits(subjects, phone, &pair.number)? } else { Vec::new() };
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
    acts.try_for_each(|act| pair.presses(act).map_or(Ok(()), |party| keys(subjects, pair, party, act).map(drop)))
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
