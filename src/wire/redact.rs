//! Masks secrets in place, keeping every length.
