/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A BYE that tm has printed gets what tm cannot print: From and To byte by byte, and on the way to service control the
 * mark that the library knows it by.
 */
#ifndef IMS_RELEASE_MEND_H
#define IMS_RELEASE_MEND_H

#include "host.h"

/* `ours` is the BYE as the library has built it. 0, or -1 after a line in the log. */
int mend(struct sip_msg *printed, uint64_t id, uint32_t leg, ims_release_str ours);

#endif
