/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A module of the live tests alone: writes every datagram that OpenSIPS receives or sends to a file, those that it sends
 * to its own socket included, as Kamailio's sipdump module does; loses what it is told to lose. It needs no root, unlike a
 * packet sniffer. OpenSIPS has no such module of its own: its tracer goes through the transactions that are under test.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

#include "../../dprint.h"
#include "../../ip_addr.h"
#include "../../net/trans.h"
#include "../../resolve.h"
#include "../../script_cb.h"
#include "../../socket_info.h"
#include "../../sr_module.h"

#define HEAD_SIZE 512
#define BLOCK_SIZE (HEAD_SIZE + 65536)

static char *file_name = NULL;
static int file = -1;

struct endpoint {
	char ip[64];
	unsigned int port;
};

static struct endpoint endpoint_of(const struct ip_addr *address, unsigned short port)
{
	struct endpoint found;
	struct ip_addr copy = *address;

	snprintf(found.ip, sizeof(found.ip), "%s", ip_addr2a(&copy));
	found.port = port;
	return found;
}

/* One write: blocks of several processes do not mix. */
static void write_block(const char *tag, struct endpoint from, struct endpoint to, const char *message, size_t length)
{
	static char block[BLOCK_SIZE];
	struct timeval now;
	int head;

	gettimeofday(&now, NULL);
	head = snprintf(block, HEAD_SIZE,
			"====================\ntag: %s\npid: %d\ntime: %lld.%06lld\nsrcip: %s\nsrcport: %u\ndstip: %s\ndstport: %u\n"
			"~~~~~~~~~~~~~~~~~~~~\n",
			tag, (int)getpid(), (long long)now.tv_sec, (long long)now.tv_usec, from.ip, from.port, to.ip, to.port);
	if(length > sizeof(block) - HEAD_SIZE - 32)
		return;
	memcpy(block + head, message, length);
	size_t whole = (size_t)head + length;
	whole += (size_t)snprintf(block + whole, 32, "||||||||||||||||||||\n");
	if(write(file, block, whole) < 0)
		LM_ERR("a datagram is not captured\n");
}

/* In memory that all processes share: 1 when something was lost. */
static int *lost = NULL;

static int begins(const struct sip_msg *message, const char *text)
{
	return message->len >= strlen(text) && memcmp(message->buf, text, strlen(text)) == 0;
}

/* What a test wants lost, once: our BYE on the loop, or the 403 to one. */
static const char *to_be_lost(const struct sip_msg *message)
{
	struct ip_addr from = message->rcv.src_ip;
	struct ip_addr to = message->rcv.dst_ip;
	const char *line_end = memchr(message->buf, '\r', message->len);

	if(message->rcv.src_port != message->rcv.dst_port || !ip_addr_cmp(&from, &to) || line_end == NULL)
		return NULL;
	if(begins(message, "SIP/2.0 403 "))
		return "answer";
	return begins(message, "BYE ")
						   && memmem(message->buf, (size_t)(line_end - message->buf), "live=lost", strlen("live=lost"))
										  != NULL
				   ? "bye"
				   : NULL;
}

static int received(struct sip_msg *message, void *parameter)
{
	const char *what = to_be_lost(message);

	(void)parameter;
	if(what != NULL && __sync_bool_compare_and_swap(lost, 0, 1)) {
		LM_INFO("LIVE lost|what=%s\n", what);
		return SCB_DROP_MSG;
	}
	write_block("rcv", endpoint_of(&message->rcv.src_ip, message->rcv.src_port),
			endpoint_of(&message->rcv.dst_ip, message->rcv.dst_port), message->buf, message->len);
	return SCB_RUN_ALL;
}

#if IMS_RELEASE_OPENSIPS < 30500
#define SEND_PARAMETERS \
	struct socket_info *socket, char *message, unsigned int length, union sockaddr_union *to, unsigned int id
#define SEND_ARGUMENTS socket, message, length, to, id
#elif IMS_RELEASE_OPENSIPS < 40000
#define SEND_PARAMETERS \
	const struct socket_info *socket, char *message, unsigned int length, const union sockaddr_union *to, unsigned int id
#define SEND_ARGUMENTS socket, message, length, to, id
#else
#define SEND_PARAMETERS \
	const struct socket_info *socket, char *message, unsigned int length, const union sockaddr_union *to, unsigned int id, \
			struct sip_msg *request
#define SEND_ARGUMENTS socket, message, length, to, id, request
#endif

static int (*send_by[PROTO_TCP + 1])(SEND_PARAMETERS);

static int sent(SEND_PARAMETERS)
{
	struct ip_addr address;
	union sockaddr_union copy = *to;

	su2ip_addr(&address, &copy);
	/* Before it can be answered. */
	write_block("snd", endpoint_of(&socket->address, socket->port_no), endpoint_of(&address, su_getport(&copy)), message,
			length);
	return send_by[socket->proto](SEND_ARGUMENTS);
}

static int mod_init(void)
{
	if(file_name == NULL || (file = open(file_name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)) < 0) {
		LM_ERR("no file for the datagrams\n");
		return -1;
	}
	lost = mmap(NULL, sizeof(*lost), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if(lost == MAP_FAILED)
		return -1;
	for(int protocol = PROTO_UDP; protocol <= PROTO_TCP; protocol++) {
		send_by[protocol] = protos[protocol].tran.send;
		if(send_by[protocol] != NULL)
			protos[protocol].tran.send = sent;
	}
	/* Before any other module can drop it. */
	return __register_script_cb(received, PRE_SCRIPT_CB | REQ_TYPE_CB | RPL_TYPE_CB, NULL, 1000);
}

static const param_export_t parameters[] = {
	{"file", STR_PARAM, &file_name},
	{NULL, 0, NULL},
};

struct module_exports exports = {
	.name = "live_capture",
	.type = MOD_TYPE_DEFAULT,
	.ver_info = MODULE_VERSION,
	.dlflags = DEFAULT_DLFLAGS,
	.params = parameters,
	.init_f = mod_init,
};
