/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A call from its messages to its release, through the registry and the memory engine. */
#include "support.h"

/* What the callbacks were told. */
struct told {
    int ended, entries;
    uint32_t outcome, cause, called_code, calling_code, state, roles, called_state;
    uint64_t id, duration_ms;
    int64_t cseq_to_called, cseq_to_calling;
    char call_id[64], from_tag[64], to_tag[64];
    ims_release_registry *registry;
};

static void keep(char *to, ims_release_str text)
{
    assert_in_range(text.len, 0, 63);
    memcpy(to, text.s, (size_t)text.len);
    to[text.len] = '\0';
}

static void found(void *env, const ims_release_entry *entry)
{
    struct told *told = env;
    assert_int_equal(entry->struct_size, sizeof *entry);
    told->entries++;
    told->id = entry->id;
    told->state = entry->state;
    told->roles = entry->roles;
    told->called_state = entry->called_state;
    told->cseq_to_called = entry->cseq_to_called;
    told->cseq_to_calling = entry->cseq_to_calling;
    keep(told->call_id, entry->call_id);
    keep(told->from_tag, entry->from_tag);
    keep(told->to_tag, entry->to_tag);
}

static void ended(void *env, const ims_release_ended *ended)
{
    struct told *told = env;
    ims_release_stats stats = { .struct_size = sizeof stats };
    assert_int_equal(ended->struct_size, sizeof *ended);
    told->ended++;
    told->outcome = ended->outcome;
    told->cause = ended->cause;
    told->called_code = ended->called_code;
    told->calling_code = ended->calling_code;
    told->duration_ms = ended->duration_ms;
    keep(told->call_id, ended->call_id);
    /* The callback may call the library. */
    assert_int_equal(ims_release_registry_stats(told->registry, &stats), IMS_RELEASE_OK);
    assert_int_equal(stats.started, 1);
}

static int set_up(void **state)
{
    struct told *told = test_calloc(1, sizeof *told);
    ims_release_config config = { .struct_size = sizeof config,
                                  .engine = IMS_RELEASE_ENGINE_MEMORY,
                                  .own = base_a_own,
                                  .own_count = 1,
                                  .ended = ended,
                                  .env = told };
    assert_int_equal(ims_release_registry_open(&config, &told->registry), IMS_RELEASE_OK);
    *state = told;
    return 0;
}

static int tear_down(void **state)
{
    struct told *told = *state;
    ims_release_registry_close(told->registry);
    test_free(told);
    return 0;
}

static uint32_t observe(struct told *told, const char *message)
{
    uint32_t seen = UINT32_MAX;
    assert_int_equal(ims_release_registry_observe(told->registry, text_of(message), NOW, &seen), IMS_RELEASE_OK);
    return seen;
}

static void find(struct told *told, uint32_t selector, const char *value)
{
    told->entries = 0;
    assert_int_equal(ims_release_registry_find(told->registry, selector, text_of(value), found, told), IMS_RELEASE_OK);
    assert_int_equal(told->entries, 1);
}

static ims_release_status start(struct told *told, struct pair *pair, size_t capacity)
{
    ims_release_options options = reason_r();
    memset(pair, 0, sizeof *pair);
    pair->called.struct_size = pair->calling.struct_size = sizeof(ims_release_bye);
    ims_release_status status = ims_release_registry_start(told->registry, told->id, &options, NOW, pair->called_buffer,
                                                           capacity, pair->calling_buffer, capacity, &pair->called,
                                                           &pair->calling);
    /* All but the Call-ID is that of base A. */
    ims_release_fields fields = base_a();
    if (status == IMS_RELEASE_OK)
        judge_pair(&fields, &pair->called, &pair->calling);
    return status;
}

static void establish(struct told *told)
{
    assert_int_equal(ims_release_registry_track(told->registry, text_of(MESSAGE_INVITE("c1")),
                                                IMS_RELEASE_SERVES_CALLING, NOW),
                     IMS_RELEASE_OK);
    assert_int_equal(observe(told, MESSAGE_200("c1")), IMS_RELEASE_SEEN_CONFIRMED);
    assert_int_equal(observe(told, MESSAGE_WITHIN("ACK", "127", "c1")), IMS_RELEASE_SEEN_ACKNOWLEDGED);
    assert_int_equal(observe(told, MESSAGE_WITHIN("UPDATE", "129", "c1")), IMS_RELEASE_SEEN_COUNTED);
    find(told, IMS_RELEASE_SELECT_CALL, "c1");
}

static void a_call_is_found_as_it_proceeds(void **state)
{
    struct told *told = *state;
    struct pair pair;
    uint64_t next = 77;
    char id[24];
    assert_int_equal(observe(told, MESSAGE_200("c1")), IMS_RELEASE_SEEN_UNKNOWN);
    assert_int_equal(ims_release_registry_track(told->registry, text_of(MESSAGE_INVITE("c1")),
                                                IMS_RELEASE_SERVES_CALLING, NOW),
                     IMS_RELEASE_OK);
    find(told, IMS_RELEASE_SELECT_CALL, "c1");
    assert_int_equal(told->state, IMS_RELEASE_STATE_EARLY);
    assert_int_equal(told->cseq_to_called, 127);
    assert_int_equal(told->cseq_to_calling, IMS_RELEASE_CSEQ_NONE);
    assert_int_equal(start(told, &pair, sizeof pair.called_buffer), IMS_RELEASE_EARLY);

    assert_int_equal(observe(told, MESSAGE_200("c1")), IMS_RELEASE_SEEN_CONFIRMED);
    find(told, IMS_RELEASE_SELECT_DIALOG, "c1,171828,314159");
    assert_int_equal(told->state, IMS_RELEASE_STATE_CONFIRMED);
    assert_int_equal(start(told, &pair, sizeof pair.called_buffer), IMS_RELEASE_NOT_ACKNOWLEDGED);
    assert_int_equal(observe(told, MESSAGE_WITHIN("ACK", "127", "c1")), IMS_RELEASE_SEEN_ACKNOWLEDGED);
    find(told, IMS_RELEASE_SELECT_MESSAGE, MESSAGE_WITHIN("INFO", "128", "c1"));
    assert_int_equal(told->state, IMS_RELEASE_STATE_ACKNOWLEDGED);
    assert_int_equal(told->roles, 1);
    assert_string_equal(told->call_id, "c1");
    assert_string_equal(told->from_tag, "171828");
    assert_string_equal(told->to_tag, "314159");
    snprintf(id, sizeof id, "%llu", (unsigned long long)told->id);
    find(told, IMS_RELEASE_SELECT_ID, id);

    told->entries = 0;
    assert_int_equal(ims_release_registry_list(told->registry, 0, 1000, found, told, &next), IMS_RELEASE_OK);
    assert_int_equal(told->entries, 1);
    assert_int_equal(next, 0);

    /* A user ends it. */
    assert_int_equal(observe(told, MESSAGE_WITHIN("BYE", "130", "c1")), IMS_RELEASE_SEEN_ENDING);
    assert_int_equal(start(told, &pair, sizeof pair.called_buffer), IMS_RELEASE_ENDING);
    assert_int_equal(observe(told, "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.11;branch=z9hG4bK130\r\nFrom: " SIDE_A
                                   "\r\nTo: " SIDE_B ";tag=314159\r\nCall-ID: c1\r\nCSeq: 130 BYE\r\n\r\n"),
                     IMS_RELEASE_SEEN_ENDED);
    assert_int_equal(ims_release_registry_find(told->registry, IMS_RELEASE_SELECT_CALL, text_of("c1"), found, told),
                     IMS_RELEASE_NOT_FOUND);
    assert_int_equal(told->ended, 0);
}

static void a_release_ends_once(void **state)
{
    struct told *told = *state;
    struct pair pair, again;
    establish(told);

    assert_int_equal(start(told, &pair, 100), IMS_RELEASE_BUFFER_TOO_SMALL);
    assert_int_equal(pair.called_buffer[0], 0);
    assert_in_range(pair.called.length, 300, 1300);
    assert_int_equal(start(told, &pair, sizeof pair.called_buffer), IMS_RELEASE_OK);
    assert_int_equal(pair.called.status, IMS_RELEASE_OK);
    assert_int_equal(pair.called.delivery, IMS_RELEASE_SERVICE_CONTROL);
    assert_int_equal(pair.called.cseq, 130);
    assert_int_equal(pair.calling.delivery, IMS_RELEASE_DIRECT);
    assert_text(pair.called.route, "Route: <sip:mo@scscf1.home1.net;lr;did=7a1.3>, <sip:mt@scscf2.home2.net;lr>, "
                                   "<sip:pcscf2.visited2.net;lr>\r\n");
    assert_text(pair.calling.route, "Route: <sip:pcscf1.visited1.net:7531;lr>\r\n");
    assert_int_equal(start(told, &again, sizeof again.called_buffer), IMS_RELEASE_ALREADY_RELEASING);
    assert_int_equal(again.called.length, 0);
    find(told, IMS_RELEASE_SELECT_CALL, "c1");
    assert_int_equal(told->state, IMS_RELEASE_STATE_RELEASING);
    assert_int_equal(told->called_state, IMS_RELEASE_LEG_WAITING);
    assert_int_equal(told->cseq_to_called, 130);

    assert_int_equal(ims_release_registry_note(told->registry, told->id, IMS_RELEASE_LEG_CALLED, 100, NOW), IMS_RELEASE_OK);
    assert_int_equal(ims_release_registry_note(told->registry, told->id, IMS_RELEASE_LEG_CALLED, 200, NOW), IMS_RELEASE_OK);
    assert_int_equal(ims_release_registry_note(told->registry, told->id, IMS_RELEASE_LEG_CALLED, 481, NOW), IMS_RELEASE_OK);
    assert_int_equal(told->ended, 0);
    assert_int_equal(ims_release_registry_note(told->registry, told->id, IMS_RELEASE_LEG_CALLING, 200, NOW + 1500),
                     IMS_RELEASE_OK);
    assert_int_equal(told->ended, 1);
    assert_int_equal(told->outcome, IMS_RELEASE_COMPLETED);
    assert_int_equal(told->cause, 503);
    assert_int_equal(told->called_code, 200);
    assert_int_equal(told->calling_code, 200);
    assert_int_equal(told->duration_ms, 1500);
    assert_string_equal(told->call_id, "c1");
    assert_int_equal(ims_release_registry_note(told->registry, told->id, IMS_RELEASE_LEG_CALLING, 200, NOW), IMS_RELEASE_OK);
    assert_int_equal(told->ended, 1);
    assert_int_equal(start(told, &again, sizeof again.called_buffer), IMS_RELEASE_NOT_FOUND);
}

static void outcomes(void **state)
{
    static const struct {
        uint32_t called, calling, outcome;
    } cases[] = {
        { 200, 481, IMS_RELEASE_GONE },    { 408, 0, IMS_RELEASE_GONE },      { 403, 200, IMS_RELEASE_PARTIAL },
        { 500, 603, IMS_RELEASE_FAILED },  { 0, 299, IMS_RELEASE_GONE },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pair pair;
        set_up(state);
        struct told *told = *state;
        establish(told);
        assert_int_equal(start(told, &pair, sizeof pair.called_buffer), IMS_RELEASE_OK);
        assert_int_equal(
            ims_release_registry_note(told->registry, told->id, IMS_RELEASE_LEG_CALLING, cases[i].calling, NOW),
            IMS_RELEASE_OK);
        assert_int_equal(
            ims_release_registry_note(told->registry, told->id, IMS_RELEASE_LEG_CALLED, cases[i].called, NOW),
            IMS_RELEASE_OK);
        assert_int_equal(told->ended, 1);
        assert_int_equal(told->outcome, cases[i].outcome);
        assert_int_equal(told->called_code, cases[i].called);
        tear_down(state);
    }
}

static void a_deadline_ends_a_release(void **state)
{
    struct told *told = *state;
    struct pair pair;
    establish(told);
    assert_int_equal(start(told, &pair, sizeof pair.called_buffer), IMS_RELEASE_OK);
    for (int i = 0; i < 3; i++)
        assert_int_equal(ims_release_registry_sweep(told->registry, NOW + 58000, 1000), IMS_RELEASE_OK);
    assert_int_equal(told->ended, 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(ims_release_registry_sweep(told->registry, NOW + 62000, 1000), IMS_RELEASE_OK);
    assert_int_equal(told->ended, 1);
    assert_int_equal(told->outcome, IMS_RELEASE_EXPIRED);
}

/* What a transaction layer prints that takes From apart and adds a header: From and To are those of neither leg. */
#define PRINTED_BEFORE_MARK                                                                                            \
    "BYE sip:x SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.30:5060;branch=z9hG4bKtm.1"
#define PRINTED_BETWEEN "\r\nMax-Forwards: 70\r\nUser-Agent: proxy\r\nt: "
#define PRINTED_AFTER "\r\nCall-ID: c1\r\nCSeq: 130 BYE\r\nContent-Length: 0\r\n\r\n"
#define PRINTED                                                                                                        \
    PRINTED_BEFORE_MARK PRINTED_BETWEEN "<sip:y>;tag=314159\r\nFrom: <<sip:x> ;p=1>\r\n ;tag=171828" PRINTED_AFTER

static void our_bye_is_known_once(void **state)
{
    struct told *told = *state;
    struct pair pair;
    char message[2048], copy[2048];
    size_t length = 0;
    uint32_t pass = 77, answered = 77;
    uint64_t id = 77;
    establish(told);
    assert_int_equal(start(told, &pair, sizeof pair.called_buffer), IMS_RELEASE_OK);

    memset(message, 'x', sizeof message);
    assert_int_equal(ims_release_registry_adopt(told->registry, told->id, IMS_RELEASE_LEG_CALLED, pair.called.message,
                                                text_of(PRINTED), message, 10, &length),
                     IMS_RELEASE_BUFFER_TOO_SMALL);
    assert_int_equal(message[0], 'x');
    const size_t needed = length;
    assert_int_equal(ims_release_registry_adopt(told->registry, told->id, IMS_RELEASE_LEG_CALLED, pair.called.message,
                                                text_of(PRINTED), message, needed - 1, &length),
                     IMS_RELEASE_BUFFER_TOO_SMALL);
    assert_int_equal(ims_release_registry_adopt(told->registry, told->id, IMS_RELEASE_LEG_CALLED, pair.called.message,
                                                text_of(PRINTED), message, needed, &length),
                     IMS_RELEASE_OK);
    assert_int_equal(length, needed);
    assert_int_equal(message[length], 'x');
    message[length] = '\0';
    static const char before[] = PRINTED_BEFORE_MARK ";ims-release=",
                      after[] = PRINTED_BETWEEN SIDE_B ";tag=314159\r\nFrom: " SIDE_A PRINTED_AFTER;
    assert_memory_equal(message, before, sizeof before - 1);
    assert_string_equal(message + sizeof before - 1 + 32, after);

    const ims_release_fields fields = base_a();
    const ims_release_str bye = { message, (int)length };
    judge(bye, fields.from, fields.to, 130);
    assert_int_equal(ims_release_registry_recognise(told->registry, bye, 0, &pass, &id, &answered), IMS_RELEASE_OK);
    assert_int_equal(pass, IMS_RELEASE_PASS_NOT_OURS); /* from a user agent */
    assert_int_equal(id, 0);
    /* A forged mark. */
    memcpy(copy, message, length + 1);
    char *mark = strstr(copy, ";ims-release=") + 13;
    mark[20] = mark[20] == '0' ? '1' : '0';
    const ims_release_str forged = { copy, (int)length };
    assert_int_equal(ims_release_registry_recognise(told->registry, forged, 1, &pass, &id, &answered), IMS_RELEASE_OK);
    assert_int_equal(pass, IMS_RELEASE_PASS_NOT_OURS);

    assert_int_equal(ims_release_registry_recognise(told->registry, bye, 1, &pass, &id, &answered), IMS_RELEASE_OK);
    assert_int_equal(pass, IMS_RELEASE_PASS_FIRST);
    assert_int_equal(id, told->id);
    assert_int_equal(ims_release_registry_recognise(told->registry, bye, 1, &pass, &id, &answered), IMS_RELEASE_OK);
    assert_int_equal(pass, IMS_RELEASE_PASS_AGAIN);
    assert_int_equal(answered, 0);
    assert_int_equal(ims_release_registry_answered(told->registry, told->id, 403), IMS_RELEASE_OK);
    assert_int_equal(ims_release_registry_recognise(told->registry, bye, 1, &pass, &id, &answered), IMS_RELEASE_OK);
    assert_int_equal(pass, IMS_RELEASE_PASS_AGAIN);
    assert_int_equal(id, told->id);
    assert_int_equal(answered, 403);

    /* The direct leg carries no mark. */
    assert_int_equal(ims_release_registry_adopt(told->registry, told->id, IMS_RELEASE_LEG_CALLING, pair.calling.message,
                                                text_of(PRINTED), message, sizeof message - 1, &length),
                     IMS_RELEASE_OK);
    message[length] = '\0';
    judge(text_of(message), fields.to, fields.from, 130);
    assert_string_equal(message, PRINTED_BEFORE_MARK PRINTED_BETWEEN SIDE_A "\r\nFrom: " SIDE_B
                                 ";tag=314159" PRINTED_AFTER);

    static const char *const incomplete[] = {
        "",
        "BYE sip:x SIP/2.0\r\n\r\n",
        "BYE sip:x SIP/2.0\r\nFrom: x\r\nTo: x\r\n\r\n",
        "BYE sip:x SIP/2.0\r\nVia: x\r\nTo: x\r\n\r\n",
        "BYE sip:x SIP/2.0\r\nVia: x\r\nFrom: x\r\n\r\n",
        "BYE sip:x SIP/2.0\r\nVia: x\r\nFrom: x\r\nTo: x\r\n",
    };
    for (size_t i = 0; i < COUNT(incomplete); i++)
        assert_int_equal(ims_release_registry_adopt(told->registry, told->id, IMS_RELEASE_LEG_CALLING,
                                                    pair.calling.message, text_of(incomplete[i]), message,
                                                    sizeof message, &length),
                         IMS_RELEASE_MESSAGE_INCOMPLETE);
    assert_int_equal(ims_release_registry_adopt(told->registry, told->id, IMS_RELEASE_LEG_CALLING, text_of("x"),
                                                text_of(PRINTED), message, sizeof message, &length),
                     IMS_RELEASE_MESSAGE_INCOMPLETE);
    assert_int_equal(ims_release_registry_note(told->registry, told->id, IMS_RELEASE_LEG_CALLING, 200, NOW),
                     IMS_RELEASE_OK);
    assert_int_equal(ims_release_registry_adopt(told->registry, told->id, IMS_RELEASE_LEG_CALLING, pair.calling.message,
                                                text_of(PRINTED), message, sizeof message, &length),
                     IMS_RELEASE_NOT_RELEASING);
}

#define MO "sip:mo@scscf1.home1.net;lr;did=7a1.3"

static void a_direct_bye_leaves_where_its_user_is(void **state)
{
    struct told *told = *state;
    char hop[64];
    size_t length = 77;
    assert_int_equal(ims_release_registry_track(told->registry, text_of(MESSAGE_INVITE("c1")),
                                                IMS_RELEASE_SERVES_CALLING, NOW),
                     IMS_RELEASE_OK);
    find(told, IMS_RELEASE_SELECT_CALL, "c1");
    assert_int_equal(
        ims_release_registry_own_hop(told->registry, told->id, IMS_RELEASE_LEG_CALLING, hop, sizeof hop, &length),
        IMS_RELEASE_NO_OWN_ROUTE);
    assert_int_equal(length, 77);
    establish(told);

    memset(hop, 'x', sizeof hop);
    assert_int_equal(ims_release_registry_own_hop(told->registry, told->id, IMS_RELEASE_LEG_CALLING, hop,
                                                  sizeof MO - 2, &length),
                     IMS_RELEASE_BUFFER_TOO_SMALL);
    assert_int_equal(length, sizeof MO - 1);
    assert_int_equal(hop[0], 'x');
    for (uint32_t leg = IMS_RELEASE_LEG_CALLED; leg <= IMS_RELEASE_LEG_CALLING; leg++) {
        assert_int_equal(ims_release_registry_own_hop(told->registry, told->id, leg, hop, sizeof MO - 1, &length),
                         IMS_RELEASE_OK);
        assert_int_equal(length, sizeof MO - 1);
        assert_memory_equal(hop, MO "x", sizeof MO);
    }
    assert_int_equal(
        ims_release_registry_own_hop(told->registry, told->id + 1, IMS_RELEASE_LEG_CALLING, hop, sizeof hop, &length),
        IMS_RELEASE_NOT_FOUND);
}

static void messages_that_are_refused_have_a_number(void **state)
{
    struct told *told = *state;
    uint32_t seen;
    static const struct {
        const char *message;
        ims_release_status status;
    } cases[] = {
        { "", IMS_RELEASE_MESSAGE_START_LINE },
        { "INVITE sip:b SIP/2.0\r\nFrom <sip:a>\r\n\r\n", IMS_RELEASE_MESSAGE_HEADER_LINE },
        { "INVITE sip:b SIP/2.0\r\nFrom: <sip:a>;tag=1\r\nTo: <sip:b>\r\nCSeq: 1 INVITE\r\n\r\n",
          IMS_RELEASE_MESSAGE_CALL_ID_MISSING },
        { "INVITE sip:b SIP/2.0\r\nFrom: <sip:a>;tag=1\r\nTo: <sip:b>\r\nCSeq: 1 INVITE\r\nCall-ID: a\r\ni: b\r\n\r\n",
          IMS_RELEASE_MESSAGE_CALL_ID_DOUBLED },
        { "INVITE sip:b SIP/2.0\r\nFrom: <sip:a>;tag=1\r\nTo: <sip:b>\r\nCSeq: 1 invite\r\nCall-ID: a\r\n\r\n",
          IMS_RELEASE_MESSAGE_METHOD },
        { "INVITE sip:b SIP/2.0\r\nFrom: <sip:a>;tag=1\r\nTo: <sip:b\r\nCSeq: 1 INVITE\r\nCall-ID: a\r\n\r\n",
          IMS_RELEASE_MESSAGE_TO_UNREADABLE },
        { "INVITE sip:b SIP/2.0\r\nFrom: <sip:a>;tag=1\r\nTo: <sip:b>\r\nCSeq: 4294967296 INVITE\r\nCall-ID: a\r\n\r\n",
          IMS_RELEASE_MESSAGE_CSEQ_UNREADABLE },
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(
            ims_release_registry_observe(told->registry, text_of(cases[i].message), NOW, &seen), cases[i].status);
    ims_release_stats stats = { .struct_size = sizeof stats };
    assert_int_equal(ims_release_registry_stats(told->registry, &stats), IMS_RELEASE_OK);
    assert_int_equal(stats.refused_messages, COUNT(cases));
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(a_call_is_found_as_it_proceeds), CASE(a_release_ends_once), cmocka_unit_test(outcomes),
        CASE(a_deadline_ends_a_release),      CASE(our_bye_is_known_once),
        CASE(a_direct_bye_leaves_where_its_user_is),
        CASE(messages_that_are_refused_have_a_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
