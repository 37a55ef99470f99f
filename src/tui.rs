//! The live display: state folded from records, and a pure drawing of it.
