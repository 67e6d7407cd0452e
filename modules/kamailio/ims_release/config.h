/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The module's parameters, checked once at start, and the library's settings made of them.
 */
#ifndef IMS_RELEASE_CONFIG_H
#define IMS_RELEASE_CONFIG_H

#include "../../core/sr_module.h"

#include "host.h"

#pragma GCC visibility push(hidden)

struct config {
	str store;        /* directory */
	int store_size;   /* octets */
	int default_cause;
	str default_text;
	str loop_address; /* SIP URI of one of the own sockets */
	int deadline;     /* seconds */
	int attempt;      /* seconds; 0: a little more than tm's fr_timer */
	int linger;       /* seconds */
	int retry;
	int bypass;
	int hold;
	int refuse_requests;
	int charging_vector;
	int session_timer;
	int dialog_lifetime; /* seconds */
	int send_rate;    /* BYEs a second that the timer sends */
	int job_rate;     /* releases a second */
	int job_inflight; /* releases under way */
};

/* Filled in by the core from modparams. */
extern struct config config;

/* modparam "header": one further header for both BYEs, "Name: value". May be given several times. */
int config_add_header(modparam_t type, void *value);

/* modparam "own": one own Record-Route entry, "host", "host:port" or a whole SIP URI. May be given several times. */
int config_add_own(modparam_t type, void *value);

/* Checks all parameters. In mod_init. 0, or -1 after a line in the log that names the parameter. */
int config_validate(void);

/* Opens the registry with what is configured. In mod_init. 0, or -1 after a line in the log. */
int config_open(ims_release_ended_fn ended);

/* Cause and text of a release without any. */
void config_default_reason(uint32_t *cause, ims_release_str *text);

/* The options of one release. */
void config_options(uint32_t cause, ims_release_str text, ims_release_options *options);

#pragma GCC visibility pop

#endif
