// SPDX-License-Identifier: MIT OR Apache-2.0
//! From messages to dialogs and their BYEs. The library keeps the calls, as it does in a proxy; here stands what a
//! capture adds: which replies belong to it, in which order dialogs appear, what each message was.

use std::collections::{BTreeSet, HashMap, HashSet};

use ims_release::Error;
use ims_release::capture::branches::Branches;
use ims_release::capture::unplaced::{Pair, Unplaced, pair};
use ims_release::capture::{self, Captured, Fault, Field, Refused};
use ims_release::dialog::{MAX_DIALOG, Serves};
use ims_release::message::{StartLine, list};
use ims_release::registry::{self, Registry, RegistryError, Seen, Settings, Started, Tracked, What};
use ims_release::release::{Delivery, Request};
use ims_release::store::{Id, memory::MemoryStore};
use rand::TryRng;
use rand::rngs::SysRng;

use crate::input::{Input, Message, Rejected};
use crate::options::Options;

/// Everything that is printed.
#[derive(Debug)]
pub struct Calls {
    /// The files, their messages, and what was rejected.
    pub input: Input,
    notes: Vec<Note>,
    /// Which messages have a Call-ID.
    calls: HashMap<Vec<u8>, Vec<usize>>,
    /// Which have a Call-ID and both tags.
    of_tags: HashMap<Pair, Vec<usize>>,
    /// The dialogs, in the order in which their To tags appeared.
    pub dialogs: Vec<Dialog>,
    /// The served user.
    pub serves: Serves,
    /// Call-IDs of dialogs that cannot be known: neither the INVITE nor a reply to it is there.
    pub headless: BTreeSet<Vec<u8>>,
}

/// What the library said of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// It was not handed to the library, or changed nothing.
    Nothing,
    /// The INVITE of a call, or one that took its place after a challenge.
    Invite,
    /// It changed what is stored for a dialog.
    Stored(Id, What),
}

/// One dialog.
#[derive(Debug)]
pub struct Dialog {
    /// Its number with the library.
    pub id: Id,
    /// Call-ID.
    pub call_id: Vec<u8>,
    /// The calling user's tag.
    pub from_tag: Vec<u8>,
    /// The called user's tag.
    pub to_tag: Vec<u8>,
    /// How far it is.
    pub state: State,
    /// The BYE to the called user.
    pub called: Leg,
    /// The BYE to the calling user.
    pub calling: Leg,
}

/// How far a dialog is at the end of the capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// No 2xx was seen.
    Early,
    /// Its 2xx was seen.
    Confirmed,
    /// A user's BYE was seen, or the INVITE was refused.
    Terminated,
}

/// One BYE, or why there is none.
pub type Leg = Result<Bye, Refusal>;

/// A BYE as it would leave, but for its Via.
#[derive(Debug)]
pub struct Bye {
    /// How it is delivered.
    pub delivery: Delivery,
    /// Request-URI.
    pub request_uri: Vec<u8>,
    /// The URI that it is sent to.
    pub next_hop: Vec<u8>,
    /// The number in CSeq.
    pub cseq: u32,
    /// The entries of Route.
    pub route: Vec<Vec<u8>>,
    /// The message.
    pub message: Vec<u8>,
}

/// Why there is no BYE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// In a word.
    pub kind: &'static str,
    /// In one line.
    pub detail: &'static str,
}

impl Calls {
    /// Hands all messages to the library and asks it for the BYEs of each dialog.
    pub fn plan(mut input: Input, options: &Options) -> Result<Self, String> {
        let messages = std::mem::take(&mut input.messages);
        let mut reader = Reader::new(&messages, options)?;
        for number in 0..messages.len() {
            reader.message(number)?;
        }
        reader.join_all()?;
        let headless = reader.headless();
        let Reader { registry, calls, of_tags, mut dialogs, notes, rejected, .. } = reader;
        dialogs.sort_by_key(|dialog| of_tags.get(&pair(&dialog.call_id, &dialog.from_tag, &dialog.to_tag))?.first());
        input.rejected.extend(rejected);
        input.messages = messages;
        input.rejected.sort_by_key(|rejected| rejected.place);
        if let Some(call_id) = &options.call_id {
            dialogs.retain(|dialog| dialog.call_id == *call_id);
        }
        let headers = options.headers();
        let request = options.request(&headers).map_err(|error| error.to_string())?;
        let mut buffers = Buffers::for_request(&request);
        for dialog in &mut dialogs {
            plan(&registry, dialog, &request, &mut buffers)?;
        }
        Ok(Self { input, notes, calls, of_tags, dialogs, serves: options.serves, headless })
    }

    /// The messages of a call that could be read, in order, and what each was.
    pub fn messages(&self, call_id: &[u8]) -> impl DoubleEndedIterator<Item = (&Message, Captured<'_>, Note)> {
        self.read(self.calls.get(call_id).cloned().unwrap_or_default())
    }

    /// Those of a dialog, with what stands before its To tag.
    pub fn messages_of(&self, dialog: &Dialog) -> impl DoubleEndedIterator<Item = (&Message, Captured<'_>, Note)> {
        let with = |to_tag: &[u8]| self.of_tags.get(&pair(&dialog.call_id, &dialog.from_tag, to_tag));
        let mut numbers: Vec<usize> = with(b"").into_iter().chain(with(&dialog.to_tag)).flatten().copied().collect();
        numbers.sort_unstable();
        numbers.dedup();
        self.read(numbers)
    }

    fn read(&self, numbers: Vec<usize>) -> impl DoubleEndedIterator<Item = (&Message, Captured<'_>, Note)> {
        numbers.into_iter().filter_map(|number| {
            let message = &self.input.messages[number];
            Some((message, capture::read(&message.bytes).ok()?, self.notes[number]))
        })
    }
}

/// The library, and what it has not to know in a proxy.
struct Reader<'m> {
    messages: &'m [Message],
    serves: Serves,
    registry: Registry<MemoryStore>,
    branches: Branches,
    unplaced: Unplaced,
    /// The INVITEs of the capture, and those of them that were handed in.
    coming: HashSet<Invite>,
    invites: HashSet<Invite>,
    calls: HashMap<Vec<u8>, Vec<usize>>,
    of_tags: HashMap<Pair, Vec<usize>>,
    dialogs: Vec<Dialog>,
    known: HashSet<Id>,
    notes: Vec<Note>,
    rejected: Vec<Rejected>,
}

/// Call-ID, the calling user's tag and CSeq.
type Invite = (Box<[u8]>, Box<[u8]>, u32);

fn invite(message: &Captured<'_>) -> Invite {
    (message.call_id.as_ref().into(), message.from_tag().into(), message.cseq)
}

/// Records that are no call's.
const SPARE: usize = 16;

impl<'m> Reader<'m> {
    fn new(messages: &'m [Message], options: &Options) -> Result<Self, String> {
        let read = messages.iter().filter_map(|message| capture::read(&message.bytes).ok());
        let coming = read.filter(is_initial).map(|captured| invite(&captured)).collect();
        // No message makes more than one record.
        let store = MemoryStore::new(messages.len() + SPARE).map_err(|error| error.to_string())?;
        let settings = Settings { own: &options.own(), keep_ended: true, ..Settings::default() };
        let registry = Registry::new(store, &settings, Box::new(|_| {})).map_err(|error| error.to_string())?;
        Ok(Self {
            messages,
            serves: options.serves,
            registry,
            branches: Branches::default(),
            unplaced: Unplaced::default(),
            coming,
            invites: HashSet::new(),
            calls: HashMap::new(),
            of_tags: HashMap::new(),
            dialogs: Vec::new(),
            known: HashSet::new(),
            notes: vec![Note::Nothing; messages.len()],
            rejected: Vec::new(),
        })
    }

    /// Takes in the next message.
    fn message(&mut self, number: usize) -> Result<(), String> {
        let message = &self.messages[number];
        let captured = match capture::read(&message.bytes) {
            Ok(captured) => captured,
            Err(refused) => {
                self.reject(number, refused);
                return Ok(());
            }
        };
        self.calls.entry(captured.call_id.to_vec()).or_default().push(number);
        let tags = pair(&captured.call_id, captured.from_tag(), captured.to_tag());
        self.of_tags.entry(tags).or_default().push(number);
        if self.branches.admit(&captured) { self.place(BTreeSet::from([number]), &BTreeSet::new()) } else { Ok(()) }
    }

    fn reject(&mut self, number: usize, Refused { fault, offset }: Refused) {
        let detail = format!("{} (octet {offset} of the message)", fault.text());
        self.rejected.push(Rejected { place: self.messages[number].place, kind: kind_of_fault(fault), detail });
    }

    /// Hands messages to the library, in order, and with them those that had come too early and belong to what they
    /// make. Of the `orphans`, replies whose INVITE is not in the capture, dialogs are made.
    fn place(&mut self, mut numbers: BTreeSet<usize>, orphans: &BTreeSet<usize>) -> Result<(), String> {
        while let Some(number) = numbers.pop_first() {
            numbers.extend(if orphans.contains(&number) { self.join(number)? } else { self.hand_in(number)? });
        }
        Ok(())
    }

    /// Hands one in; gives what had waited for it.
    fn hand_in(&mut self, number: usize) -> Result<Vec<usize>, String> {
        let message = &self.messages[number];
        let Ok(captured) = capture::read(&message.bytes) else { return Ok(Vec::new()) };
        let now = message.time.unwrap_or_default() / 1_000;
        if is_initial(&captured) {
            let tracked = self.registry.track(&message.bytes, self.serves, now);
            self.invites.insert(invite(&captured));
            return match tracked {
                Ok(Tracked::New(_) | Tracked::Again(_)) => {
                    self.notes[number] = Note::Invite;
                    Ok(self.unplaced.take_of_invite(&captured.call_id, captured.from_tag()))
                }
                Ok(Tracked::Known(_) | Tracked::InDialog) => Ok(Vec::new()),
                Err(error) => self.refused(number, error),
            };
        }
        if self.is_too_early(&captured) {
            self.unplaced.put(number, &captured);
            return Ok(Vec::new());
        }
        if self.answers_another(&captured) {
            self.unplaced.put_of_dialog(number, &captured);
            return Ok(Vec::new());
        }
        match self.registry.observe(&message.bytes, now) {
            Ok(Seen { id: None, .. }) => {
                self.unplaced.put(number, &captured);
                Ok(Vec::new())
            }
            Ok(seen) => Ok(self.seen(number, seen, &captured)),
            Err(error) => self.refused(number, error),
        }
    }

    /// Whether it answers an INVITE that comes later in the capture: a call may be known by an earlier one already,
    /// which was challenged.
    fn is_too_early(&self, message: &Captured<'_>) -> bool {
        if !answers_invite(message) {
            return false;
        }
        let invite = invite(message);
        self.coming.contains(&invite) && !self.invites.contains(&invite)
    }

    fn refused(&mut self, number: usize, error: RegistryError) -> Result<Vec<usize>, String> {
        match error {
            RegistryError::Message(refused) => self.reject(number, refused),
            error => return Err(error.to_string()),
        }
        Ok(Vec::new())
    }

    /// Makes dialogs of the replies whose INVITE is not in the capture.
    fn join_all(&mut self) -> Result<(), String> {
        let replies: BTreeSet<usize> = self.unplaced.take_of_invites().into_iter().collect();
        self.place(replies.clone(), &replies)
    }

    /// Makes a dialog of one; gives what had waited for it.
    fn join(&mut self, number: usize) -> Result<Vec<usize>, String> {
        let message = &self.messages[number];
        let Ok(captured) = capture::read(&message.bytes) else { return Ok(Vec::new()) };
        if self.answers_another(&captured) {
            self.unplaced.put_of_dialog(number, &captured);
            return Ok(Vec::new());
        }
        match self.registry.join(&message.bytes, self.serves, message.time.unwrap_or_default() / 1_000) {
            Ok(seen) => Ok(self.seen(number, seen, &captured)),
            Err(error) => self.refused(number, error),
        }
    }

    /// Whether the request that a reply answers is there, and is an INVITE inside a dialog that is not known yet.
    fn answers_another(&self, reply: &Captured<'_>) -> bool {
        if !answers_invite(reply) {
            return false;
        }
        let waiting = self.unplaced.of_dialog(&reply.call_id, reply.from_tag(), reply.to_tag());
        waiting.iter().any(|number| {
            capture::read(&self.messages[*number].bytes).is_ok_and(|request| {
                matches!(request.start, StartLine::Request { method: b"INVITE", .. })
                    && request.cseq == reply.cseq
                    && request.from_tag() == reply.from_tag()
            })
        })
    }

    /// Calls that are up and of which nothing could be stored.
    fn headless(&self) -> BTreeSet<Vec<u8>> {
        let is_up = |numbers: &[usize]| {
            let messages = numbers.iter().filter_map(|number| capture::read(&self.messages[*number].bytes).ok());
            let mut up = false;
            for message in messages {
                match message.start {
                    StartLine::Reply { code: 300.. } if message.method == b"INVITE" => return false,
                    _ => up |= !message.to_tag().is_empty() && is_of_session(message.method),
                }
            }
            up
        };
        let unknown = self.calls.iter().filter(|(_, numbers)| numbers.iter().all(|n| self.notes[*n] == Note::Nothing));
        unknown.filter(|(_, numbers)| is_up(numbers)).map(|(call_id, _)| call_id.clone()).collect()
    }

    /// Notes what the library said; gives what had waited for the dialog.
    fn seen(&mut self, number: usize, seen: Seen, captured: &Captured<'_>) -> Vec<usize> {
        let Seen { what, id: Some(id) } = seen else { return Vec::new() };
        self.notes[number] = match what {
            What::Unknown | What::Nothing => Note::Nothing,
            what => Note::Stored(id, what),
        };
        let made = matches!(what, What::Early | What::Confirmed);
        if !made || !self.known.insert(id) {
            return Vec::new();
        }
        self.dialogs.push(Dialog {
            id,
            call_id: captured.call_id.to_vec(),
            from_tag: captured.from_tag().to_vec(),
            to_tag: captured.to_tag().to_vec(),
            state: State::Early,
            called: Err(NOT_CONFIRMED),
            calling: Err(NOT_CONFIRMED),
        });
        self.unplaced.take_of_dialog(&captured.call_id, captured.from_tag(), captured.to_tag())
    }
}

/// Whether the method belongs to a session alone; others are those of subscriptions, registrations and so on too.
fn is_of_session(method: &[u8]) -> bool {
    matches!(method, b"INVITE" | b"ACK" | b"BYE" | b"PRACK" | b"UPDATE" | b"INFO")
}

/// Whether it is the reply to an INVITE.
fn answers_invite(message: &Captured<'_>) -> bool {
    matches!(message.start, StartLine::Reply { .. }) && message.method == b"INVITE"
}

/// Whether it is an INVITE outside a dialog.
fn is_initial(message: &Captured<'_>) -> bool {
    matches!(message.start, StartLine::Request { method: b"INVITE", .. }) && message.to_tag().is_empty()
}

/// Room for one BYE each.
struct Buffers {
    called: Vec<u8>,
    calling: Vec<u8>,
}

impl Buffers {
    fn for_request(request: &Request<'_>) -> Self {
        // A dialog twice: a Record-Route list can stand in one BYE in full, and the rest is less than another one.
        let headers: usize = request.headers.iter().map(|header| header.len() + 2).sum();
        let length = 2 * MAX_DIALOG + headers;
        Self { called: vec![0; length], calling: vec![0; length] }
    }
}

/// Asks the library for both BYEs.
fn plan(
    registry: &Registry<MemoryStore>,
    dialog: &mut Dialog,
    request: &Request<'_>,
    buffers: &mut Buffers,
) -> Result<(), String> {
    let mut random = || SysRng.try_next_u64().map_err(|_| Error::NoRandom);
    let planned = loop {
        match registry.plan(dialog.id, request, &mut random, &mut buffers.called, &mut buffers.calling) {
            Err(RegistryError::BufferTooSmall { called, calling }) => {
                buffers.called.resize(called.max(buffers.called.len()), 0);
                buffers.calling.resize(calling.max(buffers.calling.len()), 0);
            }
            planned => break planned,
        }
    };
    let (state, called, calling) = match planned {
        Ok(Started { called, calling }) => {
            (State::Confirmed, leg(called, &buffers.called)?, leg(calling, &buffers.calling)?)
        }
        Err(RegistryError::Early) => (State::Early, Err(NOT_CONFIRMED), Err(NOT_CONFIRMED)),
        Err(RegistryError::Ending) => (State::Terminated, Err(TERMINATED), Err(TERMINATED)),
        Err(error) => return Err(error.to_string()),
    };
    (dialog.state, dialog.called, dialog.calling) = (state, called, calling);
    Ok(())
}

fn leg(bye: Result<registry::Bye, Error>, buffer: &[u8]) -> Result<Leg, String> {
    let registry::Bye { delivery, cseq, encoded } = match bye {
        Ok(bye) => bye,
        Err(error) => {
            let kind = kind_of_error(error).ok_or_else(|| error.to_string())?;
            return Ok(Err(Refusal { kind, detail: error.text() }));
        }
    };
    let text = |range: std::ops::Range<usize>| buffer[range].to_vec();
    let row = &buffer[encoded.route.clone()];
    let row = row.strip_prefix(b"Route: ").and_then(|row| row.strip_suffix(b"\r\n")).unwrap_or(row);
    Ok(Ok(Bye {
        delivery,
        request_uri: text(encoded.request_uri.clone()),
        next_hop: text(encoded.next_hop.clone()),
        cseq,
        route: list::elements(row).flatten().map(<[u8]>::to_vec).collect(),
        message: text(0..encoded.length),
    }))
}

const NOT_CONFIRMED: Refusal =
    Refusal { kind: "not-confirmed", detail: "Dialog: early, no 2xx was seen; its INVITE is to be cancelled instead" };
const TERMINATED: Refusal =
    Refusal { kind: "terminated", detail: "Dialog: over, by a user's own BYE or because its INVITE was refused" };

/// `None` for what is no matter of the dialog.
fn kind_of_error(error: Error) -> Option<&'static str> {
    Some(match error {
        Error::BadCallingContact | Error::BadCalledContact => "bad-contact",
        Error::NoCseq => "no-cseq",
        Error::CseqOverflow => "cseq-overflow",
        Error::NoOwnRoute => "no-own-route",
        // Of a dialog that was small enough to be kept, the list of routes alone can be too large.
        Error::BadRecordRoute | Error::BadRoute | Error::TooLarge => "bad-route",
        Error::BadHeader | Error::DuplicateHeader | Error::ForbiddenHeader => "bad-header",
        // What was captured was read by the same rules, so these do not come up; each still names its header.
        Error::BadCallId | Error::BadFrom | Error::BadTo => "bad-header",
        _ => return None,
    })
}

fn kind_of_fault(fault: Fault) -> &'static str {
    match fault {
        Fault::StartLine => "start-line",
        Fault::HeaderLine => "header-line",
        Fault::EndOfHeaders => "end-of-headers",
        Fault::ContentLength => "content-length",
        Fault::MethodMismatch => "method-mismatch",
        Fault::Header(Field::CallId, _) => "call-id",
        Fault::Header(Field::From, _) => "from",
        Fault::Header(Field::To, _) => "to",
        Fault::Header(Field::CSeq, _) => "cseq",
        Fault::TooLarge => "too-large",
        _ => "message",
    }
}
