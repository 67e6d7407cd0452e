/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "way.h"

#include <stdio.h>
#include <string.h>

#include "base.h"
#include "settings.h"

ims_release_str flow_between(const struct end *sender, const struct end *own, char buffer[FLOW_SIZE])
{
	ims_release_str none = {NULL, 0};

	/* What a host makes up for its event routes came from nowhere. */
	if(!settings.flow || sender->transport == NULL || own->transport == NULL || sender->port == 0)
		return none;
	int length = snprintf(buffer, FLOW_SIZE, "%s:%s:%u;local=%s:%s:%u", sender->transport, sender->address, sender->port,
			own->transport, own->address, own->port);
	return length > 0 && length < FLOW_SIZE ? (ims_release_str){buffer, length} : none;
}

int ask_way_back(uint64_t id, uint32_t leg, struct way *way)
{
	ims_release_way_back told;
	ims_release_status status;

	memset(&told, 0, sizeof(told));
	told.struct_size = sizeof(told);
	status = ims_release_registry_way_back(registry, id, leg, way->buffer, sizeof(way->buffer) - 1, &told);
	if(status != IMS_RELEASE_OK) {
		log_refusal("a BYE goes to its next hop, whatever way its user came", status);
		return 0;
	}
	way->destination = told.destination;
	way->local = told.local;
	way->connection = told.connection == 1;
	/* Nothing in the buffer is behind it. */
	way->buffer[told.destination.len + told.local.len] = '\0';
	return told.destination.len > 0;
}
