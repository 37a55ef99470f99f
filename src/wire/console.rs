//! Console bytes to lines, and lines to what they mean in a dialect.
