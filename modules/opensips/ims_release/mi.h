/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The commands of the management interface: release, list, show, forget, stats, jobs.
 */
#ifndef IMS_RELEASE_MI_H
#define IMS_RELEASE_MI_H

#include "../../mi/mi.h"

/* For the core: null-terminated. */
extern const mi_export_t mi_commands[];

#endif
