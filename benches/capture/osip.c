// SPDX-License-Identifier: MIT OR Apache-2.0
// libosip2: the message parsed as exosip does, and the values looked up in it.

#include "reader.h"

#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

#include <osipparser2/osip_parser.h>

static int start(void)
{
    return parser_init();
}

static char const *text(char const *value)
{
    return value != NULL ? value : "";
}

static char const *tag_of(osip_from_t *value)
{
    osip_generic_param_t *tag = NULL;
    return osip_from_get_tag(value, &tag) == 0 && tag != NULL ? text(tag->gvalue) : "";
}

static int look(osip_message_t *sip, struct values *values)
{
    if (sip->call_id == NULL || sip->from == NULL || sip->to == NULL || sip->cseq == NULL)
        return -1;
    // libosip2 divides a Call-ID at its '@'.
    values->call_id = text(sip->call_id->number);
    values->from = sip->from;
    values->to = sip->to;
    values->from_tag = tag_of(sip->from);
    values->to_tag = tag_of(sip->to);
    values->cseq = strtoul(text(sip->cseq->number), NULL, 10);
    osip_contact_t *contact = osip_list_get(&sip->contacts, 0);
    int uri = contact != NULL && contact->url != NULL;
    values->contact_host = uri ? text(contact->url->host) : "";
    values->contact_user = uri ? text(contact->url->username) : "";
    osip_record_route_t *route = osip_list_get(&sip->record_routes, 0);
    values->record_route_host = route != NULL && route->url != NULL ? text(route->url->host) : "";
    __asm__ volatile("" : : "r"(values) : "memory"); // the values are used
    return 0;
}

static osip_message_t *parse(size_t at)
{
    osip_message_t *sip = NULL;
    if (osip_message_init(&sip))
        return NULL;
    if (osip_message_parse(sip, messages[at].bytes, messages[at].length) == 0)
        return sip;
    osip_message_free(sip);
    return NULL;
}

static int take(size_t at)
{
    struct values values;
    osip_message_t *sip = parse(at);
    if (sip == NULL)
        return -1;
    int failed = look(sip, &values);
    osip_message_free(sip);
    return failed;
}

static int check(size_t at, struct values *values)
{
    // Not freed: the values point into it, and the program ends soon.
    osip_message_t *sip = parse(at);
    return sip == NULL || look(sip, values);
}

struct reader const reader_osip = { "osip", start, take, check };
