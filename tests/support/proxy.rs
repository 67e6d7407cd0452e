// SPDX-License-Identifier: MIT OR Apache-2.0
//! A registry over each engine, and calls that are written down with one line for each message.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ims_release::Error;
use ims_release::cseq::{CSeqs, draw};
use ims_release::dialog::{Serves, User};
use ims_release::pending::{Final, Leg};
use ims_release::reason::Reason;
use ims_release::registry::{
    By, Bye, Challenge, Entry, Noted, OnEnded, Registry, RegistryError, Selector, Settings, Start, State, Swept,
    Tracked, What,
};
use ims_release::release::Request;
use ims_release::route::Own;
use ims_release::store::shared::SharedConfig;
use ims_release::store::{Id, MemoryStore, SharedStore, Store};

use super::{Built, Pair, built, request};

/// The proxy is `s`, and both users are on it.
pub const LIST: &str = "<sip:pcscf2;lr>, <sip:mt@s;lr>, <sip:mo@s;lr>, <sip:pcscf1;lr>";

/// As a request of the calling user comes in.
const TO_CALLED: &str = "<sip:mo@s;lr>, <sip:mt@s;lr>, <sip:pcscf2;lr>";
/// As one of the called user does.
const TO_CALLING: &str = "<sip:mt@s;lr>, <sip:mo@s;lr>, <sip:pcscf1;lr>";

/// A proxy whose clock stands still until it is moved.
pub struct Proxy {
    pub registry: Registry<Box<dyn Store>>,
    milliseconds: AtomicU64,
    /// How often each message is seen.
    pub copies: AtomicUsize,
    calls: AtomicUsize,
    told: Arc<Mutex<Vec<(Id, String)>>>,
}

/// A dialog as the registry shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    pub id: Id,
    pub state: State,
    pub roles: u8,
    /// Call-ID and both tags, by which it is found.
    pub name: String,
    pub cseqs: CSeqs,
    pub called: Leg,
    pub calling: Leg,
    /// All that is shown of it.
    pub all: String,
}

/// A BYE of a release, in octets.
#[derive(Debug)]
pub struct Raw {
    pub message: Vec<u8>,
    pub to: User,
    pub cseq: u32,
}

/// Runs a test with a fresh proxy over each engine.
pub fn both(test: impl Fn(&Proxy)) {
    both_of("s", test);
}

/// The same with a proxy that knows its Record-Route entries by `host`.
pub fn both_of(host: &str, test: impl Fn(&Proxy)) {
    both_with(host, |_| {}, test);
}

/// The same with other settings. What was released is forgotten at once where they do not say otherwise.
pub fn both_with(host: &str, change: impl Fn(&mut Settings<'_>), test: impl Fn(&Proxy)) {
    over_both(|store| test(&Proxy::over(store, host, &change)));
}

/// The same with a host that has credentials.
pub fn both_challenged(
    change: impl Fn(&mut Settings<'_>),
    credentials: impl Fn(&Challenge<'_>, &mut Vec<u8>) + Send + Sync + 'static,
    test: impl Fn(&Proxy),
) {
    let credentials = Arc::new(credentials);
    over_both(|store| {
        let mut proxy = Proxy::over(store, "s", &change);
        let credentials = Arc::clone(&credentials);
        proxy.registry = proxy.registry.with_credentials(Box::new(move |one, text| credentials(one, text)));
        test(&proxy);
    });
}

fn over_both(test: impl Fn(Box<dyn Store>)) {
    test(Box::new(MemoryStore::new(900).unwrap()));
    let directory = tempfile::tempdir().unwrap();
    let config = SharedConfig {
        directory: directory.path(),
        size: 1,
        lock_timeout: Duration::from_secs(5),
        owner: None,
        log: &|level, text| println!("{level:?}: {text}"),
    };
    test(Box::new(SharedStore::open(&config).unwrap()));
}

impl Proxy {
    /// A proxy for one call.
    pub fn alone(host: &str) -> Self {
        Self::over(Box::new(MemoryStore::new(16).unwrap()), host, &|_| {})
    }

    fn over(store: Box<dyn Store>, host: &str, change: &dyn Fn(&mut Settings<'_>)) -> Self {
        let told = Arc::new(Mutex::new(Vec::new()));
        let own = [Own::host(host.as_bytes(), b"").unwrap()];
        let mut settings = Settings { own: &own, linger: 0, ..Settings::default() };
        change(&mut settings);
        let tell = |what: &'static str| -> OnEnded {
            let told = Arc::clone(&told);
            Box::new(move |ended| {
                let name = name(ended.call_id, ended.from_tag, ended.to_tag);
                let (called, calling) = (ended.called.code, ended.calling.code);
                let (outcome, cause, duration) = (ended.outcome.text(), ended.cause, ended.duration);
                let lost = if ended.text_lost { ", text lost" } else { "" };
                let line = format!("{what}{outcome} {cause} {called} {calling} {name} {duration} ms{lost}");
                told.lock().unwrap().push((ended.id, line));
            })
        };
        let registry = Registry::new(store, &settings, tell("")).unwrap().with_unconfirmed(tell("unconfirmed: "));
        let idle = Arc::clone(&told);
        let registry = registry.with_idle_dropped(Box::new(move |dropped| {
            let parameter = if dropped.session_timer { "session_timer" } else { "dialog_lifetime" };
            let call_id = String::from_utf8_lossy(dropped.call_id);
            let line = format!("idle: {call_id} {parameter} {}", dropped.idle / 1_000);
            idle.lock().unwrap().push((dropped.id, line));
        }));
        Self {
            registry,
            milliseconds: AtomicU64::new(1_800_000_000_000),
            copies: AtomicUsize::new(1),
            calls: AtomicUsize::new(0),
            told,
        }
    }

    /// What the host was told of ended releases since it was asked last, of outcomes that stay unconfirmed, and of dialogs
    /// that were dropped for idleness.
    pub fn told(&self) -> Vec<(Id, String)> {
        core::mem::take(&mut self.told.lock().unwrap())
    }

    pub fn wait(&self, milliseconds: u64) {
        self.milliseconds.fetch_add(milliseconds, Relaxed);
    }

    pub fn now(&self) -> u64 {
        self.milliseconds.load(Relaxed)
    }

    /// A Call-ID that no call has yet.
    pub fn fresh(&self) -> String {
        format!("call-{}", self.calls.fetch_add(1, Relaxed))
    }

    pub fn track(&self, call: &str, serves: Serves, line: &str) -> Tracked {
        let message = message(call, line);
        let track = || self.registry.track(message.as_bytes(), serves, self.now()).unwrap();
        let first = track();
        for _ in 1..self.copies.load(Relaxed) {
            assert!(matches!(track(), Tracked::Known(_)), "{line}");
        }
        first
    }

    pub fn see(&self, call: &str, line: &str) -> What {
        let message = message(call, line);
        let observe = || self.registry.observe(message.as_bytes(), self.now()).unwrap().what;
        let first = observe();
        (1..self.copies.load(Relaxed)).for_each(|_| _ = observe());
        first
    }

    /// Hands in whole messages in their order, an initial INVITE as one to track, and says what the others were.
    pub fn take(&self, serves: Serves, messages: &[impl AsRef<[u8]>]) -> Vec<Result<What, RegistryError>> {
        let mut seen = Vec::new();
        for message in messages.iter().map(AsRef::as_ref) {
            match self.registry.track(message, serves, self.now()) {
                Ok(Tracked::InDialog) | Err(RegistryError::NotAnInvite) => {
                    seen.push(self.registry.observe(message, self.now()).map(|seen| seen.what));
                }
                Ok(_) => {}
                Err(error) => seen.push(Err(error)),
            }
        }
        seen
    }

    /// A call of these messages, divided by `; `: `OK` is the 2xx with its ACK, the first thing where none is. Gives
    /// its dialog.
    pub fn call(&self, call: &str, serves: &[Serves], lines: &str) -> Id {
        for serves in serves {
            self.track(call, *serves, "> INVITE 127 tag=");
        }
        let lines = if lines.contains("OK") { lines.into() } else { format!("OK; {lines}") };
        for line in lines.replace("OK", "< 200 INVITE 127; > ACK 127").split("; ").filter(|line| !line.is_empty()) {
            self.see(call, line);
        }
        self.dialog(&format!("{call},a,b")).id
    }

    /// The plainest call.
    pub fn plain(&self, call: &str) -> Id {
        self.call(call, &[Serves::Calling], "")
    }

    pub fn find(&self, selector: Selector<'_>) -> Vec<Shown> {
        let mut found = Vec::new();
        let count = self.registry.find(selector, &mut |entry| found.push(Shown::from(entry))).unwrap();
        assert_eq!(count, found.len());
        found
    }

    pub fn dialog(&self, name: &str) -> Shown {
        let found = self.find(Selector::Dialog(name.as_bytes()));
        assert_eq!(found.len(), 1, "{name}");
        found[0].clone()
    }

    /// Starts a release; both BYEs go to the judge. A refusal leaves the buffers as they are.
    pub fn start(&self, id: Id) -> Result<Pair, RegistryError> {
        self.start_for(By::Host, id, &request().reason)
    }

    /// The same for a job.
    pub fn start_for(&self, by: By, id: Id, reason: &Reason<'_>) -> Result<Pair, RegistryError> {
        let [mut called, mut calling] = [(); 2].map(|()| vec![0xaa; 4096]);
        let mut random = || Ok(u64::MAX);
        let request = Request { reason: *reason, ..request() };
        let start = Start { by, request: &request, now: self.now() };
        let started = self.registry.start(id, &start, &mut random, &mut called, &mut calling);
        let Ok(started) = started else {
            assert!(called.iter().chain(&calling).all(|b| *b == 0xaa));
            return Err(started.unwrap_err());
        };
        let name = self.find(Selector::Id(id)).remove(0).name;
        let mut tags = name.rsplit(',').map(|tag| Some(tag.as_bytes()).filter(|tag| !tag.is_empty()));
        let (to, from) = (tags.next().flatten(), tags.next().flatten());
        let built = |bye: Bye, mut bytes: Vec<u8>, tags| {
            bytes.truncate(bye.encoded.length);
            built(bytes, &bye.encoded, bye.delivery, bye.cseq, tags)
        };
        Ok(Pair {
            called: started.called.map(|bye| built(bye, called, (from, to))),
            calling: started.calling.map(|bye| built(bye, calling, (to, from))),
        })
    }

    /// Starts a release whose BYEs may hold any octets; none where it is refused. They are for [`super::judge_read`].
    pub fn start_raw(&self, id: Id) -> Vec<Raw> {
        let [mut called, mut calling] = [(); 2].map(|()| vec![0; 65_536]);
        let mut random = || Ok(u64::MAX);
        let start = Start { by: By::Host, request: &request(), now: self.now() };
        let started = self.registry.start(id, &start, &mut random, &mut called, &mut calling);
        let Ok(started) = started else { return Vec::new() };
        let raw = |bye: Result<ims_release::registry::Bye, Error>, mut message: Vec<u8>, to| {
            bye.ok().map(|bye| {
                message.truncate(bye.encoded.length);
                Raw { message, to, cseq: bye.cseq }
            })
        };
        let byes = [raw(started.called, called, User::Called), raw(started.calling, calling, User::Calling)];
        byes.into_iter().flatten().collect()
    }

    /// Notes the answer to the BYE that was sent last.
    pub fn note(&self, id: Id, to: User, reply: Final) -> Noted {
        let leg = self
            .find(Selector::Id(id))
            .first()
            .map(|shown| if to == User::Called { shown.called } else { shown.calling });
        self.note_of(id, to, leg.map_or(0, |leg| leg.cseq), reply, None)
    }

    /// Notes the answer to the BYE with a CSeq, and the number in its Retry-After.
    pub fn note_of(&self, id: Id, to: User, cseq: u32, reply: Final, retry_after: Option<u32>) -> Noted {
        let rows = retry_after.map_or(String::new(), |seconds| format!("Retry-After: {seconds}\r\n"));
        self.note_reply(id, to, cseq, reply, &rows)
    }

    /// Notes the answer to the BYE with a CSeq, that has these rows.
    pub fn note_reply(&self, id: Id, to: User, cseq: u32, reply: Final, rows: &str) -> Noted {
        let message = if let Final::Code(code) = reply { super::reply(code, rows) } else { String::new() };
        self.registry.note(id, to, cseq, reply, message.as_bytes(), self.now()).unwrap()
    }

    /// Sweeps the whole store in small steps.
    pub fn sweep(&self) -> Swept {
        self.sweep_due().0
    }

    /// The same; tells which BYEs are due.
    pub fn sweep_due(&self) -> (Swept, Vec<(Id, User)>) {
        let (mut all, mut due) = (Swept::default(), Vec::new());
        while !all.finished {
            let step = self.registry.sweep(self.now(), 7, &mut |id, to| due.push((id, to))).unwrap();
            all.due += step.due;
            all.ended += step.ended;
            all.dropped += step.dropped;
            all.finished = step.finished;
        }
        assert_eq!(all.due, due.len());
        (all, due)
    }

    /// Fetches a BYE that is due; it goes to the judge. A refusal leaves the buffer as it is.
    pub fn next(&self, id: Id, to: User) -> Result<Built, RegistryError> {
        let shown = self.find(Selector::Id(id)).remove(0);
        let mut buffer = vec![0xaa; 4096];
        let other = Request { reason: Reason::sip(699, b"of the start").unwrap(), ..request() };
        let bye = self.registry.next(id, to, &other, self.now(), &mut || Ok(u64::MAX), &mut buffer);
        let bye = bye.inspect_err(|_| assert!(buffer.iter().all(|b| *b == 0xaa)))?;
        buffer.truncate(bye.encoded.length);
        let mut tags = shown.name.rsplit(',').map(|tag| Some(tag.as_bytes()).filter(|tag| !tag.is_empty()));
        let (called, calling) = (tags.next().flatten(), tags.next().flatten());
        let tags = if to == User::Called { (calling, called) } else { (called, calling) };
        Ok(built(buffer, &bye.encoded, bye.delivery, bye.cseq, tags))
    }

    /// How many records the store holds.
    pub fn records(&self) -> u64 {
        self.registry.stats().unwrap().records
    }
}

impl From<&Entry<'_>> for Shown {
    fn from(entry: &Entry<'_>) -> Self {
        Self {
            id: entry.id,
            state: entry.state,
            roles: entry.roles.bits(),
            name: name(entry.call_id, entry.from_tag, entry.to_tag),
            cseqs: entry.cseqs,
            called: entry.called,
            calling: entry.calling,
            all: format!("{entry:?}"),
        }
    }
}

fn name(call_id: &[u8], from_tag: &[u8], to_tag: &[u8]) -> String {
    String::from_utf8_lossy(&[call_id, from_tag, to_tag].join(&b',')).into_owned()
}

/// One message of a call. `> INFO 128` is a request that goes to the called user, `< 200 INFO 128` the reply to it.
/// Then words may follow: `tag` of the called user, `from` of the calling user without its tag, `contact` (of `a2` it
/// is `<sip:a2>`), `routes` for Record-Route, `reliable` for RSeq, `session` or `x` for Session-Expires, `supported` or `k`; of a request `target` for the Request-URI without its
/// scheme and `route`, which are else those of the plainest call.
pub fn message(call: &str, line: &str) -> String {
    let mut words = line.split(' ');
    let to_called = words.next() == Some(">");
    let first = words.next().unwrap();
    let code: Option<u16> = first.parse().ok();
    let method = if code.is_some() { words.next().unwrap() } else { first };
    let cseq = words.next().unwrap();
    let given: HashMap<&str, &str> = words.map(|word| word.split_once('=').unwrap()).collect();
    let get = |name: &str, usual| given.get(name).copied().unwrap_or(usual);

    let calling = format!("{};tag=a", get("from", "\"Alice\" <sip:a@home1.net>"));
    let called = format!("<tel:+1-212-555-2222>;tag={}", get("tag", "b"));
    let called = called.strip_suffix(";tag=").unwrap_or(&called);
    let (from, to) = if to_called == code.is_none() { (&*calling, called) } else { (called, &*calling) };
    let (target, route) = match (get("tag", "b"), to_called) {
        ("", true) => ("x", ""),
        (_, true) => ("b1", TO_CALLED),
        (_, false) => ("a1", TO_CALLING),
    };
    let start = match code {
        Some(code) => format!("SIP/2.0 {code} x"),
        None => format!("{method} sip:{} SIP/2.0", get("target", target)),
    };
    let mut message = format!(
        "{start}\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKx\r\nFrom: {from}\r\nTo: {to}\r\nCall-ID: {call}\r\n\
         CSeq: {cseq} {method}\r\n"
    );
    let refreshes = matches!(method, "INVITE" | "UPDATE") && matches!(code, None | Some(101..=299));
    let usual = if to_called { "a1" } else { "b1" };
    let contact = match get("contact", if refreshes { usual } else { "" }) {
        bare if bare.starts_with(|first: char| first.is_ascii_alphabetic()) => format!("<sip:{bare}>"),
        whole => whole.into(),
    };
    let routes = get("routes", if method == "INVITE" && refreshes && code.is_some() { LIST } else { "" });
    let further = [
        ("RSeq", get("reliable", "")),
        ("Session-Expires", get("session", "")),
        ("x", get("x", "")),
        ("Supported", get("supported", "")),
        ("k", get("k", "")),
    ];
    let route = get("route", if code.is_some() { "" } else { route });
    let routes = [("Contact", &*contact), ("Record-Route", routes), ("Route", route)];
    for (name, value) in routes.into_iter().chain(further) {
        if !value.is_empty() {
            message += &format!("{name}: {value}\r\n");
        }
    }
    message + "Content-Length: 0\r\n\r\n"
}

/// CSeq and Request-URI of both BYEs, and their routes where they are not the usual ones of a served calling user.
pub fn summary(pair: &Pair) -> String {
    let leg = |bye: &Result<Built, Error>, usual: &[&str]| match bye {
        Ok(bye) => {
            let cseq = if bye.cseq == draw(u64::MAX) { "drawn".into() } else { bye.cseq.to_string() };
            let routes = bye.routes();
            let routes = if routes == usual { String::new() } else { format!(" via {}", routes.join(",")) };
            format!("{cseq} {}{routes}", bye.request_uri.trim_start_matches("sip:"))
        }
        Err(error) => format!("{error:?}"),
    };
    let called = leg(&pair.called, &["<sip:mo@s;lr>", "<sip:mt@s;lr>", "<sip:pcscf2;lr>"]);
    format!("{called} | {}", leg(&pair.calling, &["<sip:pcscf1;lr>"]))
}
