//! Inputs that say themselves how they are cut and what else is done with them: the first line is the script, one byte a
//! step, read again from its beginning when it is at its end; the rest is what is read. So seeds can be written by hand,
//! and a change of the script leaves the rest as it is.

/// Lengths that a step may have, by its five low bits: `@` or a backquote is the first, `A` or `a` the second.
const LENGTHS: [usize; 32] = [
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 20, 24, 28, 32, 40, 50, 64, 80, 100, 128, 160, 200, 256, 400, 600, 1000,
    1460, 4000, 70_000,
];

/// One step of a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// How many bytes it takes.
    pub length: usize,
    /// What else is done, 0 to 7: its three high bits. `@` to `_` and control characters are 2 and 0, digits and signs 1,
    /// lower-case letters 3.
    pub act: u8,
}

/// The script and the rest; without a line break all is rest.
pub fn split(bytes: &[u8]) -> (&[u8], &[u8]) {
    match bytes.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&bytes[..end], &bytes[end + 1..]),
        None => (&[], bytes),
    }
}

/// The steps, without end.
pub fn steps(script: &[u8]) -> impl Iterator<Item = Step> {
    let script = if script.is_empty() { b"_" } else { script };
    script.iter().cycle().map(|byte| Step { length: LENGTHS[usize::from(byte & 31)], act: byte >> 5 })
}

/// The rest in the pieces that the script says, each with what else is done.
pub fn pieces<'a>(script: &[u8], rest: &'a [u8]) -> impl Iterator<Item = (Step, &'a [u8])> {
    let mut left = rest;
    steps(script).map_while(move |step| {
        let (piece, behind) = left.split_at(step.length.min(left.len()));
        left = behind;
        (!piece.is_empty()).then_some((step, piece))
    })
}
