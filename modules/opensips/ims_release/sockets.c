/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sockets.h"

#include <stdio.h>

#include "../../forward.h"
#include "../../ip_addr.h"
#include "../../parser/parse_uri.h"

#include "config.h"

socket_pointer socket_of(ims_release_str uri)
{
	struct sip_uri parts;
	str text = str_of(uri);

	if(text.len <= 0 || parse_uri(text.s, text.len, &parts) < 0)
		return NULL;
	unsigned short port = parts.port_no != 0 ? parts.port_no : (parts.type == SIPS_URI_T ? SIPS_PORT : SIP_PORT);
	return grep_sock_info(&parts.host, port, parts.proto);
}

static socket_pointer over_udp(socket_pointer socket)
{
	if(socket == NULL || socket->proto == PROTO_UDP)
		return socket;
	struct ip_addr address = socket->address;
	socket_pointer udp = find_si(&address, socket->port_no, PROTO_UDP);
	if(udp != NULL)
		return udp;
	return protos[PROTO_UDP].listeners != NULL ? socket_of_item(protos[PROTO_UDP].listeners) : socket;
}

socket_pointer loop_socket(ims_release_str next_hop)
{
	socket_pointer socket;

	if(config_loop_address().len > 0)
		return socket_of(config_loop_address());
	socket = socket_of(next_hop);
	return over_udp(socket != NULL ? socket : get_first_socket());
}

static int is_any(const struct ip_addr *address)
{
	static const unsigned char zero[sizeof(address->u.addr)];

	return memcmp(address->u.addr, zero, address->len) == 0;
}

int socket_uri(socket_pointer socket, char buffer[SOCKET_URI_SIZE], str *uri)
{
	const char *transport;
	int is_ipv6 = socket->address.af == AF_INET6;
	ims_release_str address = text_of(&socket->address_str);

	switch(socket->proto) {
		case PROTO_TCP:
			transport = "tcp";
			break;
		case PROTO_TLS:
			transport = "tls";
			break;
		case PROTO_SCTP:
			transport = "sctp";
			break;
		default:
			transport = "udp";
			break;
	}
	if(is_any(&socket->address))
		address = is_ipv6 ? (ims_release_str){"[::1]", 5} : (ims_release_str){"127.0.0.1", 9};
	int bracketed = is_ipv6 && address.s[0] != '[';
	int length = snprintf(buffer, SOCKET_URI_SIZE, "sip:%s%.*s%s:%u;transport=%s", bracketed ? "[" : "", address.len,
			address.s, bracketed ? "]" : "", (unsigned)socket->port_no, transport);
	if(length < 0 || length >= SOCKET_URI_SIZE)
		return -1;
	uri->s = buffer;
	uri->len = length;
	return 0;
}

static int is_loopback(const struct ip_addr *address)
{
	static const unsigned char ipv6[16] = {[15] = 1};

	return address->af == AF_INET ? address->u.addr[0] == 127 : memcmp(address->u.addr, ipv6, sizeof(ipv6)) == 0;
}

/* A socket on all addresses: the loop goes over the loopback address, see socket_uri(). */
static int from_wildcard_socket(const struct sip_msg *message)
{
	const struct socket_info *socket = message->rcv.bind_address;

	return socket != NULL && is_any(&socket->address) && is_loopback(&message->rcv.src_ip)
		   && (message->rcv.proto != PROTO_UDP || message->rcv.src_port == socket->port_no);
}

uint32_t from_own_socket(const struct sip_msg *message)
{
	struct ip_addr source = message->rcv.src_ip;
	/* A connection has any source port: there the address must do. */
	unsigned short port = message->rcv.proto == PROTO_UDP ? message->rcv.src_port : 0;

	return find_si(&source, port, (unsigned short)message->rcv.proto) != NULL || from_wildcard_socket(message);
}

int in_our_name(const struct sip_msg *message)
{
	const struct via_body *via = message->via1;
	str host = via->host;

	return check_self(&host, via->port != 0 ? (unsigned short)via->port : SIP_PORT, PROTO_NONE) == 1;
}
