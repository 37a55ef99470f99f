//! `siprig net restore`: what siprig changed and left behind, put back and taken away.

use std::{fmt, io};

use super::{args::RestoreArgs, open, say, show::unreadable, wait_for};
use crate::{
    bridge::{
        join::bridge_name,
        link::Links,
        offload, operator,
        protocol::Refusal,
        survey::{self, Survey},
        table::{Phones, Table},
    },
    cli::{
        ask,
        changes::{Changes, ChangesFile, Setting},
        error::{UserError, print_data},
        exit::Exit,
        lock::{self, Holder},
        set_back, state, stopped, switched_off, written_back,
    },
    config::Network,
};

/// Puts back and takes away, as far as it is wanted.
///
/// # Errors
/// If somebody works with the interfaces, or the kernel does not let us.
pub fn main(args: &RestoreArgs) -> Result<Exit, UserError> {
    let (bench, network) = open(&args.bench)?;
    let myself = Holder::myself("siprig net restore");
    let _locks = lock::acquire(&state::directory()?, &lock::needed(&bench, &[]), &myself, args.wait, |held| {
        say(&format!("waiting: {held}"));
    })?;
    stopped::start_again(&bench, say)?;
    set_back::everything(&bench, say)?;
    written_back::without_boots(&bench, say)?;
    switched_off::switch_on_again(&network, say)?;
    let file = ChangesFile::of(&network)?;
    let mut changes = file.read()?;
    wait_for(async {
        let survey = survey::survey(&network).await.map_err(|error| unreadable(&error))?;
        let work = Work::of(&network, &survey, &changes);
        for kept in &work.kept {
            say(kept);
        }
        if work.is_nothing() {
            changes.settings.clear();
            changes.forget_bridge_unless(survey.bridge.as_ref().map(|bridge| bridge.link.index));
            file.write(&changes)?;
            return print_data("nothing is to be put back\n");
        }
        // Whoever works on this bridge, of whatever user, has the table.
        let _table = Table::create(bridge_name(&network), Phones::OnLink).await.map_err(refused)?;
        let done = put_back(&work, &mut changes);
        let done = match done {
            Ok(()) => take_away(args, &work, &mut changes).await,
            Err(error) => Err(error),
        };
        // Whatever was done is done.
        file.write(&changes)?;
        done
    })?;
    Ok(Exit::Success)
}

/// What is to be done.
#[derive(Debug, Default, PartialEq, Eq)]
struct Work {
    /// Settings that are not as they were.
    settings: Vec<Setting>,
    /// Ports and the bridge: what is removed, by name and number.
    remove: Vec<(String, u32)>,
    /// The bridge among them joins both sides: to remove it cuts the phones off.
    cuts: Option<String>,
    /// What stays as it is, and why, where that is not plain.
    kept: Vec<String>,
}

impl Work {
    fn of(network: &Network, survey: &Survey, changes: &Changes) -> Self {
        let mut work = Self { remove: survey.dead_ports.clone(), ..Self::default() };
        for setting in &changes.settings {
            let side = survey.sides.iter().find(|side| side.name == setting.interface);
            let now = side.filter(|side| side.link.is_some()).map(|side| side.offloads.contains(&setting.setting));
            match now {
                Some(on) if on != setting.was_on => work.settings.push(setting.clone()),
                Some(_) => work.kept.push(format!("{}: {} is as it was", setting.interface, setting.setting)),
                None => work.kept.push(format!("{} is not there any more", setting.interface)),
            }
        }
        let Some(bridge) = &survey.bridge else { return work };
        if changes.made(&bridge.name, bridge.link.index).is_none() {
            work.kept.push(format!("{}: siprig did not make it, as far as is noted; it stays", bridge.name));
            return work;
        }
        match other_use(network, bridge) {
            Some(other) => work.kept.push(format!("{}: {other}; it stays", bridge.name)),
            None => {
                work.remove.push((bridge.name.clone(), bridge.link.index));
                work.cuts = (!bridge.ports.is_empty()).then(|| bridge.name.clone());
            }
        }
        work
    }

    fn is_nothing(&self) -> bool {
        self.settings.is_empty() && self.remove.is_empty()
    }
}

/// What else uses a bridge that siprig made.
fn other_use(network: &Network, bridge: &survey::Bridge) -> Option<String> {
    let sides = [&network.phone_side, &network.server_side];
    let stranger = bridge.ports.iter().find(|port| !sides.contains(port)).map(|port| format!("{port} is a port of it"));
    let upper = || bridge.uppers.first().map(|upper| format!("{upper} is made on it"));
    let session = || {
        let session = operator::session_address().filter(|session| bridge.addresses.contains(session))?;
        Some(format!("your own session comes in at its address {session}"))
    };
    let probe = network.probe_address.map(|(address, _)| address);
    let address = || {
        let other = bridge.addresses.iter().find(|address| Some(**address) != probe)?;
        Some(format!("it has the address {other}"))
    };
    stranger.or_else(upper).or_else(session).or_else(address)
}

/// Puts settings back.
fn put_back(work: &Work, changes: &mut Changes) -> Result<(), UserError> {
    let back = |setting: &Setting| work.settings.contains(setting);
    // What is as it was, or whose interface is gone, need not be known any more.
    changes.settings.retain(back);
    for setting in &work.settings {
        let Setting { interface, setting: what, was_on, .. } = setting;
        let operation = format!("turn {what} of `{interface}`");
        offload::set(interface, *what, *was_on).map_err(|error| failed(&operation, &error))?;
        changes.settings.retain(|it| it != setting);
        print_data(&format!("{interface}: {what} is {} again\n", if *was_on { "on" } else { "off" }))?;
    }
    Ok(())
}

/// Removes what nobody needs any more, if that is wanted.
async fn take_away(args: &RestoreArgs, work: &Work, changes: &mut Changes) -> Result<(), UserError> {
    if work.remove.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = work.remove.iter().map(|(name, _)| name.as_str()).collect();
    let names = names.join(", ");
    if let Some(bridge) = &work.cuts {
        say(&format!("without {bridge} nothing passes between phones and servers: the phones are cut off"));
    }
    if !args.yes {
        if !ask::somebody() {
            return print_data(&format!("kept: {names}; --yes removes them\n"));
        }
        let asked = ask::confirm(&format!("Remove {names}?"));
        if !asked.map_err(|error| failed("ask", &error))? {
            return print_data(&format!("kept: {names}\n"));
        }
    }
    let links = Links::connect().map_err(|error| unreadable(&error))?;
    for (name, index) in &work.remove {
        links.remove(*index).await.map_err(|error| failed(&format!("remove `{name}`"), &error))?;
        print_data(&format!("{name} is removed\n"))?;
        changes.forget_bridge(*index);
    }
    Ok(())
}

fn failed(operation: &(impl fmt::Display + ?Sized), error: &io::Error) -> UserError {
    refused(Refusal::from_io(operation.to_string(), error))
}

fn refused(refusal: Refusal) -> UserError {
    crate::driver::network::NetworkError::from(refusal).into()
}
