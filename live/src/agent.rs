// SPDX-License-Identifier: MIT OR Apache-2.0
//! A user agent behind a [`Relay`] that plays many calls at once and sends again what is not answered (RFC 3261 13 and
//! 17). SIPp gives a call up when a path doubles and reorders what it sends.

use std::collections::HashMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::call::Serves;
use crate::evidence::{entries, tag};
use crate::host::Result;
use crate::loopback::own_loopback_address;
use crate::message::{Message, uri_of};
use crate::peer::reply;
use crate::relay::{Path, Relay};

const T1: Duration = Duration::from_millis(200);
const T2: Duration = Duration::from_millis(1_600);
const TICK: Duration = Duration::from_millis(10);

/// What one user agent sent and received within one call, each time that it did.
#[derive(Clone, Debug, Default)]
pub struct Traffic {
    /// What it sent.
    pub sent: Vec<Message>,
    /// What it received.
    pub received: Vec<Message>,
}

/// What is sent until it is answered.
struct Again {
    call_id: String,
    /// The branch of a request; of the 200 to an INVITE that of the INVITE.
    branch: String,
    message: Vec<u8>,
    next: Instant,
    interval: Duration,
    longest: Duration,
    /// An INVITE is given up (timer B).
    until: Option<Instant>,
}

#[derive(Default)]
struct Work {
    calls: HashMap<String, Traffic>,
    again: Vec<Again>,
}

/// What the thread and the test share.
struct Shared {
    socket: UdpSocket,
    /// Where it sends all.
    towards_proxy: SocketAddr,
    /// Where the proxy finds it.
    address: SocketAddr,
    proxy: SocketAddr,
    work: Mutex<Work>,
    stop: AtomicBool,
}

/// One user agent. It falls silent with the value.
pub struct Agent {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    relay: Relay,
}

impl Agent {
    /// One that finds the proxy, and is found, over such a path.
    pub fn start(proxy: SocketAddr, path: Path, seed: u64) -> Result<Self> {
        let told = |error: std::io::Error| format!("agent: {error}");
        let socket = UdpSocket::bind((own_loopback_address(), 0)).map_err(told)?;
        socket.set_read_timeout(Some(TICK)).map_err(told)?;
        let relay = Relay::start(socket.local_addr().map_err(told)?, proxy, path, seed)?;
        let shared = Arc::new(Shared {
            socket,
            towards_proxy: relay.towards_user(),
            address: relay.towards_proxy(),
            proxy,
            work: Mutex::default(),
            stop: AtomicBool::new(false),
        });
        let of_the_thread = shared.clone();
        let thread = std::thread::spawn(move || of_the_thread.run());
        Ok(Self { shared, thread: Some(thread), relay })
    }

    /// Its path.
    pub fn relay(&self) -> &Relay {
        &self.relay
    }

    /// Where the proxy finds it.
    pub fn address(&self) -> SocketAddr {
        self.shared.address
    }

    /// Calls the user at this address. With `informs` it sends an INFO when it has an answer.
    pub fn call(&self, call_id: &str, called: SocketAddr, serves: Serves, informs: bool) {
        let (shared, here) = (&self.shared, self.shared.address);
        let informs = if informs { ";informs" } else { "" };
        let invite = format!(
            "INVITE sip:bob@{called} SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch=z9hG4bK-invite-{call_id}\r\n\
             Route: <sip:{proxy};lr;role={role}>\r\nFrom: \"Alice\" <sip:alice@home1.net>;tag=a-{call_id}\r\n\
             To: <sip:bob@home1.net>\r\nCall-ID: {call_id}\r\nCSeq: 101 INVITE\r\n\
             Contact: <sip:alice@{here}{informs}>\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
            proxy = shared.proxy,
            role = serves.word(),
        );
        shared.send_again(&mut shared.lock(), invite.into_bytes(), None, Duration::MAX);
    }

    /// What was seen of all its calls so far, by Call-ID.
    pub fn calls(&self) -> HashMap<String, Traffic> {
        self.shared.lock().calls.clone()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        let mut buffer = vec![0; 65_536];
        while !self.stop.load(Ordering::Relaxed) {
            if let Ok((length, _)) = self.socket.recv_from(&mut buffer) {
                let message = Message::new(&buffer[..length]);
                let mut work = self.lock();
                work.calls.entry(message.call_id()).or_default().received.push(message.clone());
                match message.status() {
                    Some(code) => self.take_response(&mut work, &message, code),
                    None => self.take_request(&mut work, &message),
                }
            }
            self.send_what_is_due(&mut self.lock());
        }
    }

    fn send(&self, work: &mut Work, bytes: &[u8]) {
        let message = Message::new(bytes);
        work.calls.entry(message.call_id()).or_default().sent.push(message);
        // What cannot be sent is lost like any other.
        let _ = self.socket.send_to(bytes, self.towards_proxy);
    }

    /// Sends now, and again until it is answered; `branch` where the message is a response.
    fn send_again(&self, work: &mut Work, bytes: Vec<u8>, branch: Option<String>, longest: Duration) {
        let message = Message::new(&bytes[..]);
        self.send(work, &bytes);
        work.again.push(Again {
            call_id: message.call_id(),
            branch: branch.unwrap_or_else(|| message.branch()),
            message: bytes,
            next: Instant::now() + T1,
            interval: T1,
            longest,
            until: message.is("INVITE").then(|| Instant::now() + 64 * T1),
        });
    }

    fn send_what_is_due(&self, work: &mut Work) {
        let now = Instant::now();
        let mut due = Vec::new();
        work.again.retain(|one| one.until.is_none_or(|until| now < until));
        for one in work.again.iter_mut().filter(|one| one.next <= now) {
            one.interval = (one.interval * 2).min(one.longest);
            one.next = now + one.interval;
            due.push(one.message.clone());
        }
        for bytes in due {
            self.send(work, &bytes);
        }
    }

    fn take_response(&self, work: &mut Work, response: &Message, code: u16) {
        let (number, method) = response.cseq();
        let invite = method == "INVITE";
        if code >= 200 || invite {
            work.again.retain(|one| one.branch != response.branch());
        }
        if !invite || code < 200 {
            return;
        }
        let call = work.calls.entry(response.call_id()).or_default();
        let Some(request) = call.sent.iter().find(|one| one.is("INVITE")).cloned() else { return };
        let informed = call.sent.iter().any(|one| one.is("INFO"));
        if code >= 300 {
            let ack = format!(
                "ACK {uri} SIP/2.0\r\nVia: {via}\r\nRoute: {route}\r\nFrom: {from}\r\nTo: {to}\r\nCall-ID: {call_id}\r\n\
                 CSeq: {number} ACK\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
                uri = request.request_uri().unwrap_or_default(),
                via = request.header("Via"),
                route = request.header("Route"),
                from = request.header("From"),
                to = response.header("To"),
                call_id = request.call_id(),
            );
            return self.send(work, ack.as_bytes());
        }
        // Each 2xx is acknowledged, for the ACK to the one before may be lost.
        let ack = self.within(response, "ACK", number);
        self.send(work, &ack);
        if request.header("Contact").contains(";informs") && !informed {
            let info = self.within(response, "INFO", number + 1);
            self.send_again(work, info, None, T2);
        }
    }

    /// A request of the calling user within the dialog that this 2xx has made.
    fn within(&self, answer: &Message, method: &str, number: u64) -> Vec<u8> {
        let (here, call_id) = (self.address, answer.call_id());
        let route: Vec<String> = entries(&answer.headers("Record-Route")).into_iter().rev().collect();
        format!(
            "{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch=z9hG4bK-{method}-{call_id}\r\n\
             Route: {route}\r\nFrom: {from}\r\nTo: {to}\r\nCall-ID: {call_id}\r\nCSeq: {number} {method}\r\n\
             Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
            target = uri_of(&answer.header("Contact")),
            route = route.join(", "),
            from = answer.header("From"),
            to = answer.header("To"),
        )
        .into_bytes()
    }

    fn take_request(&self, work: &mut Work, request: &Message) {
        match request.method().as_deref() {
            Some("INVITE") => self.take_invite(work, request),
            // Other than RFC 3261 13.3.1.4 has it the 200 is sent until then, for 64 T1 are short here.
            Some("ACK") => {
                let call_id = request.call_id();
                work.again.retain(|one| one.call_id != call_id);
            }
            Some(_) => self.send(work, &reply(request, 200, None, &[])),
            None => (),
        }
    }

    fn take_invite(&self, work: &mut Work, invite: &Message) {
        let call = work.calls.entry(invite.call_id()).or_default();
        if let Some(answer) = call.sent.iter().find(|one| one.answers("INVITE", 200)).cloned() {
            return self.send(work, answer.bytes());
        }
        let to = format!("{};tag=b-{}", invite.header("To"), tag(&invite.header("From")).unwrap_or_default());
        let answer = |code| reply(invite, code, Some(&to), &[format!("Contact: <sip:bob@{}>", self.address)]);
        self.send(work, &answer(180));
        self.send_again(work, answer(200), Some(invite.branch()), T2);
    }
}
