// SPDX-License-Identifier: MIT OR Apache-2.0
// Whether two builders made the same message. Only the digits of the branch may differ; where a library has its own
// way of printing, also the order of headers, blanks, and how a list is spread over lines.

#include "builder.h"

#include <stdio.h>
#include <stdlib.h>

#define LINES 64

static void hide_branch(struct bye *bye)
{
    char const cookie[] = ";branch=" BRANCH_COOKIE;
    for (size_t at = 0; at + sizeof cookie - 1 + BRANCH_DIGITS <= bye->length; at++)
        if (memcmp(bye->bytes + at, cookie, sizeof cookie - 1) == 0)
            memset(bye->bytes + at + sizeof cookie - 1, '0', BRANCH_DIGITS);
}

static int by_text(void const *left, void const *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

// "Name:value" lines without blanks, in the order of their text; every Route entry on a line of its own, numbered.
static void values_of(struct bye const *bye, struct bye *values)
{
    static char line[LINES][sizeof bye->bytes];
    char *sorted[LINES];
    size_t lines = 0;
    int routes = 0;
    char const *from = bye->bytes, *end = bye->bytes + bye->length;
    while (from < end && lines < LINES) {
        int route = strncmp(from, "Route:", 6) == 0;
        if (route)
            from += 6;
        char *out = line[lines];
        if (route)
            out += sprintf(out, "Route %d:", ++routes);
        for (; from < end && *from != '\r'; from++) {
            if (route && *from == ',' && lines + 1 < LINES) { // none of the input's entries has one inside
                *out = '\0';
                sorted[lines] = line[lines];
                lines++;
                out = line[lines] + sprintf(line[lines], "Route %d:", ++routes);
            } else if (*from != ' ') {
                *out++ = *from;
            }
        }
        *out = '\0';
        sorted[lines] = line[lines];
        lines++;
        from += 2;
    }
    qsort(sorted, lines, sizeof sorted[0], by_text);
    values->length = 0;
    for (size_t at = 0; at < lines; at++) {
        int room = (int)(sizeof values->bytes - values->length);
        int written = snprintf(values->bytes + values->length, (size_t)room, "%s\n", sorted[at]);
        values->length += (size_t)(written < room ? written : room - 1);
    }
}

static int differs_in(char const *name, char const *which, int exact, struct bye expected, struct bye built)
{
    hide_branch(&expected);
    hide_branch(&built);
    if (!exact) {
        struct bye values;
        values_of(&expected, &values);
        expected = values;
        values_of(&built, &values);
        built = values;
    }
    if (built.length == expected.length && memcmp(built.bytes, expected.bytes, built.length) == 0)
        return 0;
    fprintf(stderr, "bench: %s: the BYE to the %s user differs; expected (%zu octets)\n%.*s\nbuilt (%zu octets)\n%.*s\n",
            name, which, expected.length, (int)expected.length, expected.bytes, built.length, (int)built.length,
            built.bytes);
    return 1;
}

int differs(struct builder const *builder, struct pair const *expected, struct pair const *built)
{
    return differs_in(builder->name, "called", builder->exact, expected->called, built->called)
         | differs_in(builder->name, "calling", builder->exact, expected->calling, built->calling);
}
