/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the commands of the management interface have in common: parameters, errors, and members of a reply.
 */
#ifndef IMS_RELEASE_MI_ITEMS_H
#define IMS_RELEASE_MI_ITEMS_H

#include "../../mi/item.h"

#include "host.h"
#include "page.h"

/* A text parameter, also where it was given as a number; empty where it was not given, and then 0 comes back. */
int mi_text(const mi_params_t *parameters, char *name, ims_release_str *text);

/* An error with the number of `status` and a text of our own. */
mi_response_t *mi_fault(ims_release_status status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same with the text of the library. */
mi_response_t *mi_refusal(ims_release_status status);

/* Members of an object. Each returns 0, or -1 without memory. A long text is cut. */
int mi_add_text(mi_item_t *object, char *name, ims_release_str text);
int mi_add_word(mi_item_t *object, char *name, const char *word);
int mi_add_number(mi_item_t *object, char *name, uint64_t number);
int mi_add_id(mi_item_t *object, uint64_t id);
/* What identifies a dialog. */
int mi_add_dialog(mi_item_t *object, const ims_release_entry *entry);
/* What whoever cancels an INVITE needs beside its Call-ID. */
int mi_add_invite(mi_item_t *object, const ims_release_entry *entry);
/* Both legs of a release. */
int mi_add_legs(mi_item_t *object, const ims_release_entry *entry);

/* How much of a wrong word an error shows. */
int mi_cut(ims_release_str text);

/* Gives a reply up for want of memory. */
mi_response_t *mi_out_of_memory(mi_response_t *reply);

/* Where to go on in pages; what stands for it is read back as the parameter cursor. 0, or -1 without memory. */
int mi_add_next(mi_item_t *list, uint64_t cursor);
/* NULL, or an error. Not given it is the beginning. */
mi_response_t *mi_read_cursor(const mi_params_t *parameters, uint64_t *cursor);

#endif
