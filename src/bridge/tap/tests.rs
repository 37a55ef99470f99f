//! Both halves on a pair of datagram sockets, which like a packet socket keep the borders of what is sent.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, recv, send, setsockopt, socketpair, sockopt};

use super::*;

fn pair() -> (OwnedFd, OwnedFd) {
    let (near, far) = socketpair(AddressFamily::Unix, SockType::Datagram, None, SockFlag::SOCK_NONBLOCK).unwrap();
    setsockopt(&near, sockopt::SndBuf, &(1 << 20)).unwrap();
    (near, far)
}

fn frame(number: usize) -> Vec<u8> {
    let mut bytes = vec![number as u8; 60 + number];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    bytes
}

#[test]
fn what_waits_is_taken_in_its_order_and_what_is_longer_than_any_frame_is_known_to_be_cut() {
    let (near, far) = pair();
    for number in 0..10 {
        let bytes = if number == 4 { vec![4; FRAME_MAX + 1000] } else { frame(number) };
        send(near.as_raw_fd(), &bytes, MsgFlags::empty()).unwrap();
    }
    let mut inbound = Inbound::default();
    assert_eq!(inbound.fill(far.as_fd()).unwrap(), 10);
    for number in 0..10 {
        let received = inbound.next().unwrap();
        assert_eq!(received.truncated(), number == 4);
        match number {
            4 => assert_eq!((received.bytes.len(), received.original_len), (FRAME_MAX, FRAME_MAX + 1000)),
            _ => assert_eq!(received.bytes, frame(number)),
        }
    }
    assert!(inbound.next().is_none());
    assert_eq!(inbound.fill(far.as_fd()).unwrap(), 0, "and there is no more");
}

#[test]
fn more_than_one_call_takes_is_taken_by_the_next_and_nothing_in_hand_is_forgotten() {
    let (near, far) = pair();
    let mut inbound = Inbound::default();
    let mut taken = 0;
    for batch in [10, 3] {
        for number in 0..batch {
            send(near.as_raw_fd(), &frame(taken + number), MsgFlags::empty()).unwrap();
        }
        assert_eq!(inbound.fill(far.as_fd()).unwrap(), batch);
        assert_eq!(inbound.next().unwrap().bytes, frame(taken));
        assert_eq!(inbound.fill(far.as_fd()).unwrap(), batch - 1, "those in hand come first");
        for number in 1..batch {
            assert_eq!(inbound.next().unwrap().bytes, frame(taken + number));
        }
        taken += batch;
    }
}

#[test]
fn what_is_queued_goes_in_its_order_but_for_what_can_not_be_sent_which_comes_back() {
    let (near, far) = pair();
    setsockopt(&near, sockopt::SndBuf, &(200 << 10)).unwrap();
    let mut outbound = Outbound::default();
    let too_long = vec![9; 1 << 20];
    for number in 0..6 {
        let bytes = if number == 2 { too_long.clone() } else { frame(number) };
        outbound.queue(&bytes);
    }
    let mut refused = Vec::new();
    while let Err(Unsendable { frame, error }) = outbound.flush(near.as_fd()) {
        assert_eq!(error.raw_os_error(), Some(libc::EMSGSIZE));
        refused.push(frame.len());
    }
    assert_eq!(refused, [too_long.len()]);
    let mut buffer = [0; 256];
    let mut arrived = Vec::new();
    while let Ok(len) = recv(far.as_raw_fd(), &mut buffer, MsgFlags::empty()) {
        arrived.push(buffer[..len].to_vec());
    }
    assert_eq!(arrived, [0, 1, 3, 4, 5].map(frame));
    assert_eq!(outbound.clear(), 0, "nothing waits any more");
}

#[test]
fn a_queue_says_when_it_is_full_and_what_is_cleared_does_not_go() {
    let (near, far) = pair();
    let mut outbound = Outbound::default();
    let full: Vec<bool> = (0..BATCH).map(|number| outbound.queue(&frame(number))).collect();
    assert_eq!(full.iter().position(|full| *full), Some(BATCH - 1));
    assert_eq!(outbound.clear(), BATCH);
    assert!(outbound.queue(&vec![0; 300 << 10]), "bytes count as well");
    outbound.clear();
    outbound.flush(near.as_fd()).unwrap();
    assert!(recv(far.as_raw_fd(), &mut [0; 64], MsgFlags::empty()).is_err());
}
