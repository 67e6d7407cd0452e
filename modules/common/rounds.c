/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rounds.h"

#include <stddef.h>
#include <string.h>

#include "base.h"

#define ROUNDS_A_SECOND (1000 / ROUND_MS)
/* A round that comes later than this is no reason for a burst. */
#define ROUND_MOST_MS 200
/* What one BYE takes of what may be sent: the rate is of a second, time is in milliseconds. */
#define ONE_BYE 1000
/* How often it is said that a job waits. */
#define WAITING_MS 10000
/* Records looked at in one go: all of a store of the default size. */
#define SWEEP_RECORDS 65536
/* What more is due than this is found again in the next round. */
#define DUE_MOST 4096

struct due {
	uint64_t id;
	uint32_t leg;
};

/* Found due and not sent yet: no more go out in a round than send_rate allows. */
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

/* Milliseconds since the round before. */
static int elapsed_ms(void)
{
	static uint64_t last = 0;
	uint64_t now = now_ms();
	/* The first one is as any. */
	uint64_t elapsed = last == 0 ? ROUND_MS : now > last ? now - last : 0;

	last = now;
	return elapsed < ROUND_MOST_MS ? (int)elapsed : ROUND_MOST_MS;
}

/* What may be sent; below zero what was sent too much. With a low rate one BYE is for several rounds. */
static int allowed = 0;

static void send_some(const struct rounds *host)
{
	for(; allowed >= ONE_BYE && due_sent < due_count; allowed -= ONE_BYE) {
		struct due next = due[due_sent++];
		host->send_due(next.id, next.leg);
	}
	if(due_sent == due_count)
		due_count = due_sent = 0;
}

static int must_wait(const struct rounds *host)
{
	static uint64_t said = 0;
	uint64_t now;

	if(!host->is_short_of_memory())
		return 0;
	now = now_ms();
	if(now - said >= WAITING_MS && host->jobs_running()) {
		said = now;
		report(IMS_RELEASE_LOG_WARNING, "a job waits: %s", host->short_of_memory);
	}
	return 1;
}

/* What the jobs would have started while they must wait is not made up for. 1 while one runs. */
static int start_some(const struct rounds *host)
{
	unsigned int byes = 0;
	int running;

	if(allowed < ONE_BYE || must_wait(host))
		return host->jobs_running();
	running = host->jobs_step(now_ms(), &byes);
	allowed -= (int)byes * ONE_BYE;
	return running;
}

void make_round(const struct rounds *host)
{
	static unsigned int idle = 0;
	static int active = 1;
	int elapsed = elapsed_ms();

	allowed += host->send_rate * elapsed;
	if(active || ++idle >= ROUNDS_A_SECOND) {
		idle = 0;
		active = sweep();
		send_some(host);
		active |= start_some(host);
	} else {
		send_some(host);
	}
	/* What was not used is no reason for a burst. */
	if(due_count == 0 && allowed > ONE_BYE)
		allowed = ONE_BYE;
}
