//! Strokes as a key board plays them: names become places in the matrix, times become milliseconds, and what is too much
//! for one order becomes several.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    config::{Pressing, keying},
    driver::discretion::Pin,
    event::{Hold, KeyName, Stroke},
    wire::kp1::{Chord, Identity, Item, Key, Sequence},
};

/// Longest text of one sequence, in bytes: with the rest of its frame it is well below what a line may have.
const LONGEST: usize = 440;

/// The sequences that play these strokes, one after the other.
///
/// # Errors
/// For people: a key without a place, one that the board does not reach, or no PIN where one is asked for.
pub(super) fn sequences(
    strokes: &[Stroke],
    keys: &BTreeMap<KeyName, String>,
    pressing: Pressing,
    pin: Option<&Pin>,
    board: &Identity,
) -> Result<Vec<Sequence>, String> {
    let pressed = keying::with_pin(strokes, pin.map(Pin::digits)).ok_or("no PIN is known of this phone's line")?;
    let mut sequences: Vec<Sequence> = Vec::new();
    let mut length = 0;
    for stroke in &pressed {
        let item = match stroke {
            Stroke::Pause(span) => Item::Pause { ms: milliseconds(*span) },
            Stroke::Press { keys: names, hold } => {
                let places = names.iter().map(|name| place(name, strokes, keys)).collect::<Result<Vec<_>, _>>()?;
                let chord = Chord::of(places).ok_or("two keys of a chord are at one place of the matrix")?;
                if !board.reaches(&chord) {
                    let Identity { rows, columns, .. } = board;
                    let named = keying::sayable(strokes, stroke);
                    return Err(format!(
                        "`{named}` is outside the board's matrix of {rows} rows and {columns} columns"
                    ));
                }
                let hold_ms = match hold {
                    Hold::Usual => None,
                    Hold::Long => Some(milliseconds(pressing.long)),
                    Hold::For(span) => Some(milliseconds(*span)),
                };
                Item::Tap { keys: chord, hold_ms }
            }
        };
        let more = item.to_string().len() + 1;
        let full = |last: &Sequence| last.items.len() >= usize::from(board.max_items) || length + more > LONGEST;
        match sequences.last_mut().filter(|last| !full(last)) {
            Some(last) => last.items.push(item),
            None => {
                length = 0;
                let (hold_ms, gap_ms) = (milliseconds(pressing.hold), milliseconds(pressing.gap));
                sequences.push(Sequence { hold_ms, gap_ms, items: vec![item] });
            }
        }
        length += more;
    }
    if sequences.is_empty() { Err("there is no key to play".to_owned()) } else { Ok(sequences) }
}

/// Where a key is in the matrix.
fn place(name: &KeyName, ordered: &[Stroke], keys: &BTreeMap<KeyName, String>) -> Result<Key, String> {
    let said = keying::sayable_key(ordered, name);
    let place = keys.get(name).ok_or_else(|| format!("the phone's model has no key `{said}`"))?;
    place.parse().map_err(|_| format!("key `{said}` is at `{place}`, which is no row.column"))
}

fn milliseconds(span: Duration) -> u16 {
    u16::try_from(span.as_millis()).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn board(max_items: u16) -> Identity {
        Identity { nonce: 0, version: 1, serial: "x".into(), rows: 4, columns: 4, units: 1, max_items }
    }

    fn score(strokes: &[&str], max_items: u16) -> Result<Vec<String>, String> {
        let keys = BTreeMap::from(
            [("1", "0.0"), ("2", "0.1"), ("hold", "3.3"), ("far", "4.0")].map(|(key, at)| (key.into(), at.to_owned())),
        );
        let strokes: Vec<Stroke> = strokes.iter().map(|stroke| stroke.parse().unwrap()).collect();
        let sequences = sequences(&strokes, &keys, Pressing::default(), None, &board(max_items));
        Ok(sequences?.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn taps_holds_chords_and_pauses_become_one_sequence() {
        let played = score(&["1", "hold:long", "1+2:200ms", "~400ms", "2:1.5s"], 64).unwrap();
        assert_eq!(played, ["80,80 0.0 3.3:1500 0.0+0.1:200 ~400 0.1:1500"]);
    }

    #[test]
    fn what_a_board_can_not_take_at_once_is_split_between_strokes() {
        assert_eq!(score(&["1", "2", "1"], 2).unwrap(), ["80,80 0.0 0.1", "80,80 0.0"]);
        let long = vec!["1+2:60s"; 100];
        let pieces = score(&long, 1000).unwrap();
        assert!(pieces.len() > 1 && pieces.iter().all(|piece| piece.len() <= LONGEST + 10), "{pieces:?}");
        assert_eq!(pieces.iter().map(|piece| piece.matches(":60000").count()).sum::<usize>(), 100);
    }

    #[test]
    fn what_can_not_be_played_is_said() {
        let said = |strokes: &[&str]| score(strokes, 64).unwrap_err();
        assert_eq!(said(&["menu"]), "the phone's model has no key `menu`");
        assert_eq!(said(&["far"]), "`far` is outside the board's matrix of 4 rows and 4 columns");
        assert_eq!(said(&["{pin}"]), "no PIN is known of this phone's line");
        assert_eq!(said(&[]), "there is no key to play");
    }
}
