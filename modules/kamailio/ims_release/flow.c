/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "flow.h"

#include "../../core/dprint.h"
#include "../../core/globals.h"
#include "../../core/parser/parse_uri.h"
#include "../../core/resolve.h"
#include "../../core/socket_info.h"
#include "../../core/tcp_conn.h"
#include "../../core/tcp_options.h"

/* Kamailio has one transport for both kinds of WebSocket in a URI. NULL: none that could be written down. */
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
		case PROTO_WSS:
			return "ws";
		default:
			return NULL;
	}
}

ims_release_str flow_of(const struct receive_info *received, char buffer[FLOW_SIZE])
{
	const struct socket_info *socket = received->bind_address;
	char source[IP_ADDR_MAX_STRZ_SIZE + 2];
	char local[IP_ADDR_MAX_STRZ_SIZE + 2];

	if(socket == NULL)
		return (ims_release_str){NULL, 0};
	struct ip_addr source_ip = received->src_ip;
	struct ip_addr local_ip = socket->address;
	if(ip_addr2sbufz(&source_ip, source, sizeof(source)) <= 0 || ip_addr2sbufz(&local_ip, local, sizeof(local)) <= 0)
		return (ims_release_str){NULL, 0};
	const struct end sender = {transport_of(received->proto), source, received->src_port};
	const struct end own = {transport_of(socket->proto), local, socket->port_no};
	return flow_between(&sender, &own, buffer);
}

/* Whether a connection with the peer at this URI is there. */
static int is_connected(const str *uri)
{
	struct sip_uri parts;
	struct ip_addr peer;

	if(tcp_disable || parse_uri(uri->s, uri->len, &parts) < 0 || str2ipxbuf(&parts.host, &peer) < 0)
		return 0;
	struct tcp_connection *connection =
			tcpconn_get(0, &peer, parts.port_no, NULL, (ticks_t)cfg_get(tcp, tcp_cfg, con_lifetime));
	if(connection == NULL)
		return 0;
	int is_good = connection->state != S_CONN_BAD && connection->state != S_CONN_EOF;
	tcpconn_put(connection);
	return is_good;
}

/* The socket that is named as in a listen line; of a WebSocket the core finds its connection alone. */
static struct socket_info *socket_named(char *text, const str *destination)
{
	struct sip_uri parts;
	char *host;
	int length;
	int port;
	int protocol;

	if(parse_uri(destination->s, destination->len, &parts) < 0 || parts.proto == PROTO_WS
			|| parse_phostport(text, &host, &length, &port, &protocol) < 0)
		return NULL;
	str name = {host, length};
	return grep_sock_info(&name, (unsigned short)port, (unsigned short)protocol);
}

int find_way_back(uint64_t id, uint32_t leg, struct way_back *way)
{
	if(!ask_way_back(id, leg, &way->told))
		return 0;
	way->destination = str_of(way->told.destination);
	if(way->told.connection && !is_connected(&way->destination)) {
		LM_DBG("no connection with %.*s any more\n", way->destination.len, way->destination.s);
		return 0;
	}
	way->socket = socket_named((char *)way->told.local.s, &way->destination);
	return 1;
}
