/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Buffers: none, one octet short, exact. Nothing is written past the capacity, and nothing at all when it is short. */
#include "support.h"

#define GUARD 64
#define FILL 0x5a

/* Buffers with guard octets on both sides; on the heap, so that valgrind sees the edges too. */
struct guarded {
    char *memory;
    size_t capacity;
};

static struct guarded guarded(size_t capacity)
{
    struct guarded buffer = { malloc(capacity + 2 * GUARD), capacity };
    assert_non_null(buffer.memory);
    memset(buffer.memory, FILL, capacity + 2 * GUARD);
    return buffer;
}

static void assert_filled(const struct guarded *buffer, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        assert_int_equal(buffer->memory[i], FILL);
}

static void check(const ims_release_fields *fields, const ims_release_options *options, size_t called_capacity,
                  size_t calling_capacity, size_t called_length, size_t calling_length)
{
    struct guarded one = guarded(called_capacity), two = guarded(calling_capacity);
    ims_release_bye called = { .struct_size = sizeof called }, calling = { .struct_size = sizeof calling };
    assert_int_equal(ims_release_build(fields, options, one.memory + GUARD, called_capacity, two.memory + GUARD,
                                       calling_capacity, &called, &calling),
                     IMS_RELEASE_OK);
    judge_pair(fields, &called, &calling);
    const struct {
        const struct guarded *buffer;
        const ims_release_bye *bye;
        size_t length;
    } both[] = { { &one, &called, called_length }, { &two, &calling, calling_length } };
    for (size_t i = 0; i < COUNT(both); i++) {
        const struct guarded *buffer = both[i].buffer;
        assert_int_equal(both[i].bye->length, both[i].length);
        assert_filled(buffer, 0, GUARD);
        if (buffer->capacity < both[i].length) {
            assert_int_equal(both[i].bye->status, IMS_RELEASE_BUFFER_TOO_SMALL);
            assert_null(both[i].bye->message.s);
            assert_filled(buffer, GUARD, buffer->capacity + 2 * GUARD);
        } else {
            assert_int_equal(both[i].bye->status, IMS_RELEASE_OK);
            assert_int_equal(both[i].bye->message.len, both[i].length);
            assert_filled(buffer, GUARD + both[i].length, buffer->capacity + 2 * GUARD);
            assert_memory_equal(buffer->memory + GUARD + both[i].length - 4, "\r\n\r\n", 4);
        }
    }
    free(one.memory);
    free(two.memory);
}

static void sizes(void **state)
{
    (void)state;
    ims_release_fields fields = base_a();
    ims_release_options options = reason_r();
    ims_release_bye called = { .struct_size = sizeof called }, calling = { .struct_size = sizeof calling };
    fields.cseq_to_calling = 7;
    options.via_sent_by = text_of("192.0.2.30:5060");

    assert_int_equal(ims_release_build(&fields, &options, NULL, 0, NULL, 0, &called, &calling), IMS_RELEASE_OK);
    assert_int_equal(called.status, IMS_RELEASE_BUFFER_TOO_SMALL);
    assert_int_equal(calling.status, IMS_RELEASE_BUFFER_TOO_SMALL);
    assert_int_equal(called.delivery, IMS_RELEASE_SERVICE_CONTROL);
    assert_int_equal(called.cseq, 130);
    const size_t one = called.length, two = calling.length;
    assert_in_range(one, 300, 1300);
    assert_in_range(two, 300, 1300);

    check(&fields, &options, one, two, one, two);
    check(&fields, &options, one - 1, two - 1, one, two);
    check(&fields, &options, one, two - 1, one, two);
    check(&fields, &options, one - 1, two, one, two);
    check(&fields, &options, one + 7, two + 7, one, two);
    check(&fields, &options, 0, two, one, two);
    for (size_t capacity = 1; capacity < one; capacity += 13)
        check(&fields, &options, capacity, capacity, one, two);
}

/* The needed length counts what is written in other ways too: escapes, strict routers, session ids, long numbers. */
static void lengths_are_exact(void **state)
{
    (void)state;
    static const ims_release_str strict[] = { TEXT("<sip:p4>,<sip:p3;lr>,<sip:p1;method=INVITE;x=1?Subject=a>"),
                                              TEXT("<sip:mo@scscf1.home1.net;lr;did=7a1.3>") };
    ims_release_fields fields = base_a();
    ims_release_options options = reason_r();
    struct pair pair;
    fields.record_route = strict;
    fields.record_route_count = COUNT(strict);
    fields.called_session_id = text_of("0123456789abcdef0123456789abcdef");
    fields.cseq_to_called = 2147483646;
    fields.cseq_to_calling = 99;
    options.form = IMS_RELEASE_FORM_BARE;
    options.text = text_of("a \"quoted\" \\ text");
    options.q850_cause = 127;
    assert_int_equal(build(&fields, &options, &pair), IMS_RELEASE_OK);
    assert_text(pair.called.request_uri, "sip:p1;x=1");
    check(&fields, &options, pair.called.length, pair.calling.length, pair.called.length, pair.calling.length);
    check(&fields, &options, pair.called.length - 1, pair.calling.length - 1, pair.called.length, pair.calling.length);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(sizes), cmocka_unit_test(lengths_are_exact) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
