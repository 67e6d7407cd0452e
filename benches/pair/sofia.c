// SPDX-License-Identifier: MIT OR Apache-2.0
// sofia-sip as its own stack uses it: headers parsed once and kept with the dialog, duplicated into each message.
// Nothing that stays the same is made again: only the request line, Via, CSeq and Content-Length are.

#include "builder.h"
#include "input.h"

#include <sofia-sip/msg_addr.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_parser.h>

struct side {
    sip_from_t *from;
    sip_to_t *to;
    sip_route_t *routes;
    url_t *target;
    uint32_t cseq;
};

static su_home_t *home;
static struct side called_side, calling_side;
static sip_call_id_t *call_id;
static sip_max_forwards_t *max_forwards;
static sip_reason_t *reason;
static sip_unknown_t *charging;

static int start_side(struct side *side, char const *from, char const *to, char const *routes, char const *target,
                      uint32_t cseq)
{
    side->from = sip_from_make(home, from);
    side->to = sip_to_make(home, to);
    side->routes = sip_route_make(home, routes);
    side->target = url_make(home, target);
    side->cseq = cseq;
    return side->from == NULL || side->to == NULL || side->routes == NULL || side->target == NULL;
}

static int start(void)
{
    home = su_home_new(sizeof *home);
    if (home == NULL)
        return -1;
    call_id = sip_call_id_make(home, INPUT_CALL_ID);
    max_forwards = sip_max_forwards_make(home, "70");
    reason = sip_reason_make(home, INPUT_REASON);
    charging = sip_unknown_make(home, INPUT_CHARGING_NAME ": " INPUT_CHARGING_VALUE);
    return call_id == NULL || max_forwards == NULL || reason == NULL || charging == NULL
        || start_side(&called_side, INPUT_CALLER, INPUT_CALLEE, INPUT_CALLEE_ROUTE_1 ", " INPUT_CALLEE_ROUTE_2 ", " INPUT_CALLEE_ROUTE_3,
                      INPUT_CALLEE_CONTACT, INPUT_CSEQ_TO_CALLEE)
        || start_side(&calling_side, INPUT_CALLEE, INPUT_CALLER, INPUT_CALLER_ROUTE_1 ", " INPUT_CALLER_ROUTE_2 ", " INPUT_CALLER_ROUTE_3,
                      INPUT_CALLER_CONTACT, INPUT_CSEQ_TO_CALLER);
}

static int add_made(msg_t *msg, sip_t *sip, void *header)
{
    return header == NULL || sip_header_insert(msg, sip, header) < 0;
}

static int add_kept(msg_t *msg, sip_t *sip, void const *header)
{
    return sip_add_dup(msg, sip, header) < 0;
}

static int fill(msg_t *msg, sip_t *sip, struct side const *side)
{
    char branch[sizeof "branch=" + sizeof BRANCH_COOKIE + BRANCH_DIGITS] = "branch=";
    new_branch(branch + sizeof "branch=" - 1);
    su_home_t *mine = msg_home(msg);
    return add_made(msg, sip, sip_request_create(mine, SIP_METHOD_BYE, (url_string_t const *)side->target, NULL))
        || add_made(msg, sip, sip_via_create(mine, INPUT_VIA_HOST, INPUT_VIA_PORT, sip_transport_udp, branch, NULL))
        || add_kept(msg, sip, side->routes)
        || add_kept(msg, sip, max_forwards)
        || add_kept(msg, sip, side->from)
        || add_kept(msg, sip, side->to)
        || add_kept(msg, sip, call_id)
        || add_made(msg, sip, sip_cseq_create(mine, side->cseq + 1, SIP_METHOD_BYE))
        || add_kept(msg, sip, reason)
        || add_kept(msg, sip, charging)
        || sip_complete_message(msg) < 0 // Content-Length and the empty line
        || msg_serialize(msg, (msg_pub_t *)sip) < 0
        || msg_prepare(msg) < 0;
}

static int gather(msg_t *msg, struct bye *bye)
{
    msg_iovec_t pieces[32];
    isize_t count = msg_iovec(msg, pieces, 32);
    bye->length = 0;
    if (count < 1 || count > 32)
        return -1;
    for (isize_t at = 0; at < count; at++) {
        if (pieces[at].mv_len > sizeof bye->bytes - bye->length)
            return -1;
        memcpy(bye->bytes + bye->length, pieces[at].mv_base, pieces[at].mv_len);
        bye->length += pieces[at].mv_len;
    }
    return 0;
}

static int build_side(struct side const *side, struct bye *bye)
{
    msg_t *msg = msg_create(sip_default_mclass(), 0);
    if (msg == NULL)
        return -1;
    int failed = fill(msg, sip_object(msg), side) || gather(msg, bye);
    msg_destroy(msg);
    return failed;
}

static int build(struct pair *pair)
{
    return build_side(&called_side, &pair->called) || build_side(&calling_side, &pair->calling);
}

struct builder const builder_sofia = { "sofia", start, build, 0 };
