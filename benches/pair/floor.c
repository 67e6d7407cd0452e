// SPDX-License-Identifier: MIT OR Apache-2.0
// The floor: both messages copied line by line from prepared slices. No builder that assembles a message does less.

#include "builder.h"
#include "input.h"

#define LINES 11 // of each message; the last one and the empty line are one

#define MESSAGE(target, route, from, to, cseq) \
    "BYE " target " SIP/2.0\r\n" \
    "Via: SIP/2.0/UDP " INPUT_VIA_HOST ":" INPUT_VIA_PORT ";branch=" BRANCH_COOKIE "0123456789abcdef00000001\r\n" \
    "Route: " route "\r\n" \
    "Max-Forwards: 70\r\n" \
    "Reason: " INPUT_REASON "\r\n" \
    INPUT_CHARGING_NAME ": " INPUT_CHARGING_VALUE "\r\n" \
    "From: " from "\r\n" \
    "To: " to "\r\n" \
    "Call-ID: " INPUT_CALL_ID "\r\n" \
    "CSeq: " cseq " BYE\r\n" \
    "Content-Length: 0\r\n\r\n"

static char const called_message[] =
    MESSAGE(INPUT_CALLEE_CONTACT, INPUT_CALLEE_ROUTE_1 ", " INPUT_CALLEE_ROUTE_2 ", " INPUT_CALLEE_ROUTE_3, INPUT_CALLER, INPUT_CALLEE, "104");
static char const calling_message[] =
    MESSAGE(INPUT_CALLER_CONTACT, INPUT_CALLER_ROUTE_1 ", " INPUT_CALLER_ROUTE_2 ", " INPUT_CALLER_ROUTE_3, INPUT_CALLEE, INPUT_CALLER, "2");

struct slice {
    char const *start;
    size_t length;
};

static struct slice called_lines[LINES], calling_lines[LINES];

static int cut(char const *message, struct slice lines[LINES])
{
    for (int line = 0; line < LINES; line++) {
        char const *end = strstr(message, line == LINES - 1 ? "\r\n\r\n" : "\r\n");
        if (end == NULL)
            return -1;
        end += line == LINES - 1 ? 4 : 2;
        lines[line].start = message;
        lines[line].length = (size_t)(end - message);
        message = end;
    }
    return *message != '\0';
}

static int start(void)
{
    return cut(called_message, called_lines) || cut(calling_message, calling_lines);
}

static void copy(struct slice const lines[LINES], struct bye *bye)
{
    char *out = bye->bytes;
    for (int line = 0; line < LINES; line++) {
        memcpy(out, lines[line].start, lines[line].length);
        out += lines[line].length;
    }
    bye->length = (size_t)(out - bye->bytes);
}

static int build(struct pair *pair)
{
    copy(called_lines, &pair->called);
    copy(calling_lines, &pair->calling);
    return 0;
}

struct builder const builder_floor = { "floor", start, build, 1 };
