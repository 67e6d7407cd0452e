/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "job.h"

#include <string.h>

#include "words.h"

/* What a request has room for. */
#define LIMIT 65535

static int is_word(ims_release_str text, const char *word)
{
	return text.len >= 0 && (size_t)text.len == strlen(word) && memcmp(text.s, word, (size_t)text.len) == 0;
}

static const char *const dialogs[] = {
	[IMS_RELEASE_JOB_ALL] = "all",
	[IMS_RELEASE_JOB_USER] = "user",
	[IMS_RELEASE_JOB_CONTACT] = "contact",
	[IMS_RELEASE_JOB_SESSION] = "session",
};

uint32_t dialogs_of_word(ims_release_str word)
{
	for(uint32_t i = IMS_RELEASE_JOB_ALL; i <= IMS_RELEASE_JOB_SESSION; i++) {
		if(is_word(word, dialogs[i]))
			return i;
	}
	return 0;
}

const char *word_of_dialogs(uint32_t number)
{
	return number >= IMS_RELEASE_JOB_ALL && number <= IMS_RELEASE_JOB_SESSION ? dialogs[number] : "unknown";
}

const char *word_of_job(uint32_t state)
{
	switch(state) {
		case IMS_RELEASE_JOB_RUNNING:
			return "running";
		case IMS_RELEASE_JOB_CANCELLED:
			return "cancelled";
		case IMS_RELEASE_JOB_FINISHED:
			return "finished";
		default:
			return "unknown";
	}
}

int is_value_of_all(ims_release_str value)
{
	/* kamcmd makes a number of an empty word. */
	return value.len == 0 || is_word(value, "*") || is_word(value, "0");
}

/* "name=number" from 1 on. */
static int read_number(ims_release_str option, const char *name, uint32_t *number)
{
	int length = (int)strlen(name);
	uint64_t value;

	if(option.len <= length || memcmp(option.s, name, (size_t)length) != 0)
		return -1;
	if(number_of_word((ims_release_str){option.s + length, option.len - length}, LIMIT, &value) < 0 || value == 0)
		return -1;
	*number = (uint32_t)value;
	return 0;
}

int read_job_options(ims_release_str options, ims_release_job_request *request, ims_release_str *bad)
{
	uint32_t rate = 0;
	uint32_t in_flight = 0;
	uint32_t flags = 0;

	while(options.len > 0) {
		const char *comma = memchr(options.s, ',', (size_t)options.len);
		ims_release_str option = {options.s, comma != NULL ? (int)(comma - options.s) : options.len};
		int taken = option.len + (comma != NULL);

		if(!(is_word(option, "dry") && flags == 0) && !(rate == 0 && read_number(option, "rate=", &rate) == 0)
				&& !(in_flight == 0 && read_number(option, "inflight=", &in_flight) == 0)) {
			*bad = option;
			return -1;
		}
		if(is_word(option, "dry"))
			flags = IMS_RELEASE_JOB_DRY;
		options = (ims_release_str){options.s + taken, options.len - taken};
	}
	request->flags |= flags;
	request->rate = rate != 0 ? rate : request->rate;
	request->in_flight = in_flight != 0 ? in_flight : request->in_flight;
	return 0;
}

int is_job_options(ims_release_str text)
{
	ims_release_job_request scratch;
	ims_release_str bad;

	memset(&scratch, 0, sizeof(scratch));
	return text.len > 0 && read_job_options(text, &scratch, &bad) == 0;
}
