//! `siprig phone press` and `siprig phone dial`: keys by hand.

use std::{fmt::Write as _, process::ExitCode, time::Duration};

use tokio::sync::mpsc;

use super::{
    super::{
        args::BenchArgs,
        bench::{self, Opened},
        error::{UserError, print_data},
        exit::Exit,
        lock::{self, Holder},
        state::{self, Scratch},
    },
    args::{DialArgs, PressArgs},
};
use crate::{
    config::{Bench, Model, Phone, Plan, Scenario, Sign, Step, StepKind, keying, load},
    driver::{Drivers, Report, Surroundings, clock::RunClock, signals::Signals},
    event::{Action, Observed, PhoneName, PortKind, Stamp, Stroke},
    look::harmless,
    wire::console::{CompiledDialect, ConsoleFact},
};

/// How long the keypad may take to be there.
const READY: Duration = Duration::from_secs(5);

/// How long a stroke may take beyond its own time.
const PATIENCE: Duration = Duration::from_secs(8);

/// How long a phone may take to show that a key arrived.
const EFFECT: Duration = Duration::from_secs(1);

/// Presses keys.
///
/// # Errors
/// If the bench, the phone or a key is not there, or the keypad can not be had.
pub fn press(args: &PressArgs) -> Result<ExitCode, UserError> {
    let mut strokes = Vec::new();
    for text in &args.keys {
        let stroke: Stroke = text.parse().map_err(|error| {
            let help = "write `options`, `goodbye:1.5s`, `goodbye:long`, `volup+mute` or `~400ms`";
            UserError::new(Exit::Usage, format!("{error}"), help)
        })?;
        strokes.push(stroke);
    }
    by_hand(&args.phone, &args.bench, strokes)
}

/// Types a number on the key pad.
///
/// # Errors
/// As [`press`].
pub fn dial(args: &DialArgs) -> Result<ExitCode, UserError> {
    let strokes = keying::keys_of(&args.number).map_err(|piece| {
        let help = "write 0 to 9, `*`, `#`, `{pin}` and `{extension}`; other keys are for `siprig phone press`";
        UserError::new(Exit::Usage, format!("`{}` is not on a key pad", harmless(&piece)), help)
    })?;
    by_hand(&args.phone, &args.bench, strokes)
}

fn by_hand(name: &str, args: &BenchArgs, strokes: Vec<Stroke>) -> Result<ExitCode, UserError> {
    let document = match bench::open(args, &[])? {
        Opened::Real(document) => document,
        Opened::Virtual(_) => {
            let message = "the phones of a virtual bench live as long as a run";
            return Err(UserError::new(Exit::Usage, message, "write a scenario with a `press` step, and run that"));
        }
    };
    let (bench, models) = load::checked_bench(&document, &bench::rig())?;
    let name = PhoneName(name.to_owned());
    let Some(phone) = bench.phones.iter().find(|phone| phone.name == name).cloned() else {
        let known: Vec<_> = bench.phones.iter().map(|phone| phone.name.0.as_str()).collect();
        let message = format!("the bench has no phone `{}`", harmless(&name.0));
        return Err(UserError::new(Exit::Usage, message, format!("it has {}", known.join(", "))));
    };
    let strokes = written_out(&phone, strokes)?;
    // Nothing but this phone's ports is used: the interfaces may be another's.
    let bench = Bench { network: None, ..bench };
    let kind = StepKind::Press { keys: strokes.clone(), reboots: false };
    let scenario = Scenario::of("by-hand", "keys by hand", vec![Step::of("", kind)]);
    if phone.keypad.is_none() {
        let help = "add `keypad = { kind = \"kp1\", … }` to it in the bench file";
        return Err(UserError::new(Exit::Config, format!("phone {name} has no keypad"), help));
    }
    load::fit(&scenario, &[&phone], &models)?;
    let needed = lock::needed(&bench, &[&phone]);
    let _locks = lock::acquire(&state::directory()?, &needed, &Holder::myself("siprig phone press"), None, |_| {})?;
    let clock = RunClock::start();
    let plan = Plan {
        run: String::new(),
        epoch_unix_ns: clock.epoch_unix_ns(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        bench,
        models,
        scenario,
        then: Vec::new(),
        phones: vec![name],
        unsettled: Vec::new(),
        overrides: Vec::new(),
        keep_secrets: false,
        allow_link_down: false,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| state::unexpected("start the runtime", &error))?;
    runtime.block_on(Hand::press(&plan, &phone, &strokes, clock)).map(ExitCode::from)
}

/// With the extension of the phone's first line in its place.
fn written_out(phone: &Phone, strokes: Vec<Stroke>) -> Result<Vec<Stroke>, UserError> {
    let extension = phone.lines.first().map(|line| line.extension.as_str()).unwrap_or_default();
    keying::with_extension(&strokes, extension).ok_or_else(|| {
        let message = format!("extension {} can not be typed on a key pad", harmless(extension));
        UserError::new(Exit::Config, message, "press its keys by name")
    })
}

/// A phone's ports, held for as long as keys are pressed.
struct Hand<'a> {
    phone: &'a Phone,
    model: Option<&'a Model>,
    dialect: Option<CompiledDialect>,
    signs: Vec<Sign>,
    drivers: Drivers,
    reports: mpsc::Receiver<Report>,
    signals: Signals,
    clock: RunClock,
}

/// What came of a stroke.
enum Outcome {
    Shown,
    Unconfirmed,
    Paused,
}

impl<'a> Hand<'a> {
    /// Presses one stroke after the other, tells of each, and lets the keypad go.
    async fn press(plan: &'a Plan, phone: &'a Phone, strokes: &[Stroke], clock: RunClock) -> Result<Exit, UserError> {
        let scratch = Scratch::make("by-hand")?;
        let signals = Signals::listen().map_err(|error| state::unexpected("listen for signals", &error))?;
        let (sender, reports) = mpsc::channel(1024);
        let drivers = Drivers::start(plan, &clock, scratch.path(), Surroundings::default(), sender).await;
        let drivers = drivers.map_err(|error| {
            UserError::new(
                if error.is_busy() { Exit::Busy } else { Exit::Rig },
                error.to_string(),
                "see `siprig check`",
            )
        })?;
        let model = plan.model_of(phone);
        let dialect = model.and_then(|model| model.console.as_ref()).filter(|_| phone.console.is_some());
        let signs = model.map(Model::signs).unwrap_or_default();
        let signs = signs.into_iter().filter(|sign| dialect.is_some_and(|dialect| sign.told_by(dialect))).collect();
        let dialect = dialect.and_then(|dialect| CompiledDialect::new(dialect).ok());
        let mut hand = Self { phone, model, dialect, signs, drivers, reports, signals, clock };
        let done = hand.all(strokes).await;
        hand.drivers.close().await;
        done
    }

    async fn all(&mut self, strokes: &[Stroke]) -> Result<Exit, UserError> {
        if phone_has_board(self.phone) {
            self.wait_until_ready().await?;
        }
        for (number, stroke) in (1..).zip(strokes) {
            let mut told = String::new();
            let said = match self.one(number, stroke).await? {
                Outcome::Shown => "pressed, and the console shows it",
                Outcome::Unconfirmed => "pressed; unconfirmed, as nothing tells of keys",
                Outcome::Paused => "waited",
            };
            // Writing to a String can not fail.
            let _ = writeln!(told, "{stroke}: {said}");
            print_data(&told)?;
        }
        Ok(Exit::Success)
    }

    /// A board says when it is there.
    async fn wait_until_ready(&mut self) -> Result<(), UserError> {
        let limit = self.clock.now() + READY;
        loop {
            match self.next(limit).await? {
                Some(Observed::PortOpened { port: PortKind::Keypad, .. }) => return Ok(()),
                Some(Observed::PortLost { port: PortKind::Keypad, reason, .. }) => return Err(rig(&reason)),
                Some(_) => {}
                None => return Err(rig("the keypad board does not answer; is it powered and wired?")),
            }
        }
    }

    async fn one(&mut self, sequence: u32, stroke: &Stroke) -> Result<Outcome, UserError> {
        let pressing = self.model.map(|model| model.pressing).unwrap_or_default();
        let order = Action::PlayKeys { phone: self.phone.name.clone(), sequence, keys: vec![stroke.clone()] };
        self.drivers.perform(order).map_err(|failed| rig(&format!("{failed:?}")))?;
        let mut limit = self.clock.now() + pressing.lasts(stroke) + PATIENCE;
        let (mut played, mut shown) = (false, Vec::new());
        loop {
            let secret = keying::is_pin(stroke);
            if played && stroke.keys().is_empty() {
                return Ok(Outcome::Paused);
            }
            if played && self.signs.is_empty() {
                return Ok(Outcome::Unconfirmed);
            }
            if played && self.is_shown(stroke, &shown) {
                return Ok(Outcome::Shown);
            }
            match self.next(limit).await? {
                Some(Observed::KeysPlayed { error: Some(error), .. }) => {
                    return Err(rig(&format!("`{stroke}` could not be pressed: {error}")));
                }
                Some(Observed::KeysPlayed { .. }) => {
                    played = true;
                    // The digits of a PIN are hidden on the console, until a second after the last.
                    limit = self.clock.now() + if secret { 2 * EFFECT } else { EFFECT };
                }
                Some(Observed::ConsoleLine { text, echo: false, .. }) => {
                    shown.extend(self.dialect.as_ref().and_then(|dialect| dialect.meaning(&text)));
                }
                Some(Observed::PortLost { reason, .. }) => return Err(rig(&reason)),
                Some(_) => {}
                None if played => {
                    let message = format!("`{stroke}` was pressed, and the console shows no effect of it");
                    let help = "check the wires of the key matrix; `siprig check --cabling` finds out what is swapped";
                    return Err(UserError::new(Exit::Rig, message, help));
                }
                None => return Err(rig(&format!("the keypad did not acknowledge `{stroke}`; check its cable"))),
            }
        }
    }

    fn is_shown(&self, stroke: &Stroke, facts: &[ConsoleFact]) -> bool {
        self.signs.iter().any(|sign| match sign {
            Sign::Key if keying::is_pin(stroke) => facts.iter().any(|fact| matches!(fact, ConsoleFact::Key { .. })),
            Sign::Key => stroke
                .keys()
                .iter()
                .all(|key| facts.iter().any(|fact| matches!(fact, ConsoleFact::Key { name } if name == key))),
            Sign::Display => facts.iter().any(|fact| matches!(fact, ConsoleFact::Display { .. })),
            Sign::Lamp => facts.iter().any(|fact| matches!(fact, ConsoleFact::Lamp { .. })),
        })
    }

    /// The next report; none if there is none until then.
    async fn next(&mut self, limit: Stamp) -> Result<Option<Observed>, UserError> {
        tokio::select! {
            signal = self.signals.next() => {
                let message = format!("{signal}: no further key is pressed");
                Err(UserError::new(Exit::of_signal(signal), message, "every key was let go"))
            }
            report = self.reports.recv() => Ok(report.map(|report| report.observed)),
            () = self.clock.wait(Some(limit)) => Ok(None),
        }
    }
}

fn phone_has_board(phone: &Phone) -> bool {
    phone.keypad.as_ref().is_some_and(|keypad| keypad.board().is_some())
}

fn rig(reason: &str) -> UserError {
    let (message, help) = reason.rsplit_once("; ").unwrap_or((reason, "see `siprig check`"));
    UserError::new(Exit::Rig, message, help)
}
