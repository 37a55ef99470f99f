//! Further witnesses of where a line is registered, and what their word is worth.
//!
//! - The wire shows a 2xx and whoever it reached; where nothing of it was lost, no witness outvotes it. One that agrees is further
//!   proof, and one that is silent is neither proof nor a fault.
//! - The phone's own word (its status page, its syslog, its action URIs) is held against the phone when it contradicts the wire for longer than people
//!   would look at it, [`PATIENCE`], and the error of its clock: `display-wrong`.
//! - A server's own list comes first where the question is whether that server holds the line. One that does not name a line which
//!   the wire shows it to have accepted contradicts the server itself: `binding-forgotten`, if the list has ever named
//!   anybody; a list that never has may be none, and then nobody can tell: `witness-doubted`. That it names a line that is
//!   elsewhere says nothing: a binding outlives a move until it expires.
//! - Of a line whose signalling is encrypted, a witness that says where it is may stand for the console ([`blind`](super::blind)).
//!   A list must have begun to name it after what it is to show: the binding that it names may be older.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::Duration,
};

use super::{
    blind,
    case::{CaseRun, Finding, Leg, Moved},
    judge,
    registration::Fix,
    subjects::Subjects,
};
use crate::{
    event::{Move, ServerName, Standing, Testimony, Witness},
    verdict::{Blame, CaseId},
};

/// For this long a witness may contradict the wire before it is held against anybody.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// What a witness last said of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// What it said.
    pub standing: Standing,
    /// Its last record.
    pub fix: Fix,
    /// The first record since which it says the same.
    pub since: Fix,
}

/// What further witnesses last said of the lines of a phone.
#[derive(Debug, Default)]
pub struct Words {
    said: BTreeMap<(Witness, String), Word>,
    /// Witnesses that were heard of these lines and are not heard any more.
    lost: BTreeSet<Witness>,
    /// Witnesses that have said of any of these lines that it is registered.
    named: BTreeSet<Witness>,
}

impl Words {
    /// A witness says something of a line.
    pub fn take(&mut self, testimony: &Testimony, fix: Fix) {
        self.lost.remove(&testimony.witness);
        if !matches!(testimony.standing, Standing::Nowhere | Standing::Unknown) {
            self.named.insert(testimony.witness.clone());
        }
        let key = (testimony.witness.clone(), testimony.line.extension.clone());
        let before = self.said.get(&key).filter(|word| word.standing == testimony.standing);
        let since = before.map_or(fix, |word| word.since);
        self.said.insert(key, Word { standing: testimony.standing.clone(), fix, since });
    }

    /// A witness is not heard any more.
    pub fn lose(&mut self, witness: &Witness) {
        self.said.retain(|(of, _), _| of != witness);
        self.lost.insert(witness.clone());
    }

    /// Whether a witness has said of any line that it is registered.
    pub fn has_named_any(&self, witness: &Witness) -> bool {
        self.named.contains(witness)
    }

    /// Whether a witness has spoken of a line.
    fn has_spoken(&self, witness: &Witness, extension: &str) -> bool {
        self.said.contains_key(&(witness.clone(), extension.to_owned()))
    }

    fn of<'a>(&'a self, extension: &'a str) -> impl Iterator<Item = (&'a Witness, &'a Word)> {
        self.said.iter().filter(move |((_, of), _)| of == extension).map(|((witness, _), word)| (witness, word))
    }
}

/// Who vouches for where a line is that nobody could read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vouched {
    /// Who.
    pub by: Voucher,
    /// The record that shows it.
    pub fix: Fix,
}

/// Whoever says where a line is, the wire aside.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Voucher {
    /// The phone's console.
    Console,
    /// A further witness.
    Further(Witness),
}

impl fmt::Display for Voucher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Console => f.pad("its console"),
            Self::Further(witness) => witness.fmt(f),
        }
    }
}

/// What a word says to where the line is by the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum View {
    /// It is there.
    There,
    /// It is registered, and nobody says where.
    Somewhere,
    /// It is not there.
    Elsewhere,
    /// Nothing.
    Nothing,
}

/// What further witnesses say of a move that was made.
#[derive(Debug, Default)]
pub struct Heard {
    /// Those that agree.
    pub agreeing: Vec<Vouched>,
    /// Of those, the ones that say where the line is, and could not say so before the move.
    pub vouching: Vec<Vouched>,
    /// The first that contradicts: a server before the phone.
    pub against: Option<(Witness, Word)>,
    /// Witnesses that are expected to say something and have not agreed yet.
    pub awaited: Vec<Witness>,
}

/// By how much a message may be late that a phone sends of its own accord.
const UNASKED: Duration = Duration::from_secs(1);

/// A witness of a line and the error of its clock.
pub type Expected = (Witness, Duration);

/// The further witnesses that will say something of a line at that server, and by how much they may be late. Who speaks
/// unasked is waited for if it has spoken of the line before. Those that are not
/// heard are not waited for, unless nothing but their word can tell where the line is.
pub fn expected(subjects: &Subjects, id: &CaseId, server: &ServerName, unread: bool) -> Vec<Expected> {
    let Some((phone, watch)) = subjects.plan().phone(subjects.seat_of(id)).zip(subjects.watch(subjects.seat_of(id)))
    else {
        return Vec::new();
    };
    let page = phone.status_page.as_ref().map(|page| (Witness::StatusPage, page.every));
    let heard = |(witness, _): &Expected| unread || !watch.words.lost.contains(witness);
    let server = subjects.plan().bench.server(server).and_then(|server| Some((server, server.witness.as_ref()?)));
    let list = server.map(|(server, witness)| (Witness::Server(server.name.clone()), witness.every));
    let dialect = subjects.plan().model_of(phone).and_then(|model| model.syslog.as_ref());
    let understood = subjects.plan().bench.syslog.is_some() && phone.address.is_some() && dialect.is_some();
    let speaks = understood && (unread || watch.words.has_spoken(&Witness::Syslog, &id.line));
    let syslog = speaks.then_some((Witness::Syslog, UNASKED));
    page.into_iter().chain(list).chain(syslog).filter(heard).collect()
}

/// What the further witnesses of a line say to a move that the wire shows to have led to `server`.
pub fn weigh(
    subjects: &Subjects,
    case: &CaseRun,
    leg: Leg,
    moved: &Moved,
    server: &ServerName,
    expected: &[Expected],
) -> Heard {
    let mut heard = Heard::default();
    let Some(watch) = subjects.watch(&case.at) else { return heard };
    let mut agreed = BTreeSet::new();
    for (witness, word) in watch.words.of(&case.id.line) {
        let (at, error) = (word.fix.when.at, Duration::from_nanos(word.fix.when.error_ns));
        let vouched = Vouched { by: Voucher::Further(witness.clone()), fix: word.fix };
        match view(subjects, case, server, witness, &word.standing) {
            View::There | View::Somewhere if at < moved.request.when.at => {}
            view @ (View::There | View::Somewhere) => {
                agreed.insert(witness.clone());
                let cause = case.cut_of(leg).map(|cut| cut.lifted.unwrap_or(cut.began).when.at);
                let fresh = witness.server().is_none() || cause.is_none_or(|cause| word.since.when.at >= cause);
                if view == View::There && fresh {
                    heard.vouching.push(vouched.clone());
                }
                heard.agreeing.push(vouched);
            }
            // What it says must be of a time after the move, however wrong its clock is.
            View::Elsewhere if at >= moved.done.when.at + error => {
                let first = heard.against.is_none() || witness.server().is_some();
                if first {
                    heard.against = Some((witness.clone(), word.clone()));
                }
            }
            View::Elsewhere | View::Nothing => {}
        }
    }
    let awaited = expected.iter().map(|(witness, _)| witness).filter(|witness| !agreed.contains(witness));
    heard.awaited = awaited.cloned().collect();
    heard
}

fn view(subjects: &Subjects, case: &CaseRun, server: &ServerName, witness: &Witness, standing: &Standing) -> View {
    let there = |is: bool| if is { View::There } else { View::Elsewhere };
    match (witness.server(), standing) {
        (_, Standing::Unknown) => View::Nothing,
        (Some(of), Standing::Nowhere) => {
            if of == server {
                View::Elsewhere
            } else {
                View::Nothing
            }
        }
        (Some(of), _) => {
            if of == server {
                View::There
            } else {
                View::Nothing
            }
        }
        (None, Standing::Registered) => View::Somewhere,
        (None, Standing::Nowhere) => View::Elsewhere,
        (None, standing) => there(named(subjects, case, standing).as_ref() == Some(server)),
    }
}

/// The server of the bench that a phone's own word means.
fn named(subjects: &Subjects, case: &CaseRun, standing: &Standing) -> Option<ServerName> {
    match standing {
        Standing::Primary => Some(case.primary.clone()),
        Standing::Backup => case.backup.clone(),
        Standing::At(text) => {
            let address = judge::address_in(text)?;
            Some(subjects.plan().bench.server_at(address)?.name.clone())
        }
        Standing::Registered | Standing::Nowhere | Standing::Unknown => None,
    }
}

/// What a contradiction that lasts comes to.
pub fn contradicted(
    subjects: &Subjects,
    case: &CaseRun,
    of: Move,
    moved: &Moved,
    server: &ServerName,
    against: &(Witness, Word),
) -> Finding {
    let (witness, word) = against;
    let evidence = [moved.done.seq, word.fix.seq];
    let expected = subjects.describe_server(server);
    if witness.server().is_some() && subjects.has_named_any(witness) {
        let reason =
            format!("after the {of} the wire shows that {expected} took the line, and its own list does not name it");
        return Finding::fail(Blame::Server, "binding-forgotten", reason).shown_by(evidence);
    }
    if witness.server().is_some() {
        let reason = format!(
            "after the {of} the wire shows that {expected} took the line, and its own list names nobody at all: it keeps no \
             bindings, or the `pattern` of its witness does not fit what it says"
        );
        return Finding::unclear("witness-doubted", reason).shown_by(evidence);
    }
    let said = (word.standing != Standing::Nowhere).then(|| told(subjects, case, &word.standing));
    judge::contradicted(case, of, &witness.to_string(), said.as_deref(), &expected, evidence)
}

/// What a contradiction comes to where the wire shows no more than that the phone has spoken with the server.
pub fn contradicted_unread(
    subjects: &Subjects,
    case: &CaseRun,
    of: Move,
    moved: &Moved,
    against: &(Witness, Word),
) -> Finding {
    let (witness, word) = against;
    let evidence = [moved.request.seq, moved.done.seq, word.fix.seq];
    let own = witness.server().is_none();
    let said = named(subjects, case, &word.standing).filter(|_| own);
    let claimed = said.zip(subjects.watch(&case.at));
    let claimed = claimed.and_then(|(said, phone)| blind::claimed(phone, of, &witness.to_string(), &said, word.fix));
    claimed.map(|finding| finding.shown_by(evidence)).unwrap_or_else(|| {
        let reason = format!(
            "after the {of} the phone speaks with the server where it should be registered, its signalling is encrypted, and \
             {witness} says that it is {}",
            told(subjects, case, &word.standing)
        );
        Finding::unclear("blind", reason).shown_by(evidence)
    })
}

/// What a phone's word says, with the server that it means: `registered at its backup, b`.
fn told(subjects: &Subjects, case: &CaseRun, standing: &Standing) -> String {
    let named = named(subjects, case, standing);
    named.map_or_else(|| standing.to_string(), |server| format!("{standing}, which is {server}"))
}
