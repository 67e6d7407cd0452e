// SPDX-License-Identifier: MIT OR Apache-2.0
// Runs the readers; scripts/bench-capture counts and prints.
//   capture check            both parsers find the same values, and ims_release takes each message for what it is: 0
//   capture run NAME COUNT   COUNT calls, for callgrind
//   capture time ROUNDS      "NAME NANOSECONDS" of a message: the median over rounds in which the readers take turns

#include "reader.h"
#include "../common/rounds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static int run_nth(size_t which, long calls)
{
    return run(readers[which], calls);
}

static int measure_time(long rounds)
{
    static long const calls[READERS] = { 100, 150, 15, 10 };
    struct contender contenders[READERS];
    for (size_t at = 0; at < READERS; at++)
        contenders[at] = (struct contender){ readers[at]->name, calls[at], MESSAGES };
    return measure_rounds(contenders, READERS, rounds, run_nth);
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
