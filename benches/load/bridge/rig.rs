//! siprig's bridge on the lab, as a run has it.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use siprig::{
    config::{Mac, Plan, Scenario, load},
    driver::{
        Report,
        clock::RunClock,
        network::{NetworkDriver, Program},
    },
    event::{
        Impairment, LinkSide, Loss, Manner, Observed, OutageEnd, OutageId, OutageMode, OutageScope, OutageSpec,
        OutageTally, PhoneName, Selection, ServerName, Share, Spoof, Toward, Unreachable,
        outage::{Fading, Flapping, Rebooting},
    },
};
use tokio::{runtime::Runtime, sync::mpsc, time::timeout};

use super::{
    lab::Outcome,
    traffic::{self, PHONE, PHONE_IP, SERVER, SERVER_IP, Template},
};

const PATIENCE: Duration = Duration::from_secs(10);
/// The server's name.
const NAME: &str = "sip-a.example";
/// An outage that does one thing after the other is through with them after this time, or begins again.
pub const COURSE: Duration = Duration::from_millis(300);

/// A running bridge.
pub struct Rig {
    runtime: Runtime,
    driver: NetworkDriver,
    clock: RunClock,
    reports: mpsc::Receiver<Report>,
    /// Frames of which there is no evidence, by how they were lost.
    pub lost: Vec<(Loss, u64)>,
    /// Frames that should have gone on and could not, or not in time.
    pub unsent: u64,
    /// What else the bridge complained of.
    pub troubles: Vec<String>,
}

/// When an outage began or ended.
#[derive(Debug, Clone, Copy)]
pub struct Seam {
    /// On the wall clock.
    pub at_ns: i64,
    /// By how much that may be wrong.
    pub error_ns: i64,
}

impl Rig {
    /// Joins the two interfaces; `folder` is for what it writes.
    pub fn start(siprig: &str, sides: &[String; 2], folder: &Path) -> Outcome<Self> {
        let text = format!(
            "[bench]\nname = \"lab\"\n\n[network]\nphone-side = \"{}\"\nserver-side = \"{}\"\n\n\
             [[server]]\nname = \"a\"\nrole = \"primary\"\naddresses = [\"{SERVER_IP}\"]\nnames = [\"{NAME}\"]\n\n\
             [[phone]]\nname = \"p1\"\nmodel = \"aastra-6731i\"\nmac = \"{PHONE}\"\naddress = \"{PHONE_IP}\"\n\
             extension = \"1001\"\n",
            sides[0], sides[1]
        );
        let file = folder.join("lab.toml");
        std::fs::write(&file, text)?;
        let (bench, models) = load::bench(&file.to_string_lossy(), Path::new(load::RIG), &[])?;
        let plan = Plan {
            then: Vec::new(),
            run: "load".to_owned(),
            epoch_unix_ns: 0,
            version: String::new(),
            bench,
            models,
            scenario: Scenario::of("load", "load", Vec::new()),
            phones: vec![PhoneName::from("p1")],
            unsettled: Vec::new(),
            overrides: Vec::new(),
            keep_secrets: false,
            allow_link_down: true,
        };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let (sender, reports) = mpsc::channel(1024);
        let clock = RunClock::start();
        let program = Program::at(siprig);
        let started = NetworkDriver::start_with(&program, &plan, &clock, folder, sender);
        let driver = runtime.block_on(started)?;
        Ok(Self { runtime, driver, clock, reports, lost: Vec::new(), unsent: 0, troubles: Vec::new() })
    }

    /// Process id of the helper.
    pub fn helper(&self) -> Outcome<i32> {
        Ok(self.driver.helper_pid().ok_or("the helper is gone")?.cast_signed())
    }

    pub fn begin(&mut self, outage: u32, kind: &Kind) -> Outcome<Seam> {
        self.driver.begin_outage(OutageId(outage), &kind.spec())?;
        self.until(|observed, seam| matches!(observed, Observed::OutageBegan { .. }).then_some(seam))
    }

    pub fn end(&mut self, outage: u32) -> Outcome<(Seam, OutageTally)> {
        self.driver.end_outage(OutageId(outage))?;
        self.until(|observed, seam| match observed {
            Observed::OutageEnded { tally, why: OutageEnd::Lifted, .. } => {
                Some((seam, tally.values().next().copied().unwrap_or_default()))
            }
            _ => None,
        })
    }

    /// Takes reports for a while.
    pub fn attend(&mut self, span: Duration) -> Outcome<()> {
        let until = Instant::now() + span;
        while let Some(report) = self.next(until) {
            self.note(&report.observed);
        }
        Ok(())
    }

    pub fn close(self) -> Outcome<()> {
        Ok(self.runtime.block_on(self.driver.close())?)
    }

    fn next(&mut self, until: Instant) -> Option<Report> {
        let left = until.saturating_duration_since(Instant::now());
        self.runtime.block_on(async { timeout(left, self.reports.recv()).await }).ok().flatten()
    }

    fn until<T>(&mut self, wanted: impl Fn(&Observed, Seam) -> Option<T>) -> Outcome<T> {
        let until = Instant::now() + PATIENCE;
        loop {
            let report =
                self.next(until).ok_or_else(|| format!("the bridge said nothing more; {:?}", self.troubles))?;
            self.note(&report.observed);
            let seam = Seam { at_ns: self.clock.unix_ns(report.when.at), error_ns: report.when.error_ns.cast_signed() };
            if let Some(found) = wanted(&report.observed, seam) {
                return Ok(found);
            }
        }
    }

    fn note(&mut self, observed: &Observed) {
        match observed {
            Observed::EvidenceLost { how, count, .. } => self.lost.push((*how, *count)),
            Observed::DriverFailed { reason, .. } => match unsent(reason) {
                Some(count) => self.unsent += count,
                None => self.troubles.push(reason.clone()),
            },
            Observed::Leak { toward, .. } => self.troubles.push(format!("a leak {toward:?}")),
            _ => {}
        }
    }
}

/// How many frames it says could not be sent.
fn unsent(reason: &str) -> Option<u64> {
    let (_, rest) = reason.split_once("could not send ")?;
    rest.split_once(" frames on")?.0.parse().ok()
}

/// An outage for the phone, and the frames that it is about.
#[derive(Debug, Clone)]
pub struct Kind {
    pub name: &'static str,
    mode: OutageMode,
    toward: Option<Toward>,
    scope: OutageScope,
    only: Option<Selection>,
}

impl Kind {
    /// Every mode that frames meet on the bridge, each way where it has one, and what they are about if not everything. Courses are
    /// over within [`COURSE`].
    pub fn all() -> Vec<Self> {
        let step = COURSE / 3;
        let ms = Duration::from_millis;
        let host = |name, mode| Self { name, mode, toward: None, scope: OutageScope::Host, only: None };
        let bad = |name, change: &dyn Fn(&mut Impairment)| {
            let mut impairment = Impairment::default();
            change(&mut impairment);
            host(name, Manner::Impair(impairment).into())
        };
        let register = Selection { method: Some("REGISTER".to_owned()), ..Selection::default() };
        vec![
            host("drop", OutageMode::DROP),
            Self { toward: Some(Toward::Server), ..host("requests-only", OutageMode::DROP) },
            Self { toward: Some(Toward::Phone), ..host("answers-only", OutageMode::DROP) },
            Self { only: Some(register), ..host("certain-messages", OutageMode::DROP) },
            Self::passing(),
            host("refuse", OutageMode::REFUSE),
            host("host-unreachable", Manner::Unreachable(Unreachable::Host).into()),
            host("admin-prohibited", Manner::Unreachable(Unreachable::Admin).into()),
            host("reset", Manner::Reset.into()),
            host("unresolvable", Manner::Unresolvable.into()),
            host("dns", Manner::Nameless.into()),
            host("answer", Manner::Answer(Spoof { code: 503, retry_after_s: None, redirect: None }).into()),
            bad("loss", &|it| (it.loss, it.burst) = (Share::percent(20), 5)),
            bad("late", &|it| (it.delay, it.jitter, it.duplicate) = (ms(5), ms(5), Share::percent(5))),
            bad("reorder", &|it| it.reorder = Share::percent(10)),
            bad("rate", &|it| it.rate_bps = Some(20_000_000)),
            host("flap", OutageMode::Flap(Flapping { away: step, back: step })),
            host("fade", OutageMode::Fade(Fading { over: 2 * step, delay: ms(20) })),
            host("reboot", OutageMode::Reboot(Rebooting { refuse: step, silent: step, starting: step })),
        ]
    }

    /// The link of the servers is down. Nothing is taken away from the kernel then.
    pub fn link() -> Self {
        let mode = OutageMode::LinkDown(LinkSide::Server);
        Self { name: "link-down", mode, toward: None, scope: OutageScope::Host, only: None }
    }

    /// One that takes what it steals nowhere, but on.
    pub fn passing() -> Self {
        let (mode, scope) = (OutageMode::DROP, OutageScope::Sip);
        Self { name: "sip-ports", mode, toward: None, scope, only: None }
    }

    /// A frame from one end to the other that it is about, or as usual ones are.
    pub fn traffic(&self, from: Mac, to: Mac) -> Template {
        match &self.mode {
            OutageMode::Steady(Manner::Unresolvable) => traffic::question(from, to),
            OutageMode::Steady(Manner::Nameless) if to == SERVER => traffic::name_question(from, to, NAME),
            _ => traffic::datagram(from, to, 200),
        }
    }

    /// Whether nothing passes either way from its beginning to its end.
    pub fn takes_all(&self) -> bool {
        self.name == "drop" || self.is_of_link()
    }

    /// Whether a link is down in it.
    pub fn is_of_link(&self) -> bool {
        self.mode.link().is_some()
    }

    /// Whether the bridge speaks in the server's name.
    pub fn answers(&self) -> bool {
        self.name == "answer"
    }

    fn spec(&self) -> OutageSpec {
        OutageSpec {
            mode: self.mode.clone(),
            toward: self.toward,
            server: ServerName::from("a"),
            scope: self.scope.clone(),
            only: self.only.clone(),
            phones: vec![PhoneName::from("p1")],
            limit: Duration::from_secs(7200),
            by: None,
        }
    }
}
