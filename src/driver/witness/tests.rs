//! Against sockets that show what phones show, and what none does.

use std::{
    path::Path,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::*;
use crate::{
    config::{Asked, Bench, Model, ServerWitness, WatchedPage, load},
    event::{Testimony, Witness},
    wire::http::{HttpRequest, HttpResponse, RequestReader},
};

/// A web interface that answers every request in the same way, until it is told another.
struct Web {
    shown: Arc<Mutex<Vec<u8>>>,
    asked: mpsc::UnboundedReceiver<HttpRequest>,
    at: std::net::SocketAddr,
}

impl Web {
    async fn showing(answer: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (shown, at) = (Arc::new(Mutex::new(answer)), listener.local_addr().unwrap());
        let (asks, asked) = mpsc::unbounded_channel();
        let answer = Arc::clone(&shown);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (mut reader, mut piece) = (RequestReader::default(), [0; 1024]);
                let request = loop {
                    let count = stream.read(&mut piece).await.unwrap_or(0);
                    match reader.push(&piece[..count]) {
                        Some(request) => break request.unwrap(),
                        None if count == 0 => return,
                        None => {}
                    }
                };
                let allowed = request.basic_auth() == Some(("admin".to_owned(), "22222".to_owned()));
                let bytes =
                    if allowed { answer.lock().unwrap().clone() } else { HttpResponse::who_are_you("x").to_bytes() };
                // Whoever has seen enough hangs up.
                let _ = stream.write_all(&bytes).await;
                let _ = asks.send(request);
            }
        });
        Self { shown, asked, at }
    }

    fn show(&self, answer: Vec<u8>) {
        *self.shown.lock().unwrap() = answer;
    }
}

fn page(backup: &str) -> Vec<u8> {
    let table = format!(
        "<table><tr><th>SIP Account</th><th>Status</th><th>Backup Registrar Used?</th></tr>\
         <tr><td>1001@b</td><td>Registered</td><td>{backup}</td></tr></table>"
    );
    HttpResponse::new(200, "text/html", table).to_bytes()
}

/// Looks at p1 of the example lab, so often.
async fn watched(web: &Web, every: Duration, user: Option<&str>) -> (Witnesses, mpsc::Receiver<Report>) {
    let (mut bench, models) = load::bench("lab-example", Path::new(load::RIG), &[]).unwrap();
    bench.network = None;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    std::fs::write(&file, "22222\n").unwrap();
    let user = user.map(str::to_owned);
    bench.phones[0].status_page =
        Some(WatchedPage { at: web.at, password_file: user.as_ref().map(|_| file), user, every });
    let plan = plan(bench, models);
    let (reports, inbox) = mpsc::channel(64);
    let clock = RunClock::start();
    (begin(&plan, &clock, &reports).await, inbox)
}

async fn begin(plan: &Plan, clock: &RunClock, reports: &mpsc::Sender<Report>) -> Witnesses {
    let folder = tempfile::tempdir().unwrap();
    let prepared = Witnesses::prepare(plan, clock, folder.path(), &BTreeMap::new()).unwrap();
    prepared.start(clock, reports).await.unwrap()
}

fn plan(bench: Bench, models: BTreeMap<String, Model>) -> Plan {
    Plan {
        run: "x".to_owned(),
        epoch_unix_ns: 0,
        version: String::new(),
        phones: bench.phones.iter().map(|phone| phone.name.clone()).collect(),
        bench,
        models,
        scenario: load::scenario("baseline", Path::new(load::RIG)).unwrap(),
        then: Vec::new(),
        unsettled: Vec::new(),
        overrides: Vec::new(),
        keep_secrets: false,
        allow_link_down: false,
    }
}

const OFTEN: Duration = Duration::from_millis(20);
const NEVER: Duration = Duration::from_secs(3600);

async fn testimony(reports: &mut mpsc::Receiver<Report>) -> (Testimony, u64) {
    let report = reports.recv().await.unwrap();
    let Observed::Testified(testimony) = report.observed else { panic!("{:?}", report.observed) };
    (*testimony, report.when.error_ns)
}

#[tokio::test]
async fn a_page_is_looked_at_again_and_again_and_only_news_is_told() {
    let mut web = Web::showing(page("No")).await;
    let (witnesses, mut reports) = watched(&web, OFTEN, Some("admin")).await;
    let (first, error_ns) = testimony(&mut reports).await;
    assert_eq!((first.witness, first.standing), (Witness::StatusPage, Standing::Primary));
    assert_eq!((first.quote.as_str(), error_ns), ("1001@b | Registered | No", 20_000_000));
    for _ in 0..6 {
        let request = web.asked.recv().await.unwrap();
        assert_eq!((request.method.as_str(), request.target.as_str()), ("GET", "/status.html"));
    }
    assert!(reports.try_recv().is_err(), "it had no news");
    web.show(page("Yes"));
    assert_eq!(testimony(&mut reports).await.0.standing, Standing::Backup);
    witnesses.close().await;
}

#[tokio::test]
async fn who_asks_is_told_at_once_what_is_no_news() {
    let web = Web::showing(page("No")).await;
    let (witnesses, mut reports) = watched(&web, NEVER, Some("admin")).await;
    for _ in 0..3 {
        witnesses.ask(&"p1".into());
        assert_eq!(testimony(&mut reports).await.0.standing, Standing::Primary);
    }
    witnesses.ask(&"p2".into());
    witnesses.close().await;
    assert!(reports.recv().await.is_none(), "nobody looks at p2");
}

#[tokio::test]
async fn a_page_that_can_not_be_had_is_lost_once_with_a_remedy() {
    let endless = [b"HTTP/1.1 200 OK\r\n\r\n".as_slice(), &[b'<'; 200_000]].concat();
    for (answer, user, why) in [
        (page("No"), None, "asks who wants the status page of p1 (401); give it `user`"),
        (page("No"), Some("guest"), "does not show the status page of p1 (401); correct"),
        (
            HttpResponse::bare(404).to_bytes(),
            Some("admin"),
            "does not have the status page of p1 (404); is that its path?",
        ),
        (HttpResponse::new(200, "text/html", "<p>").to_bytes(), Some("admin"), "no table with the columns SIP Account"),
        (endless, Some("admin"), "longer than 65536 bytes"),
        (b"\0\0\0\r\n\r\n".to_vec(), Some("admin"), "no answer that can be read"),
        (Vec::new(), Some("admin"), "no answer that can be read"),
    ] {
        let mut web = Web::showing(answer).await;
        let (witnesses, mut reports) = watched(&web, OFTEN, user).await;
        let report = reports.recv().await.unwrap().observed;
        let Observed::WitnessLost { witness: Witness::StatusPage, phone: Some(_), reason } = report else {
            panic!("{report:?}")
        };
        assert!(reason.contains(why), "{reason}");
        for _ in 0..4 {
            web.asked.recv().await.unwrap();
        }
        assert!(reports.try_recv().is_err(), "told once: {why}");
        web.show(page("No"));
        if user == Some("admin") {
            assert_eq!(testimony(&mut reports).await.0.standing, Standing::Primary, "it is back");
        }
        witnesses.close().await;
    }
}

#[tokio::test]
async fn a_page_that_is_never_answered_is_given_up_and_holds_nothing_up() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let web = Web { at: silent.local_addr().unwrap(), ..Web::showing(Vec::new()).await };
    let (witnesses, mut reports) = watched(&web, OFTEN, None).await;
    let report = reports.recv().await.unwrap();
    assert!(report.when.at >= Stamp::from_millis(3000), "{:?}", report.when);
    assert!(
        matches!(report.observed, Observed::WitnessLost { reason, .. } if reason.contains("did not answer within 3 s"))
    );
    // Another look is under way.
    witnesses.close().await;
}

/// Asks server a of the example lab with a command, so often.
async fn asked(words: &[&str], every: Duration) -> (Witnesses, mpsc::Receiver<Report>) {
    let (mut bench, models) = load::bench("lab-example", Path::new(load::RIG), &[]).unwrap();
    let asked = Asked::Command(words.iter().map(|word| (*word).to_owned()).collect());
    let pattern = r"(?m)^(?P<extension>\d+) at (?P<contact>\S+)$".to_owned();
    bench.servers[0].witness = Some(ServerWitness { asked, pattern, every, limit: Duration::from_millis(1500) });
    let plan = plan(bench, models);
    let (reports, inbox) = mpsc::channel(64);
    let clock = RunClock::start();
    (begin(&plan, &clock, &reports).await, inbox)
}

#[tokio::test]
async fn a_list_is_what_a_command_writes_and_says_of_everybody_whether_they_are_on_it() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("list");
    std::fs::write(&file, "1001 at sip:1001@10.77.0.11\n").unwrap();
    let (witnesses, mut reports) = asked(&["cat", file.to_str().unwrap()], OFTEN).await;
    let (first, _) = testimony(&mut reports).await;
    assert_eq!((first.witness, first.standing), (Witness::Server("a".into()), Standing::Registered));
    assert_eq!((first.line.extension.as_str(), first.quote.as_str()), ("1001", "sip:1001@10.77.0.11"));
    for extension in ["1002", "1003"] {
        let (other, _) = testimony(&mut reports).await;
        assert_eq!((other.line.extension.as_str(), other.standing), (extension, Standing::Nowhere));
    }
    std::fs::write(&file, "").unwrap();
    assert_eq!(testimony(&mut reports).await.0.standing, Standing::Nowhere);
    std::fs::remove_file(&file).unwrap();
    let Observed::WitnessLost { phone: None, reason, .. } = reports.recv().await.unwrap().observed else { panic!() };
    assert!(reason.contains("ended with exit code 1 (cat: ") && reason.contains("run it by hand"), "{reason}");
    witnesses.close().await;
}

#[tokio::test]
async fn a_command_that_hangs_or_writes_without_end_is_killed() {
    for (words, why) in [
        (vec!["sleep", "600"], "did not end within 1s 500ms, and was killed"),
        (vec!["cat", "/dev/zero"], "wrote more than 4 MiB, and was killed"),
    ] {
        let (witnesses, mut reports) = asked(&words, OFTEN).await;
        let Observed::WitnessLost { reason, .. } = reports.recv().await.unwrap().observed else { panic!() };
        assert!(reason.contains(why), "{reason}");
        witnesses.close().await;
    }
}

/// The example lab, whose phone p1 is at this machine, and a receiver at a port that is free.
async fn listening(folder: &Path) -> (Witnesses, mpsc::Receiver<Report>, std::net::SocketAddr, RunClock, Discretion) {
    let (mut bench, models) = load::bench("lab-example", Path::new(load::RIG), &[]).unwrap();
    bench.phones[0].address = Some("127.0.0.1".parse().unwrap());
    // Both kinds of sockets have it free, as nobody was given it for the other meanwhile.
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    bench.syslog = Some(free);
    let (reports, inbox) = mpsc::channel(64);
    let (clock, discretion) = (RunClock::start(), Discretion::default());
    let discretions = BTreeMap::from([("p1".into(), discretion.clone())]);
    let prepared = Witnesses::prepare(&plan(bench, models), &clock, folder, &discretions).unwrap();
    (prepared.start(&clock, &reports).await.unwrap(), inbox, free, clock, discretion)
}

#[tokio::test]
async fn what_a_phone_sends_is_recorded_and_read_however_it_is_framed_and_strangers_are_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let (witnesses, mut reports, at, clock, discretion) = listening(folder.path()).await;
    let stranger = tokio::net::UdpSocket::bind("127.0.0.2:0").await.unwrap();
    stranger.send_to(b"<134>sip: line 1 1001@b registered at 10.77.0.9 expires 9", at).await.unwrap();
    let phone = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    phone.send_to(b"<134>sip: line 1 1001@b registered at 10.77.0.3 expires 12 backup yes", at).await.unwrap();
    let (first, error_ns) = testimony(&mut reports).await;
    assert_eq!((first.witness, first.standing), (Witness::Syslog, Standing::At("10.77.0.3".to_owned())));
    assert_eq!(error_ns, 1_000_000_000);
    let mut stream = tokio::net::TcpStream::connect(at).await.unwrap();
    let words = "<134>1 - - - - - - sip: line 1 1001@b No Service: no answer";
    stream.write_all(format!("{} {words}<134>key: press 4\n", words.len()).as_bytes()).await.unwrap();
    assert_eq!(testimony(&mut reports).await.0.standing, Standing::Nowhere);
    discretion.begin();
    stream.write_all(b"<134>key: press 7\n<134>sip: line 1 1001@b registered at 10.77.0.2\n").await.unwrap();
    discretion_ends(&clock, &discretion).await;
    stream.write_all(b"<134>sip: line 1 1001@b registered at 10.77.0.2\n").await.unwrap();
    assert_eq!(testimony(&mut reports).await.0.standing, Standing::At("10.77.0.2".to_owned()));
    witnesses.close().await;
    assert!(reports.try_recv().is_err());
    let kept = std::fs::read_to_string(folder.path().join("syslog-p1.log")).unwrap();
    assert!(kept.contains("key: press 4\n") && kept.contains("key: press x\n") && !kept.contains("press 7"), "{kept}");
    assert!(!kept.contains("10.77.0.9"), "{kept}");
    assert!(!folder.path().join("syslog-p2.log").exists(), "p2 has no address");
}

/// Waits until what was written has surely come, and what is secret is over.
async fn discretion_ends(clock: &RunClock, discretion: &Discretion) {
    clock.wait(Some(clock.now() + Duration::from_millis(500))).await;
    discretion.end(clock.now());
    clock.wait(Some(clock.now() + Duration::from_millis(1100))).await;
}

#[tokio::test]
async fn a_port_that_can_not_be_had_is_an_error_that_says_what_to_do() {
    let held = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (mut bench, models) = load::bench("lab-example", Path::new(load::RIG), &[]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (reports, _inbox) = mpsc::channel(64);
    let clock = RunClock::start();
    for (at, why) in [
        (held.local_addr().unwrap(), "another program listens there"),
        ("192.0.2.9:5514".parse().unwrap(), "does not have that address"),
    ] {
        bench.syslog = Some(at);
        let plan = plan(bench.clone(), models.clone());
        let prepared = Witnesses::prepare(&plan, &clock, folder.path(), &BTreeMap::new()).unwrap();
        let error = prepared.start(&clock, &reports).await.unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
        std::fs::remove_dir_all(folder.path()).unwrap();
        std::fs::create_dir(folder.path()).unwrap();
    }
}

#[tokio::test]
async fn a_call_of_a_phone_is_answered_and_read_and_a_stranger_is_hung_up_on() {
    let folder = tempfile::tempdir().unwrap();
    let (mut bench, models) = load::bench("lab-example", Path::new(load::RIG), &[]).unwrap();
    bench.phones[0].address = Some("127.0.0.1".parse().unwrap());
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    bench.action_uri = Some(free);
    let (reports, mut inbox) = mpsc::channel(64);
    let clock = RunClock::start();
    let prepared = Witnesses::prepare(&plan(bench, models), &clock, folder.path(), &BTreeMap::new()).unwrap();
    let witnesses = prepared.start(&clock, &reports).await.unwrap();
    for (from, target, answer) in [
        ("127.0.0.2", "/action?line=1001&state=REGISTERED&code=001", ""),
        ("127.0.0.1", "/action?line=1009&state=REGISTERED&code=001", "HTTP/1.1 200"),
        ("127.0.0.1", "/action?line=1001&state=$$REGISTRATIONSTATE$$", "HTTP/1.1 200"),
        ("127.0.0.1", "no request at all", "HTTP/1.1 400"),
        ("127.0.0.1", "/action?line=1001&state=REFUSED&code=403", "HTTP/1.1 200"),
    ] {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(format!("{from}:0").parse().unwrap()).unwrap();
        let mut stream = socket.connect(free).await.unwrap();
        let request = format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n");
        let mut told = String::new();
        // Who is hung up on may be told so by a reset.
        let _ = stream.write_all(request.as_bytes()).await;
        let _ = stream.read_to_string(&mut told).await;
        assert!(told.starts_with(answer) && told.is_empty() == answer.is_empty(), "{target}: {told}");
    }
    let (said, error_ns) = testimony(&mut inbox).await;
    assert_eq!((said.witness, said.standing, error_ns), (Witness::ActionUri, Standing::Nowhere, 1_000_000_000));
    assert_eq!((said.line.extension.as_str(), said.quote.as_str()), ("1001", "REFUSED 403"));
    witnesses.close().await;
    assert!(inbox.try_recv().is_err());
}
