// SPDX-License-Identifier: MIT OR Apache-2.0
// Runs the builders; scripts/bench counts and prints.
//   pair check            all builders make the same messages: 0, else 1
//   pair run NAME COUNT   builds COUNT pairs, for callgrind
//   pair time ROUNDS      "NAME NANOSECONDS" of a pair: the median over rounds in which the builders take turns
//   counted allocations   "NAME COUNT" of allocations for a pair

#include "builder.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

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

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static int by_value(void const *left, void const *right)
{
    double difference = *(double const *)left - *(double const *)right;
    return (difference > 0) - (difference < 0);
}

static int measure_time(long rounds)
{
    // About a millisecond or more for each turn, so that the clock itself does not count.
    static long const counts[BUILDERS] = { 20000, 5000, 1000, 300, 200 };
    double *times = calloc((size_t)rounds * BUILDERS, sizeof *times);
    if (times == NULL)
        return 1;
    for (long round = 0; round < rounds; round++)
        for (size_t at = 0; at < BUILDERS; at++) {
            double start = now();
            if (run(builders[at], counts[at]))
                return 1;
            times[at * (size_t)rounds + (size_t)round] = (now() - start) / (double)counts[at];
        }
    for (size_t at = 0; at < BUILDERS; at++) {
        double *mine = times + at * (size_t)rounds;
        qsort(mine, (size_t)rounds, sizeof *mine, by_value);
        printf("%s %.0f\n", builders[at]->name, mine[rounds / 2]);
    }
    free(times);
    return 0;
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
