//! Keys pressed at a phone's web interface, as the models of Snom and Yealink say: against a server that looks at what comes.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use siprig::{
    config::load,
    driver::{
        Report,
        clock::RunClock,
        discretion::{Discretion, Pin},
        keypad::{
            Keypad, Order,
            single::{Manner, Single},
            url::{Account, UrlKeys},
        },
    },
    event::Observed,
    wire::{
        digest::Credentials,
        http::{HttpRequest, HttpResponse, RequestReader},
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::mpsc,
};

const CHALLENGE: &str = "Digest realm=\"phone\", nonce=\"abc\", qop=\"auth\", algorithm=MD5";

#[tokio::test]
async fn keys_are_asked_for_by_the_names_of_the_maker_and_held_where_that_can_be_asked() {
    for (model, stroke, target) in [
        ("snom-d7xx", "1", "/command.htm?key=1"),
        ("snom-d7xx", "pound", "/command.htm?key=%23"),
        ("snom-d7xx", "star:1.5s", "/command.htm?key=*,1500"),
        ("yealink-t4x", "ok", "/servlet?key=OK"),
        ("yealink-t4x", "pound", "/servlet?key=POUND"),
    ] {
        let mut phone = Phone::with(model, None).await;
        phone.press(&[stroke]);
        let request = phone.request(200, None).await;
        assert_eq!((request.method.as_str(), request.target.as_str()), ("GET", target));
        assert_eq!(phone.played().await, None);
    }
    let mut phone = Phone::with("yealink-t4x", None).await;
    phone.press(&["ok:2s"]);
    assert_eq!(phone.played().await, Some("`ok` can not be held by a request".to_owned()));
    phone.press(&["1+2"]);
    assert_eq!(phone.played().await, Some("`1+2` can not be pressed at once by requests".to_owned()));
}

#[tokio::test]
async fn a_phone_that_wants_to_know_who_asks_is_answered_by_a_digest_or_else_plainly() {
    let account = Account { user: "admin".into(), password: "pw-$1".into() };
    let mut phone = Phone::with("snom-d7xx", Some(account)).await;
    phone.press(&["1"]);
    assert!(phone.request(401, Some(CHALLENGE)).await.header("Authorization").is_none());
    let again = phone.request(200, None).await;
    let credentials = Credentials::parse(again.header("Authorization").unwrap()).unwrap();
    assert!(credentials.verify("GET", "pw-$1") && credentials.uri == again.target, "{credentials:?}");
    assert_eq!(phone.played().await, None);
    phone.press(&["1"]);
    phone.request(401, Some("Basic realm=\"phone\"")).await;
    let again = phone.request(401, Some("Basic realm=\"phone\"")).await;
    assert_eq!(again.basic_auth(), Some(("admin".into(), "pw-$1".into())));
    let error = phone.played().await.unwrap();
    assert!(error.contains("does not take user and password of the bench file (401)"), "{error}");
    assert!(!error.contains("pw-"), "{error}");
}

#[tokio::test]
async fn whoever_is_not_let_in_is_told_what_to_set_on_the_phone() {
    for (model, code, expected) in [
        ("yealink-t4x", 403, "features.action_uri_limit_ip"),
        ("snom-d7xx", 401, "give the keypad `user` and `password-file`"),
        ("snom-d7xx", 404, "knows no address that presses keys (404)"),
    ] {
        let mut phone = Phone::with(model, None).await;
        phone.press(&["1", "2"]);
        phone.request(code, None).await;
        let error = phone.played().await.unwrap();
        assert!(error.contains(expected) && error.contains(&phone.address.to_string()), "{error}");
        assert!(phone.nobody_calls().await, "the second key is given up with the first");
    }
}

#[tokio::test]
async fn the_digits_of_a_pin_are_named_nowhere_but_in_the_requests() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pin");
    std::fs::write(&file, "94").unwrap();
    let mut phone = Phone::with("snom-d7xx", None).await;
    phone.reopen(Some(Pin::read(&file).unwrap()), None);
    phone.press(&["{pin}"]);
    assert_eq!(phone.request(200, None).await.target, "/command.htm?key=9");
    assert!(phone.discretion.holds(phone.clock.now() + Duration::from_secs(60)), "until the last digit is answered");
    assert_eq!(phone.request(403, None).await.target, "/command.htm?key=4");
    let error = phone.played().await.unwrap();
    assert!(!error.contains("key=") && !error.contains("`4`"), "{error}");
    assert!(!phone.discretion.holds(phone.clock.now() + Duration::from_secs(2)));
}

/// A phone's web interface, and what presses its keys there.
struct Phone {
    listener: TcpListener,
    address: SocketAddr,
    model: &'static str,
    keys: Single,
    reports: mpsc::Receiver<Report>,
    clock: RunClock,
    discretion: Discretion,
}

impl Phone {
    async fn with(model: &'static str, account: Option<Account>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, clock, discretion) = (listener.local_addr().unwrap(), RunClock::start(), Discretion::default());
        let (keys, reports) = start(model, address, None, account, &clock, &discretion);
        Self { listener, address, model, keys, reports, clock, discretion }
    }

    fn reopen(&mut self, pin: Option<Pin>, account: Option<Account>) {
        (self.keys, self.reports) = start(self.model, self.address, pin, account, &self.clock, &self.discretion);
    }

    fn press(&self, strokes: &[&str]) {
        let strokes = strokes.iter().map(|stroke| stroke.parse().unwrap()).collect();
        self.keys.keys().play(Order { phone: "p1".into(), sequence: 1, strokes, digit: None });
    }

    /// The next request, answered so.
    async fn request(&self, code: u16, challenge: Option<&str>) -> HttpRequest {
        let (mut stream, _) = self.listener.accept().await.unwrap();
        let mut reader = RequestReader::default();
        let mut piece = [0; 1024];
        loop {
            let count = stream.read(&mut piece).await.unwrap();
            assert!(count > 0, "the request ends early");
            if let Some(request) = reader.push(&piece[..count]) {
                let answer = HttpResponse::bare(code);
                let answer = challenge.iter().fold(answer, |answer, value| answer.with("WWW-Authenticate", value));
                stream.write_all(&answer.to_bytes()).await.unwrap();
                return request.unwrap();
            }
        }
    }

    async fn played(&mut self) -> Option<String> {
        match self.reports.recv().await.unwrap().observed {
            Observed::KeysPlayed { error, .. } => error,
            other => panic!("{other:?}"),
        }
    }

    async fn nobody_calls(&self) -> bool {
        tokio::select! {
            _ = self.listener.accept() => false,
            () = self.clock.wait(Some(self.clock.now() + Duration::from_millis(200))) => true,
        }
    }
}

fn start(
    model: &str,
    to: SocketAddr,
    pin: Option<Pin>,
    account: Option<Account>,
    clock: &RunClock,
    discretion: &Discretion,
) -> (Single, mpsc::Receiver<Report>) {
    let rig: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("rig");
    let model = load::model(model, &rig).unwrap();
    let (reports, inbox) = mpsc::channel(8);
    let manner = Manner { phone: "p1".into(), pressing: model.pressing, pin, discretion: discretion.clone() };
    let (url, names) = (model.key_url.unwrap(), model.url_keys);
    let keys = UrlKeys { to, from: None, url, names, account, clock: clock.clone() };
    (Single::start(manner, keys, clock, reports), inbox)
}
