//! What can be wrong with a simulated phone.

use std::{net::IpAddr, time::Duration};

use serde::{Deserialize, Serialize};

/// A defect that a test of the rig wants to see caught.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PhoneDefect {
    /// Once on the backup, it renews there as long as the backup answers.
    NeverFailsBack,
    /// It registers at its backup from the start, and renews there.
    RegistersAtBackup,
    /// It never tries the backup.
    NeverFailsOver,
    /// It takes a challenge of the backup for a rejection.
    ForgetsToAuthenticateOnBackup,
    /// Console, display and web page name the backup while it is registered at the primary.
    ClaimsBackup,
    /// It dies this long after link-up: no frame, no console, no key.
    DiesAfter(#[serde(with = "crate::config::duration")] Duration),
    /// Its console closes this long after link-up; the phone itself goes on.
    ConsoleClosesAfter(#[serde(with = "crate::config::duration")] Duration),
    /// The cable of its console is out this long after link-up, and in again 25 s later; the phone itself goes on.
    ConsoleLooseAfter(#[serde(with = "crate::config::duration")] Duration),
    /// Its application hangs this long after link-up, until it is booted: it sends and answers nothing, takes no keys, and shows what it
    /// showed. The system below it goes on: its link is up, and its console takes what the system itself can do.
    HangsAfter(#[serde(with = "crate::config::duration")] Duration),
    /// Its console says nothing more this long after link-up, and takes nothing in.
    ConsoleSilentAfter(#[serde(with = "crate::config::duration")] Duration),
    /// It panics and boots again this long after link-up, once.
    RebootsAfter(#[serde(with = "crate::config::duration")] Duration),
    /// Keys have no effect.
    DeafKeypad,
    /// A key that was pressed stays down, and repeats every half second until another one is pressed.
    StickyKey,
    /// Whenever it registers at the primary it also registers at the backup.
    RegistersAtBoth,
    /// After giving the primary up it waits this long before trying the backup. The manual promises 10 minutes at most,
    /// so that `11m` breaks the promise by that alone.
    MovesLate(#[serde(with = "crate::config::duration")] Duration),
    /// It lets each registration lapse, and registers anew 2 s later.
    LapsesBeforeRenewing,
    /// Its status page shows every line at its primary, whatever is true.
    PageWrong,
    /// Its display shows every line in service at its primary, whatever is true.
    DisplayWrong,
    /// It repeats a REGISTER that the primary does not answer for ever.
    NeverGivesUp,
    /// When it should try the backup it panics and boots again.
    RebootsInsteadOfMoving,
    /// When its first line moves, the second one is gone for good.
    LosesSecondLine,
    /// Once it has been on the backup it goes back and forth between the two.
    Flaps,
    /// It registers again 200 ms after each registration.
    Storms,
    /// What it takes for its backup registrar is somebody else at this address.
    RegistersAtStranger(IpAddr),
    /// It sends calls to the backup proxy while it registers at the primary registrar.
    SplitsProxyAndRegistrar,
    /// It answers a new challenge with the nonce of the first one.
    ReusesNonce,
    /// After it went back to the primary it goes on to renew at the backup as well.
    KeepsRenewingAtBackup,
    /// It loads its files at a boot and goes by what it had before.
    IgnoresFiles,
    /// It loads no files.
    LoadsNothing,
    /// After a move it does not subscribe for the message lamp again.
    ForgetsSubscription,
    /// It ends its calls when its registration moves.
    DropsCallsOnMove,
    /// It says nothing in its calls.
    SaysNothing,
    /// It says nothing more in its calls when its registration moves.
    FallsSilentOnMove,
    /// It asks again a second after a rejection, whatever `Retry-After` and its retry timer say.
    IgnoresRetryAfter,
    /// Every now and then it sends the backup a REGISTER with `Expires: 0`, which is no registration.
    PollsWithExpiresZero,
}
