/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What time brings: BYEs that are due, later or again, and what is over. In a process of its own, so that a script in
 * event_route[ims_release:done] does not hold up tm's timers.
 */
#ifndef IMS_RELEASE_TIMER_H
#define IMS_RELEASE_TIMER_H

#include "host.h"

#pragma GCC visibility push(hidden)

/* Makes room for the process. In mod_init. 0, or -1 after a line in the log. */
int timer_start(void);

/* Starts it. In child_init of PROC_MAIN. 0, or -1 after a line in the log. */
int timer_fork(void);

#pragma GCC visibility pop

#endif
