/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mi.h"

#include "figures.h"
#include "job.h"
#include "mi_items.h"
#include "mi_jobs.h"
#include "send.h"
#include "settings.h"
#include "words.h"

/* A page of the list; a datagram takes replies of 64 KiB. */
#define PAGE_DIALOGS 30
#define PAGE_OCTETS 16384
/* Records looked at for one page, so that a call over a large store with few dialogs comes back. */
#define PAGE_RECORDS 4096
/* Of a wrong word an error shows this much. */
#define FAULT_OCTETS 64
/* Refusals of one request that are told one by one. */
#define REFUSALS 32

static int cut(ims_release_str text)
{
	return text.len > FAULT_OCTETS ? FAULT_OCTETS : text.len;
}

static mi_response_t *out_of_memory(mi_response_t *reply)
{
	if(reply != NULL)
		free_mi_response(reply);
	return mi_fault(500, "out of private memory; raise -M");
}

/* What identifies a dialog. */
static int add_dialog(mi_item_t *object, const ims_release_entry *entry)
{
	return mi_add_id(object, entry->id) < 0 || mi_add_text(object, "call_id", entry->call_id) < 0
				   || mi_add_text(object, "from_tag", entry->from_tag) < 0
				   || mi_add_text(object, "to_tag", entry->to_tag) < 0
			   ? -1
			   : 0;
}

/* What whoever cancels an INVITE needs beside its Call-ID. */
static int add_invite(mi_item_t *object, const ims_release_entry *entry)
{
	return entry->state == IMS_RELEASE_STATE_EARLY ? mi_add_number(object, "invite_cseq", entry->invite_cseq) : 0;
}

/* Which dialogs are meant; `more` names the further selectors. NULL, or an error. */
static mi_response_t *parse_selector(
		ims_release_str word, ims_release_str value, uint32_t *selector, ims_release_str *selected, const char *more)
{
	*selector = selector_of_word(word);
	if(*selector == 0)
		return mi_fault(IMS_RELEASE_BAD_SELECTOR, "the selector is \"%.*s\", expected call, dialog%s", cut(word), word.s,
				more);
	*selected = *selector == IMS_RELEASE_SELECT_ID ? number_of_id(value) : value;
	return NULL;
}

/* The same where there is nothing else. */
static mi_response_t *read_selector(const mi_params_t *parameters, uint32_t *selector, ims_release_str *selected)
{
	ims_release_str word;
	ims_release_str value;

	if(!mi_text(parameters, "selector", &word) || !mi_text(parameters, "value", &value))
		return mi_fault(IMS_RELEASE_ARGUMENT, "expected: selector and value, both texts");
	return parse_selector(word, value, selector, selected, " or id");
}

struct releasing {
	mi_item_t *list;
	struct reason reason;
	uint32_t started;
	uint32_t early;
	uint32_t refused;
	int failed;
	struct {
		uint64_t id;
		ims_release_status status;
	} refusals[REFUSALS];
};

/* A BYE that is not sent now: why, or that it is sent later. */
static int add_unbuilt(mi_item_t *object, ims_release_status status, char *why, char *later)
{
	if(status == IMS_RELEASE_HELD)
		return mi_add_word(object, later, "held");
	return status != IMS_RELEASE_OK ? mi_add_word(object, why, ims_release_status_text(status)) : 0;
}

static void release_dialog(void *env, const ims_release_entry *entry)
{
	struct releasing *work = env;
	struct unbuilt unbuilt;
	ims_release_status status = release(entry->id, &work->reason, &unbuilt);
	mi_item_t *object;

	if(status == IMS_RELEASE_OK) {
		work->started++;
		object = add_mi_object(work->list, NULL, 0);
		if(object == NULL || add_dialog(object, entry) < 0 || mi_add_word(object, "result", "releasing") < 0
				|| add_unbuilt(object, unbuilt.called, "no_bye_to_called", "bye_to_called") < 0
				|| add_unbuilt(object, unbuilt.calling, "no_bye_to_calling", "bye_to_calling") < 0)
			work->failed = 1;
		return;
	}
	if(status == IMS_RELEASE_EARLY) {
		work->early++;
		return;
	}
	if(work->refused < REFUSALS) {
		work->refusals[work->refused].id = entry->id;
		work->refusals[work->refused].status = status;
	}
	work->refused++;
}

/* Of a selection with releases: those whose INVITE is to be cancelled instead. */
static void add_early(void *env, const ims_release_entry *entry)
{
	struct releasing *work = env;
	mi_item_t *object;

	if(entry->state != IMS_RELEASE_STATE_EARLY)
		return;
	object = add_mi_object(work->list, NULL, 0);
	if(object == NULL || add_dialog(object, entry) < 0 || mi_add_word(object, "result", "early") < 0
			|| add_invite(object, entry) < 0)
		work->failed = 1;
}

static mi_response_t *release_dialogs(uint32_t select, ims_release_str selected, struct releasing *work)
{
	mi_response_t *reply = init_mi_result_array(&work->list);
	ims_release_status status;

	if(reply == NULL)
		return NULL;
	status = ims_release_registry_find(registry, select, selected, release_dialog, work);
	if(status == IMS_RELEASE_OK && work->started == 0)
		status = work->refused > 0 ? work->refusals[0].status : IMS_RELEASE_EARLY;
	if(status != IMS_RELEASE_OK) {
		free_mi_response(reply);
		return mi_refusal(status);
	}
	if(work->early > 0)
		ims_release_registry_find(registry, select, selected, add_early, work);
	for(uint32_t i = 0; i < work->refused && i < REFUSALS && !work->failed; i++) {
		mi_item_t *object = add_mi_object(work->list, NULL, 0);
		work->failed = object == NULL || mi_add_id(object, work->refusals[i].id) < 0
					   || mi_add_word(object, "result", ims_release_status_text(work->refusals[i].status)) < 0;
	}
	return work->failed ? out_of_memory(reply) : reply;
}

static mi_response_t *mi_release(const mi_params_t *parameters, struct mi_handler *unused)
{
	struct releasing work;
	ims_release_str selector;
	ims_release_str value;
	ims_release_str cause;
	ims_release_str text;
	ims_release_str options;
	ims_release_str selected = {NULL, 0};
	uint64_t number;
	uint32_t dialogs;
	uint32_t select = 0;
	mi_response_t *fault = NULL;

	(void)unused;
	memset(&work, 0, sizeof(work));
	work.reason.by = IMS_RELEASE_BY_RPC;
	if(!mi_text(parameters, "selector", &selector) || !mi_text(parameters, "value", &value))
		return mi_fault(IMS_RELEASE_ARGUMENT, "expected: selector and value, both texts");
	dialogs = dialogs_of_word(selector);
	if(dialogs == 0)
		fault = parse_selector(selector, value, &select, &selected, ", id, all, user, contact or session");
	if(fault != NULL)
		return fault;
	settings_default_reason(&work.reason.cause, &work.reason.text);
	if(mi_text(parameters, "cause", &cause)) {
		if(number_of_word(cause, 699, &number) < 0)
			return mi_fault(IMS_RELEASE_BAD_REASON, "the cause is \"%.*s\", expected a SIP status code, 100 to 699",
					cut(cause), cause.s);
		work.reason.cause = (uint32_t)number;
		mi_text(parameters, "text", &text);
		work.reason.text = text;
	}
	if(dialogs != 0) {
		mi_text(parameters, "options", &options);
		return mi_make_job(dialogs, value, &work.reason, options);
	}
	if(mi_text(parameters, "options", &options))
		return mi_fault(IMS_RELEASE_ARGUMENT, "options are for all, user, contact and session");
	return release_dialogs(select, selected, &work);
}

struct page {
	mi_item_t *list;
	uint32_t dialogs;
	size_t octets;
	int failed;
};

static void list_dialog(void *env, const ims_release_entry *entry)
{
	struct page *page = env;
	mi_item_t *object = add_mi_object(page->list, NULL, 0);

	if(object == NULL || add_dialog(object, entry) < 0
			|| mi_add_word(object, "state", word_of_state(entry->state)) < 0
			|| mi_add_word(object, "serves", word_of_roles(entry->roles)) < 0 || add_invite(object, entry) < 0) {
		page->failed = 1;
		return;
	}
	page->dialogs++;
	page->octets += 128 + (size_t)entry->call_id.len + (size_t)entry->from_tag.len + (size_t)entry->to_tag.len;
}

static mi_response_t *mi_list(const mi_params_t *parameters, struct mi_handler *unused)
{
	struct page page;
	ims_release_str text;
	uint64_t cursor = 0;
	uint32_t records = 0;
	mi_response_t *reply;
	mi_item_t *object;

	(void)unused;
	memset(&page, 0, sizeof(page));
	if(mi_text(parameters, "cursor", &text) && number_of_word(text, UINT64_MAX, &cursor) < 0)
		return mi_fault(IMS_RELEASE_ARGUMENT, "the cursor is \"%.*s\", expected what the page before told as next",
				cut(text), text.s);
	reply = init_mi_result_array(&page.list);
	if(reply == NULL)
		return NULL;
	do {
		ims_release_status status = ims_release_registry_list(registry, cursor, 1, list_dialog, &page, &cursor);
		if(status != IMS_RELEASE_OK) {
			free_mi_response(reply);
			return mi_refusal(status);
		}
		records++;
	} while(cursor != 0 && !page.failed && records < PAGE_RECORDS && page.dialogs < PAGE_DIALOGS
			&& page.octets < PAGE_OCTETS);
	object = page.failed ? NULL : add_mi_object(page.list, NULL, 0);
	/* A text: the number may be larger than those of JSON. */
	if(object == NULL || add_mi_string_fmt(object, "next", 4, "%llu", (unsigned long long)cursor) < 0)
		return out_of_memory(reply);
	return reply;
}

struct showing {
	mi_item_t *list;
	int failed;
};

static int add_release(mi_item_t *object, const ims_release_entry *entry)
{
	if(entry->state != IMS_RELEASE_STATE_RELEASING && entry->state != IMS_RELEASE_STATE_RELEASED)
		return 0;
	if(entry->state == IMS_RELEASE_STATE_RELEASED && mi_add_word(object, "outcome", word_of_outcome(entry->outcome)) < 0)
		return -1;
	if(entry->unconfirmed != 0 && mi_add_number(object, "unconfirmed", 1) < 0)
		return -1;
	return mi_add_word(object, "by", word_of_by(entry->by)) < 0 || mi_add_number(object, "job", entry->job) < 0
				   || mi_add_number(object, "cause", entry->cause) < 0
				   || mi_add_word(object, "called_leg", word_of_leg(entry->called_state)) < 0
				   || mi_add_number(object, "called_code", entry->called_code) < 0
				   || mi_add_number(object, "called_attempts", entry->called_attempts) < 0
				   || mi_add_word(object, "calling_leg", word_of_leg(entry->calling_state)) < 0
				   || mi_add_number(object, "calling_code", entry->calling_code) < 0
				   || mi_add_number(object, "calling_attempts", entry->calling_attempts) < 0
				   || mi_add_number(object, "started", entry->started_s) < 0
			   ? -1
			   : 0;
}

static int add_in_full(mi_item_t *object, const ims_release_entry *entry)
{
	if(add_dialog(object, entry) < 0 || mi_add_word(object, "state", word_of_state(entry->state)) < 0
			|| mi_add_word(object, "serves", word_of_roles(entry->roles)) < 0
			|| mi_add_text(object, "from", entry->from) < 0 || mi_add_text(object, "to", entry->to) < 0)
		return -1;
	if(entry->cseq_to_called != IMS_RELEASE_CSEQ_NONE
			&& mi_add_number(object, "cseq_to_called", (uint64_t)entry->cseq_to_called) < 0)
		return -1;
	if(entry->cseq_to_calling != IMS_RELEASE_CSEQ_NONE
			&& mi_add_number(object, "cseq_to_calling", (uint64_t)entry->cseq_to_calling) < 0)
		return -1;
	if(mi_add_number(object, "seen", entry->seen_s) < 0)
		return -1;
	if(add_invite(object, entry) < 0)
		return -1;
	if(entry->calling_user.len > 0 && mi_add_text(object, "calling_user", entry->calling_user) < 0)
		return -1;
	if(entry->called_user.len > 0 && mi_add_text(object, "called_user", entry->called_user) < 0)
		return -1;
	if(entry->icid.len > 0 && mi_add_text(object, "icid", entry->icid) < 0)
		return -1;
	if(entry->exempt != 0 && mi_add_number(object, "exempt", 1) < 0)
		return -1;
	return add_release(object, entry);
}

static void show_dialog(void *env, const ims_release_entry *entry)
{
	struct showing *work = env;
	mi_item_t *object = add_mi_object(work->list, NULL, 0);

	if(object == NULL || add_in_full(object, entry) < 0)
		work->failed = 1;
}

static mi_response_t *mi_show(const mi_params_t *parameters, struct mi_handler *unused)
{
	struct showing work = {NULL, 0};
	uint32_t select;
	ims_release_str selected;
	ims_release_status status;
	mi_response_t *reply = read_selector(parameters, &select, &selected);

	(void)unused;
	if(reply != NULL)
		return reply;
	reply = init_mi_result_array(&work.list);
	if(reply == NULL)
		return NULL;
	status = ims_release_registry_find(registry, select, selected, show_dialog, &work);
	if(status != IMS_RELEASE_OK) {
		free_mi_response(reply);
		return mi_refusal(status);
	}
	return work.failed ? out_of_memory(reply) : reply;
}

struct dropping {
	uint64_t dropped;
	ims_release_status refused;
};

static void drop_dialog(void *env, const ims_release_entry *entry)
{
	struct dropping *work = env;
	ims_release_status status = ims_release_registry_drop(registry, entry->id);

	if(status == IMS_RELEASE_OK)
		work->dropped++;
	else
		work->refused = status;
}

static mi_response_t *mi_forget(const mi_params_t *parameters, struct mi_handler *unused)
{
	struct dropping work = {0, IMS_RELEASE_OK};
	uint32_t select;
	ims_release_str selected;
	ims_release_status status;
	mi_response_t *reply = read_selector(parameters, &select, &selected);
	mi_item_t *object;

	(void)unused;
	if(reply != NULL)
		return reply;
	status = ims_release_registry_find(registry, select, selected, drop_dialog, &work);
	if(status == IMS_RELEASE_OK && work.dropped == 0)
		status = work.refused;
	if(status != IMS_RELEASE_OK)
		return mi_refusal(status);
	reply = init_mi_result_object(&object);
	if(reply == NULL)
		return NULL;
	if(mi_add_number(object, "dropped", work.dropped) < 0
			|| (work.refused != IMS_RELEASE_OK
					&& mi_add_word(object, "others", ims_release_status_text(work.refused)) < 0))
		return out_of_memory(reply);
	return reply;
}

static mi_response_t *mi_stats(const mi_params_t *parameters, struct mi_handler *unused)
{
	ims_release_stats stats;
	ims_release_status status = figures_read(&stats);
	mi_response_t *reply;
	mi_item_t *object;

	(void)parameters;
	(void)unused;
	if(status != IMS_RELEASE_OK)
		return mi_refusal(status);
	reply = init_mi_result_object(&object);
	if(reply == NULL)
		return NULL;
	for(size_t i = 0; i < figure_count; i++) {
		if(mi_add_number(object, figures[i].command, figure_value(&figures[i], &stats)) < 0)
			return out_of_memory(reply);
	}
	return reply;
}

/* Before 4.0 a command has no module before its name. */
#ifdef MAX_MI_ALIASES
#define COMMAND(text) .name = text, .aliases = {"ims_release_" text, NULL}
#else
#define COMMAND(text) .name = "ims_release_" text
#endif

/* clang-format off */
const mi_export_t mi_commands[] = {
	{
		COMMAND("release"),
		.help = "releases dialogs. selector is call (value a Call-ID: all its dialogs), dialog (CALL-ID,FROM-TAG,TO-TAG) or "
			"id (as the list shows it); or all (value *), user (URI of a served user), contact (URI of a Contact) or session "
			"(icid-value): these make a job, whose number is told at once. options of a job: "
			"dry,rate=RELEASES-A-SECOND,inflight=RELEASES-AT-A-TIME",
		.recipes = {
			{mi_release, {0}},
			{mi_release, {"selector", 0}},
			{mi_release, {"selector", "value", 0}},
			{mi_release, {"selector", "value", "cause", 0}},
			{mi_release, {"selector", "value", "cause", "text", 0}},
			{mi_release, {"selector", "value", "options", 0}},
			{mi_release, {"selector", "value", "cause", "options", 0}},
			{mi_release, {"selector", "value", "cause", "text", "options", 0}},
			{EMPTY_MI_RECIPE},
		},
	},
	{
		COMMAND("jobs"),
		.help = "lists the jobs that release has made, those that are over included; cancel=NUMBER: that job starts nothing "
			"more, what it has started ends as ever",
		.recipes = {
			{mi_jobs, {0}},
			{mi_jobs, {"cancel", 0}},
			{EMPTY_MI_RECIPE},
		},
	},
	{
		COMMAND("forget"),
		.help = "drops what is stored of dialogs, without any SIP: nobody is told, and a session that is not over goes on and "
			"cannot be released any more. selector is call, dialog or id, as for release",
		.recipes = {
			{mi_forget, {"selector", "value", 0}},
			{EMPTY_MI_RECIPE},
		},
	},
	{
		COMMAND("list"),
		.help = "lists the dialogs that are tracked or under release, in pages. The last element tells the cursor of the next "
			"page; 0: this was the last",
		.recipes = {
			{mi_list, {0}},
			{mi_list, {"cursor", 0}},
			{EMPTY_MI_RECIPE},
		},
	},
	{
		COMMAND("show"),
		.help = "shows dialogs in full. selector is call, dialog or id, as for release",
		.recipes = {
			{mi_show, {"selector", "value", 0}},
			{EMPTY_MI_RECIPE},
		},
	},
	{
		COMMAND("stats"),
		.help = "tells what was counted since the store was made, and how full the store is",
		.recipes = {
			{mi_stats, {0}},
			{EMPTY_MI_RECIPE},
		},
	},
	{EMPTY_MI_EXPORT},
};
/* clang-format on */
