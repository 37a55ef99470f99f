//! Settings of simulated phones in a description: text in the form of their configuration files, read strictly.

use std::path::PathBuf;

use super::{DescriptionError, PhoneOverride, require};
use crate::config::provisioning::{SettingsFile, Unknown, identify};

/// What `[timers]` and `transports` decide. The bench file tells it to the controller, so nothing else may change it.
const DECIDED: [(&str, &str); 6] = [
    ("sip registration period", "timers.expires"),
    ("sip transaction timer", "timers.transaction"),
    ("sip registration renewal timer", "timers.renewal-lead"),
    ("sip registration timeout retry timer", "timers.retry-timeout"),
    ("sip registration retry timer", "timers.retry-rejected"),
    ("sip transport protocol", "transport"),
];

/// Refuses what a phone would pass over in silence.
pub fn check(key: &str, text: &str) -> Result<(), DescriptionError> {
    let file = SettingsFile::parse(PathBuf::from(key), text.as_bytes());
    if let Some(flaw) = file.flaws.first() {
        return Err(DescriptionError(format!("`{key}`, line {}: {}", flaw.line, flaw.kind)));
    }
    for assignment in &file.assignments {
        let (name, line) = (&assignment.name, assignment.origin.line);
        let parameter = identify(name).map_err(|unknown| {
            let why = match unknown {
                Unknown::Misspelt(right) => format!("perhaps `{right}`"),
                Unknown::NoSuchNumber => "phones have no such line or key".to_owned(),
                Unknown::NotPerLine(right) => format!("it is for all lines: `{right}`"),
                Unknown::Unlisted => "the phones' guides have no such parameter".to_owned(),
            };
            DescriptionError(format!("`{key}`, line {line}: `{name}` is not known; {why}"))
        })?;
        let decided = DECIDED.iter().find(|(decided, _)| *decided == parameter.parameter.name);
        require(decided.is_none(), || {
            let instead = decided.map_or("", |(_, instead)| *instead);
            format!("`{key}`, line {line}: `{name}` is decided by `{instead}`; set it there")
        })?;
    }
    Ok(())
}

/// A PIN is typed on the key pad.
pub fn check_pin(phone: &PhoneOverride) -> Result<(), DescriptionError> {
    let typed = |pin: &String| !pin.is_empty() && pin.bytes().all(|digit| digit.is_ascii_digit());
    require(phone.pin.as_ref().is_none_or(typed), || {
        format!("PIN of virtual phone `{}` can hold digits alone; write it as `pin = \"4711\"`", phone.name)
    })
}
