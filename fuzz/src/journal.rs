//! Journals of runs, as they lie on the disk: whole, torn, broken, or not ours.

use std::path::Path;

use siprig::{
    event::Record,
    journal::{JournalError, JournalReader},
};

/// What is read and written is read the same; what is torn is passed over and told; nothing follows an error.
pub fn check(bytes: &[u8]) {
    let _ = records(bytes);
}

/// The records of a journal, up to the first line that is none.
pub fn records(bytes: &[u8]) -> Vec<Record> {
    let mut records = Vec::new();
    let mut reader = match JournalReader::new(bytes, Path::new("journal")) {
        Ok(reader) => reader,
        Err(error) => {
            assert!(matches!(error, JournalError::Schema { .. }), "{error}");
            return records;
        }
    };
    let mut broken = false;
    for next in reader.by_ref() {
        match next {
            Ok(record) => {
                let written = serde_json::to_string(&record).expect("a record that was read");
                assert_eq!(serde_json::from_str::<Record>(&written).ok().as_ref(), Some(&record), "{written}");
                records.push(record);
            }
            Err(error) => {
                assert!(matches!(error, JournalError::Malformed { .. }), "{error}");
                broken = true;
            }
        }
    }
    assert!(reader.next().is_none());
    assert_eq!(reader.torn(), !broken && !bytes.ends_with(b"\n"));
    records
}
