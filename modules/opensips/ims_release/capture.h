/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hands the messages of calls to the library: replies and requests inside dialogs from tm's transactions, the ACK before
 * the script. The script itself only tracks initial INVITEs.
 */
#ifndef IMS_RELEASE_CAPTURE_H
#define IMS_RELEASE_CAPTURE_H

#include "host.h"

/* Registers with tm and the core. In mod_init. 0, or -1 after a line in the log. */
int capture_start(void);

/* Hands one message over. What the library refuses is logged; the message goes its way all the same. */
void capture(ims_release_str message);

/* The same with a message that somebody has sent to this proxy, and with the way by which it came. */
void capture_received(const struct sip_msg *message);

#endif
