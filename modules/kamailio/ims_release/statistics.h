/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The figures of the registry as Kamailio's statistics of the group ims_release, which xhttp_prom and the like pick up.
 */
#ifndef IMS_RELEASE_STATISTICS_H
#define IMS_RELEASE_STATISTICS_H

#pragma GCC visibility push(hidden)

/* Registers the statistics. In mod_init. 0, or -1 after a line in the log. */
int statistics_start(void);

#pragma GCC visibility pop

#endif
