//! A simulated server as a process: UDP and TCP sockets for SIP, one more for what looks like TLS, and a TCP socket for
//! HTTP, on its address.
//!
//! It expects to be in the right network namespace already.

use std::{collections::HashMap, net::SocketAddr, path::Path, process::ExitCode};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UdpSocket},
    sync::mpsc,
};

use super::{Registrar, RegistrarInput, RegistrarOutput, RegistrarSpec, maintenance};
use crate::virtual_bench::{
    process::{self, ProcessError, Uptime},
    tftp,
};

/// Runs the server until it is killed. The file holds a [`RegistrarSpec`] as JSON.
pub fn main(spec_path: &Path) -> ExitCode {
    process::run(spec_path, |spec| device(spec, spec_path))
}

async fn device(spec: RegistrarSpec, spec_path: &Path) -> Result<(), ProcessError> {
    let uptime = Uptime::start();
    let (sip, application) = (spec.sip(), SocketAddr::new(spec.address, spec.http_port));
    let listen = |at: SocketAddr| ProcessError::in_the_way_of(format!("listen on {at}"));
    let udp = UdpSocket::bind(sip).await.map_err(listen(sip))?;
    let tcp = TcpListener::bind(sip).await.map_err(listen(sip))?;
    let tls = match spec.tls_port.map(|port| SocketAddr::new(spec.address, port)) {
        Some(place) => Some(TcpListener::bind(place).await.map_err(listen(place))?),
        None => None,
    };
    let http = TcpListener::bind(application).await.map_err(listen(application))?;
    if let Some(folder) = spec.tftp.clone() {
        tokio::spawn(tftp::serve(spec.address, folder));
    }
    let mut questions = maintenance::listen(spec_path)?;
    let mut registrar = Registrar::new(spec);
    // Each connection has a task; the registrar keeps the way to write to it, and dropping that closes it.
    let mut connections = HashMap::new();
    let mut next_conn = 0;
    let (events, mut incoming) = mpsc::unbounded_channel();
    process::announce_ready()?;
    let mut datagram = vec![0; 65_535];
    loop {
        while let Some(output) = registrar.poll_output() {
            match output {
                RegistrarOutput::SendDatagram { to, bytes } => {
                    // An answer that can not be sent is lost; the request will be repeated.
                    let _ = udp.send_to(&bytes, to).await;
                }
                RegistrarOutput::TcpSend { conn, bytes } => {
                    let _ = connections.get(&conn).map(|writer: &mpsc::UnboundedSender<_>| writer.send(bytes));
                }
                RegistrarOutput::TcpClose { conn } => {
                    connections.remove(&conn);
                }
            }
        }
        let input = tokio::select! {
            received = udp.recv_from(&mut datagram) => match received {
                Ok((length, from)) => RegistrarInput::Datagram { from, bytes: datagram[..length].to_vec() },
                // An ICMP error for an earlier answer.
                Err(_) => RegistrarInput::Timeout,
            },
            accepted = accept(&tcp, tls.as_ref(), &http, next_conn + 1) => match accepted {
                Some((stream, input)) => {
                    next_conn += 1;
                    let (writer, todo) = mpsc::unbounded_channel();
                    connections.insert(next_conn, writer);
                    tokio::spawn(serve(next_conn, stream, todo, events.clone()));
                    input
                }
                None => RegistrarInput::Timeout,
            },
            Some(input) = incoming.recv() => {
                if let RegistrarInput::TcpClosed { conn } = &input {
                    connections.remove(conn);
                }
                input
            }
            Some(question) = questions.recv() => {
                question.obey(&mut registrar, spec_path);
                RegistrarInput::Timeout
            }
            () = uptime.wait(registrar.poll_deadline()) => RegistrarInput::Timeout,
        };
        registrar.handle(uptime.now(), input);
    }
}

/// The next connection of either kind; none if it was gone before it was taken.
async fn accept(
    sip: &TcpListener,
    tls: Option<&TcpListener>,
    http: &TcpListener,
    conn: u32,
) -> Option<(TcpStream, RegistrarInput)> {
    let tls = async {
        match tls {
            Some(tls) => tls.accept().await,
            None => std::future::pending().await,
        }
    };
    let accepted = |(stream, from)| (stream, RegistrarInput::TcpAccepted { conn, from });
    tokio::select! {
        sip = sip.accept() => sip.ok().map(accepted),
        tls = tls => tls.ok().map(accepted),
        accepted = http.accept() => {
            accepted.ok().map(|(stream, from)| (stream, RegistrarInput::HttpAccepted { conn, from }))
        }
    }
}

async fn serve(
    conn: u32,
    mut stream: TcpStream,
    mut todo: mpsc::UnboundedReceiver<Vec<u8>>,
    events: mpsc::UnboundedSender<RegistrarInput>,
) {
    let mut buffer = vec![0; 16_384];
    loop {
        tokio::select! {
            read = stream.read(&mut buffer) => match read {
                Ok(length) if length > 0 => {
                    let _ = events.send(RegistrarInput::TcpData { conn, bytes: buffer[..length].to_vec() });
                }
                _ => break,
            },
            bytes = todo.recv() => {
                let Some(bytes) = bytes else { return };
                if stream.write_all(&bytes).await.is_err() {
                    break;
                }
            }
        }
    }
    let _ = events.send(RegistrarInput::TcpClosed { conn });
}
