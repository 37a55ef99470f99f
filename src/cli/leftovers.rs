//! What a siprig before this one has changed on a bench and did not change back, because it was killed: undone ahead of anything else.

use super::{error::UserError, set_back, stopped, switched_off, written_back};
use crate::{config::Bench, event::PhoneName};

/// Starts servers, sets the PBX and the phones' files back and switches interfaces on that are noted, and tells so by `say`.
/// Whoever calls holds the locks on the bench. The phones that may go by other settings until they boot.
///
/// # Errors
/// If something can not be undone: nothing on this bench would show anything.
pub fn undo(bench: &Bench, say: impl Fn(&str)) -> Result<Vec<PhoneName>, UserError> {
    stopped::start_again(bench, &say)?;
    set_back::everything(bench, &say)?;
    let unsettled = written_back::everything(bench, &say)?;
    if let Some(network) = &bench.network {
        switched_off::switch_on_again(network, &say)?;
    }
    Ok(unsettled)
}
