//! The HTML report: one file that needs no network and no script, in light, dark and on paper.
//!
//! Text from phones reaches the page only through the template engine, which makes it [`Harmless`]. A content security
//! policy forbids everything but the one inlined style sheet, by its hash.

use std::fmt;

use askama::{
    Template,
    filters::{Escaper, Html},
};
use sha2::{Digest, Sha256};

use super::{RawFile, ReportError, RunStory};
use crate::look::harmless;

mod bench;
mod heat;
mod mark;
mod outages;
mod page;
mod scale;
mod split;
mod timeline;

/// The style sheet of the page.
const STYLE: &str = include_str!("templates/report.css");

/// How text gets into the page (`askama.toml`): markup is escaped, and what a browser would hide or take for an order to
/// write backwards is spelt out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Harmless;

impl Escaper for Harmless {
    fn write_escaped_str<W: fmt::Write>(&self, dest: W, text: &str) -> fmt::Result {
        Html.write_escaped_str(dest, &harmless(text))
    }
}

/// The HTML document.
///
/// # Errors
/// If the template can not be rendered.
pub fn render(story: &RunStory, exit: u8, files: &[RawFile]) -> Result<String, ReportError> {
    let page = page::Page::of(story, exit, files).render().map_err(|error| ReportError::Html(error.to_string()))?;
    Ok(page + "\n")
}

/// What a content security policy calls the style sheet: its SHA-256 in base 64 (RFC 4648 section 4).
fn style_hash() -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digest = Sha256::digest(STYLE);
    let mut text = String::with_capacity(44);
    for group in digest.chunks(3) {
        let bits = group.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for position in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * position)) as usize % 64];
            text.push(if position <= group.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    fn page(records: &[crate::event::Record]) -> String {
        let files = [RawFile { name: "capture.pcapng".into(), bytes: 77, sha256: "ab".repeat(32) }];
        render(&RunStory::from_records(records), 100, &files).unwrap()
    }

    #[test]
    fn the_page_needs_no_network_and_no_script() {
        let page = page(&sample::mixed_run());
        for forbidden in ["<script", "http://", "https://", "src=", "href=", "@import", "url(h", " style=", " onload"] {
            assert!(!page.contains(forbidden), "{forbidden}");
        }
        assert!(page.contains("default-src 'none'; style-src 'sha256-"), "no content security policy");
        assert!(page.len() < 200_000, "{} bytes for five phones", page.len());
    }

    #[test]
    fn failures_come_first_and_say_what_was_measured_against_which_limit() {
        let page = page(&sample::mixed_run());
        let place = |text: &str| page.find(text).unwrap_or_else(|| panic!("`{text}` is missing"));
        assert!(place("2 of 5 lines failed, 1 without a verdict because of the rig.") < place("What went wrong"));
        assert!(place("never-failed-back") < place("<h2>Results"));
        assert!(place("✗ failover 15.977 s ± 0.4 ms, limit ≤ 11.920 s") < place("<h2>Results"));
        place("(assumed: renewal-lead)");
        place("records 17, 34, 402");
        place(&"ab".repeat(32));
    }

    #[test]
    fn markup_from_phones_is_escaped_everywhere() {
        let evil = "</title></svg><script>alert(1)</script>\"'";
        let mut records = sample::mixed_run();
        sample::rename_reason(&mut records, "late", evil);
        let json = serde_json::to_string(&records).unwrap();
        let json = json.replace("\"p5\"", &serde_json::to_string(evil).unwrap()).replace("\"virtual\"", "\"<b>&\"");
        let records: Vec<crate::event::Record> = serde_json::from_str(&json).unwrap();
        let hostile = page(&records);
        assert!(hostile.contains("alert(1)"), "the name is missing");
        assert!(!hostile.contains("<script") && !hostile.contains("<b>&<"), "markup came through");
        let drawings = |page: &str| page.matches("</svg>").count();
        assert_eq!(drawings(&hostile), drawings(&page(&sample::mixed_run())), "one was closed from within");
    }

    #[test]
    fn what_a_browser_would_hide_or_write_backwards_is_spelt_out() {
        let mut records = sample::mixed_run();
        sample::rename_reason(&mut records, "late", "\x1b[31m \u{202e}gpj.exe\u{0}");
        let page = page(&records);
        assert!(page.contains("\\u{1b}[31m \\u{202e}gpj.exe\\u{0}"), "the reason is missing");
        assert!(!page.contains(|c: char| crate::look::is_harmful(c) && c != '\n'), "something came through");
    }

    #[test]
    fn lost_evidence_is_said() {
        let mut records = sample::clean_run();
        records[8].event = crate::event::Event::Observed(sample::lost_evidence());
        assert!(page(&records).contains("evidence lost: the kernel dropped 12 frames"));
        assert!(page(&sample::clean_run()).contains("no record of lost evidence"));
    }

    #[test]
    fn a_torn_or_empty_journal_still_makes_a_page() {
        let records = sample::mixed_run();
        for length in 0..records.len() {
            let page = page(&records[..length]);
            assert!(page.ends_with("</html>\n") && !page.contains("NaN"), "{length}");
        }
    }

    /// The palette of one mode: name to relative luminance (WCAG 2.2, definition of *relative luminance*).
    fn palette(block: &str) -> std::collections::BTreeMap<&str, f64> {
        let colours = block.split(';').filter_map(|entry| entry.trim().strip_prefix("--")?.split_once(": #"));
        let luminance = |digits: &str| {
            let channel = |at: usize| {
                let value = f64::from(u8::from_str_radix(&digits[at..at + 2], 16).unwrap()) / 255.0;
                if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
            };
            0.2126 * channel(0) + 0.7152 * channel(2) + 0.0722 * channel(4)
        };
        colours.map(|(name, digits)| (name, luminance(digits))).collect()
    }

    #[test]
    fn all_text_has_a_contrast_of_at_least_four_and_a_half_in_every_mode() {
        let blocks: Vec<_> = STYLE.split(":root {").skip(1).map(|rest| rest.split('}').next().unwrap()).collect();
        assert_eq!(blocks.len(), 3, "light, dark, print");
        for block in blocks {
            let palette = palette(block);
            let mut pairs = vec![("fail", "outage"), ("fg", "outage"), ("on-primary", "registering")];
            for text in ["fg", "muted", "pass", "fail", "rig", "flaky", "idle"] {
                pairs.extend([(text, "bg"), (text, "card")]);
            }
            for bar in ["primary", "backup", "other", "waiting", "detecting"] {
                let text = palette.keys().find(|name| name.strip_prefix("on-") == Some(bar)).unwrap();
                pairs.push((text, bar));
            }
            for (text, ground) in pairs {
                let (a, b) = (palette[text], palette[ground]);
                let contrast = (a.max(b) + 0.05) / (a.min(b) + 0.05);
                assert!(contrast >= 4.5, "{text} on {ground}: {contrast:.2} in {block}");
            }
        }
    }
}
