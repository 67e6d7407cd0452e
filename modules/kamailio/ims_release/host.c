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

void log_refusal(const char *what, ims_release_status status)
{
	static uint64_t last_second = 0;
	static unsigned int left_out = 0;
	uint64_t second = now_ms() / 1000;

	/* 200 to 299: the message, 300 to 319: no such dialog, or not in that state. */
	if(status >= 200 && status < 320) {
		LM_DBG("%s: %s\n", what, ims_release_status_text(status));
		return;
	}
	if(second == last_second) {
		left_out++;
		return;
	}
	LM_ERR("%s: %s (%u more before this)\n", what, ims_release_status_text(status), left_out);
	last_second = second;
	left_out = 0;
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
