//! The findings as a document, `siprig.audit/1`.

use std::time::Duration;

use serde::Serialize;

use super::{
    Audit, FileAudit, Finding, PhoneAudit, Severity,
    outlook::{Outlook, Spread},
};

/// The version of the document's contract.
pub const SCHEMA: &str = "siprig.audit/1";

/// The document.
#[derive(Debug, Serialize)]
pub struct Document {
    schema: &'static str,
    exit: u8,
    error: Option<String>,
    files: Vec<File>,
    phones: Vec<Phone>,
}

#[derive(Debug, Serialize)]
struct File {
    file: String,
    /// `global`, `model`, `phone`, `local`; null: it is nobody's.
    layer: Option<String>,
    settings: usize,
    findings: Vec<Told>,
}

#[derive(Debug, Serialize)]
struct Phone {
    phone: String,
    mac: Option<String>,
    /// `error`, `warning`, `note`; null: nothing was found.
    verdict: Option<&'static str>,
    files: Vec<String>,
    findings: Vec<Told>,
    lines: Vec<Line>,
}

#[derive(Debug, Serialize)]
struct Line {
    line: u8,
    lifetime_s: f64,
    lifetime_assumed: bool,
    failover: Times,
    /// Null: the settings choose a behaviour that is not documented in numbers.
    failback: Option<Times>,
    binding_lapses: bool,
}

#[derive(Debug, Serialize)]
struct Times {
    best_s: f64,
    mean_s: f64,
    worst_s: f64,
}

#[derive(Debug, Serialize)]
struct Told {
    severity: &'static str,
    code: &'static str,
    lines: Vec<u8>,
    message: String,
    remedy: String,
    file: Option<String>,
    line: Option<usize>,
}

impl Document {
    /// What was found in several sets of files.
    pub fn of(audits: &[Audit], exit: u8) -> Self {
        Self {
            schema: SCHEMA,
            exit,
            error: None,
            files: audits.iter().flat_map(|audit| &audit.files).map(File::from).collect(),
            phones: audits.iter().flat_map(|audit| &audit.phones).map(Phone::from).collect(),
        }
    }

    /// For an audit that could not even begin.
    pub fn failed(exit: u8, error: String) -> Self {
        Self { schema: SCHEMA, exit, error: Some(error), files: Vec::new(), phones: Vec::new() }
    }

    /// One line of JSON.
    ///
    /// # Errors
    /// If it can not be written as JSON.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self).map(|text| text + "\n")
    }
}

impl From<&FileAudit> for File {
    fn from(audit: &FileAudit) -> Self {
        Self {
            file: audit.file.display().to_string(),
            layer: audit.layer.map(|layer| layer.to_string()),
            settings: audit.settings,
            findings: audit.findings.iter().map(Told::from).collect(),
        }
    }
}

impl From<&PhoneAudit> for Phone {
    fn from(audit: &PhoneAudit) -> Self {
        Self {
            phone: audit.name.clone(),
            mac: audit.mac.map(|mac| mac.to_string()),
            verdict: audit.verdict.map(Severity::word),
            files: audit.files.iter().map(|file| file.display().to_string()).collect(),
            findings: audit.findings.iter().map(Told::from).collect(),
            lines: audit.outlooks.iter().map(|(line, outlook)| Line::of(*line, outlook)).collect(),
        }
    }
}

impl Line {
    fn of(line: u8, outlook: &Outlook) -> Self {
        Self {
            line,
            lifetime_s: outlook.lifetime.as_secs_f64(),
            lifetime_assumed: outlook.assumed,
            failover: outlook.failover.into(),
            failback: outlook.failback.map(Times::from),
            binding_lapses: outlook.lapses,
        }
    }
}

impl From<Spread> for Times {
    fn from(spread: Spread) -> Self {
        let [best_s, mean_s, worst_s] =
            [spread.best, spread.mean, spread.worst].map(|span: Duration| span.as_secs_f64());
        Self { best_s, mean_s, worst_s }
    }
}

impl From<&Finding> for Told {
    fn from(finding: &Finding) -> Self {
        Self {
            severity: finding.severity.word(),
            code: finding.code,
            lines: finding.lines.clone(),
            message: finding.message.clone(),
            remedy: finding.remedy.clone(),
            file: finding.origin.as_ref().map(|origin| origin.file.display().to_string()),
            line: finding.origin.as_ref().map(|origin| origin.line),
        }
    }
}
