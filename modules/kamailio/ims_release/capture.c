/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture.h"

#include <string.h>

#include "../../core/dprint.h"
#include "../../core/modparam.h"
#include "../../core/script_cb.h"
#include "../../core/sr_module.h"

#include "flow.h"
#include "loop.h"

/* The INVITE that the script of this process has tracked last. A clone in shared memory has its numbers. */
static struct {
	unsigned int id;
	int pid;
} tracked;

void capture_tracked(const struct sip_msg *message)
{
	tracked.id = message->id;
	tracked.pid = message->pid;
}

static int is_tracked(const struct sip_msg *message)
{
	return tracked.pid != 0 && tracked.id == message->id && tracked.pid == message->pid;
}

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

void capture_received(const struct sip_msg *message)
{
	char flow[FLOW_SIZE];

	uint32_t seen = observe(message_of(message), flow_of(&message->rcv, flow));
	if(seen == IMS_RELEASE_SEEN_MISDIRECTED && message->callid != NULL)
		log_misdirected(text_of(&message->callid->body));
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

static void sent_by(const struct cell *t)
{
	for(int i = 0; i < t->nr_of_outgoings; i++) {
		const struct retr_buf *request = &t->uac[i].request;
		if(request->buffer != NULL)
			sent_on((ims_release_str){request->buffer, request->buffer_len});
	}
}

static void in_transaction(struct cell *t, int type, struct tmcb_params *parameters)
{
	struct sip_msg *reply = parameters->rpl;

	switch(type) {
		case TMCB_REQUEST_FWDED:
			/* Not before: what the script refuses never reached the other user. What was tracked was read then. */
			if(parameters->req != NULL && !is_tracked(parameters->req))
				capture_received(parameters->req);
			break;
		case TMCB_REQUEST_OUT:
			sent_on(text_of(&parameters->send_buf));
			break;
		case TMCB_RESPONSE_IN:
			/* Whoever answers has had the request, even if this comes before the word that it was sent. */
			if(parameters->code >= 300 && is_bye(t))
				sent_by(t);
			/* As the user sent it. A refusal counts only when it is sent on: another branch may still answer. */
			if(reply != NULL && reply != FAKED_REPLY && reply->first_line.u.reply.statuscode < 300)
				capture_received(reply);
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
	int types = TMCB_REQUEST_FWDED | TMCB_RESPONSE_IN | TMCB_RESPONSE_READY;

	(void)type;
	/* What we answer ourselves tells nothing of the user. */
	if(is_refusing())
		return;
	/* Never part of a call's dialog. */
	if(parameters->req->REQ_METHOD == METHOD_REGISTER || parameters->req->REQ_METHOD == METHOD_PUBLISH)
		return;
	if(parameters->req->REQ_METHOD == METHOD_BYE)
		types |= TMCB_REQUEST_OUT;
	if(tm.register_tmcb(parameters->req, t, types, in_transaction, NULL, NULL) <= 0)
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

/* tm from 6.1.4 on does not look at the answers of an INVITE once it has sent one 2xx on: the core forwards them. The
 * choice is the operator's, since tm knows best what it protects itself from. */
static void warn_of_answers_past_tm(void)
{
	struct sr_module *module = find_module_by_name("tm");
	modparam_t type;
	const int *active = module == NULL ? NULL : find_param_export(module, "reply_matching", PARAM_INT, &type);

	if(active != NULL && *active != 0)
		LM_WARN("a second 2xx to a forked INVITE passes tm by, and its dialog is not known here: unless nothing forks, set "
				"modparam(\"tm\", \"reply_matching\", 0)\n");
}

int capture_start(void)
{
	warn_of_answers_past_tm();
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
