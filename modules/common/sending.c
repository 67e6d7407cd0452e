/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sending.h"

#include <string.h>

#include "base.h"
#include "settings.h"
#include "words.h"

void note_answer(uint64_t id, uint32_t leg, uint32_t cseq, uint32_t code, ims_release_str reply)
{
	ims_release_status status = ims_release_registry_note(registry, id, leg, cseq, code, reply, now_ms());

	if(status != IMS_RELEASE_OK)
		log_refusal("the answer to a BYE is not noted", status);
}

static void log_unbuilt(uint64_t id, uint32_t leg, ims_release_status status)
{
	char word[ID_SIZE];

	word_of_id(id, word);
	report(IMS_RELEASE_LOG_WARNING, "release %s: no BYE for the %s user: %s", word,
			leg == IMS_RELEASE_LEG_CALLED ? "called" : "calling", ims_release_status_text(status));
}

static void send_leg(uint64_t id, uint32_t leg, const ims_release_bye *bye)
{
	if(bye->status == IMS_RELEASE_OK) {
		enum handed handed = hand_over(id, leg, bye);
		if(handed != HANDED)
			note_answer(id, leg, bye->cseq, handed == HANDED_LATER ? IMS_RELEASE_LATER : IMS_RELEASE_NOT_SENT,
					(ims_release_str){NULL, 0});
	} else if(bye->status == IMS_RELEASE_HELD) {
		/* The timer sends it. */
		report(IMS_RELEASE_LOG_DEBUG, "a BYE is held: %s", ims_release_status_text(bye->status));
	} else {
		log_unbuilt(id, leg, bye->status);
	}
}

void send_due(uint64_t id, uint32_t leg)
{
	char buffer[BYE_SIZE];
	ims_release_options options;
	ims_release_bye bye;
	uint32_t cause;
	ims_release_str text;
	ims_release_status status;

	memset(&bye, 0, sizeof(bye));
	bye.struct_size = sizeof(bye);
	/* The library knows the cause that the release was started with; this one only has to be legal. */
	settings_default_reason(&cause, &text);
	settings_options(cause, text, &options);
	status = ims_release_registry_next(registry, id, leg, &options, now_ms(), buffer, sizeof(buffer), &bye);
	switch(status) {
		case IMS_RELEASE_OK:
			send_leg(id, leg, &bye);
			break;
		case IMS_RELEASE_NOT_RELEASING:
		case IMS_RELEASE_NOT_FOUND:
			/* It ended meanwhile. */
			break;
		default:
			if(status >= 100 && status < 200)
				log_unbuilt(id, leg, status);
			else
				log_refusal("a BYE that is due is not sent yet", status);
			break;
	}
}

ims_release_status release(uint64_t id, const struct reason *reason, struct unbuilt *unbuilt)
{
	/* On the stack: the script may release another call while this one is sent. */
	char called_buffer[BYE_SIZE];
	char calling_buffer[BYE_SIZE];
	ims_release_options options;
	ims_release_bye called;
	ims_release_bye calling;
	ims_release_status status;

	memset(&called, 0, sizeof(called));
	memset(&calling, 0, sizeof(calling));
	called.struct_size = sizeof(called);
	calling.struct_size = sizeof(calling);
	settings_options(reason->cause, reason->text, &options);
	options.by = reason->by;
	options.job = reason->job;
	status = ims_release_registry_start(registry, id, &options, now_ms(), called_buffer, sizeof(called_buffer),
			calling_buffer, sizeof(calling_buffer), &called, &calling);
	if(status != IMS_RELEASE_OK)
		return status;
	if(unbuilt != NULL)
		*unbuilt = (struct unbuilt){called.status, calling.status};
	/* Both are built: the release can no longer be hindered by what comes of the first. */
	send_leg(id, IMS_RELEASE_LEG_CALLED, &called);
	send_leg(id, IMS_RELEASE_LEG_CALLING, &calling);
	return IMS_RELEASE_OK;
}
