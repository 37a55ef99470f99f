//! Calls and subscriptions of a line, as the wire shows them: what was asked, how often, of which server, and what came of
//! it. They outlive the registration that they began under, so they are kept apart from it.
//!
//! Each message goes into a bounded log of [`Exchanges`]; what a [`Call`] or the [`Lamp`]'s subscription has come to is read
//! from the log when somebody asks, so that it does not matter in which order the two sides of the bridge report.
//!
//! Not here: media, and whose fault it is.

mod call;
mod exchange;
mod lamp;

pub use self::{
    call::{Call, Calls, End},
    exchange::{Answer, Exchange, Exchanges, Sent, own_side},
    lamp::{Lamp, PACKAGE, Subscribed, lifetime},
};

#[cfg(test)]
pub(super) mod tests;
