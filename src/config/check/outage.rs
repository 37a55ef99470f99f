//! Checks of what a scenario says of an outage.

use std::time::Duration;

use toml::Spanned;

use super::{
    Findings,
    scenario::{LONGEST_OUTAGE, ROLES},
};
use crate::{
    config::{
        bench::Role,
        raw,
        scenario::{Failure, ModePlan, Moment, OutagePlan, Party},
    },
    event::{OutageScope, Toward},
};

/// The longest time for which a phone may be asked to stay away: a day.
const LONGEST_RETRY: Duration = Duration::from_secs(24 * 3600);

/// The outage, if there is nothing wrong with it.
pub(super) fn plan(raw: &Spanned<raw::Outage>, findings: &mut Findings<'_>) -> Option<OutagePlan> {
    let (span, raw) = (raw.span(), raw.get_ref());
    let before = findings.count();
    let mode = mode(raw, findings);
    let scopes = [("host", OutageScope::Host), ("sip", OutageScope::Sip)];
    let scope =
        raw.scope.as_ref().map_or(Some(OutageScope::Host), |it| findings.word(it, "scope of an outage", &scopes));
    let roles: [(&str, &[Role]); 3] =
        [("primary", &[Role::Primary]), ("backup", &[Role::Backup]), ("both", &[Role::Primary, Role::Backup])];
    let servers = findings
        .required(raw.server.as_ref(), span.clone(), "the outage takes no server away", "add `server = \"primary\"`")
        .and_then(|server| findings.word(server, "role that a server has for every line", &roles))
        .map(<[Role]>::to_vec);
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
    if let (Some(way), Some(ModePlan::Answer { .. } | ModePlan::Refuse)) = (&raw.one_way, mode) {
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
        scope: scope?,
        party,
        at: at?,
        failure: failure?,
        limit: limit?,
    })
}

/// What happens to the frames.
fn mode(raw: &raw::Outage, findings: &mut Findings<'_>) -> Option<ModePlan> {
    #[derive(Clone, Copy, PartialEq)]
    enum Word {
        Drop,
        Refuse,
        Answer,
    }
    let words = [("drop", Word::Drop), ("refuse", Word::Refuse), ("answer", Word::Answer)];
    let word = raw.mode.as_ref().map_or(Some(Word::Drop), |mode| findings.word(mode, "mode of an outage", &words))?;
    if word != Word::Answer {
        let codes = raw.code.as_ref().map(|it| ("code", it.span()));
        let texts = [("retry-after", &raw.retry_after), ("redirect", &raw.redirect)];
        let texts = texts.into_iter().filter_map(|(name, text)| Some((name, text.as_ref()?.span())));
        for (name, span) in codes.into_iter().chain(texts) {
            findings.at(span, format!("`{name}` of an outage that answers nothing"), "add `mode = \"answer\"`");
        }
        return Some(if word == Word::Drop { ModePlan::Drop } else { ModePlan::Refuse });
    }
    let mode = raw.mode.as_ref().map_or(0..0, Spanned::span);
    let help = "add the status code, as `code = 503`";
    let code = findings.required(raw.code.as_ref(), mode.clone(), "the outage answers without a code", help);
    let code: u16 = code.and_then(|code| findings.integer(code, "code", (300, 699)))?;
    let retry_after_s = match &raw.retry_after {
        Some(text) => {
            let span = findings.duration(text, (Duration::from_secs(1), LONGEST_RETRY))?;
            u32::try_from(span.as_secs()).ok()
        }
        None => None,
    };
    let redirect = match &raw.redirect {
        Some(text) => Some(findings.word(text, "role that a server has for every line", &ROLES)?),
        None => None,
    };
    if redirect.is_some() != (300..400).contains(&code) {
        let help = "a 3xx names another server, as `redirect = \"backup\"`, and nothing else does";
        findings.at(mode, format!("the answer {code} does not fit the `redirect`"), help);
        return None;
    }
    Some(ModePlan::Answer { code, retry_after_s, redirect })
}
