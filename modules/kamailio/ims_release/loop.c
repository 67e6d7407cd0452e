/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "loop.h"

#include <string.h>

#include "../../core/dprint.h"
#include "../../core/error.h"
#include "../../core/route.h"
#include "../../core/script_cb.h"
#include "../../core/sr_module.h"
#include "../../modules/sl/sl.h"

#include "capture.h"
#include "flow.h"
#include "sockets.h"

/* Our BYE that the script of this process is running for; id 0: none. */
static struct {
	uint64_t id;
	unsigned int message;
} ours;

static int refusing = 0;

static sl_api_t sl;
static cmd_function check_transaction = NULL;

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
	/* Not set yet: what tm looks at is still of the message before. */
	set_route_type(REQUEST_ROUTE);
	int found = check_transaction(message, NULL, NULL);
	tm.t_unref(message);
	return found;
}

/*
 * 481, in a transaction: it is said again to who asks again, and the ACK to it goes no further. What belongs to a
 * transaction from before the release is that one's.
 */
static void refuse(struct sip_msg *message)
{
	static char text[] = "Call/Transaction Does Not Exist";
	int made;

	/* A copy of our BYE: its transaction would be taken for that of ours, its answer for that of the far user. */
	if(message->REQ_METHOD == METHOD_BYE && in_our_name(message))
		return;
	set_route_type(REQUEST_ROUTE);
	refusing = 1;
	/* 0: a retransmission, which tm has answered. */
	made = tm.t_newtran(message);
	if(made < 0 || (made > 0 && tm.t_reply(message, 481, text) < 0))
		LM_WARN("a request on a dialog under release could not be answered 481\n");
	tm.t_unref(message);
	refusing = 0;
}

/* A retransmission: what the first one brought about is said again. */
static void again(struct sip_msg *message, uint32_t answer)
{
	int found = of_transaction(message);

	if(found < 0 && answer != 0 && sl.sreply != NULL) {
		str text;
		text.s = error_text((int)answer);
		text.len = (int)strlen(text.s);
		if(sl.sreply(message, (int)answer, &text) < 0)
			LM_WARN("the answer %u to the BYE of a release could not be sent again\n", answer);
	}
}

/*
 * Where no Route is left, and the script chooses nothing else, our BYE goes the way that its user came; loose_route() leaves
 * both as they are then.
 */
static void point_back(struct sip_msg *message, uint64_t id)
{
	struct way_back way;

	if(!find_way_back(id, IMS_RELEASE_LEG_SERVICE_CONTROL, &way))
		return;
	if(set_dst_uri(message, &way.destination) < 0)
		LM_ERR("out of memory: a BYE goes to its Request-URI\n");
	else if(way.socket != NULL)
		set_force_socket(message, way.socket);
}

static int before_script(struct sip_msg *message, unsigned int flags, void *parameter)
{
	uint32_t pass = IMS_RELEASE_PASS_NOT_OURS;
	uint64_t id = 0;
	uint32_t answer = 0;
	ims_release_status status;

	(void)flags;
	(void)parameter;
	/* HTTP requests come by here too. */
	if(!IS_SIP(message))
		return 1;
	ours.id = 0;
	status = ims_release_registry_recognise(
			registry, message_of(message), from_own_socket(message), now_ms(), &pass, &id, &answer);
	if(status != IMS_RELEASE_OK) {
		log_refusal("a request is not looked at before the script", status);
		return 1;
	}
	switch(pass) {
		case IMS_RELEASE_PASS_FIRST:
			ours.id = id;
			ours.message = message->id;
			point_back(message, id);
			return 1;
		case IMS_RELEASE_PASS_AGAIN:
			again(message, answer);
			return 0;
		case IMS_RELEASE_PASS_REFUSED:
			refuse(message);
			return 0;
		case IMS_RELEASE_PASS_SWALLOWED:
			/* An ACK to a refusal is tm's. */
			of_transaction(message);
			return 0;
		default:
			return 1;
	}
}

static int after_script(struct sip_msg *message, unsigned int flags, void *parameter)
{
	(void)flags;
	(void)parameter;
	if(ours.message == message->id)
		ours.id = 0;
	return 1;
}

/* The script answers without a transaction: tm tells nobody. */
static void stateless_answer(sl_cbp_t *reply)
{
	if(reply->code < 200)
		return;
	if(!is_ours(reply->req)) {
		capture(text_of(reply->reply));
		return;
	}
	/* Nobody else would know what to say to a retransmission. */
	ims_release_status status = ims_release_registry_answered(registry, ours.id, (uint32_t)reply->code);
	if(status != IMS_RELEASE_OK)
		log_refusal("an answer of the script is not noted", status);
}

static int bind_sl(void)
{
	static sl_cbelem_t callback = {.type = SLCB_REPLY_READY, .cbf = stateless_answer};

	/* Without sl no script answers statelessly. */
	if(find_export("bind_sl", 0, 0) == NULL)
		return 0;
	return sl_load_api(&sl) < 0 || sl.register_cb(&callback) < 0 ? -1 : 0;
}

int loop_start(void)
{
	check_transaction = find_export("t_check_trans", 0, 0);
	if(check_transaction == NULL) {
		LM_ERR("tm has no t_check_trans()\n");
		return -1;
	}
	if(bind_sl() < 0) {
		LM_ERR("sl takes no callback\n");
		return -1;
	}
	if(register_script_cb(before_script, PRE_SCRIPT_CB | REQUEST_CB, NULL) < 0
			|| register_script_cb(after_script, POST_SCRIPT_CB | REQUEST_CB, NULL) < 0) {
		LM_ERR("the core takes no callback around the script\n");
		return -1;
	}
	return 0;
}
