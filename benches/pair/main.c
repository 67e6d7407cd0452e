// SPDX-License-Identifier: MIT OR Apache-2.0
// Runs the builders; scripts/bench counts and prints.
//   pair check            all builders make the same messages: 0, else 1
//   pair run NAME COUNT   builds COUNT pairs, for callgrind
//   pair time ROUNDS      "NAME NANOSECONDS" of a pair: the median over rounds in which the builders take turns
//   counted allocations   "NAME COUNT" of allocations for a pair

#include "builder.h"
#include "../common/rounds.h"

#include <stdio.h>
#include <stdlib.h>

static struct builder const *const builders[] = {
    &builder_floor, &builder_from_dialog, &builder_from_fields, &builder_sofia, &builder_osip,
};
#define BUILDERS (sizeof builders / sizeof builders[0])

static struct pair pair;

// Weak: only the program `counted` has the counter.
extern unsigned long allocations __attribute__((weak));

static int fails(struct builder const *builder)
{
    fprintf(stderr, "bench: %s failed\n", builder->name);
    return 1;
}

static int run(struct builder const *builder, long count)
{
    for (long at = 0; at < count; at++) {
        if (builder->build(&pair) != 0)
            return fails(builder);
        __asm__ volatile("" : : "r"(&pair) : "memory"); // the bytes are used
    }
    return 0;
}

static int check(void)
{
    struct pair expected;
    if (run(&builder_floor, 1))
        return 1;
    expected = pair;
    for (size_t at = 0; at < BUILDERS; at++) {
        memset(&pair, 0, sizeof pair);
        if (run(builders[at], 3) || differs(builders[at], &expected, &pair))
            return 1;
    }
    printf("octets %zu\n", expected.called.length + expected.calling.length);
    return 0;
}

static int run_nth(size_t which, long count)
{
    return run(builders[which], count);
}

static int measure_time(long rounds)
{
    static long const counts[BUILDERS] = { 20000, 5000, 1000, 300, 200 };
    struct contender contenders[BUILDERS];
    for (size_t at = 0; at < BUILDERS; at++)
        contenders[at] = (struct contender){ builders[at]->name, counts[at], 1 };
    return measure_rounds(contenders, BUILDERS, rounds, run_nth);
}

static int count_allocations(void)
{
    if (&allocations == NULL)
        return fprintf(stderr, "bench: this program does not count\n"), 1;
    enum { PAIRS = 1000 };
    for (size_t at = 0; at < BUILDERS; at++) {
        // What is made once, with the first pair, counts too: there is a place for it in start().
        unsigned long before = allocations;
        if (run(builders[at], PAIRS))
            return 1;
        printf("%s %g\n", builders[at]->name, (double)(allocations - before) / PAIRS);
    }
    return 0;
}

static int start(struct builder const *only)
{
    for (size_t at = 0; at < BUILDERS; at++)
        if ((only == NULL || only == builders[at]) && builders[at]->start() != 0)
            return fails(builders[at]);
    return 0;
}

int main(int count, char **words)
{
    char const *what = count > 1 ? words[1] : "";
    if (strcmp(what, "run") == 0 && count == 4)
        for (size_t at = 0; at < BUILDERS; at++)
            if (strcmp(words[2], builders[at]->name) == 0)
                return start(builders[at]) || run(builders[at], atol(words[3]));
    if (strcmp(what, "check") == 0)
        return start(NULL) || check();
    if (strcmp(what, "time") == 0 && count == 3 && atol(words[2]) > 0)
        return start(NULL) || measure_time(atol(words[2]));
    if (strcmp(what, "allocations") == 0)
        return start(NULL) || count_allocations();
    fprintf(stderr, "usage: pair check | run NAME COUNT | time ROUNDS | allocations\n");
    return 2;
}
