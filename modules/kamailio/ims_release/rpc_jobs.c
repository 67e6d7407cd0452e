/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rpc_jobs.h"

#include <inttypes.h>

#include "job.h"
#include "jobs.h"
#include "rpc_items.h"
#include "words.h"

/* Of a wrong word a fault shows this much. */
#define FAULT_OCTETS 64

static int cut(ims_release_str text)
{
	return text.len > FAULT_OCTETS ? FAULT_OCTETS : text.len;
}

/* What makes no sense of all that was asked for. 0, or -1 after a fault. */
static int check_value(rpc_t *rpc, void *context, const ims_release_job_request *request)
{
	if(request->dialogs == IMS_RELEASE_JOB_ALL && request->value.len > 0)
		rpc->fault(context, IMS_RELEASE_BAD_SELECTOR, "the value beside all is \"%.*s\", expected *",
				cut(request->value), request->value.s);
	else if(request->dialogs != IMS_RELEASE_JOB_ALL && request->value.len == 0)
		rpc->fault(context, IMS_RELEASE_BAD_SELECTOR, "the value beside %s is empty, expected %s",
				word_of_dialogs(request->dialogs),
				request->dialogs == IMS_RELEASE_JOB_SESSION ? "an icid-value" : "a URI");
	else
		return 0;
	return -1;
}

void rpc_make_job(rpc_t *rpc, void *context, uint32_t dialogs, ims_release_str value, const struct reason *reason,
		ims_release_str options)
{
	ims_release_job_request request;
	ims_release_str bad;
	uint32_t number;
	ims_release_status status;
	void *structure;

	job_request(dialogs, value, reason, &request);
	if(check_value(rpc, context, &request) < 0)
		return;
	if(options.len == 0 && is_job_options(reason->text)) {
		rpc->fault(context, IMS_RELEASE_ARGUMENT,
				"the text is \"%.*s\", which reads as options: write SELECTOR VALUE CAUSE TEXT OPTIONS, options divided by "
				"commas",
				cut(reason->text), reason->text.s);
		return;
	}
	if(read_job_options(options, &request, &bad) < 0) {
		rpc->fault(context, IMS_RELEASE_ARGUMENT,
				"the option is \"%.*s\", expected dry, rate=NUMBER or inflight=NUMBER, each once, 1 to 65535",
				cut(bad), bad.s);
		return;
	}
	status = job_make(&request, &number);
	if(status != IMS_RELEASE_OK) {
		rpc->fault(context, (int)status, "%s", ims_release_status_text(status));
		return;
	}
	if(rpc->add(context, "{", &structure) >= 0)
		rpc->struct_add(structure, "dddd", "job", (int)number, "dry", (request.flags & IMS_RELEASE_JOB_DRY) != 0, "rate",
				(int)request.rate, "inflight", (int)request.in_flight);
}

struct showing {
	rpc_t *rpc;
	void *context;
	uint32_t only; /* 0: all */
	int shown;
};

static void show_job(void *env, const ims_release_job_entry *job)
{
	struct showing *work = env;
	rpc_t *rpc = work->rpc;
	str value = shown(job->value);
	str text = shown(job->text);
	void *structure;
	const struct {
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

	if((work->only != 0 && job->number != work->only) || rpc->add(work->context, "{", &structure) < 0)
		return;
	work->shown = 1;
	rpc->struct_add(structure, "dsssSdSd", "job", (int)job->number, "state", word_of_job(job->state), "by",
			word_of_by(job->by), "selector", word_of_dialogs(job->dialogs), "value", &value, "cause", (int)job->cause, "text", &text, "dry",
			(job->flags & IMS_RELEASE_JOB_DRY) != 0);
	for(size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++)
		rpc->struct_printf(structure, figures[i].name, "%" PRIu64, figures[i].value);
}

struct telling {
	rpc_t *rpc;
	void *context;
	struct page page;
	int failed;
};

static void tell_item(void *env, const ims_release_entry *entry, uint32_t stage, ims_release_status why)
{
	struct telling *work = env;
	rpc_t *rpc = work->rpc;
	void *structure;

	if(rpc->add(work->context, "{", &structure) < 0) {
		work->failed = 1;
		return;
	}
	count_shown(&work->page, entry);
	add_dialog(rpc, structure, entry);
	rpc->struct_add(structure, "s", "stage", word_of_item(stage));
	switch(stage) {
		case IMS_RELEASE_ITEM_EARLY:
			add_invite(rpc, structure, entry);
			break;
		case IMS_RELEASE_ITEM_REFUSED:
			rpc->struct_add(structure, "ds", "code", (int)why, "why", ims_release_status_text(why));
			break;
		case IMS_RELEASE_ITEM_RELEASED:
			rpc->struct_add(structure, "s", "outcome", word_of_outcome(entry->outcome));
			if(entry->unconfirmed != 0)
				rpc->struct_add(structure, "d", "unconfirmed", 1);
			add_legs(rpc, structure, entry);
			break;
		case IMS_RELEASE_ITEM_RELEASING:
			add_legs(rpc, structure, entry);
			break;
		default:
			break;
	}
}

static void tell_items(rpc_t *rpc, void *context, uint32_t number, ims_release_str from)
{
	struct telling work = {.rpc = rpc, .context = context};
	uint64_t cursor;
	uint32_t records = 0;

	if(read_cursor(rpc, context, from, &cursor) < 0)
		return;
	do {
		ims_release_status status =
				ims_release_registry_job_items(registry, number, cursor, 1, now_ms(), tell_item, &work, &cursor);
		if(status == IMS_RELEASE_NOT_FOUND) {
			rpc->fault(context, (int)status, "there is no job %u", (unsigned int)number);
			return;
		}
		if(status != IMS_RELEASE_OK) {
			fault(rpc, context, status);
			return;
		}
		records++;
	} while(cursor != 0 && !work.failed && records < PAGE_RECORDS && has_room(&work.page));
	end_page(rpc, context, work.failed, cursor);
}

const char *rpc_doc_jobs[] = {
	"Lists the jobs that ims_release.release has made of all, user, contact and session, those that are over included. "
	"Parameters: [cancel NUMBER]: that job starts nothing more; what it has started ends as ever. [items NUMBER [CURSOR]]: "
	"what has become of each of its dialogs, in pages; the last element tells the CURSOR of the next page; 0: this was the "
	"last.",
	NULL,
};

static int is_word(ims_release_str text, const char *word)
{
	return (size_t)text.len == strlen(word) && memcmp(text.s, word, strlen(word)) == 0;
}

void rpc_jobs(rpc_t *rpc, void *context)
{
	struct showing work = {rpc, context, 0, 0};
	struct parameters given;
	uint64_t number;
	ims_release_status status;

	if(read_parameters(rpc, context, 3, &given) < 0)
		return;
	if(given.count != 0) {
		int cancel = is_word(parameter(&given, 0), "cancel") && given.count == 2;
		int items = is_word(parameter(&given, 0), "items") && given.count >= 2;

		if((!cancel && !items) || number_of_word(parameter(&given, 1), UINT8_MAX, &number) < 0 || number == 0) {
			rpc->fault(context, IMS_RELEASE_ARGUMENT,
					"expected: nothing, cancel NUMBER or items NUMBER [CURSOR] with the number of a job");
			return;
		}
		if(items) {
			tell_items(rpc, context, (uint32_t)number, parameter(&given, 2));
			return;
		}
		status = ims_release_registry_job_cancel(registry, (uint32_t)number);
		if(status == IMS_RELEASE_NOT_FOUND) {
			rpc->fault(context, (int)status, "there is no job %u", (unsigned int)number);
			return;
		}
		if(status != IMS_RELEASE_OK) {
			fault(rpc, context, status);
			return;
		}
		work.only = (uint32_t)number;
	}
	status = ims_release_registry_jobs(registry, show_job, &work);
	if(status != IMS_RELEASE_OK && !work.shown)
		fault(rpc, context, status);
}
