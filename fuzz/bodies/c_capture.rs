// SPDX-License-Identifier: MIT OR Apache-2.0
//! The C interface as a host calls it, with arbitrary texts, lengths and struct contents. No call may panic, read or
//! write where it must not, or touch its outputs on an error.
//!
//! Commands, a number behind most: `c` tracks for that side; `o` observes; `f` finds by that selector; `s` starts the
//! release of all dialogs with the options in the text; `a` has the printed text adopt each BYE, which is then
//! recognised and sent on; `k` recognises; `n` notes a code, with the text as the reply; `w` lets milliseconds pass,
//! sweeps, and sends what is due with the options in the text; `e` sends on; `u` takes releases up again; `b` builds
//! from the fields in the text; `p` opens another registry. Without a command: track and observe.
#![allow(unsafe_code, reason = "the C interface is called")]

use core::ffi::{c_char, c_void};
use core::ptr;

use ims_release::ffi::bye::Bye;
use ims_release::ffi::dialog::{ims_release_dialog_build, ims_release_dialog_free, ims_release_dialog_new};
use ims_release::ffi::due::{
    Resumed, Swept, ims_release_registry_next, ims_release_registry_resume, ims_release_registry_sent_on,
    ims_release_registry_sweep,
};
use ims_release::ffi::flow::{WayBackTold, ims_release_registry_way_back};
use ims_release::ffi::job::ims_release_registry_exempt;
use ims_release::ffi::list::ims_release_registry_stats;
use ims_release::ffi::list::{Entry, Stats, ims_release_registry_find, ims_release_registry_list};
use ims_release::ffi::registry::{
    Registry, ims_release_registry_close, ims_release_registry_observe, ims_release_registry_open,
    ims_release_registry_track,
};
use ims_release::ffi::release::ims_release_build;
use ims_release::ffi::running::{
    ims_release_registry_adopt, ims_release_registry_answered, ims_release_registry_note, ims_release_registry_own_hop,
    ims_release_registry_recognise, ims_release_registry_start,
};
use ims_release::ffi::status::{
    IMS_RELEASE_ARGUMENT, IMS_RELEASE_BUFFER_TOO_SMALL, IMS_RELEASE_OK, IMS_RELEASE_PANIC, IMS_RELEASE_STRUCT_SIZE,
    Status, ims_release_status_text,
};
use ims_release::ffi::str::Str;

use super::c_input::{Lines, Memory};
use super::pieces::{number, pieces};

/// An output that no call has written.
const UNTOUCHED: u32 = 0xdead_beef;
const ROOM: usize = 20_000;

const CONFIG: &[u8] = b"own=<sip:mo@scscf1.home1.net;lr;did=7a1.3>\nhost=scscf2.home2.net\nhost=s\n";

/// An INVITE for which an input gives the served user.
const USUAL_INVITE: &[u8] =
    b"INVITE sip:b@h SIP/2.0\r\nFrom: <sip:a@h>;tag=a\r\nTo: <sip:b@h>\r\nCall-ID: u\r\nCSeq: 1 INVITE\r\n\r\n";

/// How all messages come.
const FLOW: &[u8] = b"tcp:[2001:db8::7]:1024;local=tcp:[2001:db8::1]:5060";

/// The BYEs that were built for a registry: dialog, leg, CSeq, message.
type Sent = Vec<(u64, u32, u32, Vec<u8>)>;

/// Runs the target once.
pub fn run(input: &[u8]) {
    let memory = Memory::default();
    let mut registry = open(CONFIG, &memory).expect("the usual registry opens");
    let mut now = 1_800_000_000_000;
    let mut sent = Sent::new();
    for piece in pieces(input).take(64) {
        // SAFETY: the registry is open, and all texts live in `memory`.
        unsafe {
            let (command, (value, _)) = match piece.command {
                [command, digits @ ..] => (*command, number(digits)),
                [] => (0, (1, &[][..])),
            };
            let text = memory.text(piece.text);
            match command {
                b'c' => {
                    _ = fine(ims_release_registry_track(
                        registry,
                        text,
                        value as u32,
                        memory.text(b""),
                        memory.text(FLOW),
                        now,
                    ))
                }
                b'i' => {
                    let invite = memory.text(USUAL_INVITE);
                    fine(ims_release_registry_track(registry, invite, value as u32, text, memory.text(FLOW), now));
                }
                b'x' => _ = fine(ims_release_registry_exempt(registry, text)),
                b'o' => observe(registry, text, memory.text(FLOW), now),
                b'f' => find(registry, value as u32, text),
                b's' => start(registry, &Lines::new(piece.text, &memory), now, value, &mut sent),
                b'a' => adopt(registry, text, value as usize, now, &sent),
                b'k' => recognise(registry, text, value as u32, now),
                b'n' => note(registry, value as u32, text, now, &sent),
                b'w' => {
                    now = now.wrapping_add(value);
                    sweep(registry, &Lines::new(piece.text, &memory), now, value, &mut sent);
                }
                b'e' => _ = fine(ims_release_registry_sent_on(registry, text)),
                b'u' => resume(registry, now, value),
                b'b' => build(&Lines::new(piece.text, &memory), value),
                b'p' => {
                    if let Some(another) = open(piece.text, &memory) {
                        ims_release_registry_close(registry);
                        registry = another;
                        sent.clear();
                    }
                }
                _ => {
                    fine(ims_release_registry_track(
                        registry,
                        text,
                        value as u32,
                        memory.text(b""),
                        memory.text(FLOW),
                        now,
                    ));
                    observe(registry, text, memory.text(FLOW), now);
                }
            }
        }
    }
    // SAFETY: as above; afterwards it is not used any more.
    unsafe {
        let (none, later) = (Lines::new(b"", &memory), now.wrapping_add(40_000));
        start(registry, &none, later, 2, &mut sent);
        sweep(registry, &none, later, 1_000_001, &mut sent);
        list(registry);
        ims_release_registry_close(registry);
    }
}

/// Every status is known, and none tells of a caught panic.
fn fine(status: Status) -> Status {
    assert_ne!(status, IMS_RELEASE_PANIC);
    assert!(!ims_release_status_text(status).is_null());
    status
}

fn open(text: &[u8], memory: &Memory) -> Option<*mut Registry> {
    let config = Lines::new(text, memory).config();
    let mut registry = ptr::null_mut();
    // SAFETY: both live here, and what the config points at in `memory`.
    let status = fine(unsafe { ims_release_registry_open(&raw const config, &raw mut registry) });
    assert_eq!(registry.is_null(), status != IMS_RELEASE_OK);
    (!registry.is_null()).then_some(registry)
}

unsafe fn observe(registry: *const Registry, text: Str, flow: Str, now: u64) {
    let mut seen = UNTOUCHED;
    // SAFETY: the caller's registry and text.
    let status = fine(unsafe { ims_release_registry_observe(registry, text, flow, now, &raw mut seen) });
    assert_eq!(seen == UNTOUCHED, status != IMS_RELEASE_OK);
}

/// What a look at the dialogs found.
struct Found {
    registry: *const Registry,
    ids: Vec<u64>,
}

unsafe extern "C" fn found(env: *mut c_void, entry: *const Entry) {
    // SAFETY: the library gives back what it was given, and an entry for the time of the call.
    let (found, entry) = unsafe { (&mut *env.cast::<Found>(), &*entry) };
    for text in [entry.call_id, entry.from_tag, entry.to_tag, entry.from, entry.to] {
        // SAFETY: the texts of an entry can be read.
        let bytes = unsafe { core::slice::from_raw_parts(text.s.cast::<u8>(), text.len as usize) };
        assert!(!bytes.iter().any(|b| matches!(b, b'\r' | b'\n' | 0)), "a text of an entry stands on one line");
    }
    found.ids.push(entry.id);
    let mut stats = Stats { struct_size: size_of::<Stats>() as u32, ..NO_STATS };
    // SAFETY: a callback may call the library.
    assert_eq!(unsafe { ims_release_registry_stats(found.registry, &raw mut stats) }, IMS_RELEASE_OK);
    assert!(stats.records > 0);
}

// SAFETY: integers.
const NO_STATS: Stats = unsafe { core::mem::zeroed() };
// SAFETY: integers.
const NO_SWEPT: Swept = unsafe { core::mem::zeroed() };

unsafe fn find(registry: *const Registry, selector: u32, text: Str) {
    let mut told = Found { registry, ids: Vec::new() };
    // SAFETY: the caller's registry and text; the callback takes a `Found`.
    let status =
        fine(unsafe { ims_release_registry_find(registry, selector, text, Some(found), (&raw mut told).cast()) });
    assert_eq!(told.ids.is_empty(), status != IMS_RELEASE_OK);
}

unsafe fn list(registry: *const Registry) -> Vec<u64> {
    let mut told = Found { registry, ids: Vec::new() };
    let mut next = 0;
    loop {
        // SAFETY: the caller's registry; the callback takes a `Found`.
        let status = fine(unsafe {
            ims_release_registry_list(registry, next, 5, Some(found), (&raw mut told).cast(), &raw mut next)
        });
        assert_eq!(status, IMS_RELEASE_OK);
        if next == 0 {
            return told.ids;
        }
    }
}

/// A buffer whose every octet behind `capacity` is out of bounds, and its description.
struct Out {
    buffer: Box<[u8]>,
    bye: Bye,
}

impl Out {
    fn new(capacity: usize, struct_size: u32) -> Self {
        // SAFETY: integers and pointers.
        let bye = unsafe { core::mem::zeroed() };
        Self { buffer: vec![0xaa; capacity].into(), bye: Bye { struct_size, ..bye } }
    }

    fn pointers(&mut self) -> (*mut c_char, usize, *mut Bye) {
        (self.buffer.as_mut_ptr().cast(), self.buffer.len(), &raw mut self.bye)
    }

    /// The message; all parts of it can be read and lie within the buffer.
    fn message(&self) -> Option<Vec<u8>> {
        let bye = &self.bye;
        if bye.status != IMS_RELEASE_OK {
            assert!(bye.status != IMS_RELEASE_PANIC && bye.message.len == 0);
            return None;
        }
        let all = self.buffer.as_ptr_range();
        let parts = [
            bye.request_uri,
            bye.next_hop,
            bye.call_id,
            bye.from,
            bye.from_before_tag,
            bye.from_tag_onward,
            bye.to,
            bye.to_before_tag,
            bye.to_tag_onward,
            bye.headers,
            bye.route,
        ];
        for part in parts.into_iter().filter(|part| part.len > 0) {
            assert!(all.start <= part.s.cast() && part.s.wrapping_add(part.len as usize).cast() <= all.end);
        }
        Some(self.buffer[..bye.length].into())
    }

    fn untouched(&self) -> bool {
        self.buffer.iter().all(|b| *b == 0xaa)
    }
}

/// Room for a BYE: none, a little, or enough.
fn room(kind: u64) -> usize {
    [0, 300, ROOM][(kind % 3) as usize]
}

unsafe fn start(registry: *const Registry, lines: &Lines<'_>, now: u64, kind: u64, sent: &mut Sent) {
    let options = lines.options();
    let size = lines.number("bye-size", size_of::<Bye>() as i64) as u32;
    // SAFETY: the caller's registry, and all texts live as long as `lines`.
    for id in unsafe { list(registry) } {
        let (mut called, mut calling) = (Out::new(room(kind), size), Out::new(room(kind), size));
        let ((first, first_room, first_bye), (second, second_room, second_bye)) =
            (called.pointers(), calling.pointers());
        // SAFETY: as above.
        let status = fine(unsafe {
            ims_release_registry_start(
                registry,
                id,
                &raw const options,
                now,
                first,
                first_room,
                second,
                second_room,
                first_bye,
                second_bye,
            )
        });
        if status != IMS_RELEASE_OK {
            assert!(called.untouched() && calling.untouched());
            continue;
        }
        for (leg, out) in [(1, called), (2, calling)] {
            sent.extend(out.message().map(|message| (id, leg, out.bye.cseq, message)));
        }
        let mut hop = vec![0; ROOM];
        let mut length = 0;
        for leg in 0..5 {
            // SAFETY: as above.
            fine(unsafe {
                ims_release_registry_own_hop(registry, id, leg, hop.as_mut_ptr().cast(), ROOM, &raw mut length)
            });
            let none = Str::EMPTY;
            let mut way_back = WayBackTold {
                struct_size: size_of::<WayBackTold>() as u32,
                connection: UNTOUCHED,
                destination: none,
                local: none,
            };
            // SAFETY: as above.
            let status = fine(unsafe {
                ims_release_registry_way_back(registry, id, leg, hop.as_mut_ptr().cast(), ROOM, &raw mut way_back)
            });
            assert_eq!(way_back.connection == UNTOUCHED, status != IMS_RELEASE_OK);
        }
    }
}

unsafe fn adopt(registry: *const Registry, printed: Str, capacity: usize, now: u64, sent: &Sent) {
    let memory = Memory::default();
    for (id, leg, _, ours) in sent {
        let adopt = |buffer: &mut [u8], length: &mut usize| {
            let (start, room) = (buffer.as_mut_ptr().cast(), buffer.len());
            // SAFETY: the caller's registry and text, and buffers that live here.
            fine(unsafe {
                ims_release_registry_adopt(registry, *id, *leg, memory.text(ours), printed, start, room, length)
            })
        };
        let mut length = UNTOUCHED as usize;
        let mut small = vec![0xaa; capacity % 512];
        let status = adopt(&mut small, &mut length);
        let room = length;
        match status {
            IMS_RELEASE_OK => small.truncate(length),
            IMS_RELEASE_BUFFER_TOO_SMALL => {
                assert!(length > small.len() && small.iter().all(|b| *b == 0xaa));
                small = vec![0; length];
                assert_eq!(adopt(&mut small, &mut length), IMS_RELEASE_OK);
                assert_eq!(length, room);
            }
            _ => {
                assert!(length == UNTOUCHED as usize && small.iter().all(|b| *b == 0xaa));
                continue;
            }
        }
        // SAFETY: as above.
        unsafe {
            let text = memory.text(&small);
            recognise(registry, text, 1, now);
            observe(registry, text, memory.text(FLOW), now);
            fine(ims_release_registry_sent_on(registry, text));
        }
    }
}

unsafe fn recognise(registry: *const Registry, text: Str, from_own_socket: u32, now: u64) {
    let (mut pass, mut id, mut answered) = (UNTOUCHED, u64::from(UNTOUCHED), UNTOUCHED);
    // SAFETY: the caller's registry and text.
    let status = fine(unsafe {
        let (pass, id, answered) = (&raw mut pass, &raw mut id, &raw mut answered);
        ims_release_registry_recognise(registry, text, from_own_socket, now, pass, id, answered)
    });
    assert_eq!(pass == UNTOUCHED, status != IMS_RELEASE_OK);
    assert!(status != IMS_RELEASE_OK || (pass <= 4 && (pass == 0) == (id == 0)));
    if status == IMS_RELEASE_OK && pass == 1 {
        // SAFETY: as above.
        fine(unsafe { ims_release_registry_answered(registry, id, 200) });
    }
}

unsafe fn note(registry: *const Registry, code: u32, reply: Str, now: u64, sent: &Sent) {
    for (id, leg, cseq, _) in sent {
        // SAFETY: the caller's registry and text.
        fine(unsafe { ims_release_registry_note(registry, *id, *leg, *cseq, code, reply, now) });
    }
}

/// Takes what is due, as a host does that sends it at once; a BYE is told while it can be fetched.
struct Due<'a> {
    registry: *const Registry,
    lines: &'a Lines<'a>,
    now: u64,
    kind: u64,
    told: u64,
    sent: &'a mut Sent,
}

unsafe extern "C" fn due(env: *mut c_void, id: u64, leg: u32) {
    // SAFETY: the library gives back what it was given.
    let due = unsafe { &mut *env.cast::<Due<'_>>() };
    due.told += 1;
    let options = due.lines.options();
    let size = due.lines.number("bye-size", size_of::<Bye>() as i64) as u32;
    // The second time there is room.
    for capacity in [room(due.kind), ROOM] {
        let mut out = Out::new(capacity, size);
        let (start, capacity, bye) = out.pointers();
        // SAFETY: a callback may call the library; all texts live as long as the lines.
        let status = fine(unsafe {
            ims_release_registry_next(due.registry, id, leg, &raw const options, due.now, start, capacity, bye)
        });
        match status {
            IMS_RELEASE_OK => {
                let message = out.message().expect("a BYE that was fetched is there");
                due.sent.push((id, leg, out.bye.cseq, message));
                return;
            }
            IMS_RELEASE_BUFFER_TOO_SMALL => assert!(out.untouched() && out.bye.length > capacity),
            _ => assert!(out.untouched() && out.bye.length == 0),
        }
    }
}

unsafe fn sweep(registry: *const Registry, lines: &Lines<'_>, now: u64, value: u64, sent: &mut Sent) {
    let mut env = Due { registry, lines, now, kind: value, told: 0, sent };
    let size = lines.number("swept-size", size_of::<Swept>() as i64) as u32;
    let mut swept = Swept { struct_size: size, visited: u64::from(UNTOUCHED), ..NO_SWEPT };
    // SAFETY: the caller's registry; the callback takes a `Due`.
    let status = fine(unsafe {
        ims_release_registry_sweep(registry, now, value as u32, Some(due), (&raw mut env).cast(), &raw mut swept)
    });
    if status == IMS_RELEASE_OK {
        assert!(swept.due == env.told && swept.finished <= 1 && swept.active <= 1 && swept.reserved == 0);
    } else {
        assert!(matches!(status, IMS_RELEASE_ARGUMENT | IMS_RELEASE_STRUCT_SIZE), "memory is never busy");
        assert!(swept.visited == u64::from(UNTOUCHED) && env.told == 0);
    }
}

unsafe fn resume(registry: *const Registry, now: u64, value: u64) {
    let size = if value == 1 { size_of::<Resumed>() as u64 } else { value };
    let mut resumed = Resumed { struct_size: size as u32, reserved: 0, releases: 0, byes: 77, unconfirmed: 0 };
    // SAFETY: the caller's registry.
    let status = fine(unsafe { ims_release_registry_resume(registry, now, &raw mut resumed) });
    assert!(if status == IMS_RELEASE_OK { resumed.byes <= 2 * resumed.releases } else { resumed.byes == 77 });
}

fn build(lines: &Lines<'_>, kind: u64) {
    let (fields, options) = (lines.fields(), lines.options());
    let size = lines.number("bye-size", size_of::<Bye>() as i64) as u32;
    let mut direct = [Out::new(room(kind), size), Out::new(room(kind), size)];
    let [called, calling] = &mut direct;
    let ((first, first_room, first_bye), (second, second_room, second_bye)) = (called.pointers(), calling.pointers());
    // SAFETY: all lives until the end of this function.
    let status = fine(unsafe {
        ims_release_build(
            &raw const fields,
            &raw const options,
            first,
            first_room,
            second,
            second_room,
            first_bye,
            second_bye,
        )
    });
    if status != IMS_RELEASE_OK {
        assert!(direct.iter().all(Out::untouched));
    }

    let mut dialog = ptr::null_mut();
    // SAFETY: as above.
    let made = fine(unsafe { ims_release_dialog_new(&raw const fields, &raw mut dialog) });
    assert_eq!(dialog.is_null(), made != IMS_RELEASE_OK);
    let mut kept = [Out::new(room(kind), size), Out::new(room(kind), size)];
    let [called, calling] = &mut kept;
    let ((first, first_room, first_bye), (second, second_room, second_bye)) = (called.pointers(), calling.pointers());
    // SAFETY: as above; the dialog is freed once.
    let again = unsafe {
        let status = fine(ims_release_dialog_build(
            dialog,
            &raw const options,
            first,
            first_room,
            second,
            second_room,
            first_bye,
            second_bye,
        ));
        ims_release_dialog_free(dialog);
        status
    };
    assert_eq!(status == IMS_RELEASE_OK, again == IMS_RELEASE_OK, "both ways take the same input");
    if status != IMS_RELEASE_OK {
        return;
    }
    for (out, other) in direct.iter().zip(&kept) {
        // A CSeq that was drawn may be shorter, and fit where another does not.
        let drawn = out.bye.cseq != other.bye.cseq;
        assert!(drawn || out.bye.status == other.bye.status);
        if let Some(message) = out.message() {
            let text = String::from_utf8_lossy(&message);
            let branch = options.via_sent_by.len != 0; // a new one for each
            assert!(drawn || branch || other.message().as_ref() == Some(&message));
            let ends = message.windows(2).filter(|w| w == b"\r\n").count();
            let bare = message.iter().filter(|b| matches!(b, b'\r' | b'\n')).count();
            assert!(bare == 2 * ends && !message.contains(&0), "a bare line end or NUL: {text}");
            assert!(message.ends_with(b"\r\n\r\n"));
        }
    }
}
