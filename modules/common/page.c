/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "page.h"

/* Kamailio's ctl takes replies of 32 KiB in 96 pieces, three for each dialog at the most; a datagram takes 64 KiB. */
#define PAGE_DIALOGS 30
#define PAGE_OCTETS 16384
/* ctl takes structs of 8 KiB. */
#define SHOWN_OCTETS 1024

ims_release_str as_shown(ims_release_str text)
{
	if(text.len > SHOWN_OCTETS)
		text.len = SHOWN_OCTETS;
	return text;
}

int has_room(const struct page *page)
{
	return page->dialogs < PAGE_DIALOGS && page->octets < PAGE_OCTETS;
}

void count_shown(struct page *page, const ims_release_entry *entry)
{
	const ims_release_str texts[] = {entry->call_id, entry->from_tag, entry->to_tag, entry->from, entry->to,
			entry->calling_user, entry->called_user, entry->icid, entry->text};

	page->dialogs++;
	page->octets += 512;
	for(size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		page->octets += (size_t)as_shown(texts[i]).len;
}

void count_left_out(struct page *page, uint64_t id)
{
	if(page->more++ == 0)
		page->next = id;
}
