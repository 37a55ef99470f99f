//! The tables of a web page, whoever wrote it: devices write HTML that no validator has seen.
//!
//! Tags are obeyed as far as they are about tables, ends of rows and cells may be missing, and what can not be made sense of is
//! passed over. Not here: styles, scripts, frames.

/// Longest page that is read, in bytes; the rest is not looked at.
pub const MAX_PAGE: usize = 65_536;

/// Most cells of a page.
const MAX_CELLS: usize = 4096;

/// Most tables within one another; deeper ones are text of the cell that they are in.
const MAX_DEPTH: usize = 16;

/// Longest text of a cell, in bytes.
const MAX_TEXT: usize = 256;

/// Rows of cells.
pub type Table = Vec<Vec<String>>;

/// Every table, in the order in which they end. The text of a cell has no control characters, no entities and no two spaces
/// side by side; what is in a table within it is not in it.
pub fn tables(page: &[u8]) -> Vec<Table> {
    let text = String::from_utf8_lossy(&page[..page.len().min(MAX_PAGE)]);
    let lower = text.to_ascii_lowercase();
    let mut reader = Reader::default();
    let mut at = 0;
    while let Some(open) = text[at..].find('<').map(|found| at + found) {
        reader.text(&text[at..open]);
        if lower[open..].starts_with("<!--") {
            let Some(end) = lower[open..].find("-->") else { return reader.finish() };
            at = open + end + 3;
            continue;
        }
        let Some(close) = text[open..].find('>').map(|found| open + found) else { return reader.finish() };
        let tag = &lower[open + 1..close];
        let name_end = tag.char_indices().skip(1).find(|(_, char)| !char.is_ascii_alphanumeric());
        let name = &tag[..name_end.map_or(tag.len(), |(end, _)| end)];
        at = close + 1;
        if let Some(end) = ["script", "style"].into_iter().find(|it| *it == name) {
            let Some(end) = lower[at..].find(&format!("</{end}")) else { return reader.finish() };
            at += end;
            continue;
        }
        reader.tag(name);
    }
    reader.text(&text[at..]);
    reader.finish()
}

#[derive(Debug, Default)]
struct Reader {
    done: Vec<Table>,
    open: Vec<Open>,
    /// Tables that are too deep to be told.
    passed_over: usize,
    cells: usize,
}

/// A table that is being read.
#[derive(Debug, Default)]
struct Open {
    rows: Table,
    row: Option<Vec<String>>,
    cell: Option<String>,
}

impl Reader {
    fn text(&mut self, text: &str) {
        if let Some(cell) = self.open.last_mut().and_then(|open| open.cell.as_mut()) {
            // Entities and spaces make it shorter; what is longer by far is no entry of a table.
            let room = (4 * MAX_TEXT).saturating_sub(cell.len());
            cell.push_str(&text[..text.floor_char_boundary(room)]);
        }
    }

    fn tag(&mut self, name: &str) {
        match name {
            "table" if self.open.len() == MAX_DEPTH => self.passed_over += 1,
            "table" => self.open.push(Open::default()),
            "/table" if self.passed_over > 0 => self.passed_over -= 1,
            _ if self.passed_over > 0 => {}
            "/table" => self.done.extend(self.open.pop().map(Open::finish)),
            "tr" | "/tr" | "td" | "th" | "/td" | "/th" => {
                let Some(open) = self.open.last_mut() else { return };
                open.end_cell();
                match name {
                    "tr" | "/tr" => {
                        open.end_row();
                        open.row = (name == "tr").then(Vec::new);
                    }
                    "td" | "th" if self.cells < MAX_CELLS => {
                        self.cells += 1;
                        open.row.get_or_insert_default();
                        open.cell = Some(String::new());
                    }
                    _ => {}
                }
            }
            "br" | "p" | "div" | "li" => self.text(" "),
            _ => {}
        }
    }

    fn finish(mut self) -> Vec<Table> {
        while let Some(open) = self.open.pop() {
            self.done.push(open.finish());
        }
        self.done.retain(|table| !table.is_empty());
        self.done
    }
}

impl Open {
    fn end_cell(&mut self) {
        if let Some(cell) = self.cell.take() {
            self.row.get_or_insert_default().push(plain(&cell));
        }
    }

    fn end_row(&mut self) {
        self.rows.extend(self.row.take().filter(|row| !row.is_empty()));
    }

    fn finish(mut self) -> Table {
        self.end_cell();
        self.end_row();
        self.rows
    }
}

/// Text as it is seen.
fn plain(text: &str) -> String {
    let mut seen = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        seen.push_str(&rest[..at]);
        let entity = rest[at + 1..].split_once(';').filter(|(name, _)| name.len() <= 8);
        match entity.and_then(|(name, after)| Some((meant(name)?, after))) {
            Some((char, after)) => {
                seen.push(char);
                rest = after;
            }
            None => {
                seen.push('&');
                rest = &rest[at + 1..];
            }
        }
    }
    seen.push_str(rest);
    let visible = |char: char| if char.is_control() || char == '\u{a0}' { ' ' } else { char };
    let seen: String = seen.chars().map(visible).collect();
    let mut words = seen.split_whitespace().collect::<Vec<_>>().join(" ");
    words.truncate(words.floor_char_boundary(MAX_TEXT));
    words.truncate(words.trim_end().len());
    words
}

fn meant(entity: &str) -> Option<char> {
    Some(match entity {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => ' ',
        _ => {
            let number = entity.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(digits) => u32::from_str_radix(digits, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)?
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(page: &str) -> Table {
        let mut found = tables(page.as_bytes());
        assert_eq!(found.len(), 1, "{found:?}");
        found.remove(0)
    }

    #[test]
    fn a_table_is_read_whatever_case_and_attributes_its_tags_have() {
        let table = one(
            "<TABLE border=1><TR class=\"h\"><TH>Line<TH>Status</TR><tr>\n<td> 1 </td><td>a&amp;b&#32;<b>c</b></td></tr></TABLE>",
        );
        assert_eq!(table, [["Line", "Status"], ["1", "a&b c"]]);
    }

    #[test]
    fn ends_that_are_missing_are_where_the_next_begins() {
        assert_eq!(one("<table><tr><td>1<td>2<tr><td>3"), [vec!["1", "2"], vec!["3"]]);
        assert_eq!(one("<table><td>1</td></table>"), [["1"]]);
    }

    #[test]
    fn a_table_in_a_table_is_one_of_its_own() {
        let found = tables(b"<table><tr><td>a<table><tr><td>b</td></tr></table>c</td></tr></table>");
        assert_eq!(found, [vec![vec!["b"]], vec![vec!["ac"]]]);
    }

    #[test]
    fn comments_scripts_and_styles_are_no_text() {
        let page =
            "<table><tr><td><!-- <td>x</td> -->1<script>if (a<b) '<td>'</script>2<style>td{}</STYLE></td></tr></table>";
        assert_eq!(one(page), [["12"]]);
        assert_eq!(tables(b"<!-- <table><tr><td>1</td></tr></table>"), Vec::<Table>::new());
        assert_eq!(tables(b"no table <td>1</td> <"), Vec::<Table>::new());
    }

    #[test]
    fn text_is_what_is_seen_and_not_what_a_terminal_obeys() {
        let table = one("<table><tr><td>\x1b[2J&#27;x&nbsp;&nbsp;y&bogus;&#xfffffff;</td></tr></table>");
        assert_eq!(table, [["[2J x y&bogus;&#xfffffff;"]]);
        let long = format!("<table><tr><td>{}</td></tr></table>", "ä".repeat(5000));
        assert_eq!(one(&long)[0][0].len(), MAX_TEXT);
    }

    #[test]
    fn much_too_much_is_bounded() {
        assert!(tables("<table>".repeat(9000).as_bytes()).is_empty());
        let cells = "<table><tr><td>1".repeat(6000);
        let told: usize = tables(cells.as_bytes()).iter().flatten().map(Vec::len).sum();
        assert!(told <= MAX_CELLS);
    }
}
