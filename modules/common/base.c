/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base.h"

#include <stddef.h>
#include <time.h>

ims_release_registry *registry = NULL;

uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void log_line(void *env, uint32_t level, ims_release_str text)
{
	(void)env;
	report(level, "%.*s", text.len, text.s);
}

void log_start(void)
{
	ims_release_set_log(log_line, NULL);
}

/* Lines of one kind that this process may write: one a second. */
struct allowance {
	uint64_t second;
	unsigned int left_out;
};

/* Whether one may be written now; how many were not since the last one. */
static int is_allowed(struct allowance *allowance, unsigned int *left_out)
{
	uint64_t second = now_ms() / 1000;

	if(second == allowance->second) {
		allowance->left_out++;
		return 0;
	}
	*left_out = allowance->left_out;
	*allowance = (struct allowance){second, 0};
	return 1;
}

static void report_rarely(uint32_t level, struct allowance *allowance, const char *what, const char *why)
{
	unsigned int left_out;

	if(is_allowed(allowance, &left_out))
		report(level, "%s: %s (%u more before this)", what, why, left_out);
}

/* 200 to 299: the message, 300 to 319: no such dialog, or not in that state. */
static int is_failure(ims_release_status status)
{
	return status < 200 || status >= 320;
}

void log_refusal(const char *what, ims_release_status status)
{
	static struct allowance errors;

	if(is_failure(status))
		report_rarely(IMS_RELEASE_LOG_ERROR, &errors, what, ims_release_status_text(status));
	else
		report(IMS_RELEASE_LOG_DEBUG, "%s: %s", what, ims_release_status_text(status));
}

void log_misdirected(ims_release_str call_id)
{
	static struct allowance lines;
	unsigned int left_out;

	if(is_allowed(&lines, &left_out))
		report(IMS_RELEASE_LOG_WARNING,
				"call_id=%.*s: a user's BYE or target refresh is not on its way to the other user: it ends nothing and "
				"moves no target (%u more before this). Where this proxy rewrites Contacts, as fix_nated_contact() does, "
				"set modparam check_bye to 0",
				call_id.len, call_id.s, left_out);
}

void log_refused_script(const char *what, ims_release_status status)
{
	static struct allowance lines;

	report_rarely(is_failure(status) ? IMS_RELEASE_LOG_ERROR : IMS_RELEASE_LOG_WARNING, &lines, what,
			ims_release_status_text(status));
}

void log_wrong_script(const char *function, const char *why)
{
	static struct allowance lines;

	report_rarely(IMS_RELEASE_LOG_ERROR, &lines, function, why);
}
