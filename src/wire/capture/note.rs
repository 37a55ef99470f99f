//! What siprig writes beside a frame.

use crate::event::OutageId;

/// One remark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    OutageBegan { outage: OutageId, server: String, unix_ns: i64, error_ns: u64 },
    OutageEnded { outage: OutageId, server: String, unix_ns: i64, error_ns: u64 },
    Dropped { outage: OutageId },
    Injected { outage: OutageId },
    Canary,
    Leak,
}

impl Note {
    /// All remarks in a comment.
    pub fn all(comment: &str) -> Vec<Self> {
        comment.lines().flat_map(|line| line.split("; ")).filter_map(Self::one).collect()
    }

    fn one(text: &str) -> Option<Self> {
        let number = |text: &str| text.parse().ok().map(OutageId);
        if let Some(rest) = text.strip_prefix("dropped by outage ") {
            return number(rest).map(|outage| Self::Dropped { outage });
        }
        if let Some(rest) = text.strip_prefix("made by the bridge for outage ") {
            return number(rest).map(|outage| Self::Injected { outage });
        }
        match text {
            "canary" => Some(Self::Canary),
            _ if text.starts_with("leak") => Some(Self::Leak),
            _ => None,
        }
    }
}
