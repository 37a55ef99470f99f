//! Logging on to a console that asks who is there, as getty(8) and login(1) do.

use std::fmt;

use regex::Regex;

use super::{DialectError, Line};
use crate::config::LoginDialogue;

/// So many times a name is given before it is left at that: a phone that takes none would be asked for ever.
const TRIES: u32 = 3;

/// What the phone asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// A user's name.
    User,
    /// The password.
    Password,
    /// For a name again, after it took none of those before: no use in giving it.
    InVain,
}

/// A login dialogue: what is asked for by each prompt.
#[derive(Clone)]
pub struct Login {
    user: Regex,
    password: Option<Regex>,
    tries: u32,
    named: bool,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("tries", &self.tries).finish_non_exhaustive()
    }
}

impl Login {
    /// Compiles the prompts of a model.
    ///
    /// # Errors
    /// If one is no regular expression.
    pub fn new(dialogue: &LoginDialogue) -> Result<Self, DialectError> {
        let compile = |entry, text: &str| Regex::new(text).map_err(|source| DialectError::Pattern { entry, source });
        Ok(Self {
            user: compile("login.user-prompt", &dialogue.user_prompt)?,
            password: dialogue
                .password_prompt
                .as_deref()
                .map(|text| compile("login.password-prompt", text))
                .transpose()?,
            tries: 0,
            named: false,
        })
    }

    /// What a prompt asks for; none: it is no part of the dialogue, or it asks in vain and was told so before. Complete
    /// lines ask for nothing: the words of a prompt in a log are no prompt.
    pub fn take(&mut self, line: &Line) -> Option<Asked> {
        if !line.unfinished || line.echo {
            return None;
        }
        if self.user.is_match(&line.text) {
            self.tries += 1;
            self.named = self.tries <= TRIES;
            return match self.tries {
                ..=TRIES => Some(Asked::User),
                tries => (tries == TRIES + 1).then_some(Asked::InVain),
            };
        }
        // Only whoever was just named is asked: a password goes nowhere else.
        if self.named && self.password.as_ref().is_some_and(|prompt| prompt.is_match(&line.text)) {
            self.named = false;
            return Some(Asked::Password);
        }
        None
    }

    /// The phone takes commands: whoever logged on did so.
    pub fn succeeded(&mut self) {
        (self.tries, self.named) = (0, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Stamp;

    fn login() -> Login {
        let user_prompt = r"\blogin: $".to_owned();
        Login::new(&LoginDialogue { user_prompt, password_prompt: Some("^Password: $".to_owned()), user: None })
            .unwrap()
    }

    fn line(text: &str, unfinished: bool) -> Line {
        let text = text.to_owned();
        Line { text, offset: 0, len: 1, first: Stamp::ZERO, last: Stamp::ZERO, echo: false, unfinished }
    }

    fn asks(login: &mut Login, prompt: &str) -> Option<Asked> {
        login.take(&line(prompt, true))
    }

    #[test]
    fn a_name_and_then_the_password_are_given_and_a_password_to_nobody_else() {
        let mut login = login();
        assert_eq!(asks(&mut login, "Password: "), None, "nobody was named");
        assert_eq!(asks(&mut login, "phone login: "), Some(Asked::User));
        assert_eq!(asks(&mut login, "Password: "), Some(Asked::Password));
        assert_eq!(asks(&mut login, "Password: "), None, "that one was given");
        assert_eq!(login.take(&line("last login: ", false)), None, "that is a line of a log");
    }

    #[test]
    fn a_phone_that_takes_no_name_is_left_at_that_and_told_of_once() {
        let mut login = login();
        for _ in 0..TRIES {
            assert_eq!(asks(&mut login, "login: "), Some(Asked::User));
        }
        assert_eq!(asks(&mut login, "login: "), Some(Asked::InVain));
        assert_eq!(asks(&mut login, "login: "), None);
        login.succeeded();
        assert_eq!(asks(&mut login, "login: "), Some(Asked::User), "it was restarted");
    }
}
