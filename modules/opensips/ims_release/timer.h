/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What time brings, in a process of its own: the timers of OpenSIPS are run by any worker in turn, and the library counts
 * what is under way in the process that sweeps.
 */
#ifndef IMS_RELEASE_TIMER_H
#define IMS_RELEASE_TIMER_H

#include "../../sr_module.h"

#include "host.h"

/* For the core: null-terminated. */
extern const proc_export_t timer_processes[];

#endif
