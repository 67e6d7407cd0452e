/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rpc_items.h"

#include <inttypes.h>
#include <string.h>

/* Of a wrong word a fault shows this much. */
#define FAULT_OCTETS 32

static int cut(const str *word)
{
	return word->len > FAULT_OCTETS ? FAULT_OCTETS : word->len;
}

int read_parameters(rpc_t *rpc, void *context, int most, struct parameters *parameters)
{
	static char nothing[] = "";

	for(parameters->count = 0; parameters->count < PARAMETERS; parameters->count++) {
		str *word = &parameters->words[parameters->count];
		char *number = parameters->numbers[parameters->count];
		/* One by one, and copied: jsonrpcs writes each number of a request to one and the same place. */
		*word = (str){nothing, 0};
		if(rpc->scan(context, "*.S", word) != 1) {
			/* There jsonrpcs leaves no text, where nothing stands it leaves what was. */
			if(word->s != NULL)
				return 0;
			rpc->fault(context, IMS_RELEASE_ARGUMENT, "parameter %d is no word and no number", parameters->count + 1);
			return -1;
		}
		if(parameters->count == most) {
			rpc->fault(context, IMS_RELEASE_ARGUMENT, "the parameter \"%.*s\" is one too many", cut(word), word->s);
			return -1;
		}
		if(word->len < NUMBER_SIZE) {
			memcpy(number, word->s, (size_t)word->len);
			word->s = number;
		}
	}
	return 0;
}

ims_release_str parameter(const struct parameters *parameters, int number)
{
	return number < parameters->count ? text_of(&parameters->words[number]) : (ims_release_str){NULL, 0};
}

void fault(rpc_t *rpc, void *context, ims_release_status status)
{
	rpc->fault(context, (int)status, "%s", ims_release_status_text(status));
}

str shown(ims_release_str text)
{
	return str_of(as_shown(text));
}

void add_id(rpc_t *rpc, void *structure, uint64_t id)
{
	char word[ID_SIZE];

	word_of_id(id, word);
	rpc->struct_add(structure, "s", "id", word);
}

void add_dialog(rpc_t *rpc, void *structure, const ims_release_entry *entry)
{
	str call_id = shown(entry->call_id);
	str from_tag = shown(entry->from_tag);
	str to_tag = shown(entry->to_tag);

	add_id(rpc, structure, entry->id);
	rpc->struct_add(structure, "SSS", "call_id", &call_id, "from_tag", &from_tag, "to_tag", &to_tag);
}

void add_invite(rpc_t *rpc, void *structure, const ims_release_entry *entry)
{
	if(entry->state == IMS_RELEASE_STATE_EARLY)
		rpc->struct_printf(structure, "invite_cseq", "%" PRIu32, entry->invite_cseq);
}

void add_legs(rpc_t *rpc, void *structure, const ims_release_entry *entry)
{
	rpc->struct_add(structure, "sddsdd", "called_leg", word_of_leg(entry->called_state), "called_code",
			(int)entry->called_code, "called_attempts", (int)entry->called_attempts, "calling_leg",
			word_of_leg(entry->calling_state), "calling_code", (int)entry->calling_code, "calling_attempts",
			(int)entry->calling_attempts);
}

void end_page(rpc_t *rpc, void *context, int failed, uint64_t cursor)
{
	void *structure;

	if(failed || rpc->add(context, "{", &structure) < 0)
		rpc->fault(context, IMS_RELEASE_ARGUMENT, "the page does not fit the reply");
	else
		rpc->struct_printf(structure, "next", "%" PRIu64, cursor);
}

int read_cursor(rpc_t *rpc, void *context, ims_release_str word, uint64_t *cursor)
{
	*cursor = 0;
	if(word.len == 0 || number_of_word(word, UINT64_MAX, cursor) == 0)
		return 0;
	rpc->fault(context, IMS_RELEASE_ARGUMENT, "the cursor is \"%.*s\", expected what the page before told as next",
			word.len > FAULT_OCTETS ? FAULT_OCTETS : word.len, word.s);
	return -1;
}
