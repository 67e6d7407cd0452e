/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One release: the library builds both BYEs, tm sends them, what comes of them goes back to the library.
 *
 * Both leave through tm's t_uac(): the direct one straight to its user, the one for service control to the proxy's own
 * socket, where the script gets it like any request of the served user.
 */
#ifndef IMS_RELEASE_SEND_H
#define IMS_RELEASE_SEND_H

#include "host.h"
#include "sending.h"

#pragma GCC visibility push(hidden)

/* Registers with tm. In mod_init. 0, or -1 after a line in the log. */
int send_start(void);

#pragma GCC visibility pop

#endif
