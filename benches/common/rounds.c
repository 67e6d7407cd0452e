// SPDX-License-Identifier: MIT OR Apache-2.0

#include "rounds.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

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

int measure_rounds(struct contender const *contenders, size_t count, long rounds, int (*run)(size_t, long))
{
    double *times = calloc((size_t)rounds * count, sizeof *times);
    if (times == NULL)
        return 1;
    for (long round = 0; round < rounds; round++)
        for (size_t at = 0; at < count; at++) {
            double start = now();
            if (run(at, contenders[at].runs)) {
                free(times);
                return 1;
            }
            double parts = (double)contenders[at].runs * (double)contenders[at].parts;
            times[at * (size_t)rounds + (size_t)round] = (now() - start) / parts;
        }
    for (size_t at = 0; at < count; at++) {
        double *mine = times + at * (size_t)rounds;
        qsort(mine, (size_t)rounds, sizeof *mine, by_value);
        printf("%s %.0f\n", contenders[at].name, mine[rounds / 2]);
    }
    free(times);
    return 0;
}
