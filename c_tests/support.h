/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What every harness needs: cmocka with its prerequisites, texts, and the dialogs of the conformance cases. */
#ifndef SUPPORT_H
#define SUPPORT_H

#include <ims_release.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h wants the four above first. */
#include <cmocka.h>
#include <unistd.h>

#define TEXT(text) { text, (int)sizeof(text) - 1 }
#define COUNT(array) (sizeof(array) / sizeof *(array))

/* A text that is made at run time. */
static inline ims_release_str text_of(const char *text)
{
    ims_release_str str = { text, (int)strlen(text) };
    return str;
}

/* Leaves a BYE for the judge of tests/support, to whom tests/c_harnesses.rs takes it: in a file of this process alone,
 * in the directory that IMS_RELEASE_BYES names. `from`, `to` and `cseq` are what the dialog has for that leg. */
static inline void judge(ims_release_str message, ims_release_str from, ims_release_str to, int64_t cseq)
{
    const char *directory = getenv("IMS_RELEASE_BYES");
    char path[4096];
    if (directory == NULL)
        return;
    snprintf(path, sizeof path, "%s/%ld", directory, (long)getpid());
    FILE *file = fopen(path, "ab");
    /* Not an assertion: a forked child has no test that could fail. */
    if (file == NULL ||
        fprintf(file, "%d %d %lld %d\n%.*s%.*s%.*s", from.len, to.len, (long long)cseq, message.len, from.len, from.s,
                to.len, to.s, message.len, message.s) < 0 ||
        fclose(file) != 0) {
        perror(path);
        abort();
    }
}

/* Both BYEs of a dialog with these fields, where built. A number that was drawn is known from the BYE alone. */
static inline void judge_pair(const ims_release_fields *fields, const ims_release_bye *called,
                              const ims_release_bye *calling)
{
    int64_t to_calling = fields->cseq_to_calling == IMS_RELEASE_CSEQ_NONE ? (int64_t)calling->cseq
                                                                           : fields->cseq_to_calling + 1;
    if (called->status == IMS_RELEASE_OK)
        judge(called->message, fields->from, fields->to, fields->cseq_to_called + 1);
    if (calling->status == IMS_RELEASE_OK)
        judge(calling->message, fields->to, fields->from, to_calling);
}

/* Both BYEs with room to spare. */
struct pair {
    char called_buffer[16384], calling_buffer[16384];
    ims_release_bye called, calling;
};

static inline ims_release_status build(const ims_release_fields *fields, const ims_release_options *options,
                                       struct pair *pair)
{
    memset(pair, 0, sizeof *pair);
    pair->called.struct_size = pair->calling.struct_size = sizeof(ims_release_bye);
    ims_release_status status =
        ims_release_build(fields, options, pair->called_buffer, sizeof pair->called_buffer, pair->calling_buffer,
                          sizeof pair->calling_buffer, &pair->called, &pair->calling);
    if (status == IMS_RELEASE_OK)
        judge_pair(fields, &pair->called, &pair->calling);
    return status;
}

#define assert_text(str, expected)                                                                                     \
    do {                                                                                                               \
        ims_release_str actual_ = (str);                                                                               \
        char *copy_ = malloc((size_t)actual_.len + 1);                                                                 \
        assert_non_null(copy_);                                                                                        \
        if (actual_.len > 0)                                                                                           \
            memcpy(copy_, actual_.s, (size_t)actual_.len);                                                             \
        copy_[actual_.len] = '\0';                                                                                     \
        assert_string_equal(copy_, expected);                                                                          \
        free(copy_);                                                                                                   \
    } while (0)

/* Base A of the cases: the proxy serves the calling user. */
static const ims_release_str base_a_record_route[] = {
    TEXT("<sip:pcscf2.visited2.net;lr>, <sip:mt@scscf2.home2.net;lr>, <sip:mo@scscf1.home1.net;lr;did=7a1.3>, "
         "<sip:pcscf1.visited1.net:7531;lr>"),
};
static const ims_release_own base_a_own[] = { { .uri = TEXT("<sip:mo@scscf1.home1.net;lr;did=7a1.3>") } };

static inline ims_release_fields base_a(void)
{
    ims_release_fields fields = {
        .struct_size = sizeof fields,
        .serves = IMS_RELEASE_SERVES_CALLING,
        .call_id = TEXT("cb03a0s09a2sdfglkj490333"),
        .from = TEXT("\"Alice\" <sip:user1_public1@home1.net>;tag=171828"),
        .to = TEXT("<tel:+1-212-555-2222>;tag=314159"),
        .calling_contact = TEXT("<sip:[5555::aaa:bbb:ccc:ddd]:1357;comp=sigcomp>"),
        .called_contact = TEXT("<sip:[5555::eee:fff:aaa:bbb]:8805;comp=sigcomp>"),
        .cseq_to_called = 129,
        .cseq_to_calling = IMS_RELEASE_CSEQ_NONE,
        .record_route = base_a_record_route,
        .record_route_count = 1,
        .own = base_a_own,
        .own_count = 1,
    };
    return fields;
}

/* Base B: the same call at the proxy of the called user. */
static const ims_release_str base_b_record_route[] = {
    TEXT("<sip:pcscf2.visited2.net;lr>, <sip:mt@scscf2.home2.net;lr;did=9b2.4>"),
    TEXT("<sip:mo@scscf1.home1.net;lr;did=7a1.3>, <sip:pcscf1.visited1.net:7531;lr>"),
};
static const ims_release_own base_b_own[] = { { .host = TEXT("SCSCF2.Home2.NET"), .cookie = TEXT("did=9b2.4") } };

static inline ims_release_fields base_b(void)
{
    ims_release_fields fields = base_a();
    fields.serves = IMS_RELEASE_SERVES_CALLED;
    fields.record_route = base_b_record_route;
    fields.record_route_count = 2;
    fields.own = base_b_own;
    return fields;
}

/* The same call as messages, as the proxy of the calling user sees them. */
#define SIDE_A "\"Alice\" <sip:user1_public1@home1.net>;tag=171828"
#define SIDE_B "<tel:+1-212-555-2222>"
#define MESSAGE_INVITE(call_id)                                                                                        \
    "INVITE tel:+1-212-555-2222 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.11;branch=z9hG4bKi\r\n"                            \
    "Record-Route: <sip:mo@scscf1.home1.net;lr;did=7a1.3>, <sip:pcscf1.visited1.net:7531;lr>\r\n"                      \
    "From: " SIDE_A "\r\nTo: " SIDE_B "\r\nCall-ID: " call_id "\r\nCSeq: 127 INVITE\r\n"                              \
    "Contact: <sip:[5555::aaa:bbb:ccc:ddd]:1357;comp=sigcomp>\r\nContent-Length: 0\r\n\r\n"
#define MESSAGE_200(call_id)                                                                                           \
    "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.11;branch=z9hG4bKi\r\n"                                              \
    "Record-Route: <sip:pcscf2.visited2.net;lr>, <sip:mt@scscf2.home2.net;lr>, "                                       \
    "<sip:mo@scscf1.home1.net;lr;did=7a1.3>, <sip:pcscf1.visited1.net:7531;lr>\r\n"                                    \
    "From: " SIDE_A "\r\nTo: " SIDE_B ";tag=314159\r\nCall-ID: " call_id "\r\nCSeq: 127 INVITE\r\n"                  \
    "Contact: <sip:[5555::eee:fff:aaa:bbb]:8805;comp=sigcomp>\r\nContent-Length: 0\r\n\r\n"
#define MESSAGE_WITHIN(method, number, call_id)                                                                        \
    MESSAGE_TO(CALLED_TARGET, method, number, call_id)
#define CALLED_TARGET "sip:[5555::eee:fff:aaa:bbb]:8805"
/* The same, sent there. */
#define MESSAGE_TO(target, method, number, call_id)                                                                    \
    method " " target " SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.11;branch=z9hG4bK" number "\r\n" CALLED_ROUTE               \
    "From: " SIDE_A "\r\nTo: " SIDE_B ";tag=314159\r\nCall-ID: " call_id "\r\nCSeq: " number " " method               \
    "\r\nContent-Length: 0\r\n\r\n"

#define CALLED_ROUTE                                                                                                   \
    "Route: <sip:mo@scscf1.home1.net;lr;did=7a1.3>, <sip:mt@scscf2.home2.net;lr>, <sip:pcscf2.visited2.net;lr>\r\n"

/* When the tests take place: the library is told the time. */
#define NOW UINT64_C(1800000000000)

/* Reason R of the cases. */
static inline ims_release_options reason_r(void)
{
    ims_release_options options = { .struct_size = sizeof options, .cause = 503, .text = TEXT("Service Unavailable") };
    return options;
}

#endif
