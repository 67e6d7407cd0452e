/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "../../core/cfg/cfg_struct.h"
#include "../../core/dprint.h"
#include "../../core/globals.h"
#include "../../core/mem/pkg.h"
#include "../../core/name_alias.h"
#include "../../core/socket_info.h"
#include "../../core/timer_ticks.h"

#include "check.h"
#include "sockets.h"

/* Below that the library would take more than it was given. */
#define STORE_SIZE_LEAST (2 * 1024 * 1024)
/* By how much an attempt outlives tm's fr_timer: that of the BYE for service control is longer, and tm comes late. */
#define ATTEMPT_MORE_MS 10000

struct config config = {
	.store = STR_STATIC_INIT("/var/lib/kamailio/ims_release"),
	.default_cause = 503,
	.deadline = 120,
	.linger = 32,
	.retry = 1,
	.bypass = 1,
	.hold = 1,
	.refuse_requests = 1,
	.charging_vector = 1,
	.session_timer = 1,
	.dialog_lifetime = 43200,
	.send_rate = 400,
	.job_rate = 200,
	.job_inflight = 500,
};

static ims_release_str headers[IMS_RELEASE_MAX_HEADERS];
static size_t header_count = 0;

static ims_release_own own[IMS_RELEASE_MAX_OWN];
static size_t own_count = 0;
static size_t own_left_out = 0;

int config_add_header(modparam_t type, void *value)
{
	(void)type;
	if(header_count == IMS_RELEASE_MAX_HEADERS) {
		LM_ERR("modparam header: given more than %d times\n", IMS_RELEASE_MAX_HEADERS);
		return -1;
	}
	headers[header_count++] = text_of((str *)value);
	return 0;
}

int config_add_own(modparam_t type, void *value)
{
	const str *text = value;
	ims_release_own *entry = &own[own_count];

	(void)type;
	if(own_count == IMS_RELEASE_MAX_OWN) {
		LM_ERR("modparam own: given more than %d times\n", IMS_RELEASE_MAX_OWN);
		return -1;
	}
	if(text->len > 4 && (strncasecmp(text->s, "sip:", 4) == 0 || strncasecmp(text->s, "sips:", 5) == 0))
		entry->uri = text_of(text);
	else
		entry->host = text_of(text);
	own_count++;
	return 0;
}

/* Adds "host:port" unless it is known. -1: out of memory. */
static int add_host(const str *host, unsigned short port)
{
	int bracketed = memchr(host->s, ':', (size_t)host->len) != NULL && host->s[0] != '[';
	size_t size = (size_t)host->len + sizeof("[]:65535");
	char *text = pkg_malloc(size);

	if(text == NULL) {
		PKG_MEM_ERROR;
		return -1;
	}
	int length = snprintf(text, size, "%s%.*s%s", bracketed ? "[" : "", host->len, host->s, bracketed ? "]" : "");
	if(port != 0)
		length += snprintf(text + length, size - (size_t)length, ":%u", (unsigned)port);
	for(size_t i = 0; i < own_count; i++) {
		if(own[i].host.len == length && strncasecmp(own[i].host.s, text, (size_t)length) == 0) {
			pkg_free(text);
			return 0;
		}
	}
	if(own_count == IMS_RELEASE_MAX_OWN) {
		own_left_out++;
		pkg_free(text);
		return 0;
	}
	own[own_count++].host = (ims_release_str){text, length};
	return 0;
}

/* What Kamailio itself may write into Record-Route: its sockets, advertised or not, and its aliases. */
static int add_own_sockets(void)
{
	unsigned short protocol = PROTO_UDP;

	do {
		struct socket_info **list = get_sock_info_list(protocol);
		for(struct socket_info *socket = list != NULL ? *list : NULL; socket != NULL; socket = socket->next) {
			if(add_host(&socket->address_str, socket->port_no) < 0 || add_host(&socket->name, socket->port_no) < 0)
				return -1;
			if(socket->useinfo.name.len > 0
					&& add_host(&socket->useinfo.name,
							   socket->useinfo.port_no != 0 ? socket->useinfo.port_no : socket->port_no)
							   < 0)
				return -1;
		}
	} while((protocol = (unsigned short)next_proto(protocol)) != 0);
	for(struct host_alias *alias = aliases; alias != NULL; alias = alias->next) {
		if(add_host(&alias->alias, alias->port) < 0)
			return -1;
	}
	if(own_left_out > 0)
		LM_WARN("%zu own addresses and aliases are left out, more than %d are not compared: name those that stand in "
				"Record-Route with modparam own\n",
				own_left_out, IMS_RELEASE_MAX_OWN);
	return 0;
}

void config_default_reason(uint32_t *cause, ims_release_str *text)
{
	*cause = (uint32_t)config.default_cause;
	*text = text_of(&config.default_text);
	if(config.default_text.len == 0 && config.default_cause == 503)
		*text = (ims_release_str){"Service Unavailable", sizeof("Service Unavailable") - 1};
}

void config_options(uint32_t cause, ims_release_str text, ims_release_options *options)
{
	memset(options, 0, sizeof(*options));
	options->struct_size = sizeof(*options);
	options->form = IMS_RELEASE_FORM_LOOP;
	options->cause = cause;
	options->text = text;
	options->headers = headers;
	options->header_count = header_count;
}

static int check_reason_and_headers(void)
{
	ims_release_options options;
	uint32_t cause;
	ims_release_str text;
	ims_release_status status;

	config_default_reason(&cause, &text);
	config_options(cause, text, &options);
	options.header_count = 0;
	status = check_options(&options);
	if(status == IMS_RELEASE_BAD_REASON_TEXT) {
		LM_ERR("modparam default_text: %s\n", ims_release_status_text(status));
		return -1;
	}
	if(status != IMS_RELEASE_OK) {
		LM_ERR("modparam default_cause %d: %s\n", config.default_cause, ims_release_status_text(status));
		return -1;
	}
	/* One more each time: the last one is the one that is refused. */
	for(size_t count = 1; count <= header_count; count++) {
		options.header_count = count;
		status = check_options(&options);
		if(status != IMS_RELEASE_OK) {
			LM_ERR("modparam header \"%.*s\": %s\n", headers[count - 1].len, headers[count - 1].s,
					ims_release_status_text(status));
			return -1;
		}
	}
	return 0;
}

/* tm's fr_timer as it is configured, in milliseconds; 0 when tm does not tell. tm keeps it in ticks. */
static uint32_t fr_timer_ms(void)
{
	str group_name = str_init("tm");
	str name = str_init("fr_timer");
	cfg_group_t *group;
	cfg_mapping_t *variable;

	if(cfg_lookup_var(&group_name, &name, &group, &variable) < 0 || CFG_VAR_TYPE(variable) != CFG_VAR_INT)
		return 0;
	return TICKS_TO_MS(*(unsigned int *)((char *)*group->handle + variable->offset));
}

/* After this long no answer to a BYE can come any more, in milliseconds. */
static uint32_t attempt_ms(void)
{
	uint32_t fr_timer = fr_timer_ms();

	if(config.attempt > 0)
		return (uint32_t)config.attempt * 1000;
	return (fr_timer > 0 ? fr_timer : 30000) + ATTEMPT_MORE_MS;
}

static int check_range(const char *name, int value, int least, int most)
{
	if(value >= least && value <= most)
		return 0;
	LM_ERR("modparam %s: %d is not from %d to %d\n", name, value, least, most);
	return -1;
}

static int check_numbers(void)
{
	if(check_range("deadline", config.deadline, 1, 86400) < 0 || check_range("attempt", config.attempt, 0, 3600) < 0
			|| check_range("linger", config.linger, 0, 3600) < 0 || check_range("retry", config.retry, 0, 1) < 0
			|| check_range("bypass", config.bypass, 0, 1) < 0 || check_range("hold", config.hold, 0, 1) < 0
			|| check_range("refuse_requests", config.refuse_requests, 0, 1) < 0
			|| check_range("charging_vector", config.charging_vector, 0, 1) < 0
			|| check_range("session_timer", config.session_timer, 0, 1) < 0
			|| check_range("dialog_lifetime", config.dialog_lifetime, 60, 31536000) < 0
			|| check_range("send_rate", config.send_rate, 1, 10000) < 0
			|| check_range("job_rate", config.job_rate, 1, 65535) < 0
			|| check_range("job_inflight", config.job_inflight, 1, 65535) < 0)
		return -1;
	/* Else a release would be over before its first BYE had its time. */
	if((uint32_t)config.deadline * 1000 < attempt_ms()) {
		LM_ERR("modparam deadline: %d seconds are less than one attempt takes, %u milliseconds (tm's fr_timer and 10 "
				"seconds, or modparam attempt)\n",
				config.deadline, attempt_ms());
		return -1;
	}
	return 0;
}

int config_validate(void)
{
	if(config.store.len == 0 || config.store.s[0] != '/') {
		LM_ERR("modparam store: \"%.*s\" is no absolute path of a directory\n", config.store.len, config.store.s);
		return -1;
	}
	if(config.store_size != 0 && config.store_size < STORE_SIZE_LEAST) {
		LM_ERR("modparam store_size: %d is below %d octets\n", config.store_size, STORE_SIZE_LEAST);
		return -1;
	}
	if(check_numbers() < 0)
		return -1;
	if(config.loop_address.len > 0 && socket_of(text_of(&config.loop_address)) == NULL) {
		LM_ERR("modparam loop_address: \"%.*s\" names none of the sockets that this proxy listens on\n",
				config.loop_address.len, config.loop_address.s);
		return -1;
	}
	if(check_reason_and_headers() < 0)
		return -1;
	for(size_t i = 0; i < own_count; i++) {
		ims_release_str text = own[i].uri.len > 0 ? own[i].uri : own[i].host;
		ims_release_status status = check_own(&own[i]);
		if(status != IMS_RELEASE_OK) {
			LM_ERR("modparam own \"%.*s\": %s\n", text.len, text.s, ims_release_status_text(status));
			return -1;
		}
	}
	return own_count > 0 ? 0 : add_own_sockets();
}

int config_open(ims_release_ended_fn ended)
{
	ims_release_config settings;
	ims_release_status status;

	memset(&settings, 0, sizeof(settings));
	settings.struct_size = sizeof(settings);
	settings.engine = IMS_RELEASE_ENGINE_SHARED;
	settings.directory = text_of(&config.store);
	settings.size = (uint64_t)config.store_size;
	/* With -u the core changes its user after mod_init. */
	settings.uid = uid > 0 ? (uint32_t)uid : IMS_RELEASE_OWNER_NONE;
	settings.gid = gid > 0 ? (uint32_t)gid : IMS_RELEASE_OWNER_NONE;
	settings.deadline_ms = (uint32_t)config.deadline * 1000;
	settings.attempt_ms = attempt_ms();
	settings.linger_ms = config.linger > 0 ? (uint32_t)config.linger * 1000 : IMS_RELEASE_LINGER_NONE;
	settings.dialog_lifetime_s = (uint32_t)config.dialog_lifetime;
	settings.policy = (config.retry ? 0 : IMS_RELEASE_NO_RETRY) | (config.bypass ? 0 : IMS_RELEASE_NO_BYPASS)
					  | (config.hold ? 0 : IMS_RELEASE_NO_HOLD)
					  | (config.refuse_requests ? 0 : IMS_RELEASE_NO_REFUSAL)
					  | (config.charging_vector ? 0 : IMS_RELEASE_NO_CHARGING_VECTOR)
					  | (config.session_timer ? 0 : IMS_RELEASE_NO_SESSION_TIMER);
	settings.own = own;
	settings.own_count = own_count;
	settings.ended = ended;
	status = ims_release_registry_open(&settings, &registry);
	/* Where the operating system refused, the library has said what and where. */
	if(status != IMS_RELEASE_OK && status != IMS_RELEASE_STORE_IO)
		LM_ERR("modparam store \"%.*s\", store_size %d: %s\n", config.store.len, config.store.s, config.store_size,
				ims_release_status_text(status));
	return status == IMS_RELEASE_OK ? 0 : -1;
}
