/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Asks the library, at start, whether it will take what the operator configured for every BYE: a bad value then stops
 * the start and not the first release at night.
 */
#ifndef IMS_RELEASE_CHECK_H
#define IMS_RELEASE_CHECK_H

#include "ims_release.h"

/* IMS_RELEASE_OK, or what the library refuses of reason and further headers. */
ims_release_status check_options(const ims_release_options *options);

/* IMS_RELEASE_OK, or IMS_RELEASE_BAD_OWN when an own entry is described in a way that the library does not read. */
ims_release_status check_own(const ims_release_own *own);

#endif
