//! The front of a phone, as far as its console tells of it: what its display shows, and how its lamps burn.
//!
//! A console tells of changes. What it told last holds for as long as it is there to tell of the next one; but nobody is to take for the
//! present what was told long ago, so that its age is told with it, and what is older than a moment is dimmed. Once the console is lost,
//! what was told is only what was.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::{Console, action::Screen};
use crate::{
    config::{Phone, Plan},
    event::Stamp,
    wire::console::{CompiledDialect, ConsoleFact},
};

/// Lamps that are kept of a phone: what a model's pattern takes for their names is the phone's to say.
const LAMPS: usize = 40;
/// What was told longer ago is not shown as the present.
const FRESH: Duration = Duration::from_secs(3);

/// Whether what was told then is older than a moment.
pub fn is_old(told: Stamp, now: Stamp) -> bool {
    now.since(told) > FRESH
}

/// What the front of one phone shows.
#[derive(Debug, Clone, Default)]
pub struct Face {
    dialect: Option<Arc<CompiledDialect>>,
    /// What the display shows, and when that was told.
    pub display: Option<(String, Stamp)>,
    /// How each lamp burns, in the phone's own words, and when that was told.
    pub lamps: BTreeMap<String, (String, Stamp)>,
    /// Since when nobody tells of changes: its console is lost.
    pub blind_since: Option<Stamp>,
}

/// Why nothing is known of the front of a phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Faceless {
    /// No console that would tell is named, or its model has no pattern for it.
    Untold,
    /// It would be told, and was not yet.
    Unknown,
}

/// How the consoles of all phones speak, by the names of their models.
pub struct Faces<'p>(BTreeMap<&'p str, Arc<CompiledDialect>>);

impl<'p> Faces<'p> {
    /// Those of a plan, as far as they tell of displays or lamps.
    pub fn of(plan: &'p Plan) -> Self {
        let dialects = plan.models.iter().filter_map(|(name, model)| {
            let telling = model.console.as_ref().filter(|it| it.display.is_some() || it.lamp.is_some())?;
            // The configuration was checked: its patterns compile.
            Some((name.as_str(), Arc::new(CompiledDialect::new(telling).ok()?)))
        });
        Self(dialects.collect())
    }

    /// That of a phone of which nothing was heard yet.
    pub fn face(&self, phone: &Phone) -> Face {
        let dialect = self.0.get(phone.model.as_str()).filter(|_| phone.console.is_some()).cloned();
        Face { dialect, ..Face::default() }
    }
}

impl Face {
    /// Takes a line of its console.
    pub fn hear(&mut self, text: &str, at: Stamp) {
        let Some(dialect) = &self.dialect else { return };
        match dialect.meaning(text) {
            Some(ConsoleFact::Display { .. } | ConsoleFact::StatusShown { .. }) => {
                let shown = dialect.displayed(text).unwrap_or_else(|| text.to_owned());
                self.display = Some((shown, at));
            }
            Some(ConsoleFact::Lamp { name: Some(name), state: Some(state) })
                if self.lamps.len() < LAMPS || self.lamps.contains_key(&name) =>
            {
                self.lamps.insert(name, (state, at));
            }
            // It shows nothing of what it showed before.
            Some(ConsoleFact::Fatal { .. } | ConsoleFact::Booting) => {
                self.display = None;
                self.lamps.clear();
            }
            _ => {}
        }
    }

    /// Its console is lost, or is there again. What it showed meanwhile nobody knows.
    pub fn port(&mut self, lost: bool, at: Stamp) {
        if lost {
            self.blind_since.get_or_insert(at);
        } else if self.blind_since.take().is_some() {
            self.display = None;
            self.lamps.clear();
        }
    }

    /// Why there is nothing to show.
    pub fn faceless(&self) -> Option<Faceless> {
        match (&self.dialect, &self.display) {
            (None, _) => Some(Faceless::Untold),
            (Some(_), None) if self.lamps.is_empty() => Some(Faceless::Unknown),
            (Some(_), _) => None,
        }
    }

    /// The lamps that are not out.
    pub fn lit(&self) -> impl Iterator<Item = (&str, &str)> {
        let lit = self.lamps.iter().filter(|(_, (state, _))| state != "off");
        lit.map(|(name, (state, _))| (name.as_str(), state.as_str()))
    }

    /// When the console told of a lamp last.
    pub fn lamps_told(&self) -> Option<Stamp> {
        self.lamps.values().map(|(_, at)| *at).max()
    }

    /// When it told of what is shown.
    fn times(&self) -> impl Iterator<Item = Stamp> {
        self.display.as_ref().map(|(_, at)| *at).into_iter().chain(self.lamps_told())
    }
}

impl Console {
    /// Stands for how old displays and lamps look: as long as it is the same, they look the same within a second of the run.
    pub fn fading(&self, now: Stamp) -> u64 {
        match self.view.screen {
            // There the age of what is fresh is told in tenths of a second.
            Screen::Phone => {
                let face = self.phone().and_then(|phone| self.talk.phone(phone)).map(|talk| &talk.face);
                let fresh = face.into_iter().flat_map(Face::times).filter(|at| !is_old(*at, now));
                fresh.map(|at| 1 + now.since(at).as_millis() as u64 / 100).sum()
            }
            Screen::Phones => {
                let faces = self.talk.phones().map(|talk| &talk.face);
                faces.flat_map(Face::times).filter(|at| !is_old(*at, now)).count() as u64
            }
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tests::telling, *};
    use crate::{
        event::{Event, Observed},
        report::sample,
    };

    fn face() -> Face {
        let begin = telling(sample::mixed_run().remove(0));
        let Event::Observed(Observed::RunStarted { plan }) = begin.event else { panic!() };
        Faces::of(&plan).face(&plan.bench.phones[0])
    }

    #[test]
    fn what_a_console_told_last_holds_until_it_tells_otherwise_or_is_lost() {
        let mut face = face();
        assert_eq!(face.faceless(), Some(Faceless::Unknown));
        let say = |face: &mut Face, ms, text: &str| face.hear(text, Stamp::from_millis(ms));
        say(&mut face, 1, "[    1.000000] display: Idle | 1001");
        say(&mut face, 2, "[    2.000000] lamp: message slow");
        say(&mut face, 3, "[    3.000000] lamp: line1 off");
        assert_eq!(face.display, Some(("Idle | 1001".to_owned(), Stamp::from_millis(1))));
        assert_eq!(face.lit().collect::<Vec<_>>(), [("message", "slow")]);
        assert_eq!((face.lamps_told(), face.faceless()), (Some(Stamp::from_millis(3)), None));
        face.port(true, Stamp::from_millis(4));
        assert!(face.display.is_some() && face.blind_since == Some(Stamp::from_millis(4)), "what was is shown as such");
        face.port(false, Stamp::from_millis(9));
        assert_eq!(
            (face.faceless(), face.blind_since),
            (Some(Faceless::Unknown), None),
            "nobody saw what came between"
        );
    }

    #[test]
    fn a_phone_that_starts_cold_shows_nothing_and_lamps_without_end_are_not_kept() {
        let mut face = face();
        for number in 0..10 * LAMPS {
            face.hear(&format!("lamp: l{number} on"), Stamp(number as u64));
        }
        assert_eq!(face.lamps.len(), LAMPS);
        face.hear("bootloader: cold start", Stamp::ZERO);
        assert_eq!(face.faceless(), Some(Faceless::Unknown));
    }
}
