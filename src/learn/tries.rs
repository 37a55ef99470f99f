//! What a line tried at its servers, one after the other, and how each try ended: its requests with their challenges, and the
//! connections that were asked for and never came to a request.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use crate::{
    engine::registration::{Attempt, Fix, Purpose},
    event::{Knock, ServerName, Stamp, Transport},
};

/// Who was challenged answers within this time, or it is another try.
const LEG: Duration = Duration::from_secs(5);

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ask {
    /// A connection, which never came about: for what, nobody knows.
    Connection,
    /// A binding.
    Register,
    /// The end of one.
    Removal,
    /// Whether the server is there, by a REGISTER with `Expires: 0` that is about no binding of the line's.
    ExpiresZero,
    /// The same by a REGISTER without a `Contact`.
    Fetch,
    /// The same by OPTIONS.
    Options,
}

impl Ask {
    /// Whether a binding is asked for, as far as anybody knows.
    pub fn may_bind(self) -> bool {
        matches!(self, Self::Connection | Self::Register)
    }
}

impl fmt::Display for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connection => "connections that do not come about",
            Self::Register => "REGISTER",
            Self::Removal => "removals",
            Self::ExpiresZero => "REGISTER with Expires: 0",
            Self::Fetch => "REGISTER without a Contact",
            Self::Options => "OPTIONS",
        })
    }
}

/// One try at a server.
#[derive(Debug, Clone, PartialEq)]
pub struct Try {
    pub server: ServerName,
    pub ask: Ask,
    pub transport: Transport,
    /// Its first sending; of what never came to a request, when the connection was asked for.
    pub began: Fix,
    /// The first sending of its last request, behind a challenge.
    pub leg: Fix,
    pub end: End,
    /// When somebody said that the server can not be reached.
    pub refused: Option<Stamp>,
    /// None: it never came to a request.
    call_id: Option<Arc<str>>,
    /// When a connection was asked for again, before anybody had said anything: by the phone's own kernel, or by another try.
    again: Vec<Fix>,
}

/// How a try ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Unanswered,
    /// Challenged, and nothing followed.
    Challenged(Fix),
    /// Confirmed, for so long.
    Confirmed(Fix, Duration),
    /// Turned away with that code; whether the line was asked to stay away for a time.
    Rejected(Fix, u16, bool),
    /// Answered otherwise.
    Answered(Fix),
}

impl Try {
    /// One that asks for nothing but an answer.
    pub fn options(server: ServerName, transport: Transport, began: Fix) -> Self {
        let ask = Ask::Options;
        Self {
            server,
            ask,
            transport,
            began,
            leg: began,
            end: End::Unanswered,
            refused: None,
            call_id: None,
            again: Vec::new(),
        }
    }

    /// One that never came to a request.
    fn connection(server: ServerName, began: Fix) -> Self {
        Self { ask: Ask::Connection, ..Self::options(server, Transport::Tcp, began) }
    }

    /// When its answer came.
    pub fn answered(&self) -> Option<Fix> {
        match self.end {
            End::Unanswered => None,
            End::Challenged(fix) | End::Confirmed(fix, _) | End::Rejected(fix, ..) | End::Answered(fix) => Some(fix),
        }
    }

    /// Whether nobody had said anything to it by then.
    pub fn is_silent_by(&self, then: Stamp) -> bool {
        let said = self.answered().map(|fix| fix.when.at).into_iter().chain(self.refused).min();
        said.is_none_or(|said| said > then)
    }

    /// Whether it goes on with what the other began.
    pub fn goes_on_with(&self, other: &Self) -> bool {
        self.call_id.is_some() && self.call_id == other.call_id
    }
}

/// What is known of attempts beside themselves, by the number of the record of their first sending.
#[derive(Debug, Default)]
pub struct Further {
    /// What carried it.
    pub transports: BTreeMap<u64, Transport>,
    /// The confirmation that it had.
    pub confirmed: BTreeMap<u64, (Fix, Duration)>,
    /// It was turned away, and asked to stay away for a time.
    pub asked_away: Vec<u64>,
}

/// The tries that attempts and knocks at the doors of servers come to, in the order of their beginning. Connections count where
/// nothing but registrations can have asked for them.
pub fn of<'a>(
    attempts: impl Iterator<Item = &'a Attempt>,
    further: &Further,
    knocks: &[(Fix, ServerName, Knock)],
) -> Vec<Try> {
    let mut attempts: Vec<&Attempt> = attempts.collect();
    attempts.sort_by_key(|attempt| attempt.first.when.at);
    let mut tries: Vec<Try> = Vec::new();
    let mut knocks = knocks.iter().peekable();
    for attempt in attempts {
        while let Some(knock) = knocks.next_if(|(fix, ..)| fix.when.at <= attempt.first.when.at) {
            knocked(&mut tries, knock);
        }
        attempted(&mut tries, attempt, further);
    }
    for knock in knocks {
        knocked(&mut tries, knock);
    }
    tries.sort_by_key(|it| it.began.when.at);
    tries
}

fn attempted(tries: &mut Vec<Try>, attempt: &Attempt, further: &Further) {
    let first = attempt.first;
    let end = end_of(attempt, further);
    let challenged = |it: &&mut Try| {
        let at = match it.end {
            End::Challenged(fix) => fix.when.at,
            _ => return false,
        };
        it.server == attempt.server
            && it.call_id.as_deref() == Some(attempt.call_id())
            && first.when.at >= at
            && first.when.at.since(at) < LEG
    };
    if let Some(before) = tries.iter_mut().rev().find(challenged) {
        (before.leg, before.end) = (first, end);
        return;
    }
    came_about(tries, &attempt.server, first.when.at);
    let registered = |it: &Try| {
        it.server == attempt.server && it.ask == Ask::Register && it.call_id.as_deref() == Some(attempt.call_id())
    };
    let ask = match attempt.purpose {
        Purpose::Register => Ask::Register,
        Purpose::Remove if tries.iter().any(registered) => Ask::Removal,
        Purpose::Remove => Ask::ExpiresZero,
        Purpose::Fetch => Ask::Fetch,
    };
    tries.push(Try {
        server: attempt.server.clone(),
        ask,
        transport: further.transports.get(&first.seq).copied().unwrap_or(Transport::Udp),
        began: first,
        leg: first,
        end,
        refused: None,
        call_id: Some(attempt.call_id().into()),
        again: Vec::new(),
    });
}

fn end_of(attempt: &Attempt, further: &Further) -> End {
    if let Some((fix, granted)) = further.confirmed.get(&attempt.first.seq) {
        return End::Confirmed(*fix, *granted);
    }
    match attempt.answer {
        None => End::Unanswered,
        Some(answer) if matches!(answer.code, 401 | 407 | 423) => End::Challenged(answer.fix),
        Some(answer) if answer.code >= 300 => {
            End::Rejected(answer.fix, answer.code, further.asked_away.contains(&attempt.first.seq))
        }
        Some(answer) => End::Answered(answer.fix),
    }
}

fn knocked(tries: &mut Vec<Try>, (fix, server, knock): &(Fix, ServerName, Knock)) {
    match knock {
        Knock::Asked => {
            let last = tries.last_mut().filter(|last| last.server == *server && last.ask.may_bind());
            match last.filter(|last| last.is_silent_by(fix.when.at)) {
                Some(last) => last.again.push(*fix),
                None => tries.push(Try::connection(server.clone(), *fix)),
            }
        }
        // What it wanted there it will say.
        Knock::Opened => came_about(tries, server, fix.when.at),
        Knock::Refused => {}
    }
}

/// A connection that was asked for not long ago is open: that was no try of its own.
fn came_about(tries: &mut Vec<Try>, server: &ServerName, at: Stamp) {
    let Some(last) = tries.last_mut().filter(|last| last.server == *server && last.ask == Ask::Connection) else {
        return;
    };
    let recent = |fix: &Fix| at.since(fix.when.at) < LEG;
    while last.again.last().is_some_and(recent) {
        last.again.pop();
    }
    if last.again.is_empty() && recent(&last.began) {
        tries.pop();
    }
}

/// Tells tries from one another where all that is seen of them is that a connection was asked for: what comes when the phone,
/// which waits so long, has given the last one up, is another.
pub fn apart(tries: &mut Vec<Try>, patience: Duration) {
    let mut more = Vec::new();
    for it in tries.iter_mut() {
        let mut last = it.leg.when.at;
        for fix in std::mem::take(&mut it.again) {
            if fix.when.at.since(last) >= patience {
                more.push(Try::connection(it.server.clone(), fix));
                last = fix.when.at;
            }
        }
    }
    tries.extend(more);
    tries.sort_by_key(|it| it.began.when.at);
}

/// Notes who was told that a server can not be reached.
pub fn refused(tries: &mut [Try], refusals: &[(Stamp, ServerName)]) {
    for (at, server) in refusals {
        let told = tries.iter_mut().rev().find(|it| it.server == *server && it.began.when.at <= *at);
        if let Some(told) = told.filter(|it| it.is_silent_by(*at)) {
            told.refused = Some(*at);
        }
    }
}
