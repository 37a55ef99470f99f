//! What the documents say of the built-in scenarios is what they are.

use std::{fmt::Write as _, fs, path::Path};

use siprig::config::{Need, Scenario, StepKind, load};

const DOCUMENT: &str = "docs/scenarios.md";

fn scenarios() -> Vec<Scenario> {
    let rig = Path::new(load::RIG);
    load::scenario_names(rig).iter().map(|name| load::scenario(name, rig).unwrap()).collect()
}

/// What a phone must have, beside the wire, for its case not to be skipped.
fn needs(scenario: &Scenario) -> [bool; 6] {
    let steps = || scenario.all_steps().filter(|step| !step.optional).map(|step| &step.kind);
    let keypad = |kind: &StepKind| {
        let presses = matches!(kind, StepKind::Keys { .. } | StepKind::Press { .. } | StepKind::Dial { .. });
        presses || matches!(kind, StepKind::Call { .. })
    };
    let push = |kind: &StepKind| matches!(kind, StepKind::Push { .. } | StepKind::Restart);
    let console = |kind: &StepKind| matches!(kind, StepKind::Display { .. });
    let hook = |kind: &StepKind| matches!(kind, StepKind::Outage(plan) if plan.is_hook());
    let pbx = scenario.all_needs().iter().any(|need| matches!(need, Need::Pbx(_)));
    [steps().any(keypad), steps().any(push), steps().any(console), scenario.types_pin(), steps().any(hook), pbx]
}

fn table() -> String {
    let mut table =
        "| scenario | wire | keypad | XML push | console | PIN | hook of the server | setting of the PBX |\n"
            .to_owned();
    table += "|---|---|---|---|---|---|---|---|\n";
    for scenario in scenarios() {
        let [keypad, push, console, pin, hook, pbx] = needs(&scenario).map(|needed| if needed { "yes" } else { "" });
        let [hook, pbx] = [hook, pbx].map(|needed| if needed == "yes" { "yes " } else { "" });
        // A restart is pushed, or keys of the menu do it.
        let push = if push == "yes" { "or keypad" } else { "" };
        let _ = writeln!(table, "| `{}` | yes | {keypad} | {push} | {console} | {pin} | {hook}| {pbx}|", scenario.name);
    }
    table
}

#[test]
fn the_table_of_what_scenarios_need_is_what_they_need() {
    let document = fs::read_to_string(DOCUMENT).unwrap();
    let table = table();
    assert!(document.contains(&table), "{DOCUMENT} should have this table:\n\n{table}");
}

#[test]
fn failover_every_outage_mode_and_the_storm_run_on_the_wire_alone() {
    let alone: Vec<String> =
        scenarios().into_iter().filter(|it| needs(it) == [false; 6]).map(|scenario| scenario.name).collect();
    for name in [
        "failover",
        "settling",
        "flapping",
        "both-away",
        "link-down",
        "cut-before-renewal",
        "cut-after-renewal",
        "drop-against-refusal",
        "primary-answers-302",
        "primary-answers-403",
        "primary-answers-503",
        "one-way-loss",
        "host-unreachable",
        "prohibited",
        "connections-reset",
        "lossy-path",
        "slow-path",
        "slow-death",
        "primary-flaps",
        "primary-reboots",
        "swallowed-200",
        "lost-refresh",
        "hold-on-backup",
        "storm",
    ] {
        assert!(alone.iter().any(|scenario| scenario == name), "{name} needs more than the wire");
    }
}

#[test]
fn every_scenario_says_what_it_proves_and_stands_in_the_table() {
    let document = fs::read_to_string(DOCUMENT).unwrap();
    for scenario in scenarios() {
        assert!(scenario.proves.is_some(), "{} proves nothing", scenario.name);
        let row = format!("| `{}`", scenario.name);
        let proved = document.lines().take_while(|line| !line.starts_with("## What each needs"));
        assert!(proved.into_iter().any(|line| line.contains(&row)), "{} stands in no row", scenario.name);
    }
}
