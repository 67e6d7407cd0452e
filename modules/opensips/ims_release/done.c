/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "done.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/ioctl.h>

#include "../../dprint.h"
#include "../../evi/evi_modules.h"
#include "../../evi/evi_params.h"
#include "../../ipc.h"
#include "../../lock_ops.h"
#include "../../mem/shm_mem.h"
#include "../../route.h"

#include "words.h"

/* In one round; the others come in the next one. */
#define RAISED_MOST 100

enum name {
	CALL_ID,
	OUTCOME,
	TEXT,
	BY,
	CAUSE,
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

#define NAMED(text) {(text), sizeof(text) - 1}
static const str names[NAMES] = {
	[CALL_ID] = NAMED("call_id"),
	[OUTCOME] = NAMED("outcome"),
	[TEXT] = NAMED("text"),
	[BY] = NAMED("by"),
	[CAUSE] = NAMED("cause"),
	[JOB] = NAMED("job"),
	[CALLED_CODE] = NAMED("called_code"),
	[CALLING_CODE] = NAMED("calling_code"),
	[CALLED_ATTEMPTS] = NAMED("called_attempts"),
	[CALLING_ATTEMPTS] = NAMED("calling_attempts"),
	[CALLED_MS] = NAMED("called_ms"),
	[CALLING_MS] = NAMED("calling_ms"),
	[DURATION] = NAMED("duration"),
};

/* One end that is to be told. */
struct ended {
	struct ended *next;
	int values[NAMES];
	uint32_t outcome;
	uint32_t by;
	int call_id_len;
	int text_len;
	/* Call-ID and text. */
	char texts[];
};

/* In shared memory: any process notes the last reply. */
static struct queue {
	gen_lock_t lock;
	struct ended *first;
	struct ended **last;
} *queue = NULL;

static event_id_t event = EVI_ERROR;

int done_start(void)
{
	str name = NAMED("E_IMS_RELEASE_DONE");

	/* An event_route has published it already. */
	event = evi_get_id(&name);
	if(event == EVI_ERROR)
		event = evi_publish_event(name);
	queue = shm_malloc(sizeof(*queue));
	if(event == EVI_ERROR || queue == NULL || lock_init(&queue->lock) == NULL) {
		LM_ERR("the event E_IMS_RELEASE_DONE cannot be made\n");
		return -1;
	}
	queue->first = NULL;
	queue->last = &queue->first;
	return 0;
}

static int milliseconds(uint64_t time)
{
	return time > INT32_MAX ? INT32_MAX : (int)time;
}

static void keep(const ims_release_ended *ended)
{
	struct ended *kept = shm_malloc(sizeof(*kept) + (size_t)ended->call_id.len + (size_t)ended->text.len);

	if(kept == NULL) {
		LM_ERR("out of shared memory: no event tells the end of a release; raise -m\n");
		return;
	}
	kept->next = NULL;
	kept->outcome = ended->outcome;
	kept->by = ended->by;
	kept->values[CAUSE] = (int)ended->cause;
	kept->values[JOB] = (int)ended->job;
	kept->values[CALLED_CODE] = (int)ended->called_code;
	kept->values[CALLING_CODE] = (int)ended->calling_code;
	kept->values[CALLED_ATTEMPTS] = (int)ended->called_attempts;
	kept->values[CALLING_ATTEMPTS] = (int)ended->calling_attempts;
	kept->values[CALLED_MS] = milliseconds(ended->called_duration_ms);
	kept->values[CALLING_MS] = milliseconds(ended->calling_duration_ms);
	kept->values[DURATION] = milliseconds(ended->duration_ms);
	kept->call_id_len = ended->call_id.len;
	kept->text_len = ended->text.len;
	if(ended->call_id.len > 0)
		memcpy(kept->texts, ended->call_id.s, (size_t)ended->call_id.len);
	if(ended->text.len > 0)
		memcpy(kept->texts + ended->call_id.len, ended->text.s, (size_t)ended->text.len);
	lock_get(&queue->lock);
	*queue->last = kept;
	queue->last = &kept->next;
	lock_release(&queue->lock);
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
	if(evi_probe_event(event))
		keep(ended);
}

static struct ended *take(void)
{
	struct ended *first;

	lock_get(&queue->lock);
	first = queue->first;
	if(first != NULL) {
		queue->first = first->next;
		if(queue->first == NULL)
			queue->last = &queue->first;
	}
	lock_release(&queue->lock);
	return first;
}

static str word(const char *text)
{
	return (str){(char *)text, (int)strlen(text)};
}

static void raise_event(struct ended *ended)
{
	evi_params_p parameters = evi_get_params();
	str call_id = {ended->texts, ended->call_id_len};
	str text = {ended->texts + ended->call_id_len, ended->text_len};
	str outcome = word(word_of_outcome(ended->outcome));
	str by = word(word_of_by(ended->by));
	int failed = parameters == NULL || evi_param_add_str(parameters, &names[CALL_ID], &call_id) < 0
				 || evi_param_add_str(parameters, &names[OUTCOME], &outcome) < 0
				 || evi_param_add_str(parameters, &names[TEXT], &text) < 0
				 || evi_param_add_str(parameters, &names[BY], &by) < 0;

	for(int i = CAUSE; i < NAMES && !failed; i++)
		failed = evi_param_add_int(parameters, &names[i], &ended->values[i]) < 0;
	if(failed) {
		LM_ERR("out of private memory: no event tells the end of a release; raise -M\n");
		if(parameters != NULL)
			evi_free_params(parameters);
	} else if(evi_raise_event(event, parameters) < 0) {
		LM_ERR("the event E_IMS_RELEASE_DONE could not be raised\n");
	}
}

/*
 * An event route goes through the pipe to the workers, and who writes to a full one waits for them: no BYE would be sent
 * meanwhile. Others write to it too, so half of it stays theirs.
 */
static int workers_are_behind(void)
{
	int capacity = fcntl(IPC_FD_READ_SHARED, F_GETPIPE_SZ);
	int waiting = 0;

	return ioctl(IPC_FD_READ_SHARED, FIONREAD, &waiting) == 0 && capacity > 0 && waiting >= capacity / 2;
}

void done_raise(void)
{
	struct ended *ended;

	for(int i = 0; i < RAISED_MOST && !workers_are_behind() && (ended = take()) != NULL; i++) {
		raise_event(ended);
		shm_free(ended);
	}
}

/* In an event_route the core has the values of the event, as $param(name). */
static pv_spec_t parameters[NAMES];

int done_parse_name(pv_spec_t *variable, const str *name)
{
	/* The core keeps pointers into it. */
	static char texts[NAMES][sizeof("$param(calling_attempts)")];

	for(int i = 0; i < NAMES; i++) {
		if(name == NULL || name->len != names[i].len || memcmp(name->s, names[i].s, (size_t)name->len) != 0)
			continue;
		str text = {texts[i], snprintf(texts[i], sizeof(texts[i]), "$param(%s)", names[i].s)};
		if(parameters[i].getf == NULL && pv_parse_spec(&text, &parameters[i]) == NULL)
			return -1;
		variable->pvp.pvn.type = PV_NAME_INTSTR;
		variable->pvp.pvn.u.isname.type = 0;
		variable->pvp.pvn.u.isname.name.n = i;
		return 0;
	}
	LM_ERR("$ims_release(%.*s): the names are call_id, outcome, cause, text, by, job, called_code, calling_code, called_attempts, "
		   "calling_attempts, called_ms, calling_ms, duration\n",
			name != NULL ? name->len : 0, name != NULL ? name->s : "");
	return -1;
}

int done_get(struct sip_msg *message, pv_param_t *parameter, pv_value_t *result)
{
	if(route_type != EVENT_ROUTE)
		return pv_get_null(message, parameter, result);
	return pv_get_spec_value(message, &parameters[parameter->pvn.u.isname.name.n], result);
}
