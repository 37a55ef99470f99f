//! The capture of a run on the disk: one file after the other, each valid on its own.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io::{self, BufWriter},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use crate::{
    event::{OutageId, RawRef},
    journal::run_dir::capture_file,
    wire::capture::{CaptureWriter, Note, Side},
};

/// Most bytes of a frame's block besides the frame and its comments, and of a comment's option besides its text.
const BLOCK: usize = 40;
/// See [`BLOCK`].
const OPTION: usize = 8;

/// Longer than any block: each is handed to the operating system at once and whole.
const LONGEST: usize = 128 << 10;

/// Writes frames, and what is to be said of them.
#[derive(Debug)]
pub(super) struct Recording {
    directory: PathBuf,
    private: bool,
    /// A file ends ahead of the frame with which it would have more bytes.
    limit: u64,
    number: u32,
    writer: CaptureWriter<BufWriter<File>>,
    /// Length of the file before its first frame.
    empty: u64,
    /// Notes that wait for the next frame.
    waiting: Vec<Note>,
    /// The beginnings of the outages that last.
    in_force: BTreeMap<OutageId, Note>,
}

/// A frame to be written.
#[derive(Debug)]
pub(super) struct Frame<'a> {
    /// On which side it was seen.
    pub side: Side,
    /// When, in nanoseconds since the Unix epoch.
    pub unix_ns: i64,
    /// Its length on the wire.
    pub original_len: u32,
    /// What there is of it.
    pub bytes: &'a [u8],
}

impl Recording {
    /// Begins `capture.pcapng` in a directory; nobody else may read it if it is `private`.
    pub fn begin(directory: &Path, private: bool, limit: u64) -> io::Result<Self> {
        let writer = open(directory, private, 1)?;
        Ok(Self {
            directory: directory.to_owned(),
            private,
            limit,
            number: 1,
            empty: writer.written(),
            writer,
            waiting: Vec::new(),
            in_force: BTreeMap::new(),
        })
    }

    /// Name of the file that is being written.
    pub fn file(&self) -> String {
        capture_file(self.number)
    }

    /// Keeps a note for the next frame.
    pub fn note(&mut self, note: Note) {
        match &note {
            Note::OutageBegan { outage, .. } => drop(self.in_force.insert(*outage, note.clone())),
            Note::OutageEnded { outage, .. } => drop(self.in_force.remove(outage)),
            // About one frame.
            _ => {}
        }
        self.waiting.push(note);
    }

    /// Writes a frame with notes on it, and then those that wait.
    pub fn write(&mut self, frame: &Frame<'_>, notes: &[Note]) -> io::Result<RawRef> {
        let mut comments = self.comments(notes);
        let written = self.writer.written();
        let len = BLOCK + frame.bytes.len() + comments.iter().map(|text| OPTION + text.len()).sum::<usize>();
        if written > self.empty && written + len as u64 > self.limit {
            self.turn()?;
            comments = self.comments(notes);
        }
        let Frame { side, unix_ns, original_len, bytes } = *frame;
        let place = self.writer.write(side, unix_ns, original_len, bytes, &comments)?;
        // Whatever dies, what the journal refers to is there.
        self.writer.flush()?;
        self.waiting.clear();
        Ok(RawRef { file: self.file(), offset: place.offset, len: place.len })
    }

    /// Writes what is left to be said at `unix_ns`, and hands everything to the operating system.
    pub fn finish(&mut self, unix_ns: i64) -> io::Result<()> {
        if !self.waiting.is_empty() {
            self.writer.remark(unix_ns, &self.comments(&[]))?;
            self.waiting.clear();
        }
        self.writer.flush()
    }

    fn comments(&self, notes: &[Note]) -> Vec<String> {
        notes.iter().chain(&self.waiting).map(Note::to_string).collect()
    }

    /// Goes on in the next file, which says first what is in force.
    fn turn(&mut self) -> io::Result<()> {
        self.writer.flush()?;
        self.number += 1;
        self.writer = open(&self.directory, self.private, self.number)?;
        let told = |note: &Note| !self.waiting.contains(note);
        let lasting: Vec<Note> = self.in_force.values().filter(|note| told(note)).cloned().collect();
        self.waiting.splice(0..0, lasting);
        Ok(())
    }
}

fn open(directory: &Path, private: bool, number: u32) -> io::Result<CaptureWriter<BufWriter<File>>> {
    let mode = if private { 0o600 } else { 0o644 };
    let path = directory.join(capture_file(number));
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(path)?;
    CaptureWriter::new(BufWriter::with_capacity(LONGEST, file))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::{event::ServerName, wire::capture::CaptureReader};

    /// A frame and what is said of it.
    type Noted = (Vec<u8>, Vec<Note>);

    fn frame(bytes: &[u8]) -> Frame<'_> {
        Frame { side: Side::Phone, unix_ns: 7, original_len: bytes.len() as u32, bytes }
    }

    fn began(number: u32) -> Note {
        let (outage, server) = (OutageId(number), ServerName::from("a"));
        Note::OutageBegan { outage, server, unix_ns: i64::from(number), error_ns: 1 }
    }

    fn ended(number: u32) -> Note {
        let (outage, server) = (OutageId(number), ServerName::from("a"));
        Note::OutageEnded { outage, server, unix_ns: 10 + i64::from(number), error_ns: 1 }
    }

    /// The frames of a file with their notes, and the notes at its end.
    fn read(path: &Path) -> (Vec<Noted>, Vec<Note>) {
        let mut reader = CaptureReader::new(File::open(path).unwrap()).unwrap();
        let mut frames = Vec::new();
        while let Some(captured) = reader.next() {
            let captured = captured.unwrap();
            let notes = captured.comment.iter().flat_map(|comment| Note::all(comment)).collect();
            frames.push((captured.bytes.to_vec(), notes));
        }
        assert_eq!(reader.ending(), crate::wire::capture::Ending::Whole);
        (frames, reader.remarks().iter().flat_map(|remark| Note::all(remark)).collect())
    }

    #[test]
    fn what_was_written_is_there_though_nobody_ended_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let mut recording = Recording::begin(folder.path(), false, u64::MAX).unwrap();
        let place = recording.write(&frame(&[7; 60_000]), &[]).unwrap();
        std::mem::forget(recording);
        let length = fs::metadata(folder.path().join(place.file)).unwrap().len();
        assert_eq!(length, place.offset + place.len);
    }

    #[test]
    fn a_file_is_followed_by_the_next_before_it_grows_beyond_its_limit() {
        let directory = tempfile::tempdir().unwrap();
        let mut recording = Recording::begin(directory.path(), false, 2000).unwrap();
        let frames: Vec<Vec<u8>> = (0..20_u8).map(|index| vec![index; 300]).collect();
        let places: Vec<RawRef> = frames.iter().map(|bytes| recording.write(&frame(bytes), &[]).unwrap()).collect();
        recording.finish(99).unwrap();
        let mut read_back = Vec::new();
        for number in 1..=recording.number {
            let path = directory.path().join(capture_file(number));
            assert!(fs::metadata(&path).unwrap().len() <= 2000);
            read_back.extend(read(&path).0.into_iter().map(|(bytes, _)| bytes));
        }
        assert!(recording.number > 3, "several files");
        assert_eq!(read_back, frames, "nothing is lost between two of them");
        for (place, bytes) in places.iter().zip(&frames) {
            let file = fs::read(directory.path().join(&place.file)).unwrap();
            let block = &file[place.offset as usize..(place.offset + place.len) as usize];
            assert_eq!(&block[28..328], bytes, "in {}", place.file);
        }
    }

    #[test]
    fn a_frame_longer_than_a_file_may_be_has_one_of_its_own() {
        let directory = tempfile::tempdir().unwrap();
        let mut recording = Recording::begin(directory.path(), false, 100).unwrap();
        for _ in 0..3 {
            recording.write(&frame(&[1; 500]), &[]).unwrap();
        }
        assert_eq!(recording.file(), "capture-3.pcapng");
    }

    #[test]
    fn outages_are_told_on_the_next_frame_and_again_in_the_next_file_while_they_last() {
        let directory = tempfile::tempdir().unwrap();
        let mut recording = Recording::begin(directory.path(), false, 700).unwrap();
        let dropped = Note::Dropped { outage: OutageId(1) };
        recording.write(&frame(&[0; 100]), &[]).unwrap();
        recording.note(began(1));
        recording.note(began(2));
        recording.note(ended(2));
        recording.write(&frame(&[1; 100]), std::slice::from_ref(&dropped)).unwrap();
        recording.note(began(3));
        recording.write(&frame(&[2; 400]), &[]).unwrap();
        recording.note(ended(1));
        recording.note(ended(3));
        recording.finish(99).unwrap();
        let (first, end) = read(&directory.path().join("capture.pcapng"));
        assert_eq!((&first[0].1[..], &first[1].1[..]), (&[][..], &[dropped, began(1), began(2), ended(2)][..]));
        assert_eq!(end, []);
        let (second, end) = read(&directory.path().join("capture-2.pcapng"));
        assert_eq!(second, [(vec![2; 400], vec![began(1), began(3)])]);
        assert_eq!(end, [ended(1), ended(3)]);
    }

    #[test]
    fn kept_secrets_are_for_the_user_alone_in_every_file() {
        use std::os::unix::fs::PermissionsExt;
        for (private, mode) in [(true, 0o600), (false, 0o644)] {
            let directory = tempfile::tempdir().unwrap();
            let mut recording = Recording::begin(directory.path(), private, 1).unwrap();
            recording.write(&frame(b"one"), &[]).unwrap();
            recording.write(&frame(b"two"), &[]).unwrap();
            for file in fs::read_dir(directory.path()).unwrap() {
                assert_eq!(file.unwrap().metadata().unwrap().permissions().mode() & 0o777 & !0o022, mode);
            }
        }
    }
}
