//! How a server is to be blocked, and what is asked before one is given back.

use super::{
    super::{
        Console,
        block::{Choice, Harming, LIMITS, Whom},
    },
    boxed,
};
use crate::{
    config::duration::show,
    event::OutageId,
    look::Look,
    tui::{pen::Pen, wording},
};

pub(super) fn draw(pen: &mut Pen<'_>, console: &Console) {
    let Some(server) = console.server() else { return };
    let Choice { harm, whom, limit } = console.view.choice;
    let look = pen.look;
    let one = |key: &str, words: &str, chosen: bool| format!("{} {key} {words}", radio(look, chosen));
    let whats = Harming::ALL.map(|its| {
        let (key, words) = match its {
            Harming::Drop => ("d", "drop all"),
            Harming::Lose => ("l", "lose 20 %"),
            Harming::Delay => ("s", "200 ms late"),
        };
        one(key, words, its == harm)
    });
    let phone = console.phone().map_or("one phone".to_owned(), |phone| format!("{phone} alone"));
    let mut whoms = vec![(Whom::All, "all phones".to_owned()), (Whom::One, phone)];
    if !console.view.marked.is_empty() {
        whoms.push((Whom::Marked, format!("the {} marked", console.view.marked.len())));
    }
    let whoms = whoms.into_iter().map(|(its, words)| format!("{} {words}", radio(look, its == whom)));
    let whoms: Vec<String> = whoms.collect();
    let limits: Vec<String> = (0..)
        .zip(LIMITS)
        .map(|(place, its)| if place == limit { format!("[{}]", show(its)) } else { show(its).to_string() })
        .collect();
    let rows = [
        format!("Block server {} ({})?", server.name, server.role),
        String::new(),
        format!("what:   {}", whats.join("   ")),
        format!("whom:   {}   (p changes)", whoms.join("   ")),
        format!("back by itself after:   {}   (t changes)", limits.join("  ")),
        String::new(),
        cost(console),
        String::new(),
        "y block it   n, Esc leave it   (Return does nothing)".to_owned(),
    ];
    boxed(pen, &rows);
}

fn radio(look: Look, chosen: bool) -> &'static str {
    if chosen { look.pick("(•)", "(*)") } else { "( )" }
}

/// What it costs.
fn cost(console: &Console) -> String {
    match console.judged_in_choice() {
        0 => "No case that is judged is concerned.".to_owned(),
        1 => "A phone that is judged is concerned: its case comes to not-run, disturbed by you. The run goes on."
            .to_owned(),
        more => format!(
            "{more} phones that are judged are concerned: their cases come to not-run, disturbed by you. The run goes on."
        ),
    }
}

/// Whether that one is to be lifted.
pub(super) fn lift(console: &Console, outage: OutageId) -> String {
    let spec = console.board.outages.get(&outage).and_then(|outage| outage.spec.as_ref());
    let what = spec.map_or_else(
        || "This outage is over.".to_owned(),
        |spec| {
            let by = spec.by.as_deref().unwrap_or("the run");
            let whom = wording::whom(&spec.phones, console.board.phones());
            format!("Lift the outage of server {} ({}){whom} that {by} made by hand?", spec.server, spec.mode)
        },
    );
    let after = match console.by_hand_after(outage).count() {
        0 => String::new(),
        1 => " One more was made by hand here, and is asked about next; n goes on to it, Esc leaves both.".to_owned(),
        more => {
            format!(" {more} more were made by hand here, and are asked about next; n goes on to them, Esc leaves all.")
        }
    };
    format!("{what}{after} All else that is in force goes on; U gives back everything.")
}
