/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "send.h"

#include <string.h>

#include "../../core/dprint.h"
#include "../../core/error.h"
#include "../../core/mem/shm_mem.h"
#include "../../core/timer_ticks.h"

#include "capture.h"
#include "settings.h"
#include "sockets.h"
#include "words.h"

/* No SIP message over UDP is longer. */
#define BYE_SIZE 65536
/* The proxy's own attempt to the far user is to give up first, so that its answer is the leg's result. */
#define LATER_S 3
/* A longer URI in Record-Route names no socket of ours. */
#define URI_SIZE 1024

/* What belongs to tm's transaction of one BYE, in shared memory: the answer may come in any process. */
struct sent {
	uint64_t id;
	uint32_t leg;
	/* An answer to an earlier BYE of this leg may still come. */
	uint32_t cseq;
	/* What tm printed. Its transaction points into it, so it lives as long. */
	char *printed;
};

/* The BYE that this process is handing to tm. */
struct handing {
	const ims_release_bye *bye;
	struct sent *sent;
};

static struct handing *handing = NULL;

static void note(uint64_t id, uint32_t leg, uint32_t cseq, uint32_t code, ims_release_str reply)
{
	ims_release_status status = ims_release_registry_note(registry, id, leg, cseq, code, reply, now_ms());

	if(status != IMS_RELEASE_OK)
		log_refusal("the answer to a BYE is not noted", status);
}

static void answered(struct cell *t, int type, struct tmcb_params *parameters)
{
	const struct sent *sent = *parameters->param;
	ims_release_str reply = {NULL, 0};

	(void)t;
	(void)type;
	/* Of a time-out tm has no message. */
	if(parameters->rpl != NULL && parameters->rpl != FAKED_REPLY)
		reply = message_of(parameters->rpl);
	note(sent->id, sent->leg, sent->cseq, (uint32_t)parameters->code, reply);
}

static void free_sent(void *parameter)
{
	struct sent *sent = parameter;

	if(sent->printed != NULL)
		shm_free(sent->printed);
	shm_free(sent);
}

/*
 * tm cannot print every legal From and To, and the looped BYE needs its mark. So the library mends what tm has printed,
 * before it is sent.
 */
static void mend(struct cell *t, struct sent *sent, const ims_release_bye *bye)
{
	struct retr_buf *request = &t->uac[0].request;
	ims_release_str printed = {request->buffer, request->buffer_len};
	char buffer[BYE_SIZE];
	size_t length = 0;
	char *mended;
	ims_release_status status = ims_release_registry_adopt(
			registry, sent->id, sent->leg, bye->message, printed, buffer, sizeof(buffer), &length);

	if(status != IMS_RELEASE_OK) {
		log_refusal("a BYE goes out as tm printed it", status);
		return;
	}
	mended = shm_malloc(length + 1);
	if(mended == NULL) {
		LM_ERR("out of shared memory: a BYE goes out as tm printed it; raise -m\n");
		return;
	}
	memcpy(mended, buffer, length);
	mended[length] = '\0';
	sent->printed = request->buffer;
	request->buffer = mended;
	request->buffer_len = (int)length;
}

static void foreign_answer(struct cell *t, int type, struct tmcb_params *parameters)
{
	(void)t;
	(void)type;
	if(parameters->rpl != NULL && parameters->rpl != FAKED_REPLY)
		capture(message_of(parameters->rpl));
}

/* tm has printed a request of this process and is about to send it. */
static void local_request(struct cell *t, int type, struct tmcb_params *parameters)
{
	struct handing *ours = handing;

	(void)type;
	(void)parameters;
	if(ours == NULL) {
		/* Of another module, perhaps inside a dialog: its CSeq counts, its BYE ends the call. */
		capture((ims_release_str){t->uac[0].request.buffer, t->uac[0].request.buffer_len});
		if(tm.register_tmcb(NULL, t, TMCB_LOCAL_COMPLETED, foreign_answer, NULL, NULL) <= 0)
			LM_ERR("out of shared memory: the answer to a request of another module is not watched; raise -m\n");
		return;
	}
	if(tm.register_tmcb(NULL, t, TMCB_LOCAL_COMPLETED, answered, ours->sent, free_sent) <= 0) {
		LM_ERR("out of shared memory: the answer to a BYE will be missed; raise -m\n");
		return;
	}
	mend(t, ours->sent, ours->bye);
	if(ours->bye->delivery == IMS_RELEASE_SERVICE_CONTROL) {
		t->fr_timeout += S_TO_TICKS(LATER_S);
		ticks_t end = get_ticks_raw() + t->fr_timeout + S_TO_TICKS(LATER_S);
		if(TICKS_LT(t->end_of_life, end))
			t->end_of_life = end;
	}
	/* It belongs to the transaction now. */
	ours->sent = NULL;
}

/* Hands a BYE to tm. Less than 0: it was not sent, and no answer will come; E_OUT_OF_MEM: there was no room for it. */
static int hand_over(uint64_t id, uint32_t leg, const ims_release_bye *bye)
{
	static str method = str_init("BYE");
	char own[URI_SIZE];
	char hop[SOCKET_URI_SIZE];
	struct sent *sent;
	str headers = str_of(bye->headers);
	dlg_t dialog;
	uac_req_t request;
	int result;

	memset(&dialog, 0, sizeof(dialog));
	dialog.id.call_id = str_of(bye->call_id);
	dialog.id.loc_tag = str_of(bye->from_tag_onward);
	dialog.id.rem_tag = str_of(bye->to_tag_onward);
	dialog.loc_uri = str_of(bye->from_before_tag);
	dialog.rem_uri = str_of(bye->to_before_tag);
	dialog.rem_target = str_of(bye->request_uri);
	dialog.loc_seq.value = bye->cseq;
	dialog.loc_seq.is_set = 1;
	dialog.state = DLG_CONFIRMED;
	if(bye->delivery == IMS_RELEASE_SERVICE_CONTROL) {
		dialog.send_sock = loop_socket(bye->next_hop);
		if(dialog.send_sock == NULL || socket_uri(dialog.send_sock, hop, &dialog.dst_uri) < 0) {
			LM_ERR("no own socket for the BYE to service control; set modparam loop_address\n");
			return -1;
		}
	} else {
		size_t length = 0;

		/* The routes are among the headers: tm must not read them, it would print them anew. */
		dialog.dst_uri = str_of(bye->next_hop);
		if(ims_release_registry_own_hop(registry, id, leg, own, sizeof(own), &length) == IMS_RELEASE_OK)
			dialog.send_sock = socket_of((ims_release_str){own, (int)length});
	}

	sent = shm_malloc(sizeof(*sent));
	if(sent == NULL) {
		LM_ERR("out of shared memory: a BYE is sent later; raise -m\n");
		return E_OUT_OF_MEM;
	}
	*sent = (struct sent){id, leg, bye->cseq, NULL};
	struct handing ours = {bye, sent};
	struct handing *outer = handing;
	handing = &ours;
	set_uac_req(&request, &method, &headers, NULL, &dialog, 0, NULL, NULL);
	result = tm.t_uac(&request);
	handing = outer;
	if(ours.sent != NULL)
		shm_free(ours.sent);
	if(result == E_OUT_OF_MEM)
		return E_OUT_OF_MEM;
	/* 0: dropped by event_route[tm:local-request]. */
	return result > 0 ? 0 : -1;
}

static void log_unbuilt(uint64_t id, uint32_t leg, ims_release_status status)
{
	char word[ID_SIZE];

	word_of_id(id, word);
	LM_WARN("release %s: no BYE for the %s user: %s\n", word, leg == IMS_RELEASE_LEG_CALLED ? "called" : "calling",
			ims_release_status_text(status));
}

static void send_leg(uint64_t id, uint32_t leg, const ims_release_bye *bye)
{
	if(bye->status == IMS_RELEASE_OK) {
		int result = hand_over(id, leg, bye);
		if(result < 0)
			note(id, leg, bye->cseq, result == E_OUT_OF_MEM ? IMS_RELEASE_LATER : IMS_RELEASE_NOT_SENT,
					(ims_release_str){NULL, 0});
	} else if(bye->status == IMS_RELEASE_HELD) {
		/* The timer sends it. */
		LM_DBG("a BYE is held: %s\n", ims_release_status_text(bye->status));
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
	/* On the stack: an event route may release another call while this one is sent. */
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

int send_start(void)
{
	if(tm.register_tmcb(NULL, NULL, TMCB_LOCAL_REQUEST_IN, local_request, NULL, NULL) <= 0) {
		LM_ERR("tm takes no callback for its own requests\n");
		return -1;
	}
	return 0;
}
