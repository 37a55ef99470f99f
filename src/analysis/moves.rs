//! When a line moved to its backup and back, and the measurements of that.
//!
//! *t0* the primary was taken away (told, not seen) · *t1* the first REGISTER that it did not answer, or turned away ·
//! *t3* the first REGISTER at the backup · *t4* the 2xx that makes the binding there.

use std::{
    collections::{BTreeMap, VecDeque},
    net::IpAddr,
    time::Duration,
};

use super::{
    Settings,
    calls::Moment,
    clock::Clock,
    line::Line,
    outage::{Away, Outages},
};
use crate::{
    config::Role,
    engine::{
        coverage::{Span, uncovered},
        measure::{error, millis, round},
        registration::{Attempt, Change, Ended, Fix, LineTrack},
    },
    event::Stamp,
    verdict::Measurement,
};

/// Moves that are remembered for each line; the oldest go first.
const MEMORY: usize = 1024;

/// Servers of a line whose silence is watched.
const MAX_SERVERS: usize = 64;

/// A server that has not answered for so long is silent: nobody asks again sooner (T1, RFC 3261 section 17.1.1.1).
const SILENCE: Duration = Duration::from_millis(500);

const UNTOLD: &str = "the capture does not say when the primary went away; say it with --outage FROM..TO";
const UNTOLD_RETURN: &str = "the capture does not say when the primary came back; say it with --outage FROM..TO";

const WENT_BACK: &str = "the clock of the capture went back within it";

/// Times in measurements are rounded to this, in milliseconds.
const ROUNDED_MS: f64 = 0.001;

const UNNOTIFIED: &str =
    "no NOTIFY about message waiting came from there before the next move or the end of the capture";

/// The moves of a line.
#[derive(Debug, Default)]
pub struct Moves {
    at: Place,
    list: VecDeque<Moved>,
    /// A binding at the backup that is a move if the line gives its primary up without a word.
    pending: Option<Moved>,
    /// The last answer of each server.
    signs: BTreeMap<IpAddr, Fix>,
    /// Connections that a server was asked for since its last answer, the first one.
    knocks: BTreeMap<IpAddr, Fix>,
    /// When somebody last said that a server can not be reached, or threw the line out.
    troubles: BTreeMap<IpAddr, Fix>,
}

/// Where a line is at home.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Place {
    #[default]
    Nowhere,
    Primary(IpAddr, Fix),
    /// Since then; whether it came from its primary.
    Backup(IpAddr, Fix, bool),
}

/// One move.
#[derive(Debug, Clone, Copy)]
pub struct Moved {
    /// True: to the backup. False: back.
    pub away: bool,
    /// The server that it left.
    pub from: IpAddr,
    /// The server that it went to.
    pub to: IpAddr,
    /// *t1*: the first REGISTER that the server that it left did not answer.
    pub unanswered: Option<Fix>,
    /// The last answer of the server that it left.
    pub last_sign: Option<Fix>,
    /// The first REGISTER at the server that it went to.
    pub request: Fix,
    /// The 2xx there.
    pub done: Fix,
    /// The first NOTIFY about message waiting that came from there afterwards, before the next move.
    pub notified: Option<Fix>,
}

impl Moves {
    /// All that are remembered, in order.
    pub fn all(&self) -> impl DoubleEndedIterator<Item = &Moved> {
        self.list.iter()
    }

    /// Whether the line is at its backup now.
    pub fn is_away(&self) -> bool {
        matches!(self.at, Place::Backup(..))
    }

    /// A server has answered.
    pub fn heard_from(&mut self, server: IpAddr, fix: Fix) {
        self.signs.insert(server, fix);
        self.knocks.remove(&server);
    }

    /// The line asks a server for a connection.
    pub fn knocked(&mut self, server: IpAddr, fix: Fix) {
        if self.knocks.len() < MAX_SERVERS {
            self.knocks.entry(server).or_insert(fix);
        }
    }

    /// A server does not let the line in, throws it out, or can not be reached: somebody has said so.
    pub fn turned_away(&mut self, server: IpAddr, fix: Fix) {
        if self.troubles.len() < MAX_SERVERS {
            self.troubles.insert(server, fix);
        }
    }

    /// A NOTIFY about message waiting came from a server.
    pub fn notified(&mut self, server: IpAddr, fix: Fix) {
        for moved in self.list.back_mut().into_iter().chain(&mut self.pending) {
            if moved.to == server && moved.done.when.at <= fix.when.at {
                moved.notified.get_or_insert(fix);
            }
        }
    }

    /// The phone did not take the one that came then.
    pub fn was_not_notified(&mut self, fix: Fix) {
        for moved in self.list.back_mut().into_iter().chain(&mut self.pending) {
            moved.notified.take_if(|notified| *notified == fix);
        }
    }

    /// Takes in what a 2xx changed.
    pub fn note(&mut self, change: &Change<IpAddr>, fix: Fix, track: &LineTrack<IpAddr>, settings: &Settings) {
        match change {
            Change::Created { server, .. } | Change::Refreshed { server, .. } => match settings.role(*server) {
                Some(Role::Primary) => self.confirmed_at_primary(*server, fix, track),
                Some(Role::Backup) => self.confirmed_at_backup(*server, fix, track),
                Some(Role::Other) | None => {}
            },
            Change::Removed { server, .. } => self.ended(*server, Ended::Removed, track),
            Change::Expired { .. } | Change::Refused { .. } | Change::Stranger { .. } => {}
        }
    }

    /// A binding is over.
    pub fn ended(&mut self, server: IpAddr, ended: Ended, track: &LineTrack<IpAddr>) {
        let Place::Primary(primary, _) = self.at else { return };
        if primary != server || track.binding(&server).is_some() {
            return;
        }
        match (self.pending.take(), ended) {
            (Some(moved), _) if track.binding(&moved.to).is_some() => self.push(moved),
            // It left, and said so: whatever it does next, the primary was there.
            (_, Ended::Removed) => self.at = Place::Nowhere,
            (_, Ended::Expired) => {}
        }
    }

    fn confirmed_at_primary(&mut self, server: IpAddr, fix: Fix, track: &LineTrack<IpAddr>) {
        let returns = |backup: Fix, moved: bool| {
            let since = backup.when.at;
            let request = track.attempts_at(&server).find(|it| it.first.when.at >= since && it.answer.is_some());
            let request = request.map_or(fix, |attempt| attempt.first);
            // A line that registers at both at once was never away.
            (moved || request.when.at.since(since) >= SILENCE).then_some(request)
        };
        if let Place::Backup(backup, since, moved) = self.at
            && let Some(request) = returns(since, moved)
        {
            let last_sign = self.signs.get(&backup).copied();
            let (from, unanswered, notified) = (backup, None, None);
            self.push(Moved { away: false, from, to: server, unanswered, last_sign, request, done: fix, notified });
        }
        self.pending = None;
        self.at = Place::Primary(server, fix);
    }

    fn confirmed_at_backup(&mut self, server: IpAddr, fix: Fix, track: &LineTrack<IpAddr>) {
        match self.at {
            Place::Primary(primary, confirmed) => {
                let tried = track.attempts_at(&primary).find(|it| it.first.when.at > confirmed.when.at && in_vain(it));
                let unanswered = tried.map(|attempt| attempt.first);
                let since = unanswered.map_or(confirmed.when.at, |first| first.when.at);
                let request = track.attempts_at(&server).find(|it| it.first.when.at >= since);
                let request = request.map_or(fix, |attempt| attempt.first);
                let last_sign = self.signs.get(&primary).copied();
                let (from, to, done, notified) = (primary, server, fix, None);
                let moved = Moved { away: true, from, to, unanswered, last_sign, request, done, notified };
                let silent = |since: Fix| fix.when.at.since(since.when.at) >= SILENCE;
                let later = |it: Option<&Fix>| it.copied().filter(|it| it.when.at > confirmed.when.at);
                // A line that is registered at both at once has an answer outstanding here and there.
                let given_up = tried.is_some_and(|it| it.answer.is_some() || silent(it.first))
                    || later(self.knocks.get(&primary)).is_some_and(silent)
                    || later(self.troubles.get(&primary)).is_some()
                    || track.binding(&primary).is_none();
                if given_up {
                    self.push(moved);
                } else {
                    self.pending.get_or_insert(moved);
                }
            }
            Place::Backup(..) => {}
            Place::Nowhere => self.at = Place::Backup(server, fix, false),
        }
    }

    fn push(&mut self, moved: Moved) {
        self.pending = None;
        if moved.away {
            self.at = Place::Backup(moved.to, moved.done, true);
        }
        if self.list.len() == MEMORY {
            self.list.pop_front();
        }
        self.list.push_back(moved);
    }
}

/// Nobody answered, or in a way that turns a line away.
fn in_vain(attempt: &Attempt<IpAddr>) -> bool {
    attempt.answered_by_server().is_none_or(|answer| answer.code >= 300 && !matches!(answer.code, 401 | 407 | 423))
}

/// When a line moved.
pub fn moments(line: &Line) -> Vec<Moment> {
    let moment = |it: &Moved| Moment { what: if it.away { "failover" } else { "failback" }, at: it.done.when.at };
    line.moves.all().map(moment).collect()
}

/// All measurements of a line, move by move, and then outage by outage.
pub fn measurements(line: &Line, settings: &Settings, outages: &Outages, clock: &Clock) -> Vec<Measurement> {
    let mut list = measured(line, settings, outages, clock);
    for it in &mut list {
        let Some((from, lasted)) = it.at_ms.zip(it.max.or(it.value)) else { continue };
        // Rounded as they are, the two are longer rather than shorter than what they were made of.
        let [from, to] = [from - ROUNDED_MS, from + lasted + ROUNDED_MS].map(|ms| Stamp((ms.max(0.0) * 1e6) as u64));
        if clock.went_back(from, to) {
            (it.value, it.error, it.min, it.max) = (None, None, None, None);
            it.why_null = Some(WENT_BACK.to_owned());
        }
    }
    list
}

fn measured(line: &Line, settings: &Settings, outages: &Outages, clock: &Clock) -> Vec<Measurement> {
    let end = clock.now();
    let primaries = settings.servers.iter().filter(|(_, server)| server.role == Role::Primary);
    let aways: Vec<(IpAddr, Away)> = primaries
        .flat_map(|(address, _)| {
            outages.of(*address, line.address, settings, clock).into_iter().map(|away| (*address, away))
        })
        .collect();
    let mut list = Vec::new();
    let moves: Vec<&Moved> = line.moves.all().collect();
    for (index, moved) in moves.iter().enumerate() {
        let began = |away: &&(IpAddr, Away)| away.1.began.when.at <= moved.done.when.at;
        let caused = |away: &&(IpAddr, Away)| away.0 == if moved.away { moved.from } else { moved.to };
        let away = aways.iter().filter(caused).rfind(began).map(|(_, away)| away);
        let part = Part { settings, from: moved.from, to: moved.to };
        if moved.away {
            failover(&part, moved, away, &mut list);
            if let Some(end) = outlived(line, moved, moves.get(index + 1).copied()) {
                list.push(part.span("stale", Ok(moved.done), Ok(end)));
            }
        } else {
            failback(&part, line, moved, away, &mut list);
        }
        if line.waiting.is_used() {
            list.push(part.span("mwi-back", Ok(moved.done), moved.notified.ok_or(UNNOTIFIED)));
        }
    }
    for (primary, away) in &aways {
        reach(line, *primary, away, &aways, end, settings, &mut list);
    }
    if let Some(last) = moves.last().filter(|_| line.moves.is_away()) {
        let part = Part { settings, from: last.to, to: last.from };
        list.push(part.span("failback", Err("no return to the primary was seen"), Err("")));
    }
    list
}

fn failover(part: &Part<'_>, moved: &Moved, away: Option<&Away>, list: &mut Vec<Measurement>) {
    let began = away.map(|away| away.began).ok_or(UNTOLD);
    let unanswered =
        moved.unanswered.ok_or("no REGISTER at the lost server was seen: its connection attempts died before one");
    list.push(part.span("failover", began, Ok(moved.done)));
    list.push(match (began, moved.last_sign, unanswered) {
        (Ok(_), _, _) | (_, _, Err(_)) | (_, None, _) => part.span("failover-waiting", began, unanswered),
        // Between its last answer and the first one that did not come, the server went away.
        (Err(_), Some(sign), Ok(unanswered)) => {
            let most = part.span("", Ok(sign), Ok(unanswered));
            let bracket = part.span("failover-waiting", began, Ok(unanswered));
            Measurement { at_ms: most.at_ms, min: Some(0.0), max: most.value, ..bracket }
        }
    });
    list.push(part.span("failover-detecting", unanswered, Ok(moved.request)));
    list.push(part.span("failover-registering", Ok(moved.request), Ok(moved.done)));
}

fn failback(part: &Part<'_>, line: &Line, moved: &Moved, away: Option<&Away>, list: &mut Vec<Measurement>) {
    let lifted = away.and_then(|away| away.lifted).filter(|lifted| lifted.when.at <= moved.done.when.at);
    let since_lift = lifted.and_then(|lifted| {
        let passed = line.track.attempts_at(&moved.to).filter_map(|attempt| attempt.passed);
        passed.into_iter().find(|fix| fix.when.at >= lifted.when.at && fix.when.at <= moved.done.when.at)
    });
    let request = since_lift.unwrap_or(moved.request);
    let lifted = lifted.ok_or(UNTOLD_RETURN);
    list.push(part.span("failback", lifted, Ok(moved.done)));
    list.push(part.span("failback-waiting", lifted, Ok(request)));
    list.push(part.span("failback-registering", Ok(request), Ok(moved.done)));
}

/// When the old binding ended that outlived a move, at the latest when the line came back to it.
fn outlived(line: &Line, moved: &Moved, next: Option<&Moved>) -> Option<Fix> {
    let held = line.track.held().filter(|(server, span)| {
        **server == moved.from && span.from <= moved.done.when.at && span.until > moved.done.when.at
    });
    let until = held.map(|(_, span)| span.until).max()?;
    let until = next.map_or(until, |next| until.min(next.done.when.at));
    Some(Fix { seq: moved.done.seq, when: crate::event::When { at: until, ..moved.done.when } })
}

/// `gap` and `unreachable`, from an outage of the primary to the return, to the next outage of it, or to the end: as in
/// `engine::measure`, but that an outage is taken to have taken both directions.
fn reach(
    line: &Line,
    primary: IpAddr,
    away: &Away,
    aways: &[(IpAddr, Away)],
    end: Stamp,
    settings: &Settings,
    list: &mut Vec<Measurement>,
) {
    let from = away.began.when.at;
    let concerned =
        line.track.held().any(|(server, span)| *server == primary && span.from <= from && span.until > from);
    if !concerned {
        return;
    }
    let next = aways.iter().map(|(_, away)| away.began.when.at).filter(|began| *began > from).min();
    let returned = line.moves.all().filter(|moved| !moved.away && moved.to == primary);
    let returned = returned.map(|moved| moved.done.when.at).find(|at| *at > from);
    let until = returned.into_iter().chain(next).min().unwrap_or(end).min(end);
    let whole = Span { from, until };
    let dark = |server: IpAddr| -> Vec<Span> {
        let there = aways.iter().filter(|(address, _)| *address == server);
        there
            .map(|(_, it)| Span { from: it.began.when.at, until: it.lifted.map_or(end, |lift| lift.when.at) })
            .collect()
    };
    let usable: Vec<Span> = line
        .track
        .held()
        .flat_map(|(server, span)| span.minus(&dark(*server)))
        .filter_map(|span| span.within(whole))
        .collect();
    let value = millis(uncovered(whole, &usable));
    for name in ["gap", "unreachable"] {
        list.push(Measurement {
            name: name.to_owned(),
            at_ms: Some(round(from.as_millis_f64())),
            from_server: Some(settings.label(primary)),
            to_server: line.moves.all().find(|it| it.away && it.done.when.at >= from).map(|it| settings.label(it.to)),
            value: Some(value),
            unit: "ms".to_owned(),
            error: Some(error(away.began, away.lifted.unwrap_or(away.began))),
            min: None,
            max: None,
            why_null: None,
        });
    }
}

/// The servers that a measurement is about.
struct Part<'a> {
    settings: &'a Settings,
    from: IpAddr,
    to: IpAddr,
}

impl Part<'_> {
    /// The time from the one to the other, or why there is none.
    fn span(&self, name: &str, from: Result<Fix, &str>, to: Result<Fix, &str>) -> Measurement {
        let why_null = from.err().or(to.err()).map(str::to_owned);
        let both = from.ok().zip(to.ok());
        Measurement {
            name: name.to_owned(),
            at_ms: from.or(to).ok().map(|at| round(at.when.at.as_millis_f64())),
            from_server: Some(self.settings.label(self.from)),
            to_server: Some(self.settings.label(self.to)),
            value: both.map(|(from, to)| round((to.when.at.0 as f64 - from.when.at.0 as f64) / 1e6)),
            unit: "ms".to_owned(),
            error: both.map(|(from, to)| error(from, to)),
            min: None,
            max: None,
            why_null,
        }
    }
}
