/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "timer.h"

#include <errno.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "../../dprint.h"
#include "../../reactor_proc.h"
#include "../../statistics.h"

#include "config.h"
#include "done.h"
#include "jobs.h"
#include "rounds.h"
#include "send.h"

#define PROCESS_NAME "IMS RELEASE TIMER"
/* The jobs wait while less than this part of the shared memory is free: tm keeps a transaction for five seconds. */
#define SHARED_PART 8

#ifdef STATISTICS
static unsigned long shared_memory(const char *what)
{
	str module_name = {"shmem", 5};
	str name = {(char *)what, (int)strlen(what)};
	const module_stats *module = get_stat_module(&module_name);
	stat_var *figure = module != NULL ? __get_stat(&name, module->idx) : NULL;

	return figure != NULL ? get_stat_val(figure) : 0;
}

static int is_short_of_memory(void)
{
	return shared_memory("free_size") < shared_memory("total_size") / SHARED_PART;
}
#else
/* Nobody counts it. */
static int is_short_of_memory(void)
{
	return 0;
}
#endif

static int tick(int timer, void *parameter, int was_timeout)
{
	static struct rounds rounds = {
		.send_due = send_due,
		.jobs_running = jobs_running,
		.jobs_step = jobs_step,
		.is_short_of_memory = is_short_of_memory,
		.short_of_memory = "less than a part in 8 of the shared memory is free; raise -m",
	};
	uint64_t expired;

	(void)parameter;
	(void)was_timeout;
	if(read(timer, &expired, sizeof(expired)) < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	rounds.send_rate = settings.send_rate;
	make_round(&rounds);
	done_raise();
	return 0;
}

static void run(int number)
{
	const struct itimerspec every = {
		.it_interval = {.tv_nsec = ROUND_MS * 1000000},
		.it_value = {.tv_nsec = ROUND_MS * 1000000},
	};
	int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);

	(void)number;
	if(timer < 0 || timerfd_settime(timer, 0, &every, NULL) < 0 || reactor_proc_init(PROCESS_NAME) < 0
			|| reactor_proc_add_fd(timer, tick, NULL) < 0) {
		LM_CRIT("the process %s cannot be set up: %s\n", PROCESS_NAME, strerror(errno));
		return;
	}
	reactor_proc_loop();
}

const proc_export_t timer_processes[] = {
	{PROCESS_NAME, NULL, NULL, run, 1, PROC_FLAG_INITCHILD | PROC_FLAG_HAS_IPC | PROC_FLAG_NEEDS_SCRIPT},
	{NULL, NULL, NULL, NULL, 0, 0},
};
