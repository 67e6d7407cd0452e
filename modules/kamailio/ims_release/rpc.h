/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The remote procedures: ims_release.release, .jobs, .forget, .list, .show, .stats.
 */
#ifndef IMS_RELEASE_RPC_H
#define IMS_RELEASE_RPC_H

#include "../../core/rpc.h"

#include "host.h"

#pragma GCC visibility push(hidden)

extern rpc_export_t rpc_methods[];

#pragma GCC visibility pop

#endif
