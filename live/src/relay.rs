// SPDX-License-Identifier: MIT OR Apache-2.0
//! The path between a user agent and the proxy, which loses datagrams, doubles them and lets one overtake another, at
//! random and alike in both directions.
//!
//! netem does this in the kernel, but wants root and a network namespace. This wants neither.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::host::Result;
use crate::loopback::own_loopback_address;

/// Looked at this often: whether the path is to end.
const TICK: Duration = Duration::from_millis(20);

/// What becomes of a datagram.
#[derive(Clone, Copy, Debug)]
pub struct Path {
    /// So many of a hundred are lost.
    pub lost: u64,
    /// So many of a hundred come twice, the second time late.
    pub doubled: u64,
    /// So many of a hundred come late.
    pub late: u64,
    /// The longest that one comes late.
    pub at_most: Duration,
}

/// What became of them.
#[derive(Debug, Default)]
struct Counts {
    sent: AtomicU64,
    lost: AtomicU64,
    doubled: AtomicU64,
    late: AtomicU64,
}

/// Numbers at random, the same for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    fn of_a_hundred(&mut self, share: u64) -> bool {
        self.below(100) < share
    }
}

/// One direction.
struct Way {
    from: UdpSocket,
    by: UdpSocket,
    to: SocketAddr,
    path: Path,
    random: Random,
    late: Vec<(Instant, Vec<u8>)>,
    counts: Arc<Counts>,
    stop: Arc<AtomicBool>,
}

impl Way {
    fn carry(mut self) {
        let mut buffer = vec![0; 65_536];
        while !self.stop.load(Ordering::Relaxed) {
            let wait = self.send_what_is_due();
            if self.from.set_read_timeout(Some(wait)).is_ok()
                && let Ok((length, _)) = self.from.recv_from(&mut buffer)
            {
                self.take(&buffer[..length]);
            }
        }
    }

    /// Gives the time until the next one is due.
    fn send_what_is_due(&mut self) -> Duration {
        let now = Instant::now();
        let (due, later) = std::mem::take(&mut self.late).into_iter().partition(|(time, _)| *time <= now);
        self.late = later;
        let due: Vec<_> = due;
        for (_, bytes) in &due {
            self.send(bytes);
        }
        let next = self.late.iter().map(|(time, _)| time.saturating_duration_since(now)).min();
        next.unwrap_or(TICK).clamp(Duration::from_millis(1), TICK)
    }

    fn take(&mut self, bytes: &[u8]) {
        if self.random.of_a_hundred(self.path.lost) {
            self.counts.lost.fetch_add(1, Ordering::Relaxed);
            return;
        }
        if self.random.of_a_hundred(self.path.late) {
            self.counts.late.fetch_add(1, Ordering::Relaxed);
            self.put_off(bytes);
        } else {
            self.send(bytes);
        }
        if self.random.of_a_hundred(self.path.doubled) {
            self.counts.doubled.fetch_add(1, Ordering::Relaxed);
            self.put_off(bytes);
        }
    }

    fn put_off(&mut self, bytes: &[u8]) {
        let longest = u64::try_from(self.path.at_most.as_micros()).unwrap_or(u64::MAX).max(1);
        let time = Instant::now() + Duration::from_micros(self.random.below(longest));
        self.late.push((time, bytes.to_vec()));
    }

    fn send(&self, bytes: &[u8]) {
        // Who has stopped listening gets nothing: one more that is lost.
        let counted = if self.by.send_to(bytes, self.to).is_ok() { &self.counts.sent } else { &self.counts.lost };
        counted.fetch_add(1, Ordering::Relaxed);
    }
}

/// The path of one user agent. It ends with the value.
#[derive(Debug)]
pub struct Relay {
    towards_user: SocketAddr,
    towards_proxy: SocketAddr,
    counts: Arc<Counts>,
    stop: Arc<AtomicBool>,
    ways: Vec<JoinHandle<()>>,
}

impl Relay {
    /// Opens the path between a user agent and a proxy.
    pub fn start(user: SocketAddr, proxy: SocketAddr, path: Path, seed: u64) -> Result<Self> {
        let told = |error: std::io::Error| format!("relay: {error}");
        let ip = own_loopback_address();
        let inner = UdpSocket::bind((ip, 0)).map_err(told)?;
        let outer = UdpSocket::bind((ip, 0)).map_err(told)?;
        let mut relay = Self {
            towards_user: inner.local_addr().map_err(told)?,
            towards_proxy: outer.local_addr().map_err(told)?,
            counts: Arc::default(),
            stop: Arc::default(),
            ways: Vec::new(),
        };
        let copy = |socket: &UdpSocket| socket.try_clone().map_err(told);
        for (from, by, to, seed) in
            [(copy(&inner)?, copy(&outer)?, proxy, seed), (copy(&outer)?, copy(&inner)?, user, !seed)]
        {
            let (counts, stop) = (relay.counts.clone(), relay.stop.clone());
            let way = Way { from, by, to, path, random: Random(seed), late: Vec::new(), counts, stop };
            relay.ways.push(std::thread::spawn(move || way.carry()));
        }
        Ok(relay)
    }

    /// Where the user agent finds the proxy.
    pub fn towards_user(&self) -> SocketAddr {
        self.towards_user
    }

    /// Where the proxy finds the user agent.
    pub fn towards_proxy(&self) -> SocketAddr {
        self.towards_proxy
    }

    /// Datagrams that were lost so far.
    pub fn lost(&self) -> u64 {
        self.counts.lost.load(Ordering::Relaxed)
    }

    /// Datagrams that came twice so far.
    pub fn doubled(&self) -> u64 {
        self.counts.doubled.load(Ordering::Relaxed)
    }

    /// Datagrams that came late so far, those that came twice not counted.
    pub fn late(&self) -> u64 {
        self.counts.late.load(Ordering::Relaxed)
    }

    /// Datagrams that were sent on so far.
    pub fn sent(&self) -> u64 {
        self.counts.sent.load(Ordering::Relaxed)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for way in self.ways.drain(..) {
            let _ = way.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENT: u64 = 2_000;

    /// What comes out at the other end of what goes in, as numbers, and the path.
    fn carried(path: Path) -> (Vec<u64>, Relay) {
        let (user, proxy) = (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
        let relay = Relay::start(user.local_addr().unwrap(), proxy.local_addr().unwrap(), path, 7).unwrap();
        proxy.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        let mut seen = Vec::new();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for number in 0..SENT {
                    user.send_to(&number.to_be_bytes(), relay.towards_user()).unwrap();
                    std::thread::sleep(Duration::from_micros(100));
                }
            });
            let mut number = [0; 8];
            while let Ok((_, from)) = proxy.recv_from(&mut number) {
                assert_eq!(from, relay.towards_proxy());
                seen.push(u64::from_be_bytes(number));
            }
        });
        (seen, relay)
    }

    #[test]
    fn a_good_path_changes_nothing() {
        let (seen, relay) = carried(Path { lost: 0, doubled: 0, late: 0, at_most: Duration::ZERO });
        assert_eq!(seen, (0..SENT).collect::<Vec<_>>());
        assert_eq!((relay.sent(), relay.lost(), relay.doubled(), relay.late()), (SENT, 0, 0, 0));
    }

    #[test]
    fn a_bad_path_loses_doubles_and_reorders_as_it_says() {
        let (seen, relay) = carried(Path { lost: 30, doubled: 10, late: 20, at_most: Duration::from_millis(20) });
        assert!((500..700).contains(&relay.lost()), "{relay:?}");
        assert!((90..190).contains(&relay.doubled()), "{relay:?}");
        assert!((210..350).contains(&relay.late()), "{relay:?}");
        assert_eq!(seen.len() as u64, relay.sent());
        assert_eq!(relay.sent() + relay.lost() - relay.doubled(), SENT);
        assert!(!seen.is_sorted(), "none has overtaken another");
    }
}
