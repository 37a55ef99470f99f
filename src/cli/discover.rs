//! `siprig check --discover`: listens on both sides of the rig and drafts a bench file from what passes.

use std::{collections::BTreeMap, io::Write as _, net::IpAddr, path::PathBuf, process::ExitCode, time::Duration};

use clap::Args;

use super::{
    analyze::name_servers,
    args::CheckArgs,
    bench::{self, Opened},
    changes::ChangesFile,
    draft::{self, Destination},
    error::UserError,
    exit::Exit,
    lock::{self, Holder},
    state,
};
use crate::{
    analysis::Settings,
    bridge::{join, listen::Standing, protocol::Refusal},
    config::{Bench, Network, load},
    discovery::{Discovery, Origin, Provisioned, Tally},
    driver::{
        clock::RunClock,
        listen::{Heard, Listener},
        signals::Signals,
    },
    event::Stamp,
    wire::capture::{Captured, LinkType},
};

/// How often it is looked whether there is something new to tell.
const NEWS: Duration = Duration::from_secs(1);

/// Arguments of `check --discover`.
#[derive(Debug, Args)]
pub struct DiscoverArgs {
    /// Listen on both interfaces and draft a bench file from what passes, and do nothing else
    #[arg(long, conflicts_with_all = ["config", "json", "report_dir"])]
    pub discover: bool,
    /// Listen for so long; Ctrl-C ends it earlier
    #[arg(long = "for", default_value = "60s", value_name = "TIME", requires = "discover",
          value_parser = humantime::parse_duration)]
    pub time: Duration,
    /// Write the draft to this file, which must not be there yet; otherwise to standard output
    #[arg(long, value_name = "BENCH", requires = "discover")]
    pub out: Option<PathBuf>,
    /// The interface toward the phones, where no bench file names it
    #[arg(long, value_name = "IF", requires_all = ["discover", "server_side"], conflicts_with = "bench")]
    pub phone_side: Option<String>,
    /// The interface toward the servers
    #[arg(long, value_name = "IF", requires_all = ["discover", "phone_side"])]
    pub server_side: Option<String>,
    /// Join the two interfaces first, as a run does, if they are not; the bridge is kept
    #[arg(long, requires = "discover")]
    pub join: bool,
    /// Address of the primary; may be given several times
    #[arg(long, value_name = "IP", requires = "discover")]
    pub primary: Vec<IpAddr>,
    /// Address of the backup; may be given several times
    #[arg(long, value_name = "IP", requires = "discover")]
    pub backup: Vec<IpAddr>,
    /// Folder of the phones' provisioning server (aastra.cfg, <MAC>.cfg): servers and lines that were silent, timers, and who was
    /// not heard
    #[arg(long, value_name = "DIR", requires = "discover")]
    pub provisioning: Option<PathBuf>,
}

/// Listens and drafts, here or inside the virtual bench.
///
/// # Errors
/// If the interfaces can not be listened to, or nobody registered.
pub fn main(args: &CheckArgs) -> Result<ExitCode, UserError> {
    let own = &args.discover;
    let to = Destination::new(own.out.as_deref().unwrap_or("-".as_ref()))?;
    let files = draft::provisioned(own.provisioning.as_deref())?;
    let bench = match (&own.phone_side, &own.server_side) {
        (Some(phone_side), Some(server_side)) => of_interfaces(phone_side, server_side)?,
        _ => match bench::open(&args.bench, &[])? {
            Opened::Virtual(description) => return bench::run_inside(&description, &bench::rig()),
            Opened::Real(document) => load::checked_bench(&document, &bench::rig())?.0,
        },
    };
    let Some(network) = &bench.network else {
        let message = "the bench names no interfaces to listen on";
        return Err(UserError::new(Exit::Config, message, "name them with --phone-side IF --server-side IF"));
    };
    let _locks = if own.join { Some(lock_all(&bench)?) } else { None };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| {
        let help = "is this machine out of memory or processes?";
        UserError::new(Exit::Unexpected, format!("cannot start the runtime: {error}"), help)
    })?;
    let session = runtime.block_on(listen(args, network))?;
    conclude(session, network, &files, &to).map(ExitCode::from)
}

/// A bench of which the interfaces alone are known.
fn of_interfaces(phone_side: &str, server_side: &str) -> Result<Bench, UserError> {
    if phone_side == server_side {
        let message = "both sides are the same interface";
        return Err(UserError::new(Exit::Usage, message, "the rig sits between two interfaces; name the other one"));
    }
    let network = Network::between(phone_side, server_side);
    let name = "discover".to_owned();
    Ok(Bench {
        name,
        network: Some(network),
        servers: Vec::new(),
        phones: Vec::new(),
        syslog: None,
        action_uri: None,
        pbx: BTreeMap::new(),
        peers: Vec::new(),
        provisioning: None,
        licences: None,
    })
}

/// Who joins interfaces has them alone.
fn lock_all(bench: &Bench) -> Result<lock::Locks, UserError> {
    let myself = Holder::myself("siprig check --discover");
    Ok(lock::acquire(&state::directory()?, &lock::needed(bench, &[]), &myself, None, |_| {})?)
}

/// What was heard, and how.
struct Session {
    discovery: Discovery,
    standing: Standing,
    /// Frames that came in on each side.
    frames: [u64; 2],
    lost: u64,
    lasted: Duration,
    stopped_by: Option<&'static str>,
}

async fn listen(args: &CheckArgs, network: &Network) -> Result<Session, UserError> {
    let own = &args.discover;
    let mut settings = Settings::default();
    name_servers(&mut settings, &own.primary, &own.backup)?;
    let mut listener = Listener::open(network, own.join).await.map_err(|refusal| refused(refusal, own.join))?;
    let mut signals = Signals::listen().map_err(|error| {
        UserError::new(Exit::Unexpected, format!("cannot take signals: {error}"), "please report this")
    })?;
    let clock = RunClock::start();
    let end = clock.now() + own.time;
    begin(network, listener.standing(), own.time);
    if let (Some(bridge), true) = (&listener.standing().bridge, listener.standing().joined_now) {
        let Standing { adopted, changed, .. } = listener.standing();
        // What is heard does not depend on it; `net restore` would.
        if let Err(error) = ChangesFile::of(network).and_then(|file| file.note(bridge, *adopted, changed)) {
            error.print();
        }
    }
    let mut session = Session {
        discovery: Discovery::new(settings),
        standing: listener.standing().clone(),
        frames: [0; 2],
        lost: 0,
        lasted: Duration::ZERO,
        stopped_by: None,
    };
    let mut news = News::default();
    loop {
        tokio::select! {
            biased;
            signal = signals.next() => {
                session.stopped_by = Some(signal);
                break;
            }
            () = clock.wait(Some(end)) => break,
            () = clock.wait(Some(news.next)) => news.tell(&clock, session.discovery.tally()),
            taken = listener.next(|heard| session.take(&heard, network)) => if let Err((interface, error)) = taken {
                say(&format!("  {interface}: {error}"));
            },
        }
    }
    session.lasted = clock.now().since(Stamp::ZERO);
    session.lost = listener.lost();
    Ok(session)
}

impl Session {
    fn take(&mut self, heard: &Heard<'_>, network: &Network) {
        let name = if heard.side == 0 { &network.phone_side } else { &network.server_side };
        if let Some(count) = self.frames.get_mut(heard.side as usize) {
            *count += 1;
        }
        self.discovery.take(&Captured {
            unix_ns: heard.unix_ns,
            link: LinkType::Ethernet,
            interface: heard.side,
            interface_name: Some(name),
            original_len: u32::try_from(heard.original_len).unwrap_or(u32::MAX),
            bytes: heard.bytes,
            comment: None,
            offset: 0,
            len: 0,
        });
    }
}

/// What people are told when it begins.
fn begin(network: &Network, standing: &Standing, time: Duration) {
    let Network { phone_side, server_side, .. } = network;
    let how = match (&standing.bridge, standing.joined_now) {
        (Some(bridge), true) => format!("now joined by bridge {bridge}, which is kept"),
        (Some(bridge), false) => format!("joined by {bridge}"),
        (None, _) => "not joined".to_owned(),
    };
    let time = humantime::format_duration(time);
    say(&format!("listening for {time} on {phone_side} (phones) and {server_side} (servers), {how}; Ctrl-C ends it"));
    for changed in &standing.changed {
        say(&format!("  changed: {changed}"));
    }
    if standing.bridge.is_none() {
        say("  what passes between phones and servers does not pass here, unless both interfaces hear a mirror of it");
    }
    for silent in &standing.silent {
        say(&format!("  {silent} has no link: is it switched on, and is the cable in?"));
    }
}

/// What is told while it goes on.
#[derive(Debug, Default)]
struct News {
    told: Tally,
    next: Stamp,
}

impl News {
    fn tell(&mut self, clock: &RunClock, tally: Tally) {
        let now = clock.now();
        self.next = now + NEWS;
        let known = |tally: &Tally| (tally.phones, tally.registered, tally.servers);
        if known(&tally) != known(&self.told) {
            self.told = tally;
            say(&format!("  {:>5.0} s  {}", now.since(Stamp::ZERO).as_secs_f64(), found(&tally)));
        }
    }
}

fn found(tally: &Tally) -> String {
    let counted = |count: usize, noun: &str| format!("{count} {noun}{}", if count == 1 { "" } else { "s" });
    let Tally { phones, registered, servers, .. } = *tally;
    format!("{}, {} registered, {}", counted(phones, "phone"), counted(registered, "line"), counted(servers, "server"))
}

/// Writes the draft, or says why there is none.
fn conclude(session: Session, network: &Network, files: &Provisioned, to: &Destination) -> Result<Exit, UserError> {
    let Session { discovery, standing, frames, lost, lasted, stopped_by } = session;
    let tally = discovery.tally();
    say(&format!("{} in {:.0} s", found(&tally), lasted.as_secs_f64()));
    if lost > 0 {
        say(&format!("  the kernel dropped {lost} frames that were not taken in time: something may be missing"));
    }
    let sides = [network.phone_side.clone(), network.server_side.clone()];
    let origin = Origin {
        source: format!("what passed at {} and {}", sides[0], sides[1]),
        bench: to.bench_name(),
        bridge: standing.bridge.clone().filter(|bridge| bridge != join::DEFAULT_BRIDGE),
        sides: Some(sides),
    };
    match discovery.draft(&draft::models(), files, &origin) {
        Some(text) => to.write(&text)?,
        None => return Err(nothing(&standing, network, frames)),
    }
    Ok(stopped_by.map_or(Exit::Success, Exit::of_signal))
}

/// Why nobody was found, as far as that can be told.
fn nothing(standing: &Standing, network: &Network, frames: [u64; 2]) -> UserError {
    let Network { phone_side, server_side, .. } = network;
    let [phones, servers] = frames;
    let message = format!(
        "no phone registered: {phones} frames came in at {phone_side} and {servers} at {server_side}, no REGISTER among them"
    );
    let help = match (&standing.bridge, frames) {
        (None, _) => {
            "the interfaces are not joined, so that phones reach no server through them: join them as a run does with \
             --join, or let both hear a mirror of the traffic"
        }
        (Some(_), [0, _]) => "are the phones switched on, and is the cable toward them in?",
        (Some(_), _) => {
            "phones register when they start and shortly before their registration runs out: listen for longer (--for \
             15m), or restart one"
        }
    };
    UserError::new(Exit::Rig, message, help)
}

fn refused(refusal: Refusal, join: bool) -> UserError {
    let text = refusal.to_string();
    let (message, help) = text.split_once("; ").unwrap_or((&text, "see above"));
    let exit = if matches!(refusal, Refusal::Busy { .. }) { Exit::Busy } else { Exit::Rig };
    match refusal {
        Refusal::Permission { .. } if !join => {
            UserError::new(exit, message, "run as root, or give siprig CAP_NET_RAW: listening needs no more")
        }
        _ => UserError::new(exit, message, help),
    }
}

/// Tells people something, on stderr.
fn say(text: &str) {
    // Nobody is left to be told if stderr is gone.
    let _ = writeln!(anstream::stderr(), "{text}");
}
