//! What a night came to, for build servers.

use std::path::Path;

use clap::ValueEnum;

use crate::{
    cli::{
        error::{UserError, print_data},
        state,
    },
    nightly::{Before, Night, annotations},
    report,
};

/// The file that GitLab reads.
const REPORT: &str = "gl-code-quality-report.json";

/// Who is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Annotations {
    /// Workflow commands on stdout
    Github,
    /// gl-code-quality-report.json in the night's directory
    Gitlab,
}

/// Tells a build server what is wrong in a night of this directory. `suite` is how its suite was named, if it was.
///
/// # Errors
/// If it can not be written.
pub(super) fn tell(server: Annotations, suite: Option<&str>, night: &Night, directory: &Path) -> Result<(), UserError> {
    let outcomes = night.outcomes();
    let before = Before::of_night(directory, night, &outcomes);
    match server {
        Annotations::Github => print_data(&annotations::github(&outcomes, &before)),
        Annotations::Gitlab => {
            let named = suite.unwrap_or(&night.plan.suite);
            let file = if Path::new(named).extension().is_some_and(|ending| ending == "toml") {
                named.to_owned()
            } else {
                format!("rig/suites/{named}.toml")
            };
            let text = annotations::gitlab(&outcomes, &before, &file)
                .map_err(|error| state::unexpected("write JSON", &error.into()))?;
            Ok(report::replace(&directory.join(REPORT), &text)?)
        }
    }
}
