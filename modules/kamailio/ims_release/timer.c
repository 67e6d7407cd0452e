/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "timer.h"

#include <string.h>

#include "../../core/dprint.h"
#include "../../core/sr_module.h"
#include "../../core/timer_proc.h"

#include "config.h"
#include "send.h"

#define TICK_US 100000
#define TICKS_A_SECOND 10
/* Records looked at in one go: all of a store of the default size. */
#define SWEEP_RECORDS 65536
/* What more is due than this is found again in the next round. */
#define DUE_MOST 4096

struct due {
	uint64_t id;
	uint32_t leg;
};

/* Found due and not sent yet: no more go out in a tick than send_rate allows. */
static struct due due[DUE_MOST];
static size_t due_count = 0;
static size_t due_sent = 0;

static void keep_due(void *env, uint64_t id, uint32_t leg)
{
	const int *keep = env;

	if(*keep && due_count < DUE_MOST)
		due[due_count++] = (struct due){id, leg};
}

/* 1 while a dialog is under release, or known for one. */
static int sweep(void)
{
	ims_release_swept swept;
	ims_release_status status;
	/* Else one would be kept twice. */
	int keep = due_count == 0;

	memset(&swept, 0, sizeof(swept));
	swept.struct_size = sizeof(swept);
	status = ims_release_registry_sweep(registry, now_ms(), SWEEP_RECORDS, keep_due, &keep, &swept);
	if(status != IMS_RELEASE_OK) {
		log_refusal("what is due is not looked for", status);
		return 1;
	}
	return swept.active != 0;
}

static void send_some(void)
{
	/* A rate below ten is one BYE in each so many ticks. */
	static int allowed = 0;

	allowed += config.send_rate;
	for(; allowed >= TICKS_A_SECOND && due_sent < due_count; allowed -= TICKS_A_SECOND) {
		struct due next = due[due_sent++];
		send_due(next.id, next.leg);
	}
	if(due_sent == due_count) {
		due_count = due_sent = 0;
		/* What was not used is no reason for a burst. */
		if(allowed > TICKS_A_SECOND)
			allowed = TICKS_A_SECOND;
	}
}

static void tick(unsigned int ticks, void *parameter)
{
	static unsigned int idle = 0;
	static int active = 1;

	(void)ticks;
	(void)parameter;
	if(active || ++idle >= TICKS_A_SECOND) {
		idle = 0;
		active = sweep();
	}
	send_some();
}

int timer_start(void)
{
	return register_sync_timers(1) < 0 ? -1 : 0;
}

int timer_fork(void)
{
	if(fork_sync_utimer(PROC_TIMER, "IMS RELEASE TIMER", 1, tick, NULL, TICK_US) < 0) {
		LM_ERR("the timer process cannot be started\n");
		return -1;
	}
	return 0;
}
