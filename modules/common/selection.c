/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "selection.h"

#include "base.h"
#include "jobs.h"
#include "words.h"

struct first_dialog {
	uint64_t id;
	int found;
};

static void keep_first(void *env, const ims_release_entry *entry)
{
	struct first_dialog *first = env;

	if(!first->found)
		*first = (struct first_dialog){entry->id, 1};
}

ims_release_status release_of_message(ims_release_str message, const struct reason *reason)
{
	struct first_dialog first = {0, 0};
	ims_release_status status =
			ims_release_registry_find(registry, IMS_RELEASE_SELECT_MESSAGE, message, keep_first, &first);

	return status == IMS_RELEASE_OK ? release(first.id, reason, NULL) : status;
}

struct releasing {
	const struct reason *reason;
	uint32_t started;
	uint32_t early;
	ims_release_status refused;
};

static void release_one(void *env, const ims_release_entry *entry)
{
	struct releasing *work = env;
	ims_release_status status = release(entry->id, work->reason, NULL);

	if(status == IMS_RELEASE_OK)
		work->started++;
	else
		work->refused = status;
	if(status == IMS_RELEASE_EARLY)
		work->early++;
}

static ims_release_status release_selected(struct releasing *work, uint32_t select, ims_release_str selected)
{
	ims_release_status status = ims_release_registry_find(registry, select, selected, release_one, work);

	return status == IMS_RELEASE_OK && work->started == 0 ? work->refused : status;
}

static ims_release_status release_by_job(const struct releasing *work, uint32_t dialogs, ims_release_str value)
{
	ims_release_job_request request;
	uint32_t number;

	job_request(dialogs, value, work->reason, &request);
	return job_make(&request, &number);
}

struct of_session {
	struct releasing *work;
	ims_release_status status;
	int found;
};

/* All dialogs of the session that this one belongs to; where nothing names the session, those of its Call-ID. */
static void release_session(void *env, const ims_release_entry *entry)
{
	struct of_session *session = env;

	if(session->found++ > 0)
		return;
	if(entry->icid.len > 0)
		session->status = release_by_job(session->work, IMS_RELEASE_JOB_SESSION, entry->icid);
	else
		session->status = release_selected(session->work, IMS_RELEASE_SELECT_CALL, entry->call_id);
}

ims_release_status release_by_selector(uint32_t dialogs, uint32_t select, ims_release_str value, ims_release_str message,
		const struct reason *reason, uint32_t *early)
{
	struct releasing work = {reason, 0, 0, IMS_RELEASE_OK};

	ims_release_status status;

	if(dialogs == IMS_RELEASE_JOB_SESSION && value.len == 0) {
		struct of_session session = {&work, IMS_RELEASE_OK, 0};
		status = ims_release_registry_find(registry, IMS_RELEASE_SELECT_MESSAGE, message, release_session, &session);
		if(status == IMS_RELEASE_OK)
			status = session.status;
	} else if(dialogs != 0) {
		status = release_by_job(&work, dialogs, value);
	} else {
		status = release_selected(&work, select, select == IMS_RELEASE_SELECT_ID ? number_of_id(value) : value);
	}
	*early = work.early;
	return status;
}
