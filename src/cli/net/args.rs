//! What can be said to `siprig net`.

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use super::words::{Only, Ports};
use crate::{
    cli::args::BenchArgs,
    event::{LinkSide, Share, Toward, Transport},
};

/// Arguments of `net`.
#[derive(Debug, Args)]
pub struct NetArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: NetCommand,
}

/// The subcommands of `net`.
#[derive(Debug, Subcommand)]
pub enum NetCommand {
    /// Show the two sides and the bridge as they are, who uses them, and what was changed or left behind
    #[command(after_help = SHOW_EXAMPLES, long_about = SHOW_ABOUT)]
    Show(ShowArgs),
    /// Take a server away from phones for a while
    #[command(after_help = BLOCK_EXAMPLES, long_about = BLOCK_ABOUT)]
    Block(BlockArgs),
    /// Make the path between phones and a server bad for a while
    #[command(after_help = SHAPE_EXAMPLES, long_about = SHAPE_ABOUT)]
    Shape(ShapeArgs),
    /// Put back what siprig changed on the interfaces, and remove what it left behind
    #[command(after_help = RESTORE_EXAMPLES, long_about = RESTORE_ABOUT)]
    Restore(RestoreArgs),
}

const SHOW_ABOUT: &str = "\
Show the two sides and the bridge as they are, who uses them, and what was changed or left behind

Nothing is changed, and no privileges are needed, but for the outage tables: of these the kernel tells only those with \
CAP_NET_ADMIN.";

const SHOW_EXAMPLES: &str = "\
Examples:
  siprig net show --bench rig/lab-3.toml
  siprig net show --bench rig/lab-3.toml --json | jq '.left[].remedy'";

/// Arguments of `net show`.
#[derive(Debug, Args)]
pub struct ShowArgs {
    #[command(flatten)]
    pub bench: BenchArgs,
    /// Print one JSON document (schema siprig.net/1) in place of the text
    #[arg(long)]
    pub json: bool,
}

const BLOCK_ABOUT: &str = "\
Take a server away from phones for a while

The interfaces are joined as in a run, and what goes dark besides SIP is said. Canaries prove that the path was open before, \
that it is cut both ways, and that it is open again. It ends by itself after --for, and with Ctrl-C; and if siprig is killed, \
the kernel forwards everything again. Exit code 3: the outage leaked, or could not be proven.";

const BLOCK_EXAMPLES: &str = "\
Examples:
  siprig net block primary --bench rig/lab-3.toml
  siprig net block primary --bench rig/lab-3.toml --phones p1 --for 30s --mode refuse
  siprig net block a --bench rig/lab-3.toml --mode answer --code 503
  siprig net block a --bench rig/lab-3.toml --scope sip --one-way answers
                                             a hears the phones, and they do not hear a
  siprig net block a --bench rig/lab-3.toml --only method=REGISTER,nth=1
                                             the first sending of each REGISTER is lost
  siprig net block a --bench rig/lab-3.toml --ports 80,443 --transport tcp
                                             its web server alone
  siprig net block a --bench rig/lab-3.toml --mode link-down --side phone --allow-link-down
                                             no phone has a link, whatever servers there are";

/// Arguments of `net block`.
#[derive(Debug, Args)]
pub struct BlockArgs {
    #[command(flatten)]
    pub outage: OutageArgs,
    /// What happens to the frames
    #[arg(long, value_enum, default_value_t = Mode::Drop)]
    pub mode: Mode,
    /// The status code of the answers in the server's name
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(400..=699))]
    pub code: Option<u16>,
    /// The side whose link is down, with --mode link-down [default: server]
    #[arg(long, value_enum)]
    pub side: Option<Side>,
    /// Allow --mode link-down: it is for everybody on that side, and its other end may take a while to come back
    #[arg(long)]
    pub allow_link_down: bool,
}

/// A side of the bridge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Side {
    /// That of the servers
    Server,
    /// That of the phones
    Phone,
}

impl From<Side> for LinkSide {
    fn from(side: Side) -> Self {
        match side {
            Side::Server => Self::Server,
            Side::Phone => Self::Phone,
        }
    }
}

/// What happens to frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// They vanish without a word
    Drop,
    /// They vanish, and the phone is told that nobody listens there
    Refuse,
    /// They vanish, and the phone is told that the host can not be reached
    HostUnreachable,
    /// They vanish, and the phone is told that it is prohibited
    AdminProhibited,
    /// They vanish, and both ends of a TCP connection are told that it is over
    Reset,
    /// They vanish, and SIP requests are answered in the server's name, with --code
    Answer,
    /// The interface of a --side is switched off, for everybody behind it
    LinkDown,
    /// Only what phones and server find each other by vanishes: ARP and neighbour discovery
    Unresolvable,
    /// Only what phones ask name servers about the server's names vanishes
    Dns,
}

const SHAPE_ABOUT: &str = "\
Make the path between phones and a server bad for a while

As `net block`, but frames pass: late, damaged in number and order, or too few. Each way for itself. The same seed gives the \
same frames the same fate.";

const SHAPE_EXAMPLES: &str = "\
Examples:
  siprig net shape primary --bench rig/lab-3.toml --loss 20% --burst 5
  siprig net shape a --bench rig/lab-3.toml --delay 300ms --jitter 50ms --for 10m
  siprig net shape a --bench rig/lab-3.toml --rate 64000 --one-way requests";

/// Arguments of `net shape`.
#[derive(Debug, Args)]
pub struct ShapeArgs {
    #[command(flatten)]
    pub outage: OutageArgs,
    /// So many frames are lost, as 20% or 0.5%
    #[arg(long, value_name = "SHARE")]
    pub loss: Option<Share>,
    /// So many one after the other, on average
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000),
          requires = "loss")]
    pub burst: u16,
    /// All are late by this
    #[arg(long, value_name = "TIME", value_parser = late)]
    pub delay: Option<Duration>,
    /// And by up to so much more, each by another time
    #[arg(long, value_name = "TIME", value_parser = late)]
    pub jitter: Option<Duration>,
    /// So many are held back until others have overtaken them
    #[arg(long, value_name = "SHARE")]
    pub reorder: Option<Share>,
    /// So many arrive twice
    #[arg(long, value_name = "SHARE")]
    pub duplicate: Option<Share>,
    /// The path carries so many bits a second
    #[arg(long, value_name = "BITS", value_parser = clap::value_parser!(u64).range(1_000..=100_000_000_000))]
    pub rate: Option<u64>,
    /// Where chance begins
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
}

const RESTORE_ABOUT: &str = "\
Put back what siprig changed on the interfaces, and remove what it left behind

Receive offloads are as they were before the first change. After a question, ports of helpers that are gone are removed, and \
the bridge, if siprig made it and nothing else uses it: then nothing passes between phones and servers any more. A bridge \
that was there before siprig is never removed, and nothing is touched while a run lasts.";

const RESTORE_EXAMPLES: &str = "\
Examples:
  siprig net restore --bench rig/lab-3.toml
  siprig net restore --bench rig/lab-3.toml --yes        without a question, as in a script";

/// Arguments of `net restore`.
#[derive(Debug, Args)]
pub struct RestoreArgs {
    #[command(flatten)]
    pub bench: BenchArgs,
    /// Remove without asking
    #[arg(long)]
    pub yes: bool,
    /// Wait so long for a bench or an interface that another holds
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub wait: Option<Duration>,
}

/// Arguments of both: which server, for whom, how much of it, how long.
#[derive(Debug, Args)]
pub struct OutageArgs {
    /// Name of a server of the bench, or the role that it has for the phones: primary, backup
    #[arg(value_name = "SERVER|ROLE")]
    pub server: String,
    #[command(flatten)]
    pub bench: BenchArgs,
    /// Only these phones, separated by commas; otherwise all of the bench
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    pub phones: Vec<String>,
    /// Also every other device that is heard on the phone side within 5 seconds, but for protected ones; they are listed, and it
    /// is asked
    #[arg(long, conflicts_with = "phones")]
    pub everyone: bool,
    /// Do not ask
    #[arg(long, requires = "everyone")]
    pub yes: bool,
    /// Only frames that go this way
    #[arg(long, value_enum, value_name = "WAY")]
    pub one_way: Option<Way>,
    /// How much of the server
    #[arg(long, value_enum, default_value_t = Scope::Host, conflicts_with_all = ["ports", "transport"])]
    pub scope: Scope,
    /// Only these of its ports, separated by commas
    #[arg(long, value_name = "PORTS")]
    pub ports: Option<Ports>,
    /// Only this transport
    #[arg(long, value_enum)]
    pub transport: Option<Carrier>,
    /// Only these SIP messages: method=REGISTER, status=401, nth=2, refresh, call-id=ID, separated by commas
    #[arg(long, value_name = "WHAT")]
    pub only: Option<Only>,
    /// It ends by itself after this time
    #[arg(long = "for", value_name = "TIME", default_value = "5m", value_parser = limit)]
    pub limit: Duration,
    /// Wait so long for a bench or an interface that another holds
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub wait: Option<Duration>,
}

/// Which way frames go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Way {
    /// From the phones to the server
    Requests,
    /// From the server to the phones
    Answers,
}

impl From<Way> for Toward {
    fn from(way: Way) -> Self {
        match way {
            Way::Requests => Self::Server,
            Way::Answers => Self::Phone,
        }
    }
}

/// How much of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Scope {
    /// Everything to and from its addresses
    Host,
    /// Its SIP ports
    Sip,
}

/// A transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Carrier {
    /// Datagrams
    Udp,
    /// Connections
    Tcp,
}

impl From<Carrier> for Transport {
    fn from(carrier: Carrier) -> Self {
        match carrier {
            Carrier::Udp => Self::Udp,
            Carrier::Tcp => Self::Tcp,
        }
    }
}

fn limit(text: &str) -> Result<Duration, String> {
    between(text, Duration::from_secs(1), crate::config::scenario::LONGEST_OUTAGE)
}

fn late(text: &str) -> Result<Duration, String> {
    between(text, Duration::ZERO, crate::config::scenario::LONGEST_DELAY)
}

fn between(text: &str, least: Duration, most: Duration) -> Result<Duration, String> {
    let time = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if time < least || time > most {
        let [least, most] = [least, most].map(crate::config::duration::show);
        return Err(format!("it must be from {least} to {most}"));
    }
    Ok(time)
}
