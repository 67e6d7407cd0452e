/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Every export with every pointer NULL and every length 0 and -1: a status, never a crash, outputs untouched. */
#include "support.h"

/* The outputs of a refused call are as they were. */
static void assert_untouched(const struct pair *pair)
{
    static const ims_release_bye untouched = { .struct_size = sizeof untouched };
    assert_memory_equal(&pair->called, &untouched, sizeof untouched);
    assert_memory_equal(&pair->calling, &untouched, sizeof untouched);
    for (size_t i = 0; i < sizeof pair->called_buffer; i++)
        assert_true(pair->called_buffer[i] == 0 && pair->calling_buffer[i] == 0);
}

static void without_arguments(void **state)
{
    (void)state;
    assert_non_null(ims_release_version());
    assert_non_null(ims_release_status_text(0));
    ims_release_abi_version();
    ims_release_set_log(NULL, NULL);
    ims_release_dialog_free(NULL);
}

/* ims_release_build() and ims_release_dialog_build() with one argument wrong after the other. */
static void building(void **state)
{
    (void)state;
    const ims_release_fields fields = base_a();
    const ims_release_options options = reason_r();
    ims_release_dialog *dialog = NULL;
    struct pair *pair = test_calloc(1, sizeof *pair);
    ims_release_bye *called = &pair->called, *calling = &pair->calling;
    char *one = pair->called_buffer, *two = pair->calling_buffer;
    const size_t size = sizeof pair->called_buffer, minus_one = (size_t)-1;
    called->struct_size = calling->struct_size = sizeof *called;
    assert_int_equal(ims_release_dialog_new(&fields, &dialog), IMS_RELEASE_OK);

    const struct {
        ims_release_status status;
        int with_input, with_options;
        char *one;
        size_t one_size;
        char *two;
        size_t two_size;
        ims_release_bye *called, *calling;
    } cases[] = {
        { IMS_RELEASE_NULL, 0, 1, one, size, two, size, called, calling },
        { IMS_RELEASE_NULL, 1, 0, one, size, two, size, called, calling },
        { IMS_RELEASE_NULL, 1, 1, NULL, size, two, size, called, calling },
        { IMS_RELEASE_NULL, 1, 1, one, size, NULL, size, called, calling },
        { IMS_RELEASE_NULL, 1, 1, one, size, two, size, NULL, calling },
        { IMS_RELEASE_NULL, 1, 1, one, size, two, size, called, NULL },
        { IMS_RELEASE_NULL, 0, 0, NULL, 0, NULL, 0, NULL, NULL },
        { IMS_RELEASE_NULL, 1, 1, NULL, minus_one, two, size, called, calling },
        { IMS_RELEASE_ARGUMENT, 1, 1, one, minus_one, two, size, called, calling },
        { IMS_RELEASE_ARGUMENT, 1, 1, one, size, two, minus_one, called, calling },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(ims_release_build(cases[i].with_input ? &fields : NULL, cases[i].with_options ? &options : NULL,
                                           cases[i].one, cases[i].one_size, cases[i].two, cases[i].two_size,
                                           cases[i].called, cases[i].calling),
                         cases[i].status);
        assert_untouched(pair);
        assert_int_equal(ims_release_dialog_build(cases[i].with_input ? dialog : NULL,
                                                  cases[i].with_options ? &options : NULL, cases[i].one,
                                                  cases[i].one_size, cases[i].two, cases[i].two_size, cases[i].called,
                                                  cases[i].calling),
                         cases[i].status);
        assert_untouched(pair);
    }

    called->struct_size = 0;
    assert_int_equal(ims_release_build(&fields, &options, one, size, two, size, called, calling),
                     IMS_RELEASE_STRUCT_SIZE);
    called->struct_size = sizeof *called;
    calling->struct_size = sizeof *calling + 1;
    assert_int_equal(ims_release_build(&fields, &options, one, size, two, size, called, calling),
                     IMS_RELEASE_STRUCT_SIZE);
    ims_release_dialog_free(dialog);
    test_free(pair);
}

static void making_a_dialog(void **state)
{
    (void)state;
    ims_release_fields fields = base_a();
    ims_release_dialog *dialog = NULL;
    assert_int_equal(ims_release_dialog_new(NULL, &dialog), IMS_RELEASE_NULL);
    assert_int_equal(ims_release_dialog_new(&fields, NULL), IMS_RELEASE_NULL);
    assert_int_equal(ims_release_dialog_new(NULL, NULL), IMS_RELEASE_NULL);
    fields.call_id.len = 0;
    assert_int_equal(ims_release_dialog_new(&fields, &dialog), IMS_RELEASE_BAD_CALL_ID);
    assert_null(dialog);
}

static int never_started(void *env, uint64_t id, uint32_t job, uint32_t cause, ims_release_str text)
{
    (void)env, (void)id, (void)job, (void)cause, (void)text;
    fail_msg("no dialog is there");
    return 0;
}

static void count_job(void *env, const ims_release_job_entry *job)
{
    assert_int_equal(job->struct_size, sizeof *job);
    ++*(int *)env;
}

static void count_item(void *env, const ims_release_entry *entry, uint32_t stage, ims_release_status why)
{
    assert_int_equal(entry->struct_size, sizeof *entry);
    assert_in_range(stage, IMS_RELEASE_ITEM_NOT_STARTED, IMS_RELEASE_ITEM_RELEASED);
    assert_int_equal(why, IMS_RELEASE_OK);
    ++*(int *)env;
}

static void jobs(void **state)
{
    (void)state;
    ims_release_registry *open = NULL;
    ims_release_config config = { .struct_size = sizeof config, .engine = IMS_RELEASE_ENGINE_MEMORY };
    static const ims_release_str null_some = { NULL, 5 }, minus = { "x", -1 }, line = { "a\nb", 3 },
                                 uri = { "sip:a@b", 7 };
    const ims_release_job_request good = {
        .struct_size = sizeof good, .dialogs = IMS_RELEASE_JOB_USER, .value = uri, .cause = 480
    };
    uint32_t number = 77, running = 77;
    int shown = 0;
    assert_int_equal(ims_release_registry_open(&config, &open), IMS_RELEASE_OK);
    assert_int_equal(ims_release_registry_drop(NULL, 1), IMS_RELEASE_NULL);
    assert_int_equal(ims_release_registry_drop(open, 1), IMS_RELEASE_NOT_FOUND);

    assert_int_equal(ims_release_registry_job_make(NULL, &good, NOW, &number), IMS_RELEASE_NULL);
    assert_int_equal(ims_release_registry_job_make(open, NULL, NOW, &number), IMS_RELEASE_NULL);
    assert_int_equal(ims_release_registry_job_make(open, &good, NOW, NULL), IMS_RELEASE_NULL);
    const struct {
        size_t at;
        uint32_t value;
        ims_release_status status;
    } numbers[] = {
        { offsetof(ims_release_job_request, struct_size), 0, IMS_RELEASE_STRUCT_SIZE },
        { offsetof(ims_release_job_request, struct_size), sizeof good + 1, IMS_RELEASE_STRUCT_SIZE },
        { offsetof(ims_release_job_request, dialogs), 0, IMS_RELEASE_ARGUMENT },
        { offsetof(ims_release_job_request, dialogs), 5, IMS_RELEASE_ARGUMENT },
        { offsetof(ims_release_job_request, by), IMS_RELEASE_BY_JOB, IMS_RELEASE_ARGUMENT },
        { offsetof(ims_release_job_request, reserved), 1, IMS_RELEASE_ARGUMENT },
        { offsetof(ims_release_job_request, dialogs), IMS_RELEASE_JOB_ALL, IMS_RELEASE_ARGUMENT },
        { offsetof(ims_release_job_request, cause), 0, IMS_RELEASE_BAD_REASON },
        { offsetof(ims_release_job_request, cause), 65536 + 480, IMS_RELEASE_BAD_REASON },
        { offsetof(ims_release_job_request, flags), 2, IMS_RELEASE_ARGUMENT },
        { offsetof(ims_release_job_request, rate), 65536, IMS_RELEASE_ARGUMENT },
        { offsetof(ims_release_job_request, in_flight), 65536, IMS_RELEASE_ARGUMENT },
    };
    for (size_t i = 0; i < COUNT(numbers); i++) {
        ims_release_job_request bad = good;
        memcpy((char *)&bad + numbers[i].at, &numbers[i].value, sizeof numbers[i].value);
        assert_int_equal(ims_release_registry_job_make(open, &bad, NOW, &number), numbers[i].status);
    }
    const struct {
        size_t at;
        ims_release_str text;
        ims_release_status status;
    } texts[] = {
        { offsetof(ims_release_job_request, value), { NULL, 0 }, IMS_RELEASE_ARGUMENT },
        { offsetof(ims_release_job_request, value), null_some, IMS_RELEASE_ARGUMENT },
        { offsetof(ims_release_job_request, value), minus, IMS_RELEASE_ARGUMENT },
        { offsetof(ims_release_job_request, text), null_some, IMS_RELEASE_BAD_REASON_TEXT },
        { offsetof(ims_release_job_request, text), minus, IMS_RELEASE_BAD_REASON_TEXT },
        { offsetof(ims_release_job_request, text), line, IMS_RELEASE_BAD_REASON_TEXT },
    };
    for (size_t i = 0; i < COUNT(texts); i++) {
        ims_release_job_request bad = good;
        memcpy((char *)&bad + texts[i].at, &texts[i].text, sizeof texts[i].text);
        assert_int_equal(ims_release_registry_job_make(open, &bad, NOW, &number), texts[i].status);
    }
    assert_int_equal(number, 77);
    for (uint32_t i = 1; i <= 8; i++) {
        ims_release_job_request one = good;
        one.cause = 480 + i;
        assert_int_equal(ims_release_registry_job_make(open, &one, NOW, &number), IMS_RELEASE_OK);
        assert_int_equal(number, i);
    }
    assert_int_equal(ims_release_registry_job_make(open, &good, NOW, &number), IMS_RELEASE_TOO_MANY_JOBS);

    assert_int_equal(ims_release_registry_jobs(NULL, count_job, &shown), IMS_RELEASE_NULL);
    assert_int_equal(ims_release_registry_jobs(open, NULL, &shown), IMS_RELEASE_NULL);
    assert_int_equal(ims_release_registry_jobs(open, count_job, &shown), IMS_RELEASE_OK);
    assert_int_equal(shown, 8);
    assert_int_equal(ims_release_registry_job_cancel(NULL, 1), IMS_RELEASE_NULL);
    assert_int_equal(ims_release_registry_job_cancel(open, 0), IMS_RELEASE_NOT_FOUND);
    assert_int_equal(ims_release_registry_job_cancel(open, 256), IMS_RELEASE_ARGUMENT);
    assert_int_equal(ims_release_registry_job_cancel(open, 8), IMS_RELEASE_OK);
    uint64_t next = 77;
    assert_int_equal(ims_release_registry_job_items(NULL, 1, 0, 9, NOW, count_item, &shown, &next), IMS_RELEASE_NULL);
    assert_int_equal(ims_release_registry_job_items(open, 1, 0, 9, NOW, NULL, &shown, &next), IMS_RELEASE_NULL);
    assert_int_equal(ims_release_registry_job_items(open, 1, 0, 9, NOW, count_item, &shown, NULL), IMS_RELEASE_NULL);
    assert_int_equal(ims_release_registry_job_items(open, 1, 0, 0, NOW, count_item, &shown, &next),
                     IMS_RELEASE_ARGUMENT);
    assert_int_equal(ims_release_registry_job_items(open, 256, 0, 9, NOW, count_item, &shown, &next),
                     IMS_RELEASE_ARGUMENT);
    assert_int_equal(ims_release_registry_job_items(open, 0, 0, 9, NOW, count_item, &shown, &next),
                     IMS_RELEASE_NOT_FOUND);
    assert_int_equal(next, 77);
    assert_int_equal(ims_release_registry_job_items(open, 1, 0, 4096, NOW, count_item, &shown, &next), IMS_RELEASE_OK);
    assert_int_equal(next, 0);
    assert_int_equal(shown, 8);
    assert_int_equal(ims_release_registry_job_step(NULL, NOW, never_started, NULL, &running), IMS_RELEASE_NULL);
    assert_int_equal(ims_release_registry_job_step(open, NOW, NULL, NULL, &running), IMS_RELEASE_NULL);
    assert_int_equal(ims_release_registry_job_step(open, NOW, never_started, NULL, NULL), IMS_RELEASE_NULL);
    assert_int_equal(running, 77);
    assert_int_equal(ims_release_registry_job_step(open, NOW + 1, never_started, NULL, &running), IMS_RELEASE_OK);
    assert_int_equal(running, 0);
    ims_release_registry_close(open);
}

/* A struct that is all zero but for its size, and one without a size. */
static void structs_of_zeros(void **state)
{
    (void)state;
    ims_release_fields fields = { 0 };
    ims_release_options options = reason_r();
    struct pair pair;
    assert_int_equal(build(&fields, &options, &pair), IMS_RELEASE_STRUCT_SIZE);
    fields.struct_size = sizeof fields;
    assert_int_equal(build(&fields, &options, &pair), IMS_RELEASE_BAD_SERVES);
    fields = base_a();
    memset(&options, 0, sizeof options);
    assert_int_equal(build(&fields, &options, &pair), IMS_RELEASE_STRUCT_SIZE);
    options.struct_size = sizeof options;
    assert_int_equal(build(&fields, &options, &pair), IMS_RELEASE_BAD_REASON);
    assert_untouched(&pair);
}

/* Texts: NULL with 0 octets is "not given"; NULL with some, or a negative length, names the field. */
static void texts(void **state)
{
    (void)state;
    static const struct {
        int of_options;
        size_t at;
        ims_release_status broken, empty;
    } cases[] = {
        { 0, offsetof(ims_release_fields, call_id), IMS_RELEASE_BAD_CALL_ID, IMS_RELEASE_BAD_CALL_ID },
        { 0, offsetof(ims_release_fields, from), IMS_RELEASE_BAD_FROM, IMS_RELEASE_BAD_FROM },
        { 0, offsetof(ims_release_fields, to), IMS_RELEASE_BAD_TO, IMS_RELEASE_BAD_TO },
        { 0, offsetof(ims_release_fields, calling_contact), IMS_RELEASE_BAD_CALLING_CONTACT, IMS_RELEASE_OK },
        { 0, offsetof(ims_release_fields, called_contact), IMS_RELEASE_BAD_CALLED_CONTACT, IMS_RELEASE_OK },
        { 0, offsetof(ims_release_fields, contact_address), IMS_RELEASE_BAD_CONTACT_ADDRESS, IMS_RELEASE_OK },
        { 0, offsetof(ims_release_fields, calling_session_id), IMS_RELEASE_BAD_SESSION_ID, IMS_RELEASE_OK },
        { 0, offsetof(ims_release_fields, called_session_id), IMS_RELEASE_BAD_SESSION_ID, IMS_RELEASE_OK },
        { 1, offsetof(ims_release_options, text), IMS_RELEASE_BAD_REASON_TEXT, IMS_RELEASE_OK },
        { 1, offsetof(ims_release_options, q850_text), IMS_RELEASE_BAD_REASON_TEXT, IMS_RELEASE_OK },
        { 1, offsetof(ims_release_options, via_sent_by), IMS_RELEASE_BAD_VIA, IMS_RELEASE_OK },
        { 1, offsetof(ims_release_options, via_transport), IMS_RELEASE_BAD_VIA, IMS_RELEASE_OK },
    };
    static const ims_release_str null_zero = { NULL, 0 }, null_some = { NULL, 5 }, null_minus = { NULL, -1 },
                                 minus = { "x", -1 }, lowest = { "x", INT32_MIN }, zero = { "x", 0 };
    const struct {
        const ims_release_str *text;
        int broken;
    } values[] = { { &null_zero, 0 }, { &zero, 0 }, { &null_some, 1 }, { &null_minus, 1 }, { &minus, 1 }, { &lowest, 1 } };
    for (size_t i = 0; i < COUNT(cases); i++) {
        for (size_t k = 0; k < COUNT(values); k++) {
            ims_release_fields fields = base_a();
            ims_release_options options = reason_r();
            struct pair pair;
            char *of = cases[i].of_options ? (char *)&options : (char *)&fields;
            memcpy(of + cases[i].at, values[k].text, sizeof(ims_release_str));
            assert_int_equal(build(&fields, &options, &pair), values[k].broken ? cases[i].broken : cases[i].empty);
        }
    }
}

/* Arrays: NULL with 0 items is empty; NULL with some, or more than the limit, is refused; so are broken items. */
static void arrays(void **state)
{
    (void)state;
    static const struct {
        int of_options;
        size_t array, count;
        uint32_t routes;
        ims_release_status broken, empty;
    } cases[] = {
        { 0, offsetof(ims_release_fields, record_route), offsetof(ims_release_fields, record_route_count),
          IMS_RELEASE_ROUTES_RECORD_ROUTE, IMS_RELEASE_BAD_RECORD_ROUTE, IMS_RELEASE_NO_OWN_ROUTE },
        { 0, offsetof(ims_release_fields, own), offsetof(ims_release_fields, own_count),
          IMS_RELEASE_ROUTES_RECORD_ROUTE, IMS_RELEASE_BAD_OWN, IMS_RELEASE_NO_OWN_ROUTE },
        { 0, offsetof(ims_release_fields, routes_to_called), offsetof(ims_release_fields, routes_to_called_count),
          IMS_RELEASE_ROUTES_APART, IMS_RELEASE_BAD_ROUTE, IMS_RELEASE_NO_OWN_ROUTE },
        { 0, offsetof(ims_release_fields, routes_to_calling), offsetof(ims_release_fields, routes_to_calling_count),
          IMS_RELEASE_ROUTES_APART, IMS_RELEASE_BAD_ROUTE, IMS_RELEASE_NO_OWN_ROUTE },
        { 0, offsetof(ims_release_fields, routes_own), offsetof(ims_release_fields, routes_own_count),
          IMS_RELEASE_ROUTES_APART, IMS_RELEASE_BAD_ROUTE, IMS_RELEASE_NO_OWN_ROUTE },
        { 0, offsetof(ims_release_fields, headers), offsetof(ims_release_fields, header_count),
          IMS_RELEASE_ROUTES_RECORD_ROUTE, IMS_RELEASE_BAD_HEADER, IMS_RELEASE_OK },
        { 1, offsetof(ims_release_options, headers), offsetof(ims_release_options, header_count),
          IMS_RELEASE_ROUTES_RECORD_ROUTE, IMS_RELEASE_BAD_HEADER, IMS_RELEASE_OK },
    };
    /* Three broken texts are also one broken description of an own entry. */
    static const ims_release_str broken[] = { { NULL, 3 }, { "x", -1 }, { NULL, -1 } };
    const void *array = broken;
    for (size_t i = 0; i < COUNT(cases); i++) {
        ims_release_fields fields = base_a();
        ims_release_options options = reason_r();
        struct pair pair;
        char *of = cases[i].of_options ? (char *)&options : (char *)&fields;
        const size_t one = 1, none = 0, minus_one = (size_t)-1;
        const void *null = NULL;
        fields.routes = cases[i].routes;

        memcpy(of + cases[i].array, &null, sizeof null);
        memcpy(of + cases[i].count, &none, sizeof none);
        assert_int_equal(build(&fields, &options, &pair), cases[i].empty);
        memcpy(of + cases[i].count, &one, sizeof one);
        assert_int_equal(build(&fields, &options, &pair), IMS_RELEASE_NULL);
        memcpy(of + cases[i].count, &minus_one, sizeof minus_one);
        assert_int_equal(build(&fields, &options, &pair), IMS_RELEASE_NULL);
        memcpy(of + cases[i].array, &array, sizeof array);
        assert_int_equal(build(&fields, &options, &pair), IMS_RELEASE_TOO_LARGE);
        memcpy(of + cases[i].count, &one, sizeof one);
        assert_int_equal(build(&fields, &options, &pair), cases[i].broken);
        memcpy(of + cases[i].count, &none, sizeof none);
        assert_int_equal(build(&fields, &options, &pair), cases[i].empty);
    }
}

static void numbers_out_of_range(void **state)
{
    (void)state;
    ims_release_options options = reason_r();
    struct pair pair;
    static const int64_t cseqs[] = { -2, INT64_MIN, 4294967296, INT64_MAX };
    for (size_t i = 0; i < COUNT(cseqs); i++) {
        ims_release_fields fields = base_a();
        fields.cseq_to_called = cseqs[i];
        assert_int_equal(build(&fields, &options, &pair), IMS_RELEASE_BAD_CSEQ);
        fields = base_a();
        fields.cseq_to_calling = cseqs[i];
        assert_int_equal(build(&fields, &options, &pair), IMS_RELEASE_BAD_CSEQ);
    }
    ims_release_fields fields = base_a();
    fields.routes = 2;
    assert_int_equal(build(&fields, &options, &pair), IMS_RELEASE_ARGUMENT);
    fields = base_a();
    fields.reserved = 1;
    assert_int_equal(build(&fields, &options, &pair), IMS_RELEASE_ARGUMENT);
    fields = base_a();
    options.form = 2;
    assert_int_equal(build(&fields, &options, &pair), IMS_RELEASE_ARGUMENT);
    options = reason_r();
    options.flags = 2;
    assert_int_equal(build(&fields, &options, &pair), IMS_RELEASE_ARGUMENT);
    options = reason_r();
    options.job = 9;
    assert_int_equal(build(&fields, &options, &pair), IMS_RELEASE_ARGUMENT);
    static const uint32_t causes[] = { 0, 48, 99, 700, 65536 + 503, UINT32_MAX };
    for (size_t i = 0; i < COUNT(causes); i++) {
        options = reason_r();
        options.cause = causes[i];
        assert_int_equal(build(&fields, &options, &pair), IMS_RELEASE_BAD_REASON);
    }
    options = reason_r();
    options.q850_cause = 128;
    assert_int_equal(build(&fields, &options, &pair), IMS_RELEASE_BAD_REASON);
    options.q850_cause = 256 + 31;
    assert_int_equal(build(&fields, &options, &pair), IMS_RELEASE_BAD_REASON);
}

/* T46, T49, T51: line ends, NUL and headers that are not the caller's to write. */
static void injection(void **state)
{
    (void)state;
    static const char *const ends[] = { "\r", "\n", "\r\nRoute: <sip:evil>", "\0" };
    static const struct {
        size_t at;
        const char *before;
        ims_release_status status;
    } cases[] = {
        { offsetof(ims_release_fields, call_id), "a", IMS_RELEASE_BAD_CALL_ID },
        { offsetof(ims_release_fields, from), "\"A\" <sip:a@b>;tag=1", IMS_RELEASE_BAD_FROM },
        { offsetof(ims_release_fields, to), "<sip:a@b>;tag=1", IMS_RELEASE_BAD_TO },
        { offsetof(ims_release_fields, calling_contact), "<sip:a@b>", IMS_RELEASE_BAD_CALLING_CONTACT },
        { offsetof(ims_release_fields, called_contact), "<sip:a@b>", IMS_RELEASE_BAD_CALLED_CONTACT },
        { offsetof(ims_release_fields, contact_address), "sip:a@b", IMS_RELEASE_BAD_CONTACT_ADDRESS },
    };
    struct pair pair;
    for (size_t i = 0; i < COUNT(cases); i++) {
        for (size_t k = 0; k < COUNT(ends); k++) {
            char value[64];
            ims_release_fields fields = base_a();
            ims_release_options options = reason_r();
            size_t len = strlen(cases[i].before), end = ends[k][0] ? strlen(ends[k]) : 1;
            memcpy(value, cases[i].before, len);
            memcpy(value + len, ends[k], end);
            ims_release_str text = { value, (int)(len + end) };
            memcpy((char *)&fields + cases[i].at, &text, sizeof text);
            assert_int_equal(build(&fields, &options, &pair), cases[i].status);
            assert_untouched(&pair);
        }
    }
    static const struct {
        const char *header;
        ims_release_status status;
    } headers[] = {
        { "X: a\r\nRoute: <sip:evil>", IMS_RELEASE_BAD_HEADER },
        { "X", IMS_RELEASE_BAD_HEADER },
        { ": a", IMS_RELEASE_BAD_HEADER },
        { "Contact: <sip:a@b>", IMS_RELEASE_FORBIDDEN_HEADER },
        { "route: <sip:evil>", IMS_RELEASE_FORBIDDEN_HEADER },
        { "P-Served-User: <sip:a@b>", IMS_RELEASE_FORBIDDEN_HEADER },
        { "Content-Length: 5", IMS_RELEASE_FORBIDDEN_HEADER },
        { "l: 5", IMS_RELEASE_FORBIDDEN_HEADER },
    };
    for (size_t i = 0; i < COUNT(headers); i++) {
        ims_release_str header = text_of(headers[i].header);
        ims_release_fields fields = base_a();
        ims_release_options options = reason_r();
        options.headers = &header;
        options.header_count = 1;
        assert_int_equal(build(&fields, &options, &pair), headers[i].status);
        options.header_count = 0;
        fields.headers = &header;
        fields.header_count = 1;
        assert_int_equal(build(&fields, &options, &pair), headers[i].status);
        assert_untouched(&pair);
    }
    ims_release_fields fields = base_a();
    ims_release_options options = reason_r();
    options.text = text_of("a\r\nb");
    assert_int_equal(build(&fields, &options, &pair), IMS_RELEASE_BAD_REASON_TEXT);
    options = reason_r();
    options.via_sent_by = text_of("a\r\nb");
    assert_int_equal(build(&fields, &options, &pair), IMS_RELEASE_BAD_VIA);
}

static void ignore(void *env, const ims_release_entry *entry)
{
    (void)env;
    (void)entry;
}

static void ignore_due(void *env, uint64_t id, uint32_t leg)
{
    (void)env;
    (void)id;
    (void)leg;
}

static void messages(void **state)
{
    (void)state;
    static const ims_release_str null = { NULL, 0 }, null_some = { NULL, 5 }, minus = { "x", -1 };
    const char *broken = "BYE sip:b SIP/2.0\r\nFrom: <sip:a\r\nTo: <sip:b>\r\nCall-ID: c\r\nCSeq: 1 BYE\r\n\r\n";
    size_t offset = 77;
    assert_int_equal(ims_release_message_check(text_of(broken), NULL), IMS_RELEASE_NULL);
    assert_int_equal(ims_release_message_check(null_some, &offset), IMS_RELEASE_ARGUMENT);
    assert_int_equal(ims_release_message_check(minus, &offset), IMS_RELEASE_ARGUMENT);
    assert_int_equal(offset, 77);
    assert_int_equal(ims_release_message_check(text_of(broken), &offset), IMS_RELEASE_MESSAGE_FROM_UNREADABLE);
    assert_int_equal(offset, 19);
    assert_int_equal(ims_release_message_check(null, &offset), IMS_RELEASE_MESSAGE_START_LINE);
    assert_int_equal(offset, 0);
    offset = 77;
    assert_int_equal(ims_release_message_check(text_of(MESSAGE_INVITE("c")), &offset), IMS_RELEASE_OK);
    assert_int_equal(offset, 0);
}

static void addresses(void **state)
{
    (void)state;
    static const ims_release_str null_some = { NULL, 5 }, minus = { "x", -1 }, null = { NULL, 0 };
    ims_release_str uri = text_of("kept"), tag = text_of("kept");
    const char *value = "\"A;tag=x>\" <sip:a@b;tag=uri> ; p=\"<\" ; tag=real ; z";
    assert_int_equal(ims_release_address_parts(text_of(value), NULL, &tag), IMS_RELEASE_NULL);
    assert_int_equal(ims_release_address_parts(text_of(value), &uri, NULL), IMS_RELEASE_NULL);
    assert_int_equal(ims_release_address_parts(null_some, &uri, &tag), IMS_RELEASE_ARGUMENT);
    assert_int_equal(ims_release_address_parts(minus, &uri, &tag), IMS_RELEASE_ARGUMENT);
    assert_int_equal(ims_release_address_parts(null, &uri, &tag), IMS_RELEASE_ARGUMENT);
    assert_int_equal(ims_release_address_parts(text_of("<sip:a"), &uri, &tag), IMS_RELEASE_ARGUMENT);
    assert_text(uri, "kept");
    assert_text(tag, "kept");
    assert_int_equal(ims_release_address_parts(text_of(value), &uri, &tag), IMS_RELEASE_OK);
    assert_text(uri, "sip:a@b;tag=uri");
    assert_text(tag, "real");
    assert_int_equal(ims_release_address_parts(text_of("tel:+1;x=1"), &uri, &tag), IMS_RELEASE_OK);
    assert_text(uri, "tel:+1");
    assert_int_equal(tag.len, 0);
}

static void registry(void **state)
{
    (void)state;
    static const ims_release_str null = { NULL, 0 }, null_some = { NULL, 5 }, minus = { "x", -1 }, x = TEXT("x");
    const ims_release_options options = reason_r();
    ims_release_config config = { .struct_size = sizeof config, .engine = IMS_RELEASE_ENGINE_MEMORY };
    ims_release_registry *open = NULL;
    struct pair *pair = test_calloc(1, sizeof *pair);
    ims_release_bye *called = &pair->called, *calling = &pair->calling;
    char *one = pair->called_buffer, *two = pair->calling_buffer;
    const size_t size = sizeof pair->called_buffer, minus_one = (size_t)-1;
    uint32_t number = 77, other = 77;
    uint64_t big = 77;
    size_t length = 77;
    ims_release_stats stats = { .struct_size = sizeof stats };
    ims_release_resumed resumed = { .struct_size = sizeof resumed, .byes = 77 };
    ims_release_swept swept = { .struct_size = sizeof swept, .visited = 77 };
    called->struct_size = calling->struct_size = sizeof *called;

    assert_int_equal(ims_release_registry_open(NULL, &open), IMS_RELEASE_NULL);
    assert_int_equal(ims_release_registry_open(&config, NULL), IMS_RELEASE_NULL);
    config.struct_size = 0;
    assert_int_equal(ims_release_registry_open(&config, &open), IMS_RELEASE_STRUCT_SIZE);
    config.struct_size = sizeof config;
    config.engine = 0;
    assert_int_equal(ims_release_registry_open(&config, &open), IMS_RELEASE_ARGUMENT);
    config.engine = IMS_RELEASE_ENGINE_SHARED;
    assert_int_equal(ims_release_registry_open(&config, &open), IMS_RELEASE_ARGUMENT); /* no directory */
    config.directory = null_some;
    assert_int_equal(ims_release_registry_open(&config, &open), IMS_RELEASE_ARGUMENT);
    config.directory = minus;
    assert_int_equal(ims_release_registry_open(&config, &open), IMS_RELEASE_ARGUMENT);
    config.directory = null;
    config.engine = IMS_RELEASE_ENGINE_MEMORY;
    config.own_count = 1;
    assert_int_equal(ims_release_registry_open(&config, &open), IMS_RELEASE_NULL);
    config.own_count = minus_one;
    assert_int_equal(ims_release_registry_open(&config, &open), IMS_RELEASE_NULL);
    config.own = base_a_own;
    assert_int_equal(ims_release_registry_open(&config, &open), IMS_RELEASE_TOO_LARGE);
    config.own_count = 1;
    config.policy = 1U << 31;
    assert_int_equal(ims_release_registry_open(&config, &open), IMS_RELEASE_ARGUMENT);
    config.policy = IMS_RELEASE_NO_FLOW | IMS_RELEASE_ALWAYS_FLOW;
    assert_int_equal(ims_release_registry_open(&config, &open), IMS_RELEASE_ARGUMENT);
    config.policy = UINT32_MAX;
    assert_int_equal(ims_release_registry_open(&config, &open), IMS_RELEASE_ARGUMENT);
    config.policy = 0;
    /* A BYE that has waited for the ACK needs its time too. */
    config.deadline_ms = IMS_RELEASE_LONGEST_HOLD_MS + 39999;
    assert_int_equal(ims_release_registry_open(&config, &open), IMS_RELEASE_ARGUMENT);
    config.attempt_ms = UINT32_MAX;
    assert_int_equal(ims_release_registry_open(&config, &open), IMS_RELEASE_ARGUMENT);
    assert_null(open);
    config.attempt_ms = 39999;
    assert_int_equal(ims_release_registry_open(&config, &open), IMS_RELEASE_OK);
    ims_release_registry_close(open);
    config.policy = IMS_RELEASE_NO_HOLD;
    config.deadline_ms = config.attempt_ms = 1;
    assert_int_equal(ims_release_registry_open(&config, &open), IMS_RELEASE_OK);
    ims_release_registry_close(open);
    config.policy = config.deadline_ms = config.attempt_ms = 0;
    assert_int_equal(ims_release_registry_open(&config, &open), IMS_RELEASE_OK);

    assert_int_equal(ims_release_registry_resume(NULL, NOW, &resumed), IMS_RELEASE_NULL);
    assert_int_equal(ims_release_registry_resume(open, NOW, NULL), IMS_RELEASE_NULL);
    for (uint32_t size = 0; size <= 2 * sizeof resumed; size++) {
        resumed.struct_size = size;
        if (size != sizeof resumed)
            assert_int_equal(ims_release_registry_resume(open, NOW, &resumed), IMS_RELEASE_STRUCT_SIZE);
    }
    assert_int_equal(resumed.byes, 77);

    assert_int_equal(ims_release_registry_track(NULL, x, 1, null, null, NOW), IMS_RELEASE_NULL);
    assert_int_equal(ims_release_registry_track(open, null_some, 1, null, null, NOW), IMS_RELEASE_ARGUMENT);
    assert_int_equal(ims_release_registry_track(open, minus, 1, null, null, NOW), IMS_RELEASE_ARGUMENT);
    assert_int_equal(ims_release_registry_track(open, null, 1, null, null, NOW), IMS_RELEASE_MESSAGE_START_LINE);
    assert_int_equal(ims_release_registry_track(open, text_of(MESSAGE_INVITE("c")), 0, null, null, NOW), IMS_RELEASE_BAD_SERVES);
    assert_int_equal(ims_release_registry_track(open, text_of(MESSAGE_200("c")), 1, null, null, NOW),
                     IMS_RELEASE_MESSAGE_NOT_AN_INVITE);

    assert_int_equal(ims_release_registry_track(open, text_of(MESSAGE_INVITE("c")), 1, null_some, null, NOW),
                     IMS_RELEASE_ARGUMENT);
    assert_int_equal(ims_release_registry_track(open, text_of(MESSAGE_INVITE("c")), 1, x, null, NOW), IMS_RELEASE_BAD_USER);

    assert_int_equal(ims_release_registry_track(open, text_of(MESSAGE_INVITE("c")), 1, null, x, NOW), IMS_RELEASE_ARGUMENT);
    assert_int_equal(ims_release_registry_track(open, text_of(MESSAGE_INVITE("c")), 1, null, null_some, NOW),
                     IMS_RELEASE_ARGUMENT);

    assert_int_equal(ims_release_registry_exempt(NULL, x), IMS_RELEASE_NULL);
    assert_int_equal(ims_release_registry_exempt(open, null_some), IMS_RELEASE_ARGUMENT);
    assert_int_equal(ims_release_registry_exempt(open, minus), IMS_RELEASE_ARGUMENT);
    assert_int_equal(ims_release_registry_exempt(open, null), IMS_RELEASE_MESSAGE_START_LINE);
    assert_int_equal(ims_release_registry_exempt(open, text_of(MESSAGE_INVITE("c"))), IMS_RELEASE_NOT_FOUND);

    assert_int_equal(ims_release_registry_observe(NULL, x, null, NOW, &number), IMS_RELEASE_NULL);
    assert_int_equal(ims_release_registry_observe(open, x, null, NOW, NULL), IMS_RELEASE_NULL);
    assert_int_equal(ims_release_registry_observe(open, null_some, null, NOW, &number), IMS_RELEASE_ARGUMENT);
    assert_int_equal(ims_release_registry_observe(open, minus, null, NOW, &number), IMS_RELEASE_ARGUMENT);
    assert_int_equal(ims_release_registry_observe(open, null, null, NOW, &number), IMS_RELEASE_MESSAGE_START_LINE);

    assert_int_equal(ims_release_registry_observe(open, text_of(MESSAGE_200("c")), x, NOW, &number), IMS_RELEASE_ARGUMENT);
    assert_int_equal(ims_release_registry_observe(open, text_of(MESSAGE_200("c")), minus, NOW, &number),
                     IMS_RELEASE_ARGUMENT);

    assert_int_equal(ims_release_registry_find(NULL, 1, x, ignore, NULL), IMS_RELEASE_NULL);
    assert_int_equal(ims_release_registry_find(open, 1, x, NULL, NULL), IMS_RELEASE_NULL);
    assert_int_equal(ims_release_registry_find(open, 1, null_some, ignore, NULL), IMS_RELEASE_ARGUMENT);
    assert_int_equal(ims_release_registry_find(open, 1, minus, ignore, NULL), IMS_RELEASE_ARGUMENT);
    assert_int_equal(ims_release_registry_find(open, 0, x, ignore, NULL), IMS_RELEASE_ARGUMENT);
    assert_int_equal(ims_release_registry_find(open, 5, x, ignore, NULL), IMS_RELEASE_ARGUMENT);
    assert_int_equal(ims_release_registry_find(open, IMS_RELEASE_SELECT_CALL, null, ignore, NULL), IMS_RELEASE_NOT_FOUND);
    assert_int_equal(ims_release_registry_find(open, IMS_RELEASE_SELECT_DIALOG, null, ignore, NULL),
                     IMS_RELEASE_BAD_SELECTOR);
    assert_int_equal(ims_release_registry_find(open, IMS_RELEASE_SELECT_ID, null, ignore, NULL),
                     IMS_RELEASE_BAD_SELECTOR);
    assert_int_equal(ims_release_registry_find(open, IMS_RELEASE_SELECT_MESSAGE, null, ignore, NULL),
                     IMS_RELEASE_MESSAGE_START_LINE);

    assert_int_equal(ims_release_registry_start(NULL, 1, &options, NOW, one, size, two, size, called, calling),
                     IMS_RELEASE_NULL);
    assert_int_equal(ims_release_registry_start(open, 1, NULL, NOW, one, size, two, size, called, calling),
                     IMS_RELEASE_NULL);
    assert_int_equal(ims_release_registry_start(open, 1, &options, NOW, NULL, size, two, size, called, calling),
                     IMS_RELEASE_NULL);
    assert_int_equal(ims_release_registry_start(open, 1, &options, NOW, one, size, NULL, size, called, calling),
                     IMS_RELEASE_NULL);
    assert_int_equal(ims_release_registry_start(open, 1, &options, NOW, one, size, two, size, NULL, calling),
                     IMS_RELEASE_NULL);
    assert_int_equal(ims_release_registry_start(open, 1, &options, NOW, one, size, two, size, called, NULL),
                     IMS_RELEASE_NULL);
    assert_int_equal(ims_release_registry_start(open, 1, &options, NOW, one, minus_one, two, size, called, calling),
                     IMS_RELEASE_ARGUMENT);
    assert_int_equal(ims_release_registry_start(open, 1, &options, NOW, one, size, two, minus_one, called, calling),
                     IMS_RELEASE_ARGUMENT);
    assert_int_equal(ims_release_registry_start(open, 1, &options, NOW, NULL, 0, NULL, 0, called, calling),
                     IMS_RELEASE_NOT_FOUND);
    assert_int_equal(ims_release_registry_start(open, 0, &options, NOW, one, size, two, size, called, calling),
                     IMS_RELEASE_NOT_FOUND);
    assert_untouched(pair);

    assert_int_equal(ims_release_registry_note(NULL, 1, 1, 1, 200, null, NOW), IMS_RELEASE_NULL);
    assert_int_equal(ims_release_registry_note(open, 1, 0, 1, 200, null, NOW), IMS_RELEASE_ARGUMENT);
    assert_int_equal(ims_release_registry_note(open, 1, 3, 1, 200, null, NOW), IMS_RELEASE_ARGUMENT);
    assert_int_equal(ims_release_registry_note(open, 1, 1, 1, 99, null, NOW), IMS_RELEASE_ARGUMENT);
    assert_int_equal(ims_release_registry_note(open, 1, 1, 1, 700, null, NOW), IMS_RELEASE_ARGUMENT);
    assert_int_equal(ims_release_registry_note(open, 1, 1, 1, UINT32_MAX, null, NOW), IMS_RELEASE_ARGUMENT);
    assert_int_equal(ims_release_registry_note(open, 1, 1, 1, 200, null_some, NOW), IMS_RELEASE_ARGUMENT);
    assert_int_equal(ims_release_registry_note(open, 1, 1, 1, 200, minus, NOW), IMS_RELEASE_ARGUMENT);
    assert_int_equal(ims_release_registry_note(open, 1, 1, 1, 200, null, NOW), IMS_RELEASE_OK); /* a late reply */
    assert_int_equal(ims_release_registry_note(open, 1, 1, UINT32_MAX, 0, x, UINT64_MAX), IMS_RELEASE_OK);

    assert_int_equal(ims_release_registry_next(NULL, 1, 1, &options, NOW, one, size, called), IMS_RELEASE_NULL);
    assert_int_equal(ims_release_registry_next(open, 1, 1, NULL, NOW, one, size, called), IMS_RELEASE_NULL);
    assert_int_equal(ims_release_registry_next(open, 1, 1, &options, NOW, NULL, size, called), IMS_RELEASE_NULL);
    assert_int_equal(ims_release_registry_next(open, 1, 1, &options, NOW, one, size, NULL), IMS_RELEASE_NULL);
    assert_int_equal(ims_release_registry_next(open, 1, 1, &options, NOW, one, minus_one, called),
                     IMS_RELEASE_ARGUMENT);
    static const uint32_t no_legs[] = { 0, 3, UINT32_MAX };
    for (size_t i = 0; i < COUNT(no_legs); i++)
        assert_int_equal(ims_release_registry_next(open, 1, no_legs[i], &options, NOW, one, size, called),
                         IMS_RELEASE_ARGUMENT);
    assert_int_equal(ims_release_registry_next(open, 1, 1, &options, NOW, NULL, 0, called), IMS_RELEASE_NOT_FOUND);
    assert_int_equal(ims_release_registry_next(open, 0, 2, &options, NOW, one, size, called), IMS_RELEASE_NOT_FOUND);
    ims_release_options no_cause = options;
    no_cause.cause = 0;
    assert_int_equal(ims_release_registry_next(open, 1, 1, &no_cause, NOW, one, size, called), IMS_RELEASE_BAD_REASON);
    no_cause.struct_size = 4;
    assert_int_equal(ims_release_registry_next(open, 1, 1, &no_cause, NOW, one, size, called),
                     IMS_RELEASE_STRUCT_SIZE);
    called->struct_size = 4;
    assert_int_equal(ims_release_registry_next(open, 1, 1, &options, NOW, one, size, called), IMS_RELEASE_STRUCT_SIZE);
    called->struct_size = sizeof *called;
    assert_untouched(pair);

    assert_int_equal(ims_release_registry_sent_on(NULL, x), IMS_RELEASE_NULL);
    assert_int_equal(ims_release_registry_sent_on(open, null_some), IMS_RELEASE_ARGUMENT);
    assert_int_equal(ims_release_registry_sent_on(open, minus), IMS_RELEASE_ARGUMENT);
    assert_int_equal(ims_release_registry_sent_on(open, null), IMS_RELEASE_OK); /* no matter */
    assert_int_equal(ims_release_registry_sent_on(open, x), IMS_RELEASE_OK);

    assert_int_equal(ims_release_registry_adopt(NULL, 1, 1, x, x, one, size, &length), IMS_RELEASE_NULL);
    assert_int_equal(ims_release_registry_adopt(open, 1, 1, x, x, NULL, size, &length), IMS_RELEASE_NULL);
    assert_int_equal(ims_release_registry_adopt(open, 1, 1, x, x, one, size, NULL), IMS_RELEASE_NULL);
    assert_int_equal(ims_release_registry_adopt(open, 1, 1, x, x, one, minus_one, &length), IMS_RELEASE_ARGUMENT);
    assert_int_equal(ims_release_registry_adopt(open, 1, 0, x, x, one, size, &length), IMS_RELEASE_ARGUMENT);
    assert_int_equal(ims_release_registry_adopt(open, 1, 1, null_some, x, one, size, &length), IMS_RELEASE_ARGUMENT);
    assert_int_equal(ims_release_registry_adopt(open, 1, 1, x, minus, one, size, &length), IMS_RELEASE_ARGUMENT);
    assert_int_equal(ims_release_registry_adopt(open, 1, 1, null, null, NULL, 0, &length), IMS_RELEASE_NOT_FOUND);

    assert_int_equal(ims_release_registry_own_hop(NULL, 1, 1, one, size, &length), IMS_RELEASE_NULL);
    assert_int_equal(ims_release_registry_own_hop(open, 1, 1, NULL, size, &length), IMS_RELEASE_NULL);
    assert_int_equal(ims_release_registry_own_hop(open, 1, 1, one, size, NULL), IMS_RELEASE_NULL);
    assert_int_equal(ims_release_registry_own_hop(open, 1, 1, one, minus_one, &length), IMS_RELEASE_ARGUMENT);
    assert_int_equal(ims_release_registry_own_hop(open, 1, 0, one, size, &length), IMS_RELEASE_ARGUMENT);
    assert_int_equal(ims_release_registry_own_hop(open, 1, 3, one, size, &length), IMS_RELEASE_ARGUMENT);
    assert_int_equal(ims_release_registry_own_hop(open, 1, 1, NULL, 0, &length), IMS_RELEASE_NOT_FOUND);

    ims_release_way_back way_back = { .struct_size = sizeof way_back };
    assert_int_equal(ims_release_registry_way_back(NULL, 1, 1, one, size, &way_back), IMS_RELEASE_NULL);
    assert_int_equal(ims_release_registry_way_back(open, 1, 1, NULL, size, &way_back), IMS_RELEASE_NULL);
    assert_int_equal(ims_release_registry_way_back(open, 1, 1, one, size, NULL), IMS_RELEASE_NULL);
    assert_int_equal(ims_release_registry_way_back(open, 1, 1, one, minus_one, &way_back), IMS_RELEASE_ARGUMENT);
    assert_int_equal(ims_release_registry_way_back(open, 1, 0, one, size, &way_back), IMS_RELEASE_ARGUMENT);
    assert_int_equal(ims_release_registry_way_back(open, 1, 4, one, size, &way_back), IMS_RELEASE_ARGUMENT);
    assert_int_equal(ims_release_registry_way_back(open, 1, 3, NULL, 0, &way_back), IMS_RELEASE_NOT_FOUND);
    way_back.struct_size--;
    assert_int_equal(ims_release_registry_way_back(open, 1, 1, one, size, &way_back), IMS_RELEASE_STRUCT_SIZE);

    assert_int_equal(ims_release_registry_recognise(NULL, x, 1, NOW, &number, &big, &other), IMS_RELEASE_NULL);
    assert_int_equal(ims_release_registry_recognise(open, x, 1, NOW, NULL, &big, &other), IMS_RELEASE_NULL);
    assert_int_equal(ims_release_registry_recognise(open, x, 1, NOW, &number, NULL, &other), IMS_RELEASE_NULL);
    assert_int_equal(ims_release_registry_recognise(open, x, 1, NOW, &number, &big, NULL), IMS_RELEASE_NULL);
    assert_int_equal(ims_release_registry_recognise(open, null_some, 1, NOW, &number, &big, &other),
                     IMS_RELEASE_ARGUMENT);
    assert_int_equal(ims_release_registry_recognise(open, minus, 1, NOW, &number, &big, &other), IMS_RELEASE_ARGUMENT);
    assert_int_equal(ims_release_registry_recognise(open, x, 2, NOW, &number, &big, &other), IMS_RELEASE_ARGUMENT);

    assert_int_equal(ims_release_registry_answered(NULL, 1, 200), IMS_RELEASE_NULL);
    assert_int_equal(ims_release_registry_answered(open, 1, 0), IMS_RELEASE_ARGUMENT);
    assert_int_equal(ims_release_registry_answered(open, 1, 200), IMS_RELEASE_NOT_FOUND);

    assert_int_equal(ims_release_registry_sweep(NULL, NOW, 1, ignore_due, NULL, &swept), IMS_RELEASE_NULL);
    assert_int_equal(ims_release_registry_sweep(open, NOW, 1, ignore_due, NULL, NULL), IMS_RELEASE_NULL);
    assert_int_equal(ims_release_registry_sweep(open, NOW, 0, ignore_due, NULL, &swept), IMS_RELEASE_ARGUMENT);
    for (uint32_t bad = 0; bad <= 2 * sizeof swept; bad++) {
        swept.struct_size = bad;
        if (bad != sizeof swept)
            assert_int_equal(ims_release_registry_sweep(open, NOW, 1, ignore_due, NULL, &swept),
                             IMS_RELEASE_STRUCT_SIZE);
    }
    assert_int_equal(swept.visited, 77);

    assert_int_equal(ims_release_registry_list(NULL, 0, 1, ignore, NULL, &big), IMS_RELEASE_NULL);
    assert_int_equal(ims_release_registry_list(open, 0, 1, NULL, NULL, &big), IMS_RELEASE_NULL);
    assert_int_equal(ims_release_registry_list(open, 0, 1, ignore, NULL, NULL), IMS_RELEASE_NULL);
    assert_int_equal(ims_release_registry_list(open, 0, 0, ignore, NULL, &big), IMS_RELEASE_ARGUMENT);

    assert_int_equal(ims_release_registry_stats(NULL, &stats), IMS_RELEASE_NULL);
    assert_int_equal(ims_release_registry_stats(open, NULL), IMS_RELEASE_NULL);
    stats.struct_size = 0;
    assert_int_equal(ims_release_registry_stats(open, &stats), IMS_RELEASE_STRUCT_SIZE);

    /* No output was touched by any of them. */
    assert_int_equal(number, 77);
    assert_int_equal(other, 77);
    assert_int_equal(big, 77);
    assert_int_equal(length, 77);

    /* Without a callback, and at the end of time. */
    swept.struct_size = sizeof swept;
    resumed.struct_size = sizeof resumed;
    assert_int_equal(ims_release_registry_sweep(open, NOW, UINT32_MAX, NULL, NULL, &swept), IMS_RELEASE_OK);
    assert_int_equal(ims_release_registry_sweep(open, UINT64_MAX, 1, NULL, NULL, &swept), IMS_RELEASE_OK);
    assert_int_equal(ims_release_registry_resume(open, UINT64_MAX, &resumed), IMS_RELEASE_OK);
    assert_int_equal(swept.visited + resumed.releases + resumed.byes + resumed.unconfirmed, 1);
    ims_release_registry_close(open);
    ims_release_registry_close(NULL);
    test_free(pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_arguments), cmocka_unit_test(building),
        cmocka_unit_test(making_a_dialog),   cmocka_unit_test(jobs),
        cmocka_unit_test(structs_of_zeros),
        cmocka_unit_test(texts),             cmocka_unit_test(arrays),
        cmocka_unit_test(numbers_out_of_range), cmocka_unit_test(injection),
        cmocka_unit_test(messages),
        cmocka_unit_test(addresses),          cmocka_unit_test(registry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
