/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The proxy's own sockets: which one a URI names, how a BYE is sent to one, and whether a request came from one.
 */
#ifndef IMS_RELEASE_SOCKETS_H
#define IMS_RELEASE_SOCKETS_H

#include "../../net/trans.h"
#include "../../socket_info.h"

#include "host.h"

/* Room for a URI of a socket: "sip:[IPv6]:65535;transport=sctp". */
#define SOCKET_URI_SIZE 80

/* The items of the core's lists hold a socket from 3.5 on, before they are one. */
#define for_each_socket(item, protocol) \
	for(__typeof__(protos[0].listeners) item = protos[protocol].listeners; item != NULL; item = item->next)
#if IMS_RELEASE_OPENSIPS < 30500
#define socket_of_item(item) (item)
#else
#define socket_of_item(item) (&(item)->socket_info)
#endif

/* The own socket that a SIP URI names by address or name, advertised ones included; NULL when it names none. */
socket_pointer socket_of(ims_release_str uri);

/*
 * The own socket that the BYE for service control goes to and comes from: that of modparam loop_address, else that of
 * `next_hop`, else the first one; over UDP where there is a UDP socket, because a connection would have another source
 * port than the socket.
 */
socket_pointer loop_socket(ims_release_str next_hop);

/*
 * Writes "sip:address:port;transport=..." of a socket into `buffer`, with the loopback address where the socket is bound to
 * all. -1: it does not fit.
 */
int socket_uri(socket_pointer socket, char buffer[SOCKET_URI_SIZE], str *uri);

/* 1 when a request came from one of the proxy's own addresses, else 0. */
uint32_t from_own_socket(const struct sip_msg *message);

/* 1 when the topmost Via of a request names this proxy, so that an answer would come to itself. */
int in_our_name(const struct sip_msg *message);

#endif
