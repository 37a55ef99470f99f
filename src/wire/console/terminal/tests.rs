//! What a terminal would show, and what it would do that this one does not.

use proptest::prelude::*;

use super::*;

fn after(bytes: &[u8]) -> Terminal {
    let mut terminal = Terminal::default();
    terminal.feed(bytes);
    terminal
}

fn row(terminal: &Terminal, row: u16) -> String {
    let cells = terminal.cells(row).map(|cell| if cell.text.is_empty() { " " } else { cell.text });
    cells.collect::<String>().trim_end().to_owned()
}

#[test]
fn text_stands_where_it_was_put_and_what_is_written_over_is_gone() {
    let terminal =
        after(b"\x1b[2J\x1b[3;5Hstatus\x1b[1;1Htop\x1b[3;5HSTAT\x1b[24;1Hend\x1b[5;1Hgone\x1b[2K\x1b[10;10H");
    assert_eq!((row(&terminal, 0).as_str(), row(&terminal, 2).as_str()), ("top", "    STATus"));
    assert_eq!((row(&terminal, 4).as_str(), row(&terminal, 23).as_str()), ("", "end"));
    assert_eq!((terminal.cursor(), terminal.bottom()), (Some((9, 9)), 23));
    assert_eq!(after(b"\x1b[?25l").cursor(), None, "the cursor can be hidden");
}

#[test]
fn text_looks_as_it_was_to_look() {
    let terminal = after(b"a\x1b[1;31;44mb\x1b[0;7mc\x1b[0;4;38;2;1;2;3md");
    let cells: Vec<_> = terminal.cells(0).take(4).map(|cell| cell.rendition).collect();
    assert_eq!(cells[0], Rendition::default());
    let red_on_blue =
        Rendition { bold: true, text: Colour::Palette(1), behind: Colour::Palette(4), ..Rendition::default() };
    assert_eq!(cells[1], red_on_blue);
    assert_eq!(cells[2], Rendition { inverse: true, ..Rendition::default() });
    assert_eq!(cells[3], Rendition { underline: true, text: Colour::Direct(1, 2, 3), ..Rendition::default() });
}

#[test]
fn a_control_string_is_not_shown_however_it_ends_and_what_follows_is() {
    for string in [
        &b"\x1b]0;title\x07"[..],
        b"\x1b]52;c;cm0=\x1b\\",
        b"\x1bP+q544e\x1b\\",
        b"\x1b_apc\x1b\\",
        b"\x1b]0;broken\x18",
        b"\x1b]0;title\x1b[1m",
    ] {
        let mut bytes = b"before ".to_vec();
        bytes.extend_from_slice(string);
        bytes.extend_from_slice(b"after");
        assert_eq!(row(&after(&bytes), 0), "before after", "{}", string.escape_ascii());
    }
    let terminal = after(b"\x1b]0;no end\r\nnext \x1b[12\r\nlast");
    assert_eq!((row(&terminal, 0), row(&terminal, 1).as_str()), (String::new(), "next"));
    assert_eq!(row(&terminal, 2), "last", "a line feed ends a sequence too");
    // One that never ends is garbage, and swallows no more than a kilobyte.
    let mut endless = b"\x1b]0;".to_vec();
    endless.extend(std::iter::repeat_n(b'x', 1 << 20));
    assert_eq!(row(&after(&endless), 0), "x".repeat(COLUMNS.into()));
}

#[test]
fn it_scrolls_back_as_far_as_it_remembers_and_stays_there() {
    let mut terminal = Terminal::default();
    for number in 0..3000 {
        terminal.feed(format!("line {number}\r\n").as_bytes());
    }
    assert_eq!((row(&terminal, 22).as_str(), terminal.most_back()), ("line 2999", HISTORY + 6));
    terminal.hold(10);
    assert_eq!((row(&terminal, 22).as_str(), terminal.cursor(), terminal.bottom()), ("line 2989", None, 23));
    terminal.feed(b"more\r\n");
    assert_eq!((row(&terminal, 22).as_str(), terminal.back()), ("line 2989", 11));
    terminal.hold(usize::MAX);
    assert_eq!((terminal.back(), terminal.bottom()), (HISTORY + 6, 17));
    terminal.follow();
    assert_eq!((row(&terminal, 22).as_str(), terminal.bottom()), ("more", 23));
}

#[test]
fn rows_of_the_screen_are_scrolled_to_as_well_where_nothing_went_out_at_its_top() {
    let mut terminal = after(b"\x1b[1;1Htop\x1b[22;1Hlow");
    assert_eq!((terminal.bottom(), terminal.back(), terminal.most_back()), (21, 2, 6));
    terminal.hold(3);
    assert_eq!((terminal.bottom(), terminal.is_held(), terminal.cursor()), (20, true, Some((21, 3))));
    terminal.feed(b"\x1b[24;1Hlast");
    assert_eq!(terminal.bottom(), 20, "it stays there");
    terminal.follow();
    assert_eq!(terminal.bottom(), 23);
    terminal.feed(b"\x1b[7;1H");
    assert_eq!(terminal.bottom(), 23, "where the cursor is shown as well");
    terminal.feed(b"\x1b[20;1Hfoot\x1b[3;1H");
    assert_eq!(terminal.bottom(), 19, "and else as far as it is");
}

#[test]
fn numbers_that_no_screen_has_are_done_as_far_as_it_has_rows_and_columns() {
    let terminal = after(b"top\x1b[65535;65535Hx\x1b[1;1H\x1b[3Gp!");
    assert_eq!((row(&terminal, 0).as_str(), row(&terminal, 23).len()), ("top!", 80));
    let mut scrolled = after(b"\x1b[1;1Hone\x1b[99999S");
    assert_eq!((row(&scrolled, 0).as_str(), scrolled.most_back()), ("", 24 + 6));
    scrolled.feed(b"\x1b[");
    scrolled.feed(b"99999");
    scrolled.feed(b"S");
    assert_eq!(scrolled.most_back(), 48 + 6, "also where it comes in pieces");
    assert_eq!(after(b"\x1b[38;2;255;128;9ma").cells(0).next().unwrap().rendition.text, Colour::Direct(255, 128, 9));
    let mut endless = b"\x1b[".to_vec();
    endless.extend(std::iter::repeat_n(b'1', 1 << 20));
    let mut terminal = after(&endless);
    assert!(terminal.passed.len() < 2 * LONGEST);
    terminal.feed(b"mtext");
    assert_eq!(row(&terminal, 0), "text");
}

proptest! {
    #[test]
    fn whatever_comes_however_it_is_cut_the_same_stands_in_the_same_80_columns(
        pieces in prop::collection::vec(
            prop_oneof![
                prop::sample::select(vec![
                    &b"\x1b["[..], b"\x1b]0;", b"\x1bP", b"\x1b\\", b"\x07", b"\r\n", b"\x1b[2J", b"\x1b[5;9H", b"\x1b[1;80H", b"\x1b[3;7r",
                    b"\x1b[L", b"\x1b[99M", b"\x1b[4@", b"\x1b[?1049h", b"\x1b[?1049l", b"\x1b[?6h", b"\x1bM", b"\x1b7", b"\x1b8",
                    b"\t", b"\x08", "漢".as_bytes(), "e\u{301}".as_bytes(), "\u{202e}".as_bytes(), b"\xff", b"text", b"\x1bc",
                ]).prop_map(<[u8]>::to_vec),
                prop::collection::vec(any::<u8>(), 0..8),
            ],
            0..60,
        ),
        cut in 0_usize..100,
    ) {
        let bytes = pieces.concat();
        let whole = after(&bytes);
        let (one, other) = bytes.split_at(cut.min(bytes.len()));
        let mut cut = after(one);
        cut.feed(other);
        for row in 0..ROWS {
            let cells: Vec<_> = whole.cells(row).collect();
            prop_assert!(cells == cut.cells(row).collect::<Vec<_>>(), "row {}: {:?}, or {:?}", row, self::row(&whole, row), self::row(&cut, row));
            let mut next = 0;
            for cell in cells {
                prop_assert_eq!(cell.column, next);
                next += cell.columns;
            }
            // A wide character at the edge has no second half.
            prop_assert!(next == COLUMNS || next == COLUMNS + 1);
        }
    }
}
