// SPDX-License-Identifier: MIT OR Apache-2.0
// Runs the readers; scripts/bench-capture counts and prints.
//   capture check            both parsers find the same values, and ims_release takes each message for what it is: 0
//   capture run NAME COUNT   COUNT calls, for callgrind
//   capture time ROUNDS      "NAME NANOSECONDS" of a message: the median over rounds in which the readers take turns

#include "reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct message messages[MESSAGES] = {
    { .file = "10_call_invite" },     { .file = "12_call_invite_183" },   { .file = "13_call_183_prack" },
    { .file = "14_call_183_prack_200" }, { .file = "15_call_update" },    { .file = "16_call_update_200" },
    { .file = "17_call_invite_180" }, { .file = "20_call_invite_200" },   { .file = "21_call_ack" },
    { .file = "22_call_bye" },        { .file = "23_call_bye_200" },
};

static struct reader const *const readers[] = { &reader_capture, &reader_look, &reader_sofia, &reader_osip };
#define READERS (sizeof readers / sizeof readers[0])

static int load(void)
{
    for (size_t at = 0; at < MESSAGES; at++) {
        char path[128];
        snprintf(path, sizeof path, "tests/data/volte/%s.sip", messages[at].file);
        FILE *file = fopen(path, "rb");
        if (file == NULL)
            return perror(path), 1;
        messages[at].length = fread(messages[at].bytes, 1, sizeof messages[at].bytes, file);
        fclose(file);
    }
    return 0;
}

static int run(struct reader const *reader, long calls)
{
    for (long call = 0; call < calls; call++)
        for (size_t at = 0; at < MESSAGES; at++)
            if (reader->take(at) != 0)
                return fprintf(stderr, "bench: %s: %s was not taken in\n", reader->name, messages[at].file), 1;
    return 0;
}

static int begins(char const *whole, char const *part)
{
    return strncmp(whole, part, strlen(part)) == 0;
}

// What the parsers found, compared where both keep it as text.
static int differ(struct values const *sofia, struct values const *osip)
{
    // An IPv6 literal may come with its brackets or without, a Call-ID with its host or without.
    return !begins(sofia->call_id, osip->call_id) || strcmp(sofia->from_tag, osip->from_tag) != 0
        || strcmp(sofia->to_tag, osip->to_tag) != 0 || sofia->cseq != osip->cseq
        || strcmp(sofia->contact_user, osip->contact_user) != 0
        || (sofia->contact_host[0] == '\0') != (osip->contact_host[0] == '\0')
        || (sofia->record_route_host[0] == '\0') != (osip->record_route_host[0] == '\0');
}

static int check(void)
{
    size_t octets = 0;
    for (size_t at = 0; at < MESSAGES; at++) {
        struct values sofia = { 0 }, osip = { 0 };
        if (reader_sofia.check(at, &sofia) || reader_osip.check(at, &osip) || differ(&sofia, &osip))
            return fprintf(stderr, "bench: %s: the parsers differ\n", messages[at].file), 1;
        octets += messages[at].length;
    }
    for (size_t at = 0; at < READERS; at++)
        if (run(readers[at], 3))
            return 1;
    printf("messages %d octets %zu\n", MESSAGES, octets);
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
    static long const calls[READERS] = { 100, 150, 15, 10 }; // about a millisecond or more for each turn
    double *times = calloc((size_t)rounds * READERS, sizeof *times);
    if (times == NULL)
        return 1;
    for (long round = 0; round < rounds; round++)
        for (size_t at = 0; at < READERS; at++) {
            double start = now();
            if (run(readers[at], calls[at]))
                return 1;
            times[at * (size_t)rounds + (size_t)round] = (now() - start) / (double)(calls[at] * MESSAGES);
        }
    for (size_t at = 0; at < READERS; at++) {
        double *mine = times + at * (size_t)rounds;
        qsort(mine, (size_t)rounds, sizeof *mine, by_value);
        printf("%s %.0f\n", readers[at]->name, mine[rounds / 2]);
    }
    free(times);
    return 0;
}

static int start(struct reader const *only)
{
    for (size_t at = 0; at < READERS; at++)
        if ((only == NULL || only == readers[at]) && readers[at]->start() != 0)
            return fprintf(stderr, "bench: %s cannot start\n", readers[at]->name), 1;
    return 0;
}

int main(int count, char **words)
{
    char const *what = count > 1 ? words[1] : "";
    if (load())
        return 1;
    if (strcmp(what, "run") == 0 && count == 4)
        for (size_t at = 0; at < READERS; at++)
            if (strcmp(words[2], readers[at]->name) == 0)
                return start(readers[at]) || run(readers[at], atol(words[3]));
    if (strcmp(what, "check") == 0)
        return start(NULL) || check();
    if (strcmp(what, "time") == 0 && count == 3 && atol(words[2]) > 0)
        return start(NULL) || measure_time(atol(words[2]));
    fprintf(stderr, "usage: capture check | run NAME COUNT | time ROUNDS\n");
    return 2;
}
