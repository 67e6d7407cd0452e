/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rpc_jobs.h"

#include <inttypes.h>

#include "job.h"
#include "jobs.h"
#include "words.h"

/* A longer text is cut in what is shown: ctl takes structs of 8 KiB. */
#define SHOWN_OCTETS 1024
/* Of a wrong word a fault shows this much. */
#define FAULT_OCTETS 64

static int cut(ims_release_str text, int most)
{
	return text.len > most ? most : text.len;
}

/* What makes no sense of all that was asked for. 0, or -1 after a fault. */
static int check_value(rpc_t *rpc, void *context, const ims_release_job_request *request)
{
	if(request->dialogs == IMS_RELEASE_JOB_ALL && request->value.len > 0)
		rpc->fault(context, IMS_RELEASE_BAD_SELECTOR, "the value beside all is \"%.*s\", expected *",
				cut(request->value, FAULT_OCTETS), request->value.s);
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
				cut(reason->text, FAULT_OCTETS), reason->text.s);
		return;
	}
	if(read_job_options(options, &request, &bad) < 0) {
		rpc->fault(context, IMS_RELEASE_ARGUMENT,
				"the option is \"%.*s\", expected dry, rate=NUMBER or inflight=NUMBER, each once, 1 to 65535",
				cut(bad, FAULT_OCTETS), bad.s);
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
	str value = str_of(job->value);
	str text = str_of(job->text);
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
	value.len = cut(job->value, SHOWN_OCTETS);
	text.len = cut(job->text, SHOWN_OCTETS);
	rpc->struct_add(structure, "dsssSdSd", "job", (int)job->number, "state", word_of_job(job->state), "by",
			word_of_by(job->by), "selector", word_of_dialogs(job->dialogs), "value", &value, "cause", (int)job->cause, "text", &text, "dry",
			(job->flags & IMS_RELEASE_JOB_DRY) != 0);
	for(size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++)
		rpc->struct_printf(structure, figures[i].name, "%" PRIu64, figures[i].value);
}

const char *rpc_doc_jobs[] = {
	"Lists the jobs that ims_release.release has made of all, user, contact and session, those that are over included. Parameters: "
	"[cancel NUMBER]: that job starts nothing more; what it has started ends as ever.",
	NULL,
};

void rpc_jobs(rpc_t *rpc, void *context)
{
	struct showing work = {rpc, context, 0, 0};
	str word = STR_NULL;
	str text = STR_NULL;
	uint64_t number;
	ims_release_status status;
	str more = STR_NULL;
	int given = rpc->scan(context, "*.S.S.S", &word, &text, &more);

	if(given != 0) {
		if(given != 2 || word.len != 6 || memcmp(word.s, "cancel", 6) != 0
				|| number_of_word(text_of(&text), UINT8_MAX, &number) < 0 || number == 0) {
			rpc->fault(context, IMS_RELEASE_ARGUMENT, "expected: nothing, or cancel NUMBER with the number of a job");
			return;
		}
		status = ims_release_registry_job_cancel(registry, (uint32_t)number);
		if(status == IMS_RELEASE_NOT_FOUND) {
			rpc->fault(context, (int)status, "there is no job %u", (unsigned int)number);
			return;
		}
		if(status != IMS_RELEASE_OK) {
			rpc->fault(context, (int)status, "%s", ims_release_status_text(status));
			return;
		}
		work.only = (uint32_t)number;
	}
	status = ims_release_registry_jobs(registry, show_job, &work);
	if(status != IMS_RELEASE_OK && !work.shown)
		rpc->fault(context, (int)status, "%s", ims_release_status_text(status));
}
