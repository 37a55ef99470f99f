//! JSON without lists that nobody asks for. To read numbers that are thrown away takes most of the time in which a ledger is read.

use memchr::{memchr2, memchr3, memmem::Finder};

/// What stands behind the name of each list. A quote within a string has a backslash before it, so that this is never a part of one.
const OPENS: &[u8] = b"\":[";

/// Takes lists away, line by line.
#[derive(Debug)]
pub struct Lean<'k> {
    keys: &'k [&'k str],
    opens: Finder<'static>,
    kept: Vec<u8>,
}

impl<'k> Lean<'k> {
    /// One that takes away the lists behind these keys.
    pub fn of(keys: &'k [&'k str]) -> Self {
        Self { keys, opens: Finder::new(OPENS), kept: Vec::new() }
    }

    /// The line with each of these lists made empty, wherever it is. What is no JSON is left as it is, or becomes something else that is
    /// none.
    pub fn line(&mut self, json: &[u8]) -> &[u8] {
        self.kept.clear();
        let mut rest = json;
        while let Some(at) = self.opens.find(rest) {
            let (before, list) = rest.split_at(at + OPENS.len());
            self.kept.extend_from_slice(before);
            let name = before.split_at(at).0;
            let is_one = |key: &&str| name.strip_suffix(key.as_bytes()).is_some_and(|before| before.ends_with(b"\""));
            let skipped = if self.keys.iter().any(is_one) { length(list) } else { 0 };
            rest = list.split_at(skipped).1;
        }
        self.kept.extend_from_slice(rest);
        &self.kept
    }
}

/// How long a list is behind its opening bracket, up to the closing one; all of it if it has no end.
fn length(list: &[u8]) -> usize {
    let (mut depth, mut at) = (1_usize, 0);
    while let Some(found) = list.get(at..).and_then(|rest| memchr3(b'"', b'[', b']', rest)) {
        at += found;
        match list.get(at) {
            Some(b'[') => depth += 1,
            Some(b']') => depth -= 1,
            _ => at += text(list.get(at + 1..).unwrap_or_default()),
        }
        if depth == 0 {
            return at;
        }
        at += 1;
    }
    list.len()
}

/// How long a string is behind its opening quote, the closing one included.
fn text(rest: &[u8]) -> usize {
    let mut at = 0;
    while let Some(found) = rest.get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
        at += found + 1;
        if rest.get(at - 1) == Some(&b'"') {
            return at;
        }
        // What is behind a backslash closes nothing.
        at += 1;
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lean(json: &str) -> String {
        String::from_utf8(Lean::of(&["m", "e"]).line(json.as_bytes()).to_vec()).unwrap()
    }

    #[test]
    fn lists_are_made_empty_wherever_they_stand_and_whatever_stands_in_them() {
        assert_eq!(lean(r#"{"e":[1,2],"m":[{"x":[3,"]"],"y":"\"]"}],"z":[4]}"#), r#"{"e":[],"m":[],"z":[4]}"#);
        assert_eq!(lean(r#"{"e":[],"a":[{"e":[5]},{"e":[6]}]}"#), r#"{"e":[],"a":[{"e":[]},{"e":[]}]}"#);
    }

    #[test]
    fn text_that_looks_like_a_list_is_left_alone() {
        for json in [r#"{"a":"\"e\":[1]"}"#, r#"{"a":"e","b":[1]}"#, r#"{"e":{"b":[1]}}"#, r#"{"me":[1]}"#] {
            assert_eq!(lean(json), json);
        }
    }

    #[test]
    fn what_is_torn_stays_torn() {
        for json in [r#"{"e":[1,2"#, r#"{"m":["x"#, r#"{"m":["x\"#, r#"{"m":[["#] {
            assert_eq!(lean(json), json.split_inclusive('[').next().unwrap());
        }
    }
}
