/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the management interface does with jobs: release of many calls, jobs.
 */
#ifndef IMS_RELEASE_MI_JOBS_H
#define IMS_RELEASE_MI_JOBS_H

#include "../../mi/mi.h"

#include "host.h"
#include "send.h"

/* Makes a job and answers with its number. */
mi_response_t *mi_make_job(
		uint32_t dialogs, ims_release_str value, const struct reason *reason, ims_release_str options);

mi_response_t *mi_jobs(const mi_params_t *parameters, struct mi_handler *unused);

#endif
