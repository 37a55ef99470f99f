//! Checks of call partners on the servers' side, and of the side of calls that a scenario gives them.

use std::{path::Path, time::Duration};

use toml::Spanned;

use super::{Findings, bench::Claims, called, hook, lines};
use crate::{
    config::{
        bench::{Phone, Role, Server},
        peer::Peer,
        raw,
        scenario::Party,
    },
    event::PeerName,
};

/// For how long a call of a peer stands unless a bench says otherwise: longer than scenarios take with the manual's timers.
const HOLD: Duration = Duration::from_secs(7200);
/// What it may be given.
const HOLDS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(24 * 3600));

/// The partners of a bench. A program with a `/` in its name is looked for from `folder` on.
pub(super) fn peers(
    raw: &[Spanned<raw::Peer>],
    servers: &[Server],
    phones: &[Phone],
    folder: &Path,
    claims: &mut Claims,
    findings: &mut Findings<'_>,
) -> Vec<Peer> {
    raw.iter().filter_map(|raw| peer(raw, servers, phones, folder, claims, findings)).collect()
}

fn peer(
    raw: &Spanned<raw::Peer>,
    servers: &[Server],
    phones: &[Phone],
    folder: &Path,
    claims: &mut Claims,
    findings: &mut Findings<'_>,
) -> Option<Peer> {
    let (span, raw) = (raw.span(), raw.get_ref());
    let name = findings.required(raw.name.as_ref(), span.clone(), "the peer has no name", "add `name = \"desk\"`");
    let name = name.and_then(|text| {
        claims.claim("peer name", text.get_ref(), "another peer", text.span(), findings);
        findings.name(text)
    });
    let owner = called("peer", name.as_deref().unwrap_or_default());
    let help = "add what phones dial to reach it, as `extension = \"8001\"`";
    let extension =
        findings.required(raw.extension.as_ref(), span.clone(), &format!("the {owner} has no extension"), help);
    let extension = extension.and_then(|text| {
        lines::extension(text, findings);
        let of = phones.iter().find(|phone| phone.lines.iter().any(|line| line.extension == *text.get_ref()));
        if let Some(phone) = of {
            let message = format!("extension `{}` is that of a phone under test", text.get_ref());
            findings.at(text.span(), message, format!("give the peer one of its own; phone {} has it", phone.name));
        }
        of.is_none().then(|| text.get_ref().clone())
    });
    let help = "add where it is on the servers' side, as `address = \"10.77.0.241\"`";
    let address = findings.required(raw.address.as_ref(), span, &format!("the {owner} has no address"), help);
    let address = address.and_then(|text| {
        let address = findings.address(text)?;
        claims.claim("address", &address.to_string(), &owner, text.span(), findings);
        Some(address)
    });
    let server = match &raw.server {
        Some(_) => Some(lines::server_of(&raw.server, Role::Other, servers, findings)?),
        None => None,
    };
    let mut command = |words: &Option<raw::Words>, key: &str, example: &str| match words {
        Some(words) => hook::command(words, &format!("the `{key}` of a peer"), example, folder, findings).map(Some),
        None => Some(None),
    };
    let call = command(&raw.call, "call", "`call = [\"./call.sh\", \"{extension}\", \"{server}\", \"{hold}\"]`");
    let answer = command(&raw.answer, "answer", "`answer = [\"sipp\", \"-sn\", \"uas\", \"-i\", \"{address}\"]`");
    let called_by = call.as_ref().and_then(Option::as_ref).zip(raw.call.as_ref());
    if let Some((words, raw)) = called_by
        && !words.iter().any(|word| word.contains("{extension}"))
    {
        let help = "put `{extension}` where the command is told whom to call";
        findings.at(raw.span(), "the `call` of a peer calls one and the same extension", help);
    }
    let hold = raw.hold.as_ref().map_or(Some(HOLD), |hold| findings.duration(hold, HOLDS));
    let name = PeerName(name?);
    Some(Peer { name, extension: extension?, address: address?, server, call: call?, answer: answer?, hold: hold? })
}

/// The side of each call that a peer takes in a scenario.
pub(super) fn side(raw: &raw::Scenario, findings: &mut Findings<'_>) -> Option<Party> {
    let words = [("phone", false), ("peer", true)];
    let mut is_peer =
        |text: &Option<Spanned<String>>| text.as_ref().and_then(|text| findings.word(text, "call partner", &words));
    let (caller, callee) = (is_peer(&raw.caller), is_peer(&raw.callee));
    match (caller, callee) {
        (Some(true), Some(true)) => {
            let at = raw.callee.as_ref().map_or(0..0, Spanned::span);
            findings.at(at, "a peer calls a peer, and no phone has a part in it", "remove `caller` or `callee`");
            None
        }
        (Some(true), _) => Some(Party::Callers),
        (_, Some(true)) => Some(Party::Callees),
        _ => None,
    }
}
