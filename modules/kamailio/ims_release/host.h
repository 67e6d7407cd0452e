/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The passage between Kamailio's types and the library's. The module holds no SIP logic: messages go to the library as they are, BYEs come from it.
 */
#ifndef IMS_RELEASE_HOST_H
#define IMS_RELEASE_HOST_H

#include <stddef.h>
#include <stdint.h>

#include "../../core/parser/msg_parser.h"
#include "../../core/str.h"
#include "../../modules/tm/tm_load.h"

#include "base.h"

/* A Kamailio str passes to the library without a copy. */
_Static_assert(sizeof(str) == sizeof(ims_release_str), "str is not ims_release_str");
_Static_assert(offsetof(str, s) == offsetof(ims_release_str, s), "str is not ims_release_str");
_Static_assert(offsetof(str, len) == offsetof(ims_release_str, len), "str is not ims_release_str");

#pragma GCC visibility push(hidden)

/* Bound in mod_init. */
extern struct tm_binds tm;

#pragma GCC visibility pop

static inline ims_release_str text_of(const str *s)
{
	return (ims_release_str){s->s, s->len};
}

/* For Kamailio's functions, which take no const. None of those called here writes to it. */
static inline str str_of(ims_release_str text)
{
	return (str){(char *)(text.s != NULL ? text.s : ""), text.len};
}

/* The message as it was received. */
static inline ims_release_str message_of(const struct sip_msg *message)
{
	return (ims_release_str){message->buf, (int)message->len};
}

#endif
