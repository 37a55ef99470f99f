//! Against sockets that behave as phones do, and as none does.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

use super::*;
use crate::{
    event::Stamp,
    wire::{
        aastra_xml::from_post,
        http::{HttpRequest, HttpResponse, RequestReader},
    },
};

const OURS: &str = "127.0.0.9";

#[tokio::test]
async fn keys_are_pushed_one_after_the_other_from_our_own_address_and_acknowledged_once() {
    let mut rig = Rig::new().await;
    rig.press(7, vec!["1".into(), "navup".into()]);
    for uri in ["Key:KeyPad1", "Key:NavUp"] {
        let (mut stream, from) = rig.listener.accept().await.unwrap();
        assert_eq!(from.ip().to_string(), OURS);
        let request = request(&mut stream).await;
        assert_eq!((request.method.as_str(), request.target.as_str()), ("POST", "/"));
        let expected = Object::Execute(Execute::of([ExecuteUri::read(uri)]));
        assert_eq!(from_post(&request.body), Ok(expected));
        assert!(rig.nobody_else_calls().await, "the next one waits for the answer to this one");
        stream.write_all(&HttpResponse::bare(200).to_bytes()).await.unwrap();
    }
    assert_eq!(rig.played().await, (7, None));
}

#[tokio::test]
async fn a_command_is_pushed_and_answered_under_its_own_number() {
    let mut rig = Rig::new().await;
    rig.pusher.command(3, PushCommand::FastReboot);
    let (mut stream, _) = rig.listener.accept().await.unwrap();
    let body = String::from_utf8(request(&mut stream).await.body).unwrap();
    assert!(body.starts_with("xml=<") && body.contains(r#"URI="Command: FastReboot""#), "{body}");
    // No more than the head counts, whatever follows it.
    stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n").await.unwrap();
    let Observed::Pushed { sequence, error, .. } = rig.reports.recv().await.unwrap().observed else { panic!() };
    assert_eq!((sequence, error), (3, None));
}

#[tokio::test]
async fn what_a_phone_says_instead_of_200_is_an_error_with_a_remedy() {
    let huge = [b"HTTP/1.1 200 OK\r\nX: ".as_slice(), &[b'x'; 40_000]].concat();
    for (answer, expected) in [
        (HttpResponse::bare(403).to_bytes(), "refuses pushes from 127.0.0.9 (403); add 127.0.0.9 to the phone's"),
        (HttpResponse::who_are_you("x").to_bytes(), "refuses pushes from 127.0.0.9 (401); add 127.0.0.9"),
        (HttpResponse::bare(404).to_bytes(), "takes no pushes (404); is that the phone's web interface?"),
        (HttpResponse::bare(500).to_bytes(), "answered 500 to a push; look into"),
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n".to_vec(), "gave no answer of a web interface"),
        (huge, "longer than 16384 bytes"),
        (Vec::new(), "closed the connection without an answer"),
    ] {
        let mut rig = Rig::new().await;
        rig.press(1, vec!["1".into(), "1".into()]);
        let (mut stream, _) = rig.listener.accept().await.unwrap();
        request(&mut stream).await;
        // The other end may have seen enough before all of it was written.
        let _ = stream.write_all(&answer).await;
        let _ = stream.shutdown().await;
        let (_, error) = rig.played().await;
        let error = error.unwrap();
        assert!(error.contains(expected) && error.contains(&rig.address.to_string()), "{error}");
        assert!(rig.nobody_else_calls().await, "the second key is given up with the first: {error}");
    }
}

#[tokio::test]
async fn a_phone_that_answers_drop_by_drop_is_given_up_like_one_that_is_silent() {
    let mut rig = Rig::new().await;
    rig.pusher.command(1, PushCommand::Reset);
    let (mut stream, _) = rig.listener.accept().await.unwrap();
    request(&mut stream).await;
    let trickle = async {
        // A byte each 100 ms keeps a connection alive, and is never a whole head.
        stream.write_all(b"HTTP/1.1 200 OK\r\nX: ").await.unwrap();
        loop {
            rig.clock.wait(Some(rig.clock.now() + Duration::from_millis(100))).await;
            if stream.write_all(b"x").await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    };
    let began = rig.clock.now();
    let report = tokio::select! {
        () = trickle => unreachable!(),
        report = rig.reports.recv() => report.unwrap(),
    };
    let Observed::Pushed { error: Some(error), .. } = report.observed else { panic!("{report:?}") };
    assert!(error.contains("did not answer within 3 s"), "{error}");
    assert!(rig.clock.now().since(began) < PATIENCE + Duration::from_secs(1));
}

#[tokio::test]
async fn silence_is_given_up_after_three_seconds_and_the_next_order_is_carried_out() {
    let mut rig = Rig::new().await;
    let began = rig.clock.now();
    rig.pusher.command(1, PushCommand::Reset);
    rig.press(2, vec!["1".into()]);
    let (mut silent, _) = rig.listener.accept().await.unwrap();
    request(&mut silent).await;
    let report = rig.reports.recv().await.unwrap();
    let Observed::Pushed { sequence: 1, error: Some(error), ack_after_ns, .. } = report.observed else { panic!() };
    assert!(error.ends_with("did not answer within 3 s; is the phone on, and can 127.0.0.9 reach it?"), "{error}");
    assert!(Duration::from_nanos(ack_after_ns) >= PATIENCE);
    assert!(rig.clock.now().since(began) < PATIENCE + Duration::from_secs(2));
    let (mut stream, _) = rig.listener.accept().await.unwrap();
    request(&mut stream).await;
    stream.write_all(&HttpResponse::bare(200).to_bytes()).await.unwrap();
    assert_eq!(rig.played().await, (2, None));
}

#[tokio::test]
async fn a_port_where_nothing_listens_and_an_address_that_we_do_not_have_are_told_apart() {
    let mut rig = Rig::new().await;
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for (to, from, expected) in [
        (closed, OURS, "refuses the connection; is the phone's web interface on"),
        (rig.address, "192.0.2.1", "can not push from 192.0.2.1"),
    ] {
        let (reports, mut inbox) = mpsc::channel(4);
        let from: IpAddr = from.parse().unwrap();
        let pusher = Pusher::start(Addressee { from: Some(from), ..addressee(to) }, &rig.clock, reports);
        pusher.keys().play(order(1, vec!["1".into()]));
        let Observed::KeysPlayed { error: Some(error), .. } = inbox.recv().await.unwrap().observed else { panic!() };
        assert!(error.contains(expected), "{error}");
        assert!(reach(to, Some(from)).unwrap_err().to_string().contains(expected));
    }
    assert_eq!(reach(rig.address, Some(OURS.parse().unwrap())), Ok(()));
    rig.press(2, vec!["hook".into()]);
    assert_eq!(rig.played().await, (2, Some("the phone's model has no name in XML for key `hook`".to_owned())));
}

#[tokio::test]
async fn the_digits_of_a_pin_are_pushed_and_told_to_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pin");
    std::fs::write(&file, "94").unwrap();
    let mut rig = Rig::with(|addressee| addressee.pin = Some(Pin::read(&file).unwrap())).await;
    let discretion = rig.discretion.clone();
    rig.press(1, vec![keying::PIN.into()]);
    let (mut stream, _) = rig.listener.accept().await.unwrap();
    assert!(String::from_utf8(request(&mut stream).await.body).unwrap().contains("Key:KeyPad9"));
    assert!(discretion.holds(Stamp::from_millis(3_600_000)), "until the last digit is answered");
    stream.write_all(&HttpResponse::bare(200).to_bytes()).await.unwrap();
    let (mut stream, _) = rig.listener.accept().await.unwrap();
    assert!(String::from_utf8(request(&mut stream).await.body).unwrap().contains("Key:KeyPad4"));
    stream.write_all(&HttpResponse::bare(403).to_bytes()).await.unwrap();
    let (_, error) = rig.played().await;
    assert!(!error.unwrap().contains("Key"), "which digit it was is nobody's business");
    assert!(discretion.holds(rig.clock.now()) && !discretion.holds(rig.clock.now() + Duration::from_secs(2)));
}

#[tokio::test]
async fn the_end_of_a_run_does_not_wait_for_a_phone() {
    let mut rig = Rig::new().await;
    rig.pusher.command(1, PushCommand::Reset);
    let (_silent, _) = rig.listener.accept().await.unwrap();
    let began = rig.clock.now();
    rig.pusher.close().await;
    assert!(rig.clock.now().since(began) < Duration::from_secs(1));
    assert!(rig.reports.recv().await.is_none(), "nothing is made up about what was given up");
}

/// A phone's web interface, and the driver that pushes to it.
struct Rig {
    listener: TcpListener,
    address: SocketAddr,
    pusher: Pusher,
    reports: mpsc::Receiver<Report>,
    clock: RunClock,
    discretion: Discretion,
}

impl Rig {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut Addressee)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (outbox, reports) = mpsc::channel(16);
        let clock = RunClock::start();
        let mut addressee = addressee(address);
        change(&mut addressee);
        let discretion = addressee.discretion.clone();
        Self { listener, address, pusher: Pusher::start(addressee, &clock, outbox), reports, clock, discretion }
    }

    fn press(&self, sequence: u32, strokes: Vec<Stroke>) {
        self.pusher.keys().play(order(sequence, strokes));
    }

    /// The number and the error of the next keys that were reported.
    async fn played(&mut self) -> (u32, Option<String>) {
        match self.reports.recv().await.unwrap().observed {
            Observed::KeysPlayed { sequence, error, .. } => (sequence, error),
            other => panic!("{other:?}"),
        }
    }

    async fn nobody_else_calls(&self) -> bool {
        tokio::select! {
            _ = self.listener.accept() => false,
            () = self.clock.wait(Some(self.clock.now() + Duration::from_millis(50))) => true,
        }
    }
}

fn order(sequence: u32, strokes: Vec<Stroke>) -> keypad::Order {
    keypad::Order { phone: "p1".into(), sequence, strokes, digit: None }
}

fn addressee(to: SocketAddr) -> Addressee {
    let keys = [("1", "Key:KeyPad1"), ("9", "Key:KeyPad9"), ("4", "Key:KeyPad4"), ("navup", "Key:NavUp")];
    Addressee {
        phone: "p1".into(),
        to,
        from: Some(OURS.parse().unwrap()),
        keys: BTreeMap::from(keys.map(|(key, name)| (key.into(), name.to_owned()))),
        pressing: Pressing::default(),
        pin: None,
        discretion: Discretion::default(),
    }
}

async fn request(stream: &mut TcpStream) -> HttpRequest {
    let mut reader = RequestReader::default();
    let mut piece = [0; 1024];
    loop {
        let count = stream.read(&mut piece).await.unwrap();
        assert!(count > 0, "the request ends early");
        if let Some(request) = reader.push(&piece[..count]) {
            return request.unwrap();
        }
    }
}
