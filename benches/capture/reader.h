// SPDX-License-Identifier: MIT OR Apache-2.0
// What the readers share: each takes in the same messages again and again.

#ifndef CAPTURE_READER_H
#define CAPTURE_READER_H

#include <stddef.h>

enum { MESSAGES = 11 };

struct message {
    char const *file; // under tests/data/volte, without .sip
    char bytes[4096];
    size_t length;
};

extern struct message messages[MESSAGES];

// What a proxy needs of a message to release its call later. Where a library keeps text, text; "" where there is none.
struct values {
    char const *call_id, *from_tag, *to_tag;
    char const *contact_host, *contact_user, *record_route_host;
    void const *from, *to; // the parsed values
    unsigned long cseq;
};

struct reader {
    char const *name;
    int (*start)(void);                           // before the first message; 0 when it worked
    int (*take)(size_t at);                       // message `at` of the call, read and its values looked up
    int (*check)(size_t at, struct values *values); // the same, with the values; NULL where take() keeps them
};

extern struct reader const reader_capture, reader_look, reader_sofia, reader_osip;

#endif
