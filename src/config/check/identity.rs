//! Checks of what a phone is known by on the wire.

use std::{net::IpAddr, ops::Range};

use toml::Spanned;

use super::{Findings, bench::Claims};
use crate::config::{
    identity::{Identity, Mac},
    raw,
};

/// What a phone is known by, and its address, if that is fixed. One behind a router has to have one.
pub(super) fn identity(
    raw: &raw::Phone,
    owner: &str,
    span: Range<usize>,
    claims: &mut Claims,
    findings: &mut Findings<'_>,
) -> (Identity, Option<IpAddr>) {
    let routed = raw.routed.as_ref().is_some_and(|routed| *routed.get_ref());
    let missing = raw.mac.is_none() && !routed;
    if missing {
        let help = "add `mac = \"00:08:5d:23:74:29\"`; or, if it is behind a router, `routed = true` and its `address`";
        findings.missing(span.clone(), format!("the {owner} has no MAC address"), help);
    }
    let mac = raw.mac.as_ref().and_then(|text| {
        let mac = mac(text, findings)?;
        claims.claim("MAC address", &mac.to_string(), owner, text.span(), findings);
        Some(mac)
    });
    let addresses = addresses(raw, owner, routed, claims, findings);
    let address = addresses.first().copied();
    if !routed {
        return (Identity::OnLink { mac: mac.unwrap_or(Mac([0; 6])) }, address);
    }
    if raw.address.is_none() && raw.addresses.is_empty() {
        let help =
            "add `address = \"10.88.0.11\"`, and see that it stays: all that its router sends on has the router's MAC";
        findings.missing(span, format!("the {owner} is behind a router and has no address to be known by"), help);
    }
    (Identity::Routed { routed: addresses, mac }, address)
}

/// Those of `address`, or of `addresses`, which only a phone behind a router has.
fn addresses(
    raw: &raw::Phone,
    owner: &str,
    routed: bool,
    claims: &mut Claims,
    findings: &mut Findings<'_>,
) -> Vec<IpAddr> {
    if let Some(first) = raw.addresses.first() {
        if raw.address.is_some() {
            let help = "leave `address` out and write all of them into `addresses`";
            findings.at(first.span(), format!("the {owner} has both `address` and `addresses`"), help);
        } else if !routed {
            let help = "write `address`, or nothing: what else it has is learnt. If it is behind a router, add `routed = true`";
            findings.at(first.span(), format!("the {owner} is on the link and has `addresses`"), help);
        }
    }
    let mut addresses = Vec::new();
    for text in raw.address.iter().chain(&raw.addresses) {
        if let Some(address) = findings.address(text) {
            claims.claim("address", &address.to_string(), owner, text.span(), findings);
            addresses.push(address);
        }
    }
    addresses
}

/// The address of one device.
pub(super) fn mac(text: &Spanned<String>, findings: &mut Findings<'_>) -> Option<Mac> {
    let flaw = match text.get_ref().parse::<Mac>() {
        Ok(mac) if mac.0[0] & 1 == 1 => "a group address",
        Ok(mac) if mac.0 == [0; 6] => "no address of a device",
        Ok(mac) => return Some(mac),
        Err(_) => "no MAC address",
    };
    let help = "write the one on the phone's label, as `00:08:5d:23:74:29`";
    findings.at(text.span(), format!("`{}` is {flaw}", text.get_ref()), help);
    None
}
