/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mi_items.h"

#include <stdarg.h>
#include <stdio.h>

#include "words.h"

/* A longer text is cut in what is shown: a datagram takes 64 KiB. */
#define SHOWN_OCTETS 1024
#define FAULT_SIZE 256

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
	int length = text.len > SHOWN_OCTETS ? SHOWN_OCTETS : text.len;

	return add_mi_string(object, name, (int)strlen(name), text.s != NULL ? text.s : "", length);
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
