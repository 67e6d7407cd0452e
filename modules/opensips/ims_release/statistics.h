/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The figures of the registry as statistics of OpenSIPS.
 */
#ifndef IMS_RELEASE_STATISTICS_H
#define IMS_RELEASE_STATISTICS_H

#include "host.h"

/* Registers the statistics. In mod_init. 0, or -1 after a line in the log. */
int statistics_start(void);

/* Asks the registry. */
ims_release_status statistics_read(ims_release_stats *stats);

/* How long the oldest release has been under way, in seconds. */
uint64_t statistics_oldest(const ims_release_stats *stats);

#endif
