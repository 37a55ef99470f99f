//! What can be said on the command line, and what `--help` says about it.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use super::{
    check::{cabling::CablingArgs, preflight::PreflightArgs},
    console::{self, ConsoleArgs},
    discover::DiscoverArgs,
    net::args::NetArgs,
    nightly::{self, NightlyArgs},
    phone::args::PhoneArgs,
    runs::prune,
    serial::{self, SerialArgs},
    status::{self, StatusArgs},
};
use crate::{analysis::GivenOutage, config::overrides::Override};

const EXIT_CODES: &str = "\
Exit codes (the first that applies):
  129, 130, 143  ended by SIGHUP, SIGINT, SIGTERM; everything was restored
   78            a file is wrong
   75            bench, interface or port is held by another
    1            unexpected
  100            a case failed
    3            a fault of the rig: no verdict is possible
  101            a case passed only when it was tried again, and the suite does not allow that
    5            cases are outstanding
    4            nothing ran, or all was skipped
    2            wrong usage
    0            all passed

Environment:
  SIPRIG_STATE   where locks and sockets are; otherwise $XDG_RUNTIME_DIR/siprig, or a folder of yours in the temporary
                 directory
  NO_COLOR       write no colours, whatever the terminal can show";

/// Takes the primary SIP server away from desk phones and proves on the wire that each survives it.
///
/// With nothing else, `siprig run` tries a failover on the virtual bench: simulated phones and registrars on this
/// machine, without hardware, without root, without set-up.
#[derive(Debug, Parser)]
#[command(name = "siprig", version, max_term_width = 100, disable_help_subcommand = true, after_help = EXIT_CODES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a scenario on a bench and judge every phone
    #[command(after_help = RUN_EXAMPLES, long_about = RUN_ABOUT)]
    Run(RunArgs),
    /// Watch and steer a run from one terminal
    #[command(after_help = console::EXAMPLES, long_about = console::ABOUT)]
    Console(ConsoleArgs),
    /// Run a suite, unattended
    #[command(after_help = nightly::EXAMPLES, long_about = nightly::ABOUT)]
    Nightly(NightlyArgs),
    /// Say where the night is that goes on, or how the last one went
    #[command(after_help = status::EXAMPLES, long_about = status::ABOUT)]
    Status(StatusArgs),
    /// Read a capture: who was registered where, and how long each move took
    #[command(after_help = ANALYZE_EXAMPLES, long_about = ANALYZE_ABOUT)]
    Analyze(AnalyzeArgs),
    /// Look at everything a run needs, without changing anything
    #[command(after_help = CHECK_EXAMPLES, long_about = CHECK_ABOUT)]
    Check(CheckArgs),
    /// Look at the bridge between phones and servers, and take a server away by hand
    Net(NetArgs),
    /// Look at phones, press their keys, use their consoles, and measure their timers
    Phone(PhoneArgs),
    /// Type a line on a serial port, and print what comes back
    #[command(after_help = serial::EXAMPLES, long_about = serial::ABOUT)]
    Serial(SerialArgs),
    /// Bring the virtual bench up alone, for other tools
    #[command(after_help = VIRTUAL_EXAMPLES, long_about = VIRTUAL_ABOUT)]
    Virtual(VirtualArgs),
    /// Make the reports of a run again from its journal
    #[command(after_help = REPORT_EXAMPLES)]
    Report(ReportArgs),
    /// Look at runs that were
    Runs(RunsArgs),
    /// Print completions for a shell
    #[command(after_help = "Example:\n  siprig completions bash > /etc/bash_completion.d/siprig")]
    Completions {
        /// Which shell
        shell: Shell,
    },
    /// Print the manual page
    #[command(after_help = "Example:\n  siprig man | man -l -")]
    Man,
}

const RUN_ABOUT: &str = "\
Run a scenario on a bench and judge every phone

Progress goes to stderr, the closing table to stdout. Everything that happened is kept in a directory of its own below \
--report-dir: the journal, the capture, the bytes of the consoles, and the reports made from them.

The first Ctrl-C ends the run in good order: outages are lifted and ports are released. The second one does so at once.";

const RUN_EXAMPLES: &str = "\
Examples:
  siprig run                                       failover on the virtual bench
  siprig run --phones p1,p2 --set expires=20s      two of its phones, with another lifetime
  siprig run failover --bench rig/lab-3.toml       the phones of a lab
  siprig run baseline failover both-away           several scenarios, one after the other
  siprig run --bench rig/lab-3.toml --dry-run      what would be done, with the computed times
  siprig run --json 2>/dev/null | jq '.cases[].verdict'";

/// Arguments of `run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Names of scenarios, or paths of their files, in the order in which they are run
    #[arg(default_value = "failover", value_name = "SCENARIO")]
    pub scenarios: Vec<String>,
    #[command(flatten)]
    pub bench: BenchArgs,
    /// Only these phones, separated by commas; otherwise all of the bench
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    pub phones: Vec<String>,
    /// Directory for the run's directory; created if it is not there
    #[arg(long, default_value = "reports", value_name = "DIR")]
    pub report_dir: PathBuf,
    /// End with one JSON document on stdout (schema siprig.run/1) in place of the table
    #[arg(long)]
    pub json: bool,
    /// Print what would be done and touch nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Allow outages with `mode = "link-down"`: they switch an interface off for everybody behind it, and its other end may take
    /// a while to come back
    #[arg(long)]
    pub allow_link_down: bool,
    /// Wait for an operator where a step asks for one (`siprig console --attach`), as long as its limit is; otherwise those cases are
    /// skipped at once where nobody is attached
    #[arg(long)]
    pub attended: bool,
    /// Wait so long for a bench that another holds
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub wait: Option<Duration>,
    /// Keep passwords and digest responses in journal and captures, which are then readable for you alone
    #[arg(long)]
    pub keep_secrets: bool,
    /// It is a run of a night, which holds the night's lock on the bench
    #[arg(long, hide = true)]
    pub of_night: bool,
    /// Write the name of the run's directory to this file when it is there
    #[arg(long, value_name = "FILE", hide = true)]
    pub announce: Option<PathBuf>,
}

/// Which bench.
#[derive(Debug, Clone, Args)]
pub struct BenchArgs {
    /// Bench file, or the name of one in ./rig [default: virtual, or what the scenario is tried on]
    #[arg(long, value_name = "FILE")]
    pub bench: Option<String>,
    /// Change a value of the bench file: timers.expires=10m, phone.p1.timers.transaction=8s, network.vlan=77. Timers may
    /// be named alone: expires, transaction, renewal-lead, retry-timeout, retry-rejected
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub overrides: Vec<Override>,
    /// Overrides that are in the bench file already, to be put on record
    #[arg(long = "applied-set", value_name = "KEY=VALUE", hide = true)]
    pub applied: Vec<Override>,
}

const ANALYZE_ABOUT: &str = "\
Read a capture: who was registered where, and how long each move took

Takes pcap and pcapng files of anybody's making (Ethernet, Linux cooked, raw IP; tagged or not) and reads the SIP in them \
on any port, over UDP and TCP, in fragments and pieces. For each line it tells which server held a binding and when, its \
moves to the backup and back, and shows its messages. What can not be read is counted and named. TLS is not decrypted: \
such phones are called blind, and of them it tells when they were connected to whom.

When the primary went away is no fact of the wire: it comes from the comments of a capture that siprig made, or from \
--outage; otherwise the times that begin with it are left open.";

const ANALYZE_EXAMPLES: &str = "\
Examples:
  siprig analyze lab.pcapng                                    what is in it
  siprig analyze lab.pcapng --primary 10.77.0.2 --backup 10.77.0.3
  siprig analyze lab.pcapng --bench rig/lab-3.toml --outage 31s..95s
  siprig analyze lab.pcapng --bench rig/lab-3.toml --phone 1001
  siprig analyze lab.pcapng --scrub for-the-maker.pcapng --pseudonyms lab.key
  siprig analyze lab.pcapng --discover rig/lab-4.toml
  tcpdump -w - -i eth0 port 5060 | siprig analyze - --json | jq '.phones[].registrations'";

/// Arguments of `analyze`.
#[derive(Debug, Args)]
pub struct AnalyzeArgs {
    /// Capture files, one continuing the other; `-` is standard input
    #[arg(required = true, value_name = "CAPTURE")]
    pub captures: Vec<PathBuf>,
    /// Address of the primary; may be given several times
    #[arg(long, value_name = "IP")]
    pub primary: Vec<IpAddr>,
    /// Address of the backup; may be given several times
    #[arg(long, value_name = "IP")]
    pub backup: Vec<IpAddr>,
    #[command(flatten)]
    pub bench: BenchArgs,
    /// When the primary was away, since the first frame (31.5s..95s; bare numbers are milliseconds) or by the clock
    /// (2026-11-25T20:02:40Z..); may be given several times
    #[arg(long, value_name = "FROM..TO")]
    pub outage: Vec<GivenOutage>,
    /// Look for SIP at this port too, in pieces that do not show it; SIP that shows itself is found at any port
    #[arg(long, value_name = "PORT")]
    pub sip_port: Vec<u16>,
    /// Write the capture again to this file (pcapng), digest responses, passwords and PINs overwritten, check sums right
    #[arg(long, value_name = "OUT")]
    pub scrub: Option<PathBuf>,
    /// In that file also replace numbers, names and addresses, in the same way in all files with this key; the key file is
    /// made if it is not there, and must stay private
    #[arg(long, value_name = "KEYFILE", requires = "scrub")]
    pub pseudonyms: Option<PathBuf>,
    /// Show this line or phone alone: its extension, address of record or address
    #[arg(long, value_name = "LINE|ADDRESS", conflicts_with = "json")]
    pub phone: Option<String>,
    /// Write the draft of a bench file here: the phones, lines and servers that were seen. A file that is there is left as
    /// it is; `-` is standard output, which then has nothing else
    #[arg(long, value_name = "BENCH")]
    pub discover: Option<PathBuf>,
    /// Folder of the phones' provisioning server (aastra.cfg, <MAC>.cfg), for that draft: servers and lines that were silent, timers,
    /// and who was not heard
    #[arg(long, value_name = "DIR", requires = "discover")]
    pub provisioning: Option<PathBuf>,
    /// Print one JSON document (schema siprig.analysis/1) in place of the text
    #[arg(long)]
    pub json: bool,
    /// Hand every message to the SIP parser, not only the first of each shape; the result is the same, later
    #[arg(long, hide_short_help = true)]
    pub thorough: bool,
}

const CHECK_ABOUT: &str = "\
Look at everything a run needs, without changing anything

Reads the bench file and its models, looks at ports, interfaces, privileges, locks and disk space, and, if this machine has \
the probe address, asks the servers for a sign of life and connects to the phones that objects are pushed to. Each finding is one line, with a remedy where one is needed.

Of the wiring it looks at what breaks a lab on its first day, and names the command or the drawing that mends it \
(docs/first-day.md): links, addresses and offloads of the two interfaces; spanning tree, snooping and VLANs of their bridge; \
firewalls that see what passes. With --listen it also listens on both sides for a while, and sends nothing: on which side each \
phone and server comes in, exchanged cables, a second way around siprig, spanning tree, DHCP on the phones' side.

With --config it looks at the phones' own configuration files instead (Aastra/Mitel 6700i): aastra.cfg or startup.cfg, \
<model>.cfg, <MAC>.cfg and local.cfg, the later over the earlier. It says what will go wrong before a night is spent on \
it: a backup that is off or differs, timers that break the 10 minutes, misspelt names; and how long each line will take to \
move. Of a folder, each phone is judged. An error among the findings makes the exit code 78, a warning does not. \
Passwords are never shown.

With --cabling it finds out whether what the bench file has as one phone belongs to one device. It joins the interfaces as a \
run does, asks every console, presses harmless keys through all keypads at once, each in an order of its own, and looks on which \
console they show, and reads which extension registers from which MAC address and address. Phones that do not register meanwhile are \
waited for; with --restart, each phone is made to boot by its keypad, and seen to register anew.

With --preflight it finds out, of all phones at once and in less than a minute, what must be so before they can be judged: what \
--cabling proves, and that each is registered at its primary. What is not known is said to be unknown, which is no pass. \
Each finding names its phone and has a code that does not change, for programs (--json).

With --discover it listens on both interfaces for a while, and drafts a bench file from what passes: phones, lines, servers, \
lifetimes. Nothing is sent or changed, unless --join is given. Phones are heard when they register: when they start, and \
shortly before their registration runs out.";

const CHECK_EXAMPLES: &str = "\
Examples:
  siprig check                                     the virtual bench: does this machine allow it?
  siprig check --bench rig/lab-3.toml              a lab, before the night
  siprig check --bench rig/lab-3.toml --listen 1m  the same, and who comes in on which side
  siprig check --config /srv/tftp                  the phones of a provisioning server
  siprig check --config aastra.cfg 6731i.cfg 00085D237429.cfg local.cfg
                                                   those of one phone, and what was set on it
  siprig check --bench rig/lab-3.toml --cabling    a lab: which cable is whose, and what is swapped
  siprig check --preflight                         the same: may a night begin?
  siprig check --preflight --phones p1,p2 --json   two of the phones, for programs
  siprig check --discover --join                   the virtual bench: what is on it, by ear
  siprig check --discover --phone-side enp3s0 --server-side enp4s0 --for 15m --out rig/lab-3.toml
                                                   a lab of which there is no bench file yet";

/// Arguments of `check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    #[command(flatten)]
    pub bench: BenchArgs,
    /// Judge configuration files of phones, or folders of them, and nothing else
    #[arg(long, value_name = "FILE|DIR", num_args = 1.., conflicts_with_all = ["bench", "overrides"])]
    pub config: Vec<PathBuf>,
    #[command(flatten)]
    pub cabling: CablingArgs,
    #[command(flatten)]
    pub preflight: PreflightArgs,
    #[command(flatten)]
    pub discover: DiscoverArgs,
    /// Also listen on both interfaces for so long, and say what is plugged in wrongly; with --cabling, wait so long for phones
    /// that have not registered yet [there: 30s]. Ctrl-C ends it earlier
    #[arg(long, value_name = "TIME", conflicts_with_all = ["config", "discover"], value_parser = humantime::parse_duration)]
    pub listen: Option<Duration>,
    /// Where runs would be written
    #[arg(long, default_value = "reports", value_name = "DIR")]
    pub report_dir: PathBuf,
    /// Print the findings as JSON (schema siprig.check/1; siprig.audit/1 with --config)
    #[arg(long)]
    pub json: bool,
}

const VIRTUAL_ABOUT: &str = "\
Bring the virtual bench up alone, for other tools

Prints where its bench file is and how to enter it, and stays until Ctrl-C.";

const VIRTUAL_EXAMPLES: &str = "\
Examples:
  siprig virtual
  siprig virtual --set virtual.phones=8 --set 'virtual.phone.p3.defects=[\"never-fails-back\"]'";

/// Arguments of `virtual`.
#[derive(Debug, Args)]
pub struct VirtualArgs {
    #[command(flatten)]
    pub bench: BenchArgs,
}

const RUNS_CONSOLE_EXAMPLES: &str = "\
Examples:
  siprig runs console latest p1                    the text, with times
  siprig runs console latest p1 --replay --speed 10
  siprig runs console latest p1 --raw > p1.bytes   byte for byte what came
  siprig runs console latest p1 --hex";

/// How many times as fast.
fn speed(text: &str) -> Result<f64, String> {
    let factor = text.parse::<f64>().ok().filter(|factor| (0.001..=1_000_000.0).contains(factor));
    factor.ok_or_else(|| "write a number above 0, as 10".to_owned())
}

const REPORT_EXAMPLES: &str = "\
Examples:
  siprig report latest
  siprig report 2026-11-23T221503Z-failover --format junit --out /tmp";

/// Arguments of `report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    #[command(flatten)]
    pub run: WhichRun,
    /// Only these, separated by commas
    #[arg(long, value_delimiter = ',', value_enum, default_values_t = [Format::Html, Format::Junit, Format::Json])]
    pub format: Vec<Format>,
    /// Where to write them; otherwise beside the journal
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// Kinds of report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people: report.html
    Html,
    /// For continuous integration: junit.xml
    Junit,
    /// For scripts: summary.json
    Json,
}

/// A run that was.
#[derive(Debug, Args)]
pub struct WhichRun {
    /// Directory of a run, its name below --report-dir, or `latest`
    #[arg(value_name = "RUN")]
    pub run: String,
    /// Where runs are looked for by name
    #[arg(long, default_value = "reports", value_name = "DIR")]
    pub report_dir: PathBuf,
}

/// Arguments of `runs`.
#[derive(Debug, Args)]
pub struct RunsArgs {
    /// What to do with them.
    #[command(subcommand)]
    pub command: RunsCommand,
}

/// The subcommands of `runs`.
#[derive(Debug, Subcommand)]
pub enum RunsCommand {
    /// List all runs, the newest last
    List {
        /// Where runs are looked for
        #[arg(long, default_value = "reports", value_name = "DIR")]
        report_dir: PathBuf,
    },
    /// Print the closing table of a run again
    Show {
        #[command(flatten)]
        run: WhichRun,
        /// Print the JSON document in place of the table
        #[arg(long)]
        json: bool,
        /// Print where its time went in place of the table: for each step, how long phones were waited for, and the rest
        #[arg(long, conflicts_with = "json")]
        times: bool,
    },
    /// Show what a phone's console said in a run, and what was typed there
    ///
    /// Each line has the time of its first byte, since the run began. `>` is before what was typed, `=` before its echo; a
    /// prompt that nothing followed ends in `...`. What could do harm to a terminal is spelt out, unless --raw is given.
    #[command(after_help = RUNS_CONSOLE_EXAMPLES)]
    Console {
        #[command(flatten)]
        run: WhichRun,
        /// Whose console
        phone: String,
        /// Play what the phone said at the pace at which it came
        #[arg(long)]
        replay: bool,
        /// So many times as fast
        #[arg(long, value_name = "FACTOR", requires = "replay", default_value = "1", value_parser = speed)]
        speed: f64,
        /// The phone's bytes as they came, for programs, or for a terminal that you would lend to the phone
        #[arg(long)]
        raw: bool,
        /// Both directions in hexadecimal, a read at a time
        #[arg(long, conflicts_with_all = ["raw", "replay"])]
        hex: bool,
    },
    /// Judge a run again from what was observed, and compare with what was concluded then
    ///
    /// Exit code 3 means that this version comes to other conclusions, or that the journal was tampered with.
    Verify {
        #[command(flatten)]
        run: WhichRun,
    },
    /// Remove runs and nights that are old, too many, or take up too much, the oldest first
    ///
    /// A night goes as a whole. What is written to, what has a file `keep` in it, and what is neither a run nor a night stays; no link is
    /// followed.
    #[command(after_help = prune::EXAMPLES)]
    Prune(prune::PruneArgs),
}
