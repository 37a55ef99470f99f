//! Settings of the PBX that a siprig before this one has changed and did not set back, because it was killed.

use super::{error::UserError, exit::Exit, state};
use crate::{
    config::Bench,
    driver::{
        clock::RunClock,
        hook::notes::{Changed, Notes},
        pbx::Hand,
        secrets::Secrets,
    },
    event::PbxName,
};

/// Where it is noted which settings of the PBX of a bench may be changed. Whoever uses it holds the lock on the bench.
///
/// # Errors
/// If there is no directory for it.
pub fn notes(bench: &Bench) -> Result<Notes<Changed>, UserError> {
    Ok(Notes::at(state::of_network()?.join(format!("pbx-{}.json", bench.name))))
}

/// Sets everything back that is noted as changed, ahead of anything else, and tells so by `say`.
///
/// # Errors
/// If something can not be set back: nothing on this bench would show anything.
pub fn everything(bench: &Bench, say: impl Fn(&str)) -> Result<(), UserError> {
    let notes = notes(bench)?;
    let unusable = |error: std::io::Error| {
        let help =
            "remove it if every setting of the PBX is as it should be, or set SIPRIG_STATE to a directory of your own";
        UserError::new(Exit::Rig, format!("cannot use {error}"), help)
    };
    for (setting, changed) in &notes.read().map_err(unusable)? {
        restore(bench, setting, changed, &say)?;
        notes.remove(setting).map_err(unusable)?;
    }
    Ok(())
}

fn restore(bench: &Bench, name: &PbxName, changed: &Changed, say: &impl Fn(&str)) -> Result<(), UserError> {
    let Changed { since_unix_s, was, setting } = changed;
    // What the bench file says today counts; what is no longer in it has only what was noted.
    let today = bench.pbx.get(name).filter(|today| today.set.contains_key(was));
    let since = jiff::Timestamp::from_second(*since_unix_s).unwrap_or_default();
    let since = since.strftime("%Y-%m-%d %H:%M:%S UTC");
    say(&format!(
        "pbx.{name} was changed by a siprig that did not set it back, since {since}; setting it back to {was}"
    ));
    let (setting, secrets) = (today.unwrap_or(setting).clone(), Secrets::of_bench(bench));
    Hand::alone(name.clone(), setting, secrets, RunClock::start()).set(was).map_err(|flaw| {
        let message = format!("pbx.{name} is left changed, and should be {was}: {}", flaw.reason);
        let help = format!(
            "set it to {was} by hand, mend [pbx.{name}] of the bench file, and try again: `siprig net restore`"
        );
        UserError::new(Exit::Rig, message, help)
    })
}
