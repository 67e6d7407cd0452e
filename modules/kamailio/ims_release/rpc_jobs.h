/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What remote procedures do with jobs: ims_release.release of many calls, ims_release.jobs.
 */
#ifndef IMS_RELEASE_RPC_JOBS_H
#define IMS_RELEASE_RPC_JOBS_H

#include "../../core/rpc.h"

#include "host.h"
#include "send.h"

#pragma GCC visibility push(hidden)

/* Makes a job and answers with its number. */
void rpc_make_job(rpc_t *rpc, void *context, uint32_t dialogs, ims_release_str value, const struct reason *reason,
		ims_release_str options);

extern const char *rpc_doc_jobs[];
void rpc_jobs(rpc_t *rpc, void *context);

#pragma GCC visibility pop

#endif
