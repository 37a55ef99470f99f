//! The journal: an append-only file of records, one JSON document a line.
