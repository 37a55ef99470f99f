//! `siprig net show`: how things are.

use std::fmt::{self, Write as _};

use serde::Serialize;

use super::{
    args::ShowArgs,
    leftover::{self, Leftover},
    open, wait_for,
};
use crate::{
    bridge::{
        join,
        survey::{self, Survey},
    },
    cli::{
        changes::{Changes, ChangesFile, Setting},
        error::{UserError, print_data},
        exit::Exit,
        lock::{self, Holder, LockError},
        places::{PlacesFile, Seen},
        state,
    },
    config::{Bench, Network},
    event::{Offload, Toward},
    look::harmless,
};

/// The version of the document's contract.
const SCHEMA: &str = "siprig.net/1";

/// Shows a bench's interfaces.
///
/// # Errors
/// If the bench file is wrong, or the kernel or the state directory can not be read.
pub fn main(args: &ShowArgs) -> Result<Exit, UserError> {
    let (bench, network) = open(&args.bench)?;
    let survey = wait_for(async { survey::survey(&network).await.map_err(|error| unreadable(&error)) })?;
    let changes = ChangesFile::of(&network)?.read()?;
    let seen = PlacesFile::of(&network)?.of_bench(&bench);
    let picture = Picture { seen, ..Picture::of(&bench, &network, &survey, changes, holder(&bench)?) };
    if args.json {
        let text = serde_json::to_string(&picture).map_err(|error| {
            UserError::new(Exit::Unexpected, format!("cannot write what was seen: {error}"), "please report this")
        })?;
        print_data(&(text + "\n"))?;
    } else {
        print_data(&picture.to_string())?;
    }
    Ok(Exit::Success)
}

/// What the kernel does not tell.
pub fn unreadable(error: &std::io::Error) -> UserError {
    UserError::new(
        Exit::Rig,
        format!("cannot ask the kernel for its interfaces: {error}"),
        "is rtnetlink forbidden here?",
    )
}

/// Who works with the bench or its interfaces.
fn holder(bench: &Bench) -> Result<Option<Held>, UserError> {
    match lock::look(&state::directory()?, &lock::needed(bench, &[])) {
        Ok(()) => Ok(None),
        Err(LockError::Held { what, holder }) => Ok(Some(Held { what, by: holder })),
        Err(error) => Err(error.into()),
    }
}

/// Everything that is shown.
#[derive(Debug, Serialize)]
struct Picture {
    schema: &'static str,
    bench: String,
    phone_side: Interface,
    server_side: Interface,
    bridge: Bridge,
    table: Table,
    held: Option<Held>,
    changed: Vec<Setting>,
    left: Vec<Leftover>,
    /// Where servers were last seen to answer from, and phones behind routers to come from.
    seen: Vec<Seen>,
}

#[derive(Debug, Serialize)]
struct Interface {
    name: String,
    exists: bool,
    up: bool,
    carrier: bool,
    mtu: Option<u32>,
    mac: Option<String>,
    port_of: Option<String>,
    offloads: Vec<Offload>,
}

#[derive(Debug, Serialize)]
struct Bridge {
    name: String,
    exists: bool,
    up: bool,
    /// Siprig made it, since then; none: it did not, or nothing says so.
    made_by_siprig: Option<String>,
    ports: Vec<String>,
    addresses: Vec<String>,
}

/// The outage table of the bridge.
#[derive(Debug, Serialize)]
struct Table {
    /// None: it could not be looked at.
    exists: Option<bool>,
    /// Why it could not.
    why: Option<String>,
    /// The helper process that owns it, if that is known.
    helper: Option<u32>,
}

#[derive(Debug, Serialize)]
struct Held {
    what: String,
    by: Holder,
}

impl Picture {
    fn of(bench: &Bench, network: &Network, survey: &Survey, changes: Changes, held: Option<Held>) -> Self {
        let [phone_side, server_side] = survey.sides.each_ref().map(Interface::of);
        let name = join::bridge_name(network).to_owned();
        let table = match &survey.tables {
            Ok(all) => {
                let found = all.iter().find(|table| table.bridge == name);
                Table { exists: Some(found.is_some()), why: None, helper: found.and_then(survey::TableFound::helper) }
            }
            Err(error) => Table { exists: None, why: Some(error.to_string()), helper: None },
        };
        let bridge = match &survey.bridge {
            Some(bridge) => Bridge {
                exists: true,
                up: bridge.link.up,
                made_by_siprig: changes.made(&name, bridge.link.index).map(|made| made.since.clone()),
                ports: bridge.ports.clone(),
                addresses: bridge.addresses.iter().map(ToString::to_string).collect(),
                name,
            },
            None => Bridge {
                name,
                exists: false,
                up: false,
                made_by_siprig: None,
                ports: Vec::new(),
                addresses: Vec::new(),
            },
        };
        let left = leftover::all(survey, &changes);
        let (bench, changed) = (bench.name.clone(), changes.settings);
        Self { schema: SCHEMA, bench, phone_side, server_side, bridge, table, held, changed, left, seen: Vec::new() }
    }
}

impl Interface {
    fn of(side: &survey::Side) -> Self {
        let link = side.link.as_ref();
        Self {
            name: side.name.clone(),
            exists: link.is_some(),
            up: link.is_some_and(|link| link.up),
            carrier: link.is_some_and(|link| link.carrier),
            mtu: link.map(|link| link.mtu),
            mac: link.and_then(|link| link.mac).map(|mac| mac.to_string()),
            port_of: side.port_of.clone(),
            offloads: side.offloads.clone(),
        }
    }
}

impl fmt::Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Some(mtu), Some(mac)) = (self.mtu, &self.mac) else {
            return write!(f, "{}: {}", self.name, if self.exists { "no Ethernet interface" } else { "not there" });
        };
        let state = match (self.up, self.carrier) {
            (false, _) => "switched off",
            (true, false) => "no link (is the cable in?)",
            (true, true) => "up",
        };
        write!(f, "{}: {state}, MTU {mtu}, {mac}, ", self.name)?;
        match &self.port_of {
            Some(bridge) => write!(f, "port of {bridge}")?,
            None => f.write_str("port of no bridge")?,
        }
        self.offloads.iter().try_for_each(|offload| write!(f, ", {offload} on"))
    }
}

impl fmt::Display for Bridge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.exists {
            return write!(f, "{}: not there", self.name);
        }
        write!(f, "{}: {}, ", self.name, if self.up { "up" } else { "switched off" })?;
        match &self.made_by_siprig {
            Some(since) => write!(f, "made by siprig ({since})")?,
            None => f.write_str("not known to be siprig's")?,
        }
        let list = |what: &[String]| if what.is_empty() { "none".to_owned() } else { what.join(", ") };
        write!(f, "; ports: {}", list(&self.ports))?;
        if self.addresses.is_empty() { Ok(()) } else { write!(f, "; addresses: {}", self.addresses.join(", ")) }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.exists, &self.why, self.helper) {
            (Some(true), _, Some(pid)) => write!(f, "held by the bridge helper (process {pid})"),
            (Some(true), _, None) => f.write_str("held, not known by whom"),
            (Some(false), ..) => f.write_str("none: nobody takes anything away"),
            (None, Some(why), _) => write!(f, "could not be looked at ({why}); it needs CAP_NET_ADMIN"),
            (None, None, _) => f.write_str("could not be looked at"),
        }
    }
}

impl fmt::Display for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        writeln!(text, "bench    {}", self.bench)?;
        writeln!(text, "phones   {}", self.phone_side)?;
        writeln!(text, "servers  {}", self.server_side)?;
        writeln!(text, "bridge   {}", self.bridge)?;
        writeln!(text, "outages  {}", self.table)?;
        match &self.held {
            Some(Held { what, by: Holder { pid, name, since } }) => {
                writeln!(text, "in use   {what}, by {name} (process {pid}) since {since}")?;
            }
            None => writeln!(text, "in use   by nobody")?,
        }
        for setting in &self.changed {
            writeln!(text, "changed  {}, {}; `siprig net restore` undoes it", setting.change(), setting.since)?;
        }
        for Seen { address, place, since } in &self.seen {
            match place.toward {
                Toward::Phone => writeln!(text, "server   {address} answered from {place}, seen {since}")?,
                Toward::Server => writeln!(text, "phone    {address} came through {place}, seen {since}")?,
            }
        }
        for Leftover { what, remedy } in &self.left {
            writeln!(text, "left     {what}; {remedy}")?;
        }
        text.lines().try_for_each(|line| writeln!(f, "{}", harmless(line)))
    }
}
