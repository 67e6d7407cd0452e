/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "words.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

struct pair {
	uint32_t number;
	const char *word;
};

static const char *word_of(const struct pair *pairs, size_t count, uint32_t number)
{
	for(size_t i = 0; i < count; i++) {
		if(pairs[i].number == number)
			return pairs[i].word;
	}
	/* A library newer than this module. */
	return "unknown";
}

static uint32_t number_of(const struct pair *pairs, size_t count, ims_release_str word)
{
	for(size_t i = 0; i < count; i++) {
		if(word.len >= 0 && strlen(pairs[i].word) == (size_t)word.len && memcmp(pairs[i].word, word.s, (size_t)word.len) == 0)
			return pairs[i].number;
	}
	return 0;
}

const char *word_of_state(uint32_t state)
{
	static const struct pair states[] = {
		{IMS_RELEASE_STATE_EARLY, "early"},
		{IMS_RELEASE_STATE_CONFIRMED, "confirmed"},
		{IMS_RELEASE_STATE_ACKNOWLEDGED, "acknowledged"},
		{IMS_RELEASE_STATE_ENDING, "ending"},
		{IMS_RELEASE_STATE_RELEASING, "releasing"},
		{IMS_RELEASE_STATE_RELEASED, "released"},
	};
	return word_of(states, COUNT(states), state);
}

const char *word_of_roles(uint32_t roles)
{
	static const struct pair sums[] = {
		{1, "calling"},
		{2, "called"},
		{3, "calling,called"},
		{4, "neither"},
		{5, "calling,neither"},
		{6, "called,neither"},
		{7, "calling,called,neither"},
	};
	return word_of(sums, COUNT(sums), roles);
}

const char *word_of_leg(uint32_t leg_state)
{
	static const struct pair legs[] = {
		{IMS_RELEASE_LEG_IDLE, "idle"},
		{IMS_RELEASE_LEG_WAITING, "waiting"},
		{IMS_RELEASE_LEG_DONE, "done"},
		{IMS_RELEASE_LEG_GONE, "gone"},
		{IMS_RELEASE_LEG_FAILED, "failed"},
		{IMS_RELEASE_LEG_NOT_BUILT, "not-built"},
	};
	return word_of(legs, COUNT(legs), leg_state);
}

const char *word_of_outcome(uint32_t outcome)
{
	static const struct pair outcomes[] = {
		{IMS_RELEASE_COMPLETED, "completed"},
		{IMS_RELEASE_GONE, "gone"},
		{IMS_RELEASE_PARTIAL, "partial"},
		{IMS_RELEASE_FAILED, "failed"},
		{IMS_RELEASE_EXPIRED, "expired"},
	};
	return word_of(outcomes, COUNT(outcomes), outcome);
}

const char *word_of_by(uint32_t by)
{
	static const struct pair askers[] = {
		{IMS_RELEASE_BY_HOST, "host"},
		{IMS_RELEASE_BY_SCRIPT, "script"},
		{IMS_RELEASE_BY_RPC, "rpc"},
		{IMS_RELEASE_BY_JOB, "job"},
	};
	return word_of(askers, COUNT(askers), by);
}

const char *word_of_item(uint32_t stage)
{
	static const struct pair stages[] = {
		{IMS_RELEASE_ITEM_NOT_STARTED, "not-started"},
		{IMS_RELEASE_ITEM_EARLY, "early"},
		{IMS_RELEASE_ITEM_EXEMPT, "exempt"},
		{IMS_RELEASE_ITEM_REFUSED, "refused"},
		{IMS_RELEASE_ITEM_RELEASING, "releasing"},
		{IMS_RELEASE_ITEM_RELEASED, "released"},
	};
	return word_of(stages, COUNT(stages), stage);
}

uint32_t serves_of_word(ims_release_str word)
{
	static const struct pair sides[] = {
		{IMS_RELEASE_SERVES_CALLING, "orig"},
		{IMS_RELEASE_SERVES_CALLED, "term"},
		{IMS_RELEASE_SERVES_NEITHER, "neither"},
	};
	return number_of(sides, COUNT(sides), word);
}

uint32_t selector_of_word(ims_release_str word)
{
	static const struct pair selectors[] = {
		{IMS_RELEASE_SELECT_CALL, "call"},
		{IMS_RELEASE_SELECT_DIALOG, "dialog"},
		{IMS_RELEASE_SELECT_ID, "id"},
	};
	return number_of(selectors, COUNT(selectors), word);
}

void word_of_id(uint64_t id, char word[ID_SIZE])
{
	snprintf(word, ID_SIZE, "d%" PRIu64, id);
}

ims_release_str number_of_id(ims_release_str word)
{
	if(word.len > 1 && word.s[0] == 'd')
		return (ims_release_str){word.s + 1, word.len - 1};
	return word;
}

int number_of_word(ims_release_str word, uint64_t limit, uint64_t *number)
{
	uint64_t sum = 0;

	if(word.len <= 0)
		return -1;
	for(int i = 0; i < word.len; i++) {
		if(word.s[i] < '0' || word.s[i] > '9')
			return -1;
		uint64_t digit = (uint64_t)(word.s[i] - '0');
		if(digit > limit || sum > (limit - digit) / 10)
			return -1;
		sum = sum * 10 + digit;
	}
	*number = sum;
	return 0;
}
