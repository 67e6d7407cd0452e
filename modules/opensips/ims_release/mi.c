/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mi.h"

#include "figures.h"
#include "job.h"
#include "mi_items.h"
#include "mi_jobs.h"
#include "send.h"
#include "settings.h"
#include "words.h"

/* Refusals of one request that are told one by one. */
#define REFUSALS 32

/* Which dialogs are meant; `more` names the further selectors. NULL, or an error. */
static mi_response_t *parse_selector(
		ims_release_str word, ims_release_str value, uint32_t *selector, ims_release_str *selected, const char *more)
{
	*selector = selector_of_word(word);
	if(*selector == 0)
		return mi_fault(IMS_RELEASE_BAD_SELECTOR, "the selector is \"%.*s\", expected call, dialog%s", mi_cut(word), word.s,
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
	struct page page;
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
		if(!has_room(&work->page)) {
			count_left_out(&work->page, entry->id);
			return;
		}
		count_shown(&work->page, entry);
		object = add_mi_object(work->list, NULL, 0);
		if(object == NULL || mi_add_dialog(object, entry) < 0 || mi_add_word(object, "result", "releasing") < 0
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
	if(!has_room(&work->page)) {
		count_left_out(&work->page, entry->id);
		return;
	}
	count_shown(&work->page, entry);
	object = add_mi_object(work->list, NULL, 0);
	if(object == NULL || mi_add_dialog(object, entry) < 0 || mi_add_word(object, "result", "early") < 0
			|| mi_add_invite(object, entry) < 0)
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
	for(uint32_t i = 0; i < work->refused && !work->failed; i++) {
		mi_item_t *object;
		if(i >= REFUSALS || !has_room(&work->page)) {
			work->page.more += work->refused - i;
			break;
		}
		work->page.dialogs++;
		object = add_mi_object(work->list, NULL, 0);
		work->failed = object == NULL || mi_add_id(object, work->refusals[i].id) < 0
					   || mi_add_word(object, "result", ims_release_status_text(work->refusals[i].status)) < 0;
	}
	if(work->page.more > 0 && !work->failed) {
		mi_item_t *object = add_mi_object(work->list, NULL, 0);
		work->failed = object == NULL || mi_add_number(object, "more", work->page.more) < 0;
	}
	return work->failed ? mi_out_of_memory(reply) : reply;
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
					mi_cut(cause), cause.s);
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

struct listing {
	mi_item_t *list;
	struct page page;
	int failed;
};

static int add_state(mi_item_t *object, const ims_release_entry *entry)
{
	if(mi_add_word(object, "state", word_of_state(entry->state)) < 0
			|| mi_add_word(object, "serves", word_of_roles(entry->roles)) < 0 || mi_add_invite(object, entry) < 0)
		return -1;
	if(entry->exempt != 0 && mi_add_number(object, "exempt", 1) < 0)
		return -1;
	if(entry->state != IMS_RELEASE_STATE_RELEASING)
		return 0;
	return mi_add_word(object, "by", word_of_by(entry->by)) < 0 ? -1 : mi_add_number(object, "job", entry->job);
}

static void list_dialog(void *env, const ims_release_entry *entry)
{
	struct listing *work = env;
	mi_item_t *object = add_mi_object(work->list, NULL, 0);

	count_shown(&work->page, entry);
	if(object == NULL || mi_add_dialog(object, entry) < 0 || add_state(object, entry) < 0)
		work->failed = 1;
}

static mi_response_t *mi_list(const mi_params_t *parameters, struct mi_handler *unused)
{
	struct listing work;
	uint64_t cursor;
	uint32_t records = 0;
	mi_response_t *reply = mi_read_cursor(parameters, &cursor);

	(void)unused;
	if(reply != NULL)
		return reply;
	memset(&work, 0, sizeof(work));
	reply = init_mi_result_array(&work.list);
	if(reply == NULL)
		return NULL;
	do {
		ims_release_status status = ims_release_registry_list(registry, cursor, 1, list_dialog, &work, &cursor);
		if(status != IMS_RELEASE_OK) {
			free_mi_response(reply);
			return mi_refusal(status);
		}
		records++;
	} while(cursor != 0 && !work.failed && records < PAGE_RECORDS && has_room(&work.page));
	return work.failed || mi_add_next(work.list, cursor) < 0 ? mi_out_of_memory(reply) : reply;
}

struct showing {
	mi_item_t *list;
	/* The first id that is to be shown. */
	uint64_t from;
	struct page page;
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
	if(mi_add_word(object, "by", word_of_by(entry->by)) < 0 || mi_add_number(object, "job", entry->job) < 0
			|| mi_add_number(object, "cause", entry->cause) < 0 || mi_add_text(object, "text", entry->text) < 0)
		return -1;
	if(entry->text_lost != 0 && mi_add_number(object, "text_lost", 1) < 0)
		return -1;
	return mi_add_legs(object, entry) < 0 ? -1 : mi_add_number(object, "started", entry->started_s);
}

static int add_in_full(mi_item_t *object, const ims_release_entry *entry)
{
	if(mi_add_dialog(object, entry) < 0 || mi_add_word(object, "state", word_of_state(entry->state)) < 0
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
	if(mi_add_invite(object, entry) < 0)
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
	mi_item_t *object;

	if(entry->id < work->from)
		return;
	if(!has_room(&work->page)) {
		count_left_out(&work->page, entry->id);
		return;
	}
	count_shown(&work->page, entry);
	object = add_mi_object(work->list, NULL, 0);
	if(object == NULL || add_in_full(object, entry) < 0)
		work->failed = 1;
}

static mi_response_t *mi_show(const mi_params_t *parameters, struct mi_handler *unused)
{
	struct showing work;
	uint32_t select;
	ims_release_str selected;
	ims_release_status status;
	mi_response_t *reply = read_selector(parameters, &select, &selected);

	(void)unused;
	memset(&work, 0, sizeof(work));
	if(reply == NULL)
		reply = mi_read_cursor(parameters, &work.from);
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
	if(work.page.more > 0 && !work.failed) {
		mi_item_t *object = add_mi_object(work.list, NULL, 0);
		char word[ID_SIZE];
		word_of_id(work.page.next, word);
		work.failed = object == NULL || mi_add_number(object, "more", work.page.more) < 0
					  || mi_add_word(object, "next", word) < 0;
	}
	return work.failed ? mi_out_of_memory(reply) : reply;
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
		return mi_out_of_memory(reply);
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
			return mi_out_of_memory(reply);
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
			"more, what it has started ends as ever. items=NUMBER [cursor]: what has become of each of its dialogs, in pages; the "
			"last element tells the cursor of the next page; 0: this was the last",
		.recipes = {
			{mi_jobs, {0}},
			{mi_jobs, {"cancel", 0}},
			{mi_jobs, {"items", 0}},
			{mi_jobs, {"items", "cursor", 0}},
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
		.help = "shows dialogs in full. selector is call, dialog or id, as for release. Where not all fit the reply the last "
			"element tells how many more there are, and the cursor to go on with as next",
		.recipes = {
			{mi_show, {"selector", "value", 0}},
			{mi_show, {"selector", "value", "cursor", 0}},
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
