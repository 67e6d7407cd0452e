/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The modparams, and what of Kamailio's own configuration counts.
 */
#ifndef IMS_RELEASE_CONFIG_H
#define IMS_RELEASE_CONFIG_H

#include "../../core/sr_module.h"

#include "host.h"
#include "settings.h"

#pragma GCC visibility push(hidden)

/* SIP URI of one of the own sockets, as the core has filled it in. */
extern str config_loop_address;

/* modparam "header": one further header for both BYEs, "Name: value". May be given several times. */
int config_add_header(modparam_t type, void *value);

/* modparam "own": one own Record-Route entry, "host", "host:port" or a whole SIP URI. May be given several times. */
int config_add_own(modparam_t type, void *value);

/* Checks all parameters and opens the registry. In mod_init. 0, or -1 after a line in the log that names the parameter. */
int config_open(ims_release_ended_fn ended);

#pragma GCC visibility pop

#endif
