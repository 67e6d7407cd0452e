// SPDX-License-Identifier: MIT OR Apache-2.0
// libosip2 as exosip uses it: headers parsed once and kept with the dialog, cloned into each message.
// Nothing that stays the same is parsed again: only Via's branch and CSeq are new.

#include "builder.h"
#include "input.h"

#include <stdio.h>
#include <sys/time.h>
#include <time.h>

#include <osipparser2/osip_parser.h>

#define ROUTES 3

struct side {
    osip_uri_t *target;
    osip_from_t *from;
    osip_to_t *to;
    osip_route_t *routes[ROUTES];
    unsigned cseq;
};

static struct side called_side, calling_side;
static osip_call_id_t *call_id;
static osip_via_t *via;
static osip_content_length_t *content_length;
static osip_header_t *max_forwards, *reason, *charging;

static int start_side(struct side *side, char const *from, char const *to, char const *target, unsigned cseq,
                      char const *route_1, char const *route_2, char const *route_3)
{
    char const *const routes[ROUTES] = { route_1, route_2, route_3 };
    int failed = osip_uri_init(&side->target) || osip_uri_parse(side->target, target) || osip_from_init(&side->from)
        || osip_from_parse(side->from, from) || osip_to_init(&side->to) || osip_to_parse(side->to, to);
    for (int at = 0; at < ROUTES; at++)
        failed = failed || osip_route_init(&side->routes[at]) || osip_route_parse(side->routes[at], routes[at]);
    side->cseq = cseq;
    return failed;
}

static int start_header(osip_header_t **header, char const *name, char const *value)
{
    if (osip_header_init(header))
        return -1;
    osip_header_set_name(*header, osip_strdup(name));
    osip_header_set_value(*header, osip_strdup(value));
    return 0;
}

static int start(void)
{
    parser_init();
    return osip_call_id_init(&call_id) || osip_call_id_parse(call_id, INPUT_CALL_ID) || osip_via_init(&via)
        || osip_via_parse(via, "SIP/2.0/UDP " INPUT_VIA_HOST ":" INPUT_VIA_PORT) || osip_content_length_init(&content_length)
        || osip_content_length_parse(content_length, "0") || start_header(&max_forwards, "Max-Forwards", "70")
        || start_header(&reason, "Reason", INPUT_REASON) || start_header(&charging, INPUT_CHARGING_NAME, INPUT_CHARGING_VALUE)
        || start_side(&called_side, INPUT_CALLER, INPUT_CALLEE, INPUT_CALLEE_CONTACT, INPUT_CSEQ_TO_CALLEE, INPUT_CALLEE_ROUTE_1, INPUT_CALLEE_ROUTE_2,
                      INPUT_CALLEE_ROUTE_3)
        || start_side(&calling_side, INPUT_CALLEE, INPUT_CALLER, INPUT_CALLER_CONTACT, INPUT_CSEQ_TO_CALLER, INPUT_CALLER_ROUTE_1, INPUT_CALLER_ROUTE_2,
                      INPUT_CALLER_ROUTE_3);
}

static int add_via(osip_message_t *sip)
{
    char branch[sizeof BRANCH_COOKIE + BRANCH_DIGITS];
    osip_via_t *copy = NULL;
    new_branch(branch);
    if (osip_via_clone(via, &copy) || osip_via_set_branch(copy, osip_strdup(branch)))
        return -1;
    return osip_list_add(&sip->vias, copy, -1) < 1;
}

static int add_cseq(osip_message_t *sip, unsigned number)
{
    char digits[16];
    snprintf(digits, sizeof digits, "%u", number);
    if (osip_cseq_init(&sip->cseq))
        return -1;
    osip_cseq_set_number(sip->cseq, osip_strdup(digits));
    osip_cseq_set_method(sip->cseq, osip_strdup("BYE"));
    return 0;
}

static int add_header(osip_message_t *sip, osip_header_t const *header)
{
    osip_header_t *copy = NULL;
    return osip_header_clone(header, &copy) || osip_list_add(&sip->headers, copy, -1) < 1;
}

static int fill(osip_message_t *sip, struct side const *side)
{
    osip_message_set_method(sip, osip_strdup("BYE"));
    osip_message_set_version(sip, osip_strdup("SIP/2.0"));
    if (osip_uri_clone(side->target, &sip->req_uri) || add_via(sip))
        return -1;
    for (int at = 0; at < ROUTES; at++) {
        osip_route_t *copy = NULL;
        if (osip_route_clone(side->routes[at], &copy) || osip_list_add(&sip->routes, copy, -1) < 1)
            return -1;
    }
    return osip_from_clone(side->from, &sip->from) || osip_to_clone(side->to, &sip->to)
        || osip_call_id_clone(call_id, &sip->call_id) || add_cseq(sip, side->cseq + 1)
        || osip_content_length_clone(content_length, &sip->content_length) || add_header(sip, max_forwards)
        || add_header(sip, reason) || add_header(sip, charging);
}

static int print(osip_message_t *sip, struct bye *bye)
{
    char *text = NULL;
    if (osip_message_to_str(sip, &text, &bye->length))
        return -1;
    int fits = bye->length <= sizeof bye->bytes;
    if (fits)
        memcpy(bye->bytes, text, bye->length);
    osip_free(text);
    return !fits;
}

static int build_side(struct side const *side, struct bye *bye)
{
    osip_message_t *sip = NULL;
    if (osip_message_init(&sip))
        return -1;
    int failed = fill(sip, side) || print(sip, bye);
    osip_message_free(sip);
    return failed;
}

static int build(struct pair *pair)
{
    return build_side(&called_side, &pair->called) || build_side(&calling_side, &pair->calling);
}

struct builder const builder_osip = { "osip", start, build, 0 };
