/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "timer.h"

#include "../../core/dprint.h"
#include "../../core/globals.h"
#include "../../core/mem/shm_mem.h"
#include "../../core/sr_module.h"
#include "../../core/timer_proc.h"

#include "jobs.h"
#include "rounds.h"
#include "send.h"
#include "settings.h"

/* The jobs wait while less than this part of the shared memory is free: tm keeps a transaction for five seconds. */
#define SHARED_PART 8

static int is_short_of_memory(void)
{
	return shm_available() < shm_mem_size / SHARED_PART;
}

static void tick(unsigned int ticks, void *parameter)
{
	static struct rounds rounds = {
		.send_due = send_due,
		.jobs_running = jobs_running,
		.jobs_step = jobs_step,
		.is_short_of_memory = is_short_of_memory,
		.short_of_memory = "less than a part in 8 of the shared memory is free; raise -m",
	};

	(void)ticks;
	(void)parameter;
	rounds.send_rate = settings.send_rate;
	make_round(&rounds);
}

int timer_start(void)
{
	return register_sync_timers(1) < 0 ? -1 : 0;
}

int timer_fork(void)
{
	if(fork_sync_utimer(PROC_TIMER, "IMS RELEASE TIMER", 1, tick, NULL, ROUND_MS * 1000) < 0) {
		LM_ERR("the timer process cannot be started\n");
		return -1;
	}
	return 0;
}
