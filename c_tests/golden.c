/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The golden pairs of the conformance cases, byte for byte, and the parts for hosts that build the message. */
#include "support.h"

#define ALICE "\"Alice\" <sip:user1_public1@home1.net>;tag=171828"
#define BOB "<tel:+1-212-555-2222>;tag=314159"
#define CALLED_URI "sip:[5555::eee:fff:aaa:bbb]:8805;comp=sigcomp"
#define CALLING_URI "sip:[5555::aaa:bbb:ccc:ddd]:1357;comp=sigcomp"
#define BEFORE_FROM "Max-Forwards: 70\r\nReason: SIP;cause=503;text=\"Service Unavailable\"\r\n"
#define CALL_ID "Call-ID: cb03a0s09a2sdfglkj490333\r\n"

/* The BYE to the called user, and the one to the calling user; `route` is the whole line or nothing. */
#define BYE_TO_CALLED(route, cseq)                                                                                     \
    "BYE " CALLED_URI " SIP/2.0\r\n" route BEFORE_FROM "From: " ALICE "\r\nTo: " BOB "\r\n" CALL_ID "CSeq: " cseq     \
    " BYE\r\nContent-Length: 0\r\n\r\n"
#define BYE_TO_CALLING(route, cseq)                                                                                    \
    "BYE " CALLING_URI " SIP/2.0\r\n" route BEFORE_FROM "From: " BOB "\r\nTo: " ALICE "\r\n" CALL_ID "CSeq: " cseq    \
    " BYE\r\nContent-Length: 0\r\n\r\n"

static void expect(const ims_release_fields *fields, const ims_release_options *options, const char *called,
                   uint32_t called_delivery, const char *calling, uint32_t calling_delivery)
{
    struct pair pair;
    assert_int_equal(build(fields, options, &pair), IMS_RELEASE_OK);
    assert_int_equal(pair.called.status, IMS_RELEASE_OK);
    assert_int_equal(pair.calling.status, IMS_RELEASE_OK);
    assert_text(pair.called.message, called);
    assert_text(pair.calling.message, calling);
    assert_int_equal(pair.called.length, strlen(called));
    assert_int_equal(pair.calling.length, strlen(calling));
    assert_int_equal(pair.called.delivery, called_delivery);
    assert_int_equal(pair.calling.delivery, calling_delivery);
    assert_ptr_equal(pair.called.message.s, pair.called_buffer);
    assert_ptr_equal(pair.calling.message.s, pair.calling_buffer);

    /* The checked dialog gives the same bytes. */
    ims_release_dialog *dialog = NULL;
    struct pair again;
    memset(&again, 0, sizeof again);
    again.called.struct_size = again.calling.struct_size = sizeof(ims_release_bye);
    assert_int_equal(ims_release_dialog_new(fields, &dialog), IMS_RELEASE_OK);
    assert_int_equal(ims_release_dialog_build(dialog, options, again.called_buffer, sizeof again.called_buffer,
                                              again.calling_buffer, sizeof again.calling_buffer, &again.called,
                                              &again.calling),
                     IMS_RELEASE_OK);
    ims_release_dialog_free(dialog);
    judge_pair(fields, &again.called, &again.calling);
    assert_text(again.called.message, called);
    assert_text(again.calling.message, calling);
}

static void t01_t03_serving_the_calling_user(void **state)
{
    (void)state;
    ims_release_fields fields = base_a();
    ims_release_options options = reason_r();
    fields.cseq_to_calling = 7; /* T13, so that the number is known */
    expect(&fields, &options,
           BYE_TO_CALLED("Route: <sip:mo@scscf1.home1.net;lr;did=7a1.3>, <sip:mt@scscf2.home2.net;lr>, "
                         "<sip:pcscf2.visited2.net;lr>\r\n",
                         "130"),
           IMS_RELEASE_SERVICE_CONTROL, BYE_TO_CALLING("Route: <sip:pcscf1.visited1.net:7531;lr>\r\n", "8"),
           IMS_RELEASE_DIRECT);
}

static void t02_bare_form(void **state)
{
    (void)state;
    ims_release_fields fields = base_a();
    ims_release_options options = reason_r();
    fields.cseq_to_calling = 0; /* T13b: zero is stored, not missing */
    options.form = IMS_RELEASE_FORM_BARE;
    expect(&fields, &options,
           BYE_TO_CALLED("Route: <sip:mt@scscf2.home2.net;lr>, <sip:pcscf2.visited2.net;lr>\r\n", "130"),
           IMS_RELEASE_SERVICE_CONTROL, BYE_TO_CALLING("Route: <sip:pcscf1.visited1.net:7531;lr>\r\n", "1"),
           IMS_RELEASE_DIRECT);
}

static void t03_random_cseq(void **state)
{
    (void)state;
    ims_release_fields fields = base_a();
    ims_release_options options = reason_r();
    struct pair pair;
    uint32_t last = 0;
    for (int i = 0; i < 100; i++) {
        char line[32];
        assert_int_equal(build(&fields, &options, &pair), IMS_RELEASE_OK);
        assert_in_range(pair.calling.cseq, 1, 2147483647u - 65536u + 1u);
        assert_int_not_equal(pair.calling.cseq, last);
        last = pair.calling.cseq;
        sprintf(line, "\r\nCSeq: %lu BYE\r\n", (unsigned long)last);
        assert_non_null(strstr(pair.calling_buffer, line));
    }
}

static void t05_t06_serving_the_called_user(void **state)
{
    (void)state;
    ims_release_fields fields = base_b();
    ims_release_options options = reason_r();
    fields.cseq_to_calling = 7;
    expect(&fields, &options, BYE_TO_CALLED("Route: <sip:pcscf2.visited2.net;lr>\r\n", "130"), IMS_RELEASE_DIRECT,
           BYE_TO_CALLING("Route: <sip:mt@scscf2.home2.net;lr;did=9b2.4>, <sip:mo@scscf1.home1.net;lr;did=7a1.3>, "
                          "<sip:pcscf1.visited1.net:7531;lr>\r\n",
                          "8"),
           IMS_RELEASE_SERVICE_CONTROL);
}

static void t07_t08_application_servers(void **state)
{
    (void)state;
    static const ims_release_str calling_side[] = {
        TEXT("<sip:pcscf2.visited2.net;lr>, <sip:mt@scscf2.home2.net;lr>, <sip:mo2@scscf1.home1.net;lr>, "
             "<sip:as1.home1.net;lr>, <sip:mo@scscf1.home1.net;lr>, <sip:pcscf1.visited1.net:7531;lr>"),
    };
    static const ims_release_str called_side[] = {
        TEXT("<sip:pcscf2.visited2.net;lr>, <sip:mt2@scscf2.home2.net;lr>, <sip:as2.home2.net;lr>, "
             "<sip:mt@scscf2.home2.net;lr>, <sip:mo@scscf1.home1.net;lr>, <sip:pcscf1.visited1.net:7531;lr>"),
    };
    static const ims_release_own scscf1[] = { { .host = TEXT("scscf1.home1.net") } };
    static const ims_release_own scscf2[] = { { .host = TEXT("scscf2.home2.net:5060") } };
    ims_release_fields fields = base_a();
    ims_release_options options = reason_r();
    fields.cseq_to_calling = 7;
    fields.record_route = calling_side;
    fields.own = scscf1;
    expect(&fields, &options,
           BYE_TO_CALLED("Route: <sip:mo@scscf1.home1.net;lr>, <sip:as1.home1.net;lr>, <sip:mo2@scscf1.home1.net;lr>, "
                         "<sip:mt@scscf2.home2.net;lr>, <sip:pcscf2.visited2.net;lr>\r\n",
                         "130"),
           IMS_RELEASE_SERVICE_CONTROL, BYE_TO_CALLING("Route: <sip:pcscf1.visited1.net:7531;lr>\r\n", "8"),
           IMS_RELEASE_DIRECT);
    fields.serves = IMS_RELEASE_SERVES_CALLED;
    fields.record_route = called_side;
    fields.own = scscf2;
    expect(&fields, &options, BYE_TO_CALLED("Route: <sip:pcscf2.visited2.net;lr>\r\n", "130"), IMS_RELEASE_DIRECT,
           BYE_TO_CALLING("Route: <sip:mt2@scscf2.home2.net;lr>, <sip:as2.home2.net;lr>, <sip:mt@scscf2.home2.net;lr>, "
                          "<sip:mo@scscf1.home1.net;lr>, <sip:pcscf1.visited1.net:7531;lr>\r\n",
                          "8"),
           IMS_RELEASE_SERVICE_CONTROL);
}

static void t11_neither_and_unknown_side(void **state)
{
    (void)state;
    ims_release_fields fields = base_a();
    ims_release_options options = reason_r();
    struct pair pair;
    fields.cseq_to_calling = 7;
    fields.serves = IMS_RELEASE_SERVES_NEITHER;
    expect(&fields, &options,
           BYE_TO_CALLED("Route: <sip:mt@scscf2.home2.net;lr>, <sip:pcscf2.visited2.net;lr>\r\n", "130"),
           IMS_RELEASE_DIRECT, BYE_TO_CALLING("Route: <sip:pcscf1.visited1.net:7531;lr>\r\n", "8"), IMS_RELEASE_DIRECT);
    fields.serves = 0;
    assert_int_equal(build(&fields, &options, &pair), IMS_RELEASE_BAD_SERVES);
    fields.serves = 4;
    assert_int_equal(build(&fields, &options, &pair), IMS_RELEASE_BAD_SERVES);
    assert_int_equal(pair.called.length, 0);
}

static void routes_given_apart(void **state)
{
    (void)state;
    static const ims_release_str to_called[] = { TEXT("<sip:mt@scscf2.home2.net;lr>"),
                                                 TEXT("<sip:pcscf2.visited2.net;lr>") };
    static const ims_release_str to_calling[] = { TEXT("<sip:pcscf1.visited1.net:7531;lr>") };
    static const ims_release_str own[] = { TEXT("<sip:mo@scscf1.home1.net;lr;did=7a1.3>") };
    ims_release_fields fields = base_a();
    ims_release_options options = reason_r();
    fields.cseq_to_calling = 7;
    fields.routes = IMS_RELEASE_ROUTES_APART;
    fields.routes_to_called = to_called;
    fields.routes_to_called_count = COUNT(to_called);
    fields.routes_to_calling = to_calling;
    fields.routes_to_calling_count = COUNT(to_calling);
    fields.routes_own = own;
    fields.routes_own_count = COUNT(own);
    expect(&fields, &options,
           BYE_TO_CALLED("Route: <sip:mo@scscf1.home1.net;lr;did=7a1.3>, <sip:mt@scscf2.home2.net;lr>, "
                         "<sip:pcscf2.visited2.net;lr>\r\n",
                         "130"),
           IMS_RELEASE_SERVICE_CONTROL, BYE_TO_CALLING("Route: <sip:pcscf1.visited1.net:7531;lr>\r\n", "8"),
           IMS_RELEASE_DIRECT);
}

static void via_q850_session_id_and_further_headers(void **state)
{
    (void)state;
    static const ims_release_str of_dialog[] = { TEXT("P-Charging-Vector: icid-value=abc;orig-ioi=home1.net") };
    static const ims_release_str of_release[] = { TEXT("X-Operator: a, b") };
    ims_release_fields fields = base_a();
    ims_release_options options = reason_r();
    struct pair pair;
    fields.headers = of_dialog;
    fields.header_count = 1;
    fields.calling_session_id = text_of("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    options.headers = of_release;
    options.header_count = 1;
    options.q850_cause = 31;
    options.q850_text = text_of("Normal, unspecified");
    options.via_sent_by = text_of("[2001:db8::9]:5061");
    options.via_transport = text_of("TLS");
    assert_int_equal(build(&fields, &options, &pair), IMS_RELEASE_OK);
    assert_text(pair.called.headers,
                "Route: <sip:mo@scscf1.home1.net;lr;did=7a1.3>, <sip:mt@scscf2.home2.net;lr>, "
                "<sip:pcscf2.visited2.net;lr>\r\n"
                "Max-Forwards: 70\r\n"
                "Reason: SIP;cause=503;text=\"Service Unavailable\", Q.850;cause=31;text=\"Normal, unspecified\"\r\n"
                "Session-ID: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa;remote=00000000000000000000000000000000\r\n"
                "P-Charging-Vector: icid-value=abc;orig-ioi=home1.net\r\n"
                "X-Operator: a, b\r\n");
    static const char via[] = " SIP/2.0\r\nVia: SIP/2.0/TLS [2001:db8::9]:5061;branch=z9hG4bK";
    const char *called_via = strstr(pair.called_buffer, via), *calling_via = strstr(pair.calling_buffer, via);
    assert_non_null(called_via);
    assert_non_null(calling_via);
    size_t called_length = strcspn(called_via + sizeof via - 1, "\r"),
           calling_length = strcspn(calling_via + sizeof via - 1, "\r");
    assert_in_range(called_length, 16, 64);
    if (called_length == calling_length)
        assert_memory_not_equal(called_via + sizeof via - 1, calling_via + sizeof via - 1, called_length);

    /* T49: the same name in both places is given twice. */
    options.headers = of_dialog;
    assert_int_equal(build(&fields, &options, &pair), IMS_RELEASE_DUPLICATE_HEADER);
}

static void parts_for_a_transaction_layer(void **state)
{
    (void)state;
    ims_release_fields fields = base_a();
    ims_release_options options = reason_r();
    struct pair pair;
    /* T41: quotes and URI parameters hide what looks like a tag; something follows the tag. */
    fields.from = text_of("\"x;tag=evil>\" <sip:a@b;tag=uri>;x=\"y;tag=q\" ; tag = real;z=1");
    assert_int_equal(build(&fields, &options, &pair), IMS_RELEASE_OK);
    assert_text(pair.called.request_uri, CALLED_URI);
    assert_text(pair.called.next_hop, "sip:mo@scscf1.home1.net;lr;did=7a1.3");
    assert_text(pair.calling.next_hop, "sip:pcscf1.visited1.net:7531;lr");
    assert_text(pair.called.call_id, "cb03a0s09a2sdfglkj490333");
    assert_int_equal(pair.called.cseq, 130);
    assert_text(pair.called.from, "\"x;tag=evil>\" <sip:a@b;tag=uri>;x=\"y;tag=q\" ; tag = real;z=1");
    assert_text(pair.called.from_before_tag, "\"x;tag=evil>\" <sip:a@b;tag=uri>;x=\"y;tag=q\" ");
    assert_text(pair.called.from_tag_onward, "real;z=1");
    assert_text(pair.calling.to_before_tag, "\"x;tag=evil>\" <sip:a@b;tag=uri>;x=\"y;tag=q\" ");
    assert_text(pair.calling.to_tag_onward, "real;z=1");
    assert_text(pair.calling.from_before_tag, "<tel:+1-212-555-2222>");
    assert_text(pair.calling.from_tag_onward, "314159");
    assert_text(pair.calling.route, "Route: <sip:pcscf1.visited1.net:7531;lr>\r\n");
    assert_ptr_equal(pair.calling.route.s, pair.calling.headers.s);
    assert_int_equal(pair.called.flags, 0);

    /* T42: no tags. */
    fields.from = text_of("<sip:a@b>");
    assert_int_equal(build(&fields, &options, &pair), IMS_RELEASE_OK);
    assert_text(pair.called.from_before_tag, "<sip:a@b>");
    assert_int_equal(pair.called.from_tag_onward.len, 0);
    assert_int_equal(pair.called.flags, IMS_RELEASE_NO_TAG);
}

static void t25_no_route(void **state)
{
    (void)state;
    static const ims_release_str only_own[] = { TEXT("<sip:mo@scscf1.home1.net;lr;did=7a1.3>") };
    ims_release_fields fields = base_a();
    ims_release_options options = reason_r();
    struct pair pair;
    fields.record_route = only_own;
    options.form = IMS_RELEASE_FORM_BARE;
    assert_int_equal(build(&fields, &options, &pair), IMS_RELEASE_OK);
    assert_null(strstr(pair.called_buffer, "Route:"));
    assert_null(strstr(pair.calling_buffer, "Route:"));
    assert_int_equal(pair.called.route.len, 0);
    assert_text(pair.called.next_hop, CALLED_URI);
}

static void t65_one_bye_that_cannot_be_built(void **state)
{
    (void)state;
    static const struct {
        const char *contact;
        int64_t to_called;
        uint32_t called;
    } cases[] = {
        { "<sip:bob@192.0.2.4>", 2147483647, IMS_RELEASE_CSEQ_OVERFLOW },
        { "<sip:bob@192.0.2.4>", 4294967295, IMS_RELEASE_CSEQ_OVERFLOW },
        { "<sip:bob@192.0.2.4>", IMS_RELEASE_CSEQ_NONE, IMS_RELEASE_NO_CSEQ },
        { "*", 129, IMS_RELEASE_BAD_CALLED_CONTACT },
        { "", 129, IMS_RELEASE_BAD_CALLED_CONTACT },
        { "<tel:+123>", 129, IMS_RELEASE_BAD_CALLED_CONTACT },
        { "<sip:a@b>, <sip:c@d>", 129, IMS_RELEASE_BAD_CALLED_CONTACT },
    };
    ims_release_options options = reason_r();
    struct pair pair;
    for (size_t i = 0; i < COUNT(cases); i++) {
        ims_release_fields fields = base_a();
        fields.called_contact = text_of(cases[i].contact);
        fields.cseq_to_called = cases[i].to_called;
        assert_int_equal(build(&fields, &options, &pair), IMS_RELEASE_OK);
        assert_int_equal(pair.called.status, cases[i].called);
        assert_int_equal(pair.called.length, 0);
        assert_int_equal(pair.called.message.len, 0);
        assert_int_equal(pair.called_buffer[0], 0);
        assert_int_equal(pair.calling.status, IMS_RELEASE_OK);
        assert_ptr_equal(strstr(pair.calling_buffer, "BYE " CALLING_URI " SIP/2.0\r\n"), pair.calling_buffer);
    }

    static const char own[] = "<sip:mo@scscf1.home1.net;lr;did=7a1.3>";
    /* A Record-Route entry that cannot be read: on either side, on both, and instead of the own one. */
    static const struct {
        const char *above, *own, *below;
        ims_release_status whole, called, calling;
    } lists[] = {
        { "<tel:+1>", own, "<sip:p1;lr>", IMS_RELEASE_OK, IMS_RELEASE_BAD_RECORD_ROUTE, IMS_RELEASE_OK },
        { "<sip:p2;lr>", own, "\"p1 <sip:p1;lr>", IMS_RELEASE_OK, IMS_RELEASE_OK, IMS_RELEASE_BAD_RECORD_ROUTE },
        { "<sip:p2", own, "sip:p1", IMS_RELEASE_OK, IMS_RELEASE_BAD_RECORD_ROUTE, IMS_RELEASE_BAD_RECORD_ROUTE },
        { "<sip:p2;lr>", "<sip:mo@:x>", "<sip:p1;lr>", IMS_RELEASE_NO_OWN_ROUTE, 0, 0 },
        { "<sip:p2;lr>", own, "<sip:p1>\n", IMS_RELEASE_BAD_RECORD_ROUTE, 0, 0 },
    };
    for (size_t i = 0; i < COUNT(lists); i++) {
        ims_release_fields fields = base_a();
        const ims_release_str rows[] = { text_of(lists[i].above), text_of(lists[i].own), text_of(lists[i].below) };
        fields.record_route = rows;
        fields.record_route_count = COUNT(rows);
        assert_int_equal(build(&fields, &options, &pair), lists[i].whole);
        if (lists[i].whole != IMS_RELEASE_OK)
            continue;
        assert_int_equal(pair.called.status, lists[i].called);
        assert_int_equal(pair.calling.status, lists[i].calling);
        assert_int_equal(pair.called.length == 0, lists[i].called != IMS_RELEASE_OK);
        assert_int_equal(pair.calling.length == 0, lists[i].calling != IMS_RELEASE_OK);
    }
}

static void t66_large(void **state)
{
    (void)state;
    char route[121];
    ims_release_str rows[62];
    ims_release_fields fields = base_a();
    ims_release_options options = reason_r();
    struct pair pair;
    snprintf(route, sizeof route, "<sip:%0109d.a;lr>", 1);
    assert_int_equal(strlen(route), 120);
    for (size_t i = 0; i < 60; i++)
        rows[i] = text_of(route);
    rows[60] = text_of("<sip:mo@scscf1.home1.net;lr;did=7a1.3>");
    rows[61] = text_of("<sip:pcscf1.visited1.net:7531;lr>");
    fields.record_route = rows;
    fields.record_route_count = COUNT(rows);
    assert_int_equal(build(&fields, &options, &pair), IMS_RELEASE_OK);
    assert_int_equal(pair.called.status, IMS_RELEASE_OK);
    assert_int_equal(pair.called.flags, IMS_RELEASE_LARGE);
    assert_int_equal(pair.calling.flags, 0);
    int routes = 0;
    for (const char *at = pair.called_buffer; (at = strstr(at, route)) != NULL; at += 120)
        routes++;
    assert_int_equal(routes, 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t01_t03_serving_the_calling_user),
        cmocka_unit_test(t02_bare_form),
        cmocka_unit_test(t03_random_cseq),
        cmocka_unit_test(t05_t06_serving_the_called_user),
        cmocka_unit_test(t07_t08_application_servers),
        cmocka_unit_test(t11_neither_and_unknown_side),
        cmocka_unit_test(routes_given_apart),
        cmocka_unit_test(via_q850_session_id_and_further_headers),
        cmocka_unit_test(parts_for_a_transaction_layer),
        cmocka_unit_test(t25_no_route),
        cmocka_unit_test(t65_one_bye_that_cannot_be_built),
        cmocka_unit_test(t66_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
