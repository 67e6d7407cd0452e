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

#pragma GCC visibility push(hidden)

/* Why a release. */
struct reason {
	uint32_t cause;
	ims_release_str text; /* empty: none */
	uint32_t by;          /* IMS_RELEASE_BY_*; of a job its number tells */
	uint32_t job;         /* 0: none */
};

/* Registers with tm. In mod_init. 0, or -1 after a line in the log. */
int send_start(void);

/* Why a BYE could not be built; IMS_RELEASE_OK where it was, IMS_RELEASE_HELD where it is sent later. */
struct unbuilt {
	ims_release_status called;
	ims_release_status calling;
};

/*
 * Releases dialog `id`: starts the release and hands both BYEs to tm, the called user's first. Fills in `unbuilt`, unless it
 * is NULL, when the release has begun.
 */
ims_release_status release(uint64_t id, const struct reason *reason, struct unbuilt *unbuilt);

/* Sends the BYE of a leg that the sweep found due: for the first time or again. */
void send_due(uint64_t id, uint32_t leg);

#pragma GCC visibility pop

#endif
