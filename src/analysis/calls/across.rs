//! Whether a call outlived what happened to its line or to its server.

use super::{CallFate, Sign, Told};
use crate::event::Stamp;

/// Something that may end a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// What.
    pub what: &'static str,
    /// When.
    pub at: Stamp,
}

/// A call that stood when something happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Across {
    /// What happened.
    pub moment: Moment,
    /// True: something was asked within the call afterwards, and the other end answered as it does in a call that stands.
    /// False: it answered that there is none. None: nothing shows either.
    pub survived: Option<bool>,
    /// What shows it.
    pub shown_by: Option<Sign>,
}

/// Of these moments those at which a call stood, and whether it outlived them.
pub fn across(call: &Told, moments: &[Moment]) -> Vec<Across> {
    let Some(up) = call.acknowledged else { return Vec::new() };
    let until = match call.fate {
        CallFate::HungUp { at, .. } => at,
        CallFate::Open { .. } => Stamp(u64::MAX),
        CallFate::Refused { at, .. } | CallFate::Cancelled { at } => at,
    };
    let stood = moments.iter().filter(|moment| up <= moment.at && moment.at <= until);
    stood.map(|moment| judged(*moment, &call.signs)).collect()
}

fn judged(moment: Moment, signs: &[Sign]) -> Across {
    let since = signs.iter().filter(|sign| sign.asked >= moment.at);
    let told = |sign: &Sign| match sign.code {
        200..300 => Some(true),
        // These two end a dialog (RFC 3261 section 12.2.1.2).
        408 | 481 => Some(false),
        _ => None,
    };
    let shown = since.filter_map(|sign| Some((*sign, told(sign)?))).next();
    Across { moment, survived: shown.map(|(_, survived)| survived), shown_by: shown.map(|(sign, _)| sign) }
}
