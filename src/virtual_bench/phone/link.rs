//! A TCP connection of a simulated phone's process: a task that connects, reads and writes.

use std::{
    io,
    net::{IpAddr, SocketAddr},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    sync::mpsc,
};

use super::PhoneInput;

/// The phone's hold on a connection. Dropping it closes the connection in order.
#[derive(Debug)]
pub struct Link(mpsc::UnboundedSender<Order>);

#[derive(Debug)]
enum Order {
    Send(Vec<u8>),
    Abort,
}

impl Link {
    /// Begins to connect. What happens is reported as [`PhoneInput`]s.
    pub fn open(conn: u32, from: IpAddr, to: SocketAddr, events: mpsc::UnboundedSender<PhoneInput>) -> Self {
        let (orders, mut todo) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let stream = tokio::select! {
                stream = connect(from, to) => stream,
                // Nothing is sent before the connection is open, so this order can only be to give it up.
                _ = todo.recv() => return,
            };
            let error = match stream {
                Ok(stream) => {
                    let _ = events.send(PhoneInput::TcpConnected { conn });
                    serve(conn, stream, todo, &events).await.err()
                }
                Err(error) => Some(error),
            };
            // The phone may be gone, or may have closed this itself: then nobody minds.
            let _ = events.send(PhoneInput::TcpClosed { conn, error: error.map(|error| error.to_string()) });
        });
        Self(orders)
    }

    /// Serves a connection that somebody else opened.
    pub fn accept(conn: u32, stream: TcpStream, events: mpsc::UnboundedSender<PhoneInput>) -> Self {
        let (orders, todo) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let error = serve(conn, stream, todo, &events).await.err();
            let _ = events.send(PhoneInput::TcpClosed { conn, error: error.map(|error| error.to_string()) });
        });
        Self(orders)
    }

    /// Writes.
    pub fn send(&self, bytes: Vec<u8>) {
        let _ = self.0.send(Order::Send(bytes));
    }

    /// Ends it; by RST if `abort`.
    pub fn close(self, abort: bool) {
        if abort {
            let _ = self.0.send(Order::Abort);
        }
    }
}

async fn connect(from: IpAddr, to: SocketAddr) -> io::Result<TcpStream> {
    let socket = if from.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.bind(SocketAddr::new(from, 0))?;
    socket.connect(to).await
}

async fn serve(
    conn: u32,
    mut stream: TcpStream,
    mut todo: mpsc::UnboundedReceiver<Order>,
    events: &mpsc::UnboundedSender<PhoneInput>,
) -> io::Result<()> {
    let mut buffer = vec![0; 16_384];
    loop {
        tokio::select! {
            read = stream.read(&mut buffer) => match read? {
                0 => return Ok(()),
                length => {
                    let _ = events.send(PhoneInput::TcpData { conn, bytes: buffer[..length].to_vec() });
                }
            },
            order = todo.recv() => match order {
                Some(Order::Send(bytes)) => stream.write_all(&bytes).await?,
                // Zero lingering makes the kernel forget what is unsent and reset the connection.
                Some(Order::Abort) => return stream.set_zero_linger(),
                None => return stream.shutdown().await,
            },
        }
    }
}

/// Connects, says something, and hears the answer out.
pub async fn call(from: IpAddr, to: SocketAddr, bytes: Vec<u8>) {
    let socket = if to.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() };
    let Ok(socket) = socket else { return };
    if socket.bind(SocketAddr::new(from, 0)).is_err() {
        return;
    }
    let Ok(mut stream) = socket.connect(to).await else { return };
    if stream.write_all(&bytes).await.is_ok() {
        // Nobody is interested in it.
        let _ = stream.read_to_end(&mut Vec::new()).await;
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use tokio::{io::AsyncReadExt, net::TcpListener, sync::mpsc};

    use super::Link;
    use crate::virtual_bench::phone::PhoneInput;

    /// What the server's end reads, after "hello", once the phone has ended the connection.
    fn end_seen_by_the_server(abort: bool) -> Result<usize, ErrorKind> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let (events, mut incoming) = mpsc::unbounded_channel();
            let link = Link::open(3, [127, 0, 0, 1].into(), listener.local_addr().unwrap(), events);
            assert_eq!(incoming.recv().await, Some(PhoneInput::TcpConnected { conn: 3 }));
            link.send(b"hello".to_vec());
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut buffer = [0; 100];
            assert_eq!(stream.read(&mut buffer).await.unwrap(), 5);
            link.close(abort);
            stream.read(&mut buffer).await.map_err(|error| error.kind())
        })
    }

    #[test]
    fn closing_is_orderly_and_aborting_resets() {
        assert_eq!(end_seen_by_the_server(false), Ok(0));
        assert_eq!(end_seen_by_the_server(true), Err(ErrorKind::ConnectionReset));
    }
}
