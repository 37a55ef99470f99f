//! Plays keys on every phone, one at a time, and confirms each by the effect that the console shows.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    engine::{Outbox, case::Finding, judge, registration::Fix, subjects::Subjects},
    event::{Action, Derived, KeyName, Observed, PhoneName, ServerName, Stamp},
    verdict::CaseId,
};

/// How long a board may take to play one key and say so.
const ACK_PATIENCE: Duration = Duration::from_secs(3);

/// How long a phone may take to show that a key arrived.
const EFFECT_PATIENCE: Duration = Duration::from_secs(1);

/// How long a display may take to show what is asked for, and for how long it may contradict the wire.
const DISPLAY_PATIENCE: Duration = Duration::from_secs(2);

/// How long the loss of a phone's other ports may come after that of its keypad.
const FATE_PATIENCE: Duration = Duration::from_millis(300);

/// The step.
#[derive(Debug)]
pub struct Keys {
    players: BTreeMap<PhoneName, Player>,
}

/// One phone whose keys are being played.
#[derive(Debug)]
struct Player {
    keys: Vec<KeyName>,
    next: usize,
    stage: Stage,
    /// They bring up a menu, which the console shows.
    menu: bool,
}

/// What a player waits for.
#[derive(Debug, PartialEq, Eq)]
enum Stage {
    /// The board's acknowledgement of this sequence.
    Ack { sequence: u32, until: Stamp },
    /// A console line that shows the key.
    Effect { until: Stamp },
    /// A console line that shows the menu.
    Menu { until: Stamp },
    /// Word of the phone's other ports: whether it is the keypad that failed, or all of the phone is gone.
    Broken { error: String, by: u64, until: Stamp },
    /// Nothing.
    Done,
}

impl Keys {
    /// Plays the first key everywhere; phones without keypad or menu pass over, or leave their cases as skipped.
    pub fn begin(menu: &str, optional: bool, subjects: &mut Subjects, fix: Fix, out: &mut Outbox) -> Self {
        let mut players = BTreeMap::new();
        for phone in subjects.phones_running() {
            let keys = subjects.menu(&phone, menu);
            let keypad = subjects.watch(&phone).is_some_and(|watch| watch.keypad);
            match keys {
                Some(keys) if keypad && !keys.is_empty() => {
                    let mut player = Player { keys, next: 0, stage: Stage::Done, menu: true };
                    player.play(&phone, subjects, fix.when.at, out);
                    players.insert(phone, player);
                }
                _ if optional => subjects.finish_step(&phone, "passed over: no keypad, or no such menu", &[]),
                _ => {
                    subjects.decide(&phone, || Finding::skipped("no-keypad", "the phone has no keypad or no such menu"))
                }
            }
        }
        Self { players }
    }

    /// Plays these keys, which bring up no menu.
    pub fn press(keys: BTreeMap<PhoneName, Vec<KeyName>>, subjects: &mut Subjects, fix: Fix, out: &mut Outbox) -> Self {
        let mut players = BTreeMap::new();
        for (phone, keys) in keys.into_iter().filter(|(_, keys)| !keys.is_empty()) {
            let mut player = Player { keys, next: 0, stage: Stage::Done, menu: false };
            player.play(&phone, subjects, fix.when.at, out);
            players.insert(phone, player);
        }
        Self { players }
    }

    /// Hears the board's acknowledgement.
    pub fn observe(&mut self, observed: &Observed, fix: Fix) {
        let Observed::KeysPlayed { phone, sequence, error, .. } = observed else { return };
        let Some(player) = self.players.get_mut(phone) else { return };
        if !matches!(player.stage, Stage::Ack { sequence: mine, .. } if mine == *sequence) {
            return;
        }
        if let Some(error) = error {
            player.stage = Stage::Broken { error: error.clone(), by: fix.seq, until: fix.when.at + FATE_PATIENCE };
        } else {
            player.stage = Stage::Effect { until: fix.when.at + EFFECT_PATIENCE };
        }
    }

    /// Takes each phone as far as its console lets it.
    pub fn advance(&mut self, now: Stamp, fix: Fix, subjects: &mut Subjects, out: &mut Outbox) {
        for (phone, player) in &mut self.players {
            while player.advance(phone, now, fix, subjects, out) {}
        }
    }

    /// The first patience that runs out.
    pub fn deadline(&self) -> Option<(Stamp, &'static str)> {
        self.players
            .values()
            .filter_map(|player| match player.stage {
                Stage::Ack { until, .. } => Some((until, "the keypad's acknowledgement")),
                Stage::Effect { until } => Some((until, "the effect of a key")),
                Stage::Broken { until, .. } => Some((until, "the fate of a phone's ports")),
                Stage::Menu { until } => Some((until, "the menu that the keys bring up")),
                Stage::Done => None,
            })
            .min()
    }
}

impl Player {
    fn play(&mut self, phone: &PhoneName, subjects: &mut Subjects, now: Stamp, out: &mut Outbox) {
        let sequence = subjects.next_sequence();
        if let Some(watch) = subjects.watch_mut(phone) {
            watch.keys_shown.clear();
            watch.keys_ordered.push(self.keys[self.next].clone());
            watch.status_shown = None;
        }
        out.order(Action::PlayKeys { phone: phone.clone(), sequence, keys: vec![self.keys[self.next].clone()] });
        self.stage = Stage::Ack { sequence, until: now + ACK_PATIENCE };
    }

    /// One step onward; false if there is none yet.
    fn advance(&mut self, phone: &PhoneName, now: Stamp, fix: Fix, subjects: &mut Subjects, out: &mut Outbox) -> bool {
        match self.stage {
            Stage::Done => false,
            Stage::Broken { ref error, by, until } => {
                if now >= until
                    && let Some(watch) = subjects.watch(phone)
                {
                    let reason = format!("the keypad could not press a key: {error}");
                    let finding = judge::port_lost(watch, "keypad-failed", reason, by);
                    self.stage = Stage::Done;
                    subjects.decide(phone, || finding.clone());
                }
                false
            }
            Stage::Ack { until, .. } => self.overdue(phone, now >= until, subjects, || {
                Finding::rig("keypad-silent", "the keypad did not acknowledge a key; check its cable and unit number")
            }),
            Stage::Effect { until } => {
                let key = &self.keys[self.next];
                let shows_keys = subjects.shows_keys(phone);
                let shown = subjects
                    .watch(phone)
                    .and_then(|watch| watch.keys_shown.iter().find(|(shown, _)| shown == key))
                    .map(|(_, fix)| *fix);
                if shown.is_none() && shows_keys {
                    let key = key.clone();
                    let unheard = subjects.console_lost(phone);
                    return self.overdue(phone, now >= until, subjects, || {
                        unheard.unwrap_or_else(|| {
                            let reason = format!(
                                "key `{key}` was pressed and the console shows no effect of it; check the wires of \
                                 the key matrix, then the phone"
                            );
                            Finding::unclear("key-unconfirmed", reason).shown_by([fix.seq])
                        })
                    });
                }
                let when = shown.map_or(fix.when, |fix| fix.when);
                let by = shown.map(|fix| fix.seq);
                out.conclude(when, Derived::KeyConfirmed { phone: phone.clone(), key: key.clone(), by });
                subjects.add_evidence(phone, by);
                self.next += 1;
                if self.next < self.keys.len() {
                    self.play(phone, subjects, now, out);
                } else if !self.menu {
                    self.stage = Stage::Done;
                    subjects.finish_step(phone, "each key confirmed", &by.into_iter().collect::<Vec<_>>());
                } else {
                    self.stage = Stage::Menu { until: now + DISPLAY_PATIENCE };
                }
                true
            }
            Stage::Menu { until } => {
                let shown = subjects.watch(phone).and_then(|watch| watch.status_shown);
                if let Some(shown) = shown
                    && let Some((id, said)) = displayed_wrong(subjects, phone)
                {
                    if now >= until {
                        self.stage = Stage::Done;
                        subjects.decide_case(&id, judge::displayed_wrong(said.as_ref(), shown.seq));
                        subjects.finish_step(phone, "each key confirmed, status on the display", &[shown.seq]);
                    }
                    return false;
                }
                if shown.is_none() && subjects.shows_menu(phone) {
                    let unheard = subjects.console_lost(phone);
                    return self.overdue(phone, now >= until, subjects, || {
                        unheard.unwrap_or_else(|| {
                            let reason = "the keys arrived, and the display does not show what they bring up";
                            Finding::fail(crate::verdict::Blame::Phone, "menu-missing", reason).shown_by([fix.seq])
                        })
                    });
                }
                self.stage = Stage::Done;
                let evidence: Vec<u64> = shown.iter().map(|fix| fix.seq).collect();
                let note =
                    if shown.is_some() { "each key confirmed, status on the display" } else { "keys acknowledged" };
                subjects.add_evidence(phone, evidence.first().copied());
                subjects.finish_step(phone, note, &evidence);
                false
            }
        }
    }

    fn overdue(
        &mut self,
        phone: &PhoneName,
        late: bool,
        subjects: &mut Subjects,
        finding: impl FnOnce() -> Finding,
    ) -> bool {
        if late {
            self.stage = Stage::Done;
            let finding = finding();
            subjects.decide(phone, || finding.clone());
        }
        false
    }
}

/// A line of the phone that its display shows elsewhere than the wire does, and where: none if the model does not tell
/// accounts on the display apart, or nothing is wrong.
fn displayed_wrong(subjects: &Subjects, phone: &PhoneName) -> Option<(CaseId, Option<ServerName>)> {
    if !subjects.shows_accounts(phone) {
        return None;
    }
    let shown = &subjects.watch(phone)?.shown_accounts;
    subjects.cases().iter().filter(|case| case.running() && case.id.phone == *phone).find_map(|case| {
        let address = shown.iter().find(|(extension, _)| *extension == case.id.line).map(|(_, server)| server.as_str());
        let said = address.and_then(|address| subjects.server_at(address));
        // With no server away a line that is registered at several may show any of them: that is another fault.
        let bound = said.as_ref().is_some_and(|said| case.cuts.is_empty() && case.track.binding(said).is_some());
        (said.as_ref() != case.track.home() && !bound).then(|| (case.id.clone(), said))
    })
}
