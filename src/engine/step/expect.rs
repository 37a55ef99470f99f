//! Waits until every line has made a move, on the wire and by its console, or until it is clear that it will not.

mod further;
mod stay;
mod window;

use std::{collections::BTreeMap, time::Duration};

use self::{
    further::{Further, Outcome},
    stay::Stay,
};

pub(super) use self::window::window;

use crate::{
    engine::{
        Outbox, blind,
        bound::Window,
        case::{CaseRun, Finding, Leg, Moved},
        effect, fetches, judge,
        registration::Fix,
        run::GRACE,
        subjects::Subjects,
        witness::{Vouched, Voucher},
    },
    event::{Derived, Move, Stamp, Transport},
    verdict::{CaseId, Verdict},
};

/// For this long a console may contradict the wire before it is held against the phone, and for this long it may keep
/// silent before it is held against the rig.
const CONSOLE_PATIENCE: Duration = Duration::from_secs(2);

/// The longest pause before a request is repeated over UDP: T2 (RFC 3261 section 17.1.2.2).
const LAST_REPEAT: Duration = Duration::from_secs(4);

/// When a console that has not agreed yet is asked again.
const ASK_AGAIN: Duration = Duration::from_millis(500);

/// The step.
#[derive(Debug)]
pub struct Expect {
    of: Move,
    waits: BTreeMap<CaseId, Wait>,
    /// Lines whose home was not taken away.
    stays: BTreeMap<CaseId, Stay>,
}

/// What is awaited of one case.
#[derive(Debug)]
struct Wait {
    leg: Leg,
    cause: Fix,
    window: Window,
    console: Console,
    further: Further,
    /// Further witnesses that agree.
    agreeing: Vec<Vouched>,
    asked_for_life: bool,
    /// It was an exchange that nobody can read.
    unread: bool,
}

/// How far the console's testimony has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Console {
    /// The wire has not shown the move yet.
    Waiting,
    /// It must say where the line is by `until`; statements before `since` do not count.
    Asked { since: Stamp, again: Stamp, until: Stamp },
    /// Nothing more is needed of it.
    Settled,
}

impl Expect {
    /// Computes each case's window and tells it.
    pub fn begin(of: Move, subjects: &mut Subjects, fix: Fix, out: &mut Outbox) -> Self {
        let observing = subjects.observing().unwrap_or(fix);
        let mut waits = BTreeMap::new();
        for id in stay::spared(of, subjects) {
            subjects.finish_case_step(&id, "the outage was for other phones", &[]);
        }
        let at_home: Vec<CaseId> = subjects
            .cases()
            .iter()
            .filter(|case| stay::needs_outage(of) && subjects.keeps_home(case).is_some())
            .map(|case| case.id.clone())
            .collect();
        for id in &at_home {
            if subjects.case(id).is_some_and(CaseRun::is_blind) {
                subjects.finish_case_step(
                    id,
                    "its home was not taken away, and nobody can read what it says there",
                    &[],
                );
            }
        }
        let (mut impossible, mut stays) = (Vec::new(), BTreeMap::new());
        for case in subjects.running().filter(|case| !case.step_done) {
            if at_home.contains(&case.id)
                && let Some(stay) = Stay::begin(case, fix, out)
            {
                stays.insert(case.id.clone(), stay);
                continue;
            }
            if of == Move::LogOff {
                case.logs_off = true;
                case.note_log_off(fix);
            }
            let asked = case.leg(of).and_then(|leg| Some((leg, case.cause(leg, observing)?, window(case, leg)?)));
            let Some((leg, cause, window)) = asked else {
                impossible.push(case.id.clone());
                continue;
            };
            let wait = Wait::new(leg, cause, window);
            wait.tell(case, out);
            waits.insert(case.id.clone(), wait);
        }
        for id in impossible {
            if let Some(finding) = without_cause(&id, of, subjects) {
                subjects.decide_case(&id, finding);
            }
        }
        Self { of, waits, stays }
    }

    /// Takes each case as far as the records let it.
    pub fn advance(&mut self, now: Stamp, fix: Fix, subjects: &mut Subjects, out: &mut Outbox) {
        for (id, stay) in &self.stays {
            if subjects.case(id).is_some_and(|case| case.running() && !case.step_done) {
                stay.advance(id, now, subjects);
            }
        }
        let ids: Vec<CaseId> = self.waits.keys().cloned().collect();
        for id in ids {
            if !subjects.case(&id).is_some_and(|case| case.running() && !case.step_done) {
                self.waits.remove(&id);
                continue;
            }
            let Some(wait) = self.waits.get_mut(&id) else { continue };
            wait.amend(&id, subjects, fix, out);
            match wait.look(&id, subjects) {
                None => wait.overdue(&id, now, subjects, out),
                Some(moved) => wait.testify(self.of, &id, moved, now, fix, subjects, out),
            }
        }
    }

    /// The first time at which a case must be looked at again.
    pub fn deadline(&self, subjects: &Subjects) -> Option<(Stamp, &'static str)> {
        let open = |id: &CaseId| subjects.case(id).is_some_and(|case| case.running() && !case.step_done);
        let stays = self.stays.iter().filter(|(id, _)| open(id));
        let stays = stays.map(|(_, stay)| (stay.given_up(), "twice the time to a renewal"));
        self.waits
            .iter()
            .filter(|(id, _)| open(id))
            .filter_map(|(_, wait)| match wait.console {
                Console::Waiting if !wait.asked_for_life => Some((wait.due(), "the deadline of a move")),
                Console::Waiting => Some((wait.given_up(), "twice the deadline of a move")),
                Console::Asked { again, until, .. } => Some((again.min(until), "the console's statement")),
                Console::Settled => wait.further.deadline().map(|at| (at, "the word of further witnesses")),
            })
            .chain(stays)
            .min()
    }
}

impl Wait {
    fn new(leg: Leg, cause: Fix, window: Window) -> Self {
        let (console, further) = (Console::Waiting, Further::Waiting);
        Self { leg, cause, window, console, further, agreeing: Vec::new(), asked_for_life: false, unread: false }
    }

    /// Tells what is expected until when, and from what that follows.
    fn tell(&self, case: &mut CaseRun, out: &mut Outbox) {
        let fact = Derived::DeadlineComputed {
            case: case.id.clone(),
            of: self.leg.of,
            window_ms: self.window.length.as_secs_f64() * 1000.0,
            derivation: self.window.derivation.clone(),
            assumed: self.window.assumed.clone(),
        };
        out.conclude(self.cause.when, fact);
        case.windows.insert(self.leg, self.window.clone());
        case.evidence.insert(self.cause.seq);
    }

    /// Computes the window again: a late report may have changed what it follows from.
    fn amend(&mut self, id: &CaseId, subjects: &mut Subjects, fix: Fix, out: &mut Outbox) {
        let observing = subjects.observing().unwrap_or(fix);
        let Some((case, _)) = subjects.case_and_detectors(id) else { return };
        let Some((cause, window)) = case.cause(self.leg, observing).zip(window(case, self.leg)) else { return };
        if cause != self.cause || window != self.window {
            (self.cause, self.window) = (cause, window);
            self.tell(case, out);
        }
    }

    /// The move, if it was made: as the wire shows it, or by an exchange that nobody can read.
    fn look(&mut self, id: &CaseId, subjects: &Subjects) -> Option<Moved> {
        let (case, watch) = (subjects.case(id)?, subjects.watch(subjects.seat_of(id))?);
        let read = case.moves.get(&self.leg).copied().filter(|_| !case.unread.contains_key(&self.leg));
        self.unread = read.is_none();
        read.or_else(|| blind::exchange(case, watch, self.leg, self.cause))
    }

    fn due(&self) -> Stamp {
        self.cause.when.at + self.window.length + GRACE
    }

    /// A move is waited for twice as long as it may take: to tell late from never.
    fn given_up(&self) -> Stamp {
        self.cause.when.at + 2 * self.window.length + GRACE
    }

    fn overdue(&mut self, id: &CaseId, now: Stamp, subjects: &mut Subjects, out: &mut Outbox) {
        if now >= self.due() && !self.asked_for_life {
            self.asked_for_life = true;
            let since = self.cause.when.at;
            if subjects
                .watch(subjects.seat_of(id))
                .is_some_and(|watch| !watch.alive_since(since) || !watch.encrypted.is_empty())
            {
                subjects.ask_status(&id.phone, out);
            }
        }
        if now >= self.given_up()
            && let Some(watch) = subjects.watch(subjects.seat_of(id))
            && let Some(case) = subjects.case(id)
        {
            let belief = subjects.belief(id).filter(|belief| belief.fix.when.at >= self.cause.when.at);
            let said = belief.as_ref().and_then(|belief| Some((subjects.server_named_by(belief)?, belief)));
            let there = said.filter(|(server, _)| case.destination(self.leg) == Some(server));
            let claimed = there
                .and_then(|(server, belief)| blind::claimed(watch, self.leg.of, "the console", &server, belief.fix));
            let finding = claimed.unwrap_or_else(|| judge::missing(case, watch, self.leg, self.cause));
            subjects.decide_case(id, finding);
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one move of one case, and the whole context of a step")]
    fn testify(
        &mut self,
        of: Move,
        id: &CaseId,
        moved: Moved,
        now: Stamp,
        fix: Fix,
        subjects: &mut Subjects,
        out: &mut Outbox,
    ) {
        if self.console == Console::Waiting {
            // What a phone shows that was turned away, no manual tells.
            self.console = if of != Move::Rejection && subjects.states_registration(subjects.seat_of(id)) {
                // What a console wrote on its own in the course of the move counts; where it can be asked, it is asked.
                let asked = subjects.ask_status(&id.phone, out);
                let since = if asked { fix.when.at } else { moved.request.when.at };
                let until = match of {
                    // Its last request may be under way until the window is over.
                    Move::Stranded => now.max(self.cause.when.at + self.window.length),
                    // The first exchange may have been about something else.
                    _ if self.unread => now.max(self.cause.when.at + self.window.length),
                    _ => now,
                };
                // The answer may have been lost behind the bridge: then the phone asks again, and does not know yet.
                let transport = subjects.case(id).and_then(|case| case.track.transport());
                let until = if transport == Some(Transport::Udp) { until + LAST_REPEAT } else { until };
                Console::Asked { since, again: now + ASK_AGAIN, until: until + CONSOLE_PATIENCE + GRACE }
            } else {
                Console::Settled
            };
        }
        if let Console::Asked { since, again, until } = self.console {
            if let Some(finding) = subjects.console_lost(subjects.seat_of(id)) {
                subjects.decide_case(id, finding);
                return;
            }
            let expected = subjects.case(id).and_then(|case| case.destination(self.leg)).cloned();
            let belief = subjects.belief(id).filter(|belief| belief.fix.when.at >= since);
            let agrees = belief.as_ref().and_then(|belief| subjects.server_named_by(belief)) == expected;
            match belief {
                // It is asked for all that makes the start state, and may have told of the line on its own before it answers.
                Some(_) if agrees && now < until && self.awaits_settings(id, since, subjects) => {
                    if now >= again {
                        self.ask_again(id, now, subjects, out);
                    }
                    return;
                }
                Some(belief) if agrees && expected.is_some() == belief.server.is_some() => {
                    subjects.add_case_evidence(id, belief.fix.seq);
                    self.console = Console::Settled;
                }
                Some(belief) if now >= until && self.unread => {
                    let said = subjects.server_named_by(&belief);
                    let finding = subjects
                        .watch(subjects.seat_of(id))
                        .map(|phone| blind::unconfirmed(phone, of, &moved, &belief, said.as_ref()));
                    finding.into_iter().for_each(|finding| subjects.decide_case(id, finding));
                    return;
                }
                Some(belief) if now >= until => {
                    let expected = expected.map_or_else(|| "no server".to_owned(), |it| subjects.describe_server(&it));
                    let evidence = [moved.done.seq, belief.fix.seq];
                    let said = belief.server.as_ref().map(|server| format!("`{server}`"));
                    let case = subjects.case(id);
                    let finding = case
                        .map(|case| judge::contradicted(case, of, "its console", said.as_deref(), &expected, evidence));
                    finding.into_iter().for_each(|finding| subjects.decide_case(id, finding));
                    return;
                }
                // A console that lists accounts has nothing to say of one that is gone.
                None if now >= until && of == Move::LogOff => self.console = Console::Settled,
                None if now >= until => {
                    let reason = "the console was asked for the registration status and said nothing of this line";
                    subjects.decide_case(id, Finding::rig("console-silent", reason).shown_by([moved.done.seq]));
                    return;
                }
                _ if now >= again => {
                    self.ask_again(id, now, subjects, out);
                    return;
                }
                _ => return,
            }
        }
        let said = subjects.belief(id).filter(|_| self.unread && subjects.states_registration(subjects.seat_of(id)));
        let console = said.map(|belief| Vouched { by: Voucher::Console, fix: belief.fix });
        // Where a console has told, others need not.
        let until = (self.unread && console.is_none()).then(|| self.cause.when.at + self.window.length);
        let vouching = match self.further.hear(id, self.leg, &moved, until, now, subjects, out) {
            Outcome::Wait => return,
            Outcome::Against(finding) => return subjects.decide_case(id, finding),
            Outcome::Said { agreeing, vouching } => {
                agreeing.iter().for_each(|vouched| subjects.add_case_evidence(id, vouched.fix.seq));
                self.agreeing = agreeing;
                vouching
            }
        };
        if self.unread
            && let Some((case, _)) = subjects.case_and_detectors(id)
        {
            case.moves.insert(self.leg, moved);
            case.unread.insert(self.leg, console.into_iter().chain(vouching).collect());
        }
        self.conclude(id, moved, subjects);
    }

    /// Whether the move is the start state of a scenario, or what its teardown restores.
    fn settles_start_state(&self, case: &CaseRun) -> bool {
        self.leg.of == Move::Baseline || (self.leg.of == Move::LogOn && case.outcome.is_some())
    }

    /// Whether the phone's console has still to say what was set on the phone itself, and will.
    fn awaits_settings(&self, id: &CaseId, since: Stamp, subjects: &Subjects) -> bool {
        let settles = subjects.case(id).is_some_and(|case| self.settles_start_state(case));
        let told = subjects.watch(subjects.seat_of(id)).and_then(|watch| watch.local_settings.as_ref());
        settles && subjects.tells_settings(subjects.seat_of(id)) && told.is_none_or(|(_, fix)| fix.when.at < since)
    }

    /// Asks a console once more, and less and less often.
    fn ask_again(&mut self, id: &CaseId, now: Stamp, subjects: &Subjects, out: &mut Outbox) {
        if let Console::Asked { again, until, .. } = &mut self.console {
            subjects.ask_status(&id.phone, out);
            *again = now + ASK_AGAIN.max(until.since(now) / 8);
        }
    }

    /// The move was made and the console has nothing against it.
    fn conclude(&self, id: &CaseId, moved: Moved, subjects: &mut Subjects) {
        let Some(case) = subjects.case(id) else { return };
        if let Some(finding) = judge::made(case, self.leg, self.cause, &moved, &self.window) {
            let watch = subjects.watch(subjects.seat_of(id)).filter(|_| self.unread);
            let boots = case.order_of(self.leg).is_some_and(|ordered| self.leg.of == Move::LogOn && ordered.reboots);
            let phone = subjects.watch(subjects.seat_of(id)).filter(|_| boots);
            let took = moved.done.when.at.since(self.cause.when.at);
            let finding = match phone {
                Some(phone) => fetches::weigh_late(phone, self.cause, took, self.window.length, finding),
                None => finding,
            };
            let unsure = watch.and_then(|phone| blind::unsure_of_delay(case, phone, self.leg, self.cause, &finding));
            subjects.decide_case(id, unsure.unwrap_or(finding));
            return;
        }
        if !self.unread
            && let Some(watch) = subjects.watch(subjects.seat_of(id))
            && let Some(finding) = effect::contradicted(case, watch, self.leg, &moved)
        {
            subjects.decide_case(id, finding);
            return;
        }
        let restoring = case.outcome.is_some();
        if self.settles_start_state(case)
            && let Some(left) =
                subjects.watch(subjects.seat_of(id)).and_then(|watch| judge::left_settings(watch, self.cause))
        {
            let verdict = if restoring { left.verdict } else { Verdict::NotRun };
            subjects.decide_case(id, Finding { verdict, ..left });
            return;
        }
        if self.leg.of == Move::Hold
            && let Some(finding) = judge::lapsed(case, self.cause, &moved)
        {
            subjects.decide_case(id, finding);
            return;
        }
        let took = moved.done.when.at.since(self.cause.when.at).as_secs_f64();
        let mut note = format!("after {took:.1} s, {:.1} s allowed", self.window.length.as_secs_f64());
        if self.unread {
            let vouched = case.unread.get(&self.leg).filter(|vouched| !vouched.is_empty());
            let said = vouched.map_or_else(|| "alone".to_owned(), |vouched| format!("and by {}", all(vouched)));
            note = format!("by a connection {said}, as its signalling is encrypted: {note}");
        } else if !self.agreeing.is_empty() {
            note = format!("{note}; so says {}", all(&self.agreeing));
        }
        if let Some(shown) = effect::shown(case).filter(|_| self.leg.of == Move::LogOn) {
            note = format!("{note}; {shown}");
        }
        let evidence = [self.cause.seq, moved.request.seq, moved.done.seq];
        subjects.finish_case_step(id, &note, &evidence);
    }
}

/// Who has spoken, for people.
fn all(vouched: &[Vouched]) -> String {
    vouched.iter().map(|vouched| vouched.by.to_string()).collect::<Vec<_>>().join(", ")
}

/// What to say of a move whose cause never came, or which begins where the line is not.
fn without_cause(id: &CaseId, of: Move, subjects: &Subjects) -> Option<Finding> {
    let (case, phone) = (subjects.case(id)?, subjects.watch(subjects.seat_of(id))?);
    let lifted = case.last_cut().is_some_and(|cut| cut.lifted.is_some());
    Some(match of {
        Move::Failback if lifted => judge::lost_backup(case, phone),
        _ => Finding::rig("no-cause", format!("a {of} was expected, but nothing happened that could cause it")),
    })
}
