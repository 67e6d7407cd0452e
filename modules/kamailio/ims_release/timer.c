/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "timer.h"

#include <string.h>

#include "../../core/dprint.h"
#include "../../core/globals.h"
#include "../../core/mem/shm_mem.h"
#include "../../core/sr_module.h"
#include "../../core/timer_proc.h"

#include "config.h"
#include "jobs.h"
#include "send.h"

#define TICK_US 100000
#define TICKS_A_SECOND 10
/* A tick that comes later than this is no reason for a burst. */
#define TICK_MOST_MS 200
/* What one BYE takes of what may be sent: the rate is of a second, time is in milliseconds. */
#define ONE_BYE 1000
/* The jobs wait while less than this part of the shared memory is free: tm keeps a transaction for five seconds. */
#define SHARED_PART 8
/* How often that is said. */
#define WAITING_MS 10000
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

/* Milliseconds since the tick before. */
static int elapsed_ms(void)
{
	static uint64_t last = 0;
	uint64_t now = now_ms();
	/* The first one is as any. */
	uint64_t elapsed = last == 0 ? TICK_US / 1000 : now > last ? now - last : 0;

	last = now;
	return elapsed < TICK_MOST_MS ? (int)elapsed : TICK_MOST_MS;
}

/* What may be sent; below zero what was sent too much. With a low rate one BYE is for several ticks. */
static int allowed = 0;

static void send_some(void)
{
	for(; allowed >= ONE_BYE && due_sent < due_count; allowed -= ONE_BYE) {
		struct due next = due[due_sent++];
		send_due(next.id, next.leg);
	}
	if(due_sent == due_count)
		due_count = due_sent = 0;
}

/* A BYE that finds no memory has to be sent later. A job has time. */
static int is_short_of_memory(void)
{
	static uint64_t said = 0;
	uint64_t now;

	if(shm_available() >= shm_mem_size / SHARED_PART)
		return 0;
	now = now_ms();
	if(now - said >= WAITING_MS && jobs_running()) {
		said = now;
		LM_WARN("a job waits: less than a part in %d of the shared memory is free; raise -m\n", SHARED_PART);
	}
	return 1;
}

/*
 * The jobs have a time of their own, which stands still while they must wait: what they would have started meanwhile is
 * not made up for. 1 while one runs.
 */
static int start_some(int elapsed)
{
	static uint64_t time = 0;
	unsigned int byes = 0;
	int running;

	if(allowed < ONE_BYE || is_short_of_memory())
		return jobs_running();
	time += (uint64_t)elapsed;
	running = jobs_step(time, &byes);
	allowed -= (int)byes * ONE_BYE;
	return running;
}

static void tick(unsigned int ticks, void *parameter)
{
	static unsigned int idle = 0;
	static int active = 1;
	int elapsed = elapsed_ms();

	(void)ticks;
	(void)parameter;
	allowed += config.send_rate * elapsed;
	if(active || ++idle >= TICKS_A_SECOND) {
		idle = 0;
		active = sweep();
		send_some();
		active |= start_some(elapsed);
	} else {
		send_some();
	}
	/* What was not used is no reason for a burst. */
	if(due_count == 0 && allowed > ONE_BYE)
		allowed = ONE_BYE;
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
