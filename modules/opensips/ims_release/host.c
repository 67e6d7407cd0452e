/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host.h"

#include <stdarg.h>
#include <stdio.h>

#include "../../dprint.h"

/* A longer line is cut. */
#define LINE_SIZE 2048

struct tm_binds tm;

void report(uint32_t level, const char *format, ...)
{
	char line[LINE_SIZE];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	switch(level) {
		case IMS_RELEASE_LOG_ERROR:
			LM_ERR("%s\n", line);
			break;
		case IMS_RELEASE_LOG_WARNING:
			LM_WARN("%s\n", line);
			break;
		case IMS_RELEASE_LOG_INFO:
			LM_INFO("%s\n", line);
			break;
		default:
			LM_DBG("%s\n", line);
			break;
	}
}
