/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the commands of the management interface have in common: parameters, errors, and members of a reply.
 */
#ifndef IMS_RELEASE_MI_ITEMS_H
#define IMS_RELEASE_MI_ITEMS_H

#include "../../mi/item.h"

#include "host.h"

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

#endif
