//! `siprig completions` and `siprig man`, both made from what the command line really takes.

use std::{io, process::ExitCode};

use clap::{Command, CommandFactory};
use clap_complete::Shell;

use super::{
    args::Cli,
    error::{UserError, print_data},
    exit::Exit,
};
use crate::tui::console::action::ACTIONS;

/// Prints completions for a shell.
///
/// # Errors
/// If stdout can not be written.
pub fn completions(shell: Shell) -> Result<ExitCode, UserError> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "siprig", &mut script);
    print_data(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Success.into())
}

/// Prints one manual page for the program and all its subcommands.
///
/// # Errors
/// If stdout can not be written.
pub fn man() -> Result<ExitCode, UserError> {
    let mut command = Cli::command();
    command.build();
    let page = page(&command).map_err(|error| {
        UserError::new(Exit::Unexpected, format!("cannot make the manual page: {error}"), "please report this")
    })?;
    print_data(&String::from_utf8_lossy(&page))?;
    Ok(Exit::Success.into())
}

fn page(command: &Command) -> io::Result<Vec<u8>> {
    let mut roff = Vec::new();
    let whole = clap_mangen::Man::new(command.clone());
    whole.render_title(&mut roff)?;
    whole.render_name_section(&mut roff)?;
    whole.render_synopsis_section(&mut roff)?;
    whole.render_description_section(&mut roff)?;
    whole.render_options_section(&mut roff)?;
    for subcommand in leaves(command) {
        let man = clap_mangen::Man::new(subcommand.clone());
        let name = subcommand.get_bin_name().unwrap_or(subcommand.get_name()).to_uppercase();
        roff.extend_from_slice(format!(".SH \"{name}\"\n").as_bytes());
        let mut body = Vec::new();
        man.render_synopsis_section(&mut body)?;
        man.render_description_section(&mut body)?;
        man.render_options_section(&mut body)?;
        man.render_extra_section(&mut body)?;
        // Sections of a subcommand are below its own.
        let body = String::from_utf8_lossy(&body).replace("\n.SH ", "\n.SS ");
        roff.extend_from_slice(body.strip_prefix(".SH ").map_or(body.clone(), |rest| format!(".SS {rest}")).as_bytes());
    }
    roff.extend_from_slice(keys().as_bytes());
    whole.render_extra_section(&mut roff)?;
    whole.render_version_section(&mut roff)?;
    Ok(roff)
}

/// What keys do in the operator console.
fn keys() -> String {
    let mut section = ".SH KEYS OF SIPRIG CONSOLE\n".to_owned();
    for entry in ACTIONS {
        let keys: Vec<String> = entry.keys.iter().map(ToString::to_string).collect();
        let keys = keys.join(", ").replace('\\', "\\e").replace('-', "\\-");
        section.push_str(&format!(".TP\n\\fB{keys}\\fR\n{} ({})\n", entry.help, entry.scope));
    }
    section
}

/// The subcommands that do something, in order.
fn leaves(command: &Command) -> Vec<&Command> {
    let mut found = Vec::new();
    for subcommand in command.get_subcommands().filter(|subcommand| !subcommand.is_hide_set()) {
        if subcommand.has_subcommands() {
            found.extend(leaves(subcommand));
        } else {
            found.push(subcommand);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manual_page_has_every_subcommand() {
        let mut command = Cli::command();
        command.build();
        let page = String::from_utf8(page(&command).unwrap()).unwrap();
        for name in [
            "SIPRIG RUN",
            "SIPRIG CHECK",
            "SIPRIG NET BLOCK",
            "SIPRIG RUNS VERIFY",
            "SIPRIG COMPLETIONS",
            "SIPRIG CONSOLE",
        ] {
            assert!(page.contains(&format!(".SH \"{name}\"")), "{name} is not in {page}");
        }
    }

    #[test]
    fn the_manual_page_has_every_key_of_the_console() {
        let keys = keys();
        for entry in ACTIONS {
            assert!(keys.contains(entry.help), "{entry:?}");
        }
        assert!(
            !keys.lines().any(|line| line.starts_with("..") || line.starts_with('\'')),
            "no text is an order to roff: {keys}"
        );
    }

    #[test]
    fn the_command_line_contradicts_nowhere() {
        Cli::command().debug_assert();
    }
}
