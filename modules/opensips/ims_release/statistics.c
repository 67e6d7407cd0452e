/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "statistics.h"

#include "../../dprint.h"
#include "../../statistics.h"

#include "figures.h"

#ifdef STATISTICS
static unsigned long value_of(void *figure)
{
	return (unsigned long)figure_value(figure, figures_recent());
}

int statistics_start(void)
{
	/* The store keeps them over a restart, and nothing but a new store resets them. */
	const unsigned short flags = STAT_NO_RESET | STAT_IS_FUNC;

	for(size_t i = 0; i < figure_count; i++) {
		if(register_stat2("ims_release", figures[i].statistic, (stat_var **)(void *)value_of, flags, &figures[i], 0) < 0) {
			LM_ERR("the core takes no more statistics\n");
			return -1;
		}
	}
	return 0;
}
#else
/* An OpenSIPS without statistics: the MI command tells them all the same. */
int statistics_start(void)
{
	return 0;
}
#endif
