/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The end of a release, as operators and scripts see it: a line in the log at once, and the event E_IMS_RELEASE_DONE.
 *
 * The event is raised in the timer's process: an event_route goes through the pipe that all workers share, whose write
 * end blocks when it is full, and no worker may be held up there.
 */
#ifndef IMS_RELEASE_DONE_H
#define IMS_RELEASE_DONE_H

#include "../../pvar.h"

#include "host.h"

/* Publishes the event. In mod_init. 0, or -1 after a line in the log. */
int done_start(void);

/* For ims_release_config: logs the end of a release and keeps the event. */
void done(void *env, const ims_release_ended *ended);

/* Raises the events that were kept. In the timer's process. */
void done_raise(void);

/* $ims_release(name): parses the name, and gives its value in event_route[E_IMS_RELEASE_DONE], NULL in other routes. */
int done_parse_name(pv_spec_t *variable, const str *name);
int done_get(struct sip_msg *message, pv_param_t *parameter, pv_value_t *result);

#endif
