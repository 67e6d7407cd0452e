/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "send.h"

#include "../../dprint.h"
#include "../../error.h"
#include "../../mem/shm_mem.h"
#include "../../route.h"

#include "config.h"
#include "flow.h"
#include "mend.h"
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
	note_answer(sent->id, sent->leg, sent->cseq, (uint32_t)parameters->code, reply);
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
		struct way_back *way, dlg_t *dialog)
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
	if(find_way_back(id, leg, way)) {
		dialog->obp = way->destination;
		dialog->send_sock = way->socket;
		return 0;
	}
	dialog->obp = str_of(bye->next_hop);
	if(ims_release_registry_own_hop(registry, id, leg, own, URI_SIZE, &length) == IMS_RELEASE_OK)
		/* Where the BYE has that transport: send_sock would force its own. */
		dialog->pref_sock = socket_of((ims_release_str){own, (int)length});
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

enum handed hand_over(uint64_t id, uint32_t leg, const ims_release_bye *bye)
{
	static str method = {"BYE", 3};
	char own[URI_SIZE];
	char hop[SOCKET_URI_SIZE];
	struct way_back way;
	char lines[BYE_SIZE];
	str further;
	struct sent *sent;
	const struct handing *outer = handing;
	dlg_t dialog;
	int result;

	/* tm looks into the routes even where there is none for it; the timer's process and the workers have them. */
	if(sroutes == NULL)
		return HANDED_LATER;
	memset(&dialog, 0, sizeof(dialog));
	if(direct(id, leg, bye, own, hop, &way, &dialog) < 0)
		return HANDED_NOT;
	if(name(bye, &dialog) < 0 || further_lines(bye, lines, &further) < 0) {
		LM_ERR("a BYE cannot be handed to tm\n");
		return HANDED_NOT;
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
		return HANDED_LATER;
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
		return result == E_OUT_OF_MEM ? HANDED_LATER : HANDED_NOT;
	}
	if(!ours.mended)
		LM_ERR("a BYE went out as tm printed it\n");
	return HANDED;
}
