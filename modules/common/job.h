/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The release of many calls in the words of operators and scripts. The same in every host.
 */
#ifndef IMS_RELEASE_JOB_H
#define IMS_RELEASE_JOB_H

#include <stdint.h>

#include "ims_release.h"

/* "all", "user", "contact", "session". 0 for any other word, else IMS_RELEASE_JOB_ALL and the like. */
uint32_t dialogs_of_word(ims_release_str word);

/* IMS_RELEASE_JOB_ALL and the like: "all", "user", "contact", "session". */
const char *word_of_dialogs(uint32_t dialogs);

/* IMS_RELEASE_JOB_RUNNING and the like: "running", "cancelled", "finished". */
const char *word_of_job(uint32_t state);

/* What a release of all calls has for a value, in a host that asks for one: "*", or an empty word in its spellings. */
int is_value_of_all(ims_release_str value);

/*
 * Reads "dry,rate=200,inflight=500", in any order and each at most once, into a request; what is not named is left.
 * Returns 0, or -1 and, in `bad`, the option that cannot be read.
 */
int read_job_options(ims_release_str options, ims_release_job_request *request, ims_release_str *bad);

/* Whether a text can be read as options: where none are given, they stand in the wrong place. */
int is_job_options(ims_release_str text);

#endif
