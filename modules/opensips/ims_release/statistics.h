/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The figures of the registry as statistics of OpenSIPS.
 */
#ifndef IMS_RELEASE_STATISTICS_H
#define IMS_RELEASE_STATISTICS_H

/* Registers the statistics. In mod_init. 0, or -1 after a line in the log. */
int statistics_start(void);

#endif
