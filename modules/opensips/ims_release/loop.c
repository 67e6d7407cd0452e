/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "loop.h"

#include "../../dprint.h"
#include "../../error.h"
#include "../../script_cb.h"
#include "../../sl_cb.h"
#include "../../sr_module.h"
#include "../sl/sl_api.h"

#include "capture.h"
#include "flow.h"
#include "sockets.h"

/* What the script must not see. The rest of the core tidies up, tm its reference to a transaction among it. */
#define WITHOUT_SCRIPT SCB_RUN_POST_CBS

/* Our BYE that the script of this process is running for; id 0: none. */
static struct {
	uint64_t id;
	unsigned int message;
} ours;

static int refusing = 0;

/* Without sl no script answers statelessly, and nothing has to be said again. */
static struct sl_binds sl;

int is_ours(const struct sip_msg *message)
{
	return ours.id != 0 && ours.message == message->id && message->REQ_METHOD == METHOD_BYE;
}

int is_refusing(void)
{
	return refusing;
}

/* What belongs to a transaction is tm's: it answers again, or takes the ACK to a refusal. Negative when none has it. */
static int of_transaction(struct sip_msg *message)
{
	int found = tm.t_check_trans(message);

	/* Only t_relay() would tell tm that the refusal has arrived. */
	if(found > 0 && message->REQ_METHOD == METHOD_ACK)
		tm.t_release_trans(tm.t_gett());
	return found;
}

/*
 * 481, in a transaction: it is said again to who asks again, and the ACK to it goes no further. What belongs to a
 * transaction from before the release is that one's.
 */
static void refuse(struct sip_msg *message)
{
	static const str text = {"Call/Transaction Does Not Exist", sizeof("Call/Transaction Does Not Exist") - 1};
	int made;

	/* A copy of our BYE: its transaction would be taken for that of ours, its answer for that of the far user. */
	if(message->REQ_METHOD == METHOD_BYE && in_our_name(message))
		return;
	refusing = 1;
	/* 0: a retransmission, which tm has answered. */
	made = tm.t_newtran(message);
	if(made < 0 || (made > 0 && tm.t_reply(message, 481, &text) < 0))
		LM_WARN("a request on a dialog under release could not be answered 481\n");
	refusing = 0;
}

/* A retransmission: what the first one brought about is said again. */
static void again(struct sip_msg *message, uint32_t answer)
{
	if(of_transaction(message) < 0 && answer != 0 && sl.reply != NULL) {
		str text;
		text.s = error_text((int)answer);
		text.len = (int)strlen(text.s);
		if(sl.reply(message, (int)answer, &text, NULL) < 0)
			LM_WARN("the answer %u to the BYE of a release could not be sent again\n", answer);
	}
}

void point_back(struct sip_msg *message)
{
	struct way_back way;

	if(!is_ours(message) || message->dst_uri.s != NULL || !find_way_back(ours.id, IMS_RELEASE_LEG_SERVICE_CONTROL, &way))
		return;
	if(set_dst_uri(message, &way.destination) < 0)
		LM_ERR("out of memory: a BYE goes to its Request-URI\n");
	else if(way.socket != NULL)
		message->force_send_socket = way.socket;
}

static int before_script(struct sip_msg *message, void *parameter)
{
	uint32_t pass = IMS_RELEASE_PASS_NOT_OURS;
	uint64_t id = 0;
	uint32_t answer = 0;
	ims_release_status status;

	(void)parameter;
	ours.id = 0;
	status = ims_release_registry_recognise(
			registry, message_of(message), from_own_socket(message), now_ms(), &pass, &id, &answer);
	if(status != IMS_RELEASE_OK) {
		log_refusal("a request is not looked at before the script", status);
		return SCB_RUN_ALL;
	}
	switch(pass) {
		case IMS_RELEASE_PASS_FIRST:
			ours.id = id;
			ours.message = message->id;
			return SCB_RUN_ALL;
		case IMS_RELEASE_PASS_AGAIN:
			again(message, answer);
			return WITHOUT_SCRIPT;
		case IMS_RELEASE_PASS_REFUSED:
			refuse(message);
			return WITHOUT_SCRIPT;
		case IMS_RELEASE_PASS_SWALLOWED:
			/* An ACK to a refusal is tm's. */
			of_transaction(message);
			return WITHOUT_SCRIPT;
		default:
			return SCB_RUN_ALL;
	}
}

static int after_script(struct sip_msg *message, void *parameter)
{
	(void)parameter;
	if(ours.message == message->id)
		ours.id = 0;
	return SCB_RUN_ALL;
}

/* The script answers without a transaction: tm tells nobody. */
static void stateless_answer(
		struct sip_msg *request, str *reply, int code, destination_pointer destination, socket_pointer socket, int protocol)
{
	(void)destination;
	(void)socket;
	(void)protocol;
	if(code < 200)
		return;
	if(!is_ours(request)) {
		capture(text_of(reply));
		return;
	}
	/* Nobody else would know what to say to a retransmission. */
	ims_release_status status = ims_release_registry_answered(registry, ours.id, (uint32_t)code);
	if(status != IMS_RELEASE_OK)
		log_refusal("an answer of the script is not noted", status);
}

int loop_start(void)
{
	if(find_export("load_sl", 0) != NULL && load_sl_api(&sl) < 0)
		return -1;
	if(register_slcb(SLCB_REPLY_OUT, 0, stateless_answer) < 0) {
		LM_ERR("the core takes no callback for stateless answers\n");
		return -1;
	}
	if(register_script_cb(before_script, PRE_SCRIPT_CB | REQ_TYPE_CB, NULL) < 0
			|| register_script_cb(after_script, POST_SCRIPT_CB | REQ_TYPE_CB, NULL) < 0) {
		LM_ERR("the core takes no callback around the script\n");
		return -1;
	}
	return 0;
}
