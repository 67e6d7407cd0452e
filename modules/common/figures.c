/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "figures.h"

#include <string.h>

#include "base.h"

#define FRESH_MS 100

struct figure figures[] = {
	{"tracked", "tracked", offsetof(ims_release_stats, tracked), "initial INVITEs tracked"},
	{"confirmed", "confirmed", offsetof(ims_release_stats, confirmed), "dialogs confirmed by a 2xx"},
	{"ended_by_user", "ended_by_user", offsetof(ims_release_stats, ended_by_user), "dialogs ended by a user's BYE"},
	{"started", "releases_started", offsetof(ims_release_stats, started), "releases started"},
	{"pending", "releases_pending", offsetof(ims_release_stats, pending), "releases under way"},
	{"oldest_seconds", "releases_oldest_seconds", offsetof(ims_release_stats, oldest_s),
			"how long the oldest of these has been under way"},
	{"completed", "releases_completed", offsetof(ims_release_stats, completed),
			"releases whose BYEs were both answered 2xx"},
	{"gone", "releases_gone", offsetof(ims_release_stats, gone),
			"releases that ended the session at both users, at one not by a 2xx"},
	{"partial", "releases_partial", offsetof(ims_release_stats, partial),
			"releases that ended the session at one user only"},
	{"failed", "releases_failed", offsetof(ims_release_stats, failed),
			"releases that ended the session at neither user"},
	{"expired", "releases_expired", offsetof(ims_release_stats, expired), "releases that came to their deadline"},
	{"legs_done", "legs_done", offsetof(ims_release_stats, legs_done), "BYEs of ended releases that were answered 2xx"},
	{"legs_gone", "legs_gone", offsetof(ims_release_stats, legs_gone),
			"BYEs of ended releases that ended the session, not by a 2xx"},
	{"legs_failed", "legs_failed", offsetof(ims_release_stats, legs_failed), "BYEs of ended releases that failed"},
	{"legs_not_built", "legs_not_built", offsetof(ims_release_stats, legs_not_built),
			"BYEs of ended releases that could not be built"},
	{"retried", "legs_retried", offsetof(ims_release_stats, retried),
			"BYEs sent again because of a 500 or 503, or because nobody told what came of them"},
	{"bypassed", "legs_bypassed", offsetof(ims_release_stats, bypassed), "BYEs sent past service control"},
	{"refused_requests", "refused_requests", offsetof(ims_release_stats, refused_requests),
			"requests of users on dialogs under release, refused with 481"},
	{"unconfirmed", "releases_unconfirmed", offsetof(ims_release_stats, unconfirmed),
			"outcomes that may not have been heard"},
	{"refused_messages", "refused_messages", offsetof(ims_release_stats, refused_messages),
			"messages refused as malformed"},
	{"misdirected", "misdirected", offsetof(ims_release_stats, misdirected),
			"users' BYEs and target refreshes that were not on their way to the other user"},
	{"early_dropped", "early_dropped", offsetof(ims_release_stats, early_dropped),
			"INVITEs and early dialogs dropped because no 2xx came"},
	{"idle_dropped", "idle_dropped", offsetof(ims_release_stats, idle_dropped),
			"dialogs dropped because nothing was seen of them for long"},
	{"store_failures", "store_failures", offsetof(ims_release_stats, store_failures),
			"operations that the store refused"},
	{"records", "store_records", offsetof(ims_release_stats, records), "records in the store"},
	{"capacity", "store_capacity", offsetof(ims_release_stats, capacity), "records of the usual size that fit"},
	{"damaged", "store_damaged", offsetof(ims_release_stats, damaged), "damages found: records dropped, words mended"},
	{"repairs", "store_repairs", offsetof(ims_release_stats, repairs),
			"repairs after the death of a process, or at start"},
	{"lock_timeouts", "store_lock_timeouts", offsetof(ims_release_stats, lock_timeouts),
			"calls that gave up on a lock"},
	{"refused_full", "store_refused_full", offsetof(ims_release_stats, refused_full),
			"records refused because the store was full"},
	{"refused_large", "store_refused_large", offsetof(ims_release_stats, refused_large),
			"records refused because they were too large"},
};

const size_t figure_count = sizeof(figures) / sizeof(figures[0]);

ims_release_status figures_read(ims_release_stats *stats)
{
	memset(stats, 0, sizeof(*stats));
	stats->struct_size = sizeof(*stats);
	return ims_release_registry_stats(registry, stats);
}

const ims_release_stats *figures_recent(void)
{
	static ims_release_stats stats;
	static uint64_t read_ms = 0;
	uint64_t now = now_ms();

	if(now - read_ms < FRESH_MS)
		return &stats;
	ims_release_stats read;
	ims_release_status status = figures_read(&read);
	/* The old ones then: a counter that falls to zero would be taken for a restart. */
	if(status != IMS_RELEASE_OK)
		log_refusal("the statistics are not read", status);
	else
		stats = read;
	read_ms = now;
	return &stats;
}

uint64_t figure_value(const struct figure *figure, const ims_release_stats *stats)
{
	uint64_t value;

	memcpy(&value, (const char *)stats + figure->offset, sizeof(value));
	if(figure->offset != offsetof(ims_release_stats, oldest_s))
		return value;
	/* The library tells when it started. */
	uint64_t now = now_ms() / 1000;
	return value != 0 && now > value ? now - value : 0;
}
