/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the remote procedures have in common: parameters, faults, and members of a reply.
 */
#ifndef IMS_RELEASE_RPC_ITEMS_H
#define IMS_RELEASE_RPC_ITEMS_H

#include "../../core/rpc.h"

#include "host.h"
#include "page.h"
#include "words.h"

#pragma GCC visibility push(hidden)

/* The parameters of the procedure that has most, and one that is too many. */
#define PARAMETERS 6
/* A number of 64 bits. */
#define NUMBER_SIZE 24

struct parameters {
	int count;
	str words[PARAMETERS];
	char numbers[PARAMETERS][NUMBER_SIZE];
};

/*
 * Reads all parameters, numbers as words. What stands behind the first `most` is never left out silently: it may say
 * that only counting was meant. 0, or -1 after a fault.
 */
int read_parameters(rpc_t *rpc, void *context, int most, struct parameters *parameters);

/* A parameter; empty where it was not given. */
ims_release_str parameter(const struct parameters *parameters, int number);

/* A fault with the number of `status` and the text of the library. */
void fault(rpc_t *rpc, void *context, ims_release_status status);

/* A text as it is shown: a long one is cut. */
str shown(ims_release_str text);

void add_id(rpc_t *rpc, void *structure, uint64_t id);
/* What identifies a dialog. */
void add_dialog(rpc_t *rpc, void *structure, const ims_release_entry *entry);
/* What whoever cancels an INVITE needs beside its Call-ID. */
void add_invite(rpc_t *rpc, void *structure, const ims_release_entry *entry);
/* Both legs of a release. */
void add_legs(rpc_t *rpc, void *structure, const ims_release_entry *entry);

/*
 * Where to go on in pages of records, or a fault where the page `failed`; the cursor is read back by read_cursor().
 */
void end_page(rpc_t *rpc, void *context, int failed, uint64_t cursor);
/* 0, or -1 after a fault. An empty word is the beginning. */
int read_cursor(rpc_t *rpc, void *context, ims_release_str word, uint64_t *cursor);

#pragma GCC visibility pop

#endif
