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

    assert_int_equal(sizeof(ims_release_options), 112);
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
    MEMBER(ims_release_options, job, 100);
    MEMBER(ims_release_options, by, 104);
    MEMBER(ims_release_options, reserved, 108);

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

    assert_int_equal(sizeof(ims_release_ended), 136);
    MEMBER(ims_release_ended, struct_size, 0);
    MEMBER(ims_release_ended, outcome, 4);
    MEMBER(ims_release_ended, id, 8);
    MEMBER(ims_release_ended, cause, 16);
    MEMBER(ims_release_ended, called_code, 20);
    MEMBER(ims_release_ended, calling_code, 24);
    MEMBER(ims_release_ended, by, 28);
    MEMBER(ims_release_ended, duration_ms, 32);
    MEMBER(ims_release_ended, call_id, 40);
    MEMBER(ims_release_ended, from_tag, 56);
    MEMBER(ims_release_ended, to_tag, 72);
    MEMBER(ims_release_ended, called_attempts, 88);
    MEMBER(ims_release_ended, calling_attempts, 92);
    MEMBER(ims_release_ended, called_duration_ms, 96);
    MEMBER(ims_release_ended, calling_duration_ms, 104);
    MEMBER(ims_release_ended, text, 112);
    MEMBER(ims_release_ended, job, 128);
    MEMBER(ims_release_ended, text_lost, 132);

    assert_int_equal(sizeof(ims_release_challenge), 56);
    MEMBER(ims_release_challenge, struct_size, 0);
    MEMBER(ims_release_challenge, leg, 4);
    MEMBER(ims_release_challenge, id, 8);
    MEMBER(ims_release_challenge, code, 16);
    MEMBER(ims_release_challenge, reserved, 20);
    MEMBER(ims_release_challenge, request_uri, 24);
    MEMBER(ims_release_challenge, rows, 40);
    MEMBER(ims_release_challenge, row_count, 48);

    assert_int_equal(sizeof(ims_release_config), 120);
    MEMBER(ims_release_config, struct_size, 0);
    MEMBER(ims_release_config, engine, 4);
    MEMBER(ims_release_config, directory, 8);
    MEMBER(ims_release_config, size, 24);
    MEMBER(ims_release_config, uid, 32);
    MEMBER(ims_release_config, gid, 36);
    MEMBER(ims_release_config, lock_timeout_ms, 40);
    MEMBER(ims_release_config, deadline_ms, 44);
    MEMBER(ims_release_config, early_lifetime_s, 48);
    MEMBER(ims_release_config, reserved, 52);
    MEMBER(ims_release_config, own, 56);
    MEMBER(ims_release_config, own_count, 64);
    MEMBER(ims_release_config, ended, 72);
    MEMBER(ims_release_config, env, 80);
    MEMBER(ims_release_config, linger_ms, 88);
    MEMBER(ims_release_config, attempt_ms, 92);
    MEMBER(ims_release_config, dialog_lifetime_s, 96);
    MEMBER(ims_release_config, policy, 100);
    MEMBER(ims_release_config, credentials, 104);
    MEMBER(ims_release_config, unconfirmed, 112);

    assert_int_equal(sizeof(ims_release_entry), 256);
    MEMBER(ims_release_entry, struct_size, 0);
    MEMBER(ims_release_entry, state, 4);
    MEMBER(ims_release_entry, id, 8);
    MEMBER(ims_release_entry, roles, 16);
    MEMBER(ims_release_entry, cause, 20);
    MEMBER(ims_release_entry, called_state, 24);
    MEMBER(ims_release_entry, calling_state, 28);
    MEMBER(ims_release_entry, called_code, 32);
    MEMBER(ims_release_entry, calling_code, 36);
    MEMBER(ims_release_entry, seen_s, 40);
    MEMBER(ims_release_entry, started_s, 48);
    MEMBER(ims_release_entry, cseq_to_called, 56);
    MEMBER(ims_release_entry, cseq_to_calling, 64);
    MEMBER(ims_release_entry, call_id, 72);
    MEMBER(ims_release_entry, from_tag, 88);
    MEMBER(ims_release_entry, to_tag, 104);
    MEMBER(ims_release_entry, from, 120);
    MEMBER(ims_release_entry, to, 136);
    MEMBER(ims_release_entry, called_attempts, 152);
    MEMBER(ims_release_entry, calling_attempts, 156);
    MEMBER(ims_release_entry, invite_cseq, 160);
    MEMBER(ims_release_entry, outcome, 164);
    MEMBER(ims_release_entry, unconfirmed, 168);
    MEMBER(ims_release_entry, by, 172);
    MEMBER(ims_release_entry, job, 176);
    MEMBER(ims_release_entry, exempt, 180);
    MEMBER(ims_release_entry, calling_user, 184);
    MEMBER(ims_release_entry, called_user, 200);
    MEMBER(ims_release_entry, icid, 216);
    MEMBER(ims_release_entry, text, 232);
    MEMBER(ims_release_entry, text_lost, 248);
    MEMBER(ims_release_entry, reserved, 252);

    assert_int_equal(sizeof(ims_release_stats), 256);
    MEMBER(ims_release_stats, tracked, 8);
    MEMBER(ims_release_stats, refused_large, 152);
    MEMBER(ims_release_stats, retried, 160);
    MEMBER(ims_release_stats, bypassed, 168);
    MEMBER(ims_release_stats, refused_requests, 176);
    MEMBER(ims_release_stats, unconfirmed, 184);
    MEMBER(ims_release_stats, idle_dropped, 192);
    MEMBER(ims_release_stats, legs_done, 200);
    MEMBER(ims_release_stats, legs_gone, 208);
    MEMBER(ims_release_stats, legs_failed, 216);
    MEMBER(ims_release_stats, legs_not_built, 224);
    MEMBER(ims_release_stats, pending, 232);
    MEMBER(ims_release_stats, oldest_s, 240);
    MEMBER(ims_release_stats, misdirected, 248);

    assert_int_equal(sizeof(ims_release_resumed), 32);
    MEMBER(ims_release_resumed, struct_size, 0);
    MEMBER(ims_release_resumed, reserved, 4);
    MEMBER(ims_release_resumed, releases, 8);
    MEMBER(ims_release_resumed, byes, 16);
    MEMBER(ims_release_resumed, unconfirmed, 24);

    assert_int_equal(sizeof(ims_release_swept), 48);
    MEMBER(ims_release_swept, struct_size, 0);
    MEMBER(ims_release_swept, finished, 4);
    MEMBER(ims_release_swept, active, 8);
    MEMBER(ims_release_swept, reserved, 12);
    MEMBER(ims_release_swept, visited, 16);
    MEMBER(ims_release_swept, due, 24);
    MEMBER(ims_release_swept, ended, 32);
    MEMBER(ims_release_swept, dropped, 40);

    assert_int_equal(sizeof(ims_release_way_back), 40);
    MEMBER(ims_release_way_back, struct_size, 0);
    MEMBER(ims_release_way_back, connection, 4);
    MEMBER(ims_release_way_back, destination, 8);
    MEMBER(ims_release_way_back, local, 24);

    assert_int_equal(sizeof(ims_release_job_request), 64);
    MEMBER(ims_release_job_request, struct_size, 0);
    MEMBER(ims_release_job_request, dialogs, 4);
    MEMBER(ims_release_job_request, value, 8);
    MEMBER(ims_release_job_request, cause, 24);
    MEMBER(ims_release_job_request, flags, 28);
    MEMBER(ims_release_job_request, text, 32);
    MEMBER(ims_release_job_request, rate, 48);
    MEMBER(ims_release_job_request, in_flight, 52);
    MEMBER(ims_release_job_request, by, 56);
    MEMBER(ims_release_job_request, reserved, 60);

    assert_int_equal(sizeof(ims_release_job_entry), 160);
    MEMBER(ims_release_job_entry, struct_size, 0);
    MEMBER(ims_release_job_entry, number, 4);
    MEMBER(ims_release_job_entry, state, 8);
    MEMBER(ims_release_job_entry, dialogs, 12);
    MEMBER(ims_release_job_entry, flags, 16);
    MEMBER(ims_release_job_entry, cause, 20);
    MEMBER(ims_release_job_entry, text, 24);
    MEMBER(ims_release_job_entry, value, 40);
    MEMBER(ims_release_job_entry, made_s, 56);
    MEMBER(ims_release_job_entry, visited, 64);
    MEMBER(ims_release_job_entry, matched, 72);
    MEMBER(ims_release_job_entry, early, 80);
    MEMBER(ims_release_job_entry, started, 88);
    MEMBER(ims_release_job_entry, refused, 96);
    MEMBER(ims_release_job_entry, completed, 104);
    MEMBER(ims_release_job_entry, gone, 112);
    MEMBER(ims_release_job_entry, partial, 120);
    MEMBER(ims_release_job_entry, failed, 128);
    MEMBER(ims_release_job_entry, expired, 136);
    MEMBER(ims_release_job_entry, exempt, 144);
    MEMBER(ims_release_job_entry, by, 152);
    MEMBER(ims_release_job_entry, reserved, 156);
}

static void numbers(void **state)
{
    (void)state;
    static const struct {
        int64_t actual, written; /* `long` has 32 bits on some machines */
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
        { IMS_RELEASE_MESSAGE_START_LINE, 200 },
        { IMS_RELEASE_MESSAGE_HEADER_LINE, 201 },
        { IMS_RELEASE_MESSAGE_END_OF_HEADERS, 202 },
        { IMS_RELEASE_MESSAGE_CONTENT_LENGTH, 203 },
        { IMS_RELEASE_MESSAGE_METHOD, 204 },
        { IMS_RELEASE_MESSAGE_TOO_LARGE, 205 },
        { IMS_RELEASE_MESSAGE_NOT_AN_INVITE, 206 },
        { IMS_RELEASE_MESSAGE_INCOMPLETE, 207 },
        { IMS_RELEASE_MESSAGE_CALL_ID_MISSING, 208 },
        { IMS_RELEASE_MESSAGE_CALL_ID_DOUBLED, 209 },
        { IMS_RELEASE_MESSAGE_CALL_ID_UNREADABLE, 210 },
        { IMS_RELEASE_MESSAGE_FROM_MISSING, 211 },
        { IMS_RELEASE_MESSAGE_FROM_DOUBLED, 212 },
        { IMS_RELEASE_MESSAGE_FROM_UNREADABLE, 213 },
        { IMS_RELEASE_MESSAGE_TO_MISSING, 214 },
        { IMS_RELEASE_MESSAGE_TO_DOUBLED, 215 },
        { IMS_RELEASE_MESSAGE_TO_UNREADABLE, 216 },
        { IMS_RELEASE_MESSAGE_CSEQ_MISSING, 217 },
        { IMS_RELEASE_MESSAGE_CSEQ_DOUBLED, 218 },
        { IMS_RELEASE_MESSAGE_CSEQ_UNREADABLE, 219 },
        { IMS_RELEASE_NOT_FOUND, 300 },
        { IMS_RELEASE_EARLY, 301 },
        { IMS_RELEASE_NOT_ACKNOWLEDGED, 302 },
        { IMS_RELEASE_ALREADY_RELEASING, 303 },
        { IMS_RELEASE_NOT_RELEASING, 305 },
        { IMS_RELEASE_BAD_SELECTOR, 306 },
        { IMS_RELEASE_HELD, 307 },
        { IMS_RELEASE_NOT_SENT, 0 },
        { IMS_RELEASE_LATER, 1 },
        { IMS_RELEASE_RELEASED, 308 },
        { IMS_RELEASE_TOO_MANY_JOBS, 309 },
        { IMS_RELEASE_BAD_USER, 310 },
        { IMS_RELEASE_JOB_TOO_LARGE, 311 },
        { IMS_RELEASE_TOO_MANY_DIALOGS, 312 },
        { IMS_RELEASE_JOB_ALL, 1 },
        { IMS_RELEASE_JOB_USER, 2 },
        { IMS_RELEASE_JOB_CONTACT, 3 },
        { IMS_RELEASE_JOB_SESSION, 4 },
        { IMS_RELEASE_BY_HOST, 0 },
        { IMS_RELEASE_BY_SCRIPT, 1 },
        { IMS_RELEASE_BY_RPC, 2 },
        { IMS_RELEASE_BY_JOB, 3 },
        { IMS_RELEASE_JOB_DRY, 1 },
        { IMS_RELEASE_JOB_RUNNING, 1 },
        { IMS_RELEASE_JOB_CANCELLED, 2 },
        { IMS_RELEASE_JOB_FINISHED, 3 },
        { IMS_RELEASE_STORE_FULL, 320 },
        { IMS_RELEASE_STORE_TOO_LARGE, 321 },
        { IMS_RELEASE_STORE_BUSY, 322 },
        { IMS_RELEASE_STORE_IO, 323 },
        { IMS_RELEASE_ENGINE_SHARED, 1 },
        { IMS_RELEASE_ENGINE_MEMORY, 2 },
        { IMS_RELEASE_OWNER_NONE, UINT32_MAX },
        { IMS_RELEASE_LINGER_NONE, UINT32_MAX },
        { IMS_RELEASE_NO_RETRY, 1 },
        { IMS_RELEASE_NO_BYPASS, 2 },
        { IMS_RELEASE_NO_HOLD, 4 },
        { IMS_RELEASE_LONGEST_HOLD_MS, 33000 },
        { IMS_RELEASE_MAX_CREDENTIALS, 2048 },
        { IMS_RELEASE_NO_REFUSAL, 8 },
        { IMS_RELEASE_NO_SESSION_TIMER, 16 },
        { IMS_RELEASE_NO_CHARGING_VECTOR, 32 },
        { IMS_RELEASE_NO_FLOW, 64 },
        { IMS_RELEASE_ALWAYS_FLOW, 128 },
        { IMS_RELEASE_NO_BYE_CHECK, 256 },
        { IMS_RELEASE_SEEN_UNKNOWN, 0 },
        { IMS_RELEASE_SEEN_NOTHING, 1 },
        { IMS_RELEASE_SEEN_COUNTED, 2 },
        { IMS_RELEASE_SEEN_EARLY, 3 },
        { IMS_RELEASE_SEEN_CONFIRMED, 4 },
        { IMS_RELEASE_SEEN_ACKNOWLEDGED, 5 },
        { IMS_RELEASE_SEEN_REFRESHED, 6 },
        { IMS_RELEASE_SEEN_REFUSED, 7 },
        { IMS_RELEASE_SEEN_ENDING, 8 },
        { IMS_RELEASE_SEEN_NOT_ENDING, 9 },
        { IMS_RELEASE_SEEN_ENDED, 10 },
        { IMS_RELEASE_SEEN_RELEASING, 11 },
        { IMS_RELEASE_SEEN_MISDIRECTED, 12 },
        { IMS_RELEASE_COMPLETED, 1 },
        { IMS_RELEASE_GONE, 2 },
        { IMS_RELEASE_PARTIAL, 3 },
        { IMS_RELEASE_FAILED, 4 },
        { IMS_RELEASE_EXPIRED, 5 },
        { IMS_RELEASE_SELECT_CALL, 1 },
        { IMS_RELEASE_SELECT_DIALOG, 2 },
        { IMS_RELEASE_SELECT_ID, 3 },
        { IMS_RELEASE_SELECT_MESSAGE, 4 },
        { IMS_RELEASE_STATE_EARLY, 1 },
        { IMS_RELEASE_STATE_CONFIRMED, 2 },
        { IMS_RELEASE_STATE_ACKNOWLEDGED, 3 },
        { IMS_RELEASE_STATE_ENDING, 4 },
        { IMS_RELEASE_STATE_RELEASING, 5 },
        { IMS_RELEASE_STATE_RELEASED, 6 },
        { IMS_RELEASE_LEG_IDLE, 0 },
        { IMS_RELEASE_LEG_WAITING, 1 },
        { IMS_RELEASE_LEG_DONE, 2 },
        { IMS_RELEASE_LEG_GONE, 3 },
        { IMS_RELEASE_LEG_FAILED, 4 },
        { IMS_RELEASE_LEG_NOT_BUILT, 5 },
        { IMS_RELEASE_LEG_CALLED, 1 },
        { IMS_RELEASE_LEG_CALLING, 2 },
        { IMS_RELEASE_PASS_NOT_OURS, 0 },
        { IMS_RELEASE_PASS_FIRST, 1 },
        { IMS_RELEASE_PASS_AGAIN, 2 },
        { IMS_RELEASE_PASS_REFUSED, 3 },
        { IMS_RELEASE_PASS_SWALLOWED, 4 },
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

/* An operator who reads them as the fault of a command has nothing else to go by. */
static void texts_tell_an_operator_what_to_do(void **state)
{
    (void)state;
    static const struct {
        ims_release_status status;
        const char *words;
    } cases[] = {
        { IMS_RELEASE_EARLY, "cancel the INVITE instead" },
        { IMS_RELEASE_NOT_ACKNOWLEDGED, "waits for the ACK" },
        { IMS_RELEASE_ALREADY_RELEASING, "already releasing" },
        { IMS_RELEASE_RELEASED, "already released" },
        { IMS_RELEASE_STORE_FULL, "raise its size" },
        { IMS_RELEASE_STORE_BUSY, "try again" },
        { IMS_RELEASE_STORE_IO, "see the log" },
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_non_null(strstr(ims_release_status_text(cases[i].status), cases[i].words));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(str_has_the_layout_of_the_hosts), cmocka_unit_test(offsets), cmocka_unit_test(numbers),
        cmocka_unit_test(versions),                        cmocka_unit_test(every_status_has_its_own_text),
        cmocka_unit_test(texts_tell_an_operator_what_to_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
