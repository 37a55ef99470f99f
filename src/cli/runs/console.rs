//! `siprig runs console`: what a console said in a run, from its recording.

use std::{process::ExitCode, time::Duration};

use super::super::{
    error::{UserError, print_bytes},
    exit::Exit,
    transcript::{Text, hex},
};
use crate::{
    driver::clock::RunClock,
    event::{PhoneName, Stamp},
    journal::{
        RunDir,
        console::{Recording, What},
    },
};

/// In which form.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum How {
    /// As text, or as the bytes that came; at their own pace, so many times as fast.
    Text { raw: bool, pace: Option<f64> },
    /// In hexadecimal.
    Hex,
}

/// Shows it.
///
/// # Errors
/// If there is no recording, or it can not be read.
pub(super) fn show(run_dir: &RunDir, phone: &str, how: How) -> Result<ExitCode, UserError> {
    let mut recording = Recording::open(run_dir.path(), &PhoneName::from(phone))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.map_err(|error| {
        UserError::new(Exit::Unexpected, format!("cannot start the runtime: {error}"), "is this machine out of memory?")
    })?;
    let (clock, mut began) = (RunClock::start(), None);
    let mut text = Text::default();
    for passage in recording.by_ref() {
        let passage = passage?;
        if let How::Text { pace: Some(speed), .. } = how {
            let began = *began.get_or_insert(passage.at);
            let due = passage.at.since(began).div_f64(speed).min(Duration::from_secs(1 << 32));
            runtime.block_on(clock.wait(Some(Stamp::ZERO + due)));
        }
        let shown = match how {
            How::Text { raw: true, .. } if passage.what == What::In => passage.bytes,
            How::Text { raw: true, .. } => Vec::new(),
            How::Text { raw: false, .. } => text.of(&passage).into_bytes(),
            How::Hex => hex(&passage).into_bytes(),
        };
        if !shown.is_empty() && !print_bytes(&shown)? {
            return Ok(Exit::Success.into());
        }
    }
    if !matches!(how, How::Text { raw: true, .. }) {
        let mut rest = text.end();
        if recording.is_torn() {
            rest.push_str("the recording breaks off here: the run was killed\n");
        }
        print_bytes(rest.as_bytes())?;
    }
    Ok(Exit::Success.into())
}
