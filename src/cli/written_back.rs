//! Phones' files that a siprig before this one has written and did not write back, because it was killed; and phones that may go by
//! what stood in them, until they boot.

use std::{collections::BTreeMap, io};

use super::{error::UserError, exit::Exit, state};
use crate::{
    config::{Bench, PhoneFiles},
    driver::{
        clock::RunClock,
        hook::notes::{Notes, Rewritten},
        phone_files::{self, Place},
        secrets::Secrets,
    },
    event::PhoneName,
};

/// Where it is noted which phones' files of a bench may be other than they were. Whoever uses it holds the lock on the bench.
///
/// # Errors
/// If there is no directory for it.
pub fn notes(bench: &Bench) -> Result<Notes<Rewritten>, UserError> {
    Ok(Notes::at(state::of_network()?.join(format!("phone-files-{}.json", bench.name))))
}

/// Writes everything back that is noted as written, ahead of anything else, and tells so by `say`. The phones that may go by
/// it still: a boot, in which they load their files, ends that.
///
/// # Errors
/// If something can not be written back: nothing on this bench would show anything.
pub fn everything(bench: &Bench, say: impl Fn(&str)) -> Result<Vec<PhoneName>, UserError> {
    let notes = notes(bench)?;
    let unusable = |error: io::Error| {
        let help = "remove it if every phone has the settings that it should have, or set SIPRIG_STATE to a directory of your own";
        UserError::new(Exit::Rig, format!("cannot use {error}"), help)
    };
    let left = notes.read().map_err(unusable)?;
    let mut failed = None;
    for (phone, rewritten) in left.iter().filter(|(_, rewritten)| !rewritten.back) {
        match write_back(bench, phone, rewritten, &say) {
            Ok(()) => notes.add(phone, Rewritten { back: true, ..rewritten.clone() }).map_err(unusable)?,
            // The others need not wait for it.
            Err(error) => drop(failed.get_or_insert(error)),
        }
    }
    failed.map_or_else(|| Ok(left.into_keys().collect()), Err)
}

/// The same where nobody boots the phones, and says so.
///
/// # Errors
/// As [`everything`].
pub fn without_boots(bench: &Bench, say: impl Fn(&str)) -> Result<(), UserError> {
    say_until_they_boot(&everything(bench, &say)?, say);
    Ok(())
}

/// Says of phones that nobody boots them.
pub fn say_until_they_boot(phones: &[PhoneName], say: impl Fn(&str)) {
    until_they_boot(phones).into_iter().for_each(|text| say(&text));
}

fn until_they_boot(phones: &[PhoneName]) -> Option<String> {
    let names: Vec<&str> = phones.iter().map(|phone| phone.0.as_str()).collect();
    (!names.is_empty()).then(|| {
        format!(
            "{} may go by settings of a run that did not come to its end, until the next boot: a `siprig run` on a bench with \
             [provisioning] sees to that",
            names.join(", ")
        )
    })
}

fn write_back(bench: &Bench, phone: &PhoneName, rewritten: &Rewritten, say: &impl Fn(&str)) -> Result<(), UserError> {
    let Rewritten { since_unix_s, file, settings, before, files: noted, .. } = rewritten;
    let since = jiff::Timestamp::from_second(*since_unix_s).unwrap_or_default();
    let since = since.strftime("%Y-%m-%d %H:%M:%S UTC");
    say(&format!(
        "{file} of {phone} was written by a siprig that did not write it back, since {since}; writing it back"
    ));
    let known: Vec<_> = std::iter::once(settings.clone()).chain(before.iter().cloned()).collect();
    let put = |files: &PhoneFiles| {
        let place = Place::new(files.clone(), Secrets::of_bench(bench), RunClock::start());
        place.put(file, &known, &BTreeMap::new())
    };
    // Where it was written; and if that is no more, where the bench file says that it is served from today.
    let gone = noted.folder().is_some_and(|folder| !folder.exists());
    let moved = bench.provisioning.as_ref().filter(|today| gone && *today != noted);
    let done = put(noted).or_else(|flaw| moved.map_or(Err(flaw), put));
    done.map_err(|flaw| {
        let (shown, base) = (phone_files::shown(noted), noted.base.display());
        let message = format!("{file} of {phone} is left changed: {}", flaw.reason);
        let help = format!(
            "make it in {shown} what it is in {base} by hand, or mend [provisioning] of the bench file, and try again: \
             `siprig net restore`"
        );
        UserError::new(Exit::Rig, message, help)
    })
}
