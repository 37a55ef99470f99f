//! From what was said to the outage that is ordered.

use std::time::Duration;

use super::args::{BlockArgs, Mode, OutageArgs, Scope, ShapeArgs, Side};
use crate::{
    cli::{error::UserError, exit::Exit, switched_off},
    event::{
        Impairment, Manner, OutageMode, OutageScope, OutageSpec, Part, PhoneName, ServerName, Share, Spoof, Unreachable,
    },
};

/// What `net block` does to frames.
///
/// # Errors
/// If the options contradict each other.
pub fn block(args: &BlockArgs) -> Result<OutageMode, UserError> {
    match args.mode {
        Mode::LinkDown => link_down(args),
        _ if args.side.is_some() => Err(UserError::new(
            Exit::Usage,
            "--side without a link that is down",
            "add --mode link-down, or leave it out",
        )),
        _ => Ok(manner(args)?.into()),
    }
}

/// A link that is down, if that may be.
fn link_down(args: &BlockArgs) -> Result<OutageMode, UserError> {
    let OutageArgs { phones, everyone, one_way, scope, ports, transport, only, .. } = &args.outage;
    let narrower = [
        ("--phones", !phones.is_empty()),
        ("--everyone", *everyone),
        ("--one-way", one_way.is_some()),
        ("--scope", *scope != Scope::Host),
        ("--ports", ports.is_some()),
        ("--transport", transport.is_some()),
        ("--only", only.is_some()),
        ("--code", args.code.is_some()),
    ];
    if let Some((option, _)) = narrower.iter().find(|(_, is_there)| *is_there) {
        let message = format!("{option} with a link that is down: it is so as a whole, and for everybody behind it");
        return Err(UserError::new(Exit::Usage, message, format!("leave out {option}, or choose another --mode")));
    }
    let side = args.side.unwrap_or(Side::Server).into();
    if !args.allow_link_down {
        let message = format!("this takes the link of the {side} side down: {}", switched_off::WHY);
        return Err(UserError::new(Exit::Usage, message, "add --allow-link-down if that may be"));
    }
    Ok(OutageMode::LinkDown(side))
}

fn manner(args: &BlockArgs) -> Result<Manner, UserError> {
    let manner = match (args.mode, args.code) {
        (Mode::Answer, Some(code)) => Manner::Answer(Spoof { code, retry_after_s: None, redirect: None }),
        (Mode::Answer, None) => {
            return Err(UserError::new(Exit::Usage, "an outage that answers has no code", "add --code 503"));
        }
        (_, Some(_)) => {
            return Err(UserError::new(Exit::Usage, "--code without answers", "add --mode answer, or leave it out"));
        }
        (Mode::Drop, None) => Manner::Drop,
        (Mode::Refuse, None) => Manner::Refuse,
        (Mode::HostUnreachable, None) => Manner::Unreachable(Unreachable::Host),
        (Mode::AdminProhibited, None) => Manner::Unreachable(Unreachable::Admin),
        (Mode::Reset, None) => Manner::Reset,
        (Mode::Unresolvable, None) => Manner::Unresolvable,
        (Mode::Dns, None) => Manner::Nameless,
        (Mode::LinkDown, None) => Manner::Drop,
    };
    let OutageArgs { scope, ports, transport, only, .. } = &args.outage;
    let is_part = *scope == Scope::Sip || ports.is_some() || transport.is_some() || only.is_some();
    if matches!(manner, Manner::Unresolvable | Manner::Nameless) && is_part {
        let message = "a part of a server can not be lost to those who ask for it: nobody asks for a part of a host";
        return Err(UserError::new(Exit::Usage, message, "leave out --scope, --ports, --transport and --only"));
    }
    if args.outage.one_way.is_some() && manner != Manner::Drop {
        let message = "only an outage that drops frames without a word can be one-way";
        return Err(UserError::new(Exit::Usage, message, "leave out --one-way, or --mode"));
    }
    Ok(manner)
}

/// What `net shape` does to frames.
///
/// # Errors
/// If it does nothing, or can not be done.
pub fn shape(args: &ShapeArgs) -> Result<Manner, UserError> {
    let bad = Impairment {
        loss: args.loss.unwrap_or(Share::NONE),
        burst: args.burst,
        delay: args.delay.unwrap_or(Duration::ZERO),
        jitter: args.jitter.unwrap_or(Duration::ZERO),
        ramp: Duration::ZERO,
        reorder: args.reorder.unwrap_or(Share::NONE),
        duplicate: args.duplicate.unwrap_or(Share::NONE),
        rate_bps: args.rate,
        seed: args.seed,
    };
    if bad.is_nothing() {
        let help = "add --loss, --delay, --jitter, --reorder, --duplicate or --rate";
        return Err(UserError::new(Exit::Usage, "this path would be as good as ever", help));
    }
    if !bad.has_room_between_bursts() {
        let message = format!("{} can not be lost in bursts of {}", bad.loss, bad.burst);
        let help = "make bursts longer, or lose less: between two bursts at least one frame arrives";
        return Err(UserError::new(Exit::Usage, message, help));
    }
    Ok(Manner::Impair(bad))
}

/// The whole order.
pub fn spec(args: &OutageArgs, mode: OutageMode, server: &ServerName, phones: &[PhoneName]) -> OutageSpec {
    let scope = match (&args.ports, args.transport, args.scope) {
        (None, None, Scope::Host) => OutageScope::Host,
        (None, None, Scope::Sip) => OutageScope::Sip,
        (ports, transport, _) => OutageScope::Part(Part {
            address: None,
            ports: ports.as_ref().map(|ports| ports.0.clone()).unwrap_or_default(),
            transport: transport.map(Into::into),
        }),
    };
    OutageSpec {
        mode,
        server: server.clone(),
        scope,
        only: args.only.as_ref().map(|only| only.0.clone()),
        phones: phones.to_vec(),
        toward: args.one_way.map(Into::into),
        limit: args.limit,
        by: None,
    }
}
