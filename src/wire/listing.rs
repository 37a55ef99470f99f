//! What a server says of who is registered there: any text, read by a pattern of the bench file.

use regex::bytes::Regex;

/// Most entries that are read.
const MAX_ENTRIES: usize = 10_000;

/// Longest words of an entry that are kept, in bytes.
const MAX_QUOTE: usize = 200;

/// An entry of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The extension, without the domain of its address of record.
    pub extension: String,
    /// Contact, or all that the pattern matched: on one line, harmless.
    pub quote: String,
}

/// Reads lists by a pattern.
#[derive(Debug, Clone)]
pub struct Listing(Regex);

impl Listing {
    /// Compiles the pattern, which has the group `extension` and may have `contact`.
    ///
    /// # Errors
    /// If it does not compile.
    pub fn new(pattern: &str) -> Result<Self, regex::Error> {
        Regex::new(pattern).map(Self)
    }

    /// Its entries, in their order.
    pub fn read(&self, text: &[u8]) -> Vec<Entry> {
        let found = self.0.captures_iter(text).take(MAX_ENTRIES);
        let entries = found.filter_map(|entry| {
            let said = String::from_utf8_lossy(entry.name("extension")?.as_bytes()).into_owned();
            let bare = said.trim_start_matches("sip:").split('@').next().unwrap_or_default();
            let quote = entry.name("contact").or_else(|| entry.get(0)).map_or(&b""[..], |part| part.as_bytes());
            (!bare.is_empty()).then(|| Entry { extension: bare.to_owned(), quote: plain(quote) })
        });
        entries.collect()
    }
}

fn plain(words: &[u8]) -> String {
    let text = String::from_utf8_lossy(&words[..words.len().min(4 * MAX_QUOTE)]);
    let visible: String = text.chars().map(|char| if char.is_control() { ' ' } else { char }).collect();
    let mut words = visible.split_whitespace().collect::<Vec<_>>().join(" ");
    words.truncate(words.floor_char_boundary(MAX_QUOTE));
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pattern: &str, text: &str) -> Vec<(String, String)> {
        let listing = Listing::new(pattern).unwrap();
        listing.read(text.as_bytes()).into_iter().map(|it| (it.extension, it.quote)).collect()
    }

    /// As `kamcmd ul.dump` of kamailio 5.6 prints it.
    const DUMP: &str = "{\n\tDomains: {\n\t\tDomain: {\n\t\t\tDomain: location\n\t\t\tSize: 512\n\t\t\tAoRs: {\n\
        \t\t\t\tInfo: {\n\t\t\t\t\tAoR: 201\n\t\t\t\t\tHashID: 1421\n\t\t\t\t\tContacts: {\n\t\t\t\t\t\tContact: {\n\
        \t\t\t\t\t\t\tAddress: sip:201@10.77.0.11:5060\n\t\t\t\t\t\t\tExpires: 29\n\t\t\t\t\t\t\tQ: -1.000000\n\
        \t\t\t\t\t\t}\n\t\t\t\t\t}\n\t\t\t\t}\n\
        \t\t\t\tInfo: {\n\t\t\t\t\tAoR: 202\n\t\t\t\t\tHashID: 7\n\t\t\t\t\tContacts: {\n\t\t\t\t\t\tContact: {\n\
        \t\t\t\t\t\t\tAddress: sip:202@10.77.0.12:5060\n\t\t\t\t\t\t\tExpires: expired\n\t\t\t\t\t\t}\n";

    #[test]
    fn an_entry_may_go_over_many_lines_and_what_has_expired_is_none() {
        let pattern = r"AoR: (?P<extension>\S+)\s+HashID: \d+\s+Contacts: \{\s+Contact: \{\s+Address: (?P<contact>\S+)\s+Expires: \d";
        assert_eq!(read(pattern, DUMP), [("201".to_owned(), "sip:201@10.77.0.11:5060".to_owned())]);
    }

    #[test]
    fn an_address_of_record_is_known_by_its_user() {
        let pattern = r"(?m)^(?P<extension>\S+) is here$";
        assert_eq!(read(pattern, "sip:1001@bench.test is here\r\n"), []);
        let said = read(pattern, "sip:1001@bench.test is here\n1002 is here\n");
        let said: Vec<&str> = said.iter().map(|(extension, _)| extension.as_str()).collect();
        assert_eq!(said, ["1001", "1002"]);
    }

    #[test]
    fn words_are_harmless_and_bounded_and_so_are_entries() {
        let found = read(r"(?s)<(?P<extension>\d+)>.*", &format!("<1>\x1b[2J\n{}", "x".repeat(9000)));
        assert!(found[0].1.starts_with("<1> [2J x") && found[0].1.len() <= MAX_QUOTE, "{found:?}");
        assert_eq!(read("(?P<extension>1)", &"1".repeat(20_000)).len(), MAX_ENTRIES);
    }
}
