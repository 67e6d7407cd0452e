/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture.h"

#include "../../core/dprint.h"
#include "../../core/script_cb.h"

void capture(ims_release_str message)
{
	uint32_t seen;
	ims_release_status status = ims_release_registry_observe(registry, message, now_ms(), &seen);

	if(status != IMS_RELEASE_OK)
		log_refusal("a message is not counted for its dialog", status);
}

static void in_transaction(struct cell *t, int type, struct tmcb_params *parameters)
{
	struct sip_msg *reply = parameters->rpl;

	(void)t;
	switch(type) {
		case TMCB_REQUEST_FWDED:
			/* Not before: what the script refuses never reached the other user. */
			if(parameters->req != NULL)
				capture(message_of(parameters->req));
			break;
		case TMCB_RESPONSE_IN:
			/* As the user sent it. A refusal counts only when it is sent on: another branch may still answer. */
			if(reply != NULL && reply != FAKED_REPLY && reply->first_line.u.reply.statuscode < 300)
				capture(message_of(reply));
			break;
		case TMCB_RESPONSE_READY:
			if(parameters->code >= 300 || reply == NULL || reply == FAKED_REPLY)
				capture(text_of(&parameters->send_buf));
			break;
		default:
			break;
	}
}

/* Called under the lock of tm's hash slot: registers, no more. */
static void new_transaction(struct cell *t, int type, struct tmcb_params *parameters)
{
	(void)type;
	/* Never part of a call's dialog. */
	if(parameters->req->REQ_METHOD == METHOD_REGISTER || parameters->req->REQ_METHOD == METHOD_PUBLISH)
		return;
	if(tm.register_tmcb(parameters->req, t, TMCB_REQUEST_FWDED | TMCB_RESPONSE_IN | TMCB_RESPONSE_READY, in_transaction,
			   NULL, NULL)
			<= 0)
		LM_ERR("out of shared memory: a transaction is not watched, its dialog may be out of date; raise -m\n");
}

/* tm tells of an ACK only while it keeps the transaction of the INVITE. */
static int before_script(struct sip_msg *message, unsigned int flags, void *parameter)
{
	(void)flags;
	(void)parameter;
	/* HTTP requests come by here too. */
	if(IS_SIP(message) && message->REQ_METHOD == METHOD_ACK)
		capture(message_of(message));
	return 1;
}

int capture_start(void)
{
	if(tm.register_tmcb(NULL, NULL, TMCB_REQUEST_IN, new_transaction, NULL, NULL) <= 0) {
		LM_ERR("tm takes no callback for new transactions\n");
		return -1;
	}
	if(register_script_cb(before_script, PRE_SCRIPT_CB | REQUEST_CB, NULL) < 0) {
		LM_ERR("the core takes no callback before the script\n");
		return -1;
	}
	return 0;
}
