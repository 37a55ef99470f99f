//! Labs that are wired wrongly, each in one way, and what is said of them.

use std::fmt::Write as _;

use super::*;

mod listening;
mod settings;

/// What people read of findings.
fn told(findings: &[Finding]) -> String {
    let mut text = String::new();
    for finding in findings {
        let word = match finding.verdict {
            Verdict::Ok => "ok",
            Verdict::Problem => "PROBLEM",
            Verdict::Unknown => "unknown",
        };
        let _ = writeln!(text, "{word:<8} {}", finding.what);
        if let Some(remedy) = &finding.remedy {
            let _ = writeln!(text, "         -> {remedy}");
        }
    }
    text
}

/// What is wrong, in so many words.
fn problems(findings: &[Finding]) -> Vec<&str> {
    findings.iter().filter(|it| it.verdict == Verdict::Problem).map(|it| it.what.as_str()).collect()
}

#[test]
fn names_are_listed_as_people_do_and_many_are_counted() {
    let names: Vec<String> = (1..=10).map(|number| format!("p{number}")).collect();
    assert_eq!(listed(&names[..0]), "");
    assert_eq!(listed(&names[..1]), "p1");
    assert_eq!(listed(&names[..3]), "p1, p2 and p3");
    assert_eq!(listed(&names), "p1, p2, p3, p4, p5, p6, p7, p8 and 2 more");
}
