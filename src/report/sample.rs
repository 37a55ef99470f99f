//! Journals built in code, for the tests of reports and displays.

use std::{collections::BTreeMap, net::IpAddr, time::Duration};

use crate::{
    config::{
        Bench, CAPTURE_SIZE, ConsolePort, Identity, Line, Mac, Model, Network, Phone, Plan, RenewalLead, Role,
        Scenario, Server, Source, Step, StepKind, Timer, Timers,
    },
    event::{
        Action, BindingChange, BindingEvent, Bystanders, Derived, Event, LineId, Loss, Move, Observed, OutageEnd,
        OutageId, OutageMode, OutageScope, OutageSpec, OutageTally, PhoneName, Record, ServerName, Stamp, Toward, When,
    },
    report::RunStory,
    verdict::{Blame, Case, CaseId, Measurement, Verdict},
};

/// What becomes of a phone in the sample run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It moves and comes home in time.
    Clean,
    /// It moves, but after its window.
    Late,
    /// It stays on the backup.
    NeverHome,
    /// A frame of it leaked through the outage.
    Leak,
    /// It has no console, which the scenario needs.
    Skipped,
}

pub(crate) const SERVERS: [(&str, Role); 2] = [("a", Role::Primary), ("b", Role::Backup)];

/// A run that four phones survive.
pub(crate) fn clean_run() -> Vec<Record> {
    run(&[Fate::Clean; 4])
}

/// One of each kind of ending.
pub(crate) fn mixed_run() -> Vec<Record> {
    run(&[Fate::Clean, Fate::NeverHome, Fate::Leak, Fate::Skipped, Fate::Late])
}

/// A run with one phone for each fate.
pub(crate) fn run(fates: &[Fate]) -> Vec<Record> {
    let mut journal = Journal::default();
    journal.observe(0.0, Observed::RunStarted { plan: Box::new(plan(fates)) });
    journal.observe(41.3, Observed::BridgeReady { bridge: "siprig0".into(), adopted: false, changed: Vec::new() });
    journal.step(50.0, 0, "every line is registered at its primary");
    let steps: [fn(&mut Journal, usize, Fate); 4] = [baseline, failover, failback, verdict];
    let each = |journal: &mut Journal, step: usize| {
        for (index, fate) in fates.iter().enumerate() {
            steps[step](journal, index, *fate);
        }
    };
    each(&mut journal, 0);
    journal.step(7_900.0, 1, "take the primary away");
    let phones: Vec<PhoneName> = (0..fates.len()).map(name).collect();
    journal.act(7_950.0, Action::BeginOutage { outage: OutageId(1), spec: Box::new(outage(&phones)) });
    journal.observe(8_000.0, Observed::OutageBegan { outage: OutageId(1) });
    journal.step(8_010.0, 2, "every line moves to its backup");
    let bite = |phone: &PhoneName| (OutageId(1), phone.clone(), Toward::Server);
    for (phone, at) in phones.iter().zip([9_200.0, 9_700.0]) {
        let (outage, phone, toward) = bite(phone);
        journal.observe(at, Observed::FirstBite { outage, phone, toward });
    }
    each(&mut journal, 1);
    let bystanders = Bystanders { https: 1, ntp: 1, ..Bystanders::default() };
    let tally = OutageTally {
        dropped_to_server: 7,
        dropped_to_phone: 3,
        dropped_other: 2,
        bystanders,
        ..OutageTally::default()
    };
    journal.step(31_900.0, 3, "give the primary back");
    for (phone, at) in phones.iter().zip([31_600.0, 31_850.0]) {
        let (outage, phone, toward) = bite(phone);
        journal.observe(at, Observed::LastBite { outage, phone, toward });
    }
    journal.observe(
        32_000.0,
        Observed::OutageEnded {
            outage: OutageId(1),
            why: OutageEnd::Lifted,
            tally: phones.iter().map(|phone| (phone.clone(), tally)).collect(),
        },
    );
    journal.step(32_010.0, 4, "every line comes home");
    each(&mut journal, 2);
    each(&mut journal, 3);
    journal.derive(58_100.0, Derived::RunEnded);
    journal.records()
}

/// A run of two lines and these outages, begun 100 s after one another.
pub(crate) fn outages(modes: &[OutageMode]) -> RunStory {
    RunStory::from_records(&outage_records(modes))
}

/// Its records.
pub(crate) fn outage_records(modes: &[OutageMode]) -> Vec<Record> {
    let plan = plan(&[Fate::Clean, Fate::Clean]);
    let spec = outage(&plan.phones);
    let mut journal = Journal::default();
    journal.observe(0.0, Observed::RunStarted { plan: Box::new(plan) });
    for (number, mode) in (1..).zip(modes) {
        let (outage, at) = (OutageId(number), 100_000.0 * f64::from(number));
        journal
            .act(at, Action::BeginOutage { outage, spec: Box::new(OutageSpec { mode: mode.clone(), ..spec.clone() }) });
        journal.observe(at, Observed::OutageBegan { outage });
    }
    journal.records()
}

fn baseline(journal: &mut Journal, index: usize, fate: Fate) {
    if fate == Fate::Skipped {
        return;
    }
    let offset = index as f64 * 430.0;
    journal.bind(310.0 + offset, index, "a", BindingEvent::Created { granted_s: 12 });
    journal.bind(6_200.0 + offset, index, "a", BindingEvent::Refreshed { granted_s: 12 });
    journal.derive(
        320.0 + offset,
        Derived::StepEnded { step: 0, case: id(index), ok: true, note: "registered at a".into(), evidence: vec![7] },
    );
}

fn failover(journal: &mut Journal, index: usize, fate: Fate) {
    if fate == Fate::Skipped {
        return;
    }
    let offset = index as f64 * 430.0;
    journal.derive(
        8_001.0,
        Derived::DeadlineComputed {
            case: id(index),
            of: Move::Failover,
            window_ms: 10_200.0 + offset,
            derivation: format!(
                "{:.1} s of the granted 12.0 s left − 6.0 s renewal lead + 4.0 s transaction + 2.0 s registering",
                10.2 + offset / 1000.0
            ),
            assumed: if index == 1 { vec!["renewal-lead".into()] } else { vec![] },
        },
    );
    if fate == Fate::Leak {
        let leak = Observed::Leak { outage: OutageId(1), phone: name(index), toward: Toward::Server };
        journal.observe(9_400.0, leak);
    }
    let late = if fate == Fate::Late { 6_000.0 } else { 0.0 };
    let (waiting, detecting, registering) = (4_211.4 + offset, 4_003.2 + late, 38.6 + index as f64);
    let moved = 8_000.0 + waiting + detecting + registering;
    let limits = (None, Some(10_200.0 + offset));
    journal.measure(index, "failover", 8_000.0, Some(moved - 8_000.0), limits);
    journal.measure(index, "failover-waiting", 8_000.0, Some(waiting), (None, None));
    journal.measure(index, "failover-detecting", 8_000.0 + waiting, Some(detecting), (None, None));
    journal.measure(index, "failover-registering", moved - registering, Some(registering), (None, None));
    journal.bind(moved, index, "b", BindingEvent::Created { granted_s: 12 });
    journal.bind(18_200.0 + offset, index, "a", BindingEvent::Expired);
    journal.bind(moved + 6_000.0, index, "b", BindingEvent::Refreshed { granted_s: 12 });
    journal.bind(moved + 12_000.0, index, "b", BindingEvent::Refreshed { granted_s: 12 });
    let (ok, note) = match fate {
        Fate::Late => (false, "registered at b after its window"),
        _ => (true, "registered at b"),
    };
    let done = Derived::StepEnded { step: 2, case: id(index), ok, note: note.into(), evidence: vec![21, 34] };
    journal.derive(moved + 1.0, done);
}

fn failback(journal: &mut Journal, index: usize, fate: Fate) {
    let offset = index as f64 * 430.0;
    match fate {
        Fate::Skipped => {}
        Fate::NeverHome => {
            let window = Derived::DeadlineComputed {
                case: id(index),
                of: Move::Failback,
                window_ms: 12_900.0,
                derivation: "11.5 s of the granted 12.0 s left at the backup − 6.0 s renewal lead + 2.0 s registering"
                    .into(),
                assumed: vec![],
            };
            journal.derive(32_001.0, window);
            for renewal in [36_400.0, 42_400.0, 48_400.0, 54_400.0] {
                journal.bind(renewal, index, "b", BindingEvent::Refreshed { granted_s: 12 });
            }
            journal.measure(index, "failback", 32_000.0, None, (None, Some(12_900.0)));
        }
        Fate::Clean | Fate::Late | Fate::Leak => {
            let home = 36_402.0 + offset;
            journal.measure(index, "failback", 32_000.0, Some(home - 32_000.0), (None, Some(12_900.0)));
            journal.measure(index, "failback-waiting", 32_000.0, Some(home - 32_040.0), (None, None));
            journal.measure(index, "failback-registering", home - 40.0, Some(40.0), (None, None));
            journal.bind(home, index, "a", BindingEvent::Created { granted_s: 12 });
            for renewal in [6_000.0, 12_000.0, 18_000.0] {
                journal.bind(home + renewal, index, "a", BindingEvent::Refreshed { granted_s: 12 });
            }
            journal.bind(home + 8_100.0, index, "b", BindingEvent::Expired);
            journal.measure(index, "stale-backup", home, Some(8_100.0), (None, None));
        }
    }
}

fn verdict(journal: &mut Journal, index: usize, fate: Fate) {
    let at = 58_000.0 + index as f64;
    let (verdict, blame, code, reason) = match fate {
        Fate::Clean => (Verdict::Pass, None, None, None),
        Fate::Late => (
            Verdict::Fail,
            Some(Blame::Phone),
            Some("late"),
            Some("it registered at b 15.9 s after a was taken away; its window was 11.9 s"),
        ),
        Fate::NeverHome => (
            Verdict::Fail,
            Some(Blame::Phone),
            Some("never-failed-back"),
            Some("a answers again, but the phone sent no REGISTER there within 25.8 s"),
        ),
        Fate::Leak => (
            Verdict::RigError,
            Some(Blame::Rig),
            Some("leak"),
            Some("a frame passed the bridge although a was taken away"),
        ),
        Fate::Skipped => {
            (Verdict::Skipped, Some(Blame::Configuration), Some("no-console"), Some("the phone has no console"))
        }
    };
    let case = Case {
        id: id(index),
        verdict,
        blame,
        code: code.map(Into::into),
        reason: reason.map(Into::into),
        expected: true,
        attempts: u32::from(fate != Fate::Skipped),
        evidence: if fate == Fate::Skipped { vec![] } else { vec![17, 34, 402] },
        measurements: journal.measured.get(&index).cloned().unwrap_or_default(),
    };
    journal.derive(at, Derived::CaseDecided(Box::new(case)));
}

/// Builds records with ascending numbers; sorted by time at the end.
#[derive(Default)]
pub(crate) struct Journal {
    entries: Vec<(f64, Event)>,
    measured: BTreeMap<usize, Vec<Measurement>>,
}

impl Journal {
    pub(crate) fn observe(&mut self, at_ms: f64, observed: Observed) {
        self.entries.push((at_ms, Event::Observed(observed)));
    }

    pub(crate) fn derive(&mut self, at_ms: f64, derived: Derived) {
        self.entries.push((at_ms, Event::Derived(derived)));
    }

    fn act(&mut self, at_ms: f64, action: Action) {
        self.entries.push((at_ms, Event::Action(action)));
    }

    fn step(&mut self, at_ms: f64, step: usize, title: &str) {
        self.derive(at_ms, Derived::StepStarted { step, of: 5, title: title.into(), phones: Vec::new() });
    }

    pub(crate) fn bind(&mut self, at_ms: f64, index: usize, server: &str, change: BindingEvent) {
        let home = Derived::Home { line: line(index), server: Some(server.into()) };
        if matches!(change, BindingEvent::Created { .. }) {
            self.derive(at_ms, home);
        }
        self.derive(
            at_ms,
            Derived::Binding(BindingChange {
                line: line(index),
                server: server.into(),
                contact: format!("sip:100{}@10.77.0.1{}:5060", index + 1, index + 1),
                change,
                evidence: vec![(at_ms / 100.0) as u64],
            }),
        );
    }

    fn measure(&mut self, index: usize, name: &str, at: f64, value: Option<f64>, limits: (Option<f64>, Option<f64>)) {
        let (from, to) = if name.starts_with("failback") { ("b", "a") } else { ("a", "b") };
        let measurement = Measurement {
            name: name.into(),
            at_ms: Some(at),
            from_server: Some(from.into()),
            to_server: Some(to.into()),
            value,
            unit: "ms".into(),
            error: value.map(|_| 0.304),
            min: limits.0,
            max: limits.1,
            why_null: value.is_none().then(|| "no REGISTER at a was seen".into()),
        };
        self.measured.entry(index).or_default().push(measurement.clone());
        let end = at + value.unwrap_or(25_800.0);
        self.derive(end, Derived::Measured { case: id(index), measurement });
    }

    pub(crate) fn records(mut self) -> Vec<Record> {
        self.entries.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        let stamp = |ms: f64| Stamp((ms * 1e6) as u64);
        let numbered = self.entries.into_iter().zip(1..).map(|((at, event), seq)| Record {
            seq,
            seen: stamp(at),
            when: When { at: stamp(at), error_ns: 304_000 },
            event,
        });
        numbered.collect()
    }
}

pub(crate) const fn lost_evidence() -> Observed {
    Observed::EvidenceLost { how: Loss::KernelDrop, count: 12 }
}

pub(crate) fn name(index: usize) -> PhoneName {
    PhoneName(format!("p{}", index + 1))
}

pub(crate) fn line(index: usize) -> LineId {
    LineId { phone: name(index), extension: format!("100{}", index + 1) }
}

pub(crate) fn id(index: usize) -> CaseId {
    CaseId { scenario: "failover".into(), phone: name(index), line: format!("100{}", index + 1) }
}

fn outage(phones: &[PhoneName]) -> OutageSpec {
    OutageSpec {
        mode: OutageMode::DROP,
        toward: None,
        server: "a".into(),
        scope: OutageScope::Host,
        only: None,
        phones: phones.to_vec(),
        limit: Duration::from_secs(1200),
        by: None,
    }
}

fn timer<T>(value: T, source: Source) -> Timer<T> {
    Timer { value, source }
}

fn timers() -> Timers {
    let secs = Duration::from_secs;
    Timers {
        expires: timer(secs(12), Source::Configured),
        transaction: timer(secs(4), Source::Configured),
        renewal_lead: timer(RenewalLead::Percent(50.0), Source::Assumed),
        retry_timeout: timer(secs(30), Source::Manual),
        retry_rejected: timer(secs(60), Source::Manual),
    }
}

pub(crate) fn plan(fates: &[Fate]) -> Plan {
    let server = |index: usize| Server {
        name: ServerName::from(SERVERS[index].0),
        role: SERVERS[index].1,
        addresses: vec![IpAddr::from([10, 77, 0, 2 + index as u8])],
        services: BTreeMap::from([("sip".into(), vec![5060]), ("provisioning".into(), vec![443])]),
        hook: None,
        witness: None,
        names: Vec::new(),
        gateway: None,
    };
    let phone = |(index, fate): (usize, &Fate)| Phone {
        name: name(index),
        model: "virtual".into(),
        identity: Identity::OnLink { mac: Mac([2, 0, 0, 0, 0, index as u8 + 1]) },
        address: Some(IpAddr::from([10, 77, 0, 11 + index as u8])),
        lines: vec![Line {
            registers: true,
            extension: format!("100{}", index + 1),
            primary: "a".into(),
            backup: Some("b".into()),
            proxies: None,
            domain: None,
            auth_user: None,
            password_file: None,
            pin_file: None,
        }],
        console: (*fate != Fate::Skipped)
            .then(|| ConsolePort::at(crate::config::PortAddress::Path("/dev/pts/7".into()), 115_200)),
        keypad: None,
        push: None,
        status_page: None,
        timers: timers(),
    };
    Plan {
        run: "2026-11-23T221503Z-failover".into(),
        epoch_unix_ns: 1_795_472_103_000_000_000,
        version: "0.1.0".into(),
        bench: Bench {
            name: "virtual".into(),
            network: Some(Network {
                phone_side: "phones0".into(),
                server_side: "servers0".into(),
                bridge: None,
                probe_address: None,
                probe_interface: None,
                vlan: None,
                protected: vec![],
                capture_size: CAPTURE_SIZE,
            }),
            syslog: None,
            action_uri: None,
            pbx: BTreeMap::new(),
            peers: Vec::new(),
            provisioning: None,
            licences: None,
            servers: vec![server(0), server(1)],
            phones: fates.iter().enumerate().map(phone).collect(),
        },
        models: BTreeMap::from([(
            "virtual".into(),
            Model {
                name: "virtual".into(),
                title: "Simulated desk phone".into(),
                timers: timers(),
                ..Model::unknown()
            },
        )]),
        then: Vec::new(),
        scenario: Scenario {
            proves: Some("If the primary server does not respond, the phone registers with the backup server.".into()),
            ..Scenario::of(
                "failover",
                "the primary goes away for a while, and every line moves to the backup and comes home",
                vec![
                    Step::of("every line is registered at its primary", StepKind::Expect { of: Move::Baseline }),
                    Step::of("give the primary back", StepKind::Lift { server: None, turns: None }),
                ],
            )
        },
        phones: (0..fates.len()).map(name).collect(),
        unsettled: Vec::new(),
        overrides: vec![],
        keep_secrets: false,
        allow_link_down: false,
    }
}

/// Replaces the reason of every case with that code, as a hostile phone might.
pub(crate) fn rename_reason(records: &mut [Record], code: &str, reason: &str) {
    for record in records {
        if let Event::Derived(Derived::CaseDecided(case)) = &mut record.event
            && case.code.as_deref() == Some(code)
        {
            case.reason = Some(reason.to_owned());
        }
    }
}

/// Makes every case with that code one that a document admits.
pub(crate) fn admit(records: &mut [Record], code: &str) {
    for record in records {
        if let Event::Derived(Derived::CaseDecided(case)) = &mut record.event
            && case.code.as_deref() == Some(code)
        {
            case.code = Some("documented-limit".to_owned());
            case.expected = false;
        }
    }
}
