/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "../../dprint.h"
#include "../../globals.h"
#include "../../name_alias.h"
#include "../../socket_info.h"
#include "../../ut.h"

#include "sockets.h"

/* What tm has without its modparam. */
#define FR_TIMEOUT_S 30

/* As the core gives them. */
static char *store = "/var/lib/opensips/ims_release";
static char *default_text = "";
static char *loop_address = "";

static ims_release_str text_of_parameter(const char *value)
{
	return (ims_release_str){value, (int)strlen(value)};
}

static int add_header(modparam_t type, void *value)
{
	(void)type;
	return settings_add_header(text_of_parameter(value));
}

static int add_own(modparam_t type, void *value)
{
	(void)type;
	return settings_add_own(text_of_parameter(value));
}

const param_export_t config_parameters[] = {
	{"store", STR_PARAM, &store},
	{"store_size", INT_PARAM, &settings.store_size},
	{"default_cause", INT_PARAM, &settings.default_cause},
	{"default_text", STR_PARAM, &default_text},
	{"header", STR_PARAM | USE_FUNC_PARAM, (void *)add_header},
	{"own", STR_PARAM | USE_FUNC_PARAM, (void *)add_own},
	{"loop_address", STR_PARAM, &loop_address},
	{"deadline", INT_PARAM, &settings.deadline},
	{"attempt", INT_PARAM, &settings.attempt},
	{"linger", INT_PARAM, &settings.linger},
	{"retry", INT_PARAM, &settings.retry},
	{"bypass", INT_PARAM, &settings.bypass},
	{"hold", INT_PARAM, &settings.hold},
	{"refuse_requests", INT_PARAM, &settings.refuse_requests},
	{"check_bye", INT_PARAM, &settings.check_bye},
	{"charging_vector", INT_PARAM, &settings.charging_vector},
	{"session_timer", INT_PARAM, &settings.session_timer},
	{"flow", INT_PARAM, &settings.flow},
	{"dialog_lifetime", INT_PARAM, &settings.dialog_lifetime},
	{"send_rate", INT_PARAM, &settings.send_rate},
	{"job_rate", INT_PARAM, &settings.job_rate},
	{"job_inflight", INT_PARAM, &settings.job_inflight},
	{0, 0, 0},
};

ims_release_str config_loop_address(void)
{
	return text_of_parameter(loop_address);
}

int config_fr_timeout(void)
{
	static int seconds = 0;

	if(seconds == 0) {
		const int *configured = find_param_export("tm", "fr_timeout", INT_PARAM);
		seconds = configured != NULL && *configured > 0 ? *configured : FR_TIMEOUT_S;
	}
	return seconds;
}

static int add_socket(const struct socket_info *socket)
{
	unsigned int advertised = socket->adv_port != 0 ? socket->adv_port : socket->port_no;

	if(settings_add_host(text_of(&socket->address_str), socket->port_no) < 0
			|| (socket->name.len > 0 && settings_add_host(text_of(&socket->name), socket->port_no) < 0))
		return -1;
	return socket->adv_name_str.len > 0 ? settings_add_host(text_of(&socket->adv_name_str), advertised) : 0;
}

/* What OpenSIPS itself may write into Record-Route: its sockets, advertised or not, and its aliases. */
static int add_own_hosts(void)
{
	for(int protocol = PROTO_FIRST; protocol < PROTO_LAST; protocol++) {
		if(!is_sip_proto(protocol))
			continue;
		for_each_socket(socket, protocol) {
			if(add_socket(socket_of_item(socket)) < 0)
				return -1;
		}
	}
	for(const struct host_alias *alias = aliases; alias != NULL; alias = alias->next) {
		if(settings_add_host(text_of(&alias->alias), alias->port) < 0)
			return -1;
	}
	settings_end_hosts();
	return 0;
}

int config_open(ims_release_ended_fn ended)
{
	/* The core changes its user after mod_init. */
	int run_as_uid = 0;
	int run_as_gid = 0;

	settings.store = text_of_parameter(store);
	settings.default_text = text_of_parameter(default_text);
	if(settings_validate((uint32_t)config_fr_timeout() * 1000, "tm's fr_timeout") < 0)
		return -1;
	if(loop_address[0] != '\0' && socket_of(config_loop_address()) == NULL) {
		LM_ERR("modparam loop_address: \"%s\" names none of the sockets that this proxy listens on\n", loop_address);
		return -1;
	}
	if(!settings_have_own() && add_own_hosts() < 0)
		return -1;
	if((user != NULL && user2uid(&run_as_uid, &run_as_gid, user) < 0)
			|| (group != NULL && group2gid(&run_as_gid, group) < 0)) {
		LM_ERR("the user or group that OpenSIPS is to run as is unknown\n");
		return -1;
	}
	return settings_open(run_as_uid > 0 ? (uint32_t)run_as_uid : IMS_RELEASE_OWNER_NONE,
			run_as_gid > 0 ? (uint32_t)run_as_gid : IMS_RELEASE_OWNER_NONE, ended);
}
