/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "script.h"

#include "../../core/dprint.h"
#include "../../core/mod_fix.h"

#include "capture.h"
#include "flow.h"
#include "job.h"
#include "loop.h"
#include "selection.h"
#include "words.h"

int track_call(struct sip_msg *message, const str *serves, const str *user)
{
	static const str empty = STR_NULL;
	uint32_t side = serves_of_word(text_of(serves));
	char buffer[FLOW_SIZE];
	ims_release_str flow;
	ims_release_status status;

	if(side == 0) {
		LM_ERR("ims_release_track(): the served user is \"%.*s\", expected orig, term or neither\n", serves->len, serves->s);
		return -1;
	}
	flow = flow_of(&message->rcv, buffer);
	status = ims_release_registry_track(registry, message_of(message), side, text_of(user), flow, now_ms());
	if(status == IMS_RELEASE_BAD_USER) {
		/* No call is lost for a wrong word. */
		log_refused_script("ims_release_track(): the call is tracked by what its INVITE tells of the user", status);
		status = ims_release_registry_track(registry, message_of(message), side, text_of(&empty), flow, now_ms());
	}
	if(status != IMS_RELEASE_OK) {
		log_refused_script("ims_release_track(): the call is not tracked and cannot be released", status);
		return -1;
	}
	capture_tracked(message);
	return 1;
}

int exempt_call(struct sip_msg *message)
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
	/* HTTP requests run event routes too. */
	if(message->first_line.type == SIP_REQUEST && IS_SIP(message))
		capture_received(message);
}

int release_call(struct sip_msg *message, int cause, const str *text)
{
	/* No code at all is told as a wrong one. */
	const struct reason reason = {cause > 0 ? (uint32_t)cause : 0, text_of(text), IMS_RELEASE_BY_SCRIPT, 0};
	ims_release_status status;

	count_now(message);
	status = release_of_message(message_of(message), &reason);
	if(status != IMS_RELEASE_OK) {
		log_refused_script("ims_release(): the call is not released", status);
		return -1;
	}
	return 1;
}

int release_calls(struct sip_msg *message, const str *selector, const str *value, int cause, const str *text)
{
	const struct reason reason = {cause > 0 ? (uint32_t)cause : 0, text_of(text), IMS_RELEASE_BY_SCRIPT, 0};
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

int is_ims_release(struct sip_msg *message)
{
	return is_ours(message) ? 1 : -1;
}

int script_track(struct sip_msg *message, char *serves, char *user)
{
	str word;
	str identity = STR_NULL;

	if(get_str_fparam(&word, message, (fparam_t *)serves) < 0) {
		LM_ERR("ims_release_track(): no value for the served user\n");
		return -1;
	}
	/* What has no value is as what was not given. */
	if(user != NULL && get_str_fparam(&identity, message, (fparam_t *)user) < 0)
		identity = (str)STR_NULL;
	return track_call(message, &word, &identity);
}

int script_exempt(struct sip_msg *message, char *unused1, char *unused2)
{
	(void)unused1;
	(void)unused2;
	return exempt_call(message);
}

int script_release(struct sip_msg *message, char *cause, char *text)
{
	str words = STR_NULL;
	int code;

	if(get_int_fparam(&code, message, (fparam_t *)cause) < 0 || code < 0
			|| (text != NULL && get_str_fparam(&words, message, (fparam_t *)text) < 0)) {
		log_wrong_script("ims_release()", "the cause is no integer, or a parameter has no value");
		return -1;
	}
	return release_call(message, code, &words);
}

int script_release_by4(struct sip_msg *message, char *selector, char *value, char *cause, char *text)
{
	str which;
	str whose;
	str words = STR_NULL;
	int code;

	if(get_str_fparam(&which, message, (fparam_t *)selector) < 0
			|| get_str_fparam(&whose, message, (fparam_t *)value) < 0
			|| get_int_fparam(&code, message, (fparam_t *)cause) < 0 || code < 0
			|| (text != NULL && get_str_fparam(&words, message, (fparam_t *)text) < 0)) {
		log_wrong_script("ims_release_by()", "the cause is no integer, or a parameter has no value");
		return -1;
	}
	return release_calls(message, &which, &whose, code, &words);
}

int script_release_by3(struct sip_msg *message, char *selector, char *value, char *cause)
{
	return script_release_by4(message, selector, value, cause, NULL);
}

int script_is_ours(struct sip_msg *message, char *unused1, char *unused2)
{
	(void)unused1;
	(void)unused2;
	return is_ims_release(message);
}

int script_fixup_track(void **parameter, int number)
{
	(void)number;
	return fixup_spve_null(parameter, 1);
}

int script_fixup_free_track(void **parameter, int number)
{
	(void)number;
	return fixup_free_spve_null(parameter, 1);
}

int script_fixup_release(void **parameter, int number)
{
	return number == 1 ? fixup_igp_null(parameter, 1) : fixup_spve_null(parameter, 1);
}

int script_fixup_free_release(void **parameter, int number)
{
	return number == 1 ? fixup_free_igp_null(parameter, 1) : fixup_free_spve_null(parameter, 1);
}

int script_fixup_release_by(void **parameter, int number)
{
	return number == 3 ? fixup_igp_null(parameter, 1) : fixup_spve_null(parameter, 1);
}

int script_fixup_free_release_by(void **parameter, int number)
{
	return number == 3 ? fixup_free_igp_null(parameter, 1) : fixup_free_spve_null(parameter, 1);
}
