/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unconfirmed.h"

#include <stddef.h>

#include "base.h"
#include "words.h"

void unconfirmed(void *env, const ims_release_ended *ended)
{
	char id[ID_SIZE];

	(void)env;
	word_of_id(ended->id, id);
	report(IMS_RELEASE_LOG_WARNING,
			"release %s unconfirmed: call_id=%.*s by=%s job=%u cause=%u outcome=%s called=%u/%u calling=%u/%u: a process "
			"died while it told this",
			id, ended->call_id.len, ended->call_id.s != NULL ? ended->call_id.s : "", word_of_by(ended->by), ended->job,
			ended->cause, word_of_outcome(ended->outcome), ended->called_code, ended->called_attempts,
			ended->calling_code, ended->calling_attempts);
}
