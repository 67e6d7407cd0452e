/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What time brings: BYEs that are due, later or again, what is over, and the next calls of jobs; at a rate. In one
 * process, because the library counts there what is under way.
 */
#ifndef IMS_RELEASE_ROUNDS_H
#define IMS_RELEASE_ROUNDS_H

#include <stdint.h>

/* How often a round is to be made. */
#define ROUND_MS 100

/* What the host does. */
struct rounds {
	/* BYEs a second. */
	int send_rate;
	/* Sends the BYE of a leg that is due. */
	void (*send_due)(uint64_t id, uint32_t leg);
	/* 1 while one runs. */
	int (*jobs_running)(void);
	/*
	 * Takes the running jobs a step on. `now` is the Unix time in milliseconds; `*byes` grows by what was sent. 1 while
	 * one runs.
	 */
	int (*jobs_step)(uint64_t now, unsigned int *byes);
	/* 1 while jobs have to wait for memory: a BYE that finds none has to be sent later, a job has time. */
	int (*is_short_of_memory)(void);
	/* What is said of that. */
	const char *short_of_memory;
};

/* Makes one. */
void make_round(const struct rounds *host);

#endif
