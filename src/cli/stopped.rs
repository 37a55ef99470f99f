//! Servers that a siprig before this one has stopped by their hooks and did not start again, because it was killed.

use super::{error::UserError, exit::Exit, state};
use crate::{
    config::Bench,
    driver::{
        clock::RunClock,
        hook::{
            command,
            notes::{Left, Notes},
        },
        secrets::Secrets,
    },
    event::ServerName,
    look::harmless,
};

/// Where it is noted which servers of a bench may be stopped. Whoever uses it holds the lock on the bench.
///
/// # Errors
/// If there is no directory for it.
pub fn notes(bench: &Bench) -> Result<Notes<Left>, UserError> {
    Ok(Notes::at(state::of_network()?.join(format!("stopped-{}.json", bench.name))))
}

/// Starts every server that is noted as stopped, ahead of anything else, and tells so by `say`. How many there were.
///
/// # Errors
/// If one can not be started: nothing on this bench would show anything.
pub fn start_again(bench: &Bench, say: impl Fn(&str)) -> Result<usize, UserError> {
    let notes = notes(bench)?;
    let unusable = |error: std::io::Error| {
        let help = "remove it if every server of the bench runs, or set SIPRIG_STATE to a directory of your own";
        UserError::new(Exit::Rig, format!("cannot use {error}"), help)
    };
    let left = notes.read().map_err(unusable)?;
    for (server, left) in &left {
        start(bench, server, left, &say)?;
        notes.remove(server).map_err(unusable)?;
    }
    Ok(left.len())
}

fn start(bench: &Bench, server: &ServerName, left: &Left, say: &impl Fn(&str)) -> Result<(), UserError> {
    // What the bench file says today counts; a server that is no longer in it has only what was noted.
    let hook = bench.server(server).and_then(|server| server.hook.as_ref()).unwrap_or(&left.hook);
    let since = jiff::Timestamp::from_second(left.since_unix_s).unwrap_or_default();
    let since = since.strftime("%Y-%m-%d %H:%M:%S UTC");
    let command = harmless(&hook.start.join(" "));
    say(&format!(
        "server {server} was stopped by a siprig that did not start it again, since {since}; starting it: {command}"
    ));
    let outcome = command::run(&hook.start, hook.limit, &Secrets::of_bench(bench), &RunClock::start());
    match outcome.error {
        None => Ok(()),
        Some(error) => {
            let wrote = if outcome.output.is_empty() { String::new() } else { format!(": {}", outcome.output) };
            let message = format!("server {server} is left stopped: the command that is to start it {error}{wrote}");
            let help =
                "start the server by hand, mend `hook.start` of the bench file, and try again: `siprig net restore`";
            Err(UserError::new(Exit::Rig, message, help))
        }
    }
}
