//! The console's state and its drawing, in this process.

use std::{
    cell::Cell,
    io::{self, Write},
    rc::Rc,
};

use ratatui::{Terminal, TerminalOptions, Viewport, backend::CrosstermBackend, layout::Rect};
use siprig::{
    event::Stamp,
    look::Look,
    tui::console::{Console, Going, Source, key::Key, screen},
};

use super::{RATE, now_ns, records::Round, resident_kb, used};

const FRAMES: u64 = 30;
const LIVE: Source = Source::Live { own: false, state: Going::On, behind: 0 };

/// Where what is drawn goes: it is counted.
#[derive(Clone, Default)]
struct Sink(Rc<Cell<u64>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.set(self.0.get() + bytes.len() as u64);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

type Screen = Terminal<CrosstermBackend<Sink>>;

fn screen_of(sink: &Sink) -> Screen {
    let viewport = Viewport::Fixed(Rect::new(0, 0, 120, 40));
    Terminal::with_options(CrosstermBackend::new(sink.clone()), TerminalOptions { viewport }).unwrap()
}

fn draw(terminal: &mut Screen, console: &Console, now: Stamp) {
    let look = Look { colour: true, unicode: true };
    terminal.draw(|frame| screen::draw(console, now, look, frame.area(), frame.buffer_mut())).unwrap();
}

/// Has everything full, as it is in the middle of a long run.
fn filled(phones: usize) -> (Console, Round) {
    let mut round = Round::of(phones, 0);
    let mut console = Console::new(LIVE);
    console.apply(&round.begin);
    for _ in 0..2 * round.len() {
        console.apply(round.next());
    }
    (console, round)
}

/// What is spent on so many seconds of a run, for each screen; and how many records a second a core can take.
pub fn cost(phones: usize, seconds: u64) {
    let (mut console, mut round) = filled(phones);
    println!("{} records a round, {} MB with everything kept", round.len(), resident_kb(std::process::id()) / 1000);
    let mut worst = 0.0_f64;
    for (key, name) in ('1'..='6').zip(["Phones", "Phone", "SIP", "Network", "Scenario", "Log"]) {
        console.press(Key::Char(key));
        // The last phone, and what has most to be looked through.
        console.press(Key::End);
        let sink = Sink::default();
        let mut terminal = screen_of(&sink);
        let mut drawing = 0;
        let begun = used();
        for _ in 0..seconds * FRAMES {
            let mut now = Stamp::ZERO;
            for _ in 0..RATE / FRAMES {
                let record = round.next();
                now = record.seen;
                console.apply(record);
            }
            let before = now_ns();
            draw(&mut terminal, &console, now);
            drawing += now_ns() - before;
        }
        let share = 100.0 * (used() - begun).as_secs_f64() / seconds as f64;
        let frame = drawing as f64 / (seconds * FRAMES) as f64 / 1000.0;
        println!("{name}: {share:.1} % of a core; a frame {frame:.0} us, {} bytes", sink.0.get() / (seconds * FRAMES));
        worst = worst.max(share);
    }
    println!("worst {worst:.1} % of a core at {RATE} records and {FRAMES} frames a second");
    ceiling(&mut console, &mut round, seconds);
}

/// A core that does nothing else.
fn ceiling(console: &mut Console, round: &mut Round, seconds: u64) {
    console.press(Key::Char('1'));
    let mut terminal = screen_of(&Sink::default());
    let (mut taken, mut drawn) = (0_u64, 0);
    let begun = used();
    loop {
        let passed = (used() - begun).as_secs_f64();
        if passed >= seconds as f64 {
            break;
        }
        while drawn as f64 <= passed * FRAMES as f64 {
            draw(&mut terminal, console, Stamp(taken));
            drawn += 1;
        }
        for _ in 0..1000 {
            console.apply(round.next());
        }
        taken += 1000;
    }
    println!("ceiling {} records a second, with {FRAMES} frames", taken / seconds);
}

/// What is occupied while so many records are taken.
pub fn memory(phones: usize, records: u64) {
    let mut round = Round::of(phones, 0);
    let mut console = Console::new(LIVE);
    let mut terminal = screen_of(&Sink::default());
    let before = resident_kb(std::process::id());
    println!("{} records a round; {} MB without a console", round.len(), before / 1000);
    console.apply(&round.begin);
    let mut sizes = Vec::new();
    for part in 1..=10 {
        for number in 0..records / 10 {
            let now = round.next();
            console.apply(now);
            if number % (RATE / FRAMES) == 0 {
                let seen = now.seen;
                draw(&mut terminal, &console, seen);
            }
        }
        let kb = resident_kb(std::process::id()) - before;
        println!("{:>10} records: the console occupies {} kB", part * (records / 10), kb);
        sizes.push(kb);
    }
    let grown = sizes[9].saturating_sub(sizes[2]);
    println!("grown {grown} kB from 3 tenths of it to its end");
}
