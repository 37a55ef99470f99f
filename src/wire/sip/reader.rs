//! Reads messages one after the other.

use super::{
    Header, MAX_MESSAGE, Message, Unreadable,
    glance::{Gathered, Glance},
    head::{Field, Head},
    is_keep_alive,
    shape::Shapes,
    start::Start,
    tidy, typed,
};
use crate::event::SipMessage;

/// Headers of most messages: room for so many is made at once.
const USUAL_FIELDS: usize = 24;

/// Reads messages, and keeps what can be used again for the next one.
#[derive(Debug, Default)]
pub struct Reader {
    /// A head that had to be brought into order.
    tidy: String,
    /// What rsip is given.
    for_rsip: String,
    /// None: rsip is given every message.
    shapes: Option<Shapes>,
    passed: u64,
}

impl Reader {
    /// Gives every message to rsip.
    pub fn every() -> Self {
        Self::default()
    }

    /// Gives rsip the first message of each shape only, and all that are odd in any way. What is read is the same.
    pub fn by_shape() -> Self {
        Self { shapes: Some(Shapes::default()), ..Self::default() }
    }

    /// Reads one message: a datagram, or what `stream` cut from a connection.
    ///
    /// # Errors
    /// If there is no start line, no end of the headers, or too much of anything; or if rsip refuses it or understands a
    /// header otherwise.
    pub fn glance<'s>(&'s mut self, bytes: &'s [u8]) -> Result<Glance<'s>, Unreadable> {
        let Self { tidy, for_rsip, shapes, passed } = self;
        let mut gathered = Gathered::default();
        let Some(shapes) = shapes else {
            let mut fields = Vec::with_capacity(USUAL_FIELDS);
            let read = Read::of(bytes, tidy, &mut fields, &mut gathered)?;
            *passed += 1;
            typed::through_rsip(&read.start, &fields, for_rsip)?;
            return Ok(gathered.glance(read.start, read.behind));
        };
        let read = Read::of(bytes, tidy, shapes, &mut gathered)?;
        let glance = gathered.glance(read.start, read.behind);
        if !shapes.known() || !glance.oddities.is_empty() {
            *passed += 1;
            typed::through_rsip(&read.start, &read.head.collect::<Vec<_>>(), for_rsip)?;
            shapes.keep();
        }
        Ok(glance)
    }

    /// Reads a message for the journal. Never fails: what can not be read is named.
    pub fn read(&mut self, bytes: &[u8]) -> SipMessage {
        match self.glance(bytes) {
            Ok(glance) => SipMessage::Read(Box::new(glance.summary())),
            Err(Unreadable { reason, offset }) => SipMessage::Unreadable { reason, offset },
        }
    }

    /// Messages that rsip was given so far.
    pub fn passed(&self) -> u64 {
        self.passed
    }
}

/// Reads one message with all of its headers, as rsip returns them.
pub(super) fn message(bytes: &[u8]) -> Result<Message, Unreadable> {
    let (mut tidy, mut fields, mut gathered) = (String::new(), Vec::new(), Gathered::default());
    let Read { start, behind, .. } = Read::of(bytes, &mut tidy, &mut fields, &mut gathered)?;
    let understood = typed::through_rsip(&start, &fields, &mut String::new())?;
    let headers = understood
        .iter()
        .zip(fields)
        .map(|(header, field)| Header { name: field.long_name.to_owned(), value: typed::value_of(header).to_owned() });
    let glance = gathered.glance(start, behind);
    Ok(Message { headers: headers.collect(), body: glance.body.to_vec(), summary: glance.summary() })
}

/// Who is shown each line of a message, besides what gathers what it says.
trait Onlooker<'a> {
    /// The start line, which begins all anew.
    fn start(&mut self, start: &Start<'a>);
    /// The next header.
    fn field(&mut self, field: &Field<'a>);
}

impl Onlooker<'_> for Shapes {
    fn start(&mut self, start: &Start<'_>) {
        self.begin(start);
    }

    fn field(&mut self, field: &Field<'_>) {
        self.add(field);
    }
}

impl<'a> Onlooker<'a> for Vec<Field<'a>> {
    fn start(&mut self, _: &Start<'a>) {
        self.clear();
    }

    fn field(&mut self, field: &Field<'a>) {
        self.push(*field);
    }
}

/// A message whose lines were gone over.
struct Read<'a> {
    start: Start<'a>,
    /// At the headers, for those who look at them again.
    head: Head<'a>,
    /// What follows the head.
    behind: &'a [u8],
}

impl<'a> Read<'a> {
    /// Goes over a message, in `tidy` where its head has to be brought into order.
    fn of(
        bytes: &'a [u8],
        tidy: &'a mut String,
        onlooker: &mut impl Onlooker<'a>,
        gathered: &mut Gathered<'a>,
    ) -> Result<Self, Unreadable> {
        if bytes.len() > MAX_MESSAGE {
            return Err(Unreadable::at(MAX_MESSAGE, "longer than 65536 bytes"));
        }
        if is_keep_alive(bytes) {
            return Err(Unreadable::at(0, "a keep-alive, no message"));
        }
        if let Some(read) = Self::over(bytes, onlooker, gathered).map_err(|why| Unreadable::at(0, why))? {
            return Ok(read);
        }
        let tidied = tidy::tidy(bytes, tidy)?;
        *gathered = Gathered::new(tidied.oddities);
        let read = Self::over(tidy.as_bytes(), onlooker, gathered).and_then(|read| read.ok_or("no start line"));
        let read = read.map_err(|why| Unreadable::at(tidied.start_at, why))?;
        Ok(Self { behind: &bytes[tidied.body_at..], ..read })
    }

    /// None if the head is not tidy.
    fn over(
        bytes: &'a [u8],
        onlooker: &mut impl Onlooker<'a>,
        gathered: &mut Gathered<'a>,
    ) -> Result<Option<Self>, &'static str> {
        let mut lines = Head::of(bytes);
        let Some(line) = lines.start_line() else { return Ok(None) };
        let start = Start::parse(line, &mut gathered.odd)?;
        onlooker.start(&start);
        let head = lines.clone();
        for field in &mut lines {
            onlooker.field(&field);
            gathered.take(&field, &start);
        }
        gathered.odd.note_if(lines.holds_nul(), "a NUL in the head");
        Ok(lines.len().map(|len| Self { start, head, behind: &bytes[len..] }))
    }
}
