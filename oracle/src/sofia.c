// SPDX-License-Identifier: MIT OR Apache-2.0
// Reads a message with sofia-sip. All memory belongs to the message and goes with it, so threads do not meet.

#include "oracle.h"

#include <stdio.h>

#include <sofia-sip/msg_addr.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_parser.h>
#include <sofia-sip/sip_util.h>
#include <sofia-sip/url.h>

struct reader {
    su_home_t *home;
    oracle_tell tell;
    void *env;
};

static void tell_text(struct reader const *reader, int field, char const *value)
{
    if (value != NULL)
        reader->tell(reader->env, field, value);
}

static void tell_number(struct reader const *reader, int field, unsigned long number)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%lu", number);
    reader->tell(reader->env, field, digits);
}

static void tell_url(struct reader const *reader, int field, url_t const *url)
{
    tell_text(reader, field, url_as_string(reader->home, url));
}

static void tell_address(struct reader const *reader, int field, int tag_field, sip_addr_t const *address)
{
    if (address == NULL)
        return;
    tell_text(reader, field, sip_header_as_string(reader->home, (sip_header_t const *)address));
    tell_text(reader, tag_field, address->a_tag);
}

static void tell_all(struct reader const *reader, sip_t const *sip)
{
    if (sip->sip_request != NULL) {
        tell_text(reader, ORACLE_METHOD, sip->sip_request->rq_method_name);
        tell_url(reader, ORACLE_REQUEST_URI, sip->sip_request->rq_url);
    }
    tell_address(reader, ORACLE_FROM, ORACLE_FROM_TAG, sip->sip_from);
    tell_address(reader, ORACLE_TO, ORACLE_TO_TAG, sip->sip_to);
    if (sip->sip_call_id != NULL)
        tell_text(reader, ORACLE_CALL_ID, sip->sip_call_id->i_id);
    if (sip->sip_cseq != NULL) {
        tell_number(reader, ORACLE_CSEQ, sip->sip_cseq->cs_seq);
        tell_text(reader, ORACLE_CSEQ_METHOD, sip->sip_cseq->cs_method_name);
    }
    for (sip_route_t const *route = sip->sip_route; route != NULL; route = route->r_next)
        tell_url(reader, ORACLE_ROUTE, route->r_url);
    for (sip_reason_t const *reason = sip->sip_reason; reason != NULL; reason = reason->re_next)
        tell_text(reader, ORACLE_REASON, sip_header_as_string(reader->home, (sip_header_t const *)reason));
    if (sip->sip_max_forwards != NULL)
        tell_number(reader, ORACLE_MAX_FORWARDS, sip->sip_max_forwards->mf_count);
    if (sip->sip_content_length != NULL)
        tell_number(reader, ORACLE_CONTENT_LENGTH, sip->sip_content_length->l_length);

    if (sip->sip_request == NULL)
        tell_text(reader, ORACLE_REFUSED, "not a request");
    else if (sip->sip_error != NULL)
        tell_text(reader, ORACLE_REFUSED, "a header has an error");
    else if (sip->sip_flags & MSG_FLG_ERROR)
        tell_text(reader, ORACLE_REFUSED, "the message has an error");
    else if (sip_sanity_check(sip) != 0)
        tell_text(reader, ORACLE_REFUSED, "sip_sanity_check() fails");
}

void oracle_sofia(char const *message, size_t length, oracle_tell tell, void *env)
{
    msg_t *parsed = msg_make(sip_default_mclass(), 0, message, (ssize_t)length);
    if (parsed == NULL) {
        tell(env, ORACLE_REFUSED, "msg_make() fails");
        return;
    }
    struct reader const reader = { msg_home(parsed), tell, env };
    sip_t const *sip = sip_object(parsed);
    if (sip != NULL)
        tell_all(&reader, sip);
    else
        tell(env, ORACLE_REFUSED, "not a SIP message");
    msg_destroy(parsed);
}
