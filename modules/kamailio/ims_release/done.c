/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "done.h"

#include <inttypes.h>

#include "../../core/action.h"
#include "../../core/dprint.h"
#include "../../core/fmsg.h"
#include "../../core/kemi.h"
#include "../../core/route.h"
#include "../../core/script_cb.h"

#include "words.h"

enum name {
	CALL_ID,
	OUTCOME,
	CAUSE,
	TEXT,
	BY,
	JOB,
	CALLED_CODE,
	CALLING_CODE,
	CALLED_ATTEMPTS,
	CALLING_ATTEMPTS,
	CALLED_MS,
	CALLING_MS,
	DURATION,
	NAMES
};

static const str names[NAMES] = {
	[CALL_ID] = STR_STATIC_INIT("call_id"),
	[OUTCOME] = STR_STATIC_INIT("outcome"),
	[CAUSE] = STR_STATIC_INIT("cause"),
	[TEXT] = STR_STATIC_INIT("text"),
	[BY] = STR_STATIC_INIT("by"),
	[JOB] = STR_STATIC_INIT("job"),
	[CALLED_CODE] = STR_STATIC_INIT("called_code"),
	[CALLING_CODE] = STR_STATIC_INIT("calling_code"),
	[CALLED_ATTEMPTS] = STR_STATIC_INIT("called_attempts"),
	[CALLING_ATTEMPTS] = STR_STATIC_INIT("calling_attempts"),
	[CALLED_MS] = STR_STATIC_INIT("called_ms"),
	[CALLING_MS] = STR_STATIC_INIT("calling_ms"),
	[DURATION] = STR_STATIC_INIT("duration"),
};

str done_callback = STR_NULL;

static int event_route = -1;

/* What the event route of this process is running for. */
static const ims_release_ended *current = NULL;

static int check_callback(void)
{
	if(sr_kemi_eng_get() == NULL) {
		LM_ERR("parameter event_callback: \"%.*s\" would never be called, no script of another language is run (cfgengine)\n",
				done_callback.len, done_callback.s);
		return -1;
	}
	if(event_route >= 0) {
		LM_ERR("parameter event_callback: event_route[ims_release:done] is there too; only one of them can be called\n");
		return -1;
	}
	return 0;
}

int done_start(void)
{
	/*
	 * Kamailio's parser knows no underscore before the colon: of event_route[ims_release:done] it prints "ims_" and keeps
	 * the rest. A hyphen passes.
	 */
	static char *const spellings[] = {"ims_release:done", "ims-release:done", "release:done"};

	for(size_t i = 0; i < sizeof(spellings) / sizeof(spellings[0]) && event_route < 0; i++) {
		int index = route_lookup(&event_rt, spellings[i]);
		if(index >= 0 && event_rt.rlist[index] != NULL)
			event_route = index;
	}
	return done_callback.len > 0 ? check_callback() : 0;
}

/* With a context of its own: what is dropped in it is not the message of the script that has brought the end about. */
static void run_script(struct sip_msg *message, struct run_act_ctx *context)
{
	str event = str_init("ims-release:done");

	if(event_route >= 0)
		run_top_route(event_rt.rlist[event_route], message, context);
	else if(sr_kemi_ctx_route(sr_kemi_eng_get(), context, message, EVENT_ROUTE, &done_callback, &event) < 0)
		LM_ERR("event_callback \"%.*s\" has failed for a release\n", done_callback.len, done_callback.s);
}

static void run_event(const ims_release_ended *ended)
{
	struct sip_msg *message = faked_msg_get_next();
	int route_type = get_route_type();
	const ims_release_ended *outer = current;
	struct run_act_ctx context;

	if(message == NULL || exec_pre_script_cb(message, LOCAL_CB_TYPE) == 0) {
		LM_ERR("the event ims_release:done could not be told to the script\n");
		return;
	}
	current = ended;
	set_route_type(EVENT_ROUTE);
	init_run_actions_ctx(&context);
	run_script(message, &context);
	exec_post_script_cb(message, LOCAL_CB_TYPE);
	set_route_type(route_type);
	current = outer;
}

void done(void *env, const ims_release_ended *ended)
{
	char id[ID_SIZE];

	(void)env;
	word_of_id(ended->id, id);
	/* The one line of a release. What stands last may hold anything. */
	LM_NOTICE("release %s ended: call_id=%.*s by=%s job=%u cause=%u outcome=%s called=%u/%u/%" PRIu64
			  " calling=%u/%u/%" PRIu64 " duration=%" PRIu64 "%s text=\"%.*s\"\n",
			id, ended->call_id.len, ended->call_id.s != NULL ? ended->call_id.s : "", word_of_by(ended->by), ended->job,
			ended->cause, word_of_outcome(ended->outcome), ended->called_code, ended->called_attempts,
			ended->called_duration_ms, ended->calling_code, ended->calling_attempts, ended->calling_duration_ms,
			ended->duration_ms, ended->text_lost != 0 ? " text_lost=1" : "", ended->text.len, ended->text.s != NULL ? ended->text.s : "");
	if(event_route >= 0 || done_callback.len > 0)
		run_event(ended);
}

int done_parse_name(pv_spec_t *variable, str *name)
{
	for(int i = 0; i < NAMES; i++) {
		if(name != NULL && STR_EQ(*name, names[i])) {
			variable->pvp.pvn.type = PV_NAME_INTSTR;
			variable->pvp.pvn.u.isname.type = 0;
			variable->pvp.pvn.u.isname.name.n = i;
			return 0;
		}
	}
	LM_ERR("$ims_release(%.*s): the names are call_id, outcome, cause, text, by, job, called_code, calling_code, called_attempts, "
		   "calling_attempts, called_ms, calling_ms, duration\n",
			name != NULL ? name->len : 0, name != NULL ? name->s : "");
	return -1;
}

int done_get(struct sip_msg *message, pv_param_t *parameter, pv_value_t *result)
{
	str text;

	if(current == NULL)
		return pv_get_null(message, parameter, result);
	switch((enum name)parameter->pvn.u.isname.name.n) {
		case CALL_ID:
			text = str_of(current->call_id);
			return pv_get_strval(message, parameter, result, &text);
		case OUTCOME:
			text.s = (char *)word_of_outcome(current->outcome);
			text.len = (int)strlen(text.s);
			return pv_get_strval(message, parameter, result, &text);
		case CAUSE:
			return pv_get_uintval(message, parameter, result, current->cause);
		case TEXT:
			text = str_of(current->text);
			return pv_get_strval(message, parameter, result, &text);
		case BY:
			text.s = (char *)word_of_by(current->by);
			text.len = (int)strlen(text.s);
			return pv_get_strval(message, parameter, result, &text);
		case JOB:
			return pv_get_uintval(message, parameter, result, current->job);
		case CALLED_CODE:
			return pv_get_uintval(message, parameter, result, current->called_code);
		case CALLING_CODE:
			return pv_get_uintval(message, parameter, result, current->calling_code);
		case CALLED_ATTEMPTS:
			return pv_get_uintval(message, parameter, result, current->called_attempts);
		case CALLING_ATTEMPTS:
			return pv_get_uintval(message, parameter, result, current->calling_attempts);
		case CALLED_MS:
			return pv_get_uintval(message, parameter, result, (unsigned int)current->called_duration_ms);
		case CALLING_MS:
			return pv_get_uintval(message, parameter, result, (unsigned int)current->calling_duration_ms);
		case DURATION:
			return pv_get_uintval(message, parameter, result, (unsigned int)current->duration_ms);
		default:
			return pv_get_null(message, parameter, result);
	}
}
