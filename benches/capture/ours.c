// SPDX-License-Identifier: MIT OR Apache-2.0
// ims_release as a host calls it: the whole capture, with what is stored of the call and dropped after its BYE; and what
// a message of a call costs that nobody tracks: it is read, and its dialog looked up in vain.

#include "reader.h"

#include <ims_release.h>

#define NOW UINT64_C(1800000000000)

static ims_release_registry *tracking, *empty;

static int open(ims_release_registry **registry)
{
    static ims_release_own const own = { .host = { "[2409:8015:8029:9:ffff::21]:5062", 32 } };
    ims_release_config config = {
        .struct_size = sizeof config, .engine = IMS_RELEASE_ENGINE_MEMORY, .own = &own, .own_count = 1,
    };
    return ims_release_registry_open(&config, registry) != IMS_RELEASE_OK;
}

static int start_tracking(void)
{
    return open(&tracking);
}

static int start_empty(void)
{
    return open(&empty);
}

static ims_release_str text(size_t at)
{
    return (ims_release_str){ messages[at].bytes, (int)messages[at].length };
}

// What each message is to the registry; the first one is tracked.
static uint32_t const expected[MESSAGES] = {
    0,
    IMS_RELEASE_SEEN_EARLY,        // 183
    IMS_RELEASE_SEEN_COUNTED,      // PRACK
    IMS_RELEASE_SEEN_COUNTED,      // 200
    IMS_RELEASE_SEEN_REFRESHED,    // UPDATE
    IMS_RELEASE_SEEN_REFRESHED,    // 200
    IMS_RELEASE_SEEN_EARLY,        // 180
    IMS_RELEASE_SEEN_CONFIRMED,    // 200
    IMS_RELEASE_SEEN_ACKNOWLEDGED, // ACK
    IMS_RELEASE_SEEN_ENDING,       // BYE
    IMS_RELEASE_SEEN_ENDED,        // 200: the dialog is dropped, and the next call is a new one
};

/* As a module tells it of each message. */
static ims_release_str const from = { "udp:192.0.2.7:5060;local=udp:192.0.2.1:5060", 43 };

static int capture(size_t at)
{
    uint32_t seen = 0;
    if (at == 0)
        return ims_release_registry_track(tracking, text(at), IMS_RELEASE_SERVES_CALLED, (ims_release_str){NULL, 0}, from, NOW) != IMS_RELEASE_OK;
    return ims_release_registry_observe(tracking, text(at), from, NOW, &seen) != IMS_RELEASE_OK || seen != expected[at];
}

static int look(size_t at)
{
    uint32_t seen = 0;
    return ims_release_registry_observe(empty, text(at), from, NOW, &seen) != IMS_RELEASE_OK
        || seen != IMS_RELEASE_SEEN_UNKNOWN;
}

struct reader const reader_capture = { "capture", start_tracking, capture, NULL };
struct reader const reader_look = { "look", start_empty, look, NULL };
