/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The passage between OpenSIPS's types and the library's, for 3.4, 3.6 and 4.0. The module holds no SIP logic: messages
 * go to the library as they are, BYEs come from it.
 */
#ifndef IMS_RELEASE_HOST_H
#define IMS_RELEASE_HOST_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "../../parser/msg_parser.h"
#include "../../str.h"
#include "../tm/tm_load.h"

#include "base.h"

/* 30608 is 3.6.8; scripts/opensips-defines asks the source for it. */
#ifndef IMS_RELEASE_OPENSIPS
#error "IMS_RELEASE_OPENSIPS is not defined: build with make opensips"
#endif

/* A str of OpenSIPS passes to the library without a copy. */
_Static_assert(sizeof(str) == sizeof(ims_release_str), "str is not ims_release_str");
_Static_assert(offsetof(str, s) == offsetof(ims_release_str, s), "str is not ims_release_str");
_Static_assert(offsetof(str, len) == offsetof(ims_release_str, len), "str is not ims_release_str");

/* The branches of a transaction are an array before 4.0. */
#ifndef TM_BRANCH
#define TM_BRANCH(transaction, index) ((transaction)->uac[index])
#endif

/* Both are const from 3.5 on. */
typedef __typeof__(((dlg_t *)NULL)->send_sock) socket_pointer;
#if IMS_RELEASE_OPENSIPS < 30500
typedef union sockaddr_union *destination_pointer;
#else
typedef const union sockaddr_union *destination_pointer;
#endif

/* Bound in mod_init. */
extern struct tm_binds tm;

static inline ims_release_str text_of(const str *s)
{
	return (ims_release_str){s->s, s->len};
}

/* For OpenSIPS's functions, which take no const. None of those called here writes to it. */
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
