/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "check.h"

#include <string.h>

#define TEXT(literal) ((ims_release_str){(literal), (int)sizeof(literal) - 1})

/* Any dialog will do: what depends on the dialog is not under test. */
static ims_release_status build(const ims_release_options *options, const ims_release_own *own)
{
	static const ims_release_str record_route = {"<sip:other.invalid;lr>", sizeof("<sip:other.invalid;lr>") - 1};
	ims_release_fields fields;
	ims_release_bye called;
	ims_release_bye calling;

	memset(&fields, 0, sizeof(fields));
	memset(&called, 0, sizeof(called));
	memset(&calling, 0, sizeof(calling));
	fields.struct_size = sizeof(fields);
	called.struct_size = sizeof(called);
	calling.struct_size = sizeof(calling);
	fields.serves = IMS_RELEASE_SERVES_NEITHER;
	fields.call_id = TEXT("check");
	fields.from = TEXT("<sip:calling@invalid>;tag=1");
	fields.to = TEXT("<sip:called@invalid>;tag=2");
	fields.calling_contact = TEXT("<sip:calling@invalid>");
	fields.called_contact = TEXT("<sip:called@invalid>");
	fields.cseq_to_called = 1;
	fields.cseq_to_calling = 1;
	fields.routes = own != NULL ? IMS_RELEASE_ROUTES_RECORD_ROUTE : IMS_RELEASE_ROUTES_APART;
	if(own != NULL) {
		fields.record_route = &record_route;
		fields.record_route_count = 1;
		fields.own = own;
		fields.own_count = 1;
	}
	return ims_release_build(&fields, options, NULL, 0, NULL, 0, &called, &calling);
}

ims_release_status check_options(const ims_release_options *options)
{
	return build(options, NULL);
}

ims_release_status check_own(const ims_release_own *own)
{
	ims_release_options options;
	ims_release_status status;

	memset(&options, 0, sizeof(options));
	options.struct_size = sizeof(options);
	options.cause = 503;
	status = build(&options, own);
	/* A stranger's entry is none of ours, and so it should be. */
	return status == IMS_RELEASE_NO_OWN_ROUTE ? IMS_RELEASE_OK : status;
}
