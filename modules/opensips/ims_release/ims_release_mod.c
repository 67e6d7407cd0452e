/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Releases calls from the network, the way 3GPP TS 24.229 5.4.5.1.2 says. README.md is the manual.
 *
 * This file: the table that OpenSIPS reads, and the start. Then read script.c, capture.c, send.c, mend.c, loop.c, timer.c
 * and done.c, in the order in which a call passes them, and jobs.c for many calls; config.c, sockets.c, flow.c and host.c
 * serve them; mi.c, mi_jobs.c and statistics.c are beside them.
 */
#include "../../dprint.h"
#include "../../sr_module.h"

#include "capture.h"
#include "config.h"
#include "done.h"
#include "host.h"
#include "loop.h"
#include "mi.h"
#include "script.h"
#include "statistics.h"
#include "timer.h"

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
	if(find_export("topology_hiding", 0) != NULL)
		LM_NOTICE("topology_hiding is loaded: a call that it hides can be released only where record_route() comes behind "
				  "topology_hiding(), see the README\n");
	if(done_start() < 0 || config_open(done) < 0 || settings_resume() < 0)
		return -1;
	if(capture_start() < 0 || loop_start() < 0 || statistics_start() < 0)
		return -1;
	return 0;
}

/* In the main process, when the others are gone. tm still frees what belongs to its transactions after this. */
static void mod_destroy(void)
{
	ims_release_registry_close(registry);
	registry = NULL;
}

static const dep_export_t dependencies = {
	{
		{MOD_TYPE_DEFAULT, "tm", DEP_ABORT},
		{MOD_TYPE_NULL, NULL, 0},
	},
	{
		{NULL, NULL},
	},
};

static const pv_export_t variables[] = {
	{{"ims_release", sizeof("ims_release") - 1}, 1000, done_get, NULL, done_parse_name, NULL, NULL, 0},
	{{NULL, 0}, 0, NULL, NULL, NULL, NULL, NULL, 0},
};

/* The core looks it up by this name. */
struct module_exports exports = {
	.name = "ims_release",
	.type = MOD_TYPE_DEFAULT,
	.ver_info = MODULE_VERSION,
	.dlflags = DEFAULT_DLFLAGS,
	.deps = &dependencies,
	.cmds = script_functions,
	.params = config_parameters,
	.mi_cmds = mi_commands,
	.items = variables,
	.procs = timer_processes,
	.init_f = mod_init,
	.destroy_f = mod_destroy,
};
