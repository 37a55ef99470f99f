//! How a phone on its backup looks for its primary: by its renewals, which begin there, or by something of its own in between.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{
    evidence::{Evidence, LineEvidence},
    tries::{Ask, End, Try},
    value::{Known, Measured, Sample, is_due, is_same},
};
use crate::{
    config::{FailbackHabit, RenewalLead},
    engine::registration::Fix,
    event::Stamp,
};

/// Who was answered when it asked whether the primary is there registers there within this time.
const AT_ONCE: Duration = Duration::from_secs(1);

/// How a phone looks for its primary from its backup.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Probing {
    /// What it asks beside its renewals; empty: nothing was seen.
    pub probes: Vec<Probe>,
    /// Renewals on the backup that began at the primary.
    pub renewals: usize,
    /// For how long it was on its backup, altogether.
    pub away: Duration,
}

/// Something by which a phone finds out whether its primary is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// What it sends: `OPTIONS`.
    pub how: String,
    /// How often it was seen.
    pub times: usize,
    /// From the end of one to the beginning of the next.
    pub pause: Known<Duration>,
}

/// One stay on the backup.
struct Stay<'a> {
    line: &'a LineEvidence,
    /// The REGISTER that made it.
    asked: Fix,
    from: Fix,
    until: Stamp,
}

/// Its habit, and what a model says of it.
pub fn found(
    evidence: &Evidence,
    patience: Option<Duration>,
    lead: &Known<RenewalLead>,
) -> (Probing, Known<FailbackHabit>) {
    let stays: Vec<Stay<'_>> = evidence.lines.iter().flat_map(|line| stays(line, evidence.end)).collect();
    let lead = lead.measured().map(|lead| lead.value);
    let (looks, renewals): (Vec<_>, Vec<_>) = stays.iter().map(|stay| stay.looks(patience, lead)).unzip();
    let renewals: Vec<u64> = renewals.into_iter().flatten().collect();
    let kinds: BTreeSet<Ask> = looks.iter().flatten().map(|it| it.ask).collect();
    // What a connection that never came about was for, those tell that did.
    let mut others = kinds.iter().copied().filter(|ask| *ask != Ask::Connection);
    let meant = others.next().filter(|_| others.next().is_none()).unwrap_or(Ask::Connection);
    let mut by_kind: BTreeMap<Ask, Seen> = BTreeMap::new();
    for (stay, looks) in stays.iter().zip(&looks) {
        let kind = |it: &Try| if it.ask == Ask::Connection { meant } else { it.ask };
        for ask in looks.iter().map(|it| kind(it)).collect::<BTreeSet<Ask>>() {
            let probes: Vec<&Try> = looks.iter().copied().filter(|it| kind(it) == ask).collect();
            by_kind.entry(ask).or_default().add(stay, &probes, patience);
        }
    }
    let probing = Probing {
        probes: by_kind.into_iter().map(|(ask, seen)| seen.told(ask)).collect(),
        renewals: renewals.len(),
        away: stays.iter().map(|stay| stay.until.since(stay.from.when.at)).sum(),
    };
    let failback = habit(&probing, &renewals, stays.is_empty());
    (probing, failback)
}

fn habit(probing: &Probing, renewals: &[u64], never_away: bool) -> Known<FailbackHabit> {
    let often = probing.probes.iter().filter_map(|probe| probe.pause.measured());
    if let Some(measured) = often.min_by_key(|measured| measured.value) {
        return Known::Measured(measured.clone()).map(FailbackHabit::Poll);
    }
    if let Some(probe) = probing.probes.first() {
        return Known::unknown(format!(
            "on its backup it asked its primary by {}, too seldom to tell how often it does",
            probe.how
        ));
    }
    if !renewals.is_empty() {
        return Known::Measured(Measured {
            value: FailbackHabit::Renewal,
            times: renewals.len(),
            spread: None,
            error: Duration::ZERO,
            evidence: renewals.to_vec(),
            note: format!("nothing else was seen in {} s on the backup", probing.away.as_secs()),
        });
    }
    Known::unknown(if never_away {
        "it was never seen to be on its backup".to_owned()
    } else {
        format!("in {} s on its backup it was not seen to ask its primary", probing.away.as_secs())
    })
}

fn stays(line: &LineEvidence, end: Stamp) -> Vec<Stay<'_>> {
    let mut stays: Vec<Stay<'_>> = Vec::new();
    let mut open = false;
    for it in line.registers() {
        let End::Confirmed(at, _) = it.end else { continue };
        let on_backup = line.line.backup.as_ref() == Some(&it.server);
        match (on_backup && !line.is_twofold, open) {
            (true, false) => stays.push(Stay { line, asked: it.began, from: at, until: end }),
            (false, true) => {
                if let Some(stay) = stays.last_mut() {
                    stay.until = at.when.at;
                }
            }
            _ => {}
        }
        open = on_backup;
    }
    stays
}

impl Stay<'_> {
    /// The probes of this stay, and the records of renewals that began at the primary.
    fn looks(&self, patience: Option<Duration>, lead: Option<RenewalLead>) -> (Vec<&Try>, Vec<u64>) {
        let (mut probes, mut renewals) = (Vec::new(), Vec::new());
        let at_primary = self.line.tries.iter().filter(|it| {
            let at = it.began.when.at;
            it.server == self.line.line.primary && at >= self.asked.when.at && at <= self.until
        });
        for it in at_primary {
            if it.ask.may_bind() && self.is_renewal(it, patience, lead) {
                renewals.push(it.began.seq);
            } else if it.ask != Ask::Removal && !(it.ask == Ask::Register && self.follows_a_probe(it)) {
                probes.push(it);
            }
        }
        (probes, renewals)
    }

    /// Whether the try began a renewal: the backup was asked when it was given up; or it came when one was due.
    fn is_renewal(&self, it: &Try, patience: Option<Duration>, lead: Option<RenewalLead>) -> bool {
        let registers = self.line.registers();
        let next = registers.iter().find(|next| next.began.when.at > it.began.when.at && next.server != it.server);
        let waited = next.map(|next| next.began.when.at.since(it.began.when.at));
        if patience.zip(waited).is_some_and(|(patience, waited)| is_same(patience, waited)) {
            return true;
        }
        let Some((_, confirmed, granted)) = self.line.home_at(it.began.when.at) else { return false };
        lead.is_some_and(|lead| is_due(it.began.when.at.since(confirmed.when.at), granted, lead))
    }

    fn follows_a_probe(&self, it: &Try) -> bool {
        let asked = self.line.tries.iter().filter(|other| other.server == it.server && other.ask > Ask::Removal);
        let mut answers = asked.filter_map(|other| other.answered()).map(|answer| answer.when.at);
        answers.any(|answer| answer <= it.began.when.at && it.began.when.at.since(answer) < AT_ONCE)
    }
}

/// Probes of one kind.
#[derive(Default)]
struct Seen {
    times: usize,
    pauses: Vec<Sample>,
    /// From the move to the first one, which may as well begin at once.
    firsts: Vec<Sample>,
}

impl Seen {
    fn add(&mut self, stay: &Stay<'_>, probes: &[&Try], patience: Option<Duration>) {
        self.times += probes.len();
        if let Some(first) = probes.first() {
            let pause = Sample::between(stay.from, first.began);
            self.firsts.extend((pause.value >= AT_ONCE).then_some(pause));
        }
        for pair in probes.windows(2) {
            let mut pause = Sample::between(pair[0].leg, pair[1].began);
            let Some(over) = pair[0].answered().map(|fix| fix.when.at).or(patience.map(|it| pair[0].leg.when.at + it))
            else {
                continue;
            };
            pause.value = pair[1].began.when.at.since(over);
            self.pauses.extend((!pause.value.is_zero()).then_some(pause));
        }
    }

    fn told(self, ask: Ask) -> Probe {
        let pauses = if self.pauses.is_empty() { self.firsts } else { self.pauses };
        let pause = Known::of(&pauses, "it was not seen often enough");
        Probe { how: ask.to_string(), times: self.times, pause }
    }
}
