//! A round of canaries: what is sent through each path, what must come of it, and what came.

use std::collections::BTreeSet;

use crate::event::{Observed, OutageId, OutageSpec, PhoneName, Toward};

/// One round, while it is awaited.
#[derive(Debug)]
pub struct Round {
    outage: Option<OutageId>,
    /// Ways that are cut.
    cut: Vec<Toward>,
    open: BTreeSet<(PhoneName, Toward)>,
    wrong: Vec<String>,
}

impl Round {
    /// Without an outage: all must pass.
    pub fn control(spec: &OutageSpec) -> Self {
        Self::of(spec, None, Vec::new())
    }

    /// In the outage: none must pass where it takes them, and all elsewhere.
    pub fn proof(spec: &OutageSpec, outage: OutageId) -> Self {
        let cut = [Toward::Server, Toward::Phone].into_iter().filter(|toward| spec.takes_canaries(*toward)).collect();
        Self::of(spec, Some(outage), cut)
    }

    fn of(spec: &OutageSpec, outage: Option<OutageId>, cut: Vec<Toward>) -> Self {
        let ways = |phone: &PhoneName| [(phone.clone(), Toward::Server), (phone.clone(), Toward::Phone)];
        Self { outage, cut, open: spec.phones.iter().flat_map(ways).collect(), wrong: Vec::new() }
    }

    /// The outage that it proves.
    pub fn outage(&self) -> Option<OutageId> {
        self.outage
    }

    /// Takes what came of a canary. True if none is awaited any more.
    pub fn take(&mut self, observed: &Observed) -> bool {
        if let Observed::Canary { outage, phone, toward, passed, .. } = observed
            && *outage == self.outage
            && self.open.remove(&(phone.clone(), *toward))
        {
            let cut = self.cut.contains(toward);
            if *passed && cut {
                self.wrong.push(format!("a canary {} came through", way(phone, *toward)));
            } else if !*passed && !cut {
                self.wrong.push(format!("a canary {} did not come through", way(phone, *toward)));
            }
        }
        self.open.is_empty()
    }

    /// What is wrong, if anything is; those of which nothing was heard count.
    pub fn wrong(&self) -> Option<String> {
        let lost =
            self.open.iter().map(|(phone, toward)| format!("a canary {} was not accounted for", way(phone, *toward)));
        let all: Vec<String> = self.wrong.iter().cloned().chain(lost).collect();
        (!all.is_empty()).then(|| all.join(", "))
    }

    /// What it shows, if nothing is wrong.
    pub fn shows(&self) -> &'static str {
        match (self.outage, self.cut.as_slice()) {
            (None, _) => "canaries pass both ways",
            (Some(_), []) => "canaries pass, as whatever it does not take",
            (Some(_), [Toward::Server]) => "canaries to the server are dropped, those to the phones pass",
            (Some(_), [Toward::Phone]) => "canaries to the phones are dropped, those to the server pass",
            (Some(_), _) => "canaries are dropped both ways",
        }
    }
}

fn way(phone: &PhoneName, toward: Toward) -> String {
    match toward {
        Toward::Server => format!("from {phone} to the server"),
        Toward::Phone => format!("from the server to {phone}"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::event::{OutageMode, OutageScope, ServerName};

    const OUTAGE: OutageId = OutageId(1);

    fn spec(toward: Option<Toward>) -> OutageSpec {
        OutageSpec {
            mode: OutageMode::DROP,
            server: ServerName::from("a"),
            scope: OutageScope::Host,
            only: None,
            phones: vec![PhoneName::from("p1")],
            toward,
            limit: Duration::from_secs(5),
            by: None,
        }
    }

    fn canary(outage: Option<OutageId>, toward: Toward, passed: bool) -> Observed {
        Observed::Canary { outage, phone: PhoneName::from("p1"), server: ServerName::from("a"), toward, passed }
    }

    #[test]
    fn a_canary_that_passes_where_it_must_not_is_named_with_its_way() {
        let mut round = Round::proof(&spec(None), OUTAGE);
        assert!(!round.take(&canary(Some(OUTAGE), Toward::Server, false)));
        assert!(round.take(&canary(Some(OUTAGE), Toward::Phone, true)));
        assert_eq!(round.wrong().unwrap(), "a canary from the server to p1 came through");
    }

    #[test]
    fn where_one_way_alone_is_cut_the_other_must_pass() {
        let mut round = Round::proof(&spec(Some(Toward::Server)), OUTAGE);
        round.take(&canary(Some(OUTAGE), Toward::Server, false));
        round.take(&canary(Some(OUTAGE), Toward::Phone, false));
        assert_eq!(round.wrong().unwrap(), "a canary from the server to p1 did not come through");
    }

    #[test]
    fn a_canary_of_another_round_proves_nothing() {
        let mut round = Round::control(&spec(None));
        round.take(&canary(Some(OUTAGE), Toward::Server, true));
        round.take(&canary(None, Toward::Phone, true));
        assert_eq!(round.wrong().unwrap(), "a canary from p1 to the server was not accounted for");
        assert!(round.take(&canary(None, Toward::Server, true)));
        assert_eq!(round.wrong(), None);
    }
}
