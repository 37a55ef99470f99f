//! What an outage does, folded from what is observed, and told to people. Pure: no clock, no device.

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use crate::{
    config::duration,
    driver::{Report, network::Tallies},
    event::{Observed, OutageEnd, OutageSpec, OutageTally, PhoneName, Stamp, Toward},
    look::{Look, harmless},
    tui::wording,
};

/// One outage.
#[derive(Debug)]
pub struct Account {
    spec: OutageSpec,
    /// When it took force.
    pub began: Option<Stamp>,
    /// When it was over, and why.
    pub ended: Option<(Stamp, OutageEnd)>,
    tally: Tallies,
    bites: BTreeMap<(PhoneName, Toward), [Stamp; 2]>,
    /// What makes it worth nothing as a proof.
    pub faults: Vec<String>,
}

impl Account {
    /// One that has not begun.
    pub fn new(spec: OutageSpec) -> Self {
        let tally = spec.phones.iter().map(|phone| (phone.clone(), OutageTally::default())).collect();
        Self { spec, began: None, ended: None, tally, bites: BTreeMap::new(), faults: Vec::new() }
    }

    /// Takes a report. What there is to tell of it, if there is anything.
    pub fn take(&mut self, report: &Report) -> Option<String> {
        let at = report.when.at;
        match &report.observed {
            Observed::BridgeReady { bridge, adopted, changed } => {
                let how = if *adopted { "was there" } else { "made now, and kept" };
                let changed: String = changed.iter().map(|change| format!("; changed {change}")).collect();
                Some(format!("both sides are joined by {bridge} ({how}){changed}"))
            }
            Observed::OutageBegan { .. } => {
                self.began = Some(at);
                Some(format!("{} {}", self.spec.server, wording::outage(&self.spec).1))
            }
            Observed::FirstBite { phone, toward, .. } => {
                self.bites.insert((phone.clone(), *toward), [at; 2]);
                let since = at.since(self.began.unwrap_or(at));
                Some(format!("first bite: a frame {} was dropped after {}", way(phone, *toward), seconds(since)))
            }
            Observed::LastBite { phone, toward, .. } => {
                if let Some([_, last]) = self.bites.get_mut(&(phone.clone(), *toward)) {
                    *last = at;
                }
                None
            }
            Observed::Leak { phone, toward, .. } => self.fault(format!("LEAK: a frame {} passed", way(phone, *toward))),
            Observed::OrphansRemoved { names } => {
                Some(format!("removed what an earlier siprig had left: {}", names.join(", ")))
            }
            Observed::LinkLost { interface, how } => self.fault(format!("{interface} {how}: nothing passes there")),
            Observed::LinkBack { interface, gap_ns, .. } => {
                Some(format!("{interface} is back after {:.3} s", *gap_ns as f64 / 1e9))
            }
            Observed::BystanderLost { mac, .. } => {
                self.fault(format!("{mac}, which is of no outage, lost a frame to or from {}", self.spec.server))
            }
            Observed::ServerSeen { server, address, place } => {
                Some(format!("{server} answers from {address}: {place}"))
            }
            Observed::FollowedLate { phone, address, late_ns, .. } => {
                let late_ms = *late_ns as f64 / 1e6;
                self.fault(format!("{phone} and its address {address} were followed only after {late_ms:.1} ms"))
            }
            Observed::RouterSeen { phone, address, place, taken: false } => {
                Some(format!("{phone} comes from {address} through {place}"))
            }
            Observed::RouterSeen { phone, address, place, taken: true } => self
                .fault(format!("a device on the link has {address} too, which is {phone}'s: {place}; it is let alone")),
            Observed::EvidenceLost { count, .. } => {
                self.fault(format!("{count} frames were not seen: what they did is not known"))
            }
            Observed::OutageDeclined { reason, .. } => self.fault(format!("{reason}; choose another mode")),
            Observed::DriverFailed { reason, .. } => self.fault(reason.clone()),
            Observed::OutageEnded { why, tally, .. } => {
                // The helper that was lost took its tally along.
                if !tally.is_empty() {
                    self.tally.clone_from(tally);
                }
                self.ended = Some((at, *why));
                match why {
                    OutageEnd::Lifted | OutageEnd::Limit => None,
                    OutageEnd::HelperLost => {
                        self.fault("the bridge helper was lost, and the outage with it".to_owned())
                    }
                    OutageEnd::Lapsed => self.fault("the outage was not renewed in time, and ended".to_owned()),
                }
            }
            _ => None,
        }
    }

    /// Takes what was counted so far.
    pub fn count(&mut self, counted: &Tallies) {
        if self.ended.is_none() && !counted.is_empty() {
            self.tally.clone_from(counted);
        }
    }

    /// It lasts.
    pub fn is_in_force(&self) -> bool {
        self.began.is_some() && self.ended.is_none()
    }

    /// Notes what makes it worth nothing, and tells it.
    pub fn fault(&mut self, what: String) -> Option<String> {
        self.faults.push(what.clone());
        Some(what)
    }

    /// One line on how it goes.
    pub fn live(&self, now: Stamp, look: Look) -> String {
        let began = self.began.unwrap_or(now);
        let lasted = now.since(began);
        let (state, _) = wording::outage(&self.spec);
        let [lasted, left] = [lasted, self.spec.limit.saturating_sub(lasted)].map(clock);
        let mut line = format!("{} {state} for {lasted}, back by itself in {left}", self.spec.server);
        let [up, down] = [look.pick("↑", " to it"), look.pick("↓", " from it")];
        for (phone, tally) in &self.tally {
            // Writing to a String can not fail.
            let _ = write!(line, " | {phone} {}{up} {}{down}", tally.dropped_to_server, tally.dropped_to_phone);
            if tally.late > 0 {
                let _ = write!(line, " {} late", tally.late);
            }
            if tally.leaked > 0 {
                let _ = write!(line, " {} LEAKED", tally.leaked);
            }
        }
        harmless(&line)
    }

    /// What it came to: some lines. Nothing, if it never began.
    pub fn conclusion(&self) -> String {
        let (Some(began), Some((ended, why))) = (self.began, self.ended) else { return String::new() };
        let why = match why {
            OutageEnd::Lifted => "it was ended",
            OutageEnd::Limit => "its time was over",
            OutageEnd::HelperLost => "the bridge helper was lost",
            OutageEnd::Lapsed => "it was not renewed in time",
        };
        let mut text = String::new();
        let lasted = seconds(ended.since(began));
        // Writing to a String can not fail.
        let _ = writeln!(text, "{}: {} for {lasted}, until {why}", self.spec.server, self.spec.mode);
        for (phone, tally) in &self.tally {
            let _ = writeln!(text, "  {phone}: {}", self.of_phone(phone, tally, began));
        }
        for fault in &self.faults {
            let _ = writeln!(text, "  FAULT: {fault}");
        }
        text.lines().map(|line| harmless(line) + "\n").collect()
    }

    fn of_phone(&self, phone: &PhoneName, tally: &OutageTally, began: Stamp) -> String {
        let some = |count: u64, what: &str| (count > 0).then(|| format!("{count} {what}"));
        let dropped = [
            some(tally.dropped_to_server, "to the server dropped"),
            some(tally.dropped_to_phone, "to the phone dropped"),
            tally.not_sip().map(|not_sip| format!("of these {not_sip}")),
            some(tally.late, "late"),
            some(tally.doubled, "twice"),
            some(tally.leaked, "LEAKED"),
        ];
        let frames: Vec<String> = dropped.into_iter().flatten().collect();
        if frames.is_empty() {
            return "in force, and nothing met it".to_owned();
        }
        let bite = |toward, what: &str| {
            let [first, last] = self.bites.get(&(phone.clone(), toward))?.map(|at| seconds(at.since(began)));
            Some(format!("first {what} after {first}, last after {last}"))
        };
        let bites = [bite(Toward::Server, "to the server"), bite(Toward::Phone, "to the phone")];
        let bites: Vec<String> = bites.into_iter().flatten().collect();
        let bites = if bites.is_empty() { String::new() } else { format!("; {}", bites.join("; ")) };
        format!("frames: {}{bites}", frames.join(", "))
    }
}

/// What is going to be done, before anything is.
pub fn announcement(spec: &OutageSpec, dark: &[String], left_out: &[PhoneName]) -> Vec<String> {
    let names = |phones: &[PhoneName]| phones.iter().map(|phone| phone.0.as_str()).collect::<Vec<_>>().join(", ");
    let limit = duration::show(spec.limit);
    let mut lines = vec![format!("server {}: {}, for {limit} at most", spec.server, spec.what())];
    lines.push(format!("phones: {}", names(&spec.phones)));
    if !left_out.is_empty() {
        lines.push(format!("protected and left alone: {}", names(left_out)));
    }
    lines.push(match dark {
        _ if spec.only.is_some() => "nothing else is touched".to_owned(),
        [] => "nothing but SIP is touched".to_owned(),
        dark if spec.mode.link().is_some() => format!("with it, for everybody: {}", dark.join(", ")),
        dark => format!("with it, for these phones: {}", dark.join(", ")),
    });
    lines
}

fn way(phone: &PhoneName, toward: Toward) -> String {
    match toward {
        Toward::Server => format!("from {phone} to the server"),
        Toward::Phone => format!("from the server to {phone}"),
    }
}

fn seconds(span: Duration) -> String {
    format!("{:.3} s", span.as_secs_f64())
}

/// Minutes and seconds; hours where there are some.
fn clock(span: Duration) -> String {
    let seconds = span.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes:02}:{seconds:02}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{OutageId, OutageMode, OutageScope, RigPart, ServerName, When};

    const OUTAGE: OutageId = OutageId(1);

    fn spec() -> OutageSpec {
        OutageSpec {
            mode: OutageMode::DROP,
            server: ServerName::from("a"),
            scope: OutageScope::Host,
            only: None,
            phones: vec![PhoneName::from("p1"), PhoneName::from("p2")],
            toward: None,
            limit: Duration::from_secs(300),
            by: None,
        }
    }

    fn at(ms: u64, observed: Observed) -> Report {
        Report { when: When::exactly(Stamp(ms * 1_000_000)), observed }
    }

    fn begun() -> Account {
        let mut account = Account::new(spec());
        account.take(&at(1000, Observed::OutageBegan { outage: OUTAGE }));
        account
    }

    fn ended(ms: u64, why: OutageEnd, tally: Tallies) -> Report {
        at(ms, Observed::OutageEnded { outage: OUTAGE, why, tally })
    }

    #[test]
    fn it_tells_what_met_the_outage_and_what_did_not() {
        let mut account = begun();
        assert!(account.is_in_force());
        let phone = PhoneName::from("p1");
        let bite = Observed::FirstBite { outage: OUTAGE, phone: phone.clone(), toward: Toward::Server };
        assert_eq!(
            account.take(&at(1400, bite)).unwrap(),
            "first bite: a frame from p1 to the server was dropped after 0.400 s"
        );
        let bite = Observed::LastBite { outage: OUTAGE, phone: phone.clone(), toward: Toward::Server };
        assert_eq!(account.take(&at(12_500, bite)), None);
        let tally = OutageTally { dropped_to_server: 12, dropped_other: 2, ..OutageTally::default() };
        let tally = Tallies::from([(phone, tally), (PhoneName::from("p2"), OutageTally::default())]);
        account.count(&tally);
        assert_eq!(
            account.live(Stamp(10_000_000_000), Look::PLAIN),
            "a IS AWAY for 00:09, back by itself in 04:51 | p1 12 to it 0 from it | p2 0 to it 0 from it"
        );
        assert_eq!(account.take(&ended(13_000, OutageEnd::Limit, tally)), None);
        assert!(!account.is_in_force() && account.faults.is_empty());
        assert_eq!(
            account.conclusion(),
            "a: drop for 12.000 s, until its time was over\n  p1: frames: 12 to the server dropped, of these 2 not SIP; \
             first to the server after 0.400 s, last after 11.500 s\n  p2: in force, and nothing met it\n"
        );
    }

    #[test]
    fn a_leak_and_lost_evidence_and_a_lost_helper_are_faults() {
        let leak = Observed::Leak { outage: OUTAGE, phone: PhoneName::from("p1"), toward: Toward::Phone };
        let lost = Observed::EvidenceLost { how: crate::event::Loss::KernelDrop, count: 7 };
        let failed =
            Observed::DriverFailed { part: RigPart::Bridge, phone: None, reason: "the helper has ended".to_owned() };
        for observed in [leak, lost, failed] {
            let mut account = begun();
            assert!(account.take(&at(2000, observed)).is_some());
            assert_eq!(account.faults.len(), 1);
        }
        let mut account = begun();
        account.count(&Tallies::from([(
            PhoneName::from("p1"),
            OutageTally { dropped_to_phone: 3, ..OutageTally::default() },
        )]));
        account.take(&ended(2000, OutageEnd::HelperLost, Tallies::new()));
        let said = account.conclusion();
        assert!(
            said.contains("3 to the phone dropped") && said.contains("FAULT: the bridge helper was lost"),
            "{said}"
        );
    }

    #[test]
    fn what_is_going_to_be_done_is_said_with_what_else_goes_dark() {
        let dark = ["xml (80)".to_owned(), "whatever else is at 10.77.0.2".to_owned()];
        let said = announcement(&spec(), &dark, &[PhoneName::from("p3")]);
        assert_eq!(
            said,
            [
                "server a: drop, whole host, for 5m at most",
                "phones: p1, p2",
                "protected and left alone: p3",
                "with it, for these phones: xml (80), whatever else is at 10.77.0.2",
            ]
        );
    }
}
