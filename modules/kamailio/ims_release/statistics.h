/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The figures of the registry: as ims_release.stats shows them, and as Kamailio's statistics of the group ims_release,
 * which xhttp_prom and the like pick up.
 */
#ifndef IMS_RELEASE_STATISTICS_H
#define IMS_RELEASE_STATISTICS_H

#include "host.h"

#pragma GCC visibility push(hidden)

/* Registers the statistics. In mod_init. 0, or -1 after a line in the log. */
int statistics_start(void);

/* Asks the registry. */
ims_release_status statistics_read(ims_release_stats *stats);

/* Releases that have begun and not ended. */
uint64_t statistics_oldest(const ims_release_stats *stats);

#pragma GCC visibility pop

#endif
