// SPDX-License-Identifier: MIT OR Apache-2.0
// ims_release through its C ABI: from a dialog that was checked when it was stored, and from raw fields.

#include "builder.h"
#include "input.h"

#include <ims_release.h>
#include <stdio.h>

#define TEXT(text) { text, (int)sizeof(text) - 1 }

// The calling user is served and the topmost entry towards the called user is the proxy's own: that BYE goes
// through service control, in the loop form.
static ims_release_str const own[] = { TEXT(INPUT_CALLEE_ROUTE_1) };
static ims_release_str const to_called[] = { TEXT(INPUT_CALLEE_ROUTE_2), TEXT(INPUT_CALLEE_ROUTE_3) };
static ims_release_str const to_calling[] = { TEXT(INPUT_CALLER_ROUTE_1), TEXT(INPUT_CALLER_ROUTE_2), TEXT(INPUT_CALLER_ROUTE_3) };
static ims_release_str const headers[] = { TEXT(INPUT_CHARGING_NAME ": " INPUT_CHARGING_VALUE) };

static ims_release_fields const fields = {
    .struct_size = sizeof fields,
    .serves = IMS_RELEASE_SERVES_CALLING,
    .routes = IMS_RELEASE_ROUTES_APART,
    .call_id = TEXT(INPUT_CALL_ID),
    .from = TEXT(INPUT_CALLER),
    .to = TEXT(INPUT_CALLEE),
    // In brackets: without them the URI's parameters would be the header's (RFC 3261 20.10).
    .calling_contact = TEXT("<" INPUT_CALLER_CONTACT ">"),
    .called_contact = TEXT("<" INPUT_CALLEE_CONTACT ">"),
    .cseq_to_called = INPUT_CSEQ_TO_CALLEE,
    .cseq_to_calling = INPUT_CSEQ_TO_CALLER,
    .routes_to_called = to_called,
    .routes_to_called_count = 2,
    .routes_to_calling = to_calling,
    .routes_to_calling_count = 3,
    .routes_own = own,
    .routes_own_count = 1,
    .headers = headers,
    .header_count = 1,
};

static ims_release_options const options = {
    .struct_size = sizeof options,
    .form = IMS_RELEASE_FORM_LOOP,
    .cause = 503,
    .text = TEXT(INPUT_REASON_TEXT),
    .via_sent_by = TEXT(INPUT_VIA_HOST ":" INPUT_VIA_PORT),
};

static ims_release_dialog *dialog;

static int start(void)
{
    ims_release_status status = ims_release_dialog_new(&fields, &dialog);
    if (status != IMS_RELEASE_OK)
        fprintf(stderr, "ims_release_dialog_new: %s\n", ims_release_status_text(status));
    return status != IMS_RELEASE_OK;
}

static int start_nothing(void)
{
    return 0;
}

static int finish(struct pair *pair, ims_release_status status, ims_release_bye const *called,
                  ims_release_bye const *calling)
{
    pair->called.length = called->length;
    pair->calling.length = calling->length;
    return status != IMS_RELEASE_OK || called->status != IMS_RELEASE_OK || calling->status != IMS_RELEASE_OK;
}

static int build_from_dialog(struct pair *pair)
{
    ims_release_bye called, calling;
    called.struct_size = calling.struct_size = sizeof called;
    ims_release_status status =
        ims_release_dialog_build(dialog, &options, pair->called.bytes, sizeof pair->called.bytes, pair->calling.bytes,
                                 sizeof pair->calling.bytes, &called, &calling);
    return finish(pair, status, &called, &calling);
}

static int build_from_fields(struct pair *pair)
{
    ims_release_bye called, calling;
    called.struct_size = calling.struct_size = sizeof called;
    ims_release_status status =
        ims_release_build(&fields, &options, pair->called.bytes, sizeof pair->called.bytes, pair->calling.bytes,
                          sizeof pair->calling.bytes, &called, &calling);
    return finish(pair, status, &called, &calling);
}

struct builder const builder_from_dialog = { "from_dialog", start, build_from_dialog, 1 };
struct builder const builder_from_fields = { "from_fields", start_nothing, build_from_fields, 1 };
