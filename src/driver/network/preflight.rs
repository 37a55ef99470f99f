//! What `siprig check` looks at before a run, without changing anything.

use crate::{
    bridge::{join, link::Links, protocol::Refusal, table::Table},
    config::Network,
};

/// One thing that was looked at before a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// It is as it must be.
    pub ok: bool,
    /// What was looked at, and what was found.
    pub what: String,
    /// What to do about it; none if it is in order.
    pub remedy: Option<String>,
}

/// Capabilities that the helper needs (capabilities(7)): bit and name.
const NEEDED: [(u32, &str); 3] = [(12, "CAP_NET_ADMIN"), (13, "CAP_NET_RAW"), (21, "CAP_SYS_ADMIN")];

/// Looks at everything the bridge needs, without changing anything.
pub fn preflight(network: &Network) -> Vec<Finding> {
    let mut findings = vec![privileges()];
    findings.extend(found("interfaces can be joined", examine(network)));
    findings.extend(found(
        "kernel has outage tables that end with their owner",
        Table::probe().err().into_iter().collect(),
    ));
    findings
}

/// What was found wanting, each for itself; or what is in order.
fn found(what: &str, flaws: Vec<Refusal>) -> Vec<Finding> {
    if flaws.is_empty() {
        return vec![Finding { ok: true, what: what.to_owned(), remedy: None }];
    }
    let told = flaws.into_iter().map(|refusal| {
        let text = refusal.to_string();
        let (what, remedy) = text.split_once("; ").unwrap_or((&text, "see above"));
        Finding { ok: false, what: what.to_owned(), remedy: Some(remedy.to_owned()) }
    });
    told.collect()
}

fn privileges() -> Finding {
    let held = std::fs::read_to_string("/proc/thread-self/status").ok().and_then(|status| {
        let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"))?;
        u64::from_str_radix(line.trim(), 16).ok()
    });
    let held = held.unwrap_or(0);
    let missing: Vec<&str> = NEEDED.iter().filter(|(bit, _)| held >> bit & 1 == 0).map(|(_, name)| *name).collect();
    if missing.is_empty() {
        return Finding { ok: true, what: "privileges suffice".to_owned(), remedy: None };
    }
    let what = format!("missing privileges: {}", missing.join(", "));
    Finding { ok: false, what, remedy: Some("run as root, or give siprig these capabilities".to_owned()) }
}

/// Asks the kernel from a thread of its own: the caller may be inside a runtime, where another must not be waited for.
fn examine(network: &Network) -> Vec<Refusal> {
    let failed = |error: std::io::Error| Refusal::from_io("ask the kernel for its interfaces", &error);
    std::thread::scope(|scope| {
        let looking = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
            runtime.block_on(async {
                let links = Links::connect().map_err(failed)?;
                join::examine_all(&links, network).await.map(|(_, flaws)| flaws)
            })
        });
        let looked = looking.join().unwrap_or_else(|_| Err(failed(std::io::Error::other("the look itself failed"))));
        looked.unwrap_or_else(|refusal| vec![refusal])
    })
}
