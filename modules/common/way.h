/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The way by which messages come, in the words of the library, and that of a BYE back. Which of them is still there is the
 * host's own file, flow.c.
 */
#ifndef IMS_RELEASE_WAY_H
#define IMS_RELEASE_WAY_H

#include <stdint.h>

#include "ims_release.h"

/* Room for "wss:[IPv6]:65535;local=wss:[IPv6]:65535". */
#define FLOW_SIZE 128

/* One end of it. */
struct end {
	const char *transport; /* NULL: none that the library knows */
	const char *address;   /* an IPv6 address in brackets */
	unsigned int port;
};

/* Writes the flow of a message into `buffer`; empty where there is none to tell. */
ims_release_str flow_between(const struct end *sender, const struct end *own, char buffer[FLOW_SIZE]);

/* What the library says of the way back; the texts are in `buffer`. */
struct way {
	ims_release_str destination; /* URI */
	ims_release_str local;       /* transport:address:port, with a NUL behind it */
	int connection;
	char buffer[IMS_RELEASE_WAY_BACK_SIZE + 1];
};

/* 1 when the BYE of this leg has a way back, else 0. `leg` may be IMS_RELEASE_LEG_SERVICE_CONTROL. */
int ask_way_back(uint64_t id, uint32_t leg, struct way *way);

#endif
