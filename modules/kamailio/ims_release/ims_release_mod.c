/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Releases calls from the network, the way 3GPP TS 24.229 5.4.5.1.2 says. README.md is the manual.
 *
 * This file: the tables that Kamailio reads, and the start. Then read script.c, capture.c, send.c, loop.c, timer.c and
 * done.c, in the order in which a call passes them, and jobs.c for many calls; config.c, sockets.c, flow.c and host.c serve
 * them; kemi.c, rpc.c, rpc_jobs.c and statistics.c are beside them.
 */
#include "../../core/dprint.h"
#include "../../core/mod_fix.h"
#include "../../core/sr_module.h"

#include "capture.h"
#include "config.h"
#include "done.h"
#include "host.h"
#include "kemi.h"
#include "loop.h"
#include "rpc.h"
#include "script.h"
#include "send.h"
#include "statistics.h"
#include "timer.h"

MODULE_VERSION

#define DEFAULT_STORE "/var/lib/kamailio/ims_release"

static int mod_init(void);
static int child_init(int rank);
static void mod_destroy(void);

/* Of functions with more than two parameters the core knows the type by their number. */
static cmd_export_t commands[] = {
	{"ims_release_track", (cmd_function)script_track, 1, script_fixup_track, script_fixup_free_track, REQUEST_ROUTE},
	{"ims_release_track", (cmd_function)script_track, 2, script_fixup_track, script_fixup_free_track, REQUEST_ROUTE},
	{"ims_release_exempt", (cmd_function)script_exempt, 0, NULL, NULL,
			REQUEST_ROUTE | FAILURE_ROUTE | ONREPLY_ROUTE | BRANCH_ROUTE},
	{"ims_release", (cmd_function)script_release, 1, script_fixup_release, script_fixup_free_release,
			REQUEST_ROUTE | FAILURE_ROUTE | ONREPLY_ROUTE | BRANCH_ROUTE},
	{"ims_release", (cmd_function)script_release, 2, script_fixup_release, script_fixup_free_release,
			REQUEST_ROUTE | FAILURE_ROUTE | ONREPLY_ROUTE | BRANCH_ROUTE},
	{"ims_release_by", (cmd_function)(void *)script_release_by3, 3, script_fixup_release_by, script_fixup_free_release_by,
			ANY_ROUTE},
	{"ims_release_by", (cmd_function)(void *)script_release_by4, 4, script_fixup_release_by, script_fixup_free_release_by,
			ANY_ROUTE},
	{"is_ims_release", (cmd_function)script_is_ours, 0, NULL, NULL, ANY_ROUTE},
	{NULL, NULL, 0, NULL, NULL, 0},
};

static param_export_t parameters[] = {
	{"store", PARAM_STR, (void *)&settings.store},
	{"store_size", PARAM_INT, &settings.store_size},
	{"default_cause", PARAM_INT, &settings.default_cause},
	{"default_text", PARAM_STR, (void *)&settings.default_text},
	{"header", PARAM_STR | PARAM_USE_FUNC, (void *)config_add_header},
	{"own", PARAM_STR | PARAM_USE_FUNC, (void *)config_add_own},
	{"loop_address", PARAM_STR, &config_loop_address},
	{"event_callback", PARAM_STR, &done_callback},
	{"deadline", PARAM_INT, &settings.deadline},
	{"attempt", PARAM_INT, &settings.attempt},
	{"linger", PARAM_INT, &settings.linger},
	{"retry", PARAM_INT, &settings.retry},
	{"bypass", PARAM_INT, &settings.bypass},
	{"hold", PARAM_INT, &settings.hold},
	{"refuse_requests", PARAM_INT, &settings.refuse_requests},
	{"check_bye", PARAM_INT, &settings.check_bye},
	{"session_timer", PARAM_INT, &settings.session_timer},
	{"charging_vector", PARAM_INT, &settings.charging_vector},
	{"flow", PARAM_INT, &settings.flow},
	{"dialog_lifetime", PARAM_INT, &settings.dialog_lifetime},
	{"send_rate", PARAM_INT, &settings.send_rate},
	{"job_rate", PARAM_INT, &settings.job_rate},
	{"job_inflight", PARAM_INT, &settings.job_inflight},
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

/* The core calls it by this name. */
int mod_register(char *path, int *dlflags, void *unused1, void *unused2)
{
	(void)path;
	(void)dlflags;
	(void)unused1;
	(void)unused2;
	settings.store = (ims_release_str){DEFAULT_STORE, sizeof(DEFAULT_STORE) - 1};
	return sr_kemi_modules_add(kemi_functions);
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
	if(done_start() < 0 || config_open(done) < 0 || settings_resume() < 0)
		return -1;
	if(capture_start() < 0 || loop_start() < 0 || send_start() < 0 || statistics_start() < 0)
		return -1;
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
