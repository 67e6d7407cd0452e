// SPDX-License-Identifier: MIT OR Apache-2.0
//! A user played by hand over any transport: UDP, and a connection that it has opened itself, TCP, TLS or WebSocket. On
//! the address of its connection nobody else can reach it.

use std::io::{Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use crate::host::Result;
use crate::message::Message;
use crate::process::wait_until;

/// How a user speaks with the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// A TCP connection.
    Tcp,
    /// The same under TLS, by openssl.
    Tls,
    /// WebSocket (RFC 7118).
    WebSocket,
}

impl Transport {
    /// As a Via has it.
    pub fn of_via(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::WebSocket => "WS",
        }
    }

    /// As a URI has it.
    pub fn of_uri(self) -> String {
        self.of_via().to_lowercase()
    }
}

/// Where what it says goes.
enum Way {
    Datagrams(UdpSocket, SocketAddr),
    Connection(TcpStream),
    Process(Child),
}

/// One user.
pub struct User {
    transport: Transport,
    address: SocketAddr,
    way: Way,
    arriving: Receiver<Message>,
    gone: Arc<AtomicBool>,
    sent: Vec<Message>,
    received: Vec<Message>,
}

const LIMIT: Duration = Duration::from_secs(10);

impl User {
    /// One who has the proxy at this address; where it chooses its own it is at `ip`.
    pub fn new(transport: Transport, ip: IpAddr, proxy: SocketAddr) -> Result<Self> {
        let told = |error: std::io::Error| format!("{transport:?} from {ip} to {proxy}: {error}");
        let (arrived, arriving) = channel();
        let gone = Arc::new(AtomicBool::new(false));
        let (way, address) = match transport {
            Transport::Udp => {
                let socket = UdpSocket::bind((ip, 0)).map_err(told)?;
                let (ears, address) = (socket.try_clone().map_err(told)?, socket.local_addr().map_err(told)?);
                ears.set_read_timeout(Some(Duration::from_millis(50))).map_err(told)?;
                let gone = gone.clone();
                std::thread::spawn(move || hear_datagrams(&ears, &arrived, &gone));
                (Way::Datagrams(socket, proxy), address)
            }
            Transport::Tcp | Transport::WebSocket => {
                let mut stream = connect(proxy).map_err(told)?;
                let mut ears = stream.try_clone().map_err(told)?;
                let address = stream.local_addr().map_err(told)?;
                if transport == Transport::WebSocket {
                    shake_hands(&mut stream, proxy).map_err(told)?;
                    std::thread::spawn(move || hear_frames(&mut ears, &arrived));
                } else {
                    ping(&mut stream, &mut ears).map_err(told)?;
                    std::thread::spawn(move || hear_stream(&mut ears, &arrived));
                }
                (Way::Connection(stream), address)
            }
            Transport::Tls => {
                let address = free_port(ip)?;
                let mut child = Command::new("openssl")
                    .args(["s_client", "-quiet", "-connect", &proxy.to_string(), "-bind", &address.to_string()])
                    .stdin(Stdio::piped())
                    .stdout(Stdio::piped())
                    .stderr(Stdio::null())
                    .spawn()
                    .map_err(told)?;
                let mut ears = child.stdout.take().ok_or("openssl has no output")?;
                let mouth = child.stdin.as_mut().ok_or("openssl has no input")?;
                ping(mouth, &mut ears).map_err(told)?;
                std::thread::spawn(move || hear_stream(&mut ears, &arrived));
                (Way::Process(child), address)
            }
        };
        Ok(Self { transport, address, way, arriving, gone, sent: Vec::new(), received: Vec::new() })
    }

    /// How it speaks with the proxy.
    pub fn transport(&self) -> Transport {
        self.transport
    }

    /// Where the proxy sees it.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it sent so far.
    pub fn sent(&self) -> &[Message] {
        &self.sent
    }

    /// What it received so far.
    pub fn received(&self) -> &[Message] {
        &self.received
    }

    /// Sends one message to the proxy.
    pub fn send(&mut self, bytes: &[u8]) -> Result<()> {
        let frame = if self.transport == Transport::WebSocket { frame(TEXT, bytes) } else { bytes.to_vec() };
        let written = match &mut self.way {
            Way::Datagrams(socket, proxy) => socket.send_to(bytes, *proxy).map(|_| ()),
            Way::Connection(stream) => stream.write_all(&frame),
            Way::Process(child) => match child.stdin.as_mut() {
                Some(stdin) => stdin.write_all(&frame).and_then(|()| stdin.flush()),
                None => Err(std::io::ErrorKind::BrokenPipe.into()),
            },
        };
        written.map_err(|error| format!("{}: {error}", self.address))?;
        self.sent.push(Message::new(bytes));
        Ok(())
    }

    /// Waits for the message that is meant; all that come are kept.
    pub fn await_message(&mut self, limit: Duration, meant: impl Fn(&Message) -> bool) -> Result<Message> {
        let end = Instant::now() + limit;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let Ok(message) = self.arriving.recv_timeout(left) else {
                let seen: Vec<String> = self.received.iter().map(Message::start_line).collect();
                return Err(format!("{} waited in vain for a message; it has {seen:?}", self.address));
            };
            self.received.push(message.clone());
            if meant(&message) {
                return Ok(message);
            }
        }
    }

    /// Closes its connection; a user of datagrams hears no more.
    pub fn hang_up(&mut self) {
        match &mut self.way {
            Way::Datagrams(..) => self.gone.store(true, Ordering::Relaxed),
            Way::Connection(stream) => drop(stream.shutdown(Shutdown::Both)),
            Way::Process(child) => drop(child.kill().and_then(|()| child.wait())),
        }
    }
}

impl Drop for User {
    fn drop(&mut self) {
        self.hang_up();
    }
}

/// A port of this address that is free for UDP and TCP. Nobody listens there.
pub fn free_port(ip: IpAddr) -> Result<SocketAddr> {
    let found = (0..64).find_map(|_| {
        let listener = TcpListener::bind((ip, 0)).ok()?;
        let address = listener.local_addr().ok()?;
        UdpSocket::bind(address).ok().map(|_| address)
    });
    found.ok_or_else(|| format!("{ip}: no free port"))
}

/// A proxy that has just been started answers commands before it listens for connections.
fn connect(proxy: SocketAddr) -> std::io::Result<TcpStream> {
    let mut stream = TcpStream::connect(proxy);
    wait_until(LIMIT, || {
        if stream.is_err() {
            stream = TcpStream::connect(proxy);
        }
        stream.is_ok()
    });
    stream
}

/// The answer tells that the proxy has the connection (RFC 5626 3.5.1).
fn ping(mouth: &mut dyn Write, ears: &mut dyn Read) -> std::io::Result<()> {
    mouth.write_all(b"\r\n\r\n")?;
    mouth.flush()?;
    ears.read_exact(&mut [0; 2])
}

/// The opening handshake of RFC 6455 with the subprotocol of RFC 7118.
fn shake_hands(stream: &mut TcpStream, proxy: SocketAddr) -> std::io::Result<()> {
    let request = format!(
        "GET / HTTP/1.1\r\nHost: {proxy}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: http://{proxy}\r\nSec-WebSocket-Protocol: sip\r\n\
         Sec-WebSocket-Version: 13\r\n\r\n"
    );
    stream.write_all(request.as_bytes())?;
    stream.set_read_timeout(Some(LIMIT))?;
    let mut answer = Vec::new();
    let mut octet = [0];
    while !answer.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut octet)?;
        answer.push(octet[0]);
    }
    stream.set_read_timeout(None)?;
    if answer.starts_with(b"HTTP/1.1 101") {
        return Ok(());
    }
    Err(std::io::Error::other(String::from_utf8_lossy(&answer).into_owned()))
}

const TEXT: u8 = 1;

/// A frame of a client: in one piece, with a mask of zeros.
fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x80 | kind];
    match u16::try_from(payload.len()) {
        Ok(length) if length < 126 => frame.push(0x80 | length as u8),
        Ok(length) => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&length.to_be_bytes());
        }
        Err(_) => unreachable!("no SIP message of these tests is that long"),
    }
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(payload);
    frame
}

fn hear_datagrams(socket: &UdpSocket, arrived: &Sender<Message>, gone: &AtomicBool) {
    let mut buffer = vec![0; 65_536];
    while !gone.load(Ordering::Relaxed) {
        if let Ok(length) = socket.recv(&mut buffer)
            && arrived.send(Message::new(&buffer[..length])).is_err()
        {
            return;
        }
    }
}

/// None of the messages of these tests has a body.
fn hear_stream(stream: &mut dyn Read, arrived: &Sender<Message>) {
    let mut message = Vec::new();
    let mut octet = [0];
    while stream.read_exact(&mut octet).is_ok() {
        message.push(octet[0]);
        // Line ends between messages keep a connection alive (RFC 5626 3.5.1).
        if message == b"\r\n" {
            message.clear();
        }
        if message.ends_with(b"\r\n\r\n") && arrived.send(Message::new(std::mem::take(&mut message))).is_err() {
            return;
        }
    }
}

fn hear_frames(stream: &mut dyn Read, arrived: &Sender<Message>) {
    let mut one = || -> std::io::Result<(u8, Vec<u8>)> {
        let mut head = [0; 2];
        stream.read_exact(&mut head)?;
        let mut longer = [0; 2];
        let length = match head[1] {
            126 => {
                stream.read_exact(&mut longer)?;
                u16::from_be_bytes(longer)
            }
            short => u16::from(short),
        };
        let mut payload = vec![0; length.into()];
        stream.read_exact(&mut payload)?;
        Ok((head[0] & 15, payload))
    };
    while let Ok((kind, payload)) = one() {
        // A proxy may ask whether somebody is there; in the time of a test nobody needs to answer.
        if kind <= 2 && arrived.send(Message::new(payload)).is_err() {
            return;
        }
    }
}
