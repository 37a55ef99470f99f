//! What the status page of a phone's web interface says of its accounts, by the words of a phone model.

use regex::Regex;

use super::html;
use crate::{config::StatusPage, event::Standing};

/// Most accounts of a phone.
const MAX_ROWS: usize = 64;

/// What a page says of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its extension.
    pub extension: String,
    /// Where it is registered.
    pub standing: Standing,
    /// The cells that say so, side by side.
    pub quote: String,
}

/// A page that has no table with the columns of the model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the page has no table with the columns {}", .0.join(", "))]
pub struct NoTable(Vec<String>);

/// Reads status pages of a model.
#[derive(Debug, Clone)]
pub struct PageReader {
    page: StatusPage,
    extension: Regex,
    registered: Regex,
    on_backup: Option<Regex>,
}

impl PageReader {
    /// Compiles the patterns of a model.
    ///
    /// # Errors
    /// If one does not compile.
    pub fn new(page: &StatusPage) -> Result<Self, regex::Error> {
        Ok(Self {
            page: page.clone(),
            extension: Regex::new(&page.extension)?,
            registered: Regex::new(&page.registered)?,
            on_backup: page.on_backup.as_deref().map(Regex::new).transpose()?,
        })
    }

    /// The accounts of a page, in its order.
    ///
    /// # Errors
    /// If it is another page.
    pub fn read(&self, page: &[u8]) -> Result<Vec<Account>, NoTable> {
        let tables = html::tables(page);
        let rows = tables.iter().flat_map(|table| {
            let heads = table.iter().enumerate();
            heads.filter_map(move |(at, head)| Some((self.columns(head)?, &table[at + 1..])))
        });
        let (columns, rows) = rows.into_iter().next().ok_or_else(|| NoTable(self.titles()))?;
        Ok(rows.iter().take(MAX_ROWS).filter_map(|row| self.account(&columns, row)).collect())
    }

    fn titles(&self) -> Vec<String> {
        let more = [&self.page.backup, &self.page.server].into_iter().flatten();
        [&self.page.account, &self.page.status].into_iter().chain(more).cloned().collect()
    }

    /// Where the columns are that this row is the head of.
    fn columns(&self, head: &[String]) -> Option<Columns> {
        let place = |title: &String| head.iter().position(|cell| cell.eq_ignore_ascii_case(title));
        let may = |title: &Option<String>| title.as_ref().map_or(Some(None), |title| place(title).map(Some));
        Some(Columns {
            account: place(&self.page.account)?,
            status: place(&self.page.status)?,
            backup: may(&self.page.backup)?,
            server: may(&self.page.server)?,
        })
    }

    fn account(&self, columns: &Columns, row: &[String]) -> Option<Account> {
        let cell = |at: usize| row.get(at).map(String::as_str);
        let (account, status) = (cell(columns.account)?, cell(columns.status)?);
        let extension = self.extension.captures(account)?.name("extension")?.as_str().to_owned();
        let (backup, server) = (columns.backup.and_then(cell), columns.server.and_then(cell));
        let on_backup = backup.zip(self.on_backup.as_ref()).map(|(said, yes)| yes.is_match(said));
        let standing = match (self.registered.is_match(status), server, on_backup) {
            (false, ..) => Standing::Nowhere,
            (true, Some(server), _) if !server.is_empty() => Standing::At(server.to_owned()),
            (true, _, Some(true)) => Standing::Backup,
            (true, _, Some(false)) => Standing::Primary,
            (true, _, None) => Standing::Registered,
        };
        let quote = [Some(account), Some(status), backup, server].into_iter().flatten().collect::<Vec<_>>().join(" | ");
        Some(Account { extension, standing, quote })
    }
}

/// Places of the columns in each row.
#[derive(Debug, Clone, Copy)]
struct Columns {
    account: usize,
    status: usize,
    backup: Option<usize>,
    server: Option<usize>,
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::load;

    fn reader() -> PageReader {
        let model = load::model("aastra-6731i", Path::new(load::RIG)).unwrap();
        PageReader::new(&model.status_page.unwrap()).unwrap()
    }

    /// As the maker's guides and a page of a real phone have it, in tables for the layout.
    const PAGE: &str = "<html><table><tr><td>menu</td><td><h2>SIP Status</h2><TABLE>\
        <TR><TD>Line</TD><TD>SIP Account</TD><TD>Status</TD><TD>Backup Registrar Used?</TD></TR>\
        <TR><TD>1</TD><TD>1001@10.77.0.2:5060</TD><TD>Registered</TD><TD>No</TD></TR>\
        <TR><TD>2</TD><TD>1002@10.77.0.2:5060</TD><TD>Registered</TD><TD>Yes</TD></TR>\
        <TR><TD>3</TD><TD>1003@10.77.0.2:5060</TD><TD>401</TD><TD>No</TD></TR>\
        <TR><TD>4</TD><TD></TD><TD></TD><TD></TD></TR></TABLE></td></tr></table>";

    #[test]
    fn each_account_is_where_its_row_says() {
        let told = reader().read(PAGE.as_bytes()).unwrap();
        let told: Vec<_> = told.iter().map(|it| (it.extension.as_str(), it.standing.clone())).collect();
        let expected = [("1001", Standing::Primary), ("1002", Standing::Backup), ("1003", Standing::Nowhere)];
        assert_eq!(told, expected);
        assert_eq!(reader().read(PAGE.as_bytes()).unwrap()[1].quote, "1002@10.77.0.2:5060 | Registered | Yes");
    }

    #[test]
    fn columns_are_found_by_their_titles_wherever_they_are() {
        let page = "<table><tr><th>backup registrar used?</th><th>STATUS</th><th>x</th><th>sip account</th></tr>\
                    <tr><td>YES</td><td>Registered</td><td></td><td>1001</td></tr></table>";
        assert_eq!(reader().read(page.as_bytes()).unwrap()[0].standing, Standing::Backup);
    }

    #[test]
    fn another_page_says_nothing_and_what_was_looked_for_is_said() {
        let error = reader().read(b"<html>Please log in</html>").unwrap_err().to_string();
        assert_eq!(error, "the page has no table with the columns SIP Account, Status, Backup Registrar Used?");
        let cut = &PAGE[..PAGE.find("<TR><TD>1<").unwrap()];
        assert_eq!(reader().read(cut.as_bytes()), Ok(Vec::new()), "a table without accounts names none");
    }

    #[test]
    fn a_column_for_the_server_counts_more_than_yes_and_no() {
        let page = StatusPage { server: Some("Server".to_owned()), ..reader().page };
        let reader = PageReader::new(&page).unwrap();
        let page = "<table><tr><td>SIP Account</td><td>Status</td><td>Backup Registrar Used?</td><td>Server</td></tr>\
                    <tr><td>1001</td><td>Registered</td><td>No</td><td>10.77.0.3:5060</td></tr></table>";
        let told = reader.read(page.as_bytes()).unwrap();
        assert_eq!(told[0].standing, Standing::At("10.77.0.3:5060".to_owned()));
    }
}
