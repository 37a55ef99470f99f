//! A simulated phone as a process: its ports and its console, on the loopback interface.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream, UdpSocket},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

/// `admin` and `22222`.
const STATUS: &str = "GET /status.html HTTP/1.1\r\nHost: p\r\nAuthorization: Basic YWRtaW46MjIyMjI=\r\n\r\n";
const OPTIONS: &str = "OPTIONS sip:1001@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bK1\r\n\
    From: <sip:rig@bench.test>;tag=1\r\nTo: <sip:1001@bench.test>\r\nCall-ID: c1\r\nCSeq: 1 OPTIONS\r\n\
    Content-Length: 0\r\n\r\n";

#[test]
fn it_registers_shows_its_status_takes_pushed_keys_and_answers_over_tcp() {
    let registrar = UdpSocket::bind("127.0.0.1:0").unwrap();
    registrar.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let phone = PhoneAtWork::start(registrar.local_addr().unwrap());

    let mut datagram = [0; 4096];
    let (length, from) = registrar.recv_from(&mut datagram).unwrap();
    let register = String::from_utf8_lossy(&datagram[..length]);
    assert!(register.starts_with("REGISTER sip:bench.test SIP/2.0\r\n"), "{register}");
    registrar.send_to(accept(&register).as_bytes(), from).unwrap();
    phone.wait_for("1001@bench.test registered at 127.0.0.1 expires 60 backup no");

    let page = phone.ask(phone.http, STATUS);
    assert!(page.starts_with("HTTP/1.1 200 OK"), "{page}");
    assert!(page.contains("<tr><td>1</td><td>1001@bench.test</td><td>Registered</td><td>No</td></tr>"), "{page}");
    assert!(phone.ask(phone.http, "GET /status.html HTTP/1.1\r\nHost: p\r\n\r\n").starts_with("HTTP/1.1 401"));

    let body = "xml=<AastraIPPhoneExecute><ExecuteItem URI=\"Key:Options\"/></AastraIPPhoneExecute>";
    let push = format!("POST / HTTP/1.1\r\nHost: p\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    assert!(phone.ask(phone.http, &push).starts_with("HTTP/1.1 200"));
    phone.wait_for("key: press options");

    let mut sip = TcpStream::connect(phone.sip).unwrap();
    sip.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    sip.write_all(OPTIONS.as_bytes()).unwrap();
    let mut line = String::new();
    BufReader::new(sip).read_line(&mut line).unwrap();
    assert_eq!(line, "SIP/2.0 200 OK\r\n");
}

/// A phone process; it ends with the test.
struct PhoneAtWork {
    child: Child,
    sip: SocketAddr,
    http: SocketAddr,
    folder: tempfile::TempDir,
}

impl PhoneAtWork {
    fn start(registrar: SocketAddr) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (sip, http) = (free_port(), free_port());
        let spec = serde_json::json!({
            "console": folder.path().join("console"),
            "keypad": folder.path().join("keypad"),
            "http-port": http.port(),
            "phone": {
                "name": "p1", "mac": "00:08:5d:23:74:29", "address": "127.0.0.1", "port": sip.port(),
                "keys": { "options": "1.3" },
                "provisioning": { "global": "xml application post list: 127.0.0.1\n" },
                "lines": [{
                    "extension": "1001", "domain": "bench.test", "auth-user": "1001", "password": "pw",
                    "primary": registrar, "backup": null,
                }],
            },
        });
        let path = folder.path().join("phone.json");
        std::fs::write(&path, spec.to_string()).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_siprig"))
            .args([Path::new("internal"), Path::new("phone"), &path])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        Self { child, sip, http, folder }
    }

    fn console(&self) -> PathBuf {
        self.folder.path().join("console")
    }

    /// Reads the console until it says that.
    fn wait_for(&self, wanted: &str) {
        let mut console =
            serialport::new(self.console().to_string_lossy(), 115_200).timeout(Duration::from_secs(20)).open().unwrap();
        let mut said = String::new();
        let mut buffer = [0; 1024];
        while !said.contains(wanted) {
            let length = console.read(&mut buffer).unwrap_or_else(|error| panic!("{error} after {said}"));
            said.push_str(&String::from_utf8_lossy(&buffer[..length]));
        }
    }

    /// Sends a request over a connection of its own, and reads all that comes back.
    fn ask(&self, at: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(at).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Drop for PhoneAtWork {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// The 200 to a REGISTER.
fn accept(register: &str) -> String {
    let header = |name: &str| register.lines().find(|line| line.starts_with(name)).unwrap();
    let kept = ["Via:", "From:", "To:", "Call-ID:", "CSeq:"].map(header).join("\r\n");
    let contact = header("Contact:");
    format!("SIP/2.0 200 OK\r\n{kept}\r\n{contact};expires=60\r\nContent-Length: 0\r\n\r\n")
}
