//! A server is blocked by hand, or given back: what is chosen, what is asked, and what is wished then.

use std::time::Duration;

use super::{
    Console, Question, Wish,
    action::{Act, Phase},
    mode::Mode,
};
use crate::{
    config::Server,
    event::{Blocking, Harm, OutageId, PhoneName, Share},
    tui::board::OutageState,
};

/// How long one may last.
pub const LIMITS: [Duration; 4] =
    [Duration::from_secs(60), Duration::from_secs(300), Duration::from_secs(600), Duration::from_secs(1800)];

/// What is done to a server, until something else is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    /// What becomes of the frames.
    pub harm: Harming,
    /// Who loses the server.
    pub whom: Whom,
    /// Which of the [limits](LIMITS).
    pub limit: usize,
}

/// Which phones lose the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whom {
    /// All of the run.
    All,
    /// The selected one.
    One,
    /// Those that are marked.
    Marked,
}

/// What becomes of the frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Harming {
    /// All vanish.
    Drop,
    /// Some of them do.
    Lose,
    /// All are late.
    Delay,
}

impl Default for Choice {
    fn default() -> Self {
        Self { harm: Harming::Drop, whom: Whom::All, limit: 1 }
    }
}

impl Harming {
    /// All of them, in the order of the choice.
    pub const ALL: [Self; 3] = [Self::Drop, Self::Lose, Self::Delay];

    fn harm(self) -> Harm {
        match self {
            Self::Drop => Harm::Drop,
            Self::Lose => Harm::Loss(Share::percent(20)),
            Self::Delay => Harm::Delay(Duration::from_millis(200)),
        }
    }
}

impl Console {
    /// The servers of the bench.
    pub(super) fn servers(&self) -> &[Server] {
        self.board.plan().map_or(&[], |plan| &plan.bench.servers)
    }

    /// The server that is selected, or else the first.
    pub(super) fn server(&self) -> Option<&Server> {
        let wanted = self.view.server.as_ref();
        let servers = self.servers();
        servers.iter().find(|server| Some(&server.name) == wanted).or_else(|| servers.first())
    }

    /// The outages of a server that are in force.
    pub(super) fn outages_of<'a>(
        &'a self,
        server: &'a Server,
    ) -> impl Iterator<Item = (OutageId, &'a OutageState)> + 'a {
        let meant = |outage: &OutageState| outage.spec.as_ref().is_some_and(|spec| spec.server == server.name);
        self.board.outages.iter().filter(move |(_, outage)| meant(outage)).map(|(id, outage)| (*id, outage))
    }

    /// Those of the selected server which operators have made, in their order.
    fn by_hand(&self) -> impl Iterator<Item = OutageId> + '_ {
        let made = |outage: &OutageState| outage.spec.as_ref().is_some_and(|spec| spec.by.is_some());
        let all = self.server().into_iter().flat_map(|server| self.outages_of(server));
        all.filter(move |(_, outage)| made(outage)).map(|(id, _)| id)
    }

    /// The same, as far as they come after that one.
    pub(super) fn by_hand_after(&self, asked: OutageId) -> impl Iterator<Item = OutageId> + '_ {
        self.by_hand().filter(move |id| *id > asked)
    }

    /// Goes on to ask of the next, if there is one.
    pub(super) fn ask_of_next(&mut self, asked: OutageId) {
        let next = self.by_hand_after(asked).next();
        self.view.question = next.map(Question::Lift);
    }

    /// Begins to block the selected server; where an operator has, asks whether to give it back.
    pub(super) fn begin_block(&mut self) {
        // What is done is done at present.
        self.view.moment = None;
        let refused = match self.phase() {
            Phase::On | Phase::Asked => self.server().is_none().then_some("nothing is known of the run yet"),
            Phase::Over => Some("the run is over"),
            Phase::Replay => Some("this is a recording"),
        };
        let by_hand = self.by_hand().next();
        match (refused, by_hand) {
            (Some(reason), _) => self.view.note = Some(format!("no server can be blocked: {reason}")),
            (None, Some(outage)) => self.view.question = Some(Question::Lift(outage)),
            (None, None) => (self.view.mode, self.view.choice) = (Mode::Block, Choice::default()),
        }
    }

    /// What is done by a key in BLOCK. Only `y` does it.
    pub(super) fn choose(&mut self, act: Act) -> Option<Wish> {
        let choice = &mut self.view.choice;
        match act {
            Act::Harm(harm) => choice.harm = harm,
            Act::Whom => {
                choice.whom = match choice.whom {
                    Whom::All => Whom::One,
                    Whom::One if !self.view.marked.is_empty() => Whom::Marked,
                    Whom::One | Whom::Marked => Whom::All,
                };
            }
            Act::Longer => choice.limit = (choice.limit + 1) % LIMITS.len(),
            Act::Yes => {
                self.view.mode = Mode::Normal;
                return self.chosen().map(Wish::Block);
            }
            _ => {}
        }
        None
    }

    /// The outage as chosen.
    fn chosen(&self) -> Option<Blocking> {
        let Choice { harm, whom, limit } = self.view.choice;
        let phones: Vec<PhoneName> = match whom {
            Whom::All => Vec::new(),
            Whom::One => self.phone().cloned().into_iter().collect(),
            Whom::Marked => self.view.marked.iter().cloned().collect(),
        };
        Some(Blocking {
            server: self.server()?.name.clone(),
            phones,
            what: harm.harm(),
            limit: LIMITS.get(limit).copied()?,
        })
    }

    /// Whether no case is judged.
    pub(super) fn only_watches(&self) -> bool {
        self.board.plan().is_some_and(|plan| plan.scenario.watch && plan.then.is_empty())
    }

    /// How many phones that the choice is about have a case that is open.
    pub(super) fn judged_in_choice(&self) -> usize {
        if self.only_watches() {
            return 0;
        }
        let one = self.phone();
        let meant = |phone: &PhoneName| match self.view.choice.whom {
            Whom::All => true,
            Whom::One => Some(phone) == one,
            Whom::Marked => self.view.marked.contains(phone),
        };
        let open = self.board.lines.iter().filter(|line| line.verdict.is_none());
        let mut phones: Vec<&PhoneName> = open.map(|line| &line.id.phone).collect();
        phones.retain(|phone| meant(phone));
        phones.dedup();
        phones.len()
    }
}
