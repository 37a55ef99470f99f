//! A serial line that another machine holds, by TCP: its bytes alone, or with RFC 2217.
//!
//! When a byte came can only be told from when it was read here: the other machine gathers bytes (ser2net for some
//! milliseconds unless its `chardelay` is off), and the network takes its time.

use std::{
    io::{self, ErrorKind},
    os::fd::AsFd,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use nix::sys::socket::{setsockopt, sockopt};
use tokio::{net::TcpStream, time::timeout};

use super::port::PortError;
use crate::{
    config::{PortAddress, Remote},
    wire::rfc2217::{Client, Standing},
};

/// How long a connection may take.
const CONNECT_TIME: Duration = Duration::from_secs(3);

/// How long an RFC 2217 server is waited for to say that it sets the port. One that says nothing is used as it is.
const ANSWER_TIME: Duration = Duration::from_secs(1);

/// A host that is gone is noticed after this silence and so many unanswered probes, one each second.
const KEEP_ALIVE: (u32, u32) = (5, 5);

/// A connection to a serial line.
#[derive(Debug)]
pub(super) struct RemoteLine {
    stream: TcpStream,
    telnet: Option<Mutex<Telnet>>,
}

#[derive(Debug, Default)]
struct Telnet {
    client: Client,
    /// What came and was not read yet.
    data: Vec<u8>,
    /// What is still to be sent: answers, and bytes of which the first were sent.
    unsent: Vec<u8>,
}

impl RemoteLine {
    /// Connects, and sets the port if it can be set.
    ///
    /// # Errors
    /// If nobody answers, or the server does not let the port be set.
    pub(super) async fn connect(address: &PortAddress, remote: &Remote, baud: u32) -> Result<Self, PortError> {
        let failed = |reason: String| PortError::Unreachable { address: address.clone(), reason };
        let stream = match timeout(CONNECT_TIME, TcpStream::connect((remote.host.as_str(), remote.port))).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(failed(error.to_string())),
            Err(_elapsed) => return Err(failed(format!("no answer within {CONNECT_TIME:?}"))),
        };
        keep_alive(&stream).map_err(|error| failed(error.to_string()))?;
        if !matches!(address, PortAddress::Rfc2217(_)) {
            return Ok(Self { stream, telnet: None });
        }
        let telnet = Telnet { unsent: Client::greeting(baud), ..Telnet::default() };
        let line = Self { stream, telnet: Some(Mutex::new(telnet)) };
        match timeout(ANSWER_TIME, line.negotiated(baud)).await {
            Ok(Ok(())) | Err(_) => Ok(line),
            Ok(Err(error)) => Err(failed(error.to_string())),
        }
    }

    /// Reads at least one byte of the line. Safe to cancel.
    ///
    /// # Errors
    /// If the other end is gone.
    pub(super) async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(telnet) = &self.telnet {
                let mut telnet = telnet.lock().unwrap_or_else(PoisonError::into_inner);
                let count = telnet.data.len().min(buffer.len());
                if count > 0 {
                    buffer[..count].copy_from_slice(&telnet.data[..count]);
                    telnet.data.drain(..count);
                    return Ok(count);
                }
            }
            self.stream.readable().await?;
            match self.stream.try_read(buffer) {
                Ok(0) => return Err(io::Error::new(ErrorKind::UnexpectedEof, "the server closed the connection")),
                Ok(count) => match &self.telnet {
                    None => return Ok(count),
                    Some(telnet) => {
                        let mut telnet = telnet.lock().unwrap_or_else(PoisonError::into_inner);
                        telnet.take(&buffer[..count]);
                        // What can not be sent at once goes with what is typed next.
                        telnet.send(&self.stream)?;
                    }
                },
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Writes as much as is taken at once, at least one byte. Safe to cancel.
    ///
    /// # Errors
    /// If the other end is gone.
    pub(super) async fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            self.stream.writable().await?;
            let Some(telnet) = &self.telnet else {
                match self.stream.try_write(bytes) {
                    Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
                    result => return result,
                }
            };
            let mut telnet = telnet.lock().unwrap_or_else(PoisonError::into_inner);
            telnet.send(&self.stream)?;
            if telnet.unsent.is_empty() {
                // An escaped byte must not be cut in two: what is taken here is sent whole, by and by.
                telnet.unsent = Client::escaped(bytes);
                telnet.send(&self.stream)?;
                return Ok(bytes.len());
            }
        }
    }

    /// Sends the greeting and waits for the server's word on the port.
    async fn negotiated(&self, baud: u32) -> io::Result<()> {
        let mut buffer = [0; 512];
        loop {
            self.stream.writable().await?;
            if let Some(telnet) = &self.telnet {
                let mut telnet = telnet.lock().unwrap_or_else(PoisonError::into_inner);
                telnet.send(&self.stream)?;
                match (telnet.client.standing(), telnet.client.baud()) {
                    (Standing::Refused, _) => {
                        return Err(io::Error::other("it does not speak RFC 2217; name it as `tcp:…`"));
                    }
                    (_, Some(set)) if set != baud => {
                        return Err(io::Error::other(format!("it sets {set} bit/s in place of {baud}")));
                    }
                    (Standing::Granted, Some(_)) => return Ok(()),
                    _ => {}
                }
            }
            self.stream.readable().await?;
            match self.stream.try_read(&mut buffer) {
                Ok(0) => return Err(io::Error::new(ErrorKind::UnexpectedEof, "the server closed the connection")),
                Ok(count) => {
                    if let Some(telnet) = &self.telnet {
                        telnet.lock().unwrap_or_else(PoisonError::into_inner).take(&buffer[..count]);
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl Telnet {
    fn take(&mut self, bytes: &[u8]) {
        self.client.take(bytes, &mut self.data, &mut self.unsent);
    }

    /// Sends what it can without waiting.
    fn send(&mut self, stream: &TcpStream) -> io::Result<()> {
        while !self.unsent.is_empty() {
            match stream.try_write(&self.unsent) {
                Ok(count) => drop(self.unsent.drain(..count)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// A console that says nothing for hours must not be taken for one whose host is gone, nor the other way round.
fn keep_alive(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = stream.as_fd();
    setsockopt(&socket, sockopt::KeepAlive, &true)?;
    setsockopt(&socket, sockopt::TcpKeepIdle, &KEEP_ALIVE.0)?;
    setsockopt(&socket, sockopt::TcpKeepInterval, &1)?;
    setsockopt(&socket, sockopt::TcpKeepCount, &KEEP_ALIVE.1)?;
    Ok(())
}
