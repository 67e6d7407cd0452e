/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One release, as the rest of a module sees it. How a BYE is handed to the host's transaction layer, hand_over(), is the
 * host's own file, send.c; the rest is the same in every host.
 */
#ifndef IMS_RELEASE_SENDING_H
#define IMS_RELEASE_SENDING_H

#include <stdint.h>

#include "ims_release.h"

/* Why a release. */
struct reason {
	uint32_t cause;
	ims_release_str text; /* empty: none */
	uint32_t by;          /* IMS_RELEASE_BY_*; of a job its number tells */
	uint32_t job;         /* 0: none */
};

/* Why a BYE could not be built; IMS_RELEASE_OK where it was, IMS_RELEASE_HELD where it is sent later. */
struct unbuilt {
	ims_release_status called;
	ims_release_status calling;
};

/* No SIP message over UDP is longer. */
#define BYE_SIZE 65536

/* What has become of a BYE. */
enum handed
{
	HANDED,       /* the transaction layer has it, and tells what comes of it */
	HANDED_LATER, /* not now: there was no room for it */
	HANDED_NOT    /* it was not sent, and no answer will come */
};

/* Hands a BYE to the transaction layer. */
enum handed hand_over(uint64_t id, uint32_t leg, const ims_release_bye *bye);

/* Tells the library what came of a BYE, in the words of ims_release_registry_note(). */
void note_answer(uint64_t id, uint32_t leg, uint32_t cseq, uint32_t code, ims_release_str reply);

/*
 * Releases dialog `id`: starts the release and hands both BYEs to the transaction layer, the called user's first. Fills
 * in `unbuilt`, unless it is NULL, when the release has begun.
 */
ims_release_status release(uint64_t id, const struct reason *reason, struct unbuilt *unbuilt);

/* Sends the BYE of a leg that the sweep found due: for the first time or again. */
void send_due(uint64_t id, uint32_t leg);

#endif
