//! Call partners: whether the programs of their commands are there. Nobody is called.

use super::Finding;
use crate::{
    config::{Bench, Peer},
    driver::peer,
};

/// What is found of each.
pub(super) fn of_peers(bench: &Bench) -> Vec<Finding> {
    let look = |it: &Peer| match peer::ready(it) {
        Ok(()) => {
            let calls = if it.call.is_some() { "calls by a command" } else { "calls nobody" };
            let answers = if it.answer.is_some() { "answers by a command" } else { "answers by itself" };
            Finding::ok("peer", format!("peer {} at {} {calls}, and {answers}", it.name, it.extension))
        }
        Err(error) => {
            let remedy = format!("install the program, or correct the commands of peer {}", it.name);
            Finding::problem("peer", error.to_string(), remedy)
        }
    };
    bench.peers.iter().map(look).collect()
}
