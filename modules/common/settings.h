/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The module's parameters, checked once at start, and the library's settings made of them. How a host reads its modparams
 * is its own affair.
 */
#ifndef IMS_RELEASE_SETTINGS_H
#define IMS_RELEASE_SETTINGS_H

#include <stddef.h>
#include <stdint.h>

#include "ims_release.h"

struct settings {
	ims_release_str store; /* directory */
	int store_size;        /* octets */
	int default_cause;
	ims_release_str default_text;
	int deadline; /* seconds */
	int attempt;  /* seconds; 0: a little more than the host's transactions wait */
	int linger;   /* seconds */
	int retry;
	int bypass;
	int hold;
	int refuse_requests;
	int check_bye;
	int charging_vector;
	int session_timer;
	int flow; /* 0: never, 1: where it is needed, 2: always */
	int dialog_lifetime; /* seconds */
	int send_rate;       /* BYEs a second that the timer sends */
	int job_rate;        /* releases a second */
	int job_inflight;    /* releases under way */
};

/* With the defaults; the host fills in what is configured, and the default of the store. */
extern struct settings settings;

/* One further header for both BYEs, "Name: value". 0, or -1 after a line in the log. */
int settings_add_header(ims_release_str header);

/* One own Record-Route entry, "host", "host:port" or a whole SIP URI. 0, or -1 after a line in the log. */
int settings_add_own(ims_release_str entry);

/* 1 when the operator has named one. */
int settings_have_own(void);

/* Adds what the host itself may write there, unless it is known. `port` 0: any. 0, or -1 after a line in the log. */
int settings_add_host(ims_release_str host, unsigned int port);

/* Says how many more there were than the library compares. */
void settings_end_hosts(void);

/*
 * Checks all parameters, before any host is added. `transaction_ms` is how long the host's transactions wait for a final
 * reply, by its parameter `name`. 0, or -1 after a line in the log that names the parameter.
 */
int settings_validate(uint32_t transaction_ms, const char *name);

/* Opens the registry; `uid` and `gid` are IMS_RELEASE_OWNER_NONE or whom the host will run as. 0, or -1 as above. */
int settings_open(uint32_t uid, uint32_t gid, ims_release_ended_fn ended);

/* Before the fork: what an earlier run has left under way is the timer's from its first round on. 0, or -1 as above. */
int settings_resume(void);

/* Cause and text of a release without any. */
void settings_default_reason(uint32_t *cause, ims_release_str *text);

/* The options of one release. */
void settings_options(uint32_t cause, ims_release_str text, ims_release_options *options);

#endif
