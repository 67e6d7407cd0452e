// SPDX-License-Identifier: MIT OR Apache-2.0
// What the builders share: each makes the same two BYEs again and again.

#ifndef PAIR_BUILDER_H
#define PAIR_BUILDER_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bye {
    char bytes[2048];
    size_t length;
};

struct pair {
    struct bye called, calling;
};

struct builder {
    char const *name;
    int (*start)(void);               // prepares what a host has at hand, until the program ends; 0 when it worked
    int (*build)(struct pair *pair);  // 0 when it worked
    int exact;                        // the bytes are compared as they are, else the values of the headers
};

extern struct builder const builder_floor, builder_from_dialog, builder_from_fields, builder_sofia, builder_osip;

// After the branch's magic cookie: as many digits as ims_release makes.
#define BRANCH_COOKIE "z9hG4bK"
#define BRANCH_DIGITS 24

// A new branch for builders that leave it to the host: a prefix of the process and a counter, like that of
// ims_release, and not made with printf(), so that no builder pays for more than it needs.
static inline void new_branch(char branch[sizeof BRANCH_COOKIE + BRANCH_DIGITS])
{
    static uint32_t counter;
    memcpy(branch, BRANCH_COOKIE "0123456789abcdef00000000", sizeof BRANCH_COOKIE + BRANCH_DIGITS);
    char *digit = branch + sizeof BRANCH_COOKIE - 1 + BRANCH_DIGITS;
    for (uint32_t rest = ++counter; rest != 0; rest >>= 4)
        *--digit = "0123456789abcdef"[rest & 15];
}

// Compares with the floor's messages; says on stderr what differs. 0 when nothing does.
int differs(struct builder const *builder, struct pair const *expected, struct pair const *built);

#endif
