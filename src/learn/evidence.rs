//! What the records of a run say of one phone: its tries, line by line, the outages that it met, what it calls itself.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{
    NotLearnt,
    tries::{self, Ask, End, Further, Try},
};
use crate::{
    config::{Line, Model, Plan},
    engine::registration::{Change, Fix, LineTrack},
    event::{
        Action, Door, Event, Fate, Knock, LineId, Observed, OutageId, PhoneName, Record, ServerName, SipFact,
        SipMessage, SipStart, SipSummary, Stamp, Toward, Transport,
    },
};

/// For how long an answer may be meant for its request, whatever the phone's own timer is: a little longer than the longest
/// that any is known to wait (`sip transaction timer`: 64 s at most).
const PATIENCE: Duration = Duration::from_secs(70);

/// Nothing of a phone is forgotten.
const EVERYTHING: usize = usize::MAX;

/// What is known of a phone.
#[derive(Debug)]
pub struct Evidence {
    pub run: String,
    pub model_name: String,
    pub model: Model,
    pub agents: Vec<String>,
    pub lines: Vec<LineEvidence>,
    /// When somebody pressed its keys or pushed something to it.
    pub interventions: Vec<Stamp>,
    /// The last record.
    pub end: Stamp,
}

/// What is known of one of its lines.
#[derive(Debug)]
pub struct LineEvidence {
    pub line: Line,
    /// Everything it tried, in order.
    pub tries: Vec<Try>,
    /// The lifetimes that it asked for, with their records.
    pub asked: Vec<(u64, Duration)>,
    /// When its servers went away.
    pub outages: Vec<Outage>,
    /// It stays registered at several servers at once.
    pub is_twofold: bool,
}

/// A server was away for the phone.
#[derive(Debug, Clone)]
pub struct Outage {
    pub server: ServerName,
    pub began: Fix,
}

impl LineEvidence {
    /// Its tries for a binding, in order.
    pub fn registers(&self) -> Vec<&Try> {
        self.tries.iter().filter(|it| it.ask.may_bind()).collect()
    }

    /// Where it was registered last by then, and since when.
    pub fn home_at(&self, then: Stamp) -> Option<(&ServerName, Fix, Duration)> {
        let confirmed = self.tries.iter().filter_map(|it| match it.end {
            End::Confirmed(fix, granted) if fix.when.at <= then => Some((&it.server, fix, granted)),
            _ => None,
        });
        confirmed.max_by_key(|(_, fix, _)| fix.when.at)
    }
}

impl Evidence {
    /// Reads all records.
    pub fn gather(records: impl IntoIterator<Item = Record>, phone: &PhoneName) -> Result<Self, NotLearnt> {
        let mut gathering: Option<Gathering> = None;
        for record in records {
            let fix = Fix { seq: record.seq, when: record.when };
            match (&record.event, &mut gathering) {
                (Event::Observed(Observed::RunStarted { plan }), _) => gathering = Some(Gathering::new(plan, phone)?),
                (Event::Observed(observed), Some(gathering)) => gathering.observe(observed, fix),
                (Event::Action(action), Some(gathering)) => gathering.order(action, record.seen),
                (_, None) => return Err(NotLearnt::NoPlan),
                _ => {}
            }
            if let Some(gathering) = &mut gathering {
                gathering.end = gathering.end.max(record.seen);
            }
        }
        gathering.map(Gathering::finish).ok_or(NotLearnt::NoPlan)
    }
}

impl Evidence {
    /// Tells tries apart by how long the phone waits for an answer.
    pub fn tell_apart(&mut self, patience: Option<Duration>) {
        if let Some(patience) = patience {
            self.lines.iter_mut().for_each(|line| tries::apart(&mut line.tries, patience));
        }
    }
}

/// Evidence that is being gathered.
#[derive(Debug)]
struct Gathering {
    run: String,
    phone: PhoneName,
    model_name: String,
    model: Model,
    agents: BTreeSet<String>,
    lines: Vec<(Line, LineTrack)>,
    further: Further,
    asked: BTreeMap<String, Vec<(u64, Duration)>>,
    options: Vec<(String, Try, (String, u32, String))>,
    knocks: Vec<(Fix, ServerName, Knock)>,
    refusals: Vec<(Stamp, ServerName)>,
    /// It has asked for more than registrations.
    has_other_requests: bool,
    orders: BTreeMap<OutageId, ServerName>,
    outages: Vec<Outage>,
    interventions: Vec<Stamp>,
    end: Stamp,
}

impl Gathering {
    fn new(plan: &Plan, name: &PhoneName) -> Result<Self, NotLearnt> {
        let Some(phone) = plan.phone(name) else {
            let known: Vec<&str> = plan.bench.phones.iter().map(|phone| phone.name.0.as_str()).collect();
            return Err(NotLearnt::NoPhone { phone: name.0.clone(), known: known.join(", ") });
        };
        let lines = phone.lines.iter().filter(|line| line.registers).map(|line| {
            let id = LineId { phone: name.clone(), extension: line.extension.clone() };
            (line.clone(), LineTrack::remembering(id, EVERYTHING, EVERYTHING))
        });
        Ok(Self {
            run: plan.run.clone(),
            phone: name.clone(),
            model_name: phone.model.clone(),
            model: plan.model_of(phone).cloned().unwrap_or_else(Model::unknown),
            agents: BTreeSet::new(),
            lines: lines.collect(),
            further: Further::default(),
            asked: BTreeMap::new(),
            options: Vec::new(),
            knocks: Vec::new(),
            refusals: Vec::new(),
            has_other_requests: false,
            orders: BTreeMap::new(),
            outages: Vec::new(),
            interventions: Vec::new(),
            end: Stamp::ZERO,
        })
    }

    fn observe(&mut self, observed: &Observed, fix: Fix) {
        match observed {
            Observed::Sip(fact) if fact.phone == self.phone => self.sip(fact, fix),
            Observed::Knock { phone, server, door, knock, fate, .. } if *phone == self.phone => match knock {
                Knock::Asked if *door == Door::Tcp => self.knocks.push((fix, server.clone(), *knock)),
                Knock::Opened if *door == Door::Tcp && *fate == Fate::Passed => {
                    self.knocks.push((fix, server.clone(), *knock));
                }
                Knock::Refused if !matches!(fate, Fate::Dropped(_)) => {
                    self.refusals.push((fix.when.at, server.clone()))
                }
                _ => {}
            },
            Observed::OutageBegan { outage } => {
                let server = self.orders.get(outage).cloned();
                self.outages.extend(server.map(|server| Outage { server, began: fix }));
            }
            _ => {}
        }
    }

    fn order(&mut self, action: &Action, at: Stamp) {
        match action {
            // Nobody waits for what a phone does about an operator's.
            Action::BeginOutage { spec, .. } if spec.by.is_some() && spec.phones.contains(&self.phone) => {
                self.interventions.push(at);
            }
            Action::BeginOutage { outage, spec } if spec.phones.contains(&self.phone) => {
                self.orders.insert(*outage, spec.server.clone());
            }
            Action::PlayKeys { phone, .. } | Action::Push { phone, .. } if *phone == self.phone => {
                self.interventions.push(at);
            }
            _ => {}
        }
    }

    fn sip(&mut self, fact: &SipFact, fix: Fix) {
        let SipMessage::Read(message) = &fact.message else { return };
        let is_request = matches!(message.start, SipStart::Request { .. });
        if is_request && fact.toward == Toward::Server {
            match message.method.as_str() {
                "REGISTER" => self.asks(fact, message, fix),
                "OPTIONS" | "ACK" | "BYE" | "CANCEL" => {}
                _ => self.has_other_requests = true,
            }
        }
        if message.method == "OPTIONS" {
            return self.options(fact, message, fix);
        }
        for (_, track) in &mut self.lines {
            for (change, at) in track.observe(fact, fix, PATIENCE) {
                match change {
                    Change::Created { server, request } | Change::Refreshed { server, request } => {
                        let granted = track.last_granted(&server).unwrap_or_default();
                        self.further.confirmed.insert(request.seq, (at, granted));
                    }
                    Change::Refused { server, request, .. } => {
                        let waits = track.asked_to_wait(&server).is_some_and(|wait| wait.until > at.when.at);
                        self.further.asked_away.extend(waits.then_some(request.seq));
                    }
                    Change::Removed { .. } | Change::Expired { .. } | Change::Stranger { .. } => {}
                }
            }
        }
    }

    fn asks(&mut self, fact: &SipFact, message: &SipSummary, fix: Fix) {
        self.further.transports.insert(fix.seq, fact.transport);
        self.agents.extend(message.agent.clone());
        let lifetime = message.contacts.iter().find_map(|contact| contact.expires).or(message.expires);
        if let Some(lifetime) = lifetime.filter(|lifetime| *lifetime > 0 && !message.contacts.is_empty()) {
            let of_line = self.asked.entry(user(&message.to).to_owned()).or_default();
            of_line.push((fix.seq, Duration::from_secs(lifetime.into())));
        }
    }

    /// OPTIONS of the phone, each once, and what was answered to them.
    fn options(&mut self, fact: &SipFact, message: &SipSummary, fix: Fix) {
        let Some(server) = &fact.server else { return };
        let key = (message.call_id.clone(), message.cseq, message.branch.clone());
        let known = self.options.iter_mut().find(|(.., of)| *of == key);
        match (&message.start, fact.toward, known) {
            (SipStart::Request { .. }, Toward::Server, None) => {
                let one = Try::options(server.clone(), fact.transport, fix);
                self.options.push((user(&message.from).to_owned(), one, key));
            }
            (SipStart::Response { code, .. }, Toward::Phone, Some((_, one, _)))
                if *code >= 200 && !matches!(fact.fate, Fate::Dropped(_)) && one.end == End::Unanswered =>
            {
                one.end = End::Answered(fix);
            }
            _ => {}
        }
    }

    fn finish(mut self) -> Evidence {
        // Whose connection it is, nobody sees, if there are several lines or other uses for it.
        if self.has_other_requests || self.lines.len() != 1 {
            self.knocks.clear();
        }
        self.knocks.sort_by_key(|(fix, ..)| fix.when.at);
        let lines = std::mem::take(&mut self.lines);
        let lines = lines.into_iter().map(|(line, track)| self.line(line, &track)).collect();
        Evidence {
            run: self.run,
            model_name: self.model_name,
            model: self.model,
            agents: self.agents.into_iter().collect(),
            lines,
            interventions: self.interventions,
            end: self.end,
        }
    }

    fn line(&self, line: Line, track: &LineTrack) -> LineEvidence {
        let mut tries = tries::of(track.all_attempts(), &self.further, &self.knocks);
        let options = self.options.iter().filter(|(user, ..)| *user == line.extension);
        tries.extend(options.map(|(_, one, _)| one.clone()));
        tries.sort_by_key(|it| it.began.when.at);
        tries::refused(&mut tries, &self.refusals);
        // What was sent again was not asked for again.
        let first: BTreeSet<u64> = track.all_attempts().map(|attempt| attempt.first.seq).collect();
        let asked = self.asked.get(&line.extension).into_iter().flatten();
        let asked = asked.filter(|(seq, _)| first.contains(seq)).copied().collect();
        let is_twofold = self.model.keeps_both || is_twofold(&tries);
        LineEvidence { tries, asked, outages: self.outages.clone(), is_twofold, line }
    }
}

/// Whether a line was confirmed at a second server although the first had not let it down, and the other way round: more than
/// once, as the removal of what an earlier life has left there may look like it.
fn is_twofold(tries: &[Try]) -> bool {
    let registers: Vec<&Try> = tries.iter().filter(|it| it.ask == Ask::Register).collect();
    let both = registers.windows(3).filter(|three| {
        let confirmed = three.iter().all(|it| matches!(it.end, End::Confirmed(..)));
        confirmed && three[0].server != three[1].server && three[0].server == three[2].server
    });
    both.count() > 1
}

fn user(address: &str) -> &str {
    address.rsplit_once('@').map_or(address, |(user, _)| user)
}

/// The transport of a phone's tries, each once.
pub fn transports(evidence: &Evidence) -> BTreeSet<Transport> {
    evidence.lines.iter().flat_map(|line| &line.tries).map(|it| it.transport).collect()
}
