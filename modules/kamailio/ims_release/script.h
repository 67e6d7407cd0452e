/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a script calls: the functions of kamailio.cfg, and what they and those of KEMI do.
 */
#ifndef IMS_RELEASE_SCRIPT_H
#define IMS_RELEASE_SCRIPT_H

#include "host.h"

#pragma GCC visibility push(hidden)

/* 1 for true; -1 for false, of the first four after a line in the log. */
int track_call(struct sip_msg *message, const str *serves, const str *user);
int exempt_call(struct sip_msg *message);
int release_call(struct sip_msg *message, int cause, const str *text);
int release_calls(struct sip_msg *message, const str *selector, const str *value, int cause, const str *text);
int is_ims_release(struct sip_msg *message);

/*
 * ims_release_track(side [, user]), ims_release_exempt(), ims_release(cause [, text]),
 * ims_release_by(selector, value, cause [, text]), is_ims_release()
 */
int script_track(struct sip_msg *message, char *serves, char *user);
int script_exempt(struct sip_msg *message, char *unused1, char *unused2);
int script_release(struct sip_msg *message, char *cause, char *text);
int script_release_by3(struct sip_msg *message, char *selector, char *value, char *cause);
int script_release_by4(struct sip_msg *message, char *selector, char *value, char *cause, char *text);
int script_is_ours(struct sip_msg *message, char *unused1, char *unused2);

/* A number where the function takes its cause, a text elsewhere. */
int script_fixup_track(void **parameter, int number);
int script_fixup_free_track(void **parameter, int number);
int script_fixup_release(void **parameter, int number);
int script_fixup_free_release(void **parameter, int number);
int script_fixup_release_by(void **parameter, int number);
int script_fixup_free_release_by(void **parameter, int number);

#pragma GCC visibility pop

#endif
