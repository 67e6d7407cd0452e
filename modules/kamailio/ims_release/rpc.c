/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rpc.h"

#include <inttypes.h>
#include <string.h>

#include "figures.h"
#include "settings.h"
#include "job.h"
#include "rpc_items.h"
#include "rpc_jobs.h"
#include "send.h"
#include "words.h"

/* Refusals of one request that are told one by one. */
#define REFUSALS 32

/* Which dialogs are meant; `more` names the further selectors. 0, or -1 after a fault. */
static int parse_selector(rpc_t *rpc, void *context, const struct parameters *given, uint32_t *selector,
		ims_release_str *selected, const char *more)
{
	ims_release_str word = parameter(given, 0);
	ims_release_str value = parameter(given, 1);

	*selector = selector_of_word(word);
	if(*selector == 0) {
		rpc->fault(context, IMS_RELEASE_BAD_SELECTOR, "the selector is \"%.*s\", expected call, dialog%s",
				word.len > 32 ? 32 : word.len, word.s != NULL ? word.s : "", more);
		return -1;
	}
	*selected = *selector == IMS_RELEASE_SELECT_ID ? number_of_id(value) : value;
	return 0;
}

/* The same where there is nothing else, or nothing but a cursor. */
static int read_selector(rpc_t *rpc, void *context, int most, struct parameters *given, uint32_t *selector,
		ims_release_str *selected)
{
	if(read_parameters(rpc, context, most, given) < 0)
		return -1;
	if(given->count < 2) {
		rpc->fault(context, IMS_RELEASE_ARGUMENT,
				"expected: SELECTOR VALUE; with kamcmd s: before what looks like a number");
		return -1;
	}
	return parse_selector(rpc, context, given, selector, selected, " or id");
}

struct refusal {
	uint64_t id;
	ims_release_status status;
};

struct releasing {
	rpc_t *rpc;
	void *context;
	struct reason reason;
	uint32_t started;
	uint32_t early;
	uint32_t refused;
	struct refusal refusals[REFUSALS];
	struct page page;
};

/* A BYE that is not sent now: why, or that it is sent later. */
static void add_unbuilt(rpc_t *rpc, void *structure, ims_release_status status, char *why, char *later)
{
	if(status == IMS_RELEASE_HELD)
		rpc->struct_add(structure, "s", later, "held");
	else if(status != IMS_RELEASE_OK)
		rpc->struct_add(structure, "s", why, ims_release_status_text(status));
}

static void release_dialog(void *env, const ims_release_entry *entry)
{
	struct releasing *work = env;
	struct unbuilt unbuilt;
	ims_release_status status = release(entry->id, &work->reason, &unbuilt);
	void *structure;

	if(status == IMS_RELEASE_EARLY) {
		work->early++;
		return;
	}
	if(status == IMS_RELEASE_OK) {
		work->started++;
		if(!has_room(&work->page)) {
			count_left_out(&work->page, entry->id);
		} else if(work->rpc->add(work->context, "{", &structure) >= 0) {
			count_shown(&work->page, entry);
			add_dialog(work->rpc, structure, entry);
			work->rpc->struct_add(structure, "s", "result", "releasing");
			add_unbuilt(work->rpc, structure, unbuilt.called, "no_bye_to_called", "bye_to_called");
			add_unbuilt(work->rpc, structure, unbuilt.calling, "no_bye_to_calling", "bye_to_calling");
		}
		return;
	}
	if(work->refused < REFUSALS)
		work->refusals[work->refused] = (struct refusal){entry->id, status};
	work->refused++;
}

/* Of a selection with releases: those whose INVITE is to be cancelled instead. */
static void add_early(void *env, const ims_release_entry *entry)
{
	struct releasing *work = env;
	void *structure;

	if(entry->state != IMS_RELEASE_STATE_EARLY)
		return;
	if(!has_room(&work->page)) {
		count_left_out(&work->page, entry->id);
		return;
	}
	if(work->rpc->add(work->context, "{", &structure) < 0)
		return;
	count_shown(&work->page, entry);
	add_dialog(work->rpc, structure, entry);
	work->rpc->struct_add(structure, "s", "result", "early");
	add_invite(work->rpc, structure, entry);
}

static const char *doc_release[] = {
	"Releases dialogs. Parameters: SELECTOR VALUE [cause [text [OPTIONS]]]. SELECTOR is call (VALUE a Call-ID: all its "
	"dialogs), dialog (CALL-ID,FROM-TAG,TO-TAG) or id (as ims_release.list shows it); or all (VALUE *), user (URI of a "
	"served user), contact (URI of a Contact) or session (icid-value): these make a job, whose number is told at once. OPTIONS of a job: "
	"dry,rate=RELEASES-A-SECOND,inflight=RELEASES-AT-A-TIME. With kamcmd write s:VALUE for a Call-ID of digits, and s: "
	"for an empty text.",
	NULL,
};

static void rpc_release(rpc_t *rpc, void *context)
{
	struct releasing work = {.rpc = rpc, .context = context, .reason.by = IMS_RELEASE_BY_RPC};
	struct parameters given;
	ims_release_str cause;
	uint64_t number;
	uint32_t dialogs;
	uint32_t select = 0;
	ims_release_str selected;
	ims_release_status status;
	void *structure;

	if(read_parameters(rpc, context, 5, &given) < 0)
		return;
	if(given.count < 2) {
		rpc->fault(context, IMS_RELEASE_ARGUMENT,
				"expected: SELECTOR VALUE [cause [text [OPTIONS]]]; with kamcmd s: before what looks like a number");
		return;
	}
	dialogs = dialogs_of_word(parameter(&given, 0));
	if(dialogs == 0
			&& parse_selector(rpc, context, &given, &select, &selected, ", id, all, user, contact or session") < 0)
		return;
	settings_default_reason(&work.reason.cause, &work.reason.text);
	if(given.count >= 3) {
		cause = parameter(&given, 2);
		if(number_of_word(cause, 699, &number) < 0) {
			rpc->fault(context, IMS_RELEASE_BAD_REASON, "the cause is \"%.*s\", expected a SIP status code, 100 to 699",
					cause.len > 32 ? 32 : cause.len, cause.s);
			return;
		}
		work.reason.cause = (uint32_t)number;
		work.reason.text = parameter(&given, 3);
	}
	if(dialogs != 0) {
		rpc_make_job(rpc, context, dialogs, parameter(&given, 1), &work.reason, parameter(&given, 4));
		return;
	}
	if(given.count >= 5) {
		rpc->fault(context, IMS_RELEASE_ARGUMENT, "options are for all, user, contact and session");
		return;
	}
	status = ims_release_registry_find(registry, select, selected, release_dialog, &work);
	if(status != IMS_RELEASE_OK) {
		fault(rpc, context, status);
		return;
	}
	if(work.started == 0) {
		fault(rpc, context, work.refused > 0 ? work.refusals[0].status : IMS_RELEASE_EARLY);
		return;
	}
	if(work.early > 0)
		ims_release_registry_find(registry, select, selected, add_early, &work);
	for(uint32_t i = 0; i < work.refused; i++) {
		if(i >= REFUSALS || !has_room(&work.page)) {
			work.page.more += work.refused - i;
			break;
		}
		if(rpc->add(context, "{", &structure) < 0)
			break;
		work.page.dialogs++;
		add_id(rpc, structure, work.refusals[i].id);
		rpc->struct_add(structure, "s", "result", ims_release_status_text(work.refusals[i].status));
	}
	if(work.page.more > 0 && rpc->add(context, "{", &structure) >= 0)
		rpc->struct_add(structure, "d", "more", (int)work.page.more);
}

struct listing {
	rpc_t *rpc;
	void *context;
	struct page page;
	int failed;
};

static void list_dialog(void *env, const ims_release_entry *entry)
{
	struct listing *work = env;
	void *structure;

	if(work->rpc->add(work->context, "{", &structure) < 0) {
		work->failed = 1;
		return;
	}
	count_shown(&work->page, entry);
	add_dialog(work->rpc, structure, entry);
	work->rpc->struct_add(structure, "ss", "state", word_of_state(entry->state), "serves", word_of_roles(entry->roles));
	add_invite(work->rpc, structure, entry);
	if(entry->exempt != 0)
		work->rpc->struct_add(structure, "d", "exempt", 1);
	if(entry->state == IMS_RELEASE_STATE_RELEASING)
		work->rpc->struct_add(structure, "sd", "by", word_of_by(entry->by), "job", (int)entry->job);
}

static const char *doc_list[] = {
	"Lists the dialogs that are tracked or under release, in pages. Parameter: [CURSOR]. The last element tells the "
	"CURSOR of the next page; 0: this was the last.",
	NULL,
};

static void rpc_list(rpc_t *rpc, void *context)
{
	struct listing work = {.rpc = rpc, .context = context};
	struct parameters given;
	uint64_t cursor;
	uint32_t records = 0;

	if(read_parameters(rpc, context, 1, &given) < 0 || read_cursor(rpc, context, parameter(&given, 0), &cursor) < 0)
		return;
	do {
		ims_release_status status = ims_release_registry_list(registry, cursor, 1, list_dialog, &work, &cursor);
		if(status != IMS_RELEASE_OK) {
			fault(rpc, context, status);
			return;
		}
		records++;
	} while(cursor != 0 && !work.failed && records < PAGE_RECORDS && has_room(&work.page));
	end_page(rpc, context, work.failed, cursor);
}

struct showing {
	rpc_t *rpc;
	void *context;
	/* The first id that is to be shown. */
	uint64_t from;
	struct page page;
};

static void show_dialog(void *env, const ims_release_entry *entry)
{
	struct showing *work = env;
	rpc_t *rpc = work->rpc;
	str from = shown(entry->from);
	str to = shown(entry->to);
	str calling_user = shown(entry->calling_user);
	str called_user = shown(entry->called_user);
	str icid = shown(entry->icid);
	str text = shown(entry->text);
	void *structure;

	if(entry->id < work->from)
		return;
	if(!has_room(&work->page)) {
		count_left_out(&work->page, entry->id);
		return;
	}
	if(rpc->add(work->context, "{", &structure) < 0)
		return;
	count_shown(&work->page, entry);
	add_dialog(rpc, structure, entry);
	rpc->struct_add(structure, "ssSS", "state", word_of_state(entry->state), "serves", word_of_roles(entry->roles), "from",
			&from, "to", &to);
	if(entry->cseq_to_called != IMS_RELEASE_CSEQ_NONE)
		rpc->struct_printf(structure, "cseq_to_called", "%" PRId64, entry->cseq_to_called);
	if(entry->cseq_to_calling != IMS_RELEASE_CSEQ_NONE)
		rpc->struct_printf(structure, "cseq_to_calling", "%" PRId64, entry->cseq_to_calling);
	rpc->struct_printf(structure, "seen", "%" PRIu64, entry->seen_s);
	add_invite(rpc, structure, entry);
	if(entry->calling_user.len > 0)
		rpc->struct_add(structure, "S", "calling_user", &calling_user);
	if(entry->called_user.len > 0)
		rpc->struct_add(structure, "S", "called_user", &called_user);
	if(entry->icid.len > 0)
		rpc->struct_add(structure, "S", "icid", &icid);
	if(entry->exempt != 0)
		rpc->struct_add(structure, "d", "exempt", 1);
	if(entry->state != IMS_RELEASE_STATE_RELEASING && entry->state != IMS_RELEASE_STATE_RELEASED)
		return;
	if(entry->state == IMS_RELEASE_STATE_RELEASED)
		rpc->struct_add(structure, "s", "outcome", word_of_outcome(entry->outcome));
	if(entry->unconfirmed != 0)
		rpc->struct_add(structure, "d", "unconfirmed", 1);
	rpc->struct_add(structure, "sddS", "by", word_of_by(entry->by), "job", (int)entry->job, "cause", (int)entry->cause,
			"text", &text);
	if(entry->text_lost != 0)
		rpc->struct_add(structure, "d", "text_lost", 1);
	add_legs(rpc, structure, entry);
	rpc->struct_printf(structure, "started", "%" PRIu64, entry->started_s);
}

static const char *doc_show[] = {
	"Shows dialogs in full. Parameters: SELECTOR VALUE [ID]; SELECTOR is call, dialog or id, as for ims_release.release. "
	"Where not all fit the reply the last element tells how many more there are, and the ID to go on with as next.",
	NULL,
};

static void rpc_show(rpc_t *rpc, void *context)
{
	struct showing work = {.rpc = rpc, .context = context};
	struct parameters given;
	uint32_t select;
	ims_release_str selected;
	ims_release_status status;
	char word[ID_SIZE];
	void *structure;

	if(read_selector(rpc, context, 3, &given, &select, &selected) < 0
			|| read_cursor(rpc, context, number_of_id(parameter(&given, 2)), &work.from) < 0)
		return;
	status = ims_release_registry_find(registry, select, selected, show_dialog, &work);
	if(status != IMS_RELEASE_OK) {
		fault(rpc, context, status);
		return;
	}
	if(work.page.more == 0 || rpc->add(context, "{", &structure) < 0)
		return;
	word_of_id(work.page.next, word);
	rpc->struct_add(structure, "ds", "more", (int)work.page.more, "next", word);
}

struct dropping {
	int dropped;
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

static const char *doc_forget[] = {
	"Drops what is stored of dialogs, without any SIP: nobody is told, and a session that is not over goes on and cannot "
	"be released any more. Parameters: SELECTOR VALUE; SELECTOR is call, dialog or id, as for ims_release.release.",
	NULL,
};

static void rpc_forget(rpc_t *rpc, void *context)
{
	struct dropping work = {0, IMS_RELEASE_OK};
	struct parameters given;
	uint32_t select;
	ims_release_str selected;
	ims_release_status status;
	void *structure;

	if(read_selector(rpc, context, 2, &given, &select, &selected) < 0)
		return;
	status = ims_release_registry_find(registry, select, selected, drop_dialog, &work);
	if(status == IMS_RELEASE_OK && work.dropped == 0)
		status = work.refused;
	if(status != IMS_RELEASE_OK) {
		fault(rpc, context, status);
		return;
	}
	if(rpc->add(context, "{", &structure) < 0)
		return;
	rpc->struct_add(structure, "d", "dropped", work.dropped);
	if(work.refused != IMS_RELEASE_OK)
		rpc->struct_add(structure, "s", "others", ims_release_status_text(work.refused));
}

static const char *doc_stats[] = {
	"Tells what was counted since the store was made, and how full the store is.",
	NULL,
};

static void rpc_stats(rpc_t *rpc, void *context)
{
	ims_release_stats stats;
	ims_release_status status;
	struct parameters none;
	void *structure;

	if(read_parameters(rpc, context, 0, &none) < 0)
		return;
	status = figures_read(&stats);
	if(status != IMS_RELEASE_OK) {
		fault(rpc, context, status);
		return;
	}
	if(rpc->add(context, "{", &structure) < 0)
		return;
	for(size_t i = 0; i < figure_count; i++)
		rpc->struct_printf(structure, figures[i].command, "%" PRIu64, figure_value(&figures[i], &stats));
}

rpc_export_t rpc_methods[] = {
	{"ims_release.release", rpc_release, doc_release, RET_ARRAY},
	{"ims_release.jobs", rpc_jobs, rpc_doc_jobs, RET_ARRAY},
	{"ims_release.forget", rpc_forget, doc_forget, 0},
	{"ims_release.list", rpc_list, doc_list, RET_ARRAY},
	{"ims_release.show", rpc_show, doc_show, RET_ARRAY},
	{"ims_release.stats", rpc_stats, doc_stats, 0},
	{NULL, NULL, NULL, 0},
};
