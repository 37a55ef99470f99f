//! One case while it runs: a line, its moves, and what was found against it.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    blind,
    bound::{self, Window},
    cut::Cut,
    detect::HomeChanges,
    dialog::{Calls, Lamp},
    firmware::{self, Naming, Renamed},
    hand::Disturbances,
    pairs::Part,
    registrars::{self, Registrars},
    registration::{Attempt, Binding, Fix, LineTrack},
    seat::{self, Seat},
    witness::Vouched,
};
use crate::{
    config::{DocumentedLimit, FailbackHabit, Line, Model, Proxies, Role, Timers},
    event::{Move, OutageMode, PhoneName, ServerName, Stamp},
    verdict::{Blame, CaseId, Measurement, Verdict},
};

pub use super::finding::Finding;

/// A case while it runs.
#[derive(Debug)]
pub struct CaseRun {
    /// Scenario, phone and line.
    pub id: CaseId,
    /// Whether the line registers at all.
    pub registers: bool,
    /// Where the line belongs.
    pub primary: ServerName,
    /// Where it goes when that is away.
    pub backup: Option<ServerName>,
    /// Where its calls and subscriptions go; none: where it registers.
    pub proxies: Option<Proxies>,
    /// The phone's timers.
    pub timers: Timers,
    /// What is on top of its base set since it has fetched that.
    pub configured: BTreeMap<String, String>,
    /// What makes the phone return.
    pub habit: FailbackHabit,
    /// The phone keeps both registrations by design.
    pub keeps_both: bool,
    /// Where the line is registered.
    pub track: LineTrack,
    /// Its calls.
    pub calls: Calls,
    /// Its part in the call that was dialled last.
    pub part: Option<Part>,
    /// The subscription of its message lamp.
    pub lamp: Lamp,
    /// What steps have measured beside the moves.
    pub noted: Vec<Measurement>,
    /// The moves it has made.
    pub moves: BTreeMap<Leg, Moved>,
    /// Of those, the ones that nobody read: made by an exchange in an encrypted connection, with those who say the rest, if
    /// anybody does.
    pub unread: BTreeMap<Leg, Vec<Vouched>>,
    /// The servers that its phone speaks with, of which was told because nothing of the line can be read.
    pub connected: Vec<ServerName>,
    /// The windows computed for its moves.
    pub windows: BTreeMap<Leg, Window>,
    /// The first sign of life of its phone since the wire is watched: nothing can be asked of a phone before.
    pub awake: Option<Fix>,
    /// The outages that took one of its servers away, in order.
    pub cuts: Vec<Cut>,
    /// What was played on its phone or pushed to it, in order: what log-ons and log-offs follow from.
    pub orders: Vec<Ordered>,
    /// The scenario logged its user off: that nobody can reach them from then on is no loss.
    pub logs_off: bool,
    /// The line's home changed this often.
    pub home_changes: HomeChanges,
    /// Records that the verdict rests on.
    pub evidence: BTreeSet<u64>,
    /// The first thing found against it, or that it passed.
    pub decided: Option<Finding>,
    /// What makes every verdict on the phone void, a pass like a failure: an outage leaked.
    pub void: Option<Finding>,
    /// A person was asked to do something for it: its start state is restored, whatever it comes to.
    pub under_way: bool,
    /// What operators did in it.
    pub disturbed: Disturbances,
    /// An outage hit nothing, so that a pass would show nothing.
    pub unhit: Option<Finding>,
    /// The same of a press of which nothing shows that it arrived, until something shows what follows from it.
    pub unproven: Option<Finding>,
    /// What the steps came to, while the teardown restores the start state.
    pub outcome: Option<Finding>,
    /// What was measured until then: what the teardown does to a line is no measure of it.
    pub measured: Option<Vec<Measurement>>,
    /// The outages that its phone did without, each with what it would have needed.
    pub without: Vec<String>,
    /// The failure in which a documented limit showed, and what the document says.
    pub limit_shown: Option<(Finding, DocumentedLimit)>,
    /// Where its user is, if not at his phone.
    pub seat: Option<Seat>,
    /// The phone where the line is looked at: its own, or the one that its user was followed to.
    pub at: PhoneName,
    /// What the phone calls itself.
    pub naming: Naming,
    /// That it calls itself something else since this case began.
    pub renamed: Option<Renamed>,
    /// Which registrars it asks for, and where.
    pub registrars: Registrars,
    /// Its user has come back to his phone, and the other one was registered still.
    pub shared: bool,
    /// It has finished the step in progress.
    pub step_done: bool,
    /// Another scenario went before it.
    pub follows: bool,
}

/// Keys that were played on a phone, or what was pushed to it, as a case sees them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ordered {
    /// It was ordered; of keys, the last of them.
    pub at: Fix,
    /// It makes the phone boot.
    pub reboots: bool,
    /// The phone's console told of that boot.
    pub booted: Option<Fix>,
}

/// A move within a case: the outage that makes it necessary (its place in [`CaseRun::cuts`]; the baseline has none), for
/// log-on and log-off the keys (their place in [`CaseRun::orders`]), and which move it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Leg {
    /// The outage, or the keys.
    pub cut: Option<usize>,
    /// The move.
    pub of: Move,
}

/// A move that was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moved {
    /// The first REGISTER of the move at the new server.
    pub request: Fix,
    /// The 2xx that made the binding.
    pub done: Fix,
}

/// The code of a case that came to what a document says.
pub const DOCUMENTED_LIMIT: &str = "documented-limit";

impl CaseRun {
    /// A case that has not begun.
    pub fn new(id: CaseId, line: &Line, timers: Timers, model: Option<&Model>, track: LineTrack) -> Self {
        Self {
            at: id.phone.clone(),
            id,
            registers: line.registers,
            primary: line.primary.clone(),
            backup: line.backup.clone(),
            proxies: line.proxies.clone(),
            timers,
            configured: BTreeMap::new(),
            habit: model.map_or(FailbackHabit::Renewal, |model| model.failback),
            keeps_both: model.is_some_and(|model| model.keeps_both),
            track,
            calls: Calls::new(&line.extension),
            part: None,
            lamp: Lamp::new(&line.extension),
            noted: Vec::new(),
            moves: BTreeMap::new(),
            unread: BTreeMap::new(),
            connected: Vec::new(),
            windows: BTreeMap::new(),
            awake: None,
            cuts: Vec::new(),
            orders: Vec::new(),
            logs_off: false,
            home_changes: HomeChanges::default(),
            evidence: BTreeSet::new(),
            decided: None,
            void: None,
            under_way: false,
            disturbed: Disturbances::default(),
            unhit: None,
            unproven: None,
            outcome: None,
            measured: None,
            without: Vec::new(),
            limit_shown: None,
            seat: None,
            naming: Naming::default(),
            renamed: None,
            registrars: Registrars::default(),
            shared: false,
            step_done: false,
            follows: false,
        }
    }

    /// Takes up where another scenario left off, at `fix`.
    pub fn follow_on(&mut self, fix: Fix) {
        self.follows = true;
        self.awake = Some(fix);
        if self.track.home() == Some(&self.primary)
            && let Some(binding) = self.track.binding(&self.primary)
        {
            let baseline = Leg { cut: None, of: Move::Baseline };
            self.evidence.insert(binding.confirmed.seq);
            self.moves.insert(baseline, Moved { request: binding.confirmed, done: binding.confirmed });
        }
    }

    /// It begins at `fix`, whatever its phone did before.
    pub fn begin_anew(&mut self, fix: Fix) {
        let follows = self.follows;
        self.follow_on(fix);
        self.follows = follows;
    }

    /// What the case came to, once that is certain. A documented limit that showed is never a pass; what a teardown could
    /// not restore spoils a pass, and is said beside anything else.
    pub fn conclusion(&self) -> Option<Finding> {
        let weighed = self.weighed()?;
        let shown = matches!(weighed.verdict, Verdict::Pass | Verdict::Fail);
        let concluded = self.void.clone().filter(|_| shown).unwrap_or(weighed);
        Some(self.disturbed.weigh(concluded))
    }

    fn weighed(&self) -> Option<Finding> {
        let decided = self.decided.clone()?;
        // Of a start state that an operator changed while it was restored nobody can say whose doing it is.
        let spoilt = self.disturbed.in_teardown();
        let restored = self.outcome.is_none() || decided.verdict == Verdict::Pass || spoilt;
        let trial = self.outcome.as_ref().unwrap_or(&decided);
        let mut conclusion = match &self.limit_shown {
            Some((shown, limit)) if trial.verdict == Verdict::Pass => {
                let reason = format!("{} — the document says so: \"{}\"", shown.reason, limit.says);
                Finding::fail(Blame::Configuration, DOCUMENTED_LIMIT, reason).shown_by(shown.evidence.iter().copied())
            }
            _ => trial.clone(),
        };
        if conclusion.verdict == Verdict::Pass {
            let spoils = self.unhit.clone().or_else(|| self.unproven.clone());
            conclusion = spoils.or_else(|| blind::verdict(self)).unwrap_or(conclusion);
            if conclusion.verdict == Verdict::Pass && !self.without.is_empty() {
                conclusion = self.lessened(conclusion);
            }
        }
        if !restored && (conclusion.verdict == Verdict::Pass || conclusion.code == DOCUMENTED_LIMIT) {
            return Some(decided);
        }
        if !restored {
            conclusion.reason =
                format!("{}; and the start state was not restored: {}", conclusion.reason, decided.reason);
        }
        Some(conclusion)
    }

    /// A pass without some outages says so, and without any is none.
    fn lessened(&self, pass: Finding) -> Finding {
        let reason = format!("without {}", self.without.join("; "));
        match pass.reason.as_str() {
            _ if self.cuts.is_empty() => Finding::skipped("no-place", reason),
            "" => Finding { reason, ..pass },
            rest => Finding { reason: format!("{reason}; {rest}"), ..pass },
        }
    }

    /// What the failure of a step, or its success, means where a document admits a limit.
    pub fn weigh(&mut self, limit: &DocumentedLimit) -> bool {
        match &self.decided {
            Some(finding) if finding.verdict == Verdict::Fail && finding.code == limit.code => {
                self.limit_shown = self.decided.take().map(|finding| (finding, limit.clone()));
                true
            }
            None if self.step_done && self.limit_shown.is_none() => {
                let reason = format!(
                    "the documented limit does not show, and the document should be read again: \"{}\"",
                    limit.says
                );
                self.decide(Finding::fail(Blame::Unknown, "limit-not-shown", reason));
                false
            }
            _ => false,
        }
    }

    /// Whether it is about this phone: its own, or the one where its user sits.
    pub fn is_of(&self, phone: &PhoneName) -> bool {
        self.id.phone == *phone || self.at == *phone
    }

    /// Whether nothing was decided yet.
    pub fn running(&self) -> bool {
        self.decided.is_none()
    }

    /// The server a move leads to.
    pub fn destination(&self, leg: Leg) -> Option<&ServerName> {
        match leg.of {
            Move::Baseline | Move::Renewal | Move::Failback | Move::Rejection => Some(&self.primary),
            Move::Failover | Move::Hold => self.backup.as_ref(),
            Move::Stranded | Move::LogOff => None,
            Move::Admission => self.track.home(),
            // Every round begins with the primary.
            Move::Recovery | Move::LogOn if self.is_away(&self.primary) => self.backup.as_ref(),
            Move::Recovery | Move::LogOn => Some(&self.primary),
        }
    }

    /// The server a move leaves.
    pub fn origin(&self, leg: Leg) -> Option<&ServerName> {
        match leg.of {
            Move::Baseline | Move::Renewal | Move::Recovery | Move::LogOn | Move::LogOff | Move::Admission => None,
            Move::Rejection => None,
            Move::Hold => self.backup.as_ref(),
            Move::Failover | Move::Stranded => Some(&self.primary),
            Move::Failback if self.moves.contains_key(&Leg { of: Move::Failover, ..leg }) => self.backup.as_ref(),
            Move::Failback => self.cut_of(leg).and_then(|cut| cut.held_elsewhere.as_ref()).and(self.backup.as_ref()),
        }
    }

    /// Whether nobody could read the move that brought the line to where it is.
    pub fn is_blind(&self) -> bool {
        self.last_move().is_some_and(|(leg, _)| self.unread.contains_key(&leg))
    }

    /// Where the line is: where it is registered, or where it went when nobody could read that.
    pub fn home(&self) -> Option<&ServerName> {
        let unread = || {
            let (leg, _) = self.last_move().filter(|(leg, _)| self.unread.contains_key(leg))?;
            self.destination(leg)
        };
        self.track.home().or_else(unread)
    }

    /// Whether an outage holds a server back from this line.
    pub fn is_away(&self, server: &ServerName) -> bool {
        self.cuts.iter().any(|cut| cut.server == *server && cut.lifted.is_none())
    }

    /// Whether a server is stopped, so that what goes to it comes to nothing although it passes.
    pub fn is_stopped(&self, server: &ServerName) -> bool {
        let stopped = |cut: &Cut| cut.server == *server && cut.lifted.is_none() && cut.mode == OutageMode::Hook;
        self.cuts.iter().any(stopped)
    }

    /// The servers that its calls go to: the first, and the one that is asked when that is away.
    pub fn calls_through(&self) -> (&ServerName, Option<&ServerName>) {
        match &self.proxies {
            Some(proxies) => (&proxies.primary, proxies.backup.as_ref()),
            None => (&self.primary, self.backup.as_ref()),
        }
    }

    /// Where its subscriptions belong now; none: nowhere.
    pub fn subscribes_at(&self) -> Option<&ServerName> {
        match &self.proxies {
            Some(proxies) if self.is_away(&proxies.primary) => proxies.backup.as_ref(),
            Some(proxies) => Some(&proxies.primary),
            None => self.track.home(),
        }
    }

    /// The line's server in a role.
    pub fn server_in(&self, role: Role) -> Option<&ServerName> {
        match role {
            Role::Primary => Some(&self.primary),
            Role::Backup => self.backup.as_ref(),
            Role::Other => None,
        }
    }

    /// The role that a server has for this line.
    pub fn role_of(&self, server: &ServerName) -> Role {
        if *server == self.primary {
            Role::Primary
        } else if self.backup.as_ref() == Some(server) {
            Role::Backup
        } else {
            Role::Other
        }
    }

    /// The server that the line has besides this one.
    pub fn other_server(&self, server: &ServerName) -> Option<&ServerName> {
        if *server == self.primary { self.backup.as_ref() } else { Some(&self.primary) }
    }

    /// Where a move belongs, as things stand: to the last outage that could have made it necessary.
    pub fn leg(&self, of: Move) -> Option<Leg> {
        match of {
            Move::Baseline => Some(Leg { cut: None, of }),
            Move::Renewal => Some(Leg { cut: self.cuts.iter().rposition(|cut| cut.server == self.primary), of }),
            Move::LogOn | Move::LogOff | Move::Admission => {
                Some(Leg { cut: Some(self.orders.len().checked_sub(1)?), of })
            }
            Move::Failover | Move::Failback | Move::Rejection | Move::Hold => {
                let cut = self.cuts.iter().rposition(|cut| cut.server == self.primary)?;
                Some(Leg { cut: Some(cut), of })
            }
            Move::Stranded => Some(Leg { cut: Some(self.cuts.len().checked_sub(1)?), of }),
            Move::Recovery => {
                let lifted = |cut: &Cut| cut.lifted.map(|lifted| lifted.when.at);
                let last = self.cuts.iter().enumerate().filter(|(_, cut)| cut.lifted.is_some());
                let (cut, _) = last.max_by_key(|(_, cut)| lifted(cut))?;
                Some(Leg { cut: Some(cut), of })
            }
        }
    }

    /// The outage that a move belongs to.
    pub fn cut_of(&self, leg: Leg) -> Option<&Cut> {
        self.cuts.get(leg.cut?)
    }

    /// The last outage of the line's primary.
    pub fn last_cut(&self) -> Option<&Cut> {
        self.cuts.iter().rev().find(|cut| cut.server == self.primary)
    }

    /// The move that was made, in its latest turn.
    pub fn moved(&self, of: Move) -> Option<&Moved> {
        self.moves.get(&self.leg(of)?)
    }

    /// The instant that causes a move, given the beginning of the run's observation. A phone that was switched on later
    /// is asked from its first sign of life on.
    pub fn cause(&self, leg: Leg, observing: Fix) -> Option<Fix> {
        match leg.of {
            Move::Baseline => Some(self.awake.unwrap_or(observing)),
            // It follows the confirmation that brought the line there.
            Move::Renewal => {
                let of = if leg.cut.is_some() { Move::Failback } else { Move::Baseline };
                self.moves.get(&Leg { of, ..leg }).map(|moved| moved.done)
            }
            Move::Failover | Move::Stranded | Move::Rejection => self.cut_of(leg).map(|cut| cut.began),
            Move::Hold => self.moves.get(&Leg { of: Move::Failover, ..leg }).map(|moved| moved.done),
            Move::LogOn | Move::LogOff | Move::Admission => self.order_of(leg).map(|ordered| ordered.at),
            Move::Failback | Move::Recovery => self.cut_of(leg).and_then(|cut| cut.lifted),
        }
    }

    /// The move that brought the line to where it is: the last one that was expected and made, renewals aside.
    pub fn last_move(&self) -> Option<(Leg, Moved)> {
        let moves = |leg: &Leg| {
            !matches!(leg.of, Move::Renewal | Move::Stranded | Move::Rejection | Move::Hold)
                && self.windows.contains_key(leg)
        };
        let made = self.moves.iter().filter(|(leg, _)| moves(leg));
        made.max_by_key(|(_, moved)| moved.done.when.at).map(|(leg, moved)| (*leg, *moved))
    }

    /// The binding that the line returns from if its primary comes back at `now`: the one at its backup. Where a
    /// renewal takes longer to give the primary up than the binding lasts, that may have lapsed in the meantime.
    pub fn origin_of_return(&self, now: Stamp) -> Option<&Binding> {
        let backup = self.backup.as_ref()?;
        let renewing = |lapsed: &&Binding| {
            bound::renewal_outlasts_binding(&self.timers, self.habit, lapsed.granted)
                && self.track.attempts_at(&self.primary).any(|attempt| {
                    let begun = attempt.first.when.at;
                    let since_confirmed = begun + lapsed.granted > lapsed.until;
                    attempt.answer.is_none() && since_confirmed && now.since(begun) <= self.timers.transaction.value
                })
        };
        self.track.binding(backup).or_else(|| self.track.lapsed(backup).filter(renewing))
    }

    /// The keys that a log-on or log-off follows from.
    pub fn order_of(&self, leg: Leg) -> Option<Ordered> {
        self.orders.get(leg.cut?).copied()
    }

    /// Whether a REGISTER belongs to the life of the phone that an order to boot was to end: it goes on with a Call-ID
    /// that was used before the order, which a boot does not do (RFC 3261 section 10.2: a client should keep one for the
    /// registrations of a boot cycle). What a console tells of a boot counts more.
    pub fn outlives_boot(&self, ordered: &Ordered, attempt: &Attempt) -> bool {
        match ordered.booted {
            _ if !ordered.reboots => false,
            Some(booted) => attempt.first.when.at < booted.when.at,
            None => self.track.goes_on(attempt, ordered.at),
        }
    }

    /// Notes that nobody is logged on any more, if no server holds a binding of the line.
    pub fn note_log_off(&mut self, shown_by: Fix) {
        let Some(leg) = self.leg(Move::LogOff).filter(|_| self.track.home().is_none()) else { return };
        self.moves.entry(leg).or_insert(Moved { request: shown_by, done: shown_by });
    }

    /// Decides the case, unless it is decided.
    pub fn decide(&mut self, finding: Finding) {
        if self.decided.is_none() {
            self.decided = Some(seat::weigh(self, firmware::weigh(self, registrars::weigh(self, finding))));
        }
    }
}
