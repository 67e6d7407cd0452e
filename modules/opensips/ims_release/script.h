/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a script calls.
 */
#ifndef IMS_RELEASE_SCRIPT_H
#define IMS_RELEASE_SCRIPT_H

#include "../../sr_module.h"

#include "host.h"

/* For the core: null-terminated. */
extern const cmd_export_t script_functions[];

#endif
