/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mi_jobs.h"

#include "../../dprint.h"

#include "job.h"
#include "jobs.h"
#include "mi_items.h"
#include "words.h"

/* Of a wrong word an error shows this much. */
#define FAULT_OCTETS 64

static int cut(ims_release_str text)
{
	return text.len > FAULT_OCTETS ? FAULT_OCTETS : text.len;
}

mi_response_t *mi_make_job(
		uint32_t dialogs, ims_release_str value, const struct reason *reason, ims_release_str options)
{
	ims_release_job_request request;
	ims_release_str bad;
	uint32_t number;
	ims_release_status status;
	mi_response_t *reply;
	mi_item_t *object;

	job_request(dialogs, value, reason, &request);
	/* What makes no sense of all that was asked for. */
	if(dialogs == IMS_RELEASE_JOB_ALL && request.value.len > 0)
		return mi_fault(IMS_RELEASE_BAD_SELECTOR, "the value beside all is \"%.*s\", expected *", cut(value), value.s);
	if(dialogs != IMS_RELEASE_JOB_ALL && request.value.len == 0)
		return mi_fault(IMS_RELEASE_BAD_SELECTOR, "the value beside %s is empty, expected %s", word_of_dialogs(dialogs),
				dialogs == IMS_RELEASE_JOB_SESSION ? "an icid-value" : "a URI");
	if(options.len == 0 && is_job_options(reason->text))
		return mi_fault(IMS_RELEASE_ARGUMENT, "the text is \"%.*s\", which reads as options: write options=%.*s",
				cut(reason->text), reason->text.s, cut(reason->text), reason->text.s);
	if(read_job_options(options, &request, &bad) < 0)
		return mi_fault(IMS_RELEASE_ARGUMENT,
				"the option is \"%.*s\", expected dry, rate=NUMBER or inflight=NUMBER, each once, 1 to 65535", cut(bad),
				bad.s);
	status = job_make(&request, &number);
	if(status != IMS_RELEASE_OK)
		return mi_refusal(status);
	reply = init_mi_result_object(&object);
	/* Made it is all the same, and jobs shows it. */
	if(reply == NULL || mi_add_number(object, "job", number) < 0
			|| mi_add_number(object, "dry", (request.flags & IMS_RELEASE_JOB_DRY) != 0) < 0
			|| mi_add_number(object, "rate", request.rate) < 0
			|| mi_add_number(object, "inflight", request.in_flight) < 0)
		LM_ERR("out of private memory: the number of a job is not told; raise -M\n");
	return reply;
}

struct showing {
	mi_item_t *list;
	uint32_t only; /* 0: all */
	int failed;
};

static void show_job(void *env, const ims_release_job_entry *job)
{
	struct showing *work = env;
	struct {
		char *name;
		uint64_t value;
	} figures[] = {
		{"made", job->made_s},
		{"visited", job->visited},
		{"matched", job->matched},
		{"early", job->early},
		{"exempt", job->exempt},
		{"started", job->started},
		{"refused", job->refused},
		{"completed", job->completed},
		{"gone", job->gone},
		{"partial", job->partial},
		{"failed", job->failed},
		{"expired", job->expired},
	};
	mi_item_t *object;

	if(work->only != 0 && job->number != work->only)
		return;
	object = add_mi_object(work->list, NULL, 0);
	if(object == NULL || mi_add_number(object, "job", job->number) < 0
			|| mi_add_word(object, "state", word_of_job(job->state)) < 0
			|| mi_add_word(object, "by", word_of_by(job->by)) < 0
			|| mi_add_word(object, "selector", word_of_dialogs(job->dialogs)) < 0
			|| mi_add_text(object, "value", job->value) < 0 || mi_add_number(object, "cause", job->cause) < 0
			|| mi_add_text(object, "text", job->text) < 0
			|| mi_add_number(object, "dry", (job->flags & IMS_RELEASE_JOB_DRY) != 0) < 0)
		work->failed = 1;
	for(size_t i = 0; i < sizeof(figures) / sizeof(figures[0]) && !work->failed; i++)
		work->failed = mi_add_number(object, figures[i].name, figures[i].value) < 0;
}

mi_response_t *mi_jobs(const mi_params_t *parameters, struct mi_handler *unused)
{
	struct showing work = {NULL, 0, 0};
	ims_release_str text;
	uint64_t number;
	ims_release_status status;
	mi_response_t *reply;

	(void)unused;
	if(mi_text(parameters, "cancel", &text)) {
		if(number_of_word(text, UINT8_MAX, &number) < 0 || number == 0)
			return mi_fault(IMS_RELEASE_ARGUMENT, "cancel is \"%.*s\", expected the number of a job", cut(text), text.s);
		status = ims_release_registry_job_cancel(registry, (uint32_t)number);
		if(status == IMS_RELEASE_NOT_FOUND)
			return mi_fault(status, "there is no job %u", (unsigned int)number);
		if(status != IMS_RELEASE_OK)
			return mi_refusal(status);
		work.only = (uint32_t)number;
	}
	reply = init_mi_result_array(&work.list);
	if(reply == NULL)
		return NULL;
	status = ims_release_registry_jobs(registry, show_job, &work);
	if(status == IMS_RELEASE_OK && !work.failed)
		return reply;
	free_mi_response(reply);
	return status != IMS_RELEASE_OK ? mi_refusal(status) : mi_fault(500, "out of private memory; raise -M");
}
