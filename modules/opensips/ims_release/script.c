/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "script.h"

#include "../../dprint.h"
#include "../../route.h"

#include "capture.h"
#include "flow.h"
#include "job.h"
#include "loop.h"
#include "selection.h"
#include "words.h"

/* ims_release_track(side [, user]) */
static int track(struct sip_msg *message, const str *serves, const str *user)
{
	uint32_t side = serves_of_word(text_of(serves));
	ims_release_str nobody = {NULL, 0};
	char buffer[FLOW_SIZE];
	ims_release_str flow;
	ims_release_status status;

	if(side == 0) {
		LM_ERR("ims_release_track(): the served user is \"%.*s\", expected orig, term or neither\n", serves->len, serves->s);
		return -1;
	}
	flow = flow_of(&message->rcv, buffer);
	status = ims_release_registry_track(
			registry, message_of(message), side, user != NULL ? text_of(user) : nobody, flow, now_ms());
	if(status == IMS_RELEASE_BAD_USER) {
		/* No call is lost for a wrong word. */
		log_refused_script("ims_release_track(): the call is tracked by what its INVITE tells of the user", status);
		status = ims_release_registry_track(registry, message_of(message), side, nobody, flow, now_ms());
	}
	if(status != IMS_RELEASE_OK) {
		log_refused_script("ims_release_track(): the call is not tracked and cannot be released", status);
		return -1;
	}
	return 1;
}

/* ims_release_exempt() */
static int exempt(struct sip_msg *message)
{
	ims_release_status status = ims_release_registry_exempt(registry, message_of(message));

	if(status != IMS_RELEASE_OK) {
		log_refused_script("ims_release_exempt(): the call is not exempt", status);
		return -1;
	}
	return 1;
}

/* tm tells of a request only when it is relayed, perhaps after this; its CSeq must count now. */
static void count_now(struct sip_msg *message)
{
	if(message->first_line.type == SIP_REQUEST)
		capture_received(message);
}

/* No code at all is told as a wrong one. */
static struct reason reason_of(const int *cause, const str *text)
{
	return (struct reason){*cause > 0 ? (uint32_t)*cause : 0, text != NULL ? text_of(text) : (ims_release_str){NULL, 0},
			IMS_RELEASE_BY_SCRIPT, 0};
}

/* ims_release(cause [, text]) */
static int release_this(struct sip_msg *message, const int *cause, const str *text)
{
	const struct reason reason = reason_of(cause, text);
	ims_release_status status;

	count_now(message);
	status = release_of_message(message_of(message), &reason);
	if(status != IMS_RELEASE_OK) {
		log_refused_script("ims_release(): the call is not released", status);
		return -1;
	}
	return 1;
}

/* ims_release_by(selector, value, cause [, text]) */
static int release_by(
		struct sip_msg *message, const str *selector, const str *value, const int *cause, const str *text)
{
	const struct reason reason = reason_of(cause, text);
	uint32_t dialogs = dialogs_of_word(text_of(selector));
	uint32_t select = selector_of_word(text_of(selector));
	uint32_t early;
	ims_release_status status;

	if(dialogs == 0 && select == 0) {
		LM_ERR("ims_release_by(): the selector is \"%.*s\", expected call, dialog, id, all, user, contact or session\n",
				selector->len, selector->s);
		return -1;
	}
	/* The message may be of a call that is meant. */
	count_now(message);
	status = release_by_selector(dialogs, select, text_of(value), message_of(message), &reason, &early);
	if(early > 0)
		LM_NOTICE("ims_release_by(): %u of the dialogs are early and not released, their INVITEs are to be cancelled\n",
				early);
	if(status != IMS_RELEASE_OK) {
		log_refused_script("ims_release_by(): no call is released", status);
		return -1;
	}
	return 1;
}

/* is_ims_release() */
static int is_ims_release(struct sip_msg *message)
{
	return is_ours(message) ? 1 : -1;
}

/* 0 in place of a type ends the parameters. */
#define NO_MORE {0, NULL, NULL}
#define TEXT {CMD_PARAM_STR, NULL, NULL}
#define NUMBER {CMD_PARAM_INT, NULL, NULL}
#define MAYBE_TEXT {CMD_PARAM_STR | CMD_PARAM_OPT, NULL, NULL}

const cmd_export_t script_functions[] = {
	{"ims_release_track", (cmd_function)(void *)track, {TEXT, MAYBE_TEXT, NO_MORE}, REQUEST_ROUTE},
	{"ims_release_exempt", (cmd_function)(void *)exempt, {NO_MORE},
			REQUEST_ROUTE | FAILURE_ROUTE | ONREPLY_ROUTE | BRANCH_ROUTE},
	{"ims_release", (cmd_function)(void *)release_this, {NUMBER, MAYBE_TEXT, NO_MORE},
			REQUEST_ROUTE | FAILURE_ROUTE | ONREPLY_ROUTE | BRANCH_ROUTE},
	{"ims_release_by", (cmd_function)(void *)release_by, {TEXT, TEXT, NUMBER, MAYBE_TEXT, NO_MORE}, ALL_ROUTES},
	{"is_ims_release", (cmd_function)(void *)is_ims_release, {NO_MORE}, ALL_ROUTES},
	{NULL, NULL, {NO_MORE}, 0},
};
