//! The rig must catch liars: each seeded defect, in each scenario that should see it, with the right blame and code; and
//! the phone beside it, on which nothing is wrong, must not be blamed for anything.

use super::*;
use crate::{
    event::{SipMessage, SipStart},
    virtual_bench::phone::Transport,
};

/// A defect of phone p1: the scenario, and what it must come to.
type PhoneRow = (&'static str, PhoneDefect, Verdict, Blame, &'static str);

/// A defect of one server, and the scenario that shows it.
type ServerRow = (&'static str, &'static str, RegistrarDefect, Blame, &'static str);

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// Each defect of a phone, in the scenarios that should see it.
fn phone_rows() -> Vec<PhoneRow> {
    use PhoneDefect as D;
    use Verdict::{Fail, RigError};
    let stranger = || D::RegistersAtStranger("10.77.0.99".parse().unwrap());
    vec![
        ("failover", D::NeverFailsBack, Fail, Blame::Phone, "never-failed-back"),
        ("both-away", D::NeverFailsBack, Fail, Blame::Phone, "never-failed-back"),
        ("failover", D::NeverFailsOver, Fail, Blame::Phone, "never-failed-over"),
        ("both-away", D::NeverFailsOver, Fail, Blame::Phone, "never-tried-backup"),
        ("failover", D::ForgetsToAuthenticateOnBackup, Fail, Blame::Phone, "no-credentials"),
        ("both-away", D::ForgetsToAuthenticateOnBackup, Fail, Blame::Phone, "no-credentials"),
        ("baseline", D::ClaimsBackup, Fail, Blame::Phone, "display-wrong"),
        ("failover", D::ClaimsBackup, Fail, Blame::Phone, "display-wrong"),
        ("failover", D::DisplayWrong, Fail, Blame::Phone, "display-wrong"),
        ("failover", D::DiesAfter(seconds(8)), RigError, Blame::Unknown, "no-sign-of-life"),
        ("flapping", D::DiesAfter(seconds(8)), RigError, Blame::Unknown, "no-sign-of-life"),
        ("failover", D::ConsoleClosesAfter(seconds(8)), RigError, Blame::Rig, "console-lost"),
        ("failover", D::ConsoleLooseAfter(seconds(8)), RigError, Blame::Rig, "console-lost"),
        ("failover", D::HangsAfter(seconds(8)), Fail, Blame::Phone, "never-failed-over"),
        ("hold-on-backup", D::HangsAfter(seconds(8)), Fail, Blame::Phone, "never-failed-over"),
        ("failover", D::ConsoleSilentAfter(seconds(8)), RigError, Blame::Rig, "console-silent"),
        ("failover", D::RebootsAfter(seconds(8)), Fail, Blame::Phone, "reboot"),
        ("failover", D::RebootsInsteadOfMoving, Fail, Blame::Phone, "reboot"),
        ("baseline", D::DeafKeypad, RigError, Blame::Rig, "keypad-mute"),
        ("failover", D::StickyKey, RigError, Blame::Unknown, "phantom-key"),
        ("baseline", D::RegistersAtBoth, Fail, Blame::Phone, "double-registration"),
        ("failover", D::MovesLate(seconds(5)), Fail, Blame::Phone, "late"),
        ("failover", D::MovesLate(seconds(660)), Fail, Blame::Phone, "never-failed-over"),
        ("baseline", D::LapsesBeforeRenewing, Fail, Blame::Phone, "late"),
        ("failover", D::NeverGivesUp, Fail, Blame::Phone, "never-failed-over"),
        ("both-away", D::NeverGivesUp, Fail, Blame::Phone, "never-tried-backup"),
        ("settling", D::Flaps, Fail, Blame::Phone, "double-registration"),
        ("settling", D::KeepsRenewingAtBackup, Fail, Blame::Phone, "double-registration"),
        ("baseline", D::Storms, Fail, Blame::Phone, "storm"),
        ("failover", D::Storms, Fail, Blame::Phone, "storm"),
        ("failover", stranger(), Fail, Blame::Configuration, "wrong-server"),
        ("cut-before-renewal", D::NeverFailsOver, Fail, Blame::Phone, "never-failed-over"),
        ("cut-after-renewal", D::MovesLate(seconds(5)), Fail, Blame::Phone, "late"),
        ("drop-against-refusal", D::NeverFailsBack, Fail, Blame::Phone, "never-failed-back"),
        ("drop-against-refusal", D::NeverGivesUp, Fail, Blame::Phone, "never-failed-over"),
        ("one-way-loss", D::NeverFailsOver, Fail, Blame::Phone, "never-failed-over"),
        ("one-way-loss", D::ClaimsBackup, Fail, Blame::Phone, "display-wrong"),
        ("hold-on-backup", D::NeverFailsOver, Fail, Blame::Phone, "never-failed-over"),
        ("hold-on-backup", D::Storms, Fail, Blame::Phone, "storm"),
        ("boot-on-backup", D::NeverFailsOver, Fail, Blame::Phone, "never-failed-over"),
        ("storm", D::MovesLate(seconds(5)), Fail, Blame::Phone, "late"),
        ("primary-answers-503", D::DiesAfter(seconds(2)), RigError, Blame::Unknown, "no-sign-of-life"),
        ("primary-answers-403", D::Storms, Fail, Blame::Phone, "storm"),
    ]
}

#[test]
fn every_defect_of_a_phone_is_caught_where_it_should_be_seen() {
    for (scenario, defect, verdict, blame, code) in &phone_rows() {
        let records = with_defects(scenario, 1, Some(*defect), |_| {});
        assert_eq!(found(&records, "p1"), (*verdict, Some(*blame), Some(*code)), "{scenario} {defect:?}");
        assert_eq!(found(&records, "p2"), (Verdict::Pass, None, None), "{scenario} {defect:?}: the healthy neighbour");
    }
}

#[test]
fn a_move_that_takes_more_than_ten_minutes_breaks_the_promise_with_the_real_timers() {
    let mut description = Description::default();
    manual_timers(&mut description);
    description.timers.expires = seconds(400);
    let records = rehearse(
        &description,
        calm(),
        |phone| {
            if phone.name == "p1" {
                phone.defects.push(PhoneDefect::MovesLate(seconds(300)));
            }
        },
        |_| {},
    );
    assert_eq!(found(&records, "p1"), (Verdict::Fail, Some(Blame::Phone), Some("promise-broken")));
    assert_eq!(found(&records, "p2"), (Verdict::Pass, None, None));
}

#[test]
fn settings_that_allow_more_than_ten_minutes_are_the_configuration_s_fault() {
    let mut description = Description::default();
    manual_timers(&mut description);
    description.timers.expires = seconds(900);
    let records = rehearse(&description, calm(), |_| {}, |_| {});
    assert_eq!(found(&records, "p1"), (Verdict::Fail, Some(Blame::Configuration), Some("promise-broken")));
}

#[test]
fn a_line_that_is_lost_while_the_other_one_moves_is_told_from_it() {
    let records = with_defects("failover", 2, Some(PhoneDefect::LosesSecondLine), |_| {});
    let of = |line: &str| cases(&records).find(|case| case.id.phone.0 == "p1" && case.id.line == line).unwrap();
    assert_eq!(of("1001").verdict, Verdict::Pass);
    assert_eq!((of("2001").verdict, of("2001").blame), (Verdict::Fail, Some(Blame::Phone)));
}

#[test]
fn what_only_looks_like_a_registration_moves_nothing() {
    for scenario in ["baseline", "failover", "settling"] {
        let records = with_defects(scenario, 1, Some(PhoneDefect::PollsWithExpiresZero), |_| {});
        assert_eq!(found(&records, "p1"), (Verdict::Pass, None, None), "{scenario}");
    }
}

#[test]
fn a_phone_that_does_not_wait_as_it_was_asked_to_is_caught_and_one_that_does_is_not() {
    let busy = |server: &mut RegistrarSpec| {
        if server.name == "b" {
            server.defects.push(RegistrarDefect::Unavailable(seconds(20)));
        }
    };
    let records = with_defects("failover", 1, Some(PhoneDefect::IgnoresRetryAfter), busy);
    assert_eq!(found(&records, "p1"), (Verdict::Fail, Some(Blame::Phone), Some("retry-too-early")));
    assert_eq!(found(&records, "p2"), (Verdict::Fail, Some(Blame::Server), Some("server-refused")));
}

#[test]
fn a_phone_that_answers_with_an_old_nonce_is_told_from_a_server_that_takes_none() {
    let impatient = |server: &mut RegistrarSpec| server.nonce_lifetime = seconds(1);
    let records = with_defects("failover", 1, Some(PhoneDefect::ReusesNonce), impatient);
    let case = cases(&records).find(|case| case.id.phone.0 == "p1").unwrap();
    assert_eq!((case.verdict, case.blame), (Verdict::Fail, Some(Blame::Phone)), "{case:#?}");
    assert_eq!(found(&records, "p2"), (Verdict::Pass, None, None));
}

/// Each defect of a server, in the scenarios that should see it.
fn server_rows() -> Vec<ServerRow> {
    use RegistrarDefect as D;
    vec![
        ("failover", "a", D::Silent, Blame::Server, "primary-silent"),
        ("failover", "b", D::Silent, Blame::Server, "backup-silent"),
        ("failover", "a", D::SilentAfter(seconds(8)), Blame::Server, "primary-silent"),
        ("failover", "b", D::SilentAfter(seconds(8)), Blame::Server, "backup-silent"),
        ("failover", "a", D::TwoFaced, Blame::Server, "primary-silent"),
        ("failover", "b", D::TwoFaced, Blame::Server, "backup-silent"),
        ("failover", "b", D::Reject(403), Blame::Configuration, "rejected"),
        ("failover", "b", D::Reject(503), Blame::Server, "server-refused"),
        ("failover", "b", D::Unavailable(seconds(20)), Blame::Server, "server-refused"),
        ("failover", "b", D::RedirectsNowhere, Blame::Server, "redirected"),
        ("failover", "b", D::NoContactIn200, Blame::Server, "no-live-contact"),
        ("failover", "b", D::AnswersLate(seconds(3)), Blame::Server, "slow-registrar"),
        ("failover", "b", D::LosesPasswordsAfter(seconds(1)), Blame::Configuration, "rejected"),
        ("failover", "b", D::AlwaysStale, Blame::Server, "stale-nonces"),
        ("call", "a", D::Forgets, Blame::Server, "binding-forgotten"),
        ("call", "a", D::KeepsFor(seconds(3)), Blame::Server, "binding-forgotten"),
    ]
}

#[test]
fn every_defect_of_a_server_that_the_wire_can_show_is_the_server_s_or_its_settings() {
    for (scenario, which, defect, blame, code) in &server_rows() {
        let records = with_defects(scenario, 1, None, |server| {
            if server.name == *which {
                server.defects.push(defect.clone());
            }
        });
        for phone in ["p1", "p2"] {
            assert_eq!(
                found(&records, phone),
                (Verdict::Fail, Some(*blame), Some(*code)),
                "{scenario} {which} {defect:?}"
            );
        }
    }
}

/// `docs/defects.md`: the rows above for people. To write it anew: `SIPRIG_DOCS=write cargo test --lib the_matrix`.
#[test]
fn the_matrix_in_the_documents_is_the_one_that_is_tried() {
    const DOCUMENT: &str = "docs/defects.md";
    let mut matrix = "| who | defect | scenario | verdict | blame | code |\n|---|---|---|---|---|---|\n".to_owned();
    let word = |defect: String| defect.replace('"', "").trim_matches(['{', '}', ' ']).to_owned();
    let phones = phone_rows().into_iter().map(|(scenario, defect, verdict, blame, code)| {
        let defect = word(serde_json::to_string(&defect).unwrap());
        format!("| phone | `{defect}` | `{scenario}` | {verdict} | {blame} | `{code}` |\n")
    });
    let servers = server_rows().into_iter().map(|(scenario, which, defect, blame, code)| {
        let defect = word(serde_json::to_string(&defect).unwrap());
        format!("| server {which} | `{defect}` | `{scenario}` | fail | {blame} | `{code}` |\n")
    });
    let mut rows: Vec<String> = phones.chain(servers).collect();
    rows.sort_unstable();
    matrix += &rows.concat();
    let document = std::fs::read_to_string(DOCUMENT).unwrap();
    let (before, rest) = document.split_once("<!-- matrix -->\n").unwrap();
    let (_, after) = rest.split_once("<!-- end -->").unwrap();
    let right = format!("{before}<!-- matrix -->\n{matrix}<!-- end -->{after}");
    if std::env::var_os("SIPRIG_DOCS").is_some() {
        std::fs::write(DOCUMENT, &right).unwrap();
    }
    assert_eq!(document, right);
}

#[test]
fn settings_that_can_not_work_are_the_configuration_s_fault_and_a_full_server_is_the_server_s() {
    let rows = [
        ("hold-on-backup", "virtual-lapsing", Blame::Configuration, "binding-lapses"),
        ("call-on-backup", "virtual-differing", Blame::Configuration, "proxy-differs"),
        ("home-server-full", "virtual-full-alone", Blame::Server, "server-refused"),
    ];
    for (name, bench, blame, code) in rows {
        let mut scenario = load::scenario(name, Path::new(load::RIG)).unwrap();
        scenario.tried_on = Some(bench.to_owned());
        let records = rehearse_scenario(name, &tried_on(&scenario).unwrap(), calm(), |_| {}, |_| {});
        let failed: Vec<&Case> = cases(&records).filter(|case| case.verdict == Verdict::Fail).collect();
        assert!(!failed.is_empty(), "{name} on {bench}");
        for case in failed {
            assert_eq!((case.blame, case.code.as_deref()), (Some(blame), Some(code)), "{name} on {bench}: {case:#?}");
        }
    }
}

#[test]
fn a_backup_that_is_off_is_the_configuration_s_fault() {
    let mut description = Description::default();
    description.lab.settings = "sip backup registrar ip: 0.0.0.0\nsip backup proxy ip: 0.0.0.0\n".to_owned();
    let records = rehearse(&description, calm(), |_| {}, |_| {});
    for case in cases(&records) {
        let found = (case.verdict, case.blame, case.code.as_deref());
        assert_eq!(found, (Verdict::Fail, Some(Blame::Configuration), Some("no-backup")), "{case:#?}");
    }
}

#[test]
fn a_line_that_registers_although_its_registrar_is_off_is_found_out() {
    let mut scenario = load::scenario("registrar-off", Path::new(load::RIG)).unwrap();
    let mut description = tried_on(&scenario).unwrap();
    let silent = rehearse_scenario("registrar-off", &description, calm(), |_| {}, |_| {});
    assert!(cases(&silent).all(|case| case.verdict == Verdict::Pass));
    // The bench file says that it is off, and the phone was given another setting behind its back.
    let meddle = |phone: &mut PhoneSpec| phone.provisioning.global = String::new();
    let loud = rehearse_scenario("registrar-off", &description, calm(), meddle, |_| {});
    assert_eq!(found(&loud, "p1"), (Verdict::Fail, Some(Blame::Phone), Some("registers-nevertheless")));
    // Where it is on, the scenario has nothing to say, and the others have nothing to say where it is off.
    scenario.tried_on = None;
    description.lab.settings.clear();
    let on = rehearse_scenario("registrar-off", &description, calm(), |_| {}, |_| {});
    assert_eq!(found(&on, "p1"), (Verdict::Skipped, Some(Blame::Configuration), Some("registrar-on")));
}

#[test]
fn a_server_that_forgets_is_shown_by_the_2xx_that_it_does_not_stand_by() {
    let forgets = |server: &mut RegistrarSpec| server.defects.push(RegistrarDefect::Forgets);
    let records = with_defects("call", 1, None, forgets);
    let case = cases(&records).find(|case| case.id.phone.0 == "p2").unwrap();
    let reason = case.reason.as_deref().unwrap();
    assert!(reason.starts_with("server a refused the call with 480, although server a has confirmed"), "{reason}");
    let shown = |code: u16, method: &str| {
        case.evidence.iter().filter_map(|seq| records.iter().find(|record| record.seq == *seq)).any(|record| {
            let Event::Observed(Observed::Sip(fact)) = &record.event else { return false };
            let SipMessage::Read(message) = &fact.message else { return false };
            message.method == method && matches!(message.start, SipStart::Response { code: said, .. } if said == code)
        })
    };
    assert!(shown(200, "REGISTER") && shown(480, "INVITE"), "{case:#?}");
}

/// Two phones over UDP, the first of them with a defect.
fn with_defects(
    scenario: &str,
    lines: u8,
    defect: Option<PhoneDefect>,
    server: impl FnMut(&mut RegistrarSpec),
) -> Vec<Record> {
    let mut description = Description::default();
    description.lab.phones = 2;
    description.lab.lines = lines;
    description.lab.transports = vec![Transport::Udp];
    let spoil = |phone: &mut PhoneSpec| {
        if phone.name == "p1" {
            phone.defects.extend(defect);
        }
    };
    rehearse_scenario(scenario, &description, calm(), spoil, server)
}
