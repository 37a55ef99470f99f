//! The whole way from a capture to what is told of it.

use std::{collections::BTreeMap, net::IpAddr, time::Duration};

use siprig::{
    analysis::{
        self, Analysis, GivenOutage, Moment, Settings, View,
        document::{EndedBy, Registration},
    },
    config::Role,
    look::{self, Look},
    wire::capture::CaptureReader,
};

use super::cost;

/// Most heap that is taken whatever is captured, in bytes, beside some times the capture itself.
const TAKEN: isize = 24 << 20;

/// What is told does no harm to a terminal and is the same each time; registrations have a beginning ahead of their end,
/// those of one contact at one server do not overlap, and memory is bounded.
pub fn check(bytes: &[u8]) {
    let Some((document, text)) = analyzed(bytes) else { return };
    assert!(text.chars().all(|char| char == '\n' || !look::is_harmful(char)), "{text:?}");
    assert_eq!(analyzed(bytes), Some((document, text)), "another result");
}

fn analyzed(bytes: &[u8]) -> Option<(String, String)> {
    let mut reader = CaptureReader::new(bytes).ok()?;
    let before = cost::heap();
    let mut settings = Settings::default();
    settings.name_server(IpAddr::from([10, 77, 0, 2]), Role::Primary);
    settings.name_server(IpAddr::from([10, 77, 0, 3]), Role::Backup);
    settings.outages.push(GivenOutage { from: Moment::SinceFirst(Duration::from_secs(2)), to: None });
    let mut analysis = Analysis::new(settings);
    let mut frames = 0;
    while let Some(Ok(packet)) = reader.next() {
        analysis.take(&packet);
        frames += 1;
        let taken = cost::heap() - before;
        assert!(taken <= TAKEN + 16 * bytes.len().cast_signed(), "{taken} bytes for {} of capture", bytes.len());
    }
    assert_eq!(analysis.frames(), frames);
    let findings = analysis.finish();
    for phone in &findings.document.phones {
        apart(&phone.registrations);
        assert!(phone.blind || phone.aor.is_some());
        for measurement in &phone.measurements {
            assert!(measurement.value.is_none_or(f64::is_finite), "{measurement:?}");
        }
    }
    let text = analysis::render(&findings, "capture", &View::default(), Look::PLAIN);
    Some((findings.document.to_json().expect("a document"), text))
}

fn apart(registrations: &[Registration]) {
    let mut ends: BTreeMap<(IpAddr, &str), f64> = BTreeMap::new();
    for registration in registrations {
        let Registration { server, contact, from_ms, until_ms, ended_by, .. } = registration;
        let until = until_ms.unwrap_or(f64::INFINITY);
        assert!(*from_ms <= until, "{registration:?}");
        assert_eq!(until_ms.is_none(), *ended_by == EndedBy::CaptureEnd, "{registration:?}");
        if let Some(before) = ends.insert((*server, contact), until) {
            assert!(before <= *from_ms, "{registration:?} begins ahead of the end of the one before it");
        }
    }
}
