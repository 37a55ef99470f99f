//! The one message of a night: a command of the suite is handed it, and whatever becomes of that changes nothing of what the night came to.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use super::told::{Teller, length};
use crate::{
    cli::{error::UserError, exit::Exit, state},
    config::{Notify, Suite},
    driver::{clock::RunClock, hook::command, signals::Signals},
    event::HookOutcome,
    nightly::{Before, Message, Night, ledger::Handed},
};

/// Tries the command of a suite with a sample.
///
/// # Errors
/// If the suite has none, or it fails.
pub(super) fn test(suite: &Suite, file: &Path, teller: &Teller) -> Result<(), UserError> {
    let Some(notify) = &suite.notify else {
        let message = format!("the suite {} tells nobody what a night came to", file.display());
        return Err(UserError::new(Exit::Config, message, "give it a table `[notify]` with `command = [\"…\"]`"));
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| state::unexpected("start the runtime", &error))?;
    let outcome = runtime.block_on(hand(notify, &Message::sample(&suite.name), &RunClock::start()));
    match outcome.error {
        Some(error) => {
            let said = if outcome.output.is_empty() { String::new() } else { format!(": {}", outcome.output) };
            let message = format!("the sample was not taken: {} {error}{said}", words(notify));
            Err(UserError::new(Exit::Rig, message, "look at `command` under [notify] in the suite"))
        }
        None => {
            teller.say(&told(notify, &outcome));
            Ok(())
        }
    }
}

/// Hands the message of a night to the command of its suite, and tells what became of that; none: nobody is to be told of it.
pub(super) async fn of_night(directory: &Path, night: &Night, clock: &RunClock, teller: &Teller) -> Option<Handed> {
    let notify = night.plan.notify.as_ref()?;
    let name = directory.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    let before = Before::of_night(directory, night, &night.outcomes());
    let message = Message::of(&name, directory, night, &before);
    if !message.is_due(notify.when, &before) {
        teller.say("message: none, by `when` of the suite");
        return None;
    }
    let outcome = hand(notify, &message, clock).await;
    teller.say(&told(notify, &outcome));
    let HookOutcome { took_ns, output, error } = outcome;
    let why = error.map(|error| if output.is_empty() { error } else { format!("{error}: {output}") });
    Some(Handed { took_ms: took_ns / 1_000_000, why })
}

/// Waits for the command, its time, or a signal, which gives it up.
async fn hand(notify: &Notify, message: &Message, clock: &RunClock) -> HookOutcome {
    let failed = |error: String| HookOutcome { took_ns: 0, output: String::new(), error: Some(error) };
    let text = match message.to_json() {
        Ok(text) => text,
        Err(error) => return failed(format!("was not run: the message can not be written as JSON: {error}")),
    };
    let given_up = Arc::new(AtomicBool::new(false));
    let (words, limit) = (notify.command.clone(), notify.limit);
    let (clock, wish) = (clock.clone(), Arc::clone(&given_up));
    let mut work = tokio::task::spawn_blocking(move || command::hand(&words, text.as_bytes(), limit, &wish, &clock));
    let outcome = match Signals::listen() {
        Ok(mut signals) => tokio::select! {
            outcome = &mut work => outcome,
            _ = signals.next() => {
                given_up.store(true, Ordering::SeqCst);
                work.await
            }
        },
        // What can not be heard gives nothing up; its time is over anyhow.
        Err(_) => work.await,
    };
    outcome.unwrap_or_else(|_| failed("was not waited for: its thread is gone".to_owned()))
}

fn words(notify: &Notify) -> &str {
    notify.command.first().map_or("nothing", String::as_str)
}

fn told(notify: &Notify, outcome: &HookOutcome) -> String {
    let took = length(std::time::Duration::from_nanos(outcome.took_ns));
    match &outcome.error {
        None => format!("message: {} took it in {took}", words(notify)),
        Some(error) if outcome.output.is_empty() => {
            format!("error: the message was not taken: {} {error}", words(notify))
        }
        Some(error) => format!("error: the message was not taken: {} {error}: {}", words(notify), outcome.output),
    }
}
