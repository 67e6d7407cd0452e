/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mend.h"

#include "../../data_lump.h"
#include "../../dprint.h"
#include "../../mem/mem.h"

/* No SIP message over UDP is longer. */
#define MESSAGE_SIZE 65536

struct line {
	const char *s;
	size_t len;
};

/* The next line, its end included. */
static struct line next_line(const char **at, const char *end)
{
	const char *start = *at;
	const char *line_end = memchr(start, '\n', (size_t)(end - start));

	*at = line_end != NULL ? line_end + 1 : end;
	return (struct line){start, (size_t)(*at - start)};
}

/* Where the two differ becomes a change of the message, which tm then prints anew: no more than that. */
static int change_line(struct sip_msg *message, struct line old, struct line new)
{
	size_t shorter = old.len < new.len ? old.len : new.len;
	size_t before = 0;
	size_t behind = 0;
	char *text;
	struct lump *lump;

	while(before < shorter && old.s[before] == new.s[before])
		before++;
	while(behind < shorter - before && old.s[old.len - 1 - behind] == new.s[new.len - 1 - behind])
		behind++;
	unsigned int offset = (unsigned int)(old.s - message->buf) + (unsigned int)before;
	size_t goes = old.len - before - behind;
	size_t comes = new.len - before - behind;
	lump = goes > 0 ? del_lump(message, offset, (unsigned int)goes, HDR_OTHER_T)
					: anchor_lump(message, offset, HDR_OTHER_T);
	if(lump == NULL)
		return -1;
	if(comes == 0)
		return 0;
	text = pkg_malloc(comes);
	if(text == NULL)
		return -1;
	memcpy(text, new.s + before, comes);
	if(insert_new_lump_after(lump, text, (unsigned int)comes, HDR_OTHER_T) == NULL) {
		pkg_free(text);
		return -1;
	}
	return 0;
}

static int change_lines(struct sip_msg *message, ims_release_str mended)
{
	const char *old = message->buf;
	const char *new = mended.s;
	const char *old_end = message->buf + message->len;
	const char *new_end = mended.s + mended.len;

	/* The library changes values and adds no line. */
	while(old < old_end && new < new_end) {
		struct line old_line = next_line(&old, old_end);
		struct line new_line = next_line(&new, new_end);
		if((old_line.len != new_line.len || memcmp(old_line.s, new_line.s, old_line.len) != 0)
				&& change_line(message, old_line, new_line) < 0)
			return -1;
	}
	return 0;
}

int mend(struct sip_msg *printed, uint64_t id, uint32_t leg, ims_release_str ours)
{
	char mended[MESSAGE_SIZE];
	size_t length = 0;
	ims_release_status status = ims_release_registry_adopt(
			registry, id, leg, ours, message_of(printed), mended, sizeof(mended), &length);

	if(status != IMS_RELEASE_OK) {
		log_refusal("a BYE cannot be mended", status);
		return -1;
	}
	if(change_lines(printed, (ims_release_str){mended, (int)length}) < 0) {
		LM_ERR("out of private memory: a BYE is mended in part; raise -M\n");
		return -1;
	}
	return 0;
}
