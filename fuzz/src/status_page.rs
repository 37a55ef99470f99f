//! Web pages of phones: tables, and the accounts that they tell of.

use siprig::{
    config::StatusPage,
    wire::{
        html::{self, MAX_PAGE},
        status_page::PageReader,
    },
};

/// The columns of the maker's guides.
fn reader() -> PageReader {
    let page = StatusPage {
        path: "/status.html".to_owned(),
        account: "SIP Account".to_owned(),
        extension: "^(?P<extension>[^@\\s]+)".to_owned(),
        status: "Status".to_owned(),
        registered: "^Registered$".to_owned(),
        backup: Some("Backup Registrar Used?".to_owned()),
        on_backup: Some("(?i)^yes$".to_owned()),
        server: None,
    };
    PageReader::new(&page).unwrap()
}

/// Cells are harmless and bounded, and what is told of an account is a row of the page.
pub fn check(bytes: &[u8]) {
    let tables = html::tables(bytes);
    let cells = || tables.iter().flatten().flatten();
    for cell in cells() {
        assert!(cell.len() <= 256 && !cell.contains(char::is_control), "{cell:?}");
        assert!(!cell.contains("  ") && cell.trim() == cell, "{cell:?}");
    }
    assert!(cells().count() <= 4096);
    if let Ok(accounts) = reader().read(bytes) {
        for account in accounts {
            assert!(account.quote.starts_with(&account.extension), "{account:?}");
            // Between cells stands a bar, which cells may have as well.
            let words = || account.quote.split(' ').filter(|word| *word != "|");
            let row = |row: &Vec<String>| words().all(|word| row.iter().any(|cell| cell.contains(word)));
            assert!(tables.iter().flatten().any(row), "{account:?} is in no row");
        }
        if bytes.len() < MAX_PAGE {
            // Whatever follows the first table that fits is not looked at.
            let more = [bytes, b"</table></table></table><p>".as_slice()].concat();
            assert!(reader().read(&more).is_ok());
        }
    }
}
