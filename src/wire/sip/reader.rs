//! Reads messages one after the other.

use super::{
    Header, MAX_MESSAGE, Message, Unreadable,
    glance::{Gathered, Glance},
    head::Head,
    is_keep_alive,
    shape::Shapes,
    start::Start,
    tidy, typed,
};
use crate::event::SipMessage;

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
        let read = Read::of(bytes, tidy, shapes.as_mut(), &mut gathered)?;
        let glance = gathered.glance(read.start, read.behind);
        if !glance.oddities.is_empty() || !shapes.as_ref().is_some_and(Shapes::known) {
            *passed += 1;
            typed::through_rsip(&read.start, read.fields, for_rsip)?;
            if let Some(shapes) = shapes {
                shapes.keep();
            }
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
    let (mut tidy, mut gathered) = (String::new(), Gathered::default());
    let Read { start, fields, behind } = Read::of(bytes, &mut tidy, None, &mut gathered)?;
    let understood = typed::through_rsip(&start, fields.clone(), &mut String::new())?;
    let headers = understood
        .iter()
        .zip(fields)
        .map(|(header, field)| Header { name: field.long_name.to_owned(), value: typed::value_of(header).to_owned() });
    let glance = gathered.glance(start, behind);
    Ok(Message { headers: headers.collect(), body: glance.body.to_vec(), summary: glance.summary() })
}

/// A message whose lines were gone over.
struct Read<'a> {
    start: Start<'a>,
    /// The head behind its start line.
    fields: Head<'a>,
    /// What follows the head.
    behind: &'a [u8],
}

impl<'a> Read<'a> {
    /// Goes over a message, in `tidy` where its head has to be brought into order.
    fn of(
        bytes: &'a [u8],
        tidy: &'a mut String,
        mut shapes: Option<&mut Shapes>,
        gathered: &mut Gathered<'a>,
    ) -> Result<Self, Unreadable> {
        if bytes.len() > MAX_MESSAGE {
            return Err(Unreadable::at(MAX_MESSAGE, "longer than 65536 bytes"));
        }
        if is_keep_alive(bytes) {
            return Err(Unreadable::at(0, "a keep-alive, no message"));
        }
        let begun =
            Self::begin(Head::of(bytes), shapes.as_deref_mut(), gathered).map_err(|why| Unreadable::at(0, why))?;
        if let Some((start, fields, len)) = begun {
            return Ok(Self { start, fields, behind: &bytes[len..] });
        }
        let tidied = tidy::tidy(bytes, tidy)?;
        *gathered = Gathered::new(tidied.oddities);
        let begun = Self::begin(Head::of(tidy.as_bytes()), shapes, gathered);
        let (start, fields, _) =
            begun.and_then(|begun| begun.ok_or("no start line")).map_err(|why| Unreadable::at(tidied.start_at, why))?;
        Ok(Self { start, fields, behind: &bytes[tidied.body_at..] })
    }

    /// Start line, head behind it, and length of both. None if the head is not tidy.
    fn begin(
        mut head: Head<'a>,
        mut shapes: Option<&mut Shapes>,
        gathered: &mut Gathered<'a>,
    ) -> Result<Option<(Start<'a>, Head<'a>, usize)>, &'static str> {
        let Some(line) = head.start_line() else { return Ok(None) };
        let start = Start::parse(line, &mut gathered.odd)?;
        let fields = head.clone();
        if let Some(shapes) = &mut shapes {
            shapes.begin(&start);
        }
        for field in &mut head {
            if let Some(shapes) = &mut shapes {
                shapes.add(&field);
            }
            gathered.take(&field, &start);
        }
        gathered.odd.note_if(head.holds_nul(), "a NUL in the head");
        Ok(head.len().map(|len| (start, fields, len)))
    }
}
