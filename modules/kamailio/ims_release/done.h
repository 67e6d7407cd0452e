/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The end of a release, as the operator's script sees it: event_route[ims_release:done], or the callback of a script of
 * another language, and $ims_release(name).
 */
#ifndef IMS_RELEASE_DONE_H
#define IMS_RELEASE_DONE_H

#include "../../core/pvar.h"

#include "host.h"

#pragma GCC visibility push(hidden)

/* modparam "event_callback": the function of a script of another language that is called for the event. */
extern str done_callback;

/* Looks the event route up. In mod_init. 0, or -1 after a line in the log that names the parameter. */
int done_start(void);

/* For ims_release_config: logs the end of a release and tells the script. */
void done(void *env, const ims_release_ended *ended);

/* $ims_release(name): parses the name, and gives its value in the event route, $null elsewhere. */
int done_parse_name(pv_spec_t *variable, str *name);
int done_get(struct sip_msg *message, pv_param_t *parameter, pv_value_t *result);

#pragma GCC visibility pop

#endif
