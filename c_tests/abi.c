/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a compiled host relies on: sizes, offsets, numbers, versions. A change here needs a new ABI version. */
#include "support.h"

#define MEMBER(type, member, offset) assert_int_equal(offsetof(type, member), offset)

static void str_has_the_layout_of_the_hosts(void **state)
{
    (void)state;
    struct host_str { /* `str` of Kamailio and OpenSIPS */
        char *s;
        int len;
    };
    assert_int_equal(sizeof(ims_release_str), sizeof(struct host_str));
    MEMBER(ims_release_str, s, offsetof(struct host_str, s));
    MEMBER(ims_release_str, len, offsetof(struct host_str, len));
}

static void offsets(void **state)
{
    (void)state;
    if (sizeof(void *) != 8)
        skip(); /* the numbers below are those of 64-bit machines */
    assert_int_equal(sizeof(ims_release_status), 4);
    assert_int_equal(sizeof(ims_release_own), 48);
    MEMBER(ims_release_own, uri, 0);
    MEMBER(ims_release_own, host, 16);
    MEMBER(ims_release_own, cookie, 32);

    assert_int_equal(sizeof(ims_release_fields), 256);
    MEMBER(ims_release_fields, struct_size, 0);
    MEMBER(ims_release_fields, serves, 4);
    MEMBER(ims_release_fields, routes, 8);
    MEMBER(ims_release_fields, reserved, 12);
    MEMBER(ims_release_fields, call_id, 16);
    MEMBER(ims_release_fields, from, 32);
    MEMBER(ims_release_fields, to, 48);
    MEMBER(ims_release_fields, calling_contact, 64);
    MEMBER(ims_release_fields, called_contact, 80);
    MEMBER(ims_release_fields, cseq_to_called, 96);
    MEMBER(ims_release_fields, cseq_to_calling, 104);
    MEMBER(ims_release_fields, record_route, 112);
    MEMBER(ims_release_fields, record_route_count, 120);
    MEMBER(ims_release_fields, own, 128);
    MEMBER(ims_release_fields, own_count, 136);
    MEMBER(ims_release_fields, routes_to_called, 144);
    MEMBER(ims_release_fields, routes_to_called_count, 152);
    MEMBER(ims_release_fields, routes_to_calling, 160);
    MEMBER(ims_release_fields, routes_to_calling_count, 168);
    MEMBER(ims_release_fields, routes_own, 176);
    MEMBER(ims_release_fields, routes_own_count, 184);
    MEMBER(ims_release_fields, contact_address, 192);
    MEMBER(ims_release_fields, calling_session_id, 208);
    MEMBER(ims_release_fields, called_session_id, 224);
    MEMBER(ims_release_fields, headers, 240);
    MEMBER(ims_release_fields, header_count, 248);

    assert_int_equal(sizeof(ims_release_options), 104);
    MEMBER(ims_release_options, struct_size, 0);
    MEMBER(ims_release_options, form, 4);
    MEMBER(ims_release_options, cause, 8);
    MEMBER(ims_release_options, q850_cause, 12);
    MEMBER(ims_release_options, text, 16);
    MEMBER(ims_release_options, q850_text, 32);
    MEMBER(ims_release_options, headers, 48);
    MEMBER(ims_release_options, header_count, 56);
    MEMBER(ims_release_options, via_sent_by, 64);
    MEMBER(ims_release_options, via_transport, 80);
    MEMBER(ims_release_options, flags, 96);
    MEMBER(ims_release_options, reserved, 100);

    assert_int_equal(sizeof(ims_release_bye), 224);
    MEMBER(ims_release_bye, struct_size, 0);
    MEMBER(ims_release_bye, status, 4);
    MEMBER(ims_release_bye, delivery, 8);
    MEMBER(ims_release_bye, cseq, 12);
    MEMBER(ims_release_bye, flags, 16);
    MEMBER(ims_release_bye, reserved, 20);
    MEMBER(ims_release_bye, length, 24);
    MEMBER(ims_release_bye, message, 32);
    MEMBER(ims_release_bye, request_uri, 48);
    MEMBER(ims_release_bye, next_hop, 64);
    MEMBER(ims_release_bye, call_id, 80);
    MEMBER(ims_release_bye, from, 96);
    MEMBER(ims_release_bye, from_before_tag, 112);
    MEMBER(ims_release_bye, from_tag_onward, 128);
    MEMBER(ims_release_bye, to, 144);
    MEMBER(ims_release_bye, to_before_tag, 160);
    MEMBER(ims_release_bye, to_tag_onward, 176);
    MEMBER(ims_release_bye, headers, 192);
    MEMBER(ims_release_bye, route, 208);
}

static void numbers(void **state)
{
    (void)state;
    static const struct {
        long actual, written;
    } numbers[] = {
        { IMS_RELEASE_OK, 0 },
        { IMS_RELEASE_NULL, 1 },
        { IMS_RELEASE_STRUCT_SIZE, 2 },
        { IMS_RELEASE_ARGUMENT, 3 },
        { IMS_RELEASE_BUFFER_TOO_SMALL, 4 },
        { IMS_RELEASE_PANIC, 5 },
        { IMS_RELEASE_NO_RANDOM, 6 },
        { IMS_RELEASE_TOO_LARGE, 7 },
        { IMS_RELEASE_BAD_CALL_ID, 100 },
        { IMS_RELEASE_BAD_FROM, 101 },
        { IMS_RELEASE_BAD_TO, 102 },
        { IMS_RELEASE_BAD_CALLING_CONTACT, 103 },
        { IMS_RELEASE_BAD_CALLED_CONTACT, 104 },
        { IMS_RELEASE_BAD_CSEQ, 105 },
        { IMS_RELEASE_NO_CSEQ, 106 },
        { IMS_RELEASE_CSEQ_OVERFLOW, 107 },
        { IMS_RELEASE_BAD_RECORD_ROUTE, 108 },
        { IMS_RELEASE_BAD_ROUTE, 109 },
        { IMS_RELEASE_NO_OWN_ROUTE, 110 },
        { IMS_RELEASE_BAD_OWN, 111 },
        { IMS_RELEASE_BAD_SERVES, 112 },
        { IMS_RELEASE_BAD_CONTACT_ADDRESS, 113 },
        { IMS_RELEASE_BAD_VIA, 114 },
        { IMS_RELEASE_BAD_REASON, 115 },
        { IMS_RELEASE_BAD_REASON_TEXT, 116 },
        { IMS_RELEASE_BAD_HEADER, 117 },
        { IMS_RELEASE_DUPLICATE_HEADER, 118 },
        { IMS_RELEASE_FORBIDDEN_HEADER, 119 },
        { IMS_RELEASE_BAD_SESSION_ID, 120 },
        { IMS_RELEASE_SERVES_CALLING, 1 },
        { IMS_RELEASE_SERVES_CALLED, 2 },
        { IMS_RELEASE_SERVES_NEITHER, 3 },
        { IMS_RELEASE_ROUTES_RECORD_ROUTE, 0 },
        { IMS_RELEASE_ROUTES_APART, 1 },
        { IMS_RELEASE_CSEQ_NONE, -1 },
        { IMS_RELEASE_FORM_LOOP, 0 },
        { IMS_RELEASE_FORM_BARE, 1 },
        { IMS_RELEASE_KEEP_GRUU, 1 },
        { IMS_RELEASE_SERVICE_CONTROL, 1 },
        { IMS_RELEASE_DIRECT, 2 },
        { IMS_RELEASE_LARGE, 1 },
        { IMS_RELEASE_NO_TAG, 2 },
        { IMS_RELEASE_LOG_ERROR, 1 },
        { IMS_RELEASE_LOG_WARNING, 2 },
        { IMS_RELEASE_LOG_INFO, 3 },
        { IMS_RELEASE_LOG_DEBUG, 4 },
        { IMS_RELEASE_MAX_ROUTES, 128 },
        { IMS_RELEASE_MAX_OWN, 32 },
        { IMS_RELEASE_MAX_HEADERS, 32 },
    };
    for (size_t i = 0; i < COUNT(numbers); i++)
        assert_int_equal(numbers[i].actual, numbers[i].written);
}

static void versions(void **state)
{
    (void)state;
    unsigned major, minor, patch;
    assert_string_equal(ims_release_version(), IMS_RELEASE_VERSION);
    assert_int_equal(ims_release_abi_version(), IMS_RELEASE_ABI_VERSION);
    assert_int_equal(sscanf(IMS_RELEASE_VERSION, "%u.%u.%u", &major, &minor, &patch), 3);
    assert_int_equal(IMS_RELEASE_VERSION_NUMBER, major << 16 | minor << 8 | patch);
}

static void every_status_has_its_own_text(void **state)
{
    (void)state;
    assert_string_equal(ims_release_status_text(IMS_RELEASE_OK), "ok");
    assert_string_equal(ims_release_status_text(99), "unknown status");
    assert_string_equal(ims_release_status_text(UINT32_MAX), "unknown status");
    assert_int_equal(strncmp(ims_release_status_text(IMS_RELEASE_BAD_CALL_ID), "Call-ID: ", 9), 0);
    for (uint32_t one = 0; one < 400; one++) {
        const char *text = ims_release_status_text(one);
        if (strcmp(text, "unknown status") == 0)
            continue;
        for (uint32_t other = 0; other < one; other++)
            assert_string_not_equal(text, ims_release_status_text(other));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(str_has_the_layout_of_the_hosts), cmocka_unit_test(offsets), cmocka_unit_test(numbers),
        cmocka_unit_test(versions),                        cmocka_unit_test(every_status_has_its_own_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
