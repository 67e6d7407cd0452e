/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The figures of the registry: how an operator's command and the host's statistics name them. The same in every host.
 */
#ifndef IMS_RELEASE_FIGURES_H
#define IMS_RELEASE_FIGURES_H

#include <stddef.h>
#include <stdint.h>

#include "ims_release.h"

/* One of them. Not const: hosts take no const text. */
struct figure {
	char *command;   /* its name in the answer of the command that tells all */
	char *statistic; /* its name among the host's statistics */
	size_t offset;   /* where ims_release_stats has it */
	char *description;
};

/* In the order of the command's answer. */
extern struct figure figures[];
extern const size_t figure_count;

/* Asks the registry. */
ims_release_status figures_read(ims_release_stats *stats);

/* The same, no older than 100 ms: whoever asks for one asks for all. */
const ims_release_stats *figures_recent(void);

/* The value; of the oldest release how long it has been under way, in seconds. */
uint64_t figure_value(const struct figure *figure, const ims_release_stats *stats);

#endif
