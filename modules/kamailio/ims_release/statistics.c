/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "statistics.h"

#include <string.h>

#include "../../core/counters.h"
#include "../../core/dprint.h"

/* Whoever asks for one asks for all. */
#define FRESH_MS 100

ims_release_status statistics_read(ims_release_stats *stats)
{
	memset(stats, 0, sizeof(*stats));
	stats->struct_size = sizeof(*stats);
	return ims_release_registry_stats(registry, stats);
}

uint64_t statistics_oldest(const ims_release_stats *stats)
{
	uint64_t now = now_ms() / 1000;

	return stats->oldest_s != 0 && now > stats->oldest_s ? now - stats->oldest_s : 0;
}

static const ims_release_stats *recent(void)
{
	static ims_release_stats stats;
	static uint64_t read_ms = 0;
	uint64_t now = now_ms();

	if(now - read_ms < FRESH_MS)
		return &stats;
	ims_release_stats read;
	ims_release_status status = statistics_read(&read);
	/* The old ones then: a counter that falls to zero would be taken for a restart. */
	if(status != IMS_RELEASE_OK)
		log_refusal("the statistics are not read", status);
	else
		stats = read;
	read_ms = now;
	return &stats;
}

/* The parameter is the place of the figure among the others. */
static counter_val_t figure(counter_handle_t handle, void *offset)
{
	uint64_t value;

	(void)handle;
	memcpy(&value, (const char *)recent() + (size_t)offset, sizeof(value));
	return (counter_val_t)value;
}

static counter_val_t oldest(counter_handle_t handle, void *unused)
{
	(void)handle;
	(void)unused;
	return (counter_val_t)statistics_oldest(recent());
}

/* The store keeps them over a restart, and nothing but a new store resets them. */
#define FIGURE(name, member, description) \
	{NULL, name, CNT_F_NO_RESET, figure, (void *)offsetof(ims_release_stats, member), description}

static counter_def_t counters[] = {
	FIGURE("tracked", tracked, "initial INVITEs tracked"),
	FIGURE("confirmed", confirmed, "dialogs confirmed by a 2xx"),
	FIGURE("ended_by_user", ended_by_user, "dialogs ended by a user's BYE"),
	FIGURE("early_dropped", early_dropped, "INVITEs and early dialogs dropped because no 2xx came"),
	FIGURE("idle_dropped", idle_dropped, "dialogs dropped because nothing was seen of them for long"),
	FIGURE("releases_started", started, "releases started"),
	FIGURE("releases_completed", completed, "releases whose BYEs were both answered 2xx"),
	FIGURE("releases_gone", gone, "releases that ended the session at both users, at one not by a 2xx"),
	FIGURE("releases_partial", partial, "releases that ended the session at one user only"),
	FIGURE("releases_failed", failed, "releases that ended the session at neither user"),
	FIGURE("releases_expired", expired, "releases that came to their deadline"),
	FIGURE("releases_unconfirmed", unconfirmed, "outcomes that may not have been heard"),
	FIGURE("releases_pending", pending, "releases under way"),
	{NULL, "releases_oldest_seconds", CNT_F_NO_RESET, oldest, NULL, "how long the oldest of these has been under way"},
	FIGURE("legs_done", legs_done, "BYEs of ended releases that were answered 2xx"),
	FIGURE("legs_gone", legs_gone, "BYEs of ended releases that ended the session, not by a 2xx"),
	FIGURE("legs_failed", legs_failed, "BYEs of ended releases that failed"),
	FIGURE("legs_not_built", legs_not_built, "BYEs of ended releases that could not be built"),
	FIGURE("legs_retried", retried, "BYEs sent again because of a 500 or 503, or because nobody told what came of them"),
	FIGURE("legs_bypassed", bypassed, "BYEs sent past service control"),
	FIGURE("refused_requests", refused_requests, "requests of users on dialogs under release, refused with 481"),
	FIGURE("refused_messages", refused_messages, "messages refused as malformed"),
	FIGURE("store_records", records, "records in the store"),
	FIGURE("store_capacity", capacity, "records of the usual size that fit"),
	FIGURE("store_failures", store_failures, "operations that the store refused"),
	FIGURE("store_damaged", damaged, "damaged records that were dropped"),
	FIGURE("store_repairs", repairs, "repairs after the death of a process, or at start"),
	FIGURE("store_lock_timeouts", lock_timeouts, "calls that gave up on a lock"),
	FIGURE("store_refused_full", refused_full, "records refused because the store was full"),
	FIGURE("store_refused_large", refused_large, "records refused because they were too large"),
	{NULL, NULL, 0, NULL, NULL, NULL},
};

int statistics_start(void)
{
	if(counter_register_array("ims_release", counters) < 0) {
		LM_ERR("the core takes no more counters\n");
		return -1;
	}
	return 0;
}
