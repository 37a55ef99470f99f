//! What it costs to read a packet of a capture, and to read the frame in it: a hundred thousand packets of the length of a
//! REGISTER, from memory.

#![expect(clippy::expect_used, reason = "without a capture there is nothing to measure")]

use std::{hint::black_box, net::SocketAddr, time::Duration};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use siprig::{
    config::Mac,
    wire::{
        capture::{CaptureReader, CaptureWriter, Ending, Side},
        frame::udp_frame,
    },
};

const PACKETS: u32 = 100_000;
/// A REGISTER with credentials.
const PAYLOAD: [u8; 600] = [b'x'; 600];

/// A pcap file, stamps in microseconds.
fn pcap(frame: &[u8]) -> Vec<u8> {
    let words = |words: [u32; 4]| words.into_iter().flat_map(u32::to_le_bytes);
    let mut file = vec![0xD4, 0xC3, 0xB2, 0xA1, 2, 0, 4, 0];
    file.extend(words([0, 0, 65_535, 1]));
    let len = frame.len() as u32;
    for index in 0..PACKETS {
        file.extend(words([1_790_000_000, index, len, len]));
        file.extend(frame);
    }
    file
}

/// A capture of ours; every tenth frame has a note.
fn pcapng(frame: &[u8]) -> Vec<u8> {
    let mut writer = CaptureWriter::new(Vec::new()).expect("memory can be written to");
    let note = ["siprig: dropped by outage 1".to_owned()];
    for index in 0..PACKETS {
        let comments = if index % 10 == 0 { &note[..] } else { &[] };
        let written = writer.write(Side::Phone, index.into(), frame.len() as u32, frame, comments);
        written.expect("memory can be written to");
    }
    writer.into_inner()
}

/// Reads a file to its end; `frames`: what is in the packets, too.
fn read(file: &[u8], frames: bool) -> u32 {
    let mut reader = CaptureReader::new(file).expect("it is a capture");
    let mut count = 0;
    while let Some(captured) = reader.next() {
        let captured = captured.expect("it is whole");
        if frames {
            black_box(captured.frame().expect("it is a datagram"));
        }
        black_box(captured);
        count += 1;
    }
    assert_eq!(reader.ending(), Ending::Whole);
    count
}

fn capture(criterion: &mut Criterion) {
    let (from, to): (SocketAddr, SocketAddr) = (([10, 77, 0, 11], 5060).into(), ([10, 77, 0, 2], 5060).into());
    let frame = udp_frame(Mac([2, 0, 0, 0, 0, 1]), Mac([2, 0, 0, 0, 0, 2]), Some(77), from, to, &PAYLOAD);
    let mut group = criterion.benchmark_group("capture");
    group.throughput(Throughput::Elements(PACKETS.into()));
    group.sample_size(20).measurement_time(Duration::from_secs(3));
    for (format, file) in [("pcap", pcap(&frame)), ("pcapng", pcapng(&frame))] {
        for (name, frames) in [("packets", false), ("packets and frames", true)] {
            assert_eq!(read(&file, frames), PACKETS);
            group.bench_function(format!("{format}, {name}"), |bencher| bencher.iter(|| read(&file, frames)));
        }
    }
    group.finish();
}

criterion_group!(benches, capture);
criterion_main!(benches);
