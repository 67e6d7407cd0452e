// SPDX-License-Identifier: MIT OR Apache-2.0
// Times that can be compared: the contenders take turns, so that what slows the machine slows all of them.

#ifndef IMS_RELEASE_BENCH_ROUNDS_H
#define IMS_RELEASE_BENCH_ROUNDS_H

#include <stddef.h>

struct contender {
    char const *name;
    // How often it runs in one turn: enough for about a millisecond, so that the clock itself does not count.
    long runs;
    // By how much the time of one run is divided.
    long parts;
};

// Calls `run` for each contender in turn, so many rounds long, and prints "NAME NANOSECONDS" for each: the median of its
// turns, for one part of one run. Not 0 as soon as `run` returns that.
int measure_rounds(struct contender const *contenders, size_t count, long rounds, int (*run)(size_t which, long runs));

#endif
