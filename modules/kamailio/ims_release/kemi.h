/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * KSR.ims_release.*: the functions of script.h, for scripts of other languages.
 */
#ifndef IMS_RELEASE_KEMI_H
#define IMS_RELEASE_KEMI_H

#include "../../core/kemi.h"

#pragma GCC visibility push(hidden)

extern sr_kemi_t kemi_functions[];

#pragma GCC visibility pop

#endif
