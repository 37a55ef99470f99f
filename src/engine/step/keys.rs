//! Plays keys on every phone, one at a time, and confirms each by the effect that the console shows; what was dialled is
//! confirmed by the call on the wire.
//!
//! A PIN is one press of its placeholder. While it is typed the console's driver hides what keys arrive, so that not more
//! than their arrival can be confirmed.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    config::{Confirm, Sign, StepKind, keying},
    engine::{Outbox, blind, bound::REGISTERING, case::Finding, judge, registration::Fix, subjects::Subjects},
    event::{Action, Derived, Observed, PhoneName, ServerName, Stamp, Stroke},
    verdict::CaseId,
};

/// How long a board may take to play one key and say so.
const ACK_PATIENCE: Duration = Duration::from_secs(3);

/// The same for a phone that keys are pushed to: its driver gives up before this, and says why.
pub(super) const PUSH_PATIENCE: Duration = Duration::from_secs(5);

/// The same for all digits of a PIN: 32 at most, each 160 ms.
const PIN_ACK_PATIENCE: Duration = Duration::from_secs(8);

/// How long a phone may take to show that a key arrived.
const EFFECT_PATIENCE: Duration = Duration::from_secs(1);

/// How long a display may take to show what is asked for, and for how long it may contradict the wire.
const DISPLAY_PATIENCE: Duration = Duration::from_secs(2);

/// No key follows a PIN sooner: the console's driver hides its digits for a second after the last of them.
const HUSH: Duration = Duration::from_millis(1200);

/// How long the loss of a phone's other ports may come after that of its keypad.
pub(super) const FATE_PATIENCE: Duration = Duration::from_millis(300);

/// The step.
#[derive(Debug)]
pub struct Keys {
    players: BTreeMap<PhoneName, Player>,
}

/// One phone whose keys are being played.
#[derive(Debug)]
struct Player {
    keys: Vec<Stroke>,
    next: usize,
    stage: Stage,
    ending: Ending,
    confirm: Confirm,
    /// The record before which nothing shows an effect of the stroke in progress.
    since: u64,
    /// Something was pressed and nothing shows that it arrived.
    unconfirmed: bool,
}

/// What follows the last key.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Ending {
    /// The menu that the keys bring up.
    Menu,
    /// A boot, if the keys bring one about.
    Effect { reboots: bool },
    /// A call to this number.
    Call(String),
}

/// What a player waits for.
#[derive(Debug, PartialEq, Eq)]
enum Stage {
    /// The board's acknowledgement of this sequence.
    Ack { sequence: u32, until: Stamp },
    /// A console line that shows the key.
    Effect { until: Stamp },
    /// Nothing more: a pause is over.
    Paused,
    /// The end of the time in which the digits of a PIN are hidden.
    Hidden { until: Stamp },
    /// The call on the wire.
    Call { until: Stamp },
    /// A console line that shows the menu.
    Menu { until: Stamp },
    /// Word of the phone's other ports: whether it is the keypad that failed, or all of the phone is gone.
    Broken { error: String, by: u64, until: Stamp },
    /// Nothing.
    Done,
}

impl Keys {
    /// Plays the first key everywhere; phones that lack a part pass over, or leave their cases as skipped.
    pub fn begin(
        kind: &StepKind,
        confirm: Confirm,
        optional: bool,
        subjects: &mut Subjects,
        now: Stamp,
        fix: Fix,
        out: &mut Outbox,
    ) -> Self {
        let mut players = BTreeMap::new();
        let ending = match kind {
            StepKind::Keys { reboots: true, .. } => Ending::Effect { reboots: true },
            StepKind::Press { reboots, .. } => Ending::Effect { reboots: *reboots },
            StepKind::Dial { number } => Ending::Call(number.clone()),
            _ => Ending::Menu,
        };
        for phone in subjects.phones_running() {
            match subjects.keys_for(&phone, kind) {
                Ok(keys) => {
                    let player = Player::begin(&phone, keys, (ending.clone(), confirm), subjects, now, fix, out);
                    players.insert(phone, player);
                }
                // What journals of older versions say.
                Err(lacks) if optional && lacks.code == "no-keypad" => {
                    subjects.finish_step(&phone, "passed over: no keypad, or no such menu", &[]);
                }
                Err(lacks) => subjects.lack(&phone, optional, &lacks),
            }
        }
        Self { players }
    }

    /// Plays these keys, which bring up no menu, but may make the phones boot.
    pub fn press(
        keys: BTreeMap<PhoneName, Vec<Stroke>>,
        reboots: bool,
        subjects: &mut Subjects,
        now: Stamp,
        fix: Fix,
        out: &mut Outbox,
    ) -> Self {
        let mut players = BTreeMap::new();
        for (phone, keys) in keys.into_iter().filter(|(_, keys)| !keys.is_empty()) {
            let manner = (Ending::Effect { reboots }, Confirm::default());
            let player = Player::begin(&phone, keys, manner, subjects, now, fix, out);
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
        } else if keying::is_pin(&player.keys[player.next]) {
            player.stage = Stage::Hidden { until: fix.when.at + HUSH };
        } else if player.keys[player.next].keys().is_empty() {
            player.stage = Stage::Paused;
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

    /// Whether keys of a phone are being pressed: whatever else is pressed meanwhile would come among them.
    pub fn presses(&self, phone: &PhoneName) -> bool {
        self.players.get(phone).is_some_and(|player| !matches!(player.stage, Stage::Done | Stage::Call { .. }))
    }

    /// The first patience that runs out.
    pub fn deadline(&self) -> Option<(Stamp, &'static str)> {
        self.players
            .values()
            .filter_map(|player| match player.stage {
                Stage::Ack { until, .. } => Some((until, "the keypad's acknowledgement")),
                Stage::Effect { until } => Some((until, "the effect of a key")),
                Stage::Hidden { until } => Some((until, "the end of a PIN")),
                Stage::Call { until } => Some((until, "the call that was dialled")),
                Stage::Broken { until, .. } => Some((until, "the fate of a phone's ports")),
                Stage::Menu { until } => Some((until, "the menu that the keys bring up")),
                Stage::Paused | Stage::Done => None,
            })
            .min()
    }
}

impl Player {
    /// Plays the first of some keys; there must be one.
    fn begin(
        phone: &PhoneName,
        keys: Vec<Stroke>,
        (ending, confirm): (Ending, Confirm),
        subjects: &mut Subjects,
        now: Stamp,
        fix: Fix,
        out: &mut Outbox,
    ) -> Self {
        let mut player =
            Self { keys, next: 0, stage: Stage::Done, ending, confirm, since: fix.seq, unconfirmed: false };
        player.play(phone, subjects, now, fix, out);
        player
    }

    fn play(&mut self, phone: &PhoneName, subjects: &mut Subjects, now: Stamp, fix: Fix, out: &mut Outbox) {
        let sequence = subjects.next_sequence();
        if self.next + 1 == self.keys.len() && self.ending != Ending::Menu {
            subjects.order_given(phone, now, fix, self.ending == Ending::Effect { reboots: true });
        }
        let key = self.keys[self.next].clone();
        if let Some(watch) = subjects.watch_mut(phone) {
            watch.keys_shown.clear();
            watch.keys_ordered.extend(key.keys().iter().cloned());
            watch.status_shown = None;
        }
        self.since = fix.seq;
        let board = subjects.watch(phone).is_none_or(|watch| watch.board);
        let patience = match (keying::is_pin(&key), board) {
            (true, _) => PIN_ACK_PATIENCE,
            (false, true) => ACK_PATIENCE,
            (false, false) => PUSH_PATIENCE,
        };
        let patience = if key.plain().is_some() { patience } else { patience + subjects.lasts(phone, &key) };
        out.order(Action::PlayKeys { phone: phone.clone(), sequence, keys: vec![key] });
        self.stage = Stage::Ack { sequence, until: now + patience };
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
            Stage::Hidden { until } => {
                if now < until {
                    return false;
                }
                let shown = subjects.watch(phone).and_then(|watch| watch.keys_shown.first().map(|(_, fix)| *fix));
                let told = subjects.signs(phone).contains(&Sign::Key);
                if shown.is_none() && told && self.confirm != Confirm::Optional {
                    return self.missing(phone, true, fix, subjects);
                }
                self.confirmed(phone, shown, now, fix, subjects, out);
                true
            }
            Stage::Paused => {
                self.go_on(phone, &[], now, fix, subjects, out);
                true
            }
            Stage::Call { until } => {
                let Ending::Call(number) = &self.ending else { return false };
                let seen = subjects.dialled(phone, number);
                if let Some(seen) = seen {
                    self.stage = Stage::Done;
                    subjects.add_evidence(phone, Some(seen.seq));
                    subjects.proven(phone);
                    subjects.finish_step(phone, "the number was called", &[seen.seq]);
                    return false;
                }
                let first = subjects.cases().iter().find(|case| case.id.phone == *phone);
                let unread = first.zip(subjects.watch(phone)).and_then(|(case, watch)| blind::unread(case, watch));
                self.overdue(phone, now >= until, subjects, || {
                    let reason = "the keys were pressed, and no call to the number that they dial was seen";
                    unread.unwrap_or_else(|| Finding::unclear("dial-unconfirmed", reason)).shown_by([fix.seq])
                })
            }
            Stage::Effect { until } => {
                let signs = subjects.signs(phone);
                let watch = subjects.watch(phone);
                let shown = watch.and_then(|watch| watch.effect(&self.keys[self.next], &signs, self.since));
                let late = now >= until;
                if shown.is_none() && !signs.is_empty() && !(late && self.confirm == Confirm::Optional) {
                    return self.missing(phone, late, fix, subjects);
                }
                self.confirmed(phone, shown, now, fix, subjects, out);
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
                let note = match shown {
                    Some(_) if self.unconfirmed => "keys unconfirmed, and status on the display",
                    Some(_) => "each key confirmed, status on the display",
                    None if self.unconfirmed => "keys acknowledged, and unconfirmed",
                    None => "keys acknowledged",
                };
                subjects.add_evidence(phone, evidence.first().copied());
                subjects.finish_step(phone, note, &evidence);
                false
            }
        }
    }

    /// The key arrived, as far as that can be seen; the next one follows, or what the last one brings about.
    fn confirmed(
        &mut self,
        phone: &PhoneName,
        shown: Option<Fix>,
        now: Stamp,
        fix: Fix,
        subjects: &mut Subjects,
        out: &mut Outbox,
    ) {
        let key = self.keys[self.next].clone();
        let (when, by) = (shown.map_or(fix.when, |fix| fix.when), shown.map(|fix| fix.seq));
        if by.is_none() {
            self.unconfirmed = true;
            // Of a menu and of a boot it is looked for by itself whether they came.
            if !matches!(self.ending, Ending::Menu | Ending::Effect { reboots: true }) {
                subjects.rest_on(phone, &key, fix);
            }
        } else if let Some(watch) = subjects.watch_mut(phone) {
            watch.keys_confirmed = true;
        }
        out.conclude(when, Derived::KeyConfirmed { phone: phone.clone(), key, by });
        subjects.add_evidence(phone, by);
        self.go_on(phone, &by.into_iter().collect::<Vec<_>>(), now, fix, subjects, out);
    }

    /// The next stroke follows, or what the last one brings about.
    fn go_on(
        &mut self,
        phone: &PhoneName,
        evidence: &[u64],
        now: Stamp,
        fix: Fix,
        subjects: &mut Subjects,
        out: &mut Outbox,
    ) {
        self.next += 1;
        if self.next < self.keys.len() {
            return self.play(phone, subjects, now, fix, out);
        }
        match self.ending {
            Ending::Menu => self.stage = Stage::Menu { until: now + DISPLAY_PATIENCE },
            Ending::Call(_) => {
                let patience = 2 * subjects.transaction(phone) + REGISTERING;
                self.stage = Stage::Call { until: now + patience };
            }
            Ending::Effect { .. } => {
                self.stage = Stage::Done;
                let note = if self.unconfirmed { "keys acknowledged, and unconfirmed" } else { "each key confirmed" };
                subjects.finish_step(phone, note, evidence);
            }
        }
    }

    /// Nothing shows an effect of a stroke, and will not any more if it is `late`. Where no key has ever shown one, it is
    /// the rig that is wired wrongly, as far as anybody can know.
    fn missing(&mut self, phone: &PhoneName, late: bool, fix: Fix, subjects: &mut Subjects) -> bool {
        let key = self.keys[self.next].clone();
        let unheard = subjects.console_lost(phone);
        let mute = subjects.watch(phone).is_some_and(|watch| !watch.keys_confirmed);
        self.overdue(phone, late, subjects, || {
            unheard.unwrap_or_else(|| {
                let seq = [fix.seq];
                if mute {
                    let reason = format!(
                        "key `{key}` was pressed, and the console has shown no effect of any key yet; are keypad and \
                         console those of this phone? `siprig check --cabling` finds out"
                    );
                    return Finding::rig("keypad-mute", reason).shown_by(seq);
                }
                let reason = format!(
                    "key `{key}` was pressed and the console shows no effect of it; check the wires of the key matrix, \
                     then the phone"
                );
                Finding::unclear("key-unconfirmed", reason).shown_by(seq)
            })
        })
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
        (said.as_ref() != case.home() && !bound).then(|| (case.id.clone(), said))
    })
}
