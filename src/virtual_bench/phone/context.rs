//! What the parts of a simulated phone share while it handles one input.

use std::{collections::VecDeque, net::SocketAddr, time::Duration};

use super::{
    Habits, PhoneDefect, PhoneOutput, PhoneTimers, Transport,
    answers::{Answers, Content, Way},
    line::LineEvent,
};
use crate::{config::Mac, virtual_bench::random::Random, wire::sip::Message};

/// One turn of a phone: the time, its settings, and where its parts put what they do.
#[derive(Debug)]
pub struct Context<'a> {
    /// The time.
    pub now: Duration,
    /// Its own SIP address.
    pub local: SocketAddr,
    /// Its MAC address.
    pub mac: Mac,
    /// What it speaks SIP over.
    pub transport: Transport,
    /// Its clamped timers.
    pub timers: &'a PhoneTimers,
    /// What it does where the manual is silent.
    pub habits: Habits,
    /// What is wrong with it.
    pub defects: &'a [PhoneDefect],
    /// `User-Agent`.
    pub agent: &'a str,
    /// `+sip.instance` of its contacts.
    pub instance: &'a str,
    /// Tags, branches and the like.
    pub random: &'a mut Random,
    /// Number of the next connection.
    pub next_conn: &'a mut u32,
    /// What it answered.
    pub answers: &'a mut Answers,
    /// What goes out.
    pub outputs: &'a mut VecDeque<PhoneOutput>,
    /// What became of the account at work.
    pub events: &'a mut Vec<LineEvent>,
}

impl Context<'_> {
    /// Whether the phone has this defect (of those without parameters).
    pub fn has(&self, defect: PhoneDefect) -> bool {
        self.defects.contains(&defect)
    }

    /// Whether it renews at the backup once it is there, by a defect.
    pub fn stays_on_backup(&self) -> bool {
        self.has(PhoneDefect::NeverFailsBack) || self.has(PhoneDefect::RegistersAtBackup)
    }

    /// The pause before it tries the backup, if it has that defect.
    pub fn moves_late(&self) -> Option<Duration> {
        self.defects.iter().find_map(|defect| match defect {
            PhoneDefect::MovesLate(delay) => Some(*delay),
            _ => None,
        })
    }

    /// Answers a request with a status code and, where the request has none, that tag.
    pub fn answer(&mut self, request: &Message, way: Way, (code, tag): (u16, &str), content: Content) {
        let (agent, now, timers) = (self.agent, self.now, self.timers);
        self.answers.give(request, way, (code, tag), content, agent, now, timers, self.outputs);
    }

    /// How the URI of its contact for a user begins; servers may change the order of what follows.
    pub fn contact_start(&self, user: &str) -> String {
        format!("sip:{user}@{}", self.local)
    }

    /// The URI of its contact for a user.
    pub fn contact(&self, user: &str) -> String {
        let parameter = match self.transport {
            Transport::Udp => "",
            Transport::Tcp => ";transport=tcp",
            Transport::Tls => ";transport=tls",
        };
        self.contact_start(user) + parameter
    }
}
