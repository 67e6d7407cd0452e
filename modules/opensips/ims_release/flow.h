/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How messages come to the proxy, in the words of the library, and whether the way back of a BYE is still there.
 */
#ifndef IMS_RELEASE_FLOW_H
#define IMS_RELEASE_FLOW_H

#include "../../ip_addr.h"

#include "host.h"
#include "way.h"

/* Where a BYE goes that takes the way back. */
struct way_back {
	str destination;
	socket_pointer socket;
	struct way told;
};

/* How a message came, written into `buffer`; empty where that is not to be known. */
ims_release_str flow_of(const struct receive_info *received, char buffer[FLOW_SIZE]);

/* 1 when the BYE of this leg has a way back and it is there, else 0. `leg` may be IMS_RELEASE_LEG_SERVICE_CONTROL. */
int find_way_back(uint64_t id, uint32_t leg, struct way_back *way);

#endif
