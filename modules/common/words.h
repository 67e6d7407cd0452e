/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The library's numbers in the words that operators and scripts see, and back. The same in every host.
 */
#ifndef IMS_RELEASE_WORDS_H
#define IMS_RELEASE_WORDS_H

#include <stdint.h>

#include "ims_release.h"

/* IMS_RELEASE_STATE_*: "early", "confirmed", "acknowledged", "ending", "releasing", "released". */
const char *word_of_state(uint32_t state);

/* The sum of an entry's roles: "calling", "called", "calling,called", "neither". */
const char *word_of_roles(uint32_t roles);

/* IMS_RELEASE_LEG_*: "idle", "waiting", "done", "gone", "failed", "not-built". */
const char *word_of_leg(uint32_t leg_state);

/* IMS_RELEASE_COMPLETED and the like: "completed", "gone", "partial", "failed", "expired". */
const char *word_of_outcome(uint32_t outcome);

/* IMS_RELEASE_BY_*: "host", "script", "rpc", "job". */
const char *word_of_by(uint32_t by);

/* IMS_RELEASE_ITEM_*: "not-started", "early", "exempt", "refused", "releasing", "released". */
const char *word_of_item(uint32_t stage);

/* What a script says of the served user: "orig", "term", "neither". 0 for any other word, else IMS_RELEASE_SERVES_*. */
uint32_t serves_of_word(ims_release_str word);

/* "call", "dialog", "id". 0 for any other word, else IMS_RELEASE_SELECT_*. */
uint32_t selector_of_word(ims_release_str word);

/*
 * A dialog's id as operators see it: a letter before the number, because kamcmd cuts a word of digits to 32 bits. Writes at
 * most ID_SIZE octets, NUL included.
 */
#define ID_SIZE 22
void word_of_id(uint64_t id, char word[ID_SIZE]);

/* The number in such a word, with or without the letter, as IMS_RELEASE_SELECT_ID takes it. Other words stay as they are. */
ims_release_str number_of_id(ims_release_str word);

/* A decimal number of digits alone, at most `limit`. Returns 0, or -1 and leaves `number`. */
int number_of_word(ims_release_str word, uint64_t limit, uint64_t *number);

#endif
