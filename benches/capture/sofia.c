// SPDX-License-Identifier: MIT OR Apache-2.0
// sofia-sip: the message parsed as its stack does, and the values looked up in it.

#include "reader.h"

#include <string.h>

#include <sofia-sip/msg_addr.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_parser.h>

static int start(void)
{
    return 0;
}

static char const *text(char const *value)
{
    return value != NULL ? value : "";
}

static int look(sip_t const *sip, struct values *values)
{
    if (sip == NULL || sip->sip_call_id == NULL || sip->sip_from == NULL
        || sip->sip_to == NULL || sip->sip_cseq == NULL)
        return -1;
    values->call_id = sip->sip_call_id->i_id;
    values->from = sip->sip_from;
    values->to = sip->sip_to;
    values->from_tag = text(sip->sip_from->a_tag);
    values->to_tag = text(sip->sip_to->a_tag);
    values->cseq = sip->sip_cseq->cs_seq;
    sip_contact_t const *contact = sip->sip_contact;
    values->contact_host = contact != NULL ? text(contact->m_url->url_host) : "";
    values->contact_user = contact != NULL ? text(contact->m_url->url_user) : "";
    values->record_route_host = sip->sip_record_route != NULL ? text(sip->sip_record_route->r_url->url_host) : "";
    __asm__ volatile("" : : "r"(values) : "memory"); // the values are used
    return 0;
}

static int take(size_t at)
{
    struct values values;
    msg_t *msg = msg_make(sip_default_mclass(), 0, messages[at].bytes, (ssize_t)messages[at].length);
    if (msg == NULL)
        return -1;
    int failed = look(sip_object(msg), &values);
    msg_destroy(msg);
    return failed;
}

static int check(size_t at, struct values *values)
{
    // Not destroyed: the values point into it, and the program ends soon.
    msg_t *msg = msg_make(sip_default_mclass(), 0, messages[at].bytes, (ssize_t)messages[at].length);
    return msg == NULL || look(sip_object(msg), values);
}

struct reader const reader_sofia = { "sofia", start, take, check };
