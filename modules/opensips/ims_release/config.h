/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The modparams, and what of OpenSIPS's own configuration counts.
 */
#ifndef IMS_RELEASE_CONFIG_H
#define IMS_RELEASE_CONFIG_H

#include "../../sr_module.h"

#include "host.h"
#include "settings.h"

/* For the core: null-terminated. */
extern const param_export_t config_parameters[];

/* SIP URI of one of the own sockets; empty: none is configured. */
ims_release_str config_loop_address(void);

/* How long tm waits for a final reply, in seconds. */
int config_fr_timeout(void);

/* Checks all parameters and opens the registry. In mod_init. 0, or -1 after a line in the log. */
int config_open(ims_release_ended_fn ended);

#endif
