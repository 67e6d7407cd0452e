/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture.h"

#include "../../dprint.h"
#include "../../script_cb.h"

#include "flow.h"
#include "loop.h"
#include "send.h"

static uint32_t observe(ims_release_str message, ims_release_str flow)
{
	uint32_t seen = IMS_RELEASE_SEEN_UNKNOWN;
	ims_release_status status = ims_release_registry_observe(registry, message, flow, now_ms(), &seen);

	if(status != IMS_RELEASE_OK)
		log_refusal("a message is not counted for its dialog", status);
	return seen;
}

void capture(ims_release_str message)
{
	observe(message, (ims_release_str){NULL, 0});
}

static void capture_from(const struct sip_msg *message, ims_release_str flow)
{
	if(observe(message_of(message), flow) == IMS_RELEASE_SEEN_MISDIRECTED && message->callid != NULL)
		log_misdirected(text_of(&message->callid->body));
}

void capture_received(const struct sip_msg *message)
{
	char flow[FLOW_SIZE];

	capture_from(message, flow_of(&message->rcv, flow));
}

/* Our BYE that has left for the far user is no longer service control's. */
static void sent_on(ims_release_str message)
{
	ims_release_status status = ims_release_registry_sent_on(registry, message);

	if(status != IMS_RELEASE_OK)
		log_refusal("a BYE that was sent on is not noted", status);
}

static int is_bye(const struct cell *t)
{
	return t->method.len >= 3 && memcmp(t->method.s, "BYE", 3) == 0;
}

static void sent_by(struct cell *t)
{
	for(int i = 0; i < t->nr_of_outgoings; i++) {
		const str *request = &TM_BRANCH(t, i).request.buffer;
		if(request->s != NULL)
			sent_on(text_of(request));
	}
}

static void in_transaction(struct cell *t, int type, struct tmcb_params *parameters)
{
	const struct sip_msg *reply = parameters->rpl;
	const str *sent = parameters->extra1;

	switch(type) {
		case TMCB_REQUEST_FWDED:
			/* Not before: what the script refuses never reached the other user. */
			if(parameters->req != NULL) {
				capture_received(parameters->req);
				point_back(parameters->req);
			}
			break;
		case TMCB_MSG_SENT_OUT:
			/* Without a reply it is a request. */
			if(reply == NULL && sent != NULL)
				sent_on(text_of(sent));
			break;
		case TMCB_RESPONSE_IN:
			/* Whoever answers has had the request, even if this comes before the word that it was sent. */
			if(parameters->code >= 300 && is_bye(t))
				sent_by(t);
			/* As the user sent it. A refusal counts only when it is sent on: another branch may still answer. */
			if(reply != NULL && reply != FAKED_REPLY && reply->first_line.u.reply.statuscode < 300)
				capture_received(reply);
			break;
		case TMCB_RESPONSE_PRE_OUT:
			if(sent != NULL && (parameters->code >= 300 || reply == NULL || reply == FAKED_REPLY))
				capture(text_of(sent));
			break;
		default:
			break;
	}
}

/* Called under the lock of tm's hash slot: registers, no more. */
static void new_transaction(struct cell *t, int type, struct tmcb_params *parameters)
{
	int types = TMCB_REQUEST_FWDED | TMCB_RESPONSE_IN | TMCB_RESPONSE_PRE_OUT;

	(void)type;
	/* What we answer ourselves tells nothing of the user. */
	if(is_refusing())
		return;
	/* Never part of a call's dialog. */
	if(parameters->req->REQ_METHOD == METHOD_REGISTER || parameters->req->REQ_METHOD == METHOD_PUBLISH)
		return;
	if(parameters->req->REQ_METHOD == METHOD_BYE)
		types |= TMCB_MSG_SENT_OUT;
	if(tm.register_tmcb(parameters->req, t, types, in_transaction, NULL, NULL) <= 0)
		LM_ERR("out of shared memory: a transaction is not watched, its dialog may be out of date; raise -m\n");
}

/* Of another module, perhaps inside a dialog: its CSeq counts, its BYE ends the call. */
static void foreign_request(struct cell *t, int type, struct tmcb_params *parameters)
{
	const struct sip_msg *reply = parameters->rpl;

	(void)t;
	if(type == TMCB_LOCAL_REQUEST_OUT)
		/* It came from no user. */
		capture_from(parameters->req, (ims_release_str){NULL, 0});
	else if(reply != NULL && reply != FAKED_REPLY)
		capture_received(reply);
}

static void new_local_transaction(struct cell *t, int type, struct tmcb_params *parameters)
{
	/* Here the method. */
	int method = parameters->code;

	(void)type;
	if(is_handing() || method == METHOD_REGISTER || method == METHOD_PUBLISH)
		return;
	if(tm.register_tmcb(NULL, t, TMCB_LOCAL_REQUEST_OUT | TMCB_LOCAL_COMPLETED, foreign_request, NULL, NULL) <= 0)
		LM_ERR("out of shared memory: a request of another module is not watched; raise -m\n");
}

/* tm tells of an ACK only while it keeps the transaction of the INVITE. */
static int before_script(struct sip_msg *message, void *parameter)
{
	(void)parameter;
	if(message->REQ_METHOD == METHOD_ACK)
		capture(message_of(message));
	return SCB_RUN_ALL;
}

int capture_start(void)
{
	if(tm.register_tmcb(NULL, NULL, TMCB_REQUEST_IN, new_transaction, NULL, NULL) <= 0
			|| tm.register_tmcb(NULL, NULL, TMCB_LOCAL_TRANS_NEW, new_local_transaction, NULL, NULL) <= 0) {
		LM_ERR("tm takes no callback for new transactions\n");
		return -1;
	}
	if(register_script_cb(before_script, PRE_SCRIPT_CB | REQ_TYPE_CB, NULL) < 0) {
		LM_ERR("the core takes no callback before the script\n");
		return -1;
	}
	return 0;
}
