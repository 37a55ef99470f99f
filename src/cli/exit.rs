//! Exit codes. They are a contract with scripts: codes are added, never changed.

use std::process::ExitCode;

use crate::verdict::{Case, Verdict};

/// What a command came to. Where several apply, the first of this order counts: a signal, 78, 75, 1, 100, 3, 101, 5,
/// 4, 2, 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// All that was asked for was done, and every case passed.
    Success = 0,
    /// Something happened that should be impossible.
    Unexpected = 1,
    /// The command line makes no sense.
    Usage = 2,
    /// A fault of the rig: a missing interface or port, no permission, lost evidence. No verdict is possible.
    Rig = 3,
    /// Nothing ran: no case was selected, or all were skipped.
    NothingRan = 4,
    /// All that ran passed, but some cases are outstanding.
    Outstanding = 5,
    /// Bench, interface or port is held by another; trying later may help.
    Busy = 75,
    /// A file is wrong.
    Config = 78,
    /// A case failed, or one that is known to fail passed.
    Failed = 100,
    /// A case passed only when it was tried again, where that is not allowed.
    Flaky = 101,
    /// Ended by SIGHUP, after everything was restored.
    Hangup = 129,
    /// Ended by SIGINT, after everything was restored.
    Interrupted = 130,
    /// Ended by SIGTERM, after everything was restored.
    Terminated = 143,
}

impl Exit {
    /// The number.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// What a command comes to that this signal ended, as `SIGINT`; of what is no such signal, success.
    pub fn of_signal(name: &str) -> Self {
        match name {
            "SIGHUP" => Self::Hangup,
            "SIGINT" => Self::Interrupted,
            "SIGTERM" => Self::Terminated,
            _ => Self::Success,
        }
    }

    /// What a run comes to. `stopped_by` is the signal or operator that ended it early, `rig_failed` that its journal
    /// could not be written.
    pub fn of_run(cases: &[Case], stopped_by: Option<&str>, rig_failed: bool) -> Self {
        let by_signal = stopped_by.map_or(Self::Success, Self::of_signal);
        if by_signal != Self::Success {
            return by_signal;
        }
        let any = |verdict| cases.iter().any(|case| case.verdict == verdict);
        let surprising = |case: &Case| match case.verdict {
            Verdict::Fail => case.expected,
            Verdict::Pass => !case.expected,
            // What is known to fail now and then failed, and passed.
            Verdict::Flaky | Verdict::RigError | Verdict::Skipped | Verdict::NotRun => false,
        };
        if cases.iter().any(surprising) {
            Self::Failed
        } else if rig_failed || any(Verdict::RigError) {
            Self::Rig
        } else if any(Verdict::NotRun) {
            Self::Outstanding
        } else if cases.iter().all(|case| case.verdict == Verdict::Skipped) {
            Self::NothingRan
        } else {
            Self::Success
        }
    }
}

impl Exit {
    /// What a night comes to. `gated` says that no case may pass only when it is tried again, `rig_failed` that its documents
    /// could not be written.
    pub fn of_night(cases: &[Case], stopped_by: Option<&str>, gated: bool, rig_failed: bool) -> Self {
        let flaky = gated && cases.iter().any(|case| case.verdict == Verdict::Flaky && case.expected);
        let is_parked = |case: &Case| case.verdict == Verdict::NotRun && case.code.as_deref() == Some("parked");
        match Self::of_run(cases, stopped_by, rig_failed || cases.iter().any(is_parked)) {
            Self::Outstanding | Self::NothingRan | Self::Success if flaky => Self::Flaky,
            other => other,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exit(verdicts: &[Verdict]) -> Exit {
        Exit::of_run(&verdicts.iter().copied().map(Case::sample).collect::<Vec<_>>(), None, false)
    }

    #[test]
    fn what_is_written_for_build_servers_has_every_code() {
        use Exit::{
            Busy, Config, Failed, Flaky, Hangup, Interrupted, NothingRan, Outstanding, Rig, Success, Terminated,
            Unexpected, Usage,
        };
        let document = std::fs::read_to_string("docs/ci.md").unwrap();
        for exit in [
            Success,
            Unexpected,
            Usage,
            Rig,
            NothingRan,
            Outstanding,
            Busy,
            Config,
            Failed,
            Flaky,
            Hangup,
            Interrupted,
            Terminated,
        ] {
            let row = document.lines().filter(|line| line.starts_with(&format!("| {} |", exit.code()))).count();
            assert_eq!(row, 1, "{exit:?}");
        }
    }

    #[test]
    fn the_gravest_of_several_verdicts_decides() {
        use Verdict::{Fail, Flaky, NotRun, Pass, RigError, Skipped};
        assert_eq!(exit(&[Pass, Flaky, Skipped]), Exit::Success);
        assert_eq!(exit(&[Pass, RigError, Fail, NotRun]), Exit::Failed);
        assert_eq!(exit(&[Pass, RigError, NotRun]), Exit::Rig);
        assert_eq!(exit(&[Pass, NotRun, Skipped]), Exit::Outstanding);
        assert_eq!(exit(&[Skipped, Skipped]), Exit::NothingRan);
        assert_eq!(exit(&[]), Exit::NothingRan);
    }

    #[test]
    fn a_signal_counts_more_than_any_verdict() {
        let cases = [Case::sample(Verdict::Fail)];
        assert_eq!(Exit::of_run(&cases, Some("SIGINT"), false), Exit::Interrupted);
        assert_eq!(Exit::of_run(&cases, Some("SIGTERM"), true), Exit::Terminated);
        assert_eq!(Exit::of_run(&cases, Some("operator"), false), Exit::Failed);
    }

    #[test]
    fn a_known_failure_is_no_failure_but_its_passing_is() {
        let known = |verdict| Case { expected: false, ..Case::sample(verdict) };
        assert_eq!(Exit::of_run(&[known(Verdict::Fail)], None, false), Exit::Success);
        assert_eq!(Exit::of_run(&[known(Verdict::Pass)], None, false), Exit::Failed);
    }

    #[test]
    fn a_case_that_passes_only_when_it_is_tried_again_counts_where_that_is_not_allowed_and_nothing_is_worse() {
        use Verdict::{Fail, Flaky, NotRun, Pass, RigError};
        let night = |verdicts: &[Verdict], gated| {
            Exit::of_night(&verdicts.iter().copied().map(Case::sample).collect::<Vec<_>>(), None, gated, false)
        };
        assert_eq!(night(&[Pass, Flaky], false), Exit::Success);
        assert_eq!(night(&[Pass, Flaky], true), Exit::Flaky);
        assert_eq!(night(&[NotRun, Flaky], true), Exit::Flaky);
        assert_eq!(night(&[RigError, Flaky], true), Exit::Rig);
        assert_eq!(night(&[Fail, Flaky], true), Exit::Failed);
        let parked = [Case { code: Some("parked".to_owned()), ..Case::sample(NotRun) }, Case::sample(Pass)];
        assert_eq!(Exit::of_night(&parked, None, false, false), Exit::Rig, "somebody has to look at that phone");
        let known = [Case { expected: false, ..Case::sample(Flaky) }];
        assert_eq!(Exit::of_night(&known, None, true, false), Exit::Success, "it failed as it is known to");
    }

    #[test]
    fn a_journal_that_could_not_be_written_spoils_a_pass() {
        assert_eq!(Exit::of_run(&[Case::sample(Verdict::Pass)], None, true), Exit::Rig);
    }
}
