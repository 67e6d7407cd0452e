/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "flow.h"

#include <stdio.h>

#include "../../dprint.h"
#include "../../net/net_tcp.h"
#include "../../net/trans.h"
#include "../../parser/parse_uri.h"
#include "../../socket_info.h"

/* What ip_addr2a() writes, in brackets. */
#define ADDRESS_SIZE (IP_ADDR_MAX_STR_SIZE + 2)

/* NULL: none of SIP. */
static const char *transport_of(int protocol)
{
	switch(protocol) {
		case PROTO_UDP:
			return "udp";
		case PROTO_TCP:
			return "tcp";
		case PROTO_TLS:
			return "tls";
		case PROTO_SCTP:
			return "sctp";
		case PROTO_WS:
			return "ws";
		case PROTO_WSS:
			return "wss";
		default:
			return NULL;
	}
}

static void write_address(const struct ip_addr *ip, char buffer[ADDRESS_SIZE])
{
	struct ip_addr address = *ip;
	int is_ipv6 = address.af == AF_INET6;

	snprintf(buffer, ADDRESS_SIZE, "%s%.*s%s", is_ipv6 ? "[" : "", IP_ADDR_MAX_STR_SIZE - 1, ip_addr2a(&address),
			is_ipv6 ? "]" : "");
}

ims_release_str flow_of(const struct receive_info *received, char buffer[FLOW_SIZE])
{
	const struct socket_info *socket = received->bind_address;
	char source[ADDRESS_SIZE];
	char local[ADDRESS_SIZE];

	if(socket == NULL)
		return (ims_release_str){NULL, 0};
	write_address(&received->src_ip, source);
	write_address(&socket->address, local);
	const struct end sender = {transport_of(received->proto), source, received->src_port};
	const struct end own = {transport_of(socket->proto), local, socket->port_no};
	return flow_between(&sender, &own, buffer);
}

static socket_pointer socket_named(ims_release_str text)
{
	char *host;
	int length;
	int port;
	int protocol;

	if(parse_phostport((char *)text.s, text.len, &host, &length, &port, &protocol) < 0)
		return NULL;
	str name = {host, length};
	return grep_sock_info(&name, (unsigned short)port, (unsigned short)protocol);
}

/* Whether the connection of this socket with the peer at this URI is there. */
static int is_connected(const str *uri, socket_pointer socket)
{
	struct sip_uri parts;
	struct tcp_connection *connection = NULL;

	/* Without one of these TCP may not even have been started. */
	if(!is_tcp_based_proto(socket->proto) || parse_uri(uri->s, uri->len, &parts) < 0)
		return 0;
	struct ip_addr *peer = str2ip(&parts.host);
	if(peer == NULL)
		peer = str2ip6(&parts.host);
	if(peer == NULL)
		return 0;
#if IMS_RELEASE_OPENSIPS < 40000
	int found = tcp_conn_get(0, peer, parts.port_no, socket->proto, NULL, &connection, NULL, socket);
#else
	int found = tcp_conn_get(0, peer, parts.port_no, socket->proto, NULL, &connection, socket);
#endif
	if(found <= 0 || connection == NULL)
		return 0;
	int is_good = connection->state == S_CONN_OK;
	tcp_conn_release(connection, 0);
	return is_good;
}

int find_way_back(uint64_t id, uint32_t leg, struct way_back *way)
{
	if(!ask_way_back(id, leg, &way->told))
		return 0;
	way->destination = str_of(way->told.destination);
	way->socket = socket_named(way->told.local);
	if(way->told.connection && (way->socket == NULL || !is_connected(&way->destination, way->socket))) {
		LM_DBG("no connection with %.*s any more\n", way->destination.len, way->destination.s);
		return 0;
	}
	return 1;
}
