//! Checks of what a scenario says of an outage.

use std::{ops::RangeInclusive, time::Duration};

use toml::Spanned;

use super::Findings;
use crate::{
    config::{
        bench::Role,
        raw,
        scenario::{Failure, LONGEST_OUTAGE, Moment, OutagePlan, Party},
    },
    event::{OutageScope, Part, Selection, Toward, Transport},
};

mod mode;

/// The outage, if there is nothing wrong with it.
pub(super) fn plan(raw: &Spanned<raw::Outage>, findings: &mut Findings<'_>) -> Option<OutagePlan> {
    let (span, raw) = (raw.span(), raw.get_ref());
    let before = findings.count();
    let mode = mode::mode(raw, findings);
    let scope = scope(raw, findings);
    let only = raw.only.as_ref().map(|it| selection(it, findings));
    let roles: [(&str, &[Role]); 3] =
        [("primary", &[Role::Primary]), ("backup", &[Role::Backup]), ("both", &[Role::Primary, Role::Backup])];
    let servers = if mode::is_of_link(raw) {
        Some(vec![Role::Primary, Role::Backup])
    } else {
        let help = "add `server = \"primary\"`";
        findings
            .required(raw.server.as_ref(), span.clone(), "the outage takes no server away", help)
            .and_then(|server| findings.word(server, "role that a server has for every line", &roles))
            .map(<[Role]>::to_vec)
    };
    if let Some(shared) = raw.shared.as_ref().filter(|_| mode::is_of_link(raw)) {
        findings.at(shared.span(), "a link that is down takes every server away, for everybody", "remove `shared`");
    }
    let limit = findings
        .required(
            raw.limit.as_ref(),
            span,
            "the outage has no time limit",
            "add `limit = \"20m\"`: it ends by itself then, whatever happens to siprig",
        )
        .and_then(|limit| findings.duration(limit, (Duration::from_secs(1), LONGEST_OUTAGE)));
    let parties = [("all", None), ("callers", Some(Party::Callers)), ("callees", Some(Party::Callees))];
    let party = raw.phones.as_ref().and_then(|it| findings.word(it, "choice of phones", &parties)).flatten();
    let ways = [("requests", Toward::Server), ("answers", Toward::Phone)];
    let toward = raw.one_way.as_ref().and_then(|it| findings.word(it, "way that is cut", &ways));
    let is_told = mode.as_ref().is_some_and(mode::tells);
    if let Some(way) = raw.one_way.as_ref().filter(|_| is_told) {
        let help = "remove `one-way`: the phone is told, so its requests are taken and it hears the bridge alone";
        findings.at(way.span(), "an outage of which the phone is told can not be one-way", help);
    }
    let moments =
        [("now", Moment::Now), ("before-renewal", Moment::BeforeRenewal), ("after-renewal", Moment::AfterRenewal)];
    let at = raw.at.as_ref().map_or(Some(Moment::Now), |it| findings.word(it, "moment of an outage", &moments));
    let failures = [("cut", Failure::Cut), ("down", Failure::Down)];
    let failure = raw.failure.as_ref().map_or(Some(Failure::Cut), |it| findings.word(it, "kind of failure", &failures));
    (findings.count() == before).then_some(OutagePlan {
        mode: mode?,
        toward,
        servers: servers?,
        shared: raw.shared.as_ref().is_some_and(|it| *it.get_ref()),
        scope: scope?,
        only: match only {
            Some(only) => Some(only?),
            None => None,
        },
        party,
        at: at?,
        failure: failure?,
        limit: limit?,
    })
}

/// How much of the server.
fn scope(raw: &raw::Outage, findings: &mut Findings<'_>) -> Option<OutageScope> {
    let before = findings.count();
    let address = raw.address.as_ref().and_then(|it| findings.address(it));
    let transports = [("udp", Transport::Udp), ("tcp", Transport::Tcp)];
    let transport = raw.transport.as_ref().and_then(|it| findings.word(it, "transport", &transports));
    let ports = raw.ports.iter().flat_map(Spanned::get_ref);
    let ports = ports.filter_map(|it| findings.integer(it, "port", (1, 65_535))).collect();
    let part = Part { address, ports, transport };
    let scopes = ["host", "sip"];
    let word = raw.scope.as_ref().map(|it| findings.word(it, "scope of an outage", &scopes.map(|word| (word, word))));
    if findings.count() > before {
        return None;
    }
    match (word.flatten(), raw.scope.as_ref(), part == Part::default()) {
        (Some("sip"), _, true) => Some(OutageScope::Sip),
        (_, _, true) => Some(OutageScope::Host),
        (_, None, false) => Some(OutageScope::Part(part)),
        (_, Some(scope), false) => {
            let help = "remove `scope`: `address`, `ports` and `transport` say how much of the server goes away";
            findings.at(scope.span(), "an outage of a part of a server has a `scope` besides", help);
            None
        }
    }
}

/// Which SIP messages, where it is not about all frames.
fn selection(raw: &Spanned<raw::Messages>, findings: &mut Findings<'_>) -> Option<Selection> {
    let (span, raw) = (raw.span(), raw.get_ref());
    let before = findings.count();
    let selection = Selection {
        method: raw.method.as_ref().map(|it| it.get_ref().clone()),
        status: raw.status.as_ref().and_then(|it| findings.integer(it, "status code", bounds(&Selection::STATUSES))),
        nth: raw.nth.as_ref().and_then(|it| findings.integer(it, "number of a sending", bounds(&Selection::SENDINGS))),
        refresh: raw.refresh.unwrap_or(false),
        call_id: raw.call_id.as_ref().map(|it| it.get_ref().clone()),
    };
    if let Some(method) = raw.method.as_ref().filter(|it| !Selection::is_method(it.get_ref())) {
        let help = "write a method as it stands in requests, as `REGISTER`";
        findings.at(method.span(), format!("`{}` is no method of SIP", method.get_ref()), help);
    }
    let named =
        [raw.method.is_some(), raw.status.is_some(), raw.nth.is_some(), selection.refresh, raw.call_id.is_some()];
    if !named.contains(&true) {
        let help = "name `method`, `status`, `nth`, `refresh` or `call-id`, as `only = { method = \"REGISTER\" }`";
        findings.missing(span, "an outage of certain messages names none", help);
    } else if selection.contradicts_itself() {
        findings.at(span, "no answer renews a registration", "remove `status` or `refresh`");
    }
    (findings.count() == before).then_some(selection)
}

fn bounds<T: Copy + Into<i64>>(range: &RangeInclusive<T>) -> (i64, i64) {
    ((*range.start()).into(), (*range.end()).into())
}
