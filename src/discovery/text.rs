//! A draft as the text of a bench file: strict TOML with remarks.
//!
//! What phones say of themselves is quoted: in strings, whatever could not be seen or would end them is escaped, and in
//! remarks it is spelt out.

use std::{collections::BTreeSet, fmt::Write as _};

use super::draft::{Draft, DraftLine, DraftPhone, DraftServer, Known, Noted, Timers};
use crate::look::{harmless, is_harmful};

/// Columns of a remark.
const WIDTH: usize = 116;

/// Characters of a remark that are written; what phones say can be long.
const LONGEST_REMARK: usize = 600;

/// Bytes up to which phones are written: a bench file is no longer than a mebibyte.
const FULL: usize = 900 << 10;

/// Column at which the remark behind a value begins, if the value is short enough.
const NOTE_AT: usize = 36;

/// Where a draft comes from and what is known besides the frames.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origin {
    /// What was looked at, for people: `lab.pcapng`.
    pub source: String,
    /// Name of the bench.
    pub bench: String,
    /// Names of the two interfaces, phone side first; none: the capture tells, or nobody does.
    pub sides: Option<[String; 2]>,
    /// The bridge that these are ports of, if it must be named.
    pub bridge: Option<String>,
}

/// The text of a draft.
pub fn render(draft: &Draft, origin: &Origin) -> String {
    let mut out = String::new();
    head(&mut out, draft, origin);
    table(&mut out, "[bench]");
    entry(&mut out, "name", &quoted(&bench_name(&origin.bench)), "");
    network(&mut out, draft);
    if let Some(all) = &draft.timers {
        table(&mut out, "[timers]");
        timers(&mut out, all);
    }
    for it in &draft.servers {
        server(&mut out, it);
    }
    let mut left_out = 0;
    for it in &draft.phones {
        if out.len() > FULL {
            left_out += 1;
        } else {
            phone(&mut out, it);
        }
    }
    if left_out > 0 {
        out.push('\n');
        remark(&mut out, &format!("{left_out} more phones: a bench file takes no more"));
    }
    out
}

fn head(out: &mut String, draft: &Draft, origin: &Origin) {
    remark(out, &format!("Draft of a bench file, made from {}: {}.", origin.source, draft.basis));
    out.push_str("#\n");
    remark(
        out,
        "What is written without a remark was seen. What is concluded is marked `confirm`, what nobody has seen is marked \
         `CHANGEME`. To be completed or confirmed by a person:",
    );
    for it in &draft.open {
        remark(out, &format!("- {it}"));
    }
    remark(
        out,
        "- what no wire shows: consoles, keypads, passwords, PINs, the timers that decide when a phone moves, a \
         `probe-address` for siprig itself. rig/lab-example.toml has examples of all of them.",
    );
    out.push_str("#\n");
    remark(out, "When this is done, `siprig check --bench FILE` tells whether the rig is ready for it.");
}

fn network(out: &mut String, draft: &Draft) {
    table(out, "[network]");
    if let Some(said) = &draft.side_remark {
        remark(out, said);
    }
    let [phone, server] = &draft.sides;
    for (key, name, placeholder, toward) in [
        ("phone-side", phone, "CHANGEME-phone", "the interface toward the phones"),
        ("server-side", server, "CHANGEME-server", "the interface toward the servers"),
    ] {
        match name {
            Some(name) => entry(out, key, &quoted(name), ""),
            None => entry(out, key, &quoted(placeholder), &format!("CHANGEME: {toward}")),
        }
    }
    if let Some(bridge) = &draft.bridge {
        entry(out, "bridge", &quoted(bridge), "both are ports of it");
    }
    if let Some(vlan) = draft.vlan {
        entry(out, "vlan", &vlan.to_string(), "");
    }
    if let Some(said) = &draft.vlan_remark {
        remark(out, &format!("confirm: `vlan` is left out, as it would hold for all: {said}"));
    }
}

fn server(out: &mut String, it: &DraftServer) {
    table(out, "[[server]]");
    for said in &it.remarks {
        remark(out, said);
    }
    entry(out, "name", &quoted(&it.name), "");
    entry(out, "role", &quoted(&it.role.value.to_string()), &it.role.note);
    let addresses: Vec<String> = it.addresses.iter().map(|address| quoted(&address.to_string())).collect();
    entry(out, "addresses", &format!("[{}]", addresses.join(", ")), "");
    if !it.services.is_empty() {
        let ports = |(name, ports): (&&str, &BTreeSet<u16>)| {
            let ports: Vec<String> = ports.iter().map(ToString::to_string).collect();
            format!("{name} = [{}]", ports.join(", "))
        };
        let services: Vec<String> = it.services.iter().map(ports).collect();
        entry(out, "services", &format!("{{ {} }}", services.join(", ")), "");
    }
}

fn phone(out: &mut String, it: &DraftPhone) {
    table(out, "[[phone]]");
    for said in &it.remarks {
        remark(out, said);
    }
    entry(out, "name", &quoted(&it.name), "");
    entry(out, "model", &quoted(&it.model.value), &it.model.note);
    known(out, &it.known);
    if let [only] = it.lines.as_slice() {
        line(out, only);
    }
    if let Some(own) = &it.timers {
        inline_timers(out, own);
    }
    if it.lines.len() > 1 {
        for several in &it.lines {
            table(out, "[[phone.line]]");
            line(out, several);
        }
    }
}

fn known(out: &mut String, it: &Known) {
    match it {
        Known::OnLink { mac, address } => {
            entry(out, "mac", &quoted(&mac.value.to_string()), &mac.note);
            match address.value {
                Some(own) => entry(out, "address", &quoted(&own.to_string()), &address.note),
                None => remark(out, &address.note),
            }
        }
        Known::Routed { router, addresses: Noted { value, note } } => {
            entry(out, "routed", "true", router);
            match value.as_slice() {
                [only] => entry(out, "address", &quoted(&only.to_string()), note),
                several => {
                    let several: Vec<String> = several.iter().map(|address| quoted(&address.to_string())).collect();
                    entry(out, "addresses", &format!("[{}]", several.join(", ")), note);
                }
            }
        }
    }
}

fn line(out: &mut String, it: &DraftLine) {
    for said in &it.remarks {
        remark(out, said);
    }
    entry(out, "extension", &quoted(&it.extension.value), &it.extension.note);
    for (key, value) in [("domain", &it.domain), ("auth-user", &it.auth_user)] {
        if let Some(value) = value {
            entry(out, key, &quoted(value), "");
        }
    }
    for (key, value) in [("primary", &it.primary), ("backup", &it.backup)] {
        if let Some(Noted { value, note }) = value {
            entry(out, key, &quoted(value), note);
        }
    }
}

fn timers(out: &mut String, it: &Timers) {
    entry(out, "expires", &quoted(&humantime::format_duration(it.expires).to_string()), "as the server grants it");
    if let Some(lead) = &it.lead {
        entry(out, "renewal-lead", &quoted(&lead.value), &lead.note);
    }
    for (name, Noted { value, note }) in &it.set {
        entry(out, name, &quoted(value), note);
    }
}

fn inline_timers(out: &mut String, it: &Timers) {
    let mut all = vec![format!("expires = {}", quoted(&humantime::format_duration(it.expires).to_string()))];
    let lead = it.lead.iter().map(|lead| ("renewal-lead", lead));
    let others: Vec<_> = lead.chain(it.set.iter().map(|(name, value)| (*name, value))).collect();
    all.extend(others.iter().map(|(name, value)| format!("{name} = {}", quoted(&value.value))));
    let note = match others.as_slice() {
        [] => "as the server grants it".to_owned(),
        [(_, only)] => only.note.clone(),
        several => several.iter().map(|(name, value)| format!("{name} {}", value.note)).collect::<Vec<_>>().join(", "),
    };
    entry(out, "timers", &format!("{{ {} }}", all.join(", ")), &note);
}

fn table(out: &mut String, header: &str) {
    // Writing to a String can not fail.
    let _ = writeln!(out, "\n{header}");
}

/// A key with its value, and a remark behind it; a long one stands ahead of it.
fn entry(out: &mut String, key: &str, value: &str, note: &str) {
    let line = format!("{key} = {value}");
    let note = harmless(note);
    if note.is_empty() {
        let _ = writeln!(out, "{line}");
    } else if (line.chars().count() + 1).max(NOTE_AT) + note.chars().count() + 2 <= WIDTH {
        let _ = writeln!(out, "{:<NOTE_AT$}# {note}", line + " ");
    } else {
        remark(out, &note);
        let _ = writeln!(out, "{line}");
    }
}

/// A remark, in as many lines as it takes.
fn remark(out: &mut String, text: &str) {
    let text: String = harmless(text).chars().take(LONGEST_REMARK).collect();
    let hang = if text.starts_with("- ") { "#   " } else { "# " };
    let mut row = "# ".to_owned();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        if row.len() > hang.len() && row.chars().count() + word.chars().count() > WIDTH {
            let _ = writeln!(out, "{}", row.trim_end());
            hang.clone_into(&mut row);
        }
        row.push_str(word);
        row.push(' ');
    }
    let _ = writeln!(out, "{}", row.trim_end());
}

/// A basic string of TOML. Besides what must be escaped, so is what could not be seen or would reorder what is seen.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if is_harmful(c) => {
                let _ = write!(out, "\\U{:08X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A name that a bench can have, as near as can be to what was asked for.
fn bench_name(wanted: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let name: String =
        wanted.chars().filter(|c| fits(*c)).skip_while(|c| !c.is_ascii_alphanumeric()).take(64).collect();
    if name.is_empty() { "draft".to_owned() } else { name }
}
