//! What each observation changes in what is known: registrations, moves, ports, outages.
//!
//! Not here: what a step makes of it (`step`), and the end of the run (`run`).

mod moves;
mod outage;

use super::{
    Outbox, blind,
    case::{CaseRun, Finding},
    detect::{self, Detection, Detectors},
    fetches, firmware, hook, leases, peer, registrars,
    registration::{ANSWER_SLACK, Change, Fix},
    seat,
    subjects::Subjects,
    unhit,
};
use crate::{
    event::{
        BindingChange, BindingEvent, Derived, Door, Fate, HELPER_GONE, Knock, Move, Observed, PhoneName, PortKind,
        RigPart, ServerName, SipFact, Stamp, TlsFact, TlsStep, Toward, Transport, When,
    },
    verdict::CaseId,
};
use moves::{amend, note_moves, note_rejection, note_stranding, note_stranding_of_only_line};

/// Takes an observation into what is known.
pub fn observe(observed: &Observed, fix: Fix, subjects: &mut Subjects, out: &mut Outbox) {
    match observed {
        Observed::BridgeReady { .. } => subjects.observing = Some(fix),
        Observed::PortOpened { phone, port, .. } => {
            if let Some(watch) = subjects.watch_mut(phone) {
                watch.lost.remove(port);
            }
        }
        Observed::PortLost { phone, port, reason } => lose_port(subjects, phone, *port, fix, reason),
        Observed::ConsoleLine { phone, text, echo, .. } => console_line(subjects, phone, text, *echo, fix, out),
        Observed::Sip(fact) => sip(subjects, fact, fix, out),
        Observed::Encrypted(fact) => encrypted(subjects, fact, fix, out),
        Observed::SignOfLife { phone } => {
            if let Some(watch) = subjects.watch_mut(phone) {
                watch.frame = Some(fix);
            }
            awake(subjects, phone, fix);
        }
        Observed::Knock { phone, server, address, door, knock, fate, .. } => {
            if (*door, *knock) == (Door::Tcp, Knock::Asked) {
                outage::knocked(subjects, phone, server, *address, fix.when.at);
            }
            if let Some(watch) = subjects.watch_mut(phone).filter(|_| *fate == Fate::Passed) {
                watch.knocked(server, *door, *knock, fix);
            }
        }
        Observed::HookStarted { outage, act, .. } => hook::started(subjects, *outage, *act, fix),
        Observed::HookEnded { outage, act, outcome, .. } => hook::ended(subjects, *outage, *act, outcome, fix),
        Observed::PbxSettled { setting, sequence, was, flaw } => {
            subjects.pbx.settled(setting, *sequence, was.as_ref(), flaw.as_ref());
        }
        Observed::PhoneFileWritten { phone, sequence, settings, flaw, .. } => {
            subjects.files.written(phone, *sequence, settings, flaw.as_ref());
        }
        Observed::PeerCalls { .. } | Observed::PeerCalled { .. } => subjects.peer_calls.observe(observed, fix),
        Observed::Spoke(speech) => subjects.speech.spoke(speech, fix),
        Observed::PeerGone { peer: name, outcome } => peer::gone(subjects, name, outcome, fix),
        Observed::OutageBegan { outage } => outage::cut(subjects, *outage, fix),
        Observed::OutageEnded { outage, tally, .. } => {
            unhit::count(subjects, *outage, tally, fix, out);
            outage::lift(subjects, *outage, fix);
        }
        Observed::FirstBite { outage, phone, toward } => {
            unhit::hit(subjects, *outage, phone, fix);
            let run = subjects.outages.get(outage).filter(|run| !run.by_hand());
            let server = run.map(|run| run.spec.server.clone());
            if let Some(server) = server.filter(|_| *toward == Toward::Server) {
                for case in subjects.running().filter(|case| case.at == *phone) {
                    if let Some(cut) = case.cuts.iter_mut().rev().find(|cut| cut.server == server) {
                        cut.first_bite.get_or_insert(fix);
                    }
                }
                note_stranding_of_only_line(subjects, phone, &server, fix);
            }
        }
        Observed::Leak { outage, phone, .. } => outage::leak(subjects, *outage, phone, fix),
        Observed::EvidenceLost { .. } => subjects.losses.push(fix),
        Observed::LinkLost { .. } | Observed::LinkBack { .. } => subjects.gaps.observe(observed, fix),
        Observed::DriverFailed { part, phone, reason } => {
            driver_failed(subjects, *part, phone.as_ref(), reason, fix);
        }
        Observed::AddressSeen { phone, address } => leases::note(subjects, phone, *address, fix, out),
        Observed::Fetched(fetch) => fetches::note(subjects, fetch, fix, out),
        Observed::Testified(testimony) if leases::mistakes(subjects, testimony) => {}
        Observed::Testified(testimony) => {
            if let Some(watch) = subjects.watch_mut(&testimony.line.phone) {
                watch.words.take(testimony, fix);
            }
        }
        Observed::WitnessLost { witness, phone, .. } => subjects.lose_witness(witness, phone.as_ref()),
        Observed::BystanderLost { .. } if subjects.plan().scenario.watch => {}
        Observed::BystanderLost { mac, .. } => {
            let reason =
                format!("{mac}, which is of no outage, lost a frame to or from a server that was away for others");
            subjects.decide_all(|| Finding::rig("bystander-lost", reason.clone()).shown_by([fix.seq]));
        }
        Observed::FollowedLate { outage, .. } if outage::is_by_hand(subjects, *outage) => {}
        Observed::FollowedLate { outage, phone, address, late_ns } => {
            let reason = format!(
                "outage {} followed {address} {:.1} ms after it had changed hands, and not within 10 ms",
                outage.0,
                *late_ns as f64 / 1e6
            );
            subjects.decide(phone, || Finding::rig("address-late", reason.clone()).shown_by([fix.seq]));
        }
        Observed::LastBite { .. }
        | Observed::RouterSeen { .. }
        | Observed::ServerSeen { .. }
        | Observed::OrphansRemoved { .. }
        | Observed::RunStarted { .. }
        | Observed::RestoreRequested { .. }
        | Observed::StopRequested { .. }
        | Observed::HandAsked { .. }
        | Observed::KeyboardHeld { .. }
        | Observed::ReplyGiven { .. }
        | Observed::NobodyAttends { .. }
        | Observed::OutageAsked { .. }
        | Observed::KeysPlayed { .. }
        | Observed::Pushed { .. }
        | Observed::PbxRan { .. }
        | Observed::Canary { .. }
        | Observed::OutageDeclined { .. }
        | Observed::ClockStepped { .. }
        | Observed::DeadlineFired { .. } => {}
    }
}

/// Ends the bindings that ran out by `over`.
pub fn expire(subjects: &mut Subjects, over: Stamp, fix: Fix, out: &mut Outbox) {
    for case in subjects.cases_mut() {
        let before = case.track.home().cloned();
        for change in case.track.expire(over) {
            binding_changed(case, change, fix, out);
        }
        home_changed(case, before.as_ref(), fix, out);
    }
}

fn sip(subjects: &mut Subjects, fact: &SipFact, fix: Fix, out: &mut Outbox) {
    if fact.fate == Fate::Passed
        && let Some(watch) = subjects.watch_mut(&fact.phone)
    {
        watch.spoke_with(fact, fix);
    }
    if fact.toward == Toward::Server
        && let Some(watch) = subjects.watch_mut(&fact.phone)
    {
        watch.frame = Some(fix);
        watch.spoke = Some(fix);
        watch.called(fact, fix);
    }
    if fact.toward == Toward::Server {
        awake(subjects, &fact.phone, fix);
    } else if let Some(server) = fact.server.as_ref().filter(|_| fact.fate == Fate::Passed) {
        hook::heard(subjects, server, &fact.phone, fix);
    }
    let followed = seat::note(subjects, fact, fix, out);
    subjects.speech.described(fact);
    let mut detected = Vec::new();
    let phone = fact.phone.clone();
    let ids: Vec<CaseId> =
        subjects.cases().iter().filter(|case| case.at == phone).map(|case| case.id.clone()).collect();
    for id in ids {
        let Some((case, detectors, bench)) = subjects.case_detectors_and_bench(&id) else { continue };
        registrars::note(case, bench, fact, fix, out);
        outage::asked(case, fact, fix.when.at);
        case.calls.observe(fact, fix);
        case.lamp.observe(fact, fix);
        firmware::note(case, fact, fix, out);
        let before = case.track.home().cloned();
        let patience = case.timers.transaction.value + ANSWER_SLACK;
        if let Some((asked, at)) = followed.as_ref().filter(|_| case.id.line == seat::asked_for(fact)) {
            case.track.observe(asked, *at, patience);
        }
        let attempts = case.track.transactions();
        // As it stands before: an answer may have been reported ahead of the request at hand.
        let wait = fact.server.as_ref().and_then(|server| Some((server, case.track.asked_to_wait(server)?)));
        let changes = case.track.observe(fact, fix, patience);
        if case.track.transactions() != attempts {
            detected.extend(detectors.attempted(fix).map(|it| (id.clone(), it)));
            let early = wait.and_then(|(server, wait)| detectors.retried(server, wait, fix));
            detected.extend(early.map(|it| (id.clone(), it)));
        }
        for (change, fix) in changes {
            match &change {
                Change::Stranger { address } => {
                    detected.push((id.clone(), detect::stranger(address, case.registrars.meant_at(address), fix)))
                }
                Change::Created { server, .. } | Change::Refreshed { server, .. } => {
                    detected
                        .extend(confirmed(case, detectors, before.as_ref(), server, fix).map(|it| (id.clone(), it)));
                    amend(case, server, fix);
                    note_moves(case, server, fix);
                    if matches!(change, Change::Refreshed { .. }) {
                        detected.extend(detectors.renewed(case, server, fix).map(|it| (id.clone(), it)));
                    }
                }
                Change::Refused { server, request, .. } => note_rejection(case, server, *request, fix),
                Change::Removed { .. } | Change::Expired { .. } => {}
            }
            binding_changed(case, change, fix, out);
        }
        let in_vain = fact.fate != Fate::Passed || case.backup.as_ref().is_some_and(|backup| case.is_stopped(backup));
        if fact.toward == Toward::Server && in_vain && fact.server == case.backup {
            let asked = case.track.attempts_at(fact.server.as_ref().unwrap_or(&case.primary)).next_back();
            if let Some(asked) = asked.map(|attempt| attempt.first) {
                note_stranding(case, asked);
            }
        }
        if home_changed(case, before.as_ref(), fix, out) {
            detected.extend(detectors.moved(case, fix).map(|it| (id.clone(), it)));
        }
    }
    for (id, detection) in detected {
        tell_detection(subjects, &id, &detection, fix, out);
    }
}

fn encrypted(subjects: &mut Subjects, fact: &TlsFact, fix: Fix, out: &mut Outbox) {
    let patience = subjects.transaction(&fact.phone) + ANSWER_SLACK;
    if let Some(watch) = subjects.watch_mut(&fact.phone) {
        watch.encrypted.take(fact, fix, patience);
        if fact.toward == Toward::Server && fact.step != TlsStep::Ended {
            (watch.frame, watch.spoke) = (Some(fix), Some(fix));
        }
    }
    if fact.toward == Toward::Server {
        awake(subjects, &fact.phone, fix);
    } else if fact.step != TlsStep::Ended && fact.fate == Fate::Passed {
        hook::heard(subjects, &fact.server, &fact.phone, fix);
    }
    tell_connected(subjects, &fact.phone, fix, out);
}

/// Tells whom the lines of a phone are connected with of which nothing can be read.
fn tell_connected(subjects: &mut Subjects, phone: &PhoneName, fix: Fix, out: &mut Outbox) {
    let Some(watch) = subjects.watch(phone) else { return };
    let of_phone = subjects.cases().iter().filter(|case| case.at == *phone);
    let now: Vec<_> = of_phone.map(|case| (case.id.clone(), blind::connected_with(case, watch))).collect();
    for (id, servers) in now {
        let Some((case, _)) = subjects.case_and_detectors(&id).filter(|(case, _)| case.connected != servers) else {
            continue;
        };
        case.connected.clone_from(&servers);
        out.conclude(fix.when, Derived::Connected { line: case.track.line().clone(), servers });
    }
}

/// Whether a confirmation is one that no healthy line asks for.
fn confirmed(
    case: &CaseRun,
    detectors: &mut Detectors,
    before: Option<&ServerName>,
    server: &ServerName,
    fix: Fix,
) -> Option<Detection> {
    let granted = case.track.last_granted(server).unwrap_or_default();
    let due = granted.saturating_sub(case.timers.renewal_lead.value.of(granted));
    let stays = before == Some(server);
    let double = detectors.confirmed(case, before, server, fix);
    double.or_else(|| if stays { detectors.refreshed(due, fix) } else { None })
}

/// The phone of these cases shows a sign of life: the first one counts, whichever is reported first.
fn awake(subjects: &mut Subjects, phone: &PhoneName, fix: Fix) {
    let Some(observing) = subjects.observing() else { return };
    for case in subjects.running().filter(|case| case.at == *phone) {
        if fix.when.at >= observing.when.at && case.awake.is_none_or(|known| fix.when.at < known.when.at) {
            case.awake = Some(fix);
        }
    }
}

fn binding_changed(case: &CaseRun, change: Change, fix: Fix, out: &mut Outbox) {
    let binding = |server: &ServerName| case.track.binding(server);
    let granted = |server: &ServerName| binding(server).map_or(0, |binding| binding.granted.as_secs() as u32);
    let (when, server, contact, event, evidence) = match change {
        Change::Created { server, request } => {
            let contact = binding(&server).map(|binding| binding.contact.clone()).unwrap_or_default();
            let event = BindingEvent::Created { granted_s: granted(&server) };
            (fix.when, server, contact, event, vec![request.seq, fix.seq])
        }
        Change::Refreshed { server, request } => {
            let contact = binding(&server).map(|binding| binding.contact.clone()).unwrap_or_default();
            let event = BindingEvent::Refreshed { granted_s: granted(&server) };
            (fix.when, server, contact, event, vec![request.seq, fix.seq])
        }
        Change::Removed { server, contact } => (fix.when, server, contact, BindingEvent::Removed, vec![fix.seq]),
        Change::Expired { server, contact, at } => {
            (When::exactly(at), server, contact, BindingEvent::Expired, Vec::new())
        }
        Change::Stranger { .. } | Change::Refused { .. } => return,
    };
    let line = case.track.line().clone();
    out.conclude(when, Derived::Binding(BindingChange { line, server, contact, change: event, evidence }));
}

fn home_changed(case: &mut CaseRun, before: Option<&ServerName>, fix: Fix, out: &mut Outbox) -> bool {
    let home = case.track.home().cloned();
    if home.as_ref() == before {
        return false;
    }
    case.home_changes.note(fix.when.at);
    case.note_log_off(fix);
    out.conclude(fix.when, Derived::Home { line: case.track.line().clone(), server: home });
    true
}

fn console_line(subjects: &mut Subjects, phone: &PhoneName, text: &str, echo: bool, fix: Fix, out: &mut Outbox) {
    let fatal = subjects.watch_mut(phone).is_some_and(|watch| watch.console_line(text, echo, fix));
    let of_phone = subjects.cases().iter().filter(|case| case.at == *phone);
    let ids: Vec<CaseId> = of_phone.map(|case| case.id.clone()).collect();
    for id in ids {
        let nowhere = subjects.belief(&id).is_some_and(|belief| belief.fix == fix && belief.server.is_none());
        if let Some((case, _)) = subjects.case_and_detectors(&id).filter(|_| nowhere) {
            // Over UDP the wire would show that the backup was asked.
            if case.track.transport() == Some(Transport::Tcp) {
                note_stranding(case, fix);
            }
        }
    }
    let phantom = subjects.watch_mut(phone).and_then(|watch| watch.phantom_key.take());
    let ordered = fatal && boots_as_ordered(subjects, phone, fix);
    if (!fatal || ordered) && phantom.is_none() {
        return;
    }
    // A phone that boots at the beginning of the run is being switched on, not crashing.
    let ids: Vec<CaseId> = subjects
        .cases()
        .iter()
        .filter(|case| case.at == *phone && case.moved(Move::Baseline).is_some())
        .map(|case| case.id.clone())
        .collect();
    for id in ids {
        let detection = match &phantom {
            Some(key) => detect::phantom_key(key, fix),
            None => detect::reboot(text, fix),
        };
        tell_detection(subjects, &id, &detection, fix, out);
    }
}

/// Whether the boot that a console tells of was ordered, and is not one after that.
fn boots_as_ordered(subjects: &mut Subjects, phone: &PhoneName, fix: Fix) -> bool {
    let ordered = subjects.watch_mut(phone).is_some_and(|watch| std::mem::take(&mut watch.boot_ordered));
    let over = |case: &CaseRun| case.moved(Move::LogOn).is_some_and(|moved| moved.done.when.at < fix.when.at);
    if !ordered || subjects.cases().iter().any(|case| case.id.phone == *phone && over(case)) {
        return false;
    }
    for case in subjects.cases_mut().iter_mut().filter(|case| case.id.phone == *phone) {
        if let Some(order) = case.orders.last_mut() {
            order.booted.get_or_insert(fix);
        }
    }
    true
}

fn tell_detection(subjects: &mut Subjects, id: &CaseId, detection: &Detection, fix: Fix, out: &mut Outbox) {
    let Some(case) = subjects.case(id) else { return };
    // What a line does about an outage that an operator has made is no habit of its own.
    if case.disturbed.of_network() && detection.follows_network() {
        return;
    }
    let fact = Derived::Detected {
        line: case.track.line().clone(),
        code: detection.code.to_owned(),
        note: detection.note.clone(),
        evidence: detection.evidence.clone(),
    };
    out.conclude(fix.when, fact);
    // Who looks on is told, and goes on looking.
    if !subjects.plan().scenario.watch {
        subjects.decide_case(id, detection.finding());
    }
}

fn lose_port(subjects: &mut Subjects, phone: &PhoneName, port: PortKind, fix: Fix, reason: &str) {
    if let Some(watch) = subjects.watch_mut(phone) {
        watch.lost.insert(port, (fix, reason.to_owned()));
    }
}

fn driver_failed(subjects: &mut Subjects, part: RigPart, phone: Option<&PhoneName>, reason: &str, fix: Fix) {
    let code = match (part, phone) {
        (RigPart::Console, Some(phone)) => return lose_port(subjects, phone, PortKind::Console, fix, reason),
        (RigPart::Keypad, Some(phone)) => return lose_port(subjects, phone, PortKind::Keypad, fix, reason),
        (RigPart::Console, None) => "console-lost",
        (RigPart::Keypad, None) => "keypad-lost",
        // Who looks on is told of what the helper goes on after, and goes on looking.
        (RigPart::Bridge, _)
            if subjects.plan().scenario.watch && subjects.observing().is_some() && !reason.ends_with(HELPER_GONE) =>
        {
            return;
        }
        (RigPart::Bridge, _) => "bridge-lost",
        (RigPart::Disk, _) => "disk",
    };
    subjects.decide_all(|| Finding::rig(code, reason).shown_by([fix.seq]));
}
