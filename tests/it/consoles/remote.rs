//! Consoles that another machine holds: real ser2net, and servers that answer less than they should.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::Instant,
};

use siprig::event::Observed;

use super::{Bench, Line, PATIENCE, hears};

/// ser2net that offers a serial line; ended when dropped.
struct Ser2net(Child);

impl Ser2net {
    fn start(folder: &Path, accepter: &str, to: SocketAddr, tty: &Path) -> Self {
        let file = folder.join("ser2net.yaml");
        let text = format!(
            "connection: &phone\n  accepter: {accepter},127.0.0.1,{}\n  connector: serialdev,{},115200n81,local\n  \
             options:\n    chardelay: false\n",
            to.port(),
            tty.display()
        );
        std::fs::write(&file, text).unwrap();
        let child = Command::new("ser2net")
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .args(["-n", "-u", "-c"])
            .arg(&file)
            .arg("-P")
            .arg(folder.join("ser2net.pid"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self(child);
        let begun = now();
        // It takes one connection at a time: this one is gone before ours comes, and does not open the line for long.
        while TcpStream::connect(to).is_err() {
            assert!(begun.elapsed() < PATIENCE, "ser2net does not listen");
            std::thread::yield_now();
        }
        server
    }
}

impl Drop for Ser2net {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[expect(clippy::disallowed_methods, reason = "a test that waits for a program of others needs an end to its patience")]
fn now() -> Instant {
    Instant::now()
}

fn free_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

#[expect(clippy::print_stdout, reason = "whoever runs the test is told what came of it")]
async fn over_ser2net(scheme: &str, accepter: &str) {
    if !["/usr/sbin/ser2net", "/usr/bin/ser2net"].iter().any(|path| Path::new(path).exists()) {
        println!("SKIPPED: there is no ser2net here; install the package ser2net");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let tty = folder.path().join("tty");
    let line = Line::plugged_in_at(&tty);
    let to = free_port();
    let server = Ser2net::start(folder.path(), accepter, to, &tty);
    let mut bench = Bench::at(format!("{scheme}:{to}").parse().unwrap(), folder, Some(line), None).await;
    let opened = bench.report(|it| matches!(it, Observed::PortOpened { .. })).await;
    assert!(matches!(opened, Observed::PortOpened { across_network: true, away_ns: None, .. }), "{opened:?}");

    // ser2net opens the line for us; what is typed arriving tells that it has.
    bench.console.type_line("status".to_owned());
    assert_eq!(bench.line.as_ref().unwrap().hears(7), b"status\r");
    let mut waiter = bench.console.waiter();
    let all: Vec<u8> = (0..=255).collect();
    bench.line.as_ref().unwrap().says(&all);
    bench.says("\r\nend of it\r\n");
    assert_eq!(hears(&mut waiter, "^end").await.unwrap(), "end of it");
    bench.console.type_bytes(all.clone());
    assert_eq!(bench.line.as_ref().unwrap().hears(256), all);
    let when = bench.when(|it| matches!(it, Observed::ConsoleLine { text, .. } if text == "end of it")).await;
    assert_eq!(when.error_ns, 200_000_000, "nobody knows how long the network took");

    drop(server);
    bench.report(|it| matches!(it, Observed::PortLost { .. })).await;
    let _server = Ser2net::start(bench.folder.path(), accepter, to, &tty);
    let again = bench.report(|it| matches!(it, Observed::PortOpened { .. })).await;
    assert!(matches!(again, Observed::PortOpened { away_ns: Some(_), .. }), "{again:?}");
    let recording = bench.recording().await;
    let came: Vec<u8> = recording.iter().filter(|it| it.0 == super::What::In).flat_map(|it| it.1.clone()).collect();
    assert_eq!(came, [&all[..], b"\r\nend of it\r\n"].concat());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_of_ser2net_is_read_and_typed_on_byte_for_byte_as_raw_tcp() {
    over_ser2net("tcp", "tcp").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_of_ser2net_is_read_and_typed_on_byte_for_byte_by_rfc_2217() {
    over_ser2net("rfc2217", "telnet(rfc2217)").await;
}

/// A server of one connection that answers the greeting with this, and then says a line.
fn server(answer: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut greeting = [0; 32];
        stream.read_exact(&mut greeting).unwrap();
        stream.write_all(answer).unwrap();
        // Read to the end: unread bytes at the close would make it a reset.
        let _ = stream.read_to_end(&mut Vec::new());
    });
    at
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_acknowledges_nothing_is_used_and_what_it_said_meanwhile_is_kept() {
    let to = server(b"hello\r\n> ");
    let bench = Bench::at(format!("rfc2217:{to}").parse().unwrap(), tempfile::tempdir().unwrap(), None, None).await;
    let mut waiter = bench.console.waiter();
    assert_eq!(hears(&mut waiter, "^> $").await.unwrap(), "> ");
    let recording = bench.recording().await;
    assert!(recording.iter().any(|it| it.1 == b"hello\r\n> "), "{recording:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_refuses_or_sets_another_rate_or_is_not_there_is_an_error_that_says_so() {
    for (to, flaw) in [
        (server(b"\xff\xfe\x2c"), "it does not speak RFC 2217; name it as `tcp:"),
        (server(b"\xff\xfd\x2c\xff\xfa\x2c\x65\0\0\x25\x80\xff\xf0"), "it sets 9600 bit/s in place of 115200"),
        (free_port(), "refused"),
    ] {
        let address = format!("rfc2217:{to}").parse().unwrap();
        let error = Bench::try_at(address, tempfile::tempdir().unwrap(), None, None).await.err().unwrap();
        let text = error.to_string();
        assert!(text.contains(flaw) && text.contains(&format!("rfc2217:{to}")), "{text}");
    }
}
