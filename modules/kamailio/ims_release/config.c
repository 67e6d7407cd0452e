/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "../../core/cfg/cfg_struct.h"
#include "../../core/dprint.h"
#include "../../core/globals.h"
#include "../../core/name_alias.h"
#include "../../core/socket_info.h"
#include "../../core/timer_ticks.h"

#include "sockets.h"

/* What tm has without its modparam. */
#define FR_TIMER_MS 30000

str config_loop_address = STR_NULL;

int config_add_header(modparam_t type, void *value)
{
	(void)type;
	return settings_add_header(text_of((str *)value));
}

int config_add_own(modparam_t type, void *value)
{
	(void)type;
	return settings_add_own(text_of((str *)value));
}

/* What Kamailio itself may write into Record-Route: its sockets, advertised or not, and its aliases. */
static int add_own_sockets(void)
{
	unsigned short protocol = PROTO_UDP;

	do {
		struct socket_info **list = get_sock_info_list(protocol);
		for(struct socket_info *socket = list != NULL ? *list : NULL; socket != NULL; socket = socket->next) {
			if(settings_add_host(text_of(&socket->address_str), socket->port_no) < 0 || settings_add_host(text_of(&socket->name), socket->port_no) < 0)
				return -1;
			if(socket->useinfo.name.len > 0
					&& settings_add_host(text_of(&socket->useinfo.name),
							   socket->useinfo.port_no != 0 ? socket->useinfo.port_no : socket->port_no)
							   < 0)
				return -1;
		}
	} while((protocol = (unsigned short)next_proto(protocol)) != 0);
	for(struct host_alias *alias = aliases; alias != NULL; alias = alias->next) {
		if(settings_add_host(text_of(&alias->alias), alias->port) < 0)
			return -1;
	}
	settings_end_hosts();
	return 0;
}

/* tm's fr_timer as it is configured, in milliseconds; what it is without a word where tm does not tell. tm keeps it in ticks. */
static uint32_t fr_timer_ms(void)
{
	str group_name = str_init("tm");
	str name = str_init("fr_timer");
	cfg_group_t *group;
	cfg_mapping_t *variable;

	if(cfg_lookup_var(&group_name, &name, &group, &variable) < 0 || CFG_VAR_TYPE(variable) != CFG_VAR_INT)
		return FR_TIMER_MS;
	return TICKS_TO_MS(*(unsigned int *)((char *)*group->handle + variable->offset));
}

int config_open(ims_release_ended_fn ended)
{
	if(settings_validate(fr_timer_ms(), "tm's fr_timer") < 0)
		return -1;
	if(config_loop_address.len > 0 && socket_of(text_of(&config_loop_address)) == NULL) {
		LM_ERR("modparam loop_address: \"%.*s\" names none of the sockets that this proxy listens on\n",
				config_loop_address.len, config_loop_address.s);
		return -1;
	}
	if(!settings_have_own() && add_own_sockets() < 0)
		return -1;
	/* With -u the core changes its user after mod_init. */
	return settings_open(uid > 0 ? (uint32_t)uid : IMS_RELEASE_OWNER_NONE, gid > 0 ? (uint32_t)gid : IMS_RELEASE_OWNER_NONE,
			ended);
}
