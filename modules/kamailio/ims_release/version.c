/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Says in plain words that this Kamailio is about to refuse the module because it was built for another version, and
 * what to do. Kamailio compares two strings once it has opened the file, and what it prints then names the strings alone.
 *
 * This runs while the file is opened, within a Kamailio of any version: so it touches no macro and no struct of
 * Kamailio's, only what all versions have, and that by weak names, which may be missing.
 *
 * The second string, the compile flags, is left to Kamailio: ver_flags of 6.1 has words that Kamailio does not compare.
 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#pragma weak ver_name
#pragma weak ver_version
#pragma weak ver_arch
#pragma weak ver_os
#pragma weak log_stderr
extern const char ver_name[], ver_version[], ver_arch[], ver_os[];
extern int log_stderr;

/* Of MODULE_VERSION in ims_release_mod.c. */
extern char *module_version;

#define TEXT                                                                                                               \
	"ERROR: ims_release: the module was built for %s, and this is %s. Kamailio loads only modules that were built for it. " \
	"Build the module again: `make kamailio` builds it for the Kamailio that is installed, `make kamailio "                \
	"KAMAILIO_SRC=DIRECTORY` for the one of that source tree; then `make install`\n"

__attribute__((constructor)) static void compare(void)
{
	char running[256];

	if(ver_name == NULL || ver_version == NULL || ver_arch == NULL || ver_os == NULL)
		return;
	snprintf(running, sizeof(running), "%s %s (%s/%s)", ver_name, ver_version, ver_arch, ver_os);
	if(strcmp(running, module_version) == 0)
		return;
	/* To where Kamailio's own lines go. */
	if(&log_stderr == NULL || log_stderr)
		fprintf(stderr, TEXT, module_version, running);
	else
		syslog(LOG_DAEMON | LOG_ERR, TEXT, module_version, running);
}
