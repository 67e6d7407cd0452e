/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "send.h"

#include <string.h>

#include "../../core/dprint.h"
#include "../../core/error.h"
#include "../../core/mem/shm_mem.h"
#include "../../core/timer_ticks.h"

#include "capture.h"
#include "flow.h"
#include "sockets.h"

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

static void answered(struct cell *t, int type, struct tmcb_params *parameters)
{
	const struct sent *sent = *parameters->param;
	ims_release_str reply = {NULL, 0};

	(void)t;
	(void)type;
	/* Of a time-out tm has no message. */
	if(parameters->rpl != NULL && parameters->rpl != FAKED_REPLY)
		reply = message_of(parameters->rpl);
	note_answer(sent->id, sent->leg, sent->cseq, (uint32_t)parameters->code, reply);
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
		capture_received(parameters->rpl);
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

enum handed hand_over(uint64_t id, uint32_t leg, const ims_release_bye *bye)
{
	static str method = str_init("BYE");
	char own[URI_SIZE];
	char hop[SOCKET_URI_SIZE];
	struct way_back way;
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
			return HANDED_NOT;
		}
	} else if(find_way_back(id, leg, &way)) {
		dialog.dst_uri = way.destination;
		dialog.send_sock = way.socket;
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
		return HANDED_LATER;
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
		return HANDED_LATER;
	/* 0: dropped by event_route[tm:local-request]. */
	return result > 0 ? HANDED : HANDED_NOT;
}

int send_start(void)
{
	if(tm.register_tmcb(NULL, NULL, TMCB_LOCAL_REQUEST_IN, local_request, NULL, NULL) <= 0) {
		LM_ERR("tm takes no callback for its own requests\n");
		return -1;
	}
	return 0;
}
