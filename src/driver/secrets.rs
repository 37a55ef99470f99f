//! What commands must not be quoted with: the passwords and PINs of the bench's files.

use std::{fmt, fs, path::Path, sync::Arc};

use crate::config::{Bench, Keypad, Plan};

/// All that is known to be secret, the longest first. Its `Debug` form says nothing of them.
#[derive(Clone, Default)]
pub struct Secrets(Arc<[String]>);

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} secrets", self.0.len())
    }
}

impl Secrets {
    /// Those of a run; none, if exact bytes are to be kept.
    pub fn of(plan: &Plan) -> Self {
        if plan.keep_secrets { Self::default() } else { Self::of_bench(&plan.bench) }
    }

    /// Those in the files that a bench names, as far as they can be read.
    pub fn of_bench(bench: &Bench) -> Self {
        let mut files: Vec<&Path> = Vec::new();
        for phone in &bench.phones {
            let lines = phone.lines.iter();
            files.extend(
                lines.flat_map(|line| [&line.password_file, &line.pin_file]).flatten().map(AsRef::<Path>::as_ref),
            );
            files.extend(phone.console.iter().filter_map(|console| console.password_file.as_deref()));
            files.extend(phone.status_page.iter().filter_map(|page| page.password_file.as_deref()));
            if let Some(Keypad::Url { password_file: Some(file), .. }) = &phone.keypad {
                files.push(file);
            }
        }
        let read = files.into_iter().filter_map(|file| fs::read_to_string(file).ok());
        Self::these(read.map(|text| text.trim().to_owned()))
    }

    /// These, in any order.
    pub(super) fn these(secrets: impl IntoIterator<Item = String>) -> Self {
        let mut secrets: Vec<String> = secrets.into_iter().filter(|secret| !secret.is_empty()).collect();
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        secrets.dedup();
        Self(secrets.into())
    }

    /// The length of the longest, in bytes.
    pub fn longest(&self) -> usize {
        self.0.first().map_or(0, String::len)
    }

    /// The text with each secret in it overwritten, and as long as it was.
    pub fn hide(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, secret| text.replace(secret, &"x".repeat(secret.len())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_overwritten_the_longest_first_and_nothing_else_is() {
        let secrets = Secrets::these(["471", "47110815", "", "geheim"].map(str::to_owned));
        assert_eq!(
            secrets.hide("1001 pin 47110815 (471), password geheim"),
            "1001 pin xxxxxxxx (xxx), password xxxxxx"
        );
        assert_eq!(secrets.longest(), 8);
        assert_eq!(Secrets::default().hide("47110815"), "47110815");
        assert_eq!(format!("{secrets:?}"), "3 secrets");
    }
}
