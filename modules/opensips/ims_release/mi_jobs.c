/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mi_jobs.h"

#include "../../dprint.h"

#include "job.h"
#include "jobs.h"
#include "mi_items.h"
#include "words.h"

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
		return mi_fault(IMS_RELEASE_BAD_SELECTOR, "the value beside all is \"%.*s\", expected *", mi_cut(value), value.s);
	if(dialogs != IMS_RELEASE_JOB_ALL && request.value.len == 0)
		return mi_fault(IMS_RELEASE_BAD_SELECTOR, "the value beside %s is empty, expected %s", word_of_dialogs(dialogs),
				dialogs == IMS_RELEASE_JOB_SESSION ? "an icid-value" : "a URI");
	if(options.len == 0 && is_job_options(reason->text))
		return mi_fault(IMS_RELEASE_ARGUMENT, "the text is \"%.*s\", which reads as options: write options=%.*s",
				mi_cut(reason->text), reason->text.s, mi_cut(reason->text), reason->text.s);
	if(read_job_options(options, &request, &bad) < 0)
		return mi_fault(IMS_RELEASE_ARGUMENT,
				"the option is \"%.*s\", expected dry, rate=NUMBER or inflight=NUMBER, each once, 1 to 65535", mi_cut(bad),
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

struct telling {
	mi_item_t *list;
	struct page page;
	int failed;
};

static int add_stage(mi_item_t *object, const ims_release_entry *entry, uint32_t stage, ims_release_status why)
{
	if(mi_add_dialog(object, entry) < 0 || mi_add_word(object, "stage", word_of_item(stage)) < 0)
		return -1;
	switch(stage) {
		case IMS_RELEASE_ITEM_EARLY:
			return mi_add_invite(object, entry);
		case IMS_RELEASE_ITEM_REFUSED:
			return mi_add_number(object, "code", (uint64_t)why) < 0
						   ? -1
						   : mi_add_word(object, "why", ims_release_status_text(why));
		case IMS_RELEASE_ITEM_RELEASED:
			if(mi_add_word(object, "outcome", word_of_outcome(entry->outcome)) < 0
					|| (entry->unconfirmed != 0 && mi_add_number(object, "unconfirmed", 1) < 0))
				return -1;
			return mi_add_legs(object, entry);
		case IMS_RELEASE_ITEM_RELEASING:
			return mi_add_legs(object, entry);
		default:
			return 0;
	}
}

static void tell_item(void *env, const ims_release_entry *entry, uint32_t stage, ims_release_status why)
{
	struct telling *work = env;
	mi_item_t *object = add_mi_object(work->list, NULL, 0);

	count_shown(&work->page, entry);
	if(object == NULL || add_stage(object, entry, stage, why) < 0)
		work->failed = 1;
}

static mi_response_t *tell_items(uint32_t number, uint64_t cursor)
{
	struct telling work;
	uint32_t records = 0;
	mi_response_t *reply;

	memset(&work, 0, sizeof(work));
	reply = init_mi_result_array(&work.list);
	if(reply == NULL)
		return NULL;
	do {
		ims_release_status status =
				ims_release_registry_job_items(registry, number, cursor, 1, now_ms(), tell_item, &work, &cursor);
		if(status != IMS_RELEASE_OK) {
			free_mi_response(reply);
			return status == IMS_RELEASE_NOT_FOUND ? mi_fault(status, "there is no job %u", (unsigned int)number)
												   : mi_refusal(status);
		}
		records++;
	} while(cursor != 0 && !work.failed && records < PAGE_RECORDS && has_room(&work.page));
	return work.failed || mi_add_next(work.list, cursor) < 0 ? mi_out_of_memory(reply) : reply;
}

mi_response_t *mi_jobs(const mi_params_t *parameters, struct mi_handler *unused)
{
	struct showing work = {NULL, 0, 0};
	ims_release_str text;
	uint64_t number;
	ims_release_status status;
	mi_response_t *reply;

	(void)unused;
	if(mi_text(parameters, "items", &text)) {
		uint64_t cursor;
		reply = mi_read_cursor(parameters, &cursor);
		if(reply != NULL)
			return reply;
		if(number_of_word(text, UINT8_MAX, &number) < 0 || number == 0)
			return mi_fault(IMS_RELEASE_ARGUMENT, "items is \"%.*s\", expected the number of a job", mi_cut(text), text.s);
		return tell_items((uint32_t)number, cursor);
	}
	if(mi_text(parameters, "cancel", &text)) {
		if(number_of_word(text, UINT8_MAX, &number) < 0 || number == 0)
			return mi_fault(IMS_RELEASE_ARGUMENT, "cancel is \"%.*s\", expected the number of a job", mi_cut(text), text.s);
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
	if(status == IMS_RELEASE_OK)
		return mi_out_of_memory(reply);
	free_mi_response(reply);
	return mi_refusal(status);
}
