//! Times in which an interface carried nothing: nothing is proven by what did not pass in them.

use super::{case::Finding, registration::Fix};
use crate::event::{LinkLoss, Observed, Stamp};

/// All of them.
#[derive(Debug, Default)]
pub struct Gaps(Vec<Gap>);

#[derive(Debug)]
struct Gap {
    interface: String,
    how: LinkLoss,
    from: Fix,
    /// None: it lasts.
    until: Option<Fix>,
}

impl Gaps {
    /// Takes what is reported of interfaces.
    pub fn observe(&mut self, observed: &Observed, fix: Fix) {
        match observed {
            Observed::LinkLost { interface, how } => {
                self.0.push(Gap { interface: interface.clone(), how: *how, from: fix, until: None });
            }
            Observed::LinkBack { interface, how, .. } => {
                let open = |gap: &&mut Gap| gap.interface == *interface && gap.until.is_none();
                if let Some(gap) = self.0.iter_mut().find(open) {
                    (gap.how, gap.until) = (*how, Some(fix));
                }
            }
            _ => {}
        }
    }

    /// What is to be said of whatever was observed since then, if there was a gap in it.
    pub fn since(&self, observing: Stamp) -> Option<Finding> {
        let Gap { interface, how, from, until } =
            self.0.iter().find(|gap| gap.until.is_none_or(|until| until.when.at >= observing))?;
        let lasted = until.map_or_else(
            || "and has not come back".to_owned(),
            |until| format!("for {:.3} s", until.when.at.since(from.when.at).as_secs_f64()),
        );
        let reason = format!("{interface} {how} {lasted}: nothing can be proven by what did not pass then");
        Some(Finding::rig("link-lost", reason).shown_by([from.seq]))
    }
}
