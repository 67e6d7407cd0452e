// SPDX-License-Identifier: MIT OR Apache-2.0
//
// ims_release: releases an existing SIP session from the network, the way 3GPP TS 24.229 5.4.5.1.2 says.
// From what a host has stored of a dialog come two BYEs, one for each user, complete and ready to send.
//
// Conventions
// - Text is ims_release_str, pointer and length. All memory stays with whoever allocated it; handles are made and
//   freed by the library (_new and _free).
// - A function that can fail returns ims_release_status. Outputs come last and are written only on success.
// - Structs that can grow begin with struct_size: set all to zero, then struct_size to the sizeof.
// - No thread is started, no signal handled, nothing printed: what is to say goes to ims_release_set_log().
// - A bug in the library is caught at its boundary: the call returns IMS_RELEASE_PANIC, the process lives on.
// - Fork: each function tells whether it may be called before or after one.
//
// This file is made from src/ffi by cbindgen ("make header"): do not edit it.

#ifndef IMS_RELEASE_H
#define IMS_RELEASE_H

#include <stddef.h>
#include <stdint.h>

// Version of this header; ims_release_version() tells that of the loaded library.
#define IMS_RELEASE_VERSION "0.1.0"

// The same as a number for #if: major << 16 | minor << 8 | patch.
#define IMS_RELEASE_VERSION_NUMBER 0x000100

// Number of the ABI that this header describes. It is part of the SONAME (`libims_release.so.0`).
#define IMS_RELEASE_ABI_VERSION 0

// Everything worked.
#define IMS_RELEASE_OK 0

// A pointer that must be given is NULL.
#define IMS_RELEASE_NULL 1

// `struct_size` of a struct is none that this library knows.
#define IMS_RELEASE_STRUCT_SIZE 2

// A number or a length is outside its range.
#define IMS_RELEASE_ARGUMENT 3

// A buffer cannot hold the BYE or the text. Nothing was written to it; `length` tells what is needed.
#define IMS_RELEASE_BUFFER_TOO_SMALL 4

// A bug in the library, caught at its boundary; its text went to the log.
#define IMS_RELEASE_PANIC 5

// The operating system gave no random number.
#define IMS_RELEASE_NO_RANDOM 6

// The dialog exceeds a limit of the library.
#define IMS_RELEASE_TOO_LARGE 7

// Call-ID: empty, or holds a blank or a control character.
#define IMS_RELEASE_BAD_CALL_ID 100

// From of the INVITE: not one name-addr or addr-spec (RFC 3261 20.20).
#define IMS_RELEASE_BAD_FROM 101

// To of the 200: not one name-addr or addr-spec (RFC 3261 20.39).
#define IMS_RELEASE_BAD_TO 102

// Contact of the calling user: not exactly one SIP or SIPS URI (RFC 3261 8.1.1.8).
#define IMS_RELEASE_BAD_CALLING_CONTACT 103

// Contact of the called user: not exactly one SIP or SIPS URI (RFC 3261 12.1.1).
#define IMS_RELEASE_BAD_CALLED_CONTACT 104

// CSeq: not a number from 0 to 4294967295 nor IMS_RELEASE_CSEQ_NONE.
#define IMS_RELEASE_BAD_CSEQ 105

// CSeq calling to called: none stored. The INVITE has one; no number is drawn in this direction.
#define IMS_RELEASE_NO_CSEQ 106

// CSeq: the next number would not be below 2^31 (RFC 3261 8.1.1.5).
#define IMS_RELEASE_CSEQ_OVERFLOW 107

// Record-Route: an entry that the BYE needs is not a SIP or SIPS URI in angle brackets (RFC 3261 20.30). For the
// dialog as a whole: a row is no readable text, or holds a line end or NUL.
#define IMS_RELEASE_BAD_RECORD_ROUTE 108

// Route sets given apart: an entry is not a SIP or SIPS URI in angle brackets.
#define IMS_RELEASE_BAD_ROUTE 109

// Record-Route: no entry is the proxy's own, so the list cannot be cut.
#define IMS_RELEASE_NO_OWN_ROUTE 110

// Own entry: neither a SIP URI nor a host with an optional port.
#define IMS_RELEASE_BAD_OWN 111

// Serves: not IMS_RELEASE_SERVES_CALLING, _CALLED or _NEITHER.
#define IMS_RELEASE_BAD_SERVES 112

// Contact address of the served user: not a SIP or SIPS URI.
#define IMS_RELEASE_BAD_CONTACT_ADDRESS 113

// Via: the transport is no token or the sent-by no host with an optional port (RFC 3261 20.42).
#define IMS_RELEASE_BAD_VIA 114

// Reason: no SIP status code from 100 to 699, or a Q.850 cause above 127 (RFC 3326 2).
#define IMS_RELEASE_BAD_REASON 115

// Reason text: holds a control character.
#define IMS_RELEASE_BAD_REASON_TEXT 116

// Further header: not "Name: value" on one line.
#define IMS_RELEASE_BAD_HEADER 117

// Further header: given twice.
#define IMS_RELEASE_DUPLICATE_HEADER 118

// Further header: the library writes it itself, or it may not stand in a BYE.
#define IMS_RELEASE_FORBIDDEN_HEADER 119

// Session-ID: the UUID is no readable text. (One that is not 32 lower-case hex digits counts as unknown.)
#define IMS_RELEASE_BAD_SESSION_ID 120

// Message: start line: neither a request line nor a status line of SIP/2.0.
#define IMS_RELEASE_MESSAGE_START_LINE 200

// Message: header line: no name and colon.
#define IMS_RELEASE_MESSAGE_HEADER_LINE 201

// Message: headers: no empty line ends them.
#define IMS_RELEASE_MESSAGE_END_OF_HEADERS 202

// Message: Content-Length: not one number, or more than what follows the headers.
#define IMS_RELEASE_MESSAGE_CONTENT_LENGTH 203

// Message: CSeq: its method is not that of the request line.
#define IMS_RELEASE_MESSAGE_METHOD 204

// Message: too long to be read or kept.
#define IMS_RELEASE_MESSAGE_TOO_LARGE 205

// Message: only an initial INVITE can be tracked.
#define IMS_RELEASE_MESSAGE_NOT_AN_INVITE 206

// Message: the printed one lacks Via, From or To, or the BYE lacks From or To, or one of the two is no message.
#define IMS_RELEASE_MESSAGE_INCOMPLETE 207

// Message: Call-ID: missing.
#define IMS_RELEASE_MESSAGE_CALL_ID_MISSING 208

// Message: Call-ID: given twice.
#define IMS_RELEASE_MESSAGE_CALL_ID_DOUBLED 209

// Message: Call-ID: its value does not follow its grammar.
#define IMS_RELEASE_MESSAGE_CALL_ID_UNREADABLE 210

// Message: From: missing.
#define IMS_RELEASE_MESSAGE_FROM_MISSING 211

// Message: From: given twice.
#define IMS_RELEASE_MESSAGE_FROM_DOUBLED 212

// Message: From: its value does not follow its grammar.
#define IMS_RELEASE_MESSAGE_FROM_UNREADABLE 213

// Message: To: missing.
#define IMS_RELEASE_MESSAGE_TO_MISSING 214

// Message: To: given twice.
#define IMS_RELEASE_MESSAGE_TO_DOUBLED 215

// Message: To: its value does not follow its grammar.
#define IMS_RELEASE_MESSAGE_TO_UNREADABLE 216

// Message: CSeq: missing.
#define IMS_RELEASE_MESSAGE_CSEQ_MISSING 217

// Message: CSeq: given twice.
#define IMS_RELEASE_MESSAGE_CSEQ_DOUBLED 218

// Message: CSeq: its value does not follow its grammar.
#define IMS_RELEASE_MESSAGE_CSEQ_UNREADABLE 219

// Dialog: there is none such.
#define IMS_RELEASE_NOT_FOUND 300

// Dialog: early; its INVITE is to be cancelled instead (TS 24.229 5.4.5.1.1).
#define IMS_RELEASE_EARLY 301

// Dialog: answered, but not acknowledged yet; a BYE to the calling user must wait for the ACK (RFC 3261 15). With
// IMS_RELEASE_NO_HOLD alone.
#define IMS_RELEASE_NOT_ACKNOWLEDGED 302

// Dialog: its release is under way.
#define IMS_RELEASE_ALREADY_RELEASING 303

// Dialog: no release of it waits for this leg; or its BYE is not due, or not any more.
#define IMS_RELEASE_NOT_RELEASING 305

// Selector: its value does not have the form that it asks for.
#define IMS_RELEASE_BAD_SELECTOR 306

// BYE: not to be sent yet. It waits for the ACK of the calling user, for the answer to a user's own BYE, or for its time
// to be sent again; ims_release_registry_sweep() tells when it is due.
#define IMS_RELEASE_HELD 307

// Dialog: it was released, and is only still known for what comes late.
#define IMS_RELEASE_RELEASED 308

// Job: too many are running.
#define IMS_RELEASE_TOO_MANY_JOBS 309

// The identity of the served user is none.
#define IMS_RELEASE_BAD_USER 310

// The value and the text of a job have more than 1,052 octets together.
#define IMS_RELEASE_JOB_TOO_LARGE 311

// The INVITE has 256 dialogs already: the one that the reply makes is not kept.
#define IMS_RELEASE_TOO_MANY_DIALOGS 312

// Store: full. Raise its size.
#define IMS_RELEASE_STORE_FULL 320

// Store: the record is larger than a store keeps.
#define IMS_RELEASE_STORE_TOO_LARGE 321

// Store: another process held a lock too long. Nothing was changed.
#define IMS_RELEASE_STORE_BUSY 322

// Store: the operating system refused something; the log says what and where.
#define IMS_RELEASE_STORE_IO 323

// A call that cannot be served, a damaged store, a bug (a caught panic).
#define IMS_RELEASE_LOG_ERROR 1

// Something to look at: a repaired store, an expired release, a dialog that was dropped for idleness.
#define IMS_RELEASE_LOG_WARNING 2

// A fact of normal work, such as the opening of a store.
#define IMS_RELEASE_LOG_INFO 3

// For the search of errors.
#define IMS_RELEASE_LOG_DEBUG 4

// The proxy serves the calling user: the BYE to the called user goes through service control.
#define IMS_RELEASE_SERVES_CALLING 1

// The proxy serves the called user: the BYE to the calling user goes through service control.
#define IMS_RELEASE_SERVES_CALLED 2

// The proxy serves neither (a P-CSCF, a plain proxy): both BYEs go directly.
#define IMS_RELEASE_SERVES_NEITHER 3

// `routes`: the Record-Route rows of the 2xx are given, to be cut at the own entries.
#define IMS_RELEASE_ROUTES_RECORD_ROUTE 0

// `routes`: both route sets and the own entries are given apart.
#define IMS_RELEASE_ROUTES_APART 1

// Instead of a CSeq: no request was seen in that direction. (Zero is a number like any other.)
#define IMS_RELEASE_CSEQ_NONE (0 - 1)

// Rows of each route list, at most; entries too, when the rows are cut.
#define IMS_RELEASE_MAX_ROUTES 128

// Descriptions of own entries, at most.
#define IMS_RELEASE_MAX_OWN 32

// Further headers, at most: of the dialog, and of the options.
#define IMS_RELEASE_MAX_HEADERS 32

// `by`: the host, which does not say who.
#define IMS_RELEASE_BY_HOST 0

// `by`: a script of the host.
#define IMS_RELEASE_BY_SCRIPT 1

// `by`: an operator.
#define IMS_RELEASE_BY_RPC 2

// `by`: a job, whose number is beside it. The library tells it, and is not told it.
#define IMS_RELEASE_BY_JOB 3

// `form`: own Record-Route entries on top of the service-control BYE. The host sends it to its own socket, and its
// script sees a request of the served user like any other.
#define IMS_RELEASE_FORM_LOOP 0

// `form`: without own entries. The host calls its routing for requests of the served user itself.
#define IMS_RELEASE_FORM_BARE 1

// `flags`: a served user whose Contact is a GRUU is addressed by it even where a contact address is known, as in the
// older text of TS 24.229 5.4.5.1.2.
#define IMS_RELEASE_KEEP_GRUU 1

// `delivery`: through internal service control, as if the served user had sent it.
#define IMS_RELEASE_SERVICE_CONTROL 1

// `delivery`: straight to the user.
#define IMS_RELEASE_DIRECT 2

// `flags`: above 1300 octets. Send it over TCP unless the path MTU is known (RFC 3261 18.1.1).
#define IMS_RELEASE_LARGE 1

// `flags`: From or To has no tag (an RFC 2543 peer); others may answer 481.
#define IMS_RELEASE_NO_TAG 2

// Octets that the `credentials` callback may write.
#define IMS_RELEASE_MAX_CREDENTIALS 2048

// `engine`: one file, mapped and shared by all processes that are forked after the opening. Survives restarts.
#define IMS_RELEASE_ENGINE_SHARED 1

// `engine`: the memory of one process, for threaded hosts and tests.
#define IMS_RELEASE_ENGINE_MEMORY 2

// `uid`, `gid`: no change of owner.
#define IMS_RELEASE_OWNER_NONE UINT32_MAX

// `linger_ms`: not at all.
#define IMS_RELEASE_LINGER_NONE UINT32_MAX

// `policy`: a BYE answered 500 or 503 is not sent once more.
#define IMS_RELEASE_NO_RETRY 1

// `policy`: a BYE that service control keeps back does not go straight to the far user.
#define IMS_RELEASE_NO_BYPASS 2

// `policy`: a release before the ACK to the 2xx is refused with IMS_RELEASE_NOT_ACKNOWLEDGED. Else it starts, and its
// BYE to the calling user waits for the ACK, for 32 seconds at most (RFC 3261 15).
#define IMS_RELEASE_NO_HOLD 4

// How long that is at most, by the clock of a store that knows the second of the 2xx.
#define IMS_RELEASE_LONGEST_HOLD_MS 33000

// `policy`: requests of the users on a dialog under release are the script's as ever.
#define IMS_RELEASE_NO_REFUSAL 8

// `policy`: a session timer that the users do not refresh (RFC 4028) ends nothing. Else the dialog is forgotten then,
// without a BYE, and can no longer be released.
#define IMS_RELEASE_NO_SESSION_TIMER 16

// `policy`: no BYE gets a P-Charging-Vector with the icid-value that was stored for its dialog.
#define IMS_RELEASE_NO_CHARGING_VECTOR 32

// `policy`: no BYE goes the way by which its user's own messages came, see ims_release_registry_way_back(). Else it does
// where that is a connection, or where the user's Contact is an address behind NAT or a name below `.invalid`.
#define IMS_RELEASE_NO_FLOW 64

// `policy`: each does whose user's way is known.
#define IMS_RELEASE_ALWAYS_FLOW 128

// `policy`: a user's BYE ends the session wherever it goes, and so does the answer to a target refresh request change
// the target. Else only where the request is on its way to the other user: its Request-URI is that user's Contact, and
// its Route the rest of the route set; without that a user can send it to itself, answer it, and spare the other user
// the BYE of a release. For a host that sees other Contacts than its users, because it rewrites them.
#define IMS_RELEASE_NO_BYE_CHECK 256

// `seen`: of no call that is tracked.
#define IMS_RELEASE_SEEN_UNKNOWN 0

// `seen`: of a tracked call, and nothing that matters.
#define IMS_RELEASE_SEEN_NOTHING 1

// `seen`: counted for its CSeq.
#define IMS_RELEASE_SEEN_COUNTED 2

// `seen`: an early dialog.
#define IMS_RELEASE_SEEN_EARLY 3

// `seen`: the 2xx to the INVITE: a dialog.
#define IMS_RELEASE_SEEN_CONFIRMED 4

// `seen`: the ACK to it.
#define IMS_RELEASE_SEEN_ACKNOWLEDGED 5

// `seen`: a Contact was kept, or became the remote target; or a user has shown first that it knows session timers.
#define IMS_RELEASE_SEEN_REFRESHED 6

// `seen`: the INVITE was refused.
#define IMS_RELEASE_SEEN_REFUSED 7

// `seen`: a user's BYE.
#define IMS_RELEASE_SEEN_ENDING 8

// `seen`: that BYE was refused: the dialog goes on.
#define IMS_RELEASE_SEEN_NOT_ENDING 9

// `seen`: that BYE was answered: the dialog was removed.
#define IMS_RELEASE_SEEN_ENDED 10

// `seen`: a BYE on a dialog that is being released, or the answer to one. Where that ends the release the next
// ims_release_registry_sweep() tells it.
#define IMS_RELEASE_SEEN_RELEASING 11

// `seen`: a user's BYE or target refresh request that is not on its way to the other user: it ends nothing and changes
// no target. See IMS_RELEASE_NO_BYE_CHECK.
#define IMS_RELEASE_SEEN_MISDIRECTED 12

// `outcome`: both BYEs were answered 2xx; or a user's own was, which was under way when the release started.
#define IMS_RELEASE_COMPLETED 1

// `outcome`: the session has ended at both users, at least at one not by a 2xx.
#define IMS_RELEASE_GONE 2

// `outcome`: it has ended at one; at the other it failed or could not be built.
#define IMS_RELEASE_PARTIAL 3

// `outcome`: it has ended at neither.
#define IMS_RELEASE_FAILED 4

// `outcome`: the deadline came first.
#define IMS_RELEASE_EXPIRED 5

// `selector`: all dialogs of a Call-ID.
#define IMS_RELEASE_SELECT_CALL 1

// `selector`: the dialog "CALL-ID,FROM-TAG,TO-TAG".
#define IMS_RELEASE_SELECT_DIALOG 2

// `selector`: the internal id in decimal, as entries show it.
#define IMS_RELEASE_SELECT_ID 3

// `selector`: the dialog that a raw message belongs to.
#define IMS_RELEASE_SELECT_MESSAGE 4

// `state`: the INVITE is not yet answered.
#define IMS_RELEASE_STATE_EARLY 1

// `state`: answered, the ACK not yet seen.
#define IMS_RELEASE_STATE_CONFIRMED 2

// `state`: answered and acknowledged.
#define IMS_RELEASE_STATE_ACKNOWLEDGED 3

// `state`: one of the users has sent BYE.
#define IMS_RELEASE_STATE_ENDING 4

// `state`: a release is under way.
#define IMS_RELEASE_STATE_RELEASING 5

// `state`: it was released, and is still known for what comes late: ims_release_registry_find() shows it,
// ims_release_registry_list() does not.
#define IMS_RELEASE_STATE_RELEASED 6

// `leg_state`: no release is under way; of one that is, the BYE is not sent yet, or is to be sent again.
#define IMS_RELEASE_LEG_IDLE 0

// `leg_state`: the BYE is out, no final reply yet.
#define IMS_RELEASE_LEG_WAITING 1

// `leg_state`: answered 2xx.
#define IMS_RELEASE_LEG_DONE 2

// `leg_state`: no session at that end any more: 481, 408, time-out, or not sent (RFC 3261 15.1.1), or another code
// that ends the dialog or its INVITE usage (RFC 5057 5.1: 404 405 410 416 480 482-485 489 501 502 604).
#define IMS_RELEASE_LEG_GONE 3

// `leg_state`: any other final reply.
#define IMS_RELEASE_LEG_FAILED 4

// `leg_state`: the BYE could not be built.
#define IMS_RELEASE_LEG_NOT_BUILT 5

// `leg`: the BYE for the called user.
#define IMS_RELEASE_LEG_CALLED 1

// `leg`: the BYE for the calling user.
#define IMS_RELEASE_LEG_CALLING 2

// `code`: the BYE could not be sent: nobody can be reached there.
#define IMS_RELEASE_NOT_SENT 0

// `code`: the host has no room to send it now, say no memory. It is due again within two seconds, as
// long as there is time.
#define IMS_RELEASE_LATER 1

// `pass`: the script's as ever: no BYE of ours, or ours on its way back from an application server; or a user's BYE from
// before the release, sent again while it holds ours.
#define IMS_RELEASE_PASS_NOT_OURS 0

// `pass`: our BYE, seen for the first time: run the script.
#define IMS_RELEASE_PASS_FIRST 1

// `pass`: our BYE again: do not run the script. `answered` tells the code of a stateless answer, to be sent again.
#define IMS_RELEASE_PASS_AGAIN 2

// `pass`: a user's request on a dialog under release: answer it 481, do not run the script (TS 24.229 5.4.5.1.3). A
// copy of our BYE that somebody else sent is one. The leg of a user who sends a BYE has ended with whatever is answered
// to ours.
#define IMS_RELEASE_PASS_REFUSED 3

// `pass`: an ACK on such a dialog, other than that to the 2xx of the INVITE: drop it.
#define IMS_RELEASE_PASS_SWALLOWED 4

// `leg` of ims_release_registry_way_back(): the BYE through service control, where the script sends it on.
#define IMS_RELEASE_LEG_SERVICE_CONTROL 3

// Octets that are enough for ims_release_registry_way_back().
#define IMS_RELEASE_WAY_BACK_SIZE 256

// `dialogs`: all.
#define IMS_RELEASE_JOB_ALL 1

// `dialogs`: those of a served user, `value` being one of its URIs, see ims_release_registry_track(). User part and host
// are compared (RFC 3261 19.1.4), of a tel URI the number and its parameters, of another scheme the whole URI.
#define IMS_RELEASE_JOB_USER 2

// `dialogs`: those with a user whose Contact has the URI `value`; user part, host and port are compared.
#define IMS_RELEASE_JOB_CONTACT 3

// `dialogs`: those of the multimedia session with the icid-value `value` of P-Charging-Vector (RFC 7315), a token or a
// quoted string.
#define IMS_RELEASE_JOB_SESSION 4

// `flags`: only count.
#define IMS_RELEASE_JOB_DRY 1

// `state`: it goes on.
#define IMS_RELEASE_JOB_RUNNING 1

// `state`: it was cancelled; what it has started ends as ever.
#define IMS_RELEASE_JOB_CANCELLED 2

// `state`: it has seen all dialogs; what it has started may still be under way.
#define IMS_RELEASE_JOB_FINISHED 3

// `stage`: the job has not started its release, and could now: it comes to it later, only counts, or had no success when
// it did, for a reason that holds no more.
#define IMS_RELEASE_ITEM_NOT_STARTED 1

// `stage`: early; its INVITE is to be cancelled instead.
#define IMS_RELEASE_ITEM_EARLY 2

// `stage`: exempt, see ims_release_registry_exempt().
#define IMS_RELEASE_ITEM_EXEMPT 3

// `stage`: its release by this job is refused.
#define IMS_RELEASE_ITEM_REFUSED 4

// `stage`: its release by this job is under way.
#define IMS_RELEASE_ITEM_RELEASING 5

// `stage`: it was released by this job, see `outcome` of the entry.
#define IMS_RELEASE_ITEM_RELEASED 6

// A checked dialog, made by ims_release_dialog_new() from the fields.
//
// Building from it costs a fraction of ims_release_build(), which checks the fields each time.
//
// Thread rule: it never changes after it was made, so any number of threads may use it at once; one of them
// frees it. Fork rule: a child has its own copy and frees that. Lifetime: until ims_release_dialog_free().
//
// Methods: ims_release_dialog_new(), ims_release_dialog_build(), ims_release_dialog_free().
typedef struct ims_release_dialog ims_release_dialog;

// Dialogs and releases over a store.
//
// Thread rule: any number of threads may use it at once; only ims_release_registry_close() must be alone.
// Fork rule: open it before the fork; all children then share it (engine SHARED). A child that exits closes nothing;
// the first process closes it when all are done.
//
// Time: `now_ms` is Unix time in milliseconds, the host's.
//
// Methods: ims_release_registry_open(), _close(), _resume(), _track(), _observe(), _find(), _start(), _note(),
// _next(), _adopt(), _own_hop(), _way_back(), _recognise(), _answered(), _sent_on(), _sweep(), _drop(), _list(), _stats(),
// _job_make(), _job_step(), _job_cancel(), _job_items(), _jobs(), _exempt().
typedef struct ims_release_registry ims_release_registry;

// Outcome of a call: IMS_RELEASE_OK or a code that says what was refused.
//
// 1 to 99: the call itself. 100 to 199: a field of the dialog or an option. 200 to 299: a message.
// 300 to 399: the registry and its store. A host passes on codes that it does not know with
// ims_release_status_text().
typedef uint32_t ims_release_status;

// Some octets: `len` of them from `s`. Not terminated by NUL.
//
// It has the layout of `str` in Kamailio and OpenSIPS, so a host's text passes without a copy.
// `s` may be NULL when `len` is 0: an empty text, which everywhere means "not given".
// A negative `len`, or NULL with a positive one, is refused with the code of the field it stands in.
//
// Lifetime: as an input it is read during the call only and never kept. As an output it points into
// the caller's own buffer, into static text, or, in a callback, at octets that end with the callback.
typedef struct ims_release_str {
    // The first octet.
    const char *s;
    // How many octets there are.
    int len;
} ims_release_str;

// Takes one line for the host's log, without a line end.
//
// `env` is what was given to ims_release_set_log(). `level` is one of IMS_RELEASE_LOG_*. `text` ends
// with the callback. It may run in any thread or process that calls the library, during that call.
// It must not call the library and must not unwind (no C++ exception, no longjmp).
typedef void (*ims_release_log_fn)(void *env, uint32_t level, struct ims_release_str text);

// How to tell the proxy's own Record-Route entries. Give `uri`, or else `host` and, if wished, `cookie`.
//
// Lifetime: read during the call only.
typedef struct ims_release_own {
    // The exact URI, with or without angle brackets. Host and scheme are compared without case, an IPv6 literal as an
    // address, all else byte by byte.
    struct ims_release_str uri;
    // "host" or "host:port". Without a port 5060 counts, here and in the entry; a sips: entry without one is found by
    // 5061 too.
    struct ims_release_str host;
    // With `host`: what the entry must also hold, its user part or a URI parameter ("mo", "did", "did=7a1").
    struct ims_release_str cookie;
} ims_release_own;

// All that TS 24.229 5.4.5.1.2 has the S-CSCF store of a dialog. Set all to zero first, then `struct_size`.
//
// Values are whole header values, as received and unfolded; they come out byte by byte the same.
//
// Thread rule: the library only reads it. Lifetime: it and all it points at are read during the call only.
//
// Used by: ims_release_build(), ims_release_dialog_new().
typedef struct ims_release_fields {
    // sizeof(ims_release_fields).
    uint32_t struct_size;
    // The user that the proxy serves: IMS_RELEASE_SERVES_*. There is no default.
    uint32_t serves;
    // Which of the route members count: IMS_RELEASE_ROUTES_*.
    uint32_t routes;
    // Zero.
    uint32_t reserved;
    // Call-ID of the initial INVITE.
    struct ims_release_str call_id;
    // From of the initial INVITE.
    struct ims_release_str from;
    // To of the 200 to the initial INVITE.
    struct ims_release_str to;
    // Contact that the calling user gave last: in the INVITE, a re-INVITE or an UPDATE (RFC 3261 12.2).
    struct ims_release_str calling_contact;
    // Contact that the called user gave last.
    struct ims_release_str called_contact;
    // Highest CSeq that the calling user used, ACK and CANCEL apart: 0 to 4294967295. The INVITE itself gives one.
    int64_t cseq_to_called;
    // Highest CSeq that the called user used, or IMS_RELEASE_CSEQ_NONE: then a random one is drawn.
    int64_t cseq_to_calling;
    // IMS_RELEASE_ROUTES_RECORD_ROUTE: the Record-Route rows of the 2xx in their order; a row may be a comma list. An
    // entry that is not a SIP or SIPS URI in angle brackets refuses only the BYE that needs it; a quote or bracket
    // that nothing closes makes one such entry of the rest of its row.
    const struct ims_release_str *record_route;
    // How many rows.
    size_t record_route_count;
    // How to tell the own entries among them. At least one entry that can be read must be own.
    const struct ims_release_own *own;
    // How many descriptions.
    size_t own_count;
    // IMS_RELEASE_ROUTES_APART: the route set towards the called user without own entries, as a Route header has it.
    const struct ims_release_str *routes_to_called;
    // How many rows.
    size_t routes_to_called_count;
    // The route set towards the calling user.
    const struct ims_release_str *routes_to_calling;
    // How many rows.
    size_t routes_to_calling_count;
    // The own entries as they shall stand on top of the service-control BYE. Needed unless neither user is served.
    const struct ims_release_str *routes_own;
    // How many rows.
    size_t routes_own_count;
    // SIP URI under which the served user is reached if its Contact is a GRUU (RFC 5627); empty if not known.
    struct ims_release_str contact_address;
    // The calling user's Session-ID UUID (RFC 7989), 32 lower-case hex digits; anything else counts as unknown.
    struct ims_release_str calling_session_id;
    // The called user's Session-ID UUID.
    struct ims_release_str called_session_id;
    // Further headers for both BYEs by local policy, such as P-Charging-Vector: each "Name: value", no line end.
    const struct ims_release_str *headers;
    // How many headers.
    size_t header_count;
} ims_release_fields;

// The reason and the looks of both BYEs. Set all to zero first, then `struct_size` and `cause`.
//
// Thread rule: the library only reads it. Lifetime: it and all it points at are read during the call only.
//
// Used by: ims_release_build(), ims_release_dialog_build(), ims_release_registry_start(), _next().
typedef struct ims_release_options {
    // sizeof(ims_release_options).
    uint32_t struct_size;
    // Form of the service-control BYE: IMS_RELEASE_FORM_*.
    uint32_t form;
    // SIP status code for the Reason header, 100 to 699 (RFC 3326). There is no default: the clause asks for one.
    uint32_t cause;
    // Q.850 cause beside it, 1 to 127; 0 for none.
    uint32_t q850_cause;
    // Text for the SIP cause, unquoted; quotes and backslashes are escaped. Empty: none.
    struct ims_release_str text;
    // Text for the Q.850 cause.
    struct ims_release_str q850_text;
    // Further headers, beside those of the dialog: each "Name: value", no line end, no name twice.
    const struct ims_release_str *headers;
    // How many headers.
    size_t header_count;
    // "host" or "host:port" for a Via with a unique branch. Empty: no Via, the host's transaction layer adds it.
    struct ims_release_str via_sent_by;
    // Transport of that Via; empty for "UDP".
    struct ims_release_str via_transport;
    // IMS_RELEASE_KEEP_GRUU or 0.
    uint32_t flags;
    // The job that ims_release_registry_start() starts the release for; 0: none.
    uint32_t job;
    // Where there is none, who has asked for the release: IMS_RELEASE_BY_HOST, _SCRIPT or _RPC.
    uint32_t by;
    // Zero.
    uint32_t reserved;
} ims_release_options;

// One built BYE: what it is, and its parts as slices of the caller's buffer.
//
// A host that sends bytes takes `message`. One whose transaction layer builds the message itself takes the parts.
// Parts are empty where the message has none, and all of them when `status` is not IMS_RELEASE_OK.
//
// Thread rule: the caller's own. Lifetime: the slices live as long as the caller's buffer.
//
// Filled in by: ims_release_build(), ims_release_dialog_build(), ims_release_registry_start(), _next().
typedef struct ims_release_bye {
    // sizeof(ims_release_bye), set by the caller.
    uint32_t struct_size;
    // IMS_RELEASE_OK, or why this BYE was not built: IMS_RELEASE_BUFFER_TOO_SMALL, _BAD_CALLING_CONTACT,
    // _BAD_CALLED_CONTACT, _NO_CSEQ, _CSEQ_OVERFLOW, _NO_RANDOM. IMS_RELEASE_HELD: it is due later.
    ims_release_status status;
    // IMS_RELEASE_SERVICE_CONTROL or IMS_RELEASE_DIRECT; 0 when `status` tells an error other than the buffer's.
    uint32_t delivery;
    // CSeq number. A transaction layer that adds one by itself is given one less.
    uint32_t cseq;
    // IMS_RELEASE_LARGE, IMS_RELEASE_NO_TAG.
    uint32_t flags;
    // Zero.
    uint32_t reserved;
    // Octets of the message; what the buffer must hold when it was too small; 0 for another error.
    size_t length;
    // The whole message.
    struct ims_release_str message;
    // Request-URI.
    struct ims_release_str request_uri;
    // URI to send to: that of the topmost Route, else the Request-URI (RFC 3261 8.1.2). In the loop form it is the
    // host's own.
    struct ims_release_str next_hop;
    // Call-ID value.
    struct ims_release_str call_id;
    // From value.
    struct ims_release_str from;
    // From up to the ';' before its tag; the whole value without a tag.
    struct ims_release_str from_before_tag;
    // From from the tag on: the tag, then what follows it. `before ";tag=" onward` is the value again.
    struct ims_release_str from_tag_onward;
    // To value.
    struct ims_release_str to;
    // The same part of To.
    struct ims_release_str to_before_tag;
    // The same part of To.
    struct ims_release_str to_tag_onward;
    // The lines from Route to the last further header, each with its line end: Route, Max-Forwards, Reason,
    // Session-ID, further headers.
    struct ims_release_str headers;
    // The Route line alone, with its line end. It stands at the head of `headers`.
    struct ims_release_str route;
} ims_release_bye;

// How a release ended; the content of the callbacks `ended` and `unconfirmed`.
//
// Lifetime: it and its texts end with the callback.
typedef struct ims_release_ended {
    // sizeof(ims_release_ended) of the library: members are only ever added at the end.
    uint32_t struct_size;
    // IMS_RELEASE_COMPLETED, _GONE, _PARTIAL, _FAILED or _EXPIRED.
    uint32_t outcome;
    // The id that the dialog had.
    uint64_t id;
    // SIP status code of the Reason.
    uint32_t cause;
    // Final code of the called user's BYE, where it was sent again that of the last one; 0 without one.
    uint32_t called_code;
    // Final code of the calling user's BYE, where it was sent again that of the last one; 0 without one.
    uint32_t calling_code;
    // Who has asked for it: IMS_RELEASE_BY_*.
    uint32_t by;
    // From the start of the release to its end.
    uint64_t duration_ms;
    // Call-ID.
    struct ims_release_str call_id;
    // Tag of the calling user.
    struct ims_release_str from_tag;
    // Tag of the called user.
    struct ims_release_str to_tag;
    // How often the called user's BYE was sent.
    uint32_t called_attempts;
    // How often the calling user's BYE was sent.
    uint32_t calling_attempts;
    // From the start to the called user's final reply, or where there is none to the end; to ten milliseconds.
    uint64_t called_duration_ms;
    // From the start to the calling user's final reply, or where there is none to the end; to ten milliseconds.
    uint64_t calling_duration_ms;
    // Text of the Reason; empty: none.
    struct ims_release_str text;
    // The job that has started it; 0: none.
    uint32_t job;
    // 1 where `text` was too much to keep, the record or the store being full: the BYEs have said the cause alone. Else 0.
    uint32_t text_lost;
} ims_release_ended;

// Takes the end of a release, once for each release, in the process whose call brought it about: during
// ims_release_registry_note(), _next() or _sweep(). No lock is held: it may call the library. It must not unwind.
typedef void (*ims_release_ended_fn)(void *env, const struct ims_release_ended *ended);

// A BYE that a user has answered 401 or 407 (RFC 3261 22). Its method is BYE, it has no body, and the one that is sent
// again has the same Request-URI.
//
// Lifetime: it and its texts end with the callback.
typedef struct ims_release_challenge {
    // sizeof(ims_release_challenge) of the library: members are only ever added at the end.
    uint32_t struct_size;
    // Who has challenged it: IMS_RELEASE_LEG_CALLED or _CALLING.
    uint32_t leg;
    // The dialog.
    uint64_t id;
    // 401 or 407.
    uint32_t code;
    // Zero.
    uint32_t reserved;
    // Request-URI of the BYE.
    struct ims_release_str request_uri;
    // The rows of WWW-Authenticate and Proxy-Authenticate of the reply, each "Name: value" on one line; at least one.
    const struct ims_release_str *rows;
    // How many rows.
    size_t row_count;
} ims_release_challenge;

// Gives credentials for a BYE: writes "Authorization: ...", "Proxy-Authorization: ..." or both into `buffer`, each
// with a line end, CR LF or LF, and returns how many octets that is; 0 for none. `capacity` is
// IMS_RELEASE_MAX_CREDENTIALS. More than that, another header, one of them twice, or one that would break its line is
// as good as none.
//
// Called once for each user of a release, with the first 401 or 407 that has a challenge, by the process that notes it
// with ims_release_registry_note(). No lock is held: it may call the library. It must not unwind, and while it waits so
// does the caller of that.
typedef size_t (*ims_release_credentials_fn)(void *env,
                                             const struct ims_release_challenge *challenge,
                                             char *buffer,
                                             size_t capacity);

// How to open a registry. Set all to zero first, then `struct_size`, `engine`, and for the shared engine `directory`,
// `uid` and `gid`; elsewhere zero is the default.
//
// Lifetime: read during ims_release_registry_open() only, but `ended`, `unconfirmed`, `credentials` and `env` are used until
// the registry is closed.
typedef struct ims_release_config {
    // sizeof(ims_release_config).
    uint32_t struct_size;
    // IMS_RELEASE_ENGINE_SHARED or IMS_RELEASE_ENGINE_MEMORY.
    uint32_t engine;
    // Directory of the store. It is made when only its last part is missing. For the shared engine.
    struct ims_release_str directory;
    // Octets of the store, of the shared engine allocated in full when its file is made; 0 for 64 MiB.
    uint64_t size;
    // User that the files are given to: the one that the processes run as. IMS_RELEASE_OWNER_NONE to leave
    // them with whoever opens the registry.
    uint32_t uid;
    // Group that the files are given to with `uid`. IMS_RELEASE_OWNER_NONE to leave that.
    uint32_t gid;
    // Longest wait for a lock of the store; 0 for 100.
    uint32_t lock_timeout_ms;
    // After this long a release is over whatever was answered; 0 for 120,000. Unless `policy` has IMS_RELEASE_NO_HOLD
    // at least IMS_RELEASE_LONGEST_HOLD_MS and `attempt_ms`: a BYE that had to wait for the ACK needs its time as well.
    uint32_t deadline_ms;
    // After this long an INVITE without 2xx is forgotten; 0 for 300.
    uint32_t early_lifetime_s;
    // Zero.
    uint32_t reserved;
    // How to tell the proxy's own Record-Route entries.
    const struct ims_release_own *own;
    // How many descriptions.
    size_t own_count;
    // Called at the end of each release; NULL for none.
    ims_release_ended_fn ended;
    // Given to `ended`, `unconfirmed` and `credentials`.
    void *env;
    // How long an ended release stays known for what comes late; 0 for 32,000, IMS_RELEASE_LINGER_NONE to drop its
    // dialog at once.
    uint32_t linger_ms;
    // After this long no reply to a BYE can come any more; 0 for 40,000. More than the host's transactions wait: those
    // report their time-out themselves.
    uint32_t attempt_ms;
    // A dialog of which nothing was seen for so long is forgotten; 0 for 43,200.
    uint32_t dialog_lifetime_s;
    // IMS_RELEASE_NO_RETRY, _NO_BYPASS, _NO_HOLD, _NO_REFUSAL, _NO_SESSION_TIMER, _NO_CHARGING_VECTOR, _NO_BYE_CHECK, and
    // _NO_FLOW or _ALWAYS_FLOW, added up.
    uint32_t policy;
    // Asked for credentials when a user answers a BYE 401 or 407; NULL for none: then that leg has failed.
    ims_release_credentials_fn credentials;
    // Called with an outcome that a process was just telling when it died, by ims_release_registry_resume() or _sweep():
    // nobody knows whether it was heard, and it is not told to `ended` again. NULL for none.
    ims_release_ended_fn unconfirmed;
} ims_release_config;

// One dialog of a registry.
//
// Lifetime: it and its texts end with the callback.
typedef struct ims_release_entry {
    // sizeof(ims_release_entry) of the library: members are only ever added at the end.
    uint32_t struct_size;
    // IMS_RELEASE_STATE_*.
    uint32_t state;
    // Internal id: what IMS_RELEASE_SELECT_ID takes.
    uint64_t id;
    // Roles of the proxy in it: 1 serves the calling user, 2 the called user, 4 neither; added up.
    uint32_t roles;
    // SIP status code of the Reason of its release; 0 without one.
    uint32_t cause;
    // IMS_RELEASE_LEG_* of the called user's BYE.
    uint32_t called_state;
    // IMS_RELEASE_LEG_* of the calling user's BYE.
    uint32_t calling_state;
    // Final code of the called user's BYE, where it is sent again that of the last one; 0 without one.
    uint32_t called_code;
    // Final code of the calling user's BYE, where it is sent again that of the last one; 0 without one.
    uint32_t calling_code;
    // Unix time in seconds of the last message.
    uint64_t seen_s;
    // Unix time in seconds of the start of the release; 0 without one.
    uint64_t started_s;
    // Highest CSeq towards the called user, or IMS_RELEASE_CSEQ_NONE.
    int64_t cseq_to_called;
    // Highest CSeq towards the calling user, or IMS_RELEASE_CSEQ_NONE.
    int64_t cseq_to_calling;
    // Call-ID.
    struct ims_release_str call_id;
    // Tag of the calling user.
    struct ims_release_str from_tag;
    // Tag of the called user; empty while there is none.
    struct ims_release_str to_tag;
    // From of the INVITE.
    struct ims_release_str from;
    // To of the 200; of the INVITE before.
    struct ims_release_str to;
    // How often the called user's BYE was sent.
    uint32_t called_attempts;
    // How often the calling user's BYE was sent.
    uint32_t calling_attempts;
    // CSeq of the initial INVITE, which whoever wants to cancel it needs.
    uint32_t invite_cseq;
    // Of a dialog that was released: IMS_RELEASE_COMPLETED to _EXPIRED; else 0.
    uint32_t outcome;
    // 1 where a process died while it told that outcome: nobody knows whether it was heard. Else 0.
    uint32_t unconfirmed;
    // Who has asked for its release: IMS_RELEASE_BY_*.
    uint32_t by;
    // The job that has started its release; 0: none.
    uint32_t job;
    // 1 where no job releases it, see ims_release_registry_exempt(); else 0.
    uint32_t exempt;
    // The URIs by which a served calling user is known, with blanks between; empty where From is all that tells.
    struct ims_release_str calling_user;
    // The same of a served called user and To.
    struct ims_release_str called_user;
    // The icid-value of its session, as written; empty without one.
    struct ims_release_str icid;
    // The text of the Reason of its release; empty: none.
    struct ims_release_str text;
    // 1 where that was too much to keep, the record or the store being full: its BYEs say the cause alone. Else 0.
    uint32_t text_lost;
    // Zero.
    uint32_t reserved;
} ims_release_entry;

// Takes one dialog. No lock is held: it may call the library. It must not unwind.
typedef void (*ims_release_entry_fn)(void *env, const struct ims_release_entry *entry);

// Figures of a registry. Set `struct_size` before. The first ones count since the store was made.
typedef struct ims_release_stats {
    // sizeof(ims_release_stats), set by the caller.
    uint32_t struct_size;
    // Zero.
    uint32_t reserved;
    // Initial INVITEs tracked.
    uint64_t tracked;
    // Dialogs confirmed by a 2xx.
    uint64_t confirmed;
    // Dialogs ended by a user's BYE.
    uint64_t ended_by_user;
    // Releases started.
    uint64_t started;
    // Releases by outcome.
    uint64_t completed;
    // See IMS_RELEASE_GONE.
    uint64_t gone;
    // See IMS_RELEASE_PARTIAL.
    uint64_t partial;
    // See IMS_RELEASE_FAILED.
    uint64_t failed;
    // See IMS_RELEASE_EXPIRED.
    uint64_t expired;
    // Messages that were refused as malformed.
    uint64_t refused_messages;
    // INVITEs and early dialogs dropped because no 2xx came.
    uint64_t early_dropped;
    // Operations that the store refused.
    uint64_t store_failures;
    // Records in the store now: INVITEs, early dialogs, dialogs, also those that were released and linger.
    uint64_t records;
    // Records of the usual size that fit.
    uint64_t capacity;
    // Damages found: records dropped, words mended, a file that was cut or put aside.
    uint64_t damaged;
    // Repairs after the death of a process, or at start.
    uint64_t repairs;
    // Calls that gave up on a lock.
    uint64_t lock_timeouts;
    // Records refused because the store was full.
    uint64_t refused_full;
    // Records refused because they were too large.
    uint64_t refused_large;
    // BYEs sent again because of a 500 or 503, or because nobody told what came of them.
    uint64_t retried;
    // BYEs that service control had kept back, sent straight to the far user.
    uint64_t bypassed;
    // Requests of users on dialogs under release, to be refused.
    uint64_t refused_requests;
    // Outcomes that nobody may have heard: a process died while it told them.
    uint64_t unconfirmed;
    // Dialogs dropped because nothing was seen of them for long.
    uint64_t idle_dropped;
    // Legs of ended releases by result, see IMS_RELEASE_LEG_DONE.
    uint64_t legs_done;
    // See IMS_RELEASE_LEG_GONE.
    uint64_t legs_gone;
    // See IMS_RELEASE_LEG_FAILED.
    uint64_t legs_failed;
    // See IMS_RELEASE_LEG_NOT_BUILT.
    uint64_t legs_not_built;
    // Releases under way, as the last round of ims_release_registry_sweep() has found.
    uint64_t pending;
    // When the oldest of these was started, in Unix seconds; 0: there is none.
    uint64_t oldest_s;
    // Users' BYEs and target refresh requests that were not on their way to the other user, see
    // IMS_RELEASE_NO_BYE_CHECK.
    uint64_t misdirected;
} ims_release_stats;

// What ims_release_registry_resume() has taken up again. Set `struct_size` before.
typedef struct ims_release_resumed {
    // sizeof(ims_release_resumed), set by the caller.
    uint32_t struct_size;
    // Zero.
    uint32_t reserved;
    // Releases under way.
    uint64_t releases;
    // Their BYEs that are due.
    uint64_t byes;
    // Releases whose outcome was just being told: it is not told again.
    uint64_t unconfirmed;
} ims_release_resumed;

// Takes a BYE that is due: `leg` of dialog `id`, to be fetched with ims_release_registry_next() at once or after the
// sweep. `env` is what was given to the sweep. No lock is held: it may call the library. It must not unwind.
typedef void (*ims_release_due_fn)(void *env, uint64_t id, uint32_t leg);

// What ims_release_registry_sweep() has done. Set `struct_size` before.
typedef struct ims_release_swept {
    // sizeof(ims_release_swept), set by the caller.
    uint32_t struct_size;
    // 1 when it came to the end of the store; the next one begins again. Else 0.
    uint32_t finished;
    // 1 while a dialog is under release, or still known for one; else 0.
    uint32_t active;
    // Zero.
    uint32_t reserved;
    // Records looked at.
    uint64_t visited;
    // BYEs that are due.
    uint64_t due;
    // Releases that it ended.
    uint64_t ended;
    // INVITEs and dialogs that it dropped.
    uint64_t dropped;
} ims_release_swept;

// The way back to a user. Set `struct_size` before.
//
// Lifetime: the slices live as long as the caller's buffer.
typedef struct ims_release_way_back {
    // sizeof(ims_release_way_back), set by the caller.
    uint32_t struct_size;
    // 1: a connection that was there when the user's message came. Where it is not any more, send as without a way
    // back. Else 0.
    uint32_t connection;
    // URI to send to, with an address, a port and a transport; empty: there is no way back, the BYE goes to its
    // `next_hop`.
    struct ims_release_str destination;
    // Own socket to send from, as it was told: `transport:address:port`.
    struct ims_release_str local;
} ims_release_way_back;

// What a job is to do. Set all to zero first, then `struct_size`, `dialogs` and `cause`.
//
// Lifetime: it and all it points at are read during the call only.
typedef struct ims_release_job_request {
    // sizeof(ims_release_job_request).
    uint32_t struct_size;
    // Which dialogs: IMS_RELEASE_JOB_ALL, _USER, _CONTACT or _SESSION.
    uint32_t dialogs;
    // The URI of the user or the Contact, or the icid-value.
    struct ims_release_str value;
    // SIP status code of the Reason, 100 to 699.
    uint32_t cause;
    // IMS_RELEASE_JOB_DRY or 0.
    uint32_t flags;
    // Text of the Reason; empty: none.
    struct ims_release_str text;
    // Releases started a second, at most, to 65,535; 0 for 200.
    uint32_t rate;
    // Releases under way at a time, at most, to 65,535, those of others included; 0 for 500.
    uint32_t in_flight;
    // Who asks: IMS_RELEASE_BY_HOST, _SCRIPT or _RPC.
    uint32_t by;
    // Zero.
    uint32_t reserved;
} ims_release_job_request;

// Starts the release of dialog `id` for job `job`, with this Reason: ims_release_registry_start() with the number in
// `job` of the options. Returns 1 when it was started, else 0. No lock is held. It must not unwind.
typedef int (*ims_release_job_start_fn)(void *env,
                                        uint64_t id,
                                        uint32_t job,
                                        uint32_t cause,
                                        struct ims_release_str text);

// A job as it is shown.
//
// Lifetime: it and its texts end with the callback.
typedef struct ims_release_job_entry {
    // sizeof(ims_release_job_entry) of the library: members are only ever added at the end.
    uint32_t struct_size;
    // Its number, from 1 on.
    uint32_t number;
    // IMS_RELEASE_JOB_RUNNING, _CANCELLED or _FINISHED.
    uint32_t state;
    // IMS_RELEASE_JOB_ALL, _USER, _CONTACT or _SESSION.
    uint32_t dialogs;
    // IMS_RELEASE_JOB_DRY or 0.
    uint32_t flags;
    // SIP status code of the Reason.
    uint32_t cause;
    // Text of the Reason.
    struct ims_release_str text;
    // The URI of the user or the Contact, or the icid-value.
    struct ims_release_str value;
    // When it was made, in Unix seconds.
    uint64_t made_s;
    // Records seen.
    uint64_t visited;
    // Dialogs that are meant, early ones included. After the death of a process 16 may be counted twice, here and in
    // `refused`.
    uint64_t matched;
    // Early ones: their INVITE is to be cancelled instead.
    uint64_t early;
    // Releases started.
    uint64_t started;
    // Releases refused: under way already, or not to be built.
    uint64_t refused;
    // Outcomes of what it has started: see IMS_RELEASE_COMPLETED.
    uint64_t completed;
    // See IMS_RELEASE_GONE.
    uint64_t gone;
    // See IMS_RELEASE_PARTIAL.
    uint64_t partial;
    // See IMS_RELEASE_FAILED.
    uint64_t failed;
    // See IMS_RELEASE_EXPIRED.
    uint64_t expired;
    // Exempt ones, see ims_release_registry_exempt().
    uint64_t exempt;
    // Who has asked for it: IMS_RELEASE_BY_HOST, _SCRIPT or _RPC.
    uint32_t by;
    // Zero.
    uint32_t reserved;
} ims_release_job_entry;

// Takes one job. No lock is held: it may call the library. It must not unwind.
typedef void (*ims_release_job_fn)(void *env, const struct ims_release_job_entry *job);

// Takes one dialog of a job: its entry, `stage`, one of IMS_RELEASE_ITEM_*, and of what is refused why, else
// IMS_RELEASE_OK. No lock is held: it may call the library. It must not unwind.
typedef void (*ims_release_job_item_fn)(void *env,
                                        const struct ims_release_entry *entry,
                                        uint32_t stage,
                                        ims_release_status why);

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// Version of the loaded library, such as "0.1.0". Compare with IMS_RELEASE_VERSION of this header.
//
// The text is static, ends with NUL, and must not be freed. From any thread, before and after a fork.
const char *ims_release_version(void);

// ABI version of the loaded library. A host that opens the library by name refuses it when this is
// not the IMS_RELEASE_ABI_VERSION it was compiled with.
//
// From any thread, before and after a fork.
uint32_t ims_release_abi_version(void);

// What a code means, in one English line that starts with the name of the field; for logs and operators.
//
// The text is static, ends with NUL, and must not be freed. An unknown code gives "unknown status".
// From any thread, before and after a fork.
const char *ims_release_status_text(ims_release_status status);

// Sets the function that takes the library's log lines; NULL for none, as at the start.
//
// Call it before the first fork and before other threads use the library; children inherit it.
// `log` and `env` must stay valid until another call replaces them.
void ims_release_set_log(ims_release_log_fn log, void *env);

// Checks the fields and makes a dialog of them for `*dialog`, which the caller owns and frees. Allocates.
//
// Consumes nothing: the fields may be freed after the call. On an error `*dialog` is untouched. A Contact that is
// not one SIP URI does not refuse the dialog but, later, the BYE to that user; a Record-Route entry that cannot be
// read the BYE that needs it.
//
// Errors: 1 to 3, 7 and 100 to 120. From any thread, before and after a fork. No callback but the log.
ims_release_status ims_release_dialog_new(const struct ims_release_fields *fields, struct ims_release_dialog **dialog);

// Frees a dialog made by ims_release_dialog_new(); nothing for NULL. It consumes `dialog`: do not use it any more.
void ims_release_dialog_free(struct ims_release_dialog *dialog);

// Builds both BYEs from a checked dialog. Else like ims_release_build(), except that no field can be refused.
//
// Consumes nothing. No allocation, no lock. From any thread, before and after a fork.
ims_release_status ims_release_dialog_build(const struct ims_release_dialog *dialog,
                                            const struct ims_release_options *options,
                                            char *called_buffer,
                                            size_t called_capacity,
                                            char *calling_buffer,
                                            size_t calling_capacity,
                                            struct ims_release_bye *called,
                                            struct ims_release_bye *calling);

// Builds the two BYEs of TS 24.229 5.4.5.1.2 from what a host has stored of a dialog: the called user's into
// `called_buffer`, the calling user's into `calling_buffer`. `called` and `calling` tell how each is delivered and
// where its parts lie. Set `struct_size` of both before.
//
// IMS_RELEASE_OK says that `called` and `calling` were filled in. Look at the `status` of each: one BYE that cannot
// be built does not stop the other. Any other return value leaves `called` and `calling` untouched.
//
// Sizes: with NULL and 0 for a buffer, or with one that is too small, `status` is IMS_RELEASE_BUFFER_TOO_SMALL,
// `length` what is needed, and no octet is written. The buffers must not overlap each other nor any input.
//
// Send the called user's BYE first, and none before both are built. Of a random CSeq and a Via branch each call
// makes new ones: keep the bytes for retransmissions.
//
// Consumes nothing. No allocation, no lock, no callback but the log. Errors: 1 to 7 and 100 to 120. From any thread,
// before and after a fork: random numbers are never the same in two processes.
ims_release_status ims_release_build(const struct ims_release_fields *fields,
                                     const struct ims_release_options *options,
                                     char *called_buffer,
                                     size_t called_capacity,
                                     char *calling_buffer,
                                     size_t calling_capacity,
                                     struct ims_release_bye *called,
                                     struct ims_release_bye *calling);

// Reads one message, whole, as ims_release_registry_track() and _observe() do, and tells what they would say of its
// form. It needs no registry and changes nothing.
//
// `*offset` is where the line begins that is wrong, in octets from the start of `message`: 0 where a header is
// missing, and with IMS_RELEASE_OK. It is written with IMS_RELEASE_OK and with 200 to 299, else it is untouched.
//
// Consumes nothing. Errors: 1, 3, 200 to 299. From any thread, before and after a fork. No callback.
ims_release_status ims_release_message_check(struct ims_release_str message, size_t *offset);

// Cuts a From or To value, as it stands in an ims_release_bye, for a host whose transaction layer prints
// `<uri>;tag=tag` itself: `*uri` is the URI without its brackets, `*tag` the tag, empty where there is none. What is
// lost that way ims_release_registry_adopt() puts back.
//
// Both point into `value`. IMS_RELEASE_ARGUMENT: the value is none; then both are untouched.
//
// Consumes nothing. Errors: 1, 3. From any thread, before and after a fork. No callback.
ims_release_status ims_release_address_parts(struct ims_release_str value,
                                             struct ims_release_str *uri,
                                             struct ims_release_str *tag);

// Opens a registry for `*registry`, which the caller owns and closes.
//
// The shared engine makes its files when they are missing, repairs what a killed process left, and takes dialogs up
// where they were; ims_release_registry_resume() does the same for releases. A file that it cannot use is renamed
// aside and reported to the log, never a reason to fail. Reasons to fail, with a line in the log that says what to do:
// the directory cannot be made or written, the disk is full, another live host uses the store.
//
// Consumes nothing. On an error `*registry` is untouched. Errors: 1 to 3, 5, 111, 300 to 399.
// Before the fork. The log may be called.
ims_release_status ims_release_registry_open(const struct ims_release_config *config,
                                             struct ims_release_registry **registry);

// Closes a registry opened by ims_release_registry_open(); nothing for NULL. It consumes `registry`: do not use it any
// more. Dialogs stay in the store of the shared engine. No other thread may be using it.
void ims_release_registry_close(struct ims_release_registry *registry);

// Tracks the call of an initial INVITE, `message` as received or sent, whole. Call it again when the INVITE is seen
// again: after a challenge, on another pass through the same proxy (both users served: both roles are kept).
//
// `user` is the identity of the served user, by which IMS_RELEASE_JOB_USER finds the call: a URI or a name-addr, or
// several with commas between, as in P-Asserted-Identity. Empty: what the INVITE tells, as TS 24.229 5.4.3.2 and
// 5.4.3.3 say: P-Served-User, if its session case is that of this pass; else of a calling user P-Asserted-Identity, of a
// called user the Request-URI; where there is none From or To.
//
// `flow` tells how the message came, for ims_release_registry_way_back():
// `transport:address:port;local=transport:address:port`, who has sent it and the own socket that has received it; the
// transport is udp, tcp, tls, sctp, ws or wss, an IPv6 address stands in brackets. Empty: not told.
//
// Consumes nothing. Errors: 1, 3, 112, 200 to 299, 310 for a `user` that is none, 320 to 399; the call itself is never
// touched by one.
// From any thread and process. No callback but the log.
ims_release_status ims_release_registry_track(const struct ims_release_registry *registry,
                                              struct ims_release_str message,
                                              uint32_t serves,
                                              struct ims_release_str user,
                                              struct ims_release_str flow,
                                              uint64_t now_ms);

// Takes in any other message of a call, whole, in both directions: replies to the INVITE, the ACK, requests within the
// dialog, before they are sent on, and their replies. Of the refusals of an INVITE that was forked hand in only the one
// that is sent on: another branch may still answer (RFC 3261 16.7). `flow` is that of a message which a user has sent, as for
// ims_release_registry_track(). `*seen` tells what it was: IMS_RELEASE_SEEN_*. A message of no tracked call
// is fine, and so is one given twice.
//
// Consumes nothing. Errors: 1, 3, 200 to 299, 320 to 399; the call itself is never touched by one.
// From any thread and process. No callback but the log.
ims_release_status ims_release_registry_observe(const struct ims_release_registry *registry,
                                                struct ims_release_str message,
                                                struct ims_release_str flow,
                                                uint64_t now_ms,
                                                uint32_t *seen);

// Calls `found` with each dialog that `value` means by `selector`, one of IMS_RELEASE_SELECT_*, by rising numbers. An
// INVITE counts as an early dialog while there is none of it.
//
// Consumes nothing. Errors: IMS_RELEASE_NOT_FOUND when there is none; 1, 3, 200 to 399. From any thread and process.
// `found` is called during the call.
ims_release_status ims_release_registry_find(const struct ims_release_registry *registry,
                                             uint32_t selector,
                                             struct ims_release_str value,
                                             ims_release_entry_fn found,
                                             void *env);

// Calls `found` with the dialogs among the next `limit` records from `cursor` on: 0 for the first page, then what
// `*next` told. `*next` is 0 at the end. A dialog that is there all the time is shown once.
//
// Consumes nothing. Errors: 1, 3, 320 to 399. From any thread and process. `found` is called during the call.
ims_release_status ims_release_registry_list(const struct ims_release_registry *registry,
                                             uint64_t cursor,
                                             uint32_t limit,
                                             ims_release_entry_fn found,
                                             void *env,
                                             uint64_t *next);

// Tells the figures of a registry.
//
// Errors: 1, 2, 320 to 399. From any thread and process. No callback but the log.
ims_release_status ims_release_registry_stats(const struct ims_release_registry *registry,
                                              struct ims_release_stats *stats);

// Starts the release of dialog `id`: builds both BYEs like ims_release_build(), and from then on the dialog is under
// release. However many processes try, one gets IMS_RELEASE_OK, the others IMS_RELEASE_ALREADY_RELEASING.
//
// After IMS_RELEASE_OK the host sends each BYE whose `status` is IMS_RELEASE_OK, the called user's first, and reports
// what comes of it with ims_release_registry_note(). IMS_RELEASE_HELD: that one is due later, see
// ims_release_registry_sweep(): the one to a calling user who has not acknowledged the 2xx, and both while a user's own
// BYE is under way. An answer to that which ends the session settles both legs with its code; a refusal frees both BYEs
// at once, and so do 64*T1 (32 seconds) from the start. One BYE that cannot be built does not stop the other; when neither can, nothing is
// started. A dialog that was released before, and lingers, gives IMS_RELEASE_RELEASED.
//
// IMS_RELEASE_EARLY: cancel the INVITE instead. A 2xx that crosses the CANCEL makes a dialog all the same, to be handed to
// ims_release_registry_observe() and released at once: the called user's BYE goes. Where the host has answered the INVITE
// itself the ACK is its own as well: with Request-URI, Route, From, To and Call-ID of that BYE, and the CSeq number that
// `invite_cseq` of the entry tells. Who sends it hands it in too; else the BYE to the calling user waits.
//
// A buffer that is too small starts nothing: the call returns IMS_RELEASE_BUFFER_TOO_SMALL, and `length` of both,
// then also written, tells what is needed.
//
// Consumes nothing. Errors: 1 to 7, 100 to 120, 300 to 399. From any thread and process. No callback but the log.
ims_release_status ims_release_registry_start(const struct ims_release_registry *registry,
                                              uint64_t id,
                                              const struct ims_release_options *options,
                                              uint64_t now_ms,
                                              char *called_buffer,
                                              size_t called_capacity,
                                              char *calling_buffer,
                                              size_t calling_capacity,
                                              struct ims_release_bye *called,
                                              struct ims_release_bye *calling);

// Notes what came of the BYE with this CSeq, which is `cseq` of its ims_release_bye: the code of a reply, 408 for a
// time-out, IMS_RELEASE_NOT_SENT or IMS_RELEASE_LATER. `reply` is the reply as received, whole, from which Retry-After and
// challenges are read; empty where there is none. Provisional, late and repeated replies, and those to another CSeq, change nothing.
//
// A BYE is sent again, when ims_release_registry_sweep() tells: once after 500 or 503, with a higher CSeq, unless
// Retry-After asks for more than 32 seconds or leaves no time for an answer before the deadline; once after a user's 401
// or 407 where the `credentials` callback has some for it; once where nothing was noted of it for `attempt_ms`, because
// the process that had it has died; straight to the far user where service control has kept it back, that is answered 408 or 5xx or not at all before
// ims_release_registry_sent_on() saw it leave. Else the leg is final. With the last final leg the release has ended,
// and `ended` is called.
//
// Consumes nothing. Errors: 1, 3, 320 to 399. From any thread and process. `ended` and `credentials` may be called.
ims_release_status ims_release_registry_note(const struct ims_release_registry *registry,
                                             uint64_t id,
                                             uint32_t leg,
                                             uint32_t cseq,
                                             uint32_t code,
                                             struct ims_release_str reply,
                                             uint64_t now_ms);

// For a host whose transaction layer prints the request itself: writes the message that the host has `printed` with
// what such a layer cannot print of our BYE, `ours`. The values of the first From and To row become those of `ours`,
// byte by byte. On the leg that goes through the own socket the topmost Via gets the mark that
// ims_release_registry_recognise() knows. All else stays as printed, with its line ends: what the host or its operator
// added goes out, and the host knows its replies.
//
// `ours` is `message` of the ims_release_bye; a Via in it does not matter. In `printed` the three headers may have
// their compact names, and values that do not follow their grammar; it is IMS_RELEASE_MESSAGE_INCOMPLETE where one is
// missing. IMS_RELEASE_NOT_RELEASING: no reply to this leg is awaited.
//
// `*length` is the length of the message; with IMS_RELEASE_BUFFER_TOO_SMALL what is needed, and nothing is written to
// `buffer`. On other errors both are untouched. `buffer` must not overlap the texts.
//
// Consumes nothing. Errors: 1, 3, 4, 207, 300 to 399. From any thread and process. No callback but the log.
ims_release_status ims_release_registry_adopt(const struct ims_release_registry *registry,
                                              uint64_t id,
                                              uint32_t leg,
                                              struct ims_release_str ours,
                                              struct ims_release_str printed,
                                              char *buffer,
                                              size_t capacity,
                                              size_t *length);

// Writes the URI of the own Record-Route entry that faces the user of `leg` to `buffer`: a host with several sockets
// sends a BYE whose `delivery` is IMS_RELEASE_DIRECT from that one. Of a double Record-Route (`r2=on`) it is the half
// on that user's side; where neither user is served, the outermost own entry there. For the BYE that goes through
// service control it only informs: that one begins at the host itself. The dialog need not be under release.
//
// IMS_RELEASE_NO_OWN_ROUTE: no own entry is known, as before the 2xx.
//
// `*length` is the length of the URI; with IMS_RELEASE_BUFFER_TOO_SMALL what is needed, and nothing is written to
// `buffer`. On other errors both are untouched.
//
// Consumes nothing. Errors: 1, 3, 4, 7, 100 to 110, 300 to 399. From any thread and process. No callback but the log.
ims_release_status ims_release_registry_own_hop(const struct ims_release_registry *registry,
                                                uint64_t id,
                                                uint32_t leg,
                                                char *buffer,
                                                size_t capacity,
                                                size_t *length);

// Tells in `*pass` what a request that came in, of whatever method, is to the releases of this proxy:
// IMS_RELEASE_PASS_*. `from_own_socket` is 1 when it came from an address of the proxy itself, else 0. The first pass
// of our own BYE is given once, to one process; no copy that anybody sends gets it. Where nothing is under release
// nothing is read.
//
// `*id` is the dialog, 0 for IMS_RELEASE_PASS_NOT_OURS. `*answered` is, of a BYE that came again, the code that
// ims_release_registry_answered() noted, 0 for none.
//
// Consumes nothing. Errors: 1, 3, 320 to 399. From any thread and process. No callback but the log.
ims_release_status ims_release_registry_recognise(const struct ims_release_registry *registry,
                                                  struct ims_release_str message,
                                                  uint32_t from_own_socket,
                                                  uint64_t now_ms,
                                                  uint32_t *pass,
                                                  uint64_t *id,
                                                  uint32_t *answered);

// Notes that the script has answered our BYE without a transaction, with `code`: a retransmission gets it again.
//
// Errors: 1, 3, 300, 320 to 399. From any thread and process. No callback but the log.
ims_release_status ims_release_registry_answered(const struct ims_release_registry *registry,
                                                 uint64_t id,
                                                 uint32_t code);

// Takes up the releases that an earlier run of the host has left under way: their BYEs are due again, with the next
// CSeq, and the deadline counts from now; where there are more than the host can send until then, from when all have had
// their turn, and at most for ten times as long. A user who has had the first answers 481, which ends that leg. An outcome
// that was just being told when its process died is not told again: entries and figures call it unconfirmed.
//
// Once after ims_release_registry_open(), before the fork and before any other call. On an error some releases may not
// have been taken up: those end with their deadline.
//
// Consumes nothing. Errors: 1, 2, 320 to 399. No callback but the log.
ims_release_status ims_release_registry_resume(const struct ims_release_registry *registry,
                                               uint64_t now_ms,
                                               struct ims_release_resumed *resumed);

// Looks at the next `limit` records, goes on there next time, and begins again at the end. Ends what time ends:
// releases past their deadline, BYEs that no reply can come to any more, dialogs past their lifetime, what a killed
// process left. Calls `due` (NULL for none) with `env` for each BYE that is to be sent now: one that waited for the
// ACK, one that is sent again, one whose process has died before it sent it. A BYE that is not fetched is told in each
// round.
//
// For the host's timer, in one process and one thread of it: ten times a second while `active`, once a second else.
// How long a whole round takes is how late such a BYE may be.
//
// Consumes nothing. Errors: 1 to 3, 320 to 399. `due` and `ended` may be called.
ims_release_status ims_release_registry_sweep(const struct ims_release_registry *registry,
                                              uint64_t now_ms,
                                              uint32_t limit,
                                              ims_release_due_fn due,
                                              void *env,
                                              struct ims_release_swept *swept);

// Builds a BYE that is due, and takes it to be sent: no other process gets this one. It has the next CSeq, and the
// Reason with which the release was started, its cause alone where the store had no room for the text; of `options`
// the form, the headers, the Via and the flags count, and `cause` must be one all the same. After IMS_RELEASE_OK the host sends it and reports what comes of it with
// ims_release_registry_note(), as after ims_release_registry_start(). Set `struct_size` of `bye` before.
//
// IMS_RELEASE_NOT_RELEASING: it is not due yet, or not any more; another process may have it.
// IMS_RELEASE_BUFFER_TOO_SMALL: `length` of `bye`, then also written, tells what is needed, and the BYE is still due.
// Codes from 100 to 110: it cannot be built, and the leg has ended. On other errors `bye` is untouched.
//
// Consumes nothing. Errors: 1 to 7, 100 to 120, 300 to 399. From any thread and process. `ended` may be called.
ims_release_status ims_release_registry_next(const struct ims_release_registry *registry,
                                             uint64_t id,
                                             uint32_t leg,
                                             const struct ims_release_options *options,
                                             uint64_t now_ms,
                                             char *buffer,
                                             size_t capacity,
                                             struct ims_release_bye *bye);

// Drops a dialog, or what a release has left of it, without any SIP: nobody is told, and the session goes on unless it
// is over. For an operator who knows better.
//
// Errors: 1, 300, 303 while its release is under way, 320 to 399. From any thread and process. No callback but the
// log.
ims_release_status ims_release_registry_drop(const struct ims_release_registry *registry, uint64_t id);

// Takes a request that the host sends on, whole, as its transaction layer has printed it: our BYE that leaves for the
// far user, with no own entry before it any more, is no longer service control's, and what comes back is that user's
// answer. Any other message is no matter, not even one that cannot be read.
//
// Consumes nothing. Errors: 1, 3, 320 to 399. From any thread and process. No callback but the log.
ims_release_status ims_release_registry_sent_on(const struct ims_release_registry *registry,
                                                struct ims_release_str message);

// Writes to `buffer` the way by which the user's own messages came, where its BYE is to go the same way back: its
// Request-URI and its headers stay as they are, only where it is sent changes. For a direct BYE, and for that which the
// script sends on where no Route is left and the script has not chosen a destination.
//
// There is one only for a user before whom no proxy has recorded itself, whose messages came with a `flow`, and where
// `policy` of ims_release_config says so.
//
// Consumes nothing. Errors: 1 to 4, 105 to 110, 300, 320 to 399. From any thread and process. No callback but the log.
ims_release_status ims_release_registry_way_back(const struct ims_release_registry *registry,
                                                 uint64_t id,
                                                 uint32_t leg,
                                                 char *buffer,
                                                 size_t capacity,
                                                 struct ims_release_way_back *way_back);

// Makes a job, which the host then takes on with ims_release_registry_job_step(), and gives its number, from 1 on.
// Jobs are kept in the store: they go on after a restart. Of eight at a time, the oldest that is over makes room; those
// by scripts have five of these places. The number of one that is running is given where all but the text is the same,
// and where a script asks (IMS_RELEASE_BY_SCRIPT) already where the dialogs are: it looks at all dialogs once more.
//
// Consumes nothing. With an error nothing has changed. Errors: 1 to 3, 115, 116, 306 for a value that is no URI or
// icid-value, 309, 311, 320 to 399. From any thread and process. No callback but the log.
ims_release_status ims_release_registry_job_make(const struct ims_release_registry *registry,
                                                 const struct ims_release_job_request *job,
                                                 uint64_t now_ms,
                                                 uint32_t *number);

// Cancels a job: it starts nothing more. What it has started ends as ever; of one that is over nothing changes.
//
// Errors: 1, 3, 300, 320 to 399. From any thread and process. No callback but the log.
ims_release_status ims_release_registry_job_cancel(const struct ims_release_registry *registry, uint32_t number);

// Takes the running jobs a step on: calls `start` for each dialog that is to be released now. `*running` is 1 while
// one goes on, else 0.
//
// In the process that sweeps, after each ims_release_registry_sweep(): what is under way is known from that. At least
// five times a second: what is left of more is not made up for. Nothing is started in the millisecond in which a job was
// made: by when a release was started it is known to be of that job.
//
// Errors: 1, 320 to 399. `start` is called during the call.
ims_release_status ims_release_registry_job_step(const struct ims_release_registry *registry,
                                                 uint64_t now_ms,
                                                 ims_release_job_start_fn start,
                                                 void *env,
                                                 uint32_t *running);

// Calls `found` with each job, those that are over included.
//
// Errors: 1, 320 to 399. From any thread and process. `found` is called during the call.
ims_release_status ims_release_registry_jobs(const struct ims_release_registry *registry,
                                             ims_release_job_fn found,
                                             void *env);

// Exempts the call of a message, an emergency or priority call, from the releases of jobs, for good: all dialogs of its
// INVITE, those included that are still to come. `message` is the tracked INVITE, or any other message of the call,
// whole. ims_release_registry_start() releases one of its dialogs all the same.
//
// Consumes nothing. Errors: 1, 3, 200 to 299, 300 where the call is not tracked, 320 to 399. From any thread and
// process. No callback but the log.
ims_release_status ims_release_registry_exempt(const struct ims_release_registry *registry,
                                               struct ims_release_str message);

// Calls `found` with what has become of each dialog of job `number` among the next `limit` records from `cursor` on: 0
// for the first page, then what `*next` told. `*next` is 0 at the end. It is read from the dialogs themselves: one that
// was released is shown while it lingers, what has left the store is not. Which are meant is asked now: of a dialog that
// came later than the job it tells the same.
//
// Consumes nothing. Errors: 1, 3, 300 where there is no such job, 320 to 399. From any thread and process. `found` is
// called during the call.
ims_release_status ims_release_registry_job_items(const struct ims_release_registry *registry,
                                                  uint32_t number,
                                                  uint64_t cursor,
                                                  uint32_t limit,
                                                  uint64_t now_ms,
                                                  ims_release_job_item_fn found,
                                                  void *env,
                                                  uint64_t *next);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* IMS_RELEASE_H */
