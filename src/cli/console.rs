//! `siprig console`: the operator's terminal, on a run of its own, on one that goes on, or on a recording.

use std::{process::ExitCode, time::Duration};

use clap::Args;
use crossterm::event::EventStream;
use futures_util::StreamExt;

use super::{
    args::{BenchArgs, WhichRun},
    error::UserError,
    exit::Exit,
    runs,
};
use crate::{
    driver::clock::RunClock,
    event::Stamp,
    look::Look,
    tui::console::{Console, Reading, Wish},
};

mod attach;
mod crash;
mod input;
mod own;
mod pace;
mod player;
mod pulse;
mod scrollback;
mod sentry;
mod terminal;

use attach::Attached;
use pace::Pace;
use player::Player;
use scrollback::Scrollback;
use sentry::Sentry;
use terminal::Terminal;

/// How often a run in which nothing happens is looked at for something new.
const LOOK: Duration = Duration::from_millis(100);
/// How often it is where something does, a recording while it runs, and the screen at most, but for what a key changes.
const FRAME: Duration = Duration::from_millis(25);
/// How long a look may take where there is more than can be shown: keys are heard meanwhile.
const SPELL: Duration = Duration::from_millis(15);

pub(super) const ABOUT: &str = "\
Watch and steer a run from one terminal

Begins a run and shows it: where each line is registered, its SIP as a ladder, keys and console of each phone, outages, steps and \
measured values. With --attach it shows a run that goes on already, as many at a time as like to; with --replay one that was, \
with play, pause and seek. All of it is the same screens, made from the records of the run.

The footer and `?` say what keys do. `i` on a phone's screen gives them to the phone, whose own keys are pressed then; `c` \
shows its console, with times and to be searched, and lets one type on it. `B` on the network's screen takes a server away by hand, \
for a time. What disturbs a run is asked first, and Return never \
confirms. `U` gives every phone its network back at once, and asks nobody. A run that this console began ends with it, however it ends.";

pub(super) const EXAMPLES: &str = "\
Examples:
  siprig console                                   failover on the virtual bench
  siprig console baseline --bench rig/lab-3.toml   a scenario in a lab
  siprig console watch --bench rig/lab-3.toml      a lab, of which nothing is asked
  siprig console --attach                          the run that goes on in ./reports
  siprig console --replay latest                   the last run, played back";

/// Arguments of `console`.
#[derive(Debug, Args)]
pub struct ConsoleArgs {
    /// Names of scenarios, or paths of their files, in the order in which they are run
    #[arg(default_value = "failover", value_name = "SCENARIO", conflicts_with_all = ["replay", "attach"])]
    pub scenarios: Vec<String>,
    #[command(flatten)]
    pub bench: BenchArgs,
    /// Only these phones, separated by commas; otherwise all of the bench
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    pub phones: Vec<String>,
    /// Play a run back: its directory, its name below --report-dir, or `latest`
    #[arg(long, value_name = "RUN", conflicts_with_all = ["bench", "overrides", "phones", "attach"])]
    pub replay: Option<String>,
    /// Show a run that goes on: its directory, its name below --report-dir, or the latest that does
    #[arg(long, value_name = "RUN", num_args = 0..=1, default_missing_value = "latest", conflicts_with_all = ["bench", "overrides", "phones"])]
    pub attach: Option<String>,
    /// Where runs are
    #[arg(long, default_value = "reports", value_name = "DIR")]
    pub report_dir: std::path::PathBuf,
    /// Let the run take the link of a whole side down, if its scenario does that
    #[arg(long, conflicts_with_all = ["replay", "attach"])]
    pub allow_link_down: bool,
    /// Show from the beginning only lines and events that fit these words, as `/` does: p7, reg:none, !reg:primary
    #[arg(long, value_name = "WORDS")]
    pub filter: Option<String>,
    /// Draw in ASCII alone
    #[arg(long)]
    pub ascii: bool,
}

/// Where the records come from.
enum Feed {
    Player(Box<Player>),
    Attached(Box<Attached>),
}

/// Shows it until somebody leaves.
///
/// # Errors
/// If there is no such run, no terminal, or a run of its own could not begin.
pub fn main(args: &ConsoleArgs) -> Result<ExitCode, UserError> {
    terminal::needed()?;
    // One thread beside this one, for what must not wait for a terminal.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.map_err(|error| unexpected("start the runtime", &error))?;
    let exit = runtime.block_on(use_it(args));
    // Whoever reads the keyboard may wait for ever.
    runtime.shutdown_background();
    exit
}

async fn use_it(args: &ConsoleArgs) -> Result<ExitCode, UserError> {
    let sentry = Sentry::post().map_err(|error| unexpected("listen for signals", &error))?;
    let which = |run: &str| WhichRun { run: run.to_owned(), report_dir: args.report_dir.clone() };
    let feed = match (&args.replay, &args.attach) {
        (Some(run), _) => Feed::Player(Box::new(Player::open(&runs::find(&which(run))?)?)),
        (None, Some(run)) => Feed::Attached(Box::new(Attached::find(&which(run)).await?)),
        (None, None) => Feed::Attached(Box::new(own::begin(args).await?)),
    };
    let look = Look { unicode: !args.ascii && Look::of_stream(true).unicode, ..Look::of_stream(true) };
    let terminal = Terminal::take().map_err(|error| unexpected("set the terminal", &error))?;
    let mut console = Console::new(match &feed {
        Feed::Player(player) => player.source(),
        Feed::Attached(attached) => attached.source(),
    });
    if let Some(words) = &args.filter {
        console.filter_by(words);
    }
    let mut desk = Desk { console, feed, look, clock: RunClock::start(), second: None, scrollback: None };
    let left = desk.attend(terminal, sentry).await;
    match desk.feed {
        // The network first: whatever became of the terminal, a run of ours is ended in good order.
        Feed::Attached(attached) => attached.leave(left).await,
        Feed::Player(_) => Ok(left.into()),
    }
}

/// What a look has shown.
#[derive(Debug, Clone, Copy)]
struct News {
    /// Something looks different.
    changed: bool,
    /// There is more to be taken.
    more: bool,
}

/// One who sits at the console.
struct Desk {
    console: Console,
    feed: Feed,
    look: Look,
    clock: RunClock,
    /// The second of the run that was drawn last, whether what was drawn was old, and how old displays looked.
    second: Option<(u64, bool, u64)>,
    /// The console of the phone that is looked at; none: nobody does, or there is nothing to read.
    scrollback: Option<Scrollback>,
}

impl Desk {
    /// Until somebody leaves.
    async fn attend(&mut self, mut terminal: Terminal, mut sentry: Sentry) -> Exit {
        let mut keys = EventStream::new();
        // A key is answered at once, and everything else as often as anybody can see.
        let begun = self.clock.now();
        let (mut frames, mut looks) = (Pace::of(FRAME, begun), Pace::of(FRAME, begun));
        let (mut due, mut dirty, mut pressed) = (begun, true, false);
        loop {
            let now = self.clock.now();
            if pressed || (now >= frames.next() && (dirty || self.has_aged())) {
                let shown = self.now();
                self.console.clock = shown;
                let mouse = terminal.listen_to_mouse(self.console.has_mouse());
                if mouse.and_then(|()| terminal.draw(&self.console, shown, self.look)).is_err() {
                    return Exit::Hangup;
                }
                self.second = Some(self.age(shown));
                frames.done(now);
                (dirty, pressed) = (false, false);
            }
            tokio::select! {
                biased;
                name = sentry.next() => return Exit::of_signal(name),
                event = keys.next() => match event {
                    Some(Ok(event)) => {
                        self.console.clock = self.now();
                        let Ok(area) = terminal.area() else { return Exit::Hangup };
                        for wish in input::take(&event, &mut self.console, area) {
                            match self.grant(wish) {
                                Some(Wish::Leave) => return Exit::Success,
                                Some(Wish::Redraw) if terminal.begin_anew().is_err() => return Exit::Hangup,
                                Some(Wish::Suspend) if terminal.suspend().is_err() => return Exit::Hangup,
                                _ => {}
                            }
                        }
                        pressed = true;
                    }
                    // A terminal whose keyboard ends has hung up.
                    Some(Err(_)) | None => return Exit::Hangup,
                },
                // It is drawn above.
                () = self.clock.wait(dirty.then_some(frames.next())) => {}
                () = self.clock.wait(Some(due)) => {
                    let begun = self.clock.now();
                    // No longer than until a frame is due, which would be late otherwise.
                    let until = if dirty { frames.next().clamp(begun + SPELL / 3, begun + SPELL) } else { begun + SPELL };
                    let news = self.take_news(until).await;
                    dirty |= news.changed;
                    looks.done(begun);
                    due = match news {
                        News { more: true, .. } => begun,
                        News { changed: true, .. } => looks.next(),
                        _ if matches!(&self.feed, Feed::Player(player) if player.plays()) => looks.next(),
                        _ => begun + LOOK,
                    };
                    if let Feed::Attached(attached) = &mut self.feed
                        && attached.is_stillborn(&self.console)
                    {
                        return Exit::Success;
                    }
                }
            }
        }
    }

    /// Times go on by themselves, and are told in seconds; that nothing is told any more is told at once, and so is what a display shows
    /// no longer the present.
    fn has_aged(&self) -> bool {
        self.console.moves() && self.second != Some(self.age(self.now()))
    }

    fn age(&self, now: Stamp) -> (u64, bool, u64) {
        (now.0 / 1_000_000_000, self.console.stale(now).is_some(), self.console.fading(now))
    }

    /// Takes what is new, until that time at most.
    async fn take_news(&mut self, until: Stamp) -> News {
        let mut news = match &mut self.feed {
            Feed::Player(player) => player.play(&self.clock, until, &mut self.console),
            Feed::Attached(attached) => attached.look(&self.clock, until, &mut self.console).await,
        };
        let overheard = self.overhear();
        news.changed |= overheard.changed;
        news.more |= overheard.more;
        if news.more {
            // Signals, and what the run answers, are looked at in between.
            tokio::task::yield_now().await;
        }
        news
    }

    /// Hears the console that is looked at.
    fn overhear(&mut self) -> News {
        let nothing = News { changed: false, more: false };
        let Some(phone) = self.console.listens_to().cloned() else {
            self.scrollback = None;
            self.console.listen_no_more();
            return nothing;
        };
        let (now, whole) = (self.now(), matches!(&self.feed, Feed::Player(_)));
        // The recording is there a moment after the run is, and there is none of a phone without a console.
        let known = self.console.heard_of(&phone).is_some_and(|serial| !serial.scroll(Reading::Lines).rows.is_empty());
        let begins = !known && self.scrollback.is_none() || self.console.heard_of(&phone).is_none();
        if begins {
            let directory = match &self.feed {
                Feed::Player(player) => player.directory(),
                Feed::Attached(attached) => attached.directory(),
            };
            self.scrollback = directory.and_then(|run_dir| Scrollback::open(run_dir, &phone, whole).ok());
            self.console.listen(phone.clone());
        }
        let (Some(scrollback), Some(serial)) = (&mut self.scrollback, self.console.heard_of(&phone)) else {
            return nothing;
        };
        let until = self.clock.now() + SPELL;
        match scrollback.read(now, || self.clock.now() >= until, serial) {
            Ok(news) => News { changed: news.changed || begins, ..news },
            Err(error) => {
                serial.port(now, &error.to_string());
                self.scrollback = None;
                News { changed: true, more: false }
            }
        }
    }

    /// The time of the run.
    fn now(&self) -> Stamp {
        match &self.feed {
            Feed::Player(player) => player.now(),
            Feed::Attached(attached) => attached.now(&self.console, &self.clock),
        }
    }

    /// Does what was wished; what is left is about the terminal, or to leave.
    fn grant(&mut self, wish: Wish) -> Option<Wish> {
        match (wish, &mut self.feed) {
            (wish @ (Wish::Leave | Wish::Redraw | Wish::Suspend), _) => return Some(wish),
            (wish, Feed::Attached(attached)) => attached.wish(wish, &mut self.console),
            (wish, Feed::Player(player)) => player.wish(wish, &mut self.console),
        }
        None
    }
}

fn unexpected(what: &str, error: &std::io::Error) -> UserError {
    UserError::new(Exit::Unexpected, format!("cannot {what}: {error}"), "is this machine out of memory or processes?")
}
