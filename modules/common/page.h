/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What goes into one reply to an operator: so much that it fits, and where the next one goes on.
 */
#ifndef IMS_RELEASE_PAGE_H
#define IMS_RELEASE_PAGE_H

#include <stddef.h>
#include <stdint.h>

#include "ims_release.h"

/* Records looked at for one reply, so that a call over a large store with few dialogs comes back. */
#define PAGE_RECORDS 4096

struct page {
	uint32_t dialogs;
	size_t octets;
	/* Left out for want of room. */
	uint32_t more;
	/* The first of them. */
	uint64_t next;
};

/* A text as it is shown: a long one is cut. */
ims_release_str as_shown(ims_release_str text);

int has_room(const struct page *page);
void count_shown(struct page *page, const ims_release_entry *entry);
void count_left_out(struct page *page, uint64_t id);

#endif
