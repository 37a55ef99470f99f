//! Where lines are registered, by all who say something of it.
//!
//! - What the wire shows outweighs what phones say of themselves, and a binding outlives a move: that a server's list names a line does
//!   not mean that the phone is there, if anybody says otherwise. That it does not name one means that it is not.
//! - A list that never names anybody may be none, and says nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    time::Duration,
};

use crate::{
    config::{Bench, Line, Phone, Role},
    engine::registration::{Answer, Attempt, Fix, LineTrack},
    event::{LineId, PhoneName, ServerName, SipFact, Stamp, Standing, Testimony, When, Witness},
    wire::console::ConsoleFact,
};

/// A server may take so long until its list has what the wire shows.
const PATIENCE: Duration = Duration::from_secs(2);

/// A line, and what was said of it.
#[derive(Debug)]
struct Told {
    phone: PhoneName,
    line: Line,
    transaction: Duration,
    track: LineTrack,
    /// What the server's lists said last.
    lists: BTreeMap<ServerName, Standing>,
    /// The list of its primary did not name it when the wire had shown for long enough that it should.
    forgotten: bool,
    /// What the phone itself said last, by whatever.
    own: Option<Own>,
}

/// The phone's own word.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Own {
    standing: Standing,
    by: &'static str,
}

/// All lines that register.
#[derive(Debug)]
pub(super) struct Standings {
    lines: Vec<Told>,
    /// Servers whose lists have named anybody.
    named: BTreeSet<ServerName>,
    /// Witnesses that are not heard, and why.
    lost: BTreeMap<(Witness, Option<PhoneName>), String>,
    seq: u64,
}

/// Where a line is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// At its primary.
    Home { by: String },
    /// At its backup.
    Backup { by: String },
    /// At another server.
    Elsewhere { at: String, by: String },
    /// Nowhere.
    Nowhere { why: String },
    /// The wire shows that its primary took it, and the primary's list does not name it.
    Forgotten,
    /// Nobody says.
    Unknown { why: Option<String> },
}

impl Standings {
    pub fn new<'a>(phones: impl Iterator<Item = &'a Phone>) -> Self {
        let of = |phone: &'a Phone| {
            phone.lines.iter().filter(|line| line.registers).map(move |line| Told {
                phone: phone.name.clone(),
                line: line.clone(),
                transaction: phone.timers.transaction.value,
                track: LineTrack::new(LineId { phone: phone.name.clone(), extension: line.extension.clone() }),
                lists: BTreeMap::new(),
                forgotten: false,
                own: None,
            })
        };
        Self { lines: phones.flat_map(of).collect(), named: BTreeSet::new(), lost: BTreeMap::new(), seq: 0 }
    }

    pub fn sip(&mut self, fact: &SipFact, when: When) {
        self.seq += 1;
        let fix = Fix { seq: self.seq, when };
        for told in self.lines.iter_mut().filter(|told| told.phone == fact.phone) {
            told.track.observe(fact, fix, told.transaction);
        }
    }

    pub fn testified(&mut self, testimony: &Testimony, at: Stamp) {
        let Testimony { witness, line, standing, .. } = testimony;
        self.lost.retain(|(lost, phone), _| lost != witness || phone.as_ref().is_some_and(|it| *it != line.phone));
        let by = match witness {
            Witness::Server(server) => {
                if !matches!(standing, Standing::Nowhere | Standing::Unknown) {
                    self.named.insert(server.clone());
                }
                if let Some(told) = self.told(&line.extension, Some(&line.phone)) {
                    if told.line.primary == *server {
                        let confirmed = told.track.binding(server).map(|binding| binding.confirmed.when.at + PATIENCE);
                        let late = confirmed.is_some_and(|by_then| at > by_then);
                        // Until it is named: the next renewal says nothing new.
                        told.forgotten = *standing == Standing::Nowhere && (late || told.forgotten);
                    }
                    told.lists.insert(server.clone(), standing.clone());
                }
                return;
            }
            Witness::StatusPage => "its status page",
            Witness::Syslog => "its syslog",
            Witness::ActionUri => "its action URIs",
        };
        if let Some(told) = self.told(&line.extension, Some(&line.phone)) {
            let says_where = !matches!(standing, Standing::Registered | Standing::Unknown);
            // Who does not say where leaves it at what was said before.
            if says_where || told.own.is_none() {
                told.own = Some(Own { standing: standing.clone(), by });
            }
        }
    }

    /// A witness is not heard.
    pub fn lost(&mut self, witness: &Witness, phone: Option<&PhoneName>, reason: &str) {
        self.lost.insert((witness.clone(), phone.cloned()), reason.to_owned());
    }

    /// A console says something: whosever it is, it is about the extension that it names.
    pub fn told_by_console(&mut self, fact: &ConsoleFact) {
        let (extension, standing) = match fact {
            ConsoleFact::Registered { extension, server } => (extension, Standing::At(server.clone())),
            ConsoleFact::Unregistered { extension } => (extension, Standing::Nowhere),
            _ => return,
        };
        if let Some(told) = self.told(extension, None) {
            told.own = Some(Own { standing, by: "its console" });
        }
    }

    /// Whether every line is at its primary, and nobody is waited for who may say otherwise.
    pub fn all_at_home(&mut self, bench: &Bench, now: Stamp) -> bool {
        let at_home = self.places(bench, now).iter().all(|(.., place)| matches!(place, Place::Home { .. }));
        at_home && self.lines.iter().all(|told| self.has_list_agreed(told, bench))
    }

    /// Whether the list of a line's primary names it, if there is one that is heard.
    fn has_list_agreed(&self, told: &Told, bench: &Bench) -> bool {
        let primary = &told.line.primary;
        let keeps = bench.server(primary).is_some_and(|server| server.witness.is_some());
        let heard = !self.lost.keys().any(|(witness, _)| witness.server() == Some(primary));
        let says = told.lists.get(primary);
        !keeps || !heard || says.is_some_and(|it| !matches!(it, Standing::Nowhere | Standing::Unknown))
    }

    /// Phones with a line of which nobody knows where it is.
    pub fn unknown(&mut self, bench: &Bench, now: Stamp) -> BTreeSet<PhoneName> {
        let unknown = self.places(bench, now).into_iter();
        unknown.filter(|(.., place)| matches!(place, Place::Unknown { .. })).map(|(phone, ..)| phone).collect()
    }

    /// Where each line is, with its phone and extension.
    pub fn places(&mut self, bench: &Bench, now: Stamp) -> Vec<(PhoneName, String, Place)> {
        for told in &mut self.lines {
            told.track.expire(now);
        }
        let place = |told: &Told| (told.phone.clone(), told.line.extension.clone(), self.place(told, bench, now));
        self.lines.iter().map(place).collect()
    }

    fn told(&mut self, extension: &str, phone: Option<&PhoneName>) -> Option<&mut Told> {
        let is_it = |told: &&mut Told| told.line.extension == extension && phone.is_none_or(|it| told.phone == *it);
        self.lines.iter_mut().find(is_it)
    }

    fn place(&self, told: &Told, bench: &Bench, now: Stamp) -> Place {
        let primary = &told.line.primary;
        let by_wire = |server: &ServerName| self.at(told, server, "a REGISTER that it answered");
        let home = told.track.home();
        let list = told.lists.get(primary).filter(|_| self.named.contains(primary));
        if told.forgotten && list.is_some() && home == Some(primary) {
            return Place::Forgotten;
        }
        if let Some(server) = home {
            return by_wire(server);
        }
        if let Some((address, _)) = told.track.strangers().next() {
            let why = format!("it registers at {address}, which the bench file does not name");
            return Place::Nowhere { why };
        }
        if let Some(why) = self.turned_away(told, now) {
            return Place::Nowhere { why };
        }
        let own = told.own.as_ref().and_then(|own| Some((self.own_place(told, own, bench)?, own.by)));
        let names = |server: &ServerName| {
            told.lists.get(server).is_some_and(|it| !matches!(it, Standing::Nowhere | Standing::Unknown))
        };
        let backup = told.line.backup.as_ref().filter(|backup| names(backup));
        match (list, own) {
            (Some(Standing::Nowhere), _) => match backup {
                Some(server) => self.at(told, server, "its list"),
                None => Place::Nowhere { why: format!("the list of server {primary} does not name it") },
            },
            (_, Some((place, _))) => place,
            (Some(Standing::Unknown) | None, None) => match backup {
                // Its old binding may be there yet, or the primary may keep no list.
                Some(_) => Place::Unknown {
                    why: Some("its backup's list names it, and nobody else says where it is".to_owned()),
                },
                None => Place::Unknown { why: self.silent(told) },
            },
            (Some(_), None) if backup.is_some() => {
                let why = "the lists of both servers name it, and a binding outlives a move";
                Place::Unknown { why: Some(why.to_owned()) }
            }
            (Some(_), None) => self.at(told, primary, "its list"),
        }
    }

    fn at(&self, told: &Told, server: &ServerName, by: &str) -> Place {
        match told.line.role_of(server) {
            Role::Primary => Place::Home { by: by.to_owned() },
            Role::Backup => Place::Backup { by: by.to_owned() },
            Role::Other => Place::Elsewhere { at: format!("server {server}"), by: by.to_owned() },
        }
    }

    /// What a phone's own word comes to; none: it says nothing of where.
    fn own_place(&self, told: &Told, own: &Own, bench: &Bench) -> Option<Place> {
        let by = own.by.to_owned();
        Some(match &own.standing {
            Standing::Primary => Place::Home { by },
            Standing::Backup => Place::Backup { by },
            Standing::At(text) => match address_in(text).and_then(|address| bench.server_at(address)) {
                Some(server) => self.at(told, &server.name, own.by),
                None => Place::Elsewhere { at: text.chars().take(64).collect(), by },
            },
            Standing::Nowhere => Place::Nowhere { why: format!("{by} says so") },
            Standing::Registered | Standing::Unknown => return None,
        })
    }

    /// Why the servers do not have it, where the wire shows that.
    fn turned_away(&self, told: &Told, now: Stamp) -> Option<String> {
        let last: &Attempt = told.track.attempts().next_back()?;
        match last.answered_by_server() {
            Some(Answer { code, .. }) if !matches!(code, 200..=299 | 401 | 407 | 423) => {
                Some(format!("server {} answers its REGISTER with {code}", last.server))
            }
            Some(Answer { code: 200..=299, .. }) => {
                Some(format!("server {} answers its REGISTER, and grants it nothing", last.server))
            }
            Some(_) => None,
            None => (now >= last.first.when.at + told.transaction)
                .then(|| format!("server {} does not answer its REGISTER", last.server)),
        }
    }

    /// Why those say nothing who could.
    fn silent(&self, told: &Told) -> Option<String> {
        let mine = |(witness, phone): &(Witness, Option<PhoneName>)| match phone {
            Some(phone) => *phone == told.phone,
            None => witness.server().is_none_or(|server| *server == told.line.primary),
        };
        let (witness, reason) = self.lost.iter().find(|(whose, _)| mine(whose)).map(|((it, _), why)| (it, why))?;
        Some(format!("{witness} is not heard: {reason}"))
    }
}

/// An address, perhaps with a port behind it.
fn address_in(text: &str) -> Option<IpAddr> {
    let bare = text.trim_start_matches('[').split(']').next().unwrap_or(text);
    bare.parse().ok().or_else(|| text.rsplit_once(':')?.0.parse().ok())
}
