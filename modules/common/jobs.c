/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "jobs.h"

#include <string.h>

#include "base.h"
#include "job.h"
#include "settings.h"
#include "words.h"

void job_request(
		uint32_t dialogs, ims_release_str value, const struct reason *reason, ims_release_job_request *request)
{
	memset(request, 0, sizeof(*request));
	request->struct_size = sizeof(*request);
	request->dialogs = dialogs;
	if(dialogs != IMS_RELEASE_JOB_ALL || !is_value_of_all(value))
		request->value = value;
	request->cause = reason->cause;
	request->text = reason->text;
	request->rate = (uint32_t)settings.job_rate;
	request->in_flight = (uint32_t)settings.job_inflight;
	request->by = reason->by;
}

ims_release_status job_make(ims_release_job_request *request, uint32_t *number)
{
	/* Two BYEs each. Else one step could hold up the timer for long. */
	uint32_t most = settings.send_rate > 1 ? (uint32_t)settings.send_rate / 2 : 1;
	ims_release_status status;

	if(request->rate > most)
		request->rate = most;
	status = ims_release_registry_job_make(registry, request, now_ms(), number);
	if(status == IMS_RELEASE_OK)
		report(IMS_RELEASE_LOG_INFO, "job %u: %s%s, by=%s cause=%u rate=%u inflight=%u", *number,
				word_of_dialogs(request->dialogs), request->flags & IMS_RELEASE_JOB_DRY ? ", dry" : "",
				word_of_by(request->by), request->cause, request->rate, request->in_flight);
	return status;
}

struct refused {
	uint32_t job;
	uint32_t cause;
	ims_release_status why;
};

/* What a job does not release is told one by one, as the end of a release is: its rate bounds the lines. */
static void log_refused(void *env, const ims_release_entry *entry)
{
	const struct refused *refused = env;
	char id[ID_SIZE];

	word_of_id(entry->id, id);
	report(IMS_RELEASE_LOG_WARNING, "release %s refused: call_id=%.*s by=job job=%u cause=%u status=%u why=\"%s\"", id,
			entry->call_id.len, entry->call_id.s != NULL ? entry->call_id.s : "", refused->job, refused->cause,
			(unsigned int)refused->why, ims_release_status_text(refused->why));
}

static void log_refused_id(uint64_t id, struct refused *refused)
{
	char word[ID_SIZE];
	ims_release_str number;

	word_of_id(id, word);
	number = number_of_id((ims_release_str){word, (int)strlen(word)});
	/* Else it has ended meanwhile. */
	ims_release_registry_find(registry, IMS_RELEASE_SELECT_ID, number, log_refused, refused);
}

static int start(void *env, uint64_t id, uint32_t job, uint32_t cause, ims_release_str text)
{
	const struct reason reason = {cause, text, IMS_RELEASE_BY_HOST, job};
	unsigned int *byes = env;
	ims_release_status status = release(id, &reason, NULL);

	if(status != IMS_RELEASE_OK) {
		struct refused refused = {job, cause, status};
		log_refused_id(id, &refused);
		return 0;
	}
	*byes += 2;
	return 1;
}

static void see_running(void *env, const ims_release_job_entry *job)
{
	if(job->state == IMS_RELEASE_JOB_RUNNING)
		*(int *)env = 1;
}

int jobs_running(void)
{
	int running = 0;

	return ims_release_registry_jobs(registry, see_running, &running) == IMS_RELEASE_OK && running;
}

int jobs_step(uint64_t now, unsigned int *byes)
{
	uint32_t running = 0;
	ims_release_status status = ims_release_registry_job_step(registry, now, start, byes, &running);

	if(status != IMS_RELEASE_OK) {
		log_refusal("the jobs are not taken on", status);
		return 1;
	}
	return running != 0;
}
