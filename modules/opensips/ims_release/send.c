/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "send.h"

#include "../../dprint.h"
#include "../../error.h"
#include "../../mem/shm_mem.h"
#include "../../route.h"

#include "config.h"
#include "mend.h"
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
};

/* The BYE that this process is handing to tm. */
struct handing {
	const ims_release_bye *bye;
	const struct sent *sent;
	int mended;
};

static const struct handing *handing = NULL;

int is_handing(void)
{
	return handing != NULL;
}

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
	/* With pass_provisional_replies tm tells of those too. */
	if(type != TMCB_LOCAL_COMPLETED)
		return;
	/* Of a time-out tm has no message. */
	if(parameters->rpl != NULL && parameters->rpl != FAKED_REPLY)
		reply = message_of(parameters->rpl);
	note(sent->id, sent->leg, sent->cseq, (uint32_t)parameters->code, reply);
}

static void free_sent(void *parameter)
{
	shm_free(parameter);
}

/*
 * tm cannot print every legal From and To, and the looped BYE needs its mark. So the library mends what tm has printed,
 * before it is sent. tm's own route for it, local_route, has run.
 */
static void printed(struct cell *t, int type, struct tmcb_params *parameters)
{
	struct handing *ours = *parameters->param;

	(void)t;
	(void)type;
	ours->mended = mend(parameters->req, ours->sent->id, ours->sent->leg, ours->bye->message) == 0;
}

static void created(struct cell *t, void *parameter)
{
	const struct handing *ours = parameter;

	/* In a worker that of the message before, in another process nothing. */
	t->fr_timeout = config_fr_timeout();
	if(ours->bye->delivery == IMS_RELEASE_SERVICE_CONTROL)
		t->fr_timeout += LATER_S;
	if(tm.register_tmcb(NULL, t, TMCB_LOCAL_REQUEST_OUT, printed, parameter, NULL) <= 0)
		LM_ERR("out of shared memory: a BYE goes out as tm prints it; raise -m\n");
}

/* Where a BYE goes, and from where. -1 after a line in the log. */
static int direct(uint64_t id, uint32_t leg, const ims_release_bye *bye, char own[URI_SIZE], char hop[SOCKET_URI_SIZE],
		dlg_t *dialog)
{
	size_t length = 0;

	if(bye->delivery == IMS_RELEASE_SERVICE_CONTROL) {
		dialog->send_sock = loop_socket(bye->next_hop);
		if(dialog->send_sock == NULL || socket_uri(dialog->send_sock, hop, &dialog->obp) < 0) {
			LM_ERR("no own socket for the BYE to service control; set modparam loop_address\n");
			return -1;
		}
		return 0;
	}
	dialog->obp = str_of(bye->next_hop);
	if(ims_release_registry_own_hop(registry, id, leg, own, URI_SIZE, &length) == IMS_RELEASE_OK)
		dialog->send_sock = socket_of((ims_release_str){own, (int)length});
	return 0;
}

/* From and To as tm can print them; what is lost, mend() puts back. */
static int name(const ims_release_bye *bye, dlg_t *dialog)
{
	ims_release_str from_uri;
	ims_release_str from_tag;
	ims_release_str to_uri;
	ims_release_str to_tag;

	if(ims_release_address_parts(bye->from, &from_uri, &from_tag) != IMS_RELEASE_OK
			|| ims_release_address_parts(bye->to, &to_uri, &to_tag) != IMS_RELEASE_OK)
		return -1;
	dialog->loc_uri = str_of(from_uri);
	dialog->id.loc_tag = str_of(from_tag);
	dialog->rem_uri = str_of(to_uri);
	dialog->id.rem_tag = str_of(to_tag);
	return 0;
}

/* The lines that tm does not print itself: Route, and all but the one behind it, which is Max-Forwards. */
static int further_lines(const ims_release_bye *bye, char lines[BYE_SIZE], str *further)
{
	const char *rest = bye->headers.s + bye->route.len;
	const char *end = bye->headers.s + bye->headers.len;
	const char *line_end = memchr(rest, '\n', (size_t)(end - rest));

	if(line_end == NULL || bye->headers.len > BYE_SIZE)
		return -1;
	size_t behind = (size_t)(end - line_end - 1);
	memcpy(lines, bye->route.s, (size_t)bye->route.len);
	memcpy(lines + bye->route.len, line_end + 1, behind);
	*further = (str){lines, bye->route.len + (int)behind};
	return 0;
}

/* Hands a BYE to tm. Less than 0: it was not sent, and no answer will come; E_OUT_OF_MEM: there was no room for it. */
static int hand_over(uint64_t id, uint32_t leg, const ims_release_bye *bye)
{
	static str method = {"BYE", 3};
	char own[URI_SIZE];
	char hop[SOCKET_URI_SIZE];
	char lines[BYE_SIZE];
	str further;
	struct sent *sent;
	const struct handing *outer = handing;
	dlg_t dialog;
	int result;

	/* tm looks into the routes even where there is none for it; the timer's process and the workers have them. */
	if(sroutes == NULL)
		return E_OUT_OF_MEM;
	memset(&dialog, 0, sizeof(dialog));
	if(direct(id, leg, bye, own, hop, &dialog) < 0)
		return -1;
	if(name(bye, &dialog) < 0 || further_lines(bye, lines, &further) < 0) {
		LM_ERR("a BYE cannot be handed to tm\n");
		return -1;
	}
	dialog.id.call_id = str_of(bye->call_id);
	dialog.rem_target = str_of(bye->request_uri);
	/* tm adds one. */
	dialog.loc_seq.value = bye->cseq - 1;
	dialog.loc_seq.is_set = 1;
	dialog.state = DLG_CONFIRMED;

	sent = shm_malloc(sizeof(*sent));
	if(sent == NULL) {
		LM_ERR("out of shared memory: a BYE is sent later; raise -m\n");
		return E_OUT_OF_MEM;
	}
	*sent = (struct sent){id, leg, bye->cseq};
	struct handing ours = {bye, sent, 0};
	dialog.t_created_cb = created;
	dialog.t_created_cb_param = &ours;
	handing = &ours;
	result = tm.t_request_within(&method, &further, NULL, &dialog, answered, sent, free_sent);
	handing = outer;
	if(result <= 0) {
		shm_free(sent);
		return result == E_OUT_OF_MEM ? E_OUT_OF_MEM : -1;
	}
	if(!ours.mended)
		LM_ERR("a BYE went out as tm printed it\n");
	return 0;
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
	/* On the stack: local_route may release another call while this one is sent. */
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
