//! The loop: the only place where order is decided.
