//! What became of the rig in a run that its reader should know of: one sentence for each.

use crate::event::{Loss, Observed, OutageEnd, OutageId, OutageSpec, Toward};

/// The sentence; none: it is no trouble, or told elsewhere. `ordered` tells how an outage was.
pub fn of<'s>(observed: &Observed, ordered: impl FnOnce(OutageId) -> Option<&'s OutageSpec>) -> Option<String> {
    Some(match observed {
        Observed::OutageEnded { outage, why, .. } => match why {
            OutageEnd::Lifted => return None,
            // An operator's goes on until then, unless he lifts it.
            OutageEnd::Limit if ordered(*outage).is_some_and(|spec| spec.by.is_some()) => return None,
            OutageEnd::Limit => "an outage ended by its time limit, not as ordered".to_owned(),
            OutageEnd::Lapsed => "an outage was not renewed in time; the kernel forwarded everything".to_owned(),
            OutageEnd::HelperLost => {
                "the bridge helper was lost; the kernel forwarded everything from then on".to_owned()
            }
        },
        Observed::FollowedLate { outage, phone, address, late_ns } => format!(
            "outage {} followed {phone} and its address {address} only after {:.1} ms",
            outage.0,
            *late_ns as f64 / 1e6
        ),
        Observed::RouterSeen { phone, address, place, taken: true } => {
            format!("a device on the link has {address} too, which is {phone}'s: {place}")
        }
        Observed::HookEnded { server, act, outcome, .. } => {
            let error = outcome.error.as_ref()?;
            let wrote = if outcome.output.is_empty() { "" } else { ": " };
            format!("the command that is to {act} server {server} {error}{wrote}{}", outcome.output)
        }
        Observed::PeerGone { peer, .. } => format!("the process by which peer {peer} answers calls has ended"),
        Observed::PbxSettled { flaw: Some(flaw), .. } => flaw.reason.clone(),
        Observed::PhoneFileWritten { flaw: Some(flaw), .. } => flaw.reason.clone(),
        Observed::EvidenceLost { how, count } => lost(*how, *count),
        Observed::Leak { phone, toward, .. } => {
            let to = if *toward == Toward::Server { "server" } else { "phone" };
            format!("a frame of {phone} toward the {to} leaked through the outage")
        }
        Observed::LinkLost { interface, how } => format!("{interface} {how}: nothing passed there"),
        Observed::LinkBack { interface, how, gap_ns, .. } => {
            format!("{interface} {how} and was back after {:.3} s", *gap_ns as f64 / 1e9)
        }
        Observed::BystanderLost { mac, .. } => {
            format!("{mac}, which is of no outage, lost a frame to or from a server that was away for others")
        }
        Observed::PortLost { phone, port, reason } => format!("the {port} of {phone} was lost: {reason}"),
        Observed::DriverFailed { reason, .. } | Observed::WitnessLost { reason, .. } => reason.clone(),
        Observed::ClockStepped { by_ns } => {
            format!("the wall clock was stepped by {:+.3} s", *by_ns as f64 / 1e9)
        }
        _ => return None,
    })
}

fn lost(how: Loss, count: u64) -> String {
    match how {
        Loss::KernelDrop => format!("evidence lost: the kernel dropped {count} frames before they were read"),
        Loss::Truncated => format!("evidence lost: {count} frames were longer than the tap's buffer"),
        Loss::RingFull => format!("evidence lost: {count} frames found the ring to the controller full"),
    }
}
