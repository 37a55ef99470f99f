//! Finds bytes in short texts. Header values are some ten bytes long: a search that is quick on long texts has hardly begun
//! when this one is done. Eight bytes are looked at together.

const ONES: u64 = u64::from_le_bytes([1; 8]);
const HIGHS: u64 = ONES << 7;

/// Where a byte first stands.
pub fn find(bytes: &[u8], wanted: u8) -> Option<usize> {
    find_any(bytes, [wanted])
}

/// Where any of these bytes first stands.
pub fn find_any<const N: usize>(bytes: &[u8], wanted: [u8; N]) -> Option<usize> {
    let Some(last) = bytes.last_chunk::<8>() else {
        return bytes.iter().position(|byte| wanted.contains(byte));
    };
    let (words, rest) = bytes.as_chunks::<8>();
    for (number, word) in words.iter().enumerate() {
        if let Some(at) = find_in_word(word, wanted) {
            return Some(8 * number + at);
        }
    }
    // The last eight bytes once more: those that were looked at already are none of these.
    if rest.is_empty() { None } else { find_in_word(last, wanted).map(|at| bytes.len() - 8 + at) }
}

fn find_in_word<const N: usize>(word: &[u8; 8], wanted: [u8; N]) -> Option<usize> {
    let word = u64::from_le_bytes(*word);
    let mut found = 0;
    for byte in wanted {
        // Zero where the byte stands. Taking one from each byte borrows from the high bit of those that are zero, and
        // wrongly of others only above them.
        let differs = word ^ (ONES * u64::from(byte));
        found |= differs.wrapping_sub(ONES) & !differs & HIGHS;
    }
    if found == 0 { None } else { Some(found.trailing_zeros() as usize / 8) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_found_is_the_first(
            bytes in prop::collection::vec(prop_oneof![0..4_u8, 0x7e..0x82_u8, 0xfd..=0xff_u8], 0..40),
            wanted: [u8; 3],
            few in prop::array::uniform2(prop_oneof![0..4_u8, 0x7e..0x82_u8, 0xfd..=0xff_u8]),
        ) {
            prop_assert_eq!(find_any(&bytes, few), bytes.iter().position(|byte| few.contains(byte)));
            prop_assert_eq!(find_any(&bytes, wanted), bytes.iter().position(|byte| wanted.contains(byte)));
            prop_assert_eq!(find(&bytes, few[0]), bytes.iter().position(|byte| *byte == few[0]));
        }
    }
}
