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

// A buffer cannot hold the BYE. Nothing was written to it; `length` tells what is needed.
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

// Record-Route: an entry is not a SIP or SIPS URI in angle brackets (RFC 3261 20.30).
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

// A call that cannot be served, a damaged store, a bug (a caught panic).
#define IMS_RELEASE_LOG_ERROR 1

// Something to look at: a repaired store, an expired release.
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

// A checked dialog, made by ims_release_dialog_new() from the fields.
//
// Building from it costs a fraction of ims_release_build(), which checks the fields each time.
//
// Thread rule: it never changes after it was made, so any number of threads may use it at once; one of them
// frees it. Fork rule: a child has its own copy and frees that. Lifetime: until ims_release_dialog_free().
//
// Methods: ims_release_dialog_new(), ims_release_dialog_build(), ims_release_dialog_free().
typedef struct ims_release_dialog ims_release_dialog;

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
    // The exact URI, with or without angle brackets. Host and scheme are compared without case.
    struct ims_release_str uri;
    // "host" or "host:port"; without a port the default one of the scheme counts, 5060 or 5061.
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
    // IMS_RELEASE_ROUTES_RECORD_ROUTE: the Record-Route rows of the 2xx in their order; a row may be a comma list.
    const struct ims_release_str *record_route;
    // How many rows.
    size_t record_route_count;
    // How to tell the own entries among them. At least one entry must be own.
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
// Used by: ims_release_build(), ims_release_dialog_build().
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
// Filled in by: ims_release_build(), ims_release_dialog_build().
typedef struct ims_release_bye {
    // sizeof(ims_release_bye), set by the caller.
    uint32_t struct_size;
    // IMS_RELEASE_OK, or why this BYE was not built: IMS_RELEASE_BUFFER_TOO_SMALL, _BAD_CALLING_CONTACT,
    // _BAD_CALLED_CONTACT, _NO_CSEQ, _CSEQ_OVERFLOW, _NO_RANDOM.
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
// not one SIP URI does not refuse the dialog but, later, the BYE to that user.
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

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* IMS_RELEASE_H */
