/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mi_items.h"

#include <stdarg.h>
#include <stdio.h>

#include "words.h"

#define FAULT_SIZE 256
/* Of a wrong word an error shows this much. */
#define FAULT_OCTETS 64

int mi_text(const mi_params_t *parameters, char *name, ims_release_str *text)
{
	char *value = NULL;
	int length = 0;

	*text = (ims_release_str){NULL, 0};
	if(try_get_mi_string_param(parameters, name, &value, &length) != 0)
		return 0;
	*text = (ims_release_str){value, length};
	return 1;
}

mi_response_t *mi_fault(ims_release_status status, const char *format, ...)
{
	char text[FAULT_SIZE];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	return init_mi_error((int)status, text, (int)strlen(text));
}

mi_response_t *mi_refusal(ims_release_status status)
{
	return mi_fault(status, "%s", ims_release_status_text(status));
}

int mi_add_text(mi_item_t *object, char *name, ims_release_str text)
{
	return add_mi_string(object, name, (int)strlen(name), text.s != NULL ? text.s : "", as_shown(text).len);
}

int mi_add_word(mi_item_t *object, char *name, const char *word)
{
	return mi_add_text(object, name, (ims_release_str){word, (int)strlen(word)});
}

int mi_add_number(mi_item_t *object, char *name, uint64_t number)
{
	return add_mi_number(object, name, (int)strlen(name), (double)number);
}

int mi_add_id(mi_item_t *object, uint64_t id)
{
	char word[ID_SIZE];

	word_of_id(id, word);
	return mi_add_word(object, "id", word);
}

int mi_add_dialog(mi_item_t *object, const ims_release_entry *entry)
{
	return mi_add_id(object, entry->id) < 0 || mi_add_text(object, "call_id", entry->call_id) < 0
				   || mi_add_text(object, "from_tag", entry->from_tag) < 0
				   || mi_add_text(object, "to_tag", entry->to_tag) < 0
			   ? -1
			   : 0;
}

int mi_add_invite(mi_item_t *object, const ims_release_entry *entry)
{
	return entry->state == IMS_RELEASE_STATE_EARLY ? mi_add_number(object, "invite_cseq", entry->invite_cseq) : 0;
}

int mi_add_legs(mi_item_t *object, const ims_release_entry *entry)
{
	return mi_add_word(object, "called_leg", word_of_leg(entry->called_state)) < 0
				   || mi_add_number(object, "called_code", entry->called_code) < 0
				   || mi_add_number(object, "called_attempts", entry->called_attempts) < 0
				   || mi_add_word(object, "calling_leg", word_of_leg(entry->calling_state)) < 0
				   || mi_add_number(object, "calling_code", entry->calling_code) < 0
				   || mi_add_number(object, "calling_attempts", entry->calling_attempts) < 0
			   ? -1
			   : 0;
}

int mi_cut(ims_release_str text)
{
	return text.len > FAULT_OCTETS ? FAULT_OCTETS : text.len;
}

mi_response_t *mi_out_of_memory(mi_response_t *reply)
{
	if(reply != NULL)
		free_mi_response(reply);
	return mi_fault(500, "out of private memory; raise -M");
}

int mi_add_next(mi_item_t *list, uint64_t cursor)
{
	mi_item_t *object = add_mi_object(list, NULL, 0);

	/* A text: the number may be larger than those of JSON. */
	return object == NULL ? -1 : add_mi_string_fmt(object, "next", 4, "%llu", (unsigned long long)cursor);
}

mi_response_t *mi_read_cursor(const mi_params_t *parameters, uint64_t *cursor)
{
	ims_release_str text;

	*cursor = 0;
	if(!mi_text(parameters, "cursor", &text) || number_of_word(number_of_id(text), UINT64_MAX, cursor) == 0)
		return NULL;
	return mi_fault(IMS_RELEASE_ARGUMENT, "the cursor is \"%.*s\", expected what the page before told as next",
			mi_cut(text), text.s);
}
