/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host.h"

#include <time.h>

#include "../../core/dprint.h"

ims_release_registry *registry = NULL;
struct tm_binds tm;

uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Lines of one kind that this process may write: one a second. */
struct allowance {
	uint64_t second;
	unsigned int left_out;
};

static void log_at(int level, struct allowance *allowance, const char *what, ims_release_status status)
{
	uint64_t second = now_ms() / 1000;

	if(second == allowance->second) {
		allowance->left_out++;
		return;
	}
	LOG(level, "%s: %s (%u more before this)\n", what, ims_release_status_text(status), allowance->left_out);
	*allowance = (struct allowance){second, 0};
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
		log_at(L_ERR, &errors, what, status);
	else
		LM_DBG("%s: %s\n", what, ims_release_status_text(status));
}

void log_refused_script(const char *what, ims_release_status status)
{
	static struct allowance lines;

	log_at(is_failure(status) ? L_ERR : L_WARN, &lines, what, status);
}

static void log_line(void *env, uint32_t level, ims_release_str text)
{
	(void)env;
	switch(level) {
		case IMS_RELEASE_LOG_ERROR:
			LM_ERR("%.*s\n", text.len, text.s);
			break;
		case IMS_RELEASE_LOG_WARNING:
			LM_WARN("%.*s\n", text.len, text.s);
			break;
		case IMS_RELEASE_LOG_INFO:
			LM_INFO("%.*s\n", text.len, text.s);
			break;
		default:
			LM_DBG("%.*s\n", text.len, text.s);
			break;
	}
}

void log_start(void)
{
	ims_release_set_log(log_line, NULL);
}
