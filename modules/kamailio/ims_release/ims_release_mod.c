/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Releases calls from the network, the way 3GPP TS 24.229 5.4.5.1.2 says. README.md is the manual.
 *
 * This file: the tables that Kamailio reads, the start, and the wrappers of the script functions. Then read capture.c,
 * send.c, loop.c, timer.c and done.c, in the order in which a call passes them; config.c, sockets.c and host.c serve
 * them; rpc.c is beside them.
 */
#include <inttypes.h>
#include <string.h>

#include "../../core/dprint.h"
#include "../../core/mod_fix.h"
#include "../../core/sr_module.h"

#include "capture.h"
#include "config.h"
#include "done.h"
#include "host.h"
#include "loop.h"
#include "rpc.h"
#include "send.h"
#include "timer.h"
#include "words.h"

MODULE_VERSION

static int mod_init(void);
static int child_init(int rank);
static void mod_destroy(void);

static int w_track(struct sip_msg *message, char *serves, char *unused);
static int w_release(struct sip_msg *message, char *cause, char *text);
static int w_is_ours(struct sip_msg *message, char *unused1, char *unused2);
static int fixup_release(void **parameter, int number);
static int fixup_free_release(void **parameter, int number);

static cmd_export_t commands[] = {
	{"ims_release_track", (cmd_function)w_track, 1, fixup_spve_null, fixup_free_spve_null, REQUEST_ROUTE},
	{"ims_release", (cmd_function)w_release, 1, fixup_release, fixup_free_release,
			REQUEST_ROUTE | FAILURE_ROUTE | ONREPLY_ROUTE | BRANCH_ROUTE},
	{"ims_release", (cmd_function)w_release, 2, fixup_release, fixup_free_release,
			REQUEST_ROUTE | FAILURE_ROUTE | ONREPLY_ROUTE | BRANCH_ROUTE},
	{"is_ims_release", (cmd_function)w_is_ours, 0, NULL, NULL, ANY_ROUTE},
	{NULL, NULL, 0, NULL, NULL, 0},
};

static param_export_t parameters[] = {
	{"store", PARAM_STR, &config.store},
	{"store_size", PARAM_INT, &config.store_size},
	{"default_cause", PARAM_INT, &config.default_cause},
	{"default_text", PARAM_STR, &config.default_text},
	{"header", PARAM_STR | PARAM_USE_FUNC, (void *)config_add_header},
	{"own", PARAM_STR | PARAM_USE_FUNC, (void *)config_add_own},
	{"loop_address", PARAM_STR, &config.loop_address},
	{"deadline", PARAM_INT, &config.deadline},
	{"attempt", PARAM_INT, &config.attempt},
	{"linger", PARAM_INT, &config.linger},
	{"retry", PARAM_INT, &config.retry},
	{"bypass", PARAM_INT, &config.bypass},
	{"hold", PARAM_INT, &config.hold},
	{"refuse_requests", PARAM_INT, &config.refuse_requests},
	{"dialog_lifetime", PARAM_INT, &config.dialog_lifetime},
	{"send_rate", PARAM_INT, &config.send_rate},
	{NULL, 0, NULL},
};

static pv_export_t variables[] = {
	{{"ims_release", sizeof("ims_release") - 1}, PVT_OTHER, done_get, NULL, done_parse_name, NULL, NULL, 0},
	{{NULL, 0}, 0, NULL, NULL, NULL, NULL, NULL, 0},
};

struct module_exports exports = {
	"ims_release",
	DEFAULT_DLFLAGS,
	commands,
	parameters,
	rpc_methods,
	variables,
	NULL,
	mod_init,
	child_init,
	mod_destroy,
};

/* Before the fork: what an earlier run has left under way is the timer's from its first tick on. */
static int resume(void)
{
	ims_release_resumed resumed;
	ims_release_status status;

	memset(&resumed, 0, sizeof(resumed));
	resumed.struct_size = sizeof(resumed);
	status = ims_release_registry_resume(registry, now_ms(), &resumed);
	if(status != IMS_RELEASE_OK) {
		LM_ERR("releases of an earlier run are not taken up again: %s\n", ims_release_status_text(status));
		return -1;
	}
	if(resumed.releases > 0 || resumed.unconfirmed > 0)
		LM_INFO("an earlier run has left %" PRIu64 " releases under way, %" PRIu64 " BYEs of them are due; %" PRIu64
				" outcomes may not have been heard\n",
				resumed.releases, resumed.byes, resumed.unconfirmed);
	return 0;
}

static int mod_init(void)
{
	if(ims_release_abi_version() != IMS_RELEASE_ABI_VERSION) {
		LM_ERR("the library has ABI %u, the module was built for %u\n", ims_release_abi_version(),
				IMS_RELEASE_ABI_VERSION);
		return -1;
	}
	log_start();
	if(load_tm_api(&tm) < 0) {
		LM_ERR("tm is missing: load it before ims_release\n");
		return -1;
	}
	if(config_validate() < 0 || config_open(done) < 0 || resume() < 0)
		return -1;
	if(capture_start() < 0 || loop_start() < 0 || send_start() < 0)
		return -1;
	done_start();
	return timer_start();
}

static int child_init(int rank)
{
	return rank == PROC_MAIN ? timer_fork() : 0;
}

static void mod_destroy(void)
{
	ims_release_registry_close(registry);
	registry = NULL;
}

static int w_track(struct sip_msg *message, char *serves, char *unused)
{
	str word;
	uint32_t side;
	ims_release_status status;

	(void)unused;
	if(get_str_fparam(&word, message, (fparam_t *)serves) < 0) {
		LM_ERR("ims_release_track(): no value for the served user\n");
		return -1;
	}
	side = serves_of_word(text_of(&word));
	if(side == 0) {
		LM_ERR("ims_release_track(): the served user is \"%.*s\", expected orig, term or neither\n", word.len, word.s);
		return -1;
	}
	status = ims_release_registry_track(registry, message_of(message), side, now_ms());
	if(status != IMS_RELEASE_OK) {
		log_refused_script("ims_release_track(): the call is not tracked and cannot be released", status);
		return -1;
	}
	return 1;
}

struct first_dialog {
	uint64_t id;
	int found;
};

static void keep_first(void *env, const ims_release_entry *entry)
{
	struct first_dialog *first = env;

	if(!first->found)
		*first = (struct first_dialog){entry->id, 1};
}

static int w_release(struct sip_msg *message, char *cause, char *text)
{
	struct first_dialog first = {0, 0};
	struct reason reason = {0, {NULL, 0}};
	str words = STR_NULL;
	int code;
	ims_release_status status;

	if(get_int_fparam(&code, message, (fparam_t *)cause) < 0 || code < 0
			|| (text != NULL && get_str_fparam(&words, message, (fparam_t *)text) < 0)) {
		LM_ERR("ims_release(): no value for the cause or its text\n");
		return -1;
	}
	reason.cause = (uint32_t)code;
	reason.text = text_of(&words);
	/* tm tells of it only when it is relayed, perhaps after this; its CSeq must count now. */
	if(message->first_line.type == SIP_REQUEST)
		capture(message_of(message));
	status = ims_release_registry_find(
			registry, IMS_RELEASE_SELECT_MESSAGE, message_of(message), keep_first, &first);
	if(status == IMS_RELEASE_OK)
		status = release(first.id, &reason, NULL);
	if(status != IMS_RELEASE_OK) {
		log_refused_script("ims_release(): the call is not released", status);
		return -1;
	}
	return 1;
}

static int fixup_release(void **parameter, int number)
{
	return number == 1 ? fixup_igp_null(parameter, 1) : fixup_spve_null(parameter, 1);
}

static int fixup_free_release(void **parameter, int number)
{
	return number == 1 ? fixup_free_igp_null(parameter, 1) : fixup_free_spve_null(parameter, 1);
}

static int w_is_ours(struct sip_msg *message, char *unused1, char *unused2)
{
	(void)unused1;
	(void)unused2;
	return is_ours(message) ? 1 : -1;
}
