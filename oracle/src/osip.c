// SPDX-License-Identifier: MIT OR Apache-2.0
// Reads a message with libosip2. Texts that it makes are freed at once, the rest goes with the message.
// parser_init() fills tables that all messages share: oracle_osip_start() once, before the first thread reads.

#include "oracle.h"

#include <stdarg.h>
#include <sys/time.h>
#include <time.h>

#include <osipparser2/osip_parser.h>
#include <osipparser2/osip_port.h>

struct reader {
    oracle_tell tell;
    void *env;
};

static void tell_text(struct reader const *reader, int field, char const *value)
{
    if (value != NULL)
        reader->tell(reader->env, field, value);
}

// Takes the text out of `made`, which a function of the library has filled in before.
static void tell_made(struct reader const *reader, int field, int worked, char **made)
{
    if (worked)
        tell_text(reader, field, *made);
    osip_free(*made);
}

static void tell_uri(struct reader const *reader, int field, osip_uri_t const *uri)
{
    char *text = NULL;
    if (uri != NULL)
        tell_made(reader, field, osip_uri_to_str(uri, &text) == 0, &text);
}

static void tell_address(struct reader const *reader, int field, int tag_field, osip_from_t *address)
{
    char *text = NULL;
    osip_generic_param_t *tag = NULL;
    if (address == NULL)
        return;
    tell_made(reader, field, osip_from_to_str(address, &text) == 0, &text);
    if (osip_from_get_tag(address, &tag) == 0 && tag != NULL)
        tell_text(reader, tag_field, tag->gvalue);
}

static void tell_named(struct reader const *reader, int field, osip_message_t const *sip, char const *name)
{
    osip_header_t *header = NULL;
    for (int at = osip_message_header_get_byname(sip, name, 0, &header); at >= 0 && header != NULL;
         at = osip_message_header_get_byname(sip, name, at + 1, &header)) {
        tell_text(reader, field, header->hvalue);
        header = NULL;
    }
}

static void tell_all(struct reader const *reader, osip_message_t *sip)
{
    tell_text(reader, ORACLE_METHOD, sip->sip_method);
    tell_uri(reader, ORACLE_REQUEST_URI, sip->req_uri);
    tell_address(reader, ORACLE_FROM, ORACLE_FROM_TAG, sip->from);
    tell_address(reader, ORACLE_TO, ORACLE_TO_TAG, sip->to);
    if (sip->call_id != NULL) {
        char *text = NULL;
        tell_made(reader, ORACLE_CALL_ID, osip_call_id_to_str(sip->call_id, &text) == 0, &text);
    }
    if (sip->cseq != NULL) {
        tell_text(reader, ORACLE_CSEQ, sip->cseq->number);
        tell_text(reader, ORACLE_CSEQ_METHOD, sip->cseq->method);
    }
    for (int at = 0; at < osip_list_size(&sip->routes); at++)
        tell_uri(reader, ORACLE_ROUTE, ((osip_route_t *)osip_list_get(&sip->routes, at))->url);
    tell_named(reader, ORACLE_REASON, sip, "reason");
    tell_named(reader, ORACLE_MAX_FORWARDS, sip, "max-forwards");
    if (sip->content_length != NULL)
        tell_text(reader, ORACLE_CONTENT_LENGTH, sip->content_length->value);
    // libosip2 asks for none of these in a request.
    if (sip->from == NULL || sip->to == NULL || sip->call_id == NULL || sip->cseq == NULL)
        tell_text(reader, ORACLE_REFUSED, "From, To, Call-ID or CSeq is missing");
}

// What is wrong with a message is told by the reading, not on the terminal.
static void say_nothing(char const *file, int line, osip_trace_level_t level, char const *format, va_list arguments)
{
    (void)file, (void)line, (void)level, (void)format, (void)arguments;
}

void oracle_osip_start(void)
{
    osip_trace_initialize_func(OSIP_FATAL, say_nothing);
    parser_init();
}

void oracle_osip(char const *message, size_t length, oracle_tell tell, void *env)
{
    struct reader const reader = { tell, env };
    osip_message_t *sip = NULL;
    if (osip_message_init(&sip) != 0) {
        tell(env, ORACLE_REFUSED, "no memory");
        return;
    }
    if (osip_message_parse(sip, message, length) == 0)
        tell_all(&reader, sip);
    else
        tell(env, ORACLE_REFUSED, "osip_message_parse() fails");
    osip_message_free(sip);
}
