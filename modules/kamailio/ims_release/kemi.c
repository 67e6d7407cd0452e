/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kemi.h"

#include "../../core/dprint.h"

#include "script.h"

/* What the language has for nothing (nil) comes as a text without a pointer; an empty text has one. */
static int is_given(const str *text, const char *function, const char *parameter)
{
	if(text->s != NULL)
		return 1;
	LM_ERR("%s(): no value for the %s\n", function, parameter);
	return 0;
}

static int kemi_track(struct sip_msg *message, str *serves, str *user)
{
	/* A user that has no value is as one that was not given. */
	return is_given(serves, "ims_release_track", "served user") ? track_call(message, serves, user) : -1;
}

static int kemi_release(struct sip_msg *message, int cause, str *text)
{
	return is_given(text, "ims_release", "text of the cause") ? release_call(message, cause, text) : -1;
}

static int kemi_release_by(struct sip_msg *message, str *selector, str *value, int cause, str *text)
{
	static const char function[] = "ims_release_by";

	/* No value is not an empty one, which would mean the session of the message. */
	if(!is_given(selector, function, "selector") || !is_given(value, function, "selector's value")
			|| !is_given(text, function, "text of the cause"))
		return -1;
	return release_calls(message, selector, value, cause, text);
}

/* clang-format off */
sr_kemi_t kemi_functions[] = {
	{ str_init("ims_release"), str_init("track"),
		SR_KEMIP_INT, kemi_track,
		{ SR_KEMIP_STR, SR_KEMIP_STR, SR_KEMIP_NONE,
			SR_KEMIP_NONE, SR_KEMIP_NONE, SR_KEMIP_NONE }
	},
	{ str_init("ims_release"), str_init("exempt"),
		SR_KEMIP_INT, exempt_call,
		{ SR_KEMIP_NONE, SR_KEMIP_NONE, SR_KEMIP_NONE,
			SR_KEMIP_NONE, SR_KEMIP_NONE, SR_KEMIP_NONE }
	},
	{ str_init("ims_release"), str_init("release"),
		SR_KEMIP_INT, kemi_release,
		{ SR_KEMIP_INT, SR_KEMIP_STR, SR_KEMIP_NONE,
			SR_KEMIP_NONE, SR_KEMIP_NONE, SR_KEMIP_NONE }
	},
	{ str_init("ims_release"), str_init("release_by"),
		SR_KEMIP_INT, kemi_release_by,
		{ SR_KEMIP_STR, SR_KEMIP_STR, SR_KEMIP_INT,
			SR_KEMIP_STR, SR_KEMIP_NONE, SR_KEMIP_NONE }
	},
	{ str_init("ims_release"), str_init("is_ims_release"),
		SR_KEMIP_INT, is_ims_release,
		{ SR_KEMIP_NONE, SR_KEMIP_NONE, SR_KEMIP_NONE,
			SR_KEMIP_NONE, SR_KEMIP_NONE, SR_KEMIP_NONE }
	},
	{ {0, 0}, {0, 0}, 0, NULL, { 0, 0, 0, 0, 0, 0 } }
};
/* clang-format on */
