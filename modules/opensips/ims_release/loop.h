/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What comes in before the script sees it. Our own BYE, for service control: the script runs for it once, and knows it;
 * what comes again is answered again as it was, without the script. The requests of users on a dialog under release:
 * they are answered 481 (TS 24.229 5.4.5.1.3).
 */
#ifndef IMS_RELEASE_LOOP_H
#define IMS_RELEASE_LOOP_H

#include "host.h"

/* Registers with the core and, where it is loaded, takes sl. In mod_init. 0, or -1 after a line in the log. */
int loop_start(void);

/* 1 while the script runs for our BYE. */
int is_ours(const struct sip_msg *message);

/*
 * Called when tm is about to send a request on: where it is our BYE, has no Route left, and the script has chosen nothing, it
 * goes the way that its user came. loose_route() has forced the socket of the loop by then.
 */
void point_back(struct sip_msg *message);

/* 1 while a user's request on a dialog under release is being answered. */
int is_refusing(void);

#endif
