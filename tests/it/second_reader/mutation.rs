//! What becomes of messages on the way to a reader that has to bear everything.

use super::dice::Dice;

/// What readers stumble over.
const WORDS: [&[u8]; 24] = [
    b"\"",
    b"<",
    b">",
    b";",
    b",",
    b"=",
    b":",
    b"@",
    b"?",
    b"*",
    b" ",
    b"\t",
    b"\r\n",
    b"\n",
    b"\r",
    b"\r\n ",
    b"\0",
    b"\xff",
    b"\\",
    b"%",
    b";expires=0",
    b"SIP/2.0",
    b"\r\n\r\n",
    b"4294967296",
];

/// One of these messages, changed in a few places, and often so that it is still nearly one.
pub fn mutant(messages: &[Vec<u8>], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = dice.pick(messages).clone();
    for _ in 0..1 + dice.below(4) {
        let at = dice.below(bytes.len() + 1);
        match dice.below(8) {
            0 => {
                bytes.get_mut(at).into_iter().for_each(|byte| *byte ^= 1 << dice.below(8));
            }
            1 => drop(bytes.splice(at..at, dice.pick(&WORDS).iter().copied())),
            2 => drop(bytes.drain(at..(at + 1 + dice.below(20)).min(bytes.len()))),
            3 => bytes.truncate(at),
            4 => {
                // The beginning of this one and the end of another.
                let other = dice.pick(messages);
                let from = dice.below(other.len());
                bytes.truncate(at);
                bytes.extend(&other[from..]);
            }
            kind => {
                let mut lines: Vec<Vec<u8>> =
                    bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
                let (one, two) = (dice.below(lines.len().max(1)), dice.below(lines.len().max(1)));
                match kind {
                    _ if lines.is_empty() => {}
                    5 => lines.swap(one, two),
                    6 => lines.insert(one, lines[two].clone()),
                    _ => {
                        let other = dice.pick(messages);
                        let others: Vec<&[u8]> = other.split_inclusive(|byte| *byte == b'\n').collect();
                        lines[one] = dice.pick(&others).to_vec();
                    }
                }
                bytes = lines.concat();
            }
        }
    }
    bytes
}
