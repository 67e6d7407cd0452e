/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Fields of a dialog in, both BYEs out, as they would go to the wire. The proxy serves the calling user, Alice.
 * cc -std=c99 release.c $(pkg-config --cflags --libs ims_release) && ./a.out */
#include <ims_release.h>
#include <stdio.h>

#define TEXT(text) { text, (int)sizeof(text) - 1 }

static void print(const char *to, const ims_release_bye *bye)
{
    if (bye->status != IMS_RELEASE_OK) { /* one BYE that cannot be built does not stop the other */
        printf("-- to the %s user: not built: %s\n", to, ims_release_status_text(bye->status));
        return;
    }
    printf("-- to the %s user, %s, next hop %.*s\n%.*s", to,
           bye->delivery == IMS_RELEASE_SERVICE_CONTROL ? "through service control" : "directly",
           bye->next_hop.len, bye->next_hop.s, bye->message.len, bye->message.s);
}

int main(void)
{
    /* From the 2xx to the INVITE, as received: nearest to the called user first. */
    static const ims_release_str record_route[] = {
        TEXT("<sip:pcscf2.visited2.net;lr>, <sip:mt@scscf2.home2.net;lr>"),
        TEXT("<sip:mo@scscf1.home1.net;lr>, <sip:pcscf1.visited1.net;lr>"),
    };
    static const ims_release_own own = { .uri = TEXT("sip:mo@scscf1.home1.net;lr") };
    const ims_release_fields fields = {
        .struct_size = sizeof fields,
        .serves = IMS_RELEASE_SERVES_CALLING,
        .call_id = TEXT("cb03a0s09a2sdfglkj490333"),
        .from = TEXT("\"Alice\" <sip:user1_public1@home1.net>;tag=171828"),
        .to = TEXT("<tel:+1-212-555-2222>;tag=314159"),
        .calling_contact = TEXT("<sip:alice@192.0.2.4:1357>"),
        .called_contact = TEXT("<sip:bob@198.51.100.7:8805>"),
        .cseq_to_called = 129,                    /* INVITE 127, PRACK 128, UPDATE 129 */
        .cseq_to_calling = IMS_RELEASE_CSEQ_NONE, /* Bob sent no request: a random number */
        .record_route = record_route, .record_route_count = 2,
        .own = &own, .own_count = 1,
    };
    const ims_release_options options = {
        .struct_size = sizeof options, .cause = 503, .text = TEXT("Service Unavailable"),
        .via_sent_by = TEXT("scscf1.home1.net:5060"),
    };
    char called_buffer[2048], calling_buffer[2048];
    ims_release_bye called = { .struct_size = sizeof called }, calling = { .struct_size = sizeof calling };
    ims_release_status status = ims_release_build(&fields, &options, called_buffer, sizeof called_buffer,
                                                  calling_buffer, sizeof calling_buffer, &called, &calling);
    if (status != IMS_RELEASE_OK) {
        fprintf(stderr, "%s\n", ims_release_status_text(status));
        return 1;
    }
    print("called", &called);
    print("calling", &calling);
    return 0;
}
