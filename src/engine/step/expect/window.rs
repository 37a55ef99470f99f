//! How long a move may take, by what is known of its line.

use crate::{
    engine::{
        bound::{self, Window},
        case::{CaseRun, Leg},
        cut::Cut,
    },
    event::Move,
};

/// The window as it stands at the cause, with the time for what the phone tries of a lost primary meanwhile.
pub(in crate::engine::step) fn window(case: &CaseRun, leg: Leg) -> Option<Window> {
    let lost = case.cuts.iter().rev().find(|cut| cut.server == case.primary && cut.lifted.is_none());
    Some(bound::further(&case.timers, lost.map_or(0, Cut::further_addresses), plain_window(case, leg)?))
}

/// The same of servers that have one address.
fn plain_window(case: &CaseRun, leg: Leg) -> Option<Window> {
    let timers = &case.timers;
    match leg.of {
        Move::Baseline => Some(bound::baseline(timers)),
        Move::Renewal => Some(bound::renewal(timers, case.track.last_granted(&case.primary)?)),
        Move::Failover => {
            let cut = case.cut_of(leg)?;
            let dying = cut.away_after.unwrap_or_default();
            let window = match &cut.held {
                // It may have renewed at the last moment.
                Some(held) if !dying.is_zero() => bound::failover(timers, held.binding.granted, held.binding.granted),
                Some(held) => bound::failover(timers, held.binding.granted, held.left),
                None if case.is_blind() => bound::unread_failover(timers),
                None => return None,
            };
            let window = if cut.challenges { bound::challenged(timers, window) } else { window };
            Some(bound::of_dying(dying, window))
        }
        Move::Failback if case.keeps_both => Some(bound::revival(&case.timers)),
        Move::Rejection => {
            let held = case.cut_of(leg)?.held.as_ref()?;
            Some(bound::rejection(timers, held.binding.granted, held.left))
        }
        Move::Hold => Some(bound::hold(timers, case.track.last_granted(case.backup.as_ref()?)?)),
        Move::Failback => {
            let cut = case.cut_of(leg)?;
            let lifted = cut.lifted?.when.at;
            let asked = case.track.asked_to_wait(&case.primary).map(|wait| wait.until).filter(|until| *until > lifted);
            let wait = asked.map(|until| until.since(lifted));
            let asking = cut.was_asked(timers.transaction.value);
            let answers = case.track.attempts_at(&case.primary).filter_map(|attempt| attempt.answer);
            let turned_away = answers.filter(|answer| answer.ours).map(|answer| answer.fix.when.at).max();
            let turned_away = turned_away.filter(|at| *at >= cut.began.when.at);
            // One that could bear the outage may have come home before the lift.
            let at_home = cut.held_at_home.as_ref().filter(|_| cut.may_be_borne());
            if let Some(held) = at_home.filter(|held| turned_away.is_none_or(|at| at <= held.binding.confirmed.when.at))
            {
                return Some(bound::stay(timers, held.binding.granted, held.left, asking));
            }
            match &cut.held_elsewhere {
                // Who was turned away after that no longer goes by it.
                Some(held) if turned_away.is_none_or(|at| at <= held.binding.confirmed.when.at) => {
                    let window = bound::failback(timers, case.habit, held.binding.granted, held.left, asking);
                    Some(match wait {
                        Some(wait) => bound::asked_away(timers, window, held.binding.granted, wait),
                        None => window,
                    })
                }
                _ if turned_away.is_some() => Some(bound::after_rejection(timers, wait)),
                _ if case.is_blind() => Some(bound::unread_failback(timers, case.habit)),
                _ => {
                    // It held nothing at its backup because it had lost it, or because it had not left: it never did, it has
                    // no backup, or what it asked in the outage it gave up only afterwards.
                    let left = case.moves.get(&Leg { of: Move::Failover, ..leg });
                    if left.is_some_and(|left| left.done.when.at < lifted) && !cut.may_be_borne() {
                        return None;
                    }
                    let held = cut.held.as_ref()?;
                    let away = lifted.since(cut.began.when.at);
                    Some(bound::stay(timers, held.binding.granted, held.left.saturating_sub(away), asking))
                }
            }
        }
        Move::Stranded => {
            let cut = case.cuts.iter().find(|cut| cut.server == case.primary && cut.lifted.is_none())?;
            let held = cut.held.as_ref()?;
            let dying = cut.away_after.unwrap_or_default();
            let left = if dying.is_zero() { held.left } else { held.binding.granted };
            Some(bound::of_dying(dying, bound::stranded(timers, held.binding.granted, left)))
        }
        Move::Recovery => Some(bound::recovery(timers, case.is_away(&case.primary))),
        Move::Admission => Some(bound::log_on(timers, case.is_away(&case.primary))),
        Move::LogOn if case.order_of(leg)?.reboots => Some(bound::boot(timers, case.is_away(&case.primary))),
        Move::LogOn => Some(bound::log_on(timers, case.is_away(&case.primary))),
        Move::LogOff => {
            let servers = std::iter::once(&case.primary).chain(&case.backup);
            let granted = servers.filter_map(|server| case.track.last_granted(server)).max();
            Some(bound::log_off(timers, granted.unwrap_or(timers.expires.value)))
        }
    }
}
