//! What people read in the morning, made from a journal.
