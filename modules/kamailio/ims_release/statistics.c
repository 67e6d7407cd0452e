/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "statistics.h"

#include "../../core/counters.h"
#include "../../core/dprint.h"

#include "figures.h"

static counter_val_t value_of(counter_handle_t handle, void *figure)
{
	(void)handle;
	return (counter_val_t)figure_value(figure, figures_recent());
}

int statistics_start(void)
{
	/* The store keeps them over a restart, and nothing but a new store resets them. */
	for(size_t i = 0; i < figure_count; i++) {
		if(counter_register(NULL, "ims_release", figures[i].statistic, CNT_F_NO_RESET, value_of, &figures[i],
				   figures[i].description, 0)
				< 0) {
			LM_ERR("the core takes no more counters\n");
			return -1;
		}
	}
	return 0;
}
