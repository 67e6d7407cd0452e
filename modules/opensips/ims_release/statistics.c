/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "statistics.h"

#include "../../dprint.h"
#include "../../statistics.h"

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

#ifdef STATISTICS
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

/* The context is the place of the figure among the others. */
static unsigned long figure(void *offset)
{
	uint64_t value;

	memcpy(&value, (const char *)recent() + (size_t)offset, sizeof(value));
	return (unsigned long)value;
}

static unsigned long oldest(void *unused)
{
	(void)unused;
	return (unsigned long)statistics_oldest(recent());
}

int statistics_start(void)
{
	const struct {
		char *name;
		size_t offset;
	} figures[] = {
		{"tracked", offsetof(ims_release_stats, tracked)},
		{"confirmed", offsetof(ims_release_stats, confirmed)},
		{"ended_by_user", offsetof(ims_release_stats, ended_by_user)},
		{"early_dropped", offsetof(ims_release_stats, early_dropped)},
		{"idle_dropped", offsetof(ims_release_stats, idle_dropped)},
		{"releases_started", offsetof(ims_release_stats, started)},
		{"releases_completed", offsetof(ims_release_stats, completed)},
		{"releases_gone", offsetof(ims_release_stats, gone)},
		{"releases_partial", offsetof(ims_release_stats, partial)},
		{"releases_failed", offsetof(ims_release_stats, failed)},
		{"releases_expired", offsetof(ims_release_stats, expired)},
		{"releases_unconfirmed", offsetof(ims_release_stats, unconfirmed)},
		{"releases_pending", offsetof(ims_release_stats, pending)},
		{"legs_done", offsetof(ims_release_stats, legs_done)},
		{"legs_gone", offsetof(ims_release_stats, legs_gone)},
		{"legs_failed", offsetof(ims_release_stats, legs_failed)},
		{"legs_not_built", offsetof(ims_release_stats, legs_not_built)},
		{"legs_retried", offsetof(ims_release_stats, retried)},
		{"legs_bypassed", offsetof(ims_release_stats, bypassed)},
		{"refused_requests", offsetof(ims_release_stats, refused_requests)},
		{"refused_messages", offsetof(ims_release_stats, refused_messages)},
		{"store_records", offsetof(ims_release_stats, records)},
		{"store_capacity", offsetof(ims_release_stats, capacity)},
		{"store_failures", offsetof(ims_release_stats, store_failures)},
		{"store_damaged", offsetof(ims_release_stats, damaged)},
		{"store_repairs", offsetof(ims_release_stats, repairs)},
		{"store_lock_timeouts", offsetof(ims_release_stats, lock_timeouts)},
		{"store_refused_full", offsetof(ims_release_stats, refused_full)},
		{"store_refused_large", offsetof(ims_release_stats, refused_large)},
	};
	/* The store keeps them over a restart, and nothing but a new store resets them. */
	const unsigned short flags = STAT_NO_RESET | STAT_IS_FUNC;
	int refused =
			register_stat2("ims_release", "releases_oldest_seconds", (stat_var **)(void *)oldest, flags, NULL, 0) < 0;

	for(size_t i = 0; i < sizeof(figures) / sizeof(figures[0]) && !refused; i++)
		refused = register_stat2("ims_release", figures[i].name, (stat_var **)(void *)figure, flags,
						  (void *)figures[i].offset, 0)
				  < 0;
	if(refused) {
		LM_ERR("the core takes no more statistics\n");
		return -1;
	}
	return 0;
}
#else
/* An OpenSIPS without statistics: the MI command tells them all the same. */
int statistics_start(void)
{
	return 0;
}
#endif
