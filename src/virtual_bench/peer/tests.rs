use super::*;

fn peer() -> Peer {
    Peer::new(PeerSpec {
        name: "q1".to_owned(),
        extension: "8001".to_owned(),
        address: "10.77.0.241".parse().unwrap(),
        port: 5060,
        defects: Vec::new(),
        seed: 1,
    })
}

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn server() -> SocketAddr {
    "10.77.0.2:5060".parse().unwrap()
}

fn sent(peer: &mut Peer) -> Vec<Message> {
    let outputs = std::iter::from_fn(|| peer.poll_output());
    outputs
        .filter_map(|output| match output {
            PeerOutput::Datagram { bytes, .. } => Message::parse(&bytes).ok(),
            PeerOutput::Over { .. } => None,
        })
        .collect()
}

/// The answer of a server to a request.
fn answer(to: &Message, code: u16) -> PeerInput {
    let tagged = format!("{};tag=there", to.header("To").unwrap());
    let headers: Vec<_> = ["Via", "From", "Call-ID", "CSeq"].map(|name| (name, to.header(name).unwrap())).to_vec();
    let headers = [headers, vec![("To", tagged.as_str()), ("Contact", "<sip:1001@10.77.0.11:5060>")]].concat();
    PeerInput::Datagram { from: server(), bytes: build_response(code, sip::reason(code), &headers, b"").unwrap() }
}

#[test]
fn a_call_is_asked_for_again_until_somebody_answers_and_hung_up_when_its_time_is_over() {
    let mut peer = peer();
    let call = PeerInput::Call { number: 7, server: server(), extension: "1001".to_owned(), hold: seconds(20) };
    peer.handle(seconds(1), call);
    let first = sent(&mut peer);
    assert_eq!(first.len(), 1);
    assert_eq!(peer.poll_deadline(), Some(Duration::from_millis(1500)));
    peer.handle(Duration::from_millis(1500), PeerInput::Timeout);
    assert_eq!(sent(&mut peer).len(), 1, "nobody has said anything");
    peer.handle(seconds(2), answer(&first[0], 180));
    peer.handle(seconds(4), answer(&first[0], 200));
    let ack = sent(&mut peer);
    assert_eq!(ack.len(), 1);
    assert!(is_of(&ack[0], "ACK"));
    peer.handle(seconds(21), PeerInput::Timeout);
    let bye = sent(&mut peer);
    assert!(is_of(&bye[0], "BYE"));
    assert_eq!(bye[0].header("To"), Some("<sip:1001@10.77.0.2:5060>;tag=there"));
    peer.handle(seconds(22), answer(&bye[0], 200));
    assert_eq!(peer.poll_output(), Some(PeerOutput::Over { number: 7, failed: None }));
    assert_eq!(peer.poll_deadline(), None);
}

#[test]
fn a_call_that_is_refused_or_that_nobody_answers_came_to_nothing() {
    let call = PeerInput::Call { number: 1, server: server(), extension: "1001".to_owned(), hold: seconds(600) };
    let mut refused = peer();
    refused.handle(seconds(0), call.clone());
    let invite = sent(&mut refused).remove(0);
    refused.handle(seconds(1), answer(&invite, 486));
    let outputs: Vec<_> = std::iter::from_fn(|| refused.poll_output()).collect();
    let [PeerOutput::Datagram { bytes, .. }, PeerOutput::Over { failed: Some(why), .. }] = &outputs[..] else {
        panic!("{outputs:?}")
    };
    assert_eq!(Message::parse(bytes).unwrap().via_branch(), invite.via_branch(), "the ACK is of the same transaction");
    assert_eq!(why, "was refused with 486");
    let mut ignored = peer();
    ignored.handle(seconds(0), call);
    while let Some(due) = ignored.poll_deadline().filter(|due| *due < seconds(100)) {
        ignored.handle(due, PeerInput::Timeout);
    }
    let last = std::iter::from_fn(|| ignored.poll_output()).last();
    assert_eq!(last, Some(PeerOutput::Over { number: 1, failed: Some("was not answered".to_owned()) }));
}
