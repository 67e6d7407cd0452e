/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The release of many calls as a job: made by an operator or a script, taken on by the timer.
 */
#ifndef IMS_RELEASE_JOBS_H
#define IMS_RELEASE_JOBS_H

#include <stdint.h>

#include "sending.h"

/*
 * A request with the rates of the modparams. `value` is what stands beside the selector; for all calls any of the words
 * that mean none.
 */
void job_request(
		uint32_t dialogs, ims_release_str value, const struct reason *reason, ims_release_job_request *request);

/*
 * Makes the job, no faster than the timer may send, which `request` then tells. On IMS_RELEASE_OK its number is in
 * `*number`.
 */
ims_release_status job_make(ims_release_job_request *request, uint32_t *number);

/* 1 while one runs. */
int jobs_running(void);

/*
 * Takes the running jobs a step on. `now` is the Unix time in milliseconds; `*byes` grows by what was sent. 1 while one
 * runs.
 */
int jobs_step(uint64_t now, unsigned int *byes);

#endif
