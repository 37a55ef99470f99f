//! A simulated phone as a process: sockets on its address, its console and its keypad board on PTYs.
//!
//! It expects to be in the right network namespace already.

use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use nix::{ifaddrs::getifaddrs, net::if_::InterfaceFlags};
use serde::{Deserialize, Serialize};
use tokio::{
    net::{TcpListener, TcpStream, UdpSocket},
    sync::mpsc,
};

use super::{FIRST_ACCEPTED, Phone, PhoneInput, PhoneOutput, PhoneSpec, Service, icmp, link::Link};
use crate::{
    virtual_bench::{
        board::{Board, BoardInput, BoardOutput},
        process::{self, ProcessError, Uptime},
        pty::Pty,
        speech::Mouth,
    },
    wire::tftp,
};

/// How often it looks whether its interface has a link.
const LOOK: Duration = Duration::from_millis(10);

/// What a phone process is started with: JSON in a file that only its owner may read, as it holds passwords.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PhoneProcess {
    /// The phone.
    pub phone: PhoneSpec,
    /// Its interface, whose carrier is its link; none: it has a link at once.
    #[serde(default)]
    pub interface: Option<String>,
    /// Where the symbolic link to its console's PTY goes.
    pub console: PathBuf,
    /// Where the symbolic link to its keypad board's PTY goes.
    pub keypad: PathBuf,
    /// Port of its web interface.
    #[serde(default = "http_port")]
    pub http_port: u16,
}

/// Runs the phone until it is killed, or dies of a defect.
pub fn main(spec_path: &Path) -> ExitCode {
    process::run(spec_path, device)
}

async fn device(spec: PhoneProcess) -> Result<(), ProcessError> {
    let (events, incoming) = mpsc::unbounded_channel();
    let mut device = Device {
        uptime: Uptime::start(),
        console: Some(Pty::open(&spec.console)?),
        console_link: spec.console.clone(),
        keypad: Pty::open(&spec.keypad)?,
        board: Board::new(1),
        phone: Phone::new(spec.phone),
        udp: None,
        tftp: None,
        mouth: None,
        sip: None,
        http: None,
        http_port: spec.http_port,
        next_accepted: FIRST_ACCEPTED,
        links: HashMap::new(),
        events,
    };
    process::announce_ready()?;
    device.live(spec.interface, incoming).await
}

struct Device {
    uptime: Uptime,
    phone: Phone,
    board: Board,
    console: Option<Pty>,
    console_link: PathBuf,
    keypad: Pty,
    /// None before link-up.
    udp: Option<UdpSocket>,
    /// The port from which it loads a file; none: it has loaded none yet.
    tftp: Option<UdpSocket>,
    /// None before link-up, or without its port.
    mouth: Option<Mouth>,
    /// Where others connect for SIP, and for its web interface; none before link-up.
    sip: Option<TcpListener>,
    http: Option<TcpListener>,
    http_port: u16,
    /// Number of the next connection that somebody else opens.
    next_accepted: u32,
    /// All connections.
    links: HashMap<u32, Link>,
    /// Where connections report.
    events: mpsc::UnboundedSender<PhoneInput>,
}

impl Device {
    async fn live(
        &mut self,
        interface: Option<String>,
        mut incoming: mpsc::UnboundedReceiver<PhoneInput>,
    ) -> Result<(), ProcessError> {
        let mut datagram = vec![0; 65_535];
        let mut look_at = Some(Duration::ZERO);
        loop {
            if !self.perform().await {
                return Ok(());
            }
            if let Some(mouth) = &self.mouth {
                mouth.speak_to(self.phone.speaks().1);
            }
            let due = self.phone.poll_deadline().into_iter().chain(self.board.poll_deadline()).chain(look_at).min();
            tokio::select! {
                received = receive(self.udp.as_ref(), &mut datagram) => match received {
                    Ok((length, from)) => {
                        let bytes = datagram[..length].to_vec();
                        self.phone.handle(self.uptime.now(), PhoneInput::Datagram { from, bytes });
                    }
                    Err(_) => self.collect_icmp(),
                },
                Ok((bytes, from)) = loaded(self.tftp.as_ref()) => {
                    self.phone.handle(self.uptime.now(), PhoneInput::Tftp { from, bytes });
                }
                (stream, from) = accepted(self.sip.as_ref()) => self.accept(stream, from, Service::Sip),
                (stream, from) = accepted(self.http.as_ref()) => self.accept(stream, from, Service::Http),
                Some(input) = incoming.recv() => {
                    if let PhoneInput::TcpClosed { conn, .. } = &input {
                        self.links.remove(conn);
                    }
                    self.phone.handle(self.uptime.now(), input);
                }
                typed = typed(self.console.as_ref()) => match typed {
                    Ok(bytes) => self.phone.handle(self.uptime.now(), PhoneInput::Console(bytes)),
                    Err(error) => return Err(ProcessError::in_the_way_of("read the console's PTY")(error)),
                },
                pressed = self.keypad.read() => match pressed {
                    Ok(bytes) => self.board.handle(self.uptime.now(), BoardInput::Bytes(bytes)),
                    Err(error) => return Err(ProcessError::in_the_way_of("read the keypad's PTY")(error)),
                },
                () = self.uptime.wait(due) => {}
            }
            let now = self.uptime.now();
            self.board.handle(now, BoardInput::Timeout);
            self.phone.handle(now, PhoneInput::Timeout);
            if look_at.is_some_and(|at| at <= now) {
                look_at = if self.link_up(interface.as_deref()).await { None } else { Some(now + LOOK) };
            }
        }
    }

    /// Tells the phone of its link once there is one and its address can be used.
    async fn link_up(&mut self, interface: Option<&str>) -> bool {
        if interface.is_some_and(|interface| !has_carrier(interface)) {
            return false;
        }
        let spec = self.phone.spec();
        let (port, _) = self.phone.speaks();
        self.mouth = Mouth::open(SocketAddr::new(spec.address, port)).await.ok();
        let Ok(udp) = UdpSocket::bind((spec.address, spec.port)).await else { return false };
        let Ok(sip) = TcpListener::bind((spec.address, spec.port)).await else { return false };
        // Without the right to its port there is no web interface, as on a phone where it is switched off.
        self.http = TcpListener::bind((spec.address, self.http_port)).await.ok();
        self.sip = Some(sip);
        if spec.habits.moves_on_icmp {
            icmp::ask_for(&udp);
        }
        self.udp = Some(udp);
        self.phone.handle(self.uptime.now(), PhoneInput::LinkUp);
        true
    }

    fn accept(&mut self, stream: TcpStream, from: SocketAddr, service: Service) {
        let conn = self.next_accepted;
        self.next_accepted = conn.checked_add(1).unwrap_or(FIRST_ACCEPTED);
        // Before its first bytes, which come through the channel.
        self.phone.handle(self.uptime.now(), PhoneInput::TcpAccepted { conn, from, service });
        self.links.insert(conn, Link::accept(conn, stream, self.events.clone()));
    }

    fn collect_icmp(&mut self) {
        while let Some(to) = self.udp.as_ref().and_then(icmp::next) {
            self.phone.handle(self.uptime.now(), PhoneInput::Unreachable { to });
        }
    }

    /// Does what board and phone want done; false when the phone died.
    async fn perform(&mut self) -> bool {
        loop {
            if let Some(output) = self.board.poll_output() {
                let now = self.uptime.now();
                match output {
                    BoardOutput::Bytes(bytes) => self.keypad.write(&bytes),
                    BoardOutput::KeyDown { row, col, .. } => self.phone.handle(now, PhoneInput::KeyDown { row, col }),
                    BoardOutput::KeyUp { row, col, .. } => self.phone.handle(now, PhoneInput::KeyUp { row, col }),
                }
                continue;
            }
            let Some(output) = self.phone.poll_output() else { return true };
            match output {
                PhoneOutput::SendDatagram { to, bytes } => {
                    let Some(udp) = &self.udp else { continue };
                    // What can not be sent is lost, as on any network; the phone's timers take care of it.
                    if udp.send_to(&bytes, to).await.is_err() {
                        self.collect_icmp();
                    }
                }
                PhoneOutput::SendLog { to, bytes } => {
                    // What can not be sent is lost.
                    if let Ok(udp) = UdpSocket::bind((self.phone.spec().address, 0)).await {
                        let _ = udp.send_to(&bytes, to).await;
                    }
                }
                PhoneOutput::SendTftp { to, bytes } => {
                    if to.port() == tftp::PORT {
                        self.tftp = UdpSocket::bind((self.phone.spec().address, 0)).await.ok();
                    }
                    // What can not be sent is lost, and asked for again.
                    if let Some(socket) = &self.tftp {
                        let _ = socket.send_to(&bytes, to).await;
                    }
                }
                PhoneOutput::Call { to, bytes } => {
                    drop(tokio::spawn(super::link::call(self.phone.spec().address, to, bytes)))
                }
                PhoneOutput::TcpConnect { conn, to } => {
                    let link = Link::open(conn, self.phone.spec().address, to, self.events.clone());
                    self.links.insert(conn, link);
                }
                PhoneOutput::TcpSend { conn, bytes } => {
                    if let Some(link) = self.links.get(&conn) {
                        link.send(bytes);
                    }
                }
                PhoneOutput::TcpClose { conn, abort } => {
                    if let Some(link) = self.links.remove(&conn) {
                        link.close(abort);
                    }
                }
                PhoneOutput::Console(bytes) => {
                    if let Some(console) = &self.console {
                        console.write(&bytes);
                    }
                }
                PhoneOutput::ConsoleClosed => self.console = None,
                PhoneOutput::ConsoleBack => self.console = Pty::open(&self.console_link).ok(),
                PhoneOutput::Died => return false,
            }
        }
    }
}

async fn receive(udp: Option<&UdpSocket>, datagram: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
    match udp {
        Some(udp) => udp.recv_from(datagram).await,
        None => std::future::pending().await,
    }
}

async fn loaded(socket: Option<&UdpSocket>) -> io::Result<(Vec<u8>, SocketAddr)> {
    let Some(socket) = socket else { return std::future::pending().await };
    let mut datagram = vec![0; 1500];
    let (length, from) = socket.recv_from(&mut datagram).await?;
    datagram.truncate(length);
    Ok((datagram, from))
}

async fn accepted(listener: Option<&TcpListener>) -> (TcpStream, SocketAddr) {
    loop {
        match listener {
            Some(listener) => {
                // What went wrong with one connection is no reason to refuse the next.
                match listener.accept().await {
                    Ok(accepted) => return accepted,
                    Err(_) => tokio::task::yield_now().await,
                }
            }
            None => std::future::pending().await,
        }
    }
}

async fn typed(console: Option<&Pty>) -> io::Result<Vec<u8>> {
    match console {
        Some(console) => console.read().await,
        None => std::future::pending().await,
    }
}

const fn http_port() -> u16 {
    80
}

fn has_carrier(interface: &str) -> bool {
    getifaddrs().is_ok_and(|mut all| {
        all.any(|one| one.interface_name == interface && one.flags.contains(InterfaceFlags::IFF_RUNNING))
    })
}
