/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of a module share whatever the host: the open registry, the time, and what is said of a refusal.
 */
#ifndef IMS_RELEASE_BASE_H
#define IMS_RELEASE_BASE_H

#include <stdint.h>

#include "ims_release.h"

/* Opened before the fork; all processes share it. */
extern ims_release_registry *registry;

/* Unix time in milliseconds. */
uint64_t now_ms(void);

/* Writes one line to the host's log; `level` is one of IMS_RELEASE_LOG_*. The host's own file has it. */
void report(uint32_t level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* From now on the library's own lines go there too. Before the fork. */
void log_start(void);

/*
 * Says in the log that the library refused something. What a peer sent wrong, and what is no matter of a tracked call, is
 * said at debug level: the library counts it. Failures of the store are errors, at most one line a second from each process.
 */
void log_refusal(const char *what, ims_release_status status);

/* The same for what a script asked for, whatever the reason: a warning at the least. */
void log_refused_script(const char *what, ims_release_status status);

/* Says that a script calls a function with what that cannot take: an error, at most one a second from each process. */
void log_wrong_script(const char *function, const char *why);

/*
 * Says of which call the library took a user's BYE or target refresh for misdirected, and what to do where it was not: a
 * warning, as often as above.
 */
void log_misdirected(ims_release_str call_id);

#endif
