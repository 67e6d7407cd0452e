/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is said of an outcome that nobody may have heard. The same in every host.
 */
#ifndef IMS_RELEASE_UNCONFIRMED_H
#define IMS_RELEASE_UNCONFIRMED_H

#include "ims_release.h"

/* For ims_release_config: the line in the log that stands in the place of the end of a release. */
void unconfirmed(void *env, const ims_release_ended *ended);

#endif
