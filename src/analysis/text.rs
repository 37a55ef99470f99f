//! The result of an analysis for people.

mod dialogs;

use std::{fmt::Write as _, net::IpAddr};

use super::{
    Findings,
    document::{EndedBy, Phone, Registration},
    ladder::Row,
    line::Line,
};
use crate::{
    config::Role,
    event::{Fate, Stamp, Toward},
    look::{Look, harmless},
    verdict::Measurement,
};

/// With more lines than this each has one row; with at most so many, a paragraph and a ladder.
const FEW: usize = 12;

/// Registrations, calls and the like that are shown of a line; of more, the first and last ones.
const MOST: usize = 12;

/// Width of a server's column in a ladder, in cells.
const COLUMN: usize = 30;

/// What is to be shown.
#[derive(Debug, Clone, Default)]
pub struct View {
    /// Lines of this extension, address of record or phone address alone.
    pub phone: Option<String>,
}

/// All of it as text, harmless for a terminal. `name` is what the capture is called.
pub fn render(findings: &Findings, name: &str, view: &View, look: Look) -> String {
    let mut out = String::new();
    // Writing to a String can not fail.
    let _ = head(&mut out, findings, name);
    let _ = servers(&mut out, findings, look);
    let chosen: Vec<(&Phone, Option<&Line>)> = findings
        .document
        .phones
        .iter()
        .map(|phone| (phone, findings.line_of(phone)))
        .filter(|(phone, _)| view.phone.as_deref().is_none_or(|wanted| is(phone, wanted)))
        .collect();
    if chosen.is_empty() {
        let none = match &view.phone {
            Some(wanted) => format!("no line or address `{}` in this capture", harmless(wanted)),
            None => "no REGISTER of any phone in this capture".to_owned(),
        };
        let _ = writeln!(out, "\n{none}");
    } else if chosen.len() > FEW {
        let _ = table(&mut out, findings, &chosen, look);
    } else {
        for (phone, line) in chosen {
            let _ = paragraph(&mut out, findings, phone, line, look);
        }
    }
    out
}

impl Findings {
    fn line_of(&self, phone: &Phone) -> Option<&Line> {
        let aor = phone.aor.as_ref()?;
        self.book
            .lines
            .iter()
            .find(|line| line.address == phone.address && line.accounts.iter().any(|it| it.aor == *aor))
    }
}

fn is(phone: &Phone, wanted: &str) -> bool {
    let aor = phone.aor.as_deref().unwrap_or_default();
    aor == wanted || aor.split_once('@').is_some_and(|(user, _)| user == wanted) || phone.address.to_string() == wanted
}

fn head(out: &mut String, findings: &Findings, name: &str) -> std::fmt::Result {
    let document = &findings.document;
    let seconds = findings.book.clock.now().as_millis_f64() / 1000.0;
    write!(
        out,
        "{}: {} frames in {seconds:.1} s, {} SIP messages",
        harmless(name),
        document.frames,
        document.sip_messages
    )?;
    writeln!(
        out,
        "{}",
        if document.unreadable > 0 { format!(", {} unreadable", document.unreadable) } else { String::new() }
    )?;
    if let Some(incomplete) = &document.incomplete {
        writeln!(out, "  {incomplete}")?;
    }
    for (frame, reason, offset) in &findings.book.unreadable.first {
        writeln!(out, "  frame {frame}, byte {offset}: {}", harmless(reason))?;
    }
    let kept = findings.book.unreadable.first.len() as u64;
    if document.unreadable > kept {
        writeln!(out, "  … and {} more that could not be read", document.unreadable - kept)?;
    }
    if findings.book.unreadable.gaps > 0 {
        writeln!(
            out,
            "  {} gaps in TCP connections: bytes that the capture does not hold",
            findings.book.unreadable.gaps
        )?;
    }
    if findings.book.unreadable.frames > 0 {
        writeln!(out, "  {} frames cut short by the capture, or of no known form", findings.book.unreadable.frames)?;
    }
    if let (times @ 1.., most_ns) = findings.book.clock.back {
        let seconds = most_ns as f64 / 1e9;
        writeln!(
            out,
            "  the clock of the capture went back {times} times, by {seconds:.1} s at most: nothing is measured across that"
        )?;
    }
    if document.left_out > 0 {
        writeln!(out, "  {} messages of lines beyond the first 65 536 were not followed", document.left_out)?;
    }
    Ok(())
}

fn servers(out: &mut String, findings: &Findings, look: Look) -> std::fmt::Result {
    if findings.document.servers.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nservers")?;
    for server in &findings.document.servers {
        let name = server.name.as_deref().map(|name| format!("{} ", harmless(name))).unwrap_or_default();
        let role = server.role.map_or_else(|| "nobody named its role".to_owned(), |role| role.to_string());
        let counts = format!("{} REGISTERs, {} accepted", server.requests, server.accepted);
        let refused = if server.refused > 0 { format!(", {} refused", server.refused) } else { String::new() };
        let unreachable = findings.book.servers.get(&server.address).map_or(0, |seen| seen.unreachable);
        let icmp = if unreachable > 0 { format!(", {unreachable} ICMP errors") } else { String::new() };
        writeln!(out, "  {:<18} {name}({role})  {counts}{refused}{icmp}", server.address.to_string())?;
    }
    if !findings.document.servers.iter().any(|server| server.role.is_some()) {
        let dash = look.pick("–", "-");
        writeln!(
            out,
            "  name them with --primary IP and --backup IP, or --bench FILE {dash} without roles there are no moves"
        )?;
    } else if findings.book.outages.is_empty() {
        writeln!(
            out,
            "  the capture tells of no outage; --outage FROM..TO gives failover and failback their beginnings"
        )?;
    }
    Ok(())
}

fn table(out: &mut String, findings: &Findings, chosen: &[(&Phone, Option<&Line>)], look: Look) -> std::fmt::Result {
    writeln!(
        out,
        "\n{:<28} {:<18} {:>5}  {:<18} {:>12} {:>12}",
        "line", "phone", "regs", "at the end", "failover", "failback"
    )?;
    for (phone, _) in chosen {
        let last = phone.registrations.iter().rev().find(|it| it.until_ms.is_none());
        let home = last.map_or_else(|| look.pick("–", "-").to_owned(), |it| findings.book.settings.label(it.server));
        let value = |name: &str| {
            let found = phone.measurements.iter().find(|it| it.name == name);
            match found.map(|it| it.value) {
                Some(Some(value)) => format!("{value:.1} ms"),
                Some(None) => "?".to_owned(),
                None => String::new(),
            }
        };
        let row = format!(
            "{:<28} {:<18} {:>5}  {:<18} {:>12} {:>12}",
            name_of(phone),
            phone.address.to_string(),
            phone.registrations.len(),
            harmless(&home),
            value("failover"),
            value("failback")
        );
        writeln!(out, "{}", row.trim_end())?;
    }
    writeln!(out, "\n--phone LINE|ADDRESS shows one of them with its messages; --json has everything")
}

fn name_of(phone: &Phone) -> String {
    phone.aor.as_deref().map_or_else(|| "(encrypted)".to_owned(), harmless)
}

fn paragraph(
    out: &mut String,
    findings: &Findings,
    phone: &Phone,
    line: Option<&Line>,
    look: Look,
) -> std::fmt::Result {
    let mut title = format!("{} at {}", name_of(phone), phone.address);
    let known = [phone.mac.map(|mac| mac.to_string()), phone.transport.map(str::to_owned), phone.agent.clone()];
    for more in known.into_iter().flatten() {
        let _ = write!(title, "  {}", harmless(&more));
    }
    writeln!(out, "\n{title}")?;
    if phone.blind {
        writeln!(out, "  blind: its signalling is encrypted, so no registration can be proven from the wire")?;
    }
    registrations(out, findings, phone, look)?;
    dialogs::refusals(out, findings, phone, look)?;
    traffic(out, phone)?;
    dialogs::calls(out, findings, phone, look)?;
    dialogs::waiting(out, findings, phone, look)?;
    for measurement in &phone.measurements {
        writeln!(out, "  {}", sentence(measurement))?;
    }
    // A line with several addresses of record has one ladder, behind the last of them.
    match line.filter(|line| line.accounts.last().map(|account| &account.aor) == phone.aor.as_ref()) {
        Some(line) => ladder(out, findings, line, look),
        None => Ok(()),
    }
}

fn registrations(out: &mut String, findings: &Findings, phone: &Phone, look: Look) -> std::fmt::Result {
    let all = &phone.registrations;
    if all.is_empty() && !phone.blind {
        writeln!(out, "  never registered")?;
    }
    elided(out, all, MOST, look, |it| {
        let until = it.until_ms.map_or_else(|| "end of capture".to_owned(), |until| format!("{:.3} s", until / 1000.0));
        format!(
            "registered at {} from {:.3} s {} {until}: {} s granted, {}{}, as {}",
            harmless(&findings.book.settings.label(it.server)),
            it.from_ms / 1000.0,
            look.pick("–", "-"),
            it.expires_s,
            renewed(it.refreshes),
            ending(it),
            harmless(&it.contact)
        )
    })
}

/// A line for each; of more than `most`, for the first and last ones.
fn elided<T>(out: &mut String, all: &[T], most: usize, look: Look, line: impl Fn(&T) -> String) -> std::fmt::Result {
    let half = most / 2;
    for (index, it) in all.iter().enumerate() {
        if all.len() > most && (half..all.len() - half).contains(&index) {
            if index == half {
                writeln!(out, "  {} {} more", look.pick("…", "..."), all.len() - 2 * half)?;
            }
            continue;
        }
        writeln!(out, "  {}", line(it))?;
    }
    Ok(())
}

fn renewed(times: u32) -> String {
    match times {
        0 => "never renewed".to_owned(),
        1 => "renewed once".to_owned(),
        times => format!("renewed {times} times"),
    }
}

fn ending(registration: &Registration) -> &'static str {
    match registration.ended_by {
        EndedBy::Expired => ", ran out",
        EndedBy::Removed => ", removed",
        EndedBy::Unknown => ", perhaps ran out: not all of it could be read",
        EndedBy::CaptureEnd => "",
    }
}

fn traffic(out: &mut String, phone: &Phone) -> std::fmt::Result {
    let it = &phone.traffic;
    let mut said = Vec::new();
    for (count, what) in [
        (it.transactions, "REGISTER transactions"),
        (it.retransmissions, "sent again"),
        (it.challenges, "challenges"),
        (it.refusals, "refusals"),
        (it.connections, "connections"),
        (it.unreachable, "ICMP errors"),
    ] {
        if count > 0 {
            said.push(format!("{count} {what}"));
        }
    }
    if let Some(ms) = it.connect_to_register_ms {
        said.push(format!("REGISTER at most {ms} ms after the connection opened"));
    }
    if said.is_empty() { Ok(()) } else { writeln!(out, "  {}", said.join(", ")) }
}

fn sentence(measurement: &Measurement) -> String {
    let way = match (&measurement.from_server, &measurement.to_server) {
        (Some(from), Some(to)) => format!(" ({} to {})", harmless(from), harmless(to)),
        (None, Some(to)) => format!(" ({})", harmless(to)),
        _ => String::new(),
    };
    let error = measurement.error.map(|error| format!(" ±{error}")).unwrap_or_default();
    let value = match (measurement.value, measurement.min, measurement.max, &measurement.why_null) {
        (Some(value), ..) => format!("{value} {}{error}", measurement.unit),
        (None, Some(min), Some(max), Some(why)) => format!("between {min} and {max} {}: {why}", measurement.unit),
        (None, _, _, why) => format!("unknown: {}", why.as_deref().unwrap_or("no value")),
    };
    format!("{:<20} {value}{way}", measurement.name)
}

fn ladder(out: &mut String, findings: &Findings, line: &Line, look: Look) -> std::fmt::Result {
    let mut rows: Vec<&Row> = line.ladder.rows().collect();
    if rows.is_empty() {
        return if line.ladder.is_kept() {
            Ok(())
        } else {
            writeln!(out, "  (messages are kept of the first lines of a capture alone)")
        };
    }
    let mut servers: Vec<IpAddr> = rows.iter().map(|row| row.server).collect();
    let rank = |server: &IpAddr| match findings.book.settings.role(*server) {
        Some(Role::Primary) => 0,
        Some(Role::Backup) => 1,
        _ => 2,
    };
    servers.sort_by_key(|server| (rank(server), *server));
    servers.dedup();
    // More would not fit; theirs are in the last column.
    servers.truncate(3);
    let bar = look.pick("│", "|");
    let mut title = format!("  {:>10}  {:<6}", "s", "phone");
    for server in &servers {
        let role = findings.book.settings.role(*server).map(|role| format!(" {role}")).unwrap_or_default();
        let name = format!("{}{role}", harmless(&findings.book.settings.label(*server)));
        let _ = write!(title, "{name:>COLUMN$} ");
    }
    writeln!(out, "\n{}", title.trim_end())?;
    if line.ladder.forgotten > 0 {
        writeln!(out, "  … {} earlier messages", line.ladder.forgotten)?;
    }
    // Captures of two interfaces are not quite in order.
    rows.sort_by_key(|row| row.at);
    let mut last: Option<Stamp> = None;
    for row in rows {
        if let Some(pause) = last.map(|last| row.at.since(last).as_secs_f64()).filter(|pause| *pause >= 1.0) {
            let spine = format!("  {:>10}  {bar:<6}", format!("+{pause:.1}"));
            let columns: String = servers.iter().map(|_| format!("{bar:>COLUMN$} ")).collect();
            writeln!(out, "{}", (spine + &columns).trim_end())?;
        }
        last = Some(row.at);
        writeln!(out, "{}", rung(row, &servers, look))?;
    }
    Ok(())
}

/// One message: an arrow from the phone to the column of the server, or back.
fn rung(row: &Row, servers: &[IpAddr], look: Look) -> String {
    let bar = look.pick("│", "|");
    let dash = look.pick("─", "-");
    let index = servers.iter().position(|server| *server == row.server);
    let mut label = harmless(&row.label);
    if row.again > 0 {
        let _ = write!(label, " (+{})", row.again);
    }
    if matches!(row.fate, Fate::Injected(_)) {
        label.push_str(" (by the bridge)");
    }
    if index.is_none() {
        let _ = write!(label, " [{}]", row.server);
    }
    let column = index.unwrap_or(servers.len().saturating_sub(1));
    let width = (column + 1) * (COLUMN + 1) + 4;
    let label: String = label.chars().take(width.saturating_sub(6)).collect();
    let used = crate::look::width(&label);
    let line = dash.repeat(width.saturating_sub(used + 5));
    let lost = matches!(row.fate, Fate::Dropped(_)).then(|| look.pick("✗", "x"));
    let arrow = match row.toward {
        Toward::Server => format!("{dash} {label} {line}{}", lost.unwrap_or(look.pick("▶", ">"))),
        Toward::Phone => format!("{}{dash} {label} {line}", lost.unwrap_or(look.pick("◀", "<"))),
    };
    let mut out = format!("  {:>10.3}  {bar}{arrow}{bar}", row.at.as_millis_f64() / 1000.0);
    for _ in column + 1..servers.len() {
        let _ = write!(out, "{bar:>width$}", width = COLUMN + 1);
    }
    out.trim_end().to_owned()
}
