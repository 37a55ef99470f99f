//! Captures written, and read back with the crate's own reader.

use pcap_file::pcapng::{Block, PcapNgReader};

use super::*;

const JUST_NOW: i64 = 1_790_000_000_123_456_789;

fn blocks(file: &[u8]) -> Vec<Block<'static>> {
    let mut reader = PcapNgReader::new(file).unwrap();
    let mut blocks = Vec::new();
    while let Some(block) = reader.next_block() {
        blocks.push(block.unwrap().into_owned());
    }
    blocks
}

#[test]
fn a_frame_is_read_back_with_side_time_length_and_comment() {
    let mut writer = CaptureWriter::new(Vec::new()).unwrap();
    writer.write(Side::Phone, JUST_NOW, 60, b"abc", &[]).unwrap();
    writer.write(Side::Server, JUST_NOW + 1, 5, b"hello", &["one".to_owned(), "two".to_owned()]).unwrap();
    writer.remark(JUST_NOW + 2, &["three".to_owned()]).unwrap();
    assert_eq!(writer.written(), writer.inner.get_ref().writer.len() as u64);
    let blocks = blocks(&writer.into_inner());
    let names: Vec<_> = blocks
        .iter()
        .filter_map(|block| match block {
            Block::InterfaceDescription(interface) => Some(interface.options.clone()),
            _ => None,
        })
        .collect();
    let options = |name: &'static str| {
        vec![InterfaceDescriptionOption::IfName(Cow::Borrowed(name)), InterfaceDescriptionOption::IfTsResol(9)]
    };
    assert_eq!(names, [options("phone-side"), options("server-side")]);
    let Block::EnhancedPacket(first) = &blocks[2] else { panic!("{blocks:?}") };
    assert_eq!((first.interface_id, first.original_len, &*first.data), (0, 60, &b"abc"[..]));
    assert_eq!(first.timestamp, Duration::from_nanos(1_790_000_000_123_456_789));
    assert_eq!(first.options, []);
    let Block::EnhancedPacket(second) = &blocks[3] else { panic!("{blocks:?}") };
    assert_eq!((second.interface_id, &*second.data), (1, &b"hello"[..]));
    assert_eq!(second.options, ["one", "two"].map(|text| EnhancedPacketOption::Comment(Cow::Borrowed(text))));
    let Block::InterfaceStatistics(last) = &blocks[4] else { panic!("{blocks:?}") };
    assert_eq!(last.options, [InterfaceStatisticsOption::Comment(Cow::Borrowed("three"))]);
}

#[test]
fn an_offset_leads_to_the_block_that_it_was_given_for() {
    let mut writer = CaptureWriter::new(Vec::new()).unwrap();
    let offsets: Vec<RawOffset> = (0..20_u8)
        .map(|index| writer.write(Side::Phone, 1, 9, &vec![index; usize::from(index)], &["x".to_owned()]).unwrap())
        .collect();
    let file = writer.into_inner();
    assert_eq!(offsets.last().map(|last| last.offset + last.len), Some(file.len() as u64));
    for (index, RawOffset { offset, len }) in offsets.into_iter().enumerate() {
        let block = &file[offset as usize..(offset + len) as usize];
        assert_eq!(block[..4], 6_u32.to_ne_bytes(), "an enhanced packet block");
        assert_eq!(block[4..8], u32::try_from(len).unwrap().to_ne_bytes());
        assert_eq!(block[28..28 + index], vec![index as u8; index]);
    }
}

#[test]
fn a_comment_too_long_for_its_length_field_is_cut_at_a_character() {
    let mut writer = CaptureWriter::new(Vec::new()).unwrap();
    writer.write(Side::Phone, -5, 1, b"a", &["ä".repeat(40_000)]).unwrap();
    let blocks = blocks(&writer.into_inner());
    let Block::EnhancedPacket(packet) = &blocks[2] else { panic!("{blocks:?}") };
    assert_eq!(packet.timestamp, Duration::ZERO, "a time before the epoch");
    let EnhancedPacketOption::Comment(comment) = &packet.options[0] else { panic!() };
    assert!(comment.len() <= MAX_COMMENT && comment.chars().all(|char| char == 'ä'), "{}", comment.len());
}

/// Takes a few bytes, then fails as a full disk does.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::StorageFull.into())
    }
}

#[test]
fn a_full_disk_is_reported_as_such() {
    assert_eq!(CaptureWriter::new(Full(10)).err().map(|error| error.kind()), Some(io::ErrorKind::StorageFull));
    let mut writer = CaptureWriter::new(Full(300)).unwrap();
    assert_eq!(writer.flush().unwrap_err().kind(), io::ErrorKind::StorageFull);
    let error = writer.write(Side::Phone, 0, 1, &[0; 400], &[]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
}
