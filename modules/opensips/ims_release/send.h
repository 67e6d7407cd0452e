/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One release: the library builds both BYEs, tm sends them, what comes of them goes back to the library.
 *
 * Both leave through tm's t_request_within(): the direct one straight to its user, the one for service control to the
 * proxy's own socket, where the script gets it like any request of the served user.
 */
#ifndef IMS_RELEASE_SEND_H
#define IMS_RELEASE_SEND_H

#include "host.h"
#include "sending.h"

/* 1 while this process hands a BYE of ours to tm. */
int is_handing(void);

#endif
