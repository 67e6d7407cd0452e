/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a script releases: the dialog of a message, or the dialogs of a selector. The same in every host.
 */
#ifndef IMS_RELEASE_SELECTION_H
#define IMS_RELEASE_SELECTION_H

#include "sending.h"

/* Releases the dialog of a message. */
ims_release_status release_of_message(ims_release_str message, const struct reason *reason);

/*
 * Releases what a selector means: `dialogs` is one of IMS_RELEASE_JOB_*, and the release is a job; or 0, and `select` is one
 * of IMS_RELEASE_SELECT_*. A session without a value is that of the message's dialog. IMS_RELEASE_OK where one release or
 * a job has begun. Without a job `*early` is how many of the dialogs are early, and so not released.
 */
ims_release_status release_by_selector(uint32_t dialogs, uint32_t select, ims_release_str value, ims_release_str message,
		const struct reason *reason, uint32_t *early);

#endif
