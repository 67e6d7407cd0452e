/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A call from its messages to its release, through the registry and the memory engine. */
#include "support.h"

/* What the callbacks were told. */
struct told {
    int ended, entries;
    uint32_t outcome, cause, called_code, calling_code, called_attempts, calling_attempts, state, roles, called_state,
        calling_state, invite_cseq, unconfirmed, by, job, exempt, job_by, asks;
    uint64_t job_exempt;
    uint64_t id, duration_ms, called_duration_ms, calling_duration_ms;
    int64_t cseq_to_called, cseq_to_calling;
    struct {
        uint64_t id;
        uint32_t leg;
    } due[4];
    size_t dues;
    char call_id[64], from_tag[64], to_tag[64], calling_user[64], text[64];
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
    told->calling_state = entry->calling_state;
    told->called_attempts = entry->called_attempts;
    told->calling_attempts = entry->calling_attempts;
    told->invite_cseq = entry->invite_cseq;
    told->outcome = entry->outcome;
    told->unconfirmed = entry->unconfirmed;
    told->cseq_to_called = entry->cseq_to_called;
    told->cseq_to_calling = entry->cseq_to_calling;
    told->by = entry->by;
    told->job = entry->job;
    told->exempt = entry->exempt;
    keep(told->calling_user, entry->calling_user);
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
    told->called_attempts = ended->called_attempts;
    told->calling_attempts = ended->calling_attempts;
    told->duration_ms = ended->duration_ms;
    told->called_duration_ms = ended->called_duration_ms;
    told->calling_duration_ms = ended->calling_duration_ms;
    told->by = ended->by;
    told->job = ended->job;
    keep(told->text, ended->text);
    keep(told->call_id, ended->call_id);
    /* The callback may call the library. */
    assert_int_equal(ims_release_registry_stats(told->registry, &stats), IMS_RELEASE_OK);
    assert_int_equal(stats.started, 1);
}

static void due(void *env, uint64_t id, uint32_t leg)
{
    struct told *told = env;
    assert_in_range(told->dues, 0, COUNT(told->due) - 1);
    told->due[told->dues].id = id;
    told->due[told->dues++].leg = leg;
}

static void set_up_with(void **state, uint32_t policy)
{
    struct told *told = test_calloc(1, sizeof *told);
    ims_release_config config = { .struct_size = sizeof config,
                                  .engine = IMS_RELEASE_ENGINE_MEMORY,
                                  .own = base_a_own,
                                  .own_count = 1,
                                  .ended = ended,
                                  .env = told,
                                  .policy = policy };
    assert_int_equal(ims_release_registry_open(&config, &told->registry), IMS_RELEASE_OK);
    *state = told;
}

static int set_up(void **state)
{
    set_up_with(state, 0);
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
    assert_int_equal(ims_release_registry_observe(told->registry, text_of(message), text_of(""), NOW, &seen), IMS_RELEASE_OK);
    return seen;
}

static void note(struct told *told, uint32_t leg, uint32_t cseq, uint32_t code, const char *reply, uint64_t now_ms)
{
    assert_int_equal(ims_release_registry_note(told->registry, told->id, leg, cseq, code, text_of(reply), now_ms),
                     IMS_RELEASE_OK);
}

/* A whole round, as the host's timer makes in steps. */
static ims_release_swept sweep(struct told *told, uint64_t now_ms)
{
    ims_release_swept swept = { .struct_size = sizeof swept };
    uint64_t ended = 0, dropped = 0;
    told->dues = 0;
    do {
        assert_int_equal(ims_release_registry_sweep(told->registry, now_ms, 2, due, told, &swept), IMS_RELEASE_OK);
        ended += swept.ended;
        dropped += swept.dropped;
    } while (!swept.finished);
    swept.due = told->dues;
    swept.ended = ended;
    swept.dropped = dropped;
    return swept;
}

static ims_release_stats stats(struct told *told)
{
    ims_release_stats stats = { .struct_size = sizeof stats };
    assert_int_equal(ims_release_registry_stats(told->registry, &stats), IMS_RELEASE_OK);
    return stats;
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
    options.by = told->asks;
    memset(pair, 0, sizeof *pair);
    pair->called.struct_size = pair->calling.struct_size = sizeof(ims_release_bye);
    ims_release_status status = ims_release_registry_start(told->registry, told->id, &options, NOW, pair->called_buffer,
                                                           capacity, pair->calling_buffer, capacity, &pair->called,
                                                           &pair->calling);
    /* All but the Call-ID is that of base A, and how far the call is. */
    ims_release_fields fields = base_a();
    fields.cseq_to_called = told->cseq_to_called;
    if (status == IMS_RELEASE_OK)
        judge_pair(&fields, &pair->called, &pair->calling);
    return status;
}

/* A BYE that is due, as told->called or calling of the pair; `cseq` is what it must have. */
static ims_release_status next(struct told *told, uint32_t leg, uint64_t now_ms, size_t capacity, int64_t cseq,
                               struct pair *pair)
{
    /* The Reason is that of the start whatever is asked for here. */
    ims_release_options options = { .struct_size = sizeof options, .cause = 486, .text = TEXT("no") };
    const int to_called = leg == IMS_RELEASE_LEG_CALLED;
    const ims_release_fields fields = base_a();
    memset(pair, 0, sizeof *pair);
    pair->called.struct_size = pair->calling.struct_size = sizeof(ims_release_bye);
    ims_release_bye *bye = to_called ? &pair->called : &pair->calling;
    ims_release_status status =
        ims_release_registry_next(told->registry, told->id, leg, &options, now_ms,
                                  to_called ? pair->called_buffer : pair->calling_buffer, capacity, bye);
    if (status == IMS_RELEASE_OK) {
        static const char reason[] = "Reason: SIP;cause=503;text=\"Service Unavailable\"\r\n";
        assert_int_equal(bye->status, IMS_RELEASE_OK);
        assert_int_equal(bye->cseq, cseq);
        judge(bye->message, to_called ? fields.from : fields.to, to_called ? fields.to : fields.from, cseq);
        /* The buffer was zeroed, and is larger than any message. */
        assert_non_null(strstr(bye->message.s, reason));
    }
    return status;
}

static void answer(struct told *told)
{
    assert_int_equal(ims_release_registry_track(told->registry, text_of(MESSAGE_INVITE("c1")),
                                                IMS_RELEASE_SERVES_CALLING, text_of(""), text_of(""), NOW),
                     IMS_RELEASE_OK);
    assert_int_equal(observe(told, MESSAGE_200("c1")), IMS_RELEASE_SEEN_CONFIRMED);
    find(told, IMS_RELEASE_SELECT_CALL, "c1");
}

static void establish(struct told *told)
{
    answer(told);
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
                                                IMS_RELEASE_SERVES_CALLING, text_of(""), text_of(""), NOW),
                     IMS_RELEASE_OK);
    find(told, IMS_RELEASE_SELECT_CALL, "c1");
    assert_int_equal(told->state, IMS_RELEASE_STATE_EARLY);
    assert_int_equal(told->cseq_to_called, 127);
    assert_int_equal(told->cseq_to_calling, IMS_RELEASE_CSEQ_NONE);
    assert_int_equal(start(told, &pair, sizeof pair.called_buffer), IMS_RELEASE_EARLY);

    assert_int_equal(observe(told, MESSAGE_200("c1")), IMS_RELEASE_SEEN_CONFIRMED);
    find(told, IMS_RELEASE_SELECT_DIALOG, "c1,171828,314159");
    assert_int_equal(told->state, IMS_RELEASE_STATE_CONFIRMED);
    assert_int_equal(observe(told, MESSAGE_WITHIN("ACK", "127", "c1")), IMS_RELEASE_SEEN_ACKNOWLEDGED);
    find(told, IMS_RELEASE_SELECT_MESSAGE, MESSAGE_WITHIN("INFO", "128", "c1"));
    assert_int_equal(told->state, IMS_RELEASE_STATE_ACKNOWLEDGED);
    assert_int_equal(told->roles, 1);
    assert_int_equal(told->invite_cseq, 127);
    assert_string_equal(told->call_id, "c1");
    assert_string_equal(told->from_tag, "171828");
    assert_string_equal(told->to_tag, "314159");
    snprintf(id, sizeof id, "%llu", (unsigned long long)told->id);
    find(told, IMS_RELEASE_SELECT_ID, id);

    told->entries = 0;
    assert_int_equal(ims_release_registry_list(told->registry, 0, 1000, found, told, &next), IMS_RELEASE_OK);
    assert_int_equal(told->entries, 1);
    assert_int_equal(next, 0);

    /* A user would have it that it does; then it ends it. */
    assert_int_equal(observe(told, MESSAGE_TO("sip:a", "BYE", "129", "c1")), IMS_RELEASE_SEEN_MISDIRECTED);
    ims_release_stats stats = { .struct_size = sizeof stats };
    assert_int_equal(ims_release_registry_stats(told->registry, &stats), IMS_RELEASE_OK);
    assert_int_equal(stats.misdirected, 1);
    assert_int_equal(observe(told, MESSAGE_WITHIN("BYE", "130", "c1")), IMS_RELEASE_SEEN_ENDING);
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

    note(told, IMS_RELEASE_LEG_CALLED, 130, 100, "", NOW);
    note(told, IMS_RELEASE_LEG_CALLED, 129, 481, "", NOW); /* to another request */
    note(told, IMS_RELEASE_LEG_CALLED, 130, 200, "", NOW + 300);
    note(told, IMS_RELEASE_LEG_CALLED, 130, 481, "", NOW + 400);
    assert_int_equal(told->ended, 0);
    note(told, IMS_RELEASE_LEG_CALLING, pair.calling.cseq, 200, "", NOW + 1503);
    assert_int_equal(told->ended, 1);
    assert_int_equal(told->outcome, IMS_RELEASE_COMPLETED);
    assert_int_equal(told->cause, 503);
    assert_int_equal(told->called_code, 200);
    assert_int_equal(told->calling_code, 200);
    assert_int_equal(told->called_attempts, 1);
    assert_int_equal(told->calling_attempts, 1);
    assert_int_equal(told->duration_ms, 1503);
    assert_int_equal(told->called_duration_ms, 300);
    assert_int_equal(told->calling_duration_ms, 1503); /* no longer than the whole */
    assert_string_equal(told->call_id, "c1");
    note(told, IMS_RELEASE_LEG_CALLING, pair.calling.cseq, 200, "", NOW + 1600);
    assert_int_equal(told->ended, 1);
}

/* A user's own BYE that was there first holds both of ours, and its answer settles the release. */
static void a_bye_of_a_user_comes_first(void **state)
{
    struct told *told = *state;
    struct pair pair;
    establish(told);
    const uint32_t cseq = (uint32_t)told->cseq_to_called + 1;
    char bye[512], answer[512], number[16];
    snprintf(number, sizeof number, "%u", cseq);
    snprintf(bye, sizeof bye,
             "BYE " CALLED_TARGET " SIP/2.0\r\n" CALLED_ROUTE "Via: SIP/2.0/UDP 192.0.2.11;branch=z9hG4bK%s\r\nFrom: " SIDE_A
             "\r\nTo: " SIDE_B
             ";tag=314159\r\nCall-ID: c1\r\nCSeq: %s BYE\r\n\r\n",
             number, number);
    snprintf(answer, sizeof answer, "SIP/2.0 200 OK\r\n%s", strstr(bye, "Via: "));
    assert_int_equal(observe(told, bye), IMS_RELEASE_SEEN_ENDING);
    assert_int_equal(start(told, &pair, sizeof pair.called_buffer), IMS_RELEASE_OK);
    assert_int_equal(pair.called.status, IMS_RELEASE_HELD);
    assert_int_equal(pair.calling.status, IMS_RELEASE_HELD);
    assert_int_equal(pair.called.length, 0);
    assert_int_equal(sweep(told, NOW + 32900).due, 0);
    assert_int_equal(observe(told, answer), IMS_RELEASE_SEEN_RELEASING);
    assert_int_equal(told->ended, 0); /* not from within that */
    assert_int_equal(sweep(told, NOW + 32900).ended, 1);
    assert_int_equal(told->ended, 1);
    assert_int_equal(told->outcome, IMS_RELEASE_COMPLETED);
    assert_int_equal(told->called_code, 200);
    assert_int_equal(told->calling_code, 200);
    assert_int_equal(told->called_attempts, 0);
    assert_int_equal(told->calling_attempts, 0);
}

/* An ended release stays known for what comes late: nobody lists it, nobody starts another one. */
static void what_was_released_lingers(void **state)
{
    struct told *told = *state;
    struct pair pair, again;
    uint64_t next = 77;
    assert_int_equal(sweep(told, NOW).active, 0);
    establish(told);
    assert_int_equal(sweep(told, NOW).active, 0);
    assert_int_equal(start(told, &pair, sizeof pair.called_buffer), IMS_RELEASE_OK);
    assert_int_equal(sweep(told, NOW).active, 1);
    note(told, IMS_RELEASE_LEG_CALLED, 130, 200, "", NOW);
    note(told, IMS_RELEASE_LEG_CALLING, pair.calling.cseq, 481, "", NOW + 1500);
    assert_int_equal(told->ended, 1);

    assert_int_equal(start(told, &again, sizeof again.called_buffer), IMS_RELEASE_RELEASED);
    assert_int_equal(again.called.length, 0);
    find(told, IMS_RELEASE_SELECT_CALL, "c1");
    assert_int_equal(told->state, IMS_RELEASE_STATE_RELEASED);
    assert_int_equal(told->outcome, IMS_RELEASE_GONE);
    assert_int_equal(told->unconfirmed, 0);
    assert_int_equal(told->called_state, IMS_RELEASE_LEG_DONE);
    assert_int_equal(told->calling_state, IMS_RELEASE_LEG_GONE);
    told->entries = 0;
    assert_int_equal(ims_release_registry_list(told->registry, 0, 1000, found, told, &next), IMS_RELEASE_OK);
    assert_int_equal(told->entries, 0);

    /* Its INVITE is forgotten 64*T1 after the 2xx. */
    assert_int_equal(sweep(told, NOW + 1500 + 31990).dropped, 1);
    find(told, IMS_RELEASE_SELECT_CALL, "c1");
    assert_int_equal(sweep(told, NOW + 1500 + 32010).dropped, 1);
    assert_int_equal(ims_release_registry_find(told->registry, IMS_RELEASE_SELECT_CALL, text_of("c1"), found, told),
                     IMS_RELEASE_NOT_FOUND);
    assert_int_equal(start(told, &again, sizeof again.called_buffer), IMS_RELEASE_NOT_FOUND);
    /* It might have lasted until its deadline, and lingered from there. */
    assert_int_equal(sweep(told, NOW + 120000 + 32000 + 2000).active, 0);
    assert_int_equal(stats(told).records, 0);
}

static void a_bye_to_the_calling_user_waits_for_the_ack(void **state)
{
    for (int acknowledged = 0; acknowledged < 2; acknowledged++) {
        struct pair pair;
        set_up(state);
        struct told *told = *state;
        answer(told);
        assert_int_equal(start(told, &pair, sizeof pair.called_buffer), IMS_RELEASE_OK);
        assert_int_equal(pair.called.status, IMS_RELEASE_OK);
        assert_int_equal(pair.called.cseq, 128);
        assert_int_equal(pair.calling.status, IMS_RELEASE_HELD);
        assert_int_equal(pair.calling.length, 0);
        assert_int_equal(pair.calling.message.len, 0);
        find(told, IMS_RELEASE_SELECT_CALL, "c1");
        assert_int_equal(told->called_state, IMS_RELEASE_LEG_WAITING);
        assert_int_equal(told->calling_state, IMS_RELEASE_LEG_IDLE);
        note(told, IMS_RELEASE_LEG_CALLED, 128, 200, "", NOW + 100);
        note(told, IMS_RELEASE_LEG_CALLING, 0, 200, "", NOW + 100); /* there is no such BYE */

        /* The 2xx is sent again for 64*T1 (RFC 3261 13.3.1.4); it was stored to the second. */
        const uint64_t then = NOW + (acknowledged ? 5000 : 33000);
        assert_int_equal(sweep(told, then - 10).due, 0);
        assert_int_equal(next(told, IMS_RELEASE_LEG_CALLING, then - 10, sizeof pair.calling_buffer, 0, &pair),
                         IMS_RELEASE_NOT_RELEASING);
        if (acknowledged)
            assert_int_equal(observe(told, MESSAGE_WITHIN("ACK", "127", "c1")), IMS_RELEASE_SEEN_ACKNOWLEDGED);
        for (int round = 0; round < 2; round++) {
            assert_int_equal(sweep(told, then).due, 1);
            assert_int_equal(told->due[0].id, told->id);
            assert_int_equal(told->due[0].leg, IMS_RELEASE_LEG_CALLING);
        }

        /* Too small, and still due. */
        assert_int_equal(next(told, IMS_RELEASE_LEG_CALLING, then, 100, 0, &pair), IMS_RELEASE_BUFFER_TOO_SMALL);
        assert_int_equal(pair.calling.status, IMS_RELEASE_BUFFER_TOO_SMALL);
        assert_int_equal(pair.calling_buffer[0], 0);
        assert_in_range(pair.calling.length, 300, 1300);
        find(told, IMS_RELEASE_SELECT_CALL, "c1");
        assert_int_equal(told->cseq_to_calling, IMS_RELEASE_CSEQ_NONE);

        /* Its first number is drawn: any will do. */
        ims_release_options options = { .struct_size = sizeof options, .cause = 486 };
        assert_int_equal(ims_release_registry_next(told->registry, told->id, IMS_RELEASE_LEG_CALLING, &options, then,
                                                   pair.calling_buffer, sizeof pair.calling_buffer, &pair.calling),
                         IMS_RELEASE_OK);
        const ims_release_fields fields = base_a();
        judge(pair.calling.message, fields.to, fields.from, pair.calling.cseq);
        assert_int_equal(pair.calling.delivery, IMS_RELEASE_DIRECT);
        assert_text(pair.calling.route, "Route: <sip:pcscf1.visited1.net:7531;lr>\r\n");
        const uint32_t cseq = pair.calling.cseq;
        assert_int_equal(sweep(told, then).due, 0);
        assert_int_equal(next(told, IMS_RELEASE_LEG_CALLING, then, sizeof pair.calling_buffer, 0, &pair),
                         IMS_RELEASE_NOT_RELEASING);
        note(told, IMS_RELEASE_LEG_CALLING, cseq, 200, "", then + 100);
        assert_int_equal(told->ended, 1);
        assert_int_equal(told->outcome, IMS_RELEASE_COMPLETED);
        assert_int_equal(told->called_duration_ms, 100);
        assert_int_equal(told->calling_duration_ms, then + 100 - NOW);
        tear_down(state);
    }
}

static void policies(void **state)
{
    struct pair pair;
    uint32_t pass, answered;
    uint64_t id;
    set_up_with(state, IMS_RELEASE_NO_RETRY + IMS_RELEASE_NO_BYPASS + IMS_RELEASE_NO_HOLD + IMS_RELEASE_NO_REFUSAL
                           + IMS_RELEASE_NO_BYE_CHECK);
    struct told *told = *state;
    answer(told);
    assert_int_equal(start(told, &pair, sizeof pair.called_buffer), IMS_RELEASE_NOT_ACKNOWLEDGED);
    assert_int_equal(observe(told, MESSAGE_TO("sip:a", "UPDATE", "127", "c1")), IMS_RELEASE_SEEN_COUNTED);
    assert_int_equal(observe(told, MESSAGE_WITHIN("ACK", "127", "c1")), IMS_RELEASE_SEEN_ACKNOWLEDGED);
    assert_int_equal(start(told, &pair, sizeof pair.called_buffer), IMS_RELEASE_OK);
    assert_int_equal(ims_release_registry_recognise(told->registry, text_of(MESSAGE_WITHIN("UPDATE", "128", "c1")), 0,
                                                    NOW, &pass, &id, &answered),
                     IMS_RELEASE_OK);
    assert_int_equal(pass, IMS_RELEASE_PASS_NOT_OURS);
    note(told, IMS_RELEASE_LEG_CALLED, 128, 408, "", NOW);
    note(told, IMS_RELEASE_LEG_CALLING, pair.calling.cseq, 500, "", NOW);
    assert_int_equal(told->ended, 1);
    assert_int_equal(told->outcome, IMS_RELEASE_FAILED);
    tear_down(state);
}

static void outcomes(void **state)
{
    static const struct {
        uint32_t called, calling, outcome;
    } cases[] = {
        { 200, 481, IMS_RELEASE_GONE },   { 299, 408, IMS_RELEASE_GONE },    { 403, 200, IMS_RELEASE_PARTIAL },
        { 403, 603, IMS_RELEASE_FAILED }, { 200, 0, IMS_RELEASE_GONE },
        /* A 481 of the own service control tells nothing about the far user. */
        { 481, 200, IMS_RELEASE_PARTIAL },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pair pair;
        set_up(state);
        struct told *told = *state;
        establish(told);
        assert_int_equal(start(told, &pair, sizeof pair.called_buffer), IMS_RELEASE_OK);
        note(told, IMS_RELEASE_LEG_CALLING, pair.calling.cseq, cases[i].calling, "", NOW);
        note(told, IMS_RELEASE_LEG_CALLED, 130, cases[i].called, "", NOW);
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
    /* Nobody fetches the BYE that shall go straight to the called user, nor the other one once more. */
    for (uint64_t later = 40010; later < 120000; later += 19995) {
        assert_int_equal(sweep(told, NOW + later).due, 2);
        assert_int_equal(told->due[0].leg, IMS_RELEASE_LEG_CALLED);
        assert_int_equal(told->due[1].leg, IMS_RELEASE_LEG_CALLING);
    }
    assert_int_equal(told->ended, 0);
    const ims_release_swept swept = sweep(told, NOW + 120000);
    assert_int_equal(swept.ended, 1);
    assert_int_equal(swept.due, 0);
    assert_int_equal(told->ended, 1);
    assert_int_equal(told->outcome, IMS_RELEASE_EXPIRED);
    assert_int_equal(told->calling_code, 408);
    assert_int_equal(told->duration_ms, 120000);
    assert_int_equal(next(told, IMS_RELEASE_LEG_CALLED, NOW + 120000, sizeof pair.called_buffer, 0, &pair),
                     IMS_RELEASE_NOT_RELEASING);
    find(told, IMS_RELEASE_SELECT_CALL, "c1");
    assert_int_equal(told->outcome, IMS_RELEASE_EXPIRED);
}

static void a_leg_that_nobody_answers_is_given_up(void **state)
{
    struct told *told = *state;
    struct pair pair;
    establish(told);
    assert_int_equal(start(told, &pair, sizeof pair.called_buffer), IMS_RELEASE_OK);
    const int64_t calling = pair.calling.cseq;
    assert_int_equal(sweep(told, NOW + 39990).due, 0);
    find(told, IMS_RELEASE_SELECT_CALL, "c1");
    assert_int_equal(told->called_state, IMS_RELEASE_LEG_WAITING);
    assert_int_equal(told->calling_state, IMS_RELEASE_LEG_WAITING);

    /* Service control has kept the one back: it goes past it. The other may not have been sent. */
    assert_int_equal(sweep(told, NOW + 40000).due, 2);
    find(told, IMS_RELEASE_SELECT_CALL, "c1");
    assert_int_equal(told->called_state, IMS_RELEASE_LEG_IDLE);
    assert_int_equal(told->calling_state, IMS_RELEASE_LEG_IDLE);
    assert_int_equal(next(told, IMS_RELEASE_LEG_CALLED, NOW + 40000, sizeof pair.called_buffer, 131, &pair),
                     IMS_RELEASE_OK);
    assert_int_equal(
        next(told, IMS_RELEASE_LEG_CALLING, NOW + 40000, sizeof pair.calling_buffer, calling + 1, &pair),
        IMS_RELEASE_OK);
    assert_int_equal(sweep(told, NOW + 79990).ended, 0);
    assert_int_equal(sweep(told, NOW + 80000).ended, 1);
    assert_int_equal(told->ended, 1);
    assert_int_equal(told->outcome, IMS_RELEASE_GONE);
    assert_int_equal(told->called_code, 408);
    assert_int_equal(told->called_attempts, 2);
    assert_int_equal(told->calling_attempts, 2);
    assert_int_equal(told->called_duration_ms, 80000);
    assert_int_equal(told->calling_duration_ms, 80000);
}

static void a_bye_that_was_refused_for_now_is_sent_again(void **state)
{
    static const struct {
        uint32_t code;
        const char *reply;
        uint32_t wait, further;
    } cases[] = {
        /* Answered 500 the receiver knows a higher CSeq, and not how much higher (RFC 3261 12.2.2). */
        { 500, "", 0, 100 },
        { 503, "", 0, 1 },
        { 503, "SIP/2.0 503 Service Unavailable\r\nRetry-After: 10 (soon)\r\nContent-Length: 0\r\n\r\n", 10000, 1 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pair pair;
        set_up(state);
        struct told *told = *state;
        establish(told);
        assert_int_equal(start(told, &pair, sizeof pair.called_buffer), IMS_RELEASE_OK);
        const uint32_t first = pair.calling.cseq, second = first + cases[i].further;
        note(told, IMS_RELEASE_LEG_CALLED, 130, 200, "", NOW);
        note(told, IMS_RELEASE_LEG_CALLING, first, cases[i].code, cases[i].reply, NOW);
        const uint64_t then = NOW + cases[i].wait;
        if (cases[i].wait > 0) {
            assert_int_equal(sweep(told, then - 10).due, 0);
            assert_int_equal(next(told, IMS_RELEASE_LEG_CALLING, then - 10, sizeof pair.calling_buffer, 0, &pair),
                             IMS_RELEASE_NOT_RELEASING);
        }
        assert_int_equal(sweep(told, then).due, 1);
        assert_int_equal(told->due[0].leg, IMS_RELEASE_LEG_CALLING);
        assert_int_equal(next(told, IMS_RELEASE_LEG_CALLING, then, sizeof pair.calling_buffer, second, &pair),
                         IMS_RELEASE_OK);
        assert_int_equal(pair.calling.delivery, IMS_RELEASE_DIRECT);
        note(told, IMS_RELEASE_LEG_CALLING, first, 200, "", then); /* late */
        assert_int_equal(told->ended, 0);
        find(told, IMS_RELEASE_SELECT_CALL, "c1");
        assert_int_equal(told->calling_attempts, 2);
        assert_int_equal(told->cseq_to_calling, second);
        /* Once more, and not for ever. */
        note(told, IMS_RELEASE_LEG_CALLING, second, cases[i].code, "", then);
        assert_int_equal(told->ended, 1);
        assert_int_equal(told->outcome, IMS_RELEASE_PARTIAL);
        assert_int_equal(told->calling_code, cases[i].code);
        assert_int_equal(stats(told).retried, 1);
        tear_down(state);
    }
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
    assert_int_equal(ims_release_registry_recognise(told->registry, bye, 0, NOW, &pass, &id, &answered),
                     IMS_RELEASE_OK);
    assert_int_equal(pass, IMS_RELEASE_PASS_REFUSED); /* from a user agent */
    assert_int_equal(id, told->id);
    /* A forged mark. */
    memcpy(copy, message, length + 1);
    char *mark = strstr(copy, ";ims-release=") + 13;
    mark[20] = mark[20] == '0' ? '1' : '0';
    const ims_release_str forged = { copy, (int)length };
    assert_int_equal(ims_release_registry_recognise(told->registry, forged, 1, NOW, &pass, &id, &answered),
                     IMS_RELEASE_OK);
    assert_int_equal(pass, IMS_RELEASE_PASS_NOT_OURS);
    assert_int_equal(id, 0);

    assert_int_equal(ims_release_registry_recognise(told->registry, bye, 1, NOW, &pass, &id, &answered),
                     IMS_RELEASE_OK);
    assert_int_equal(pass, IMS_RELEASE_PASS_FIRST);
    assert_int_equal(id, told->id);
    assert_int_equal(ims_release_registry_recognise(told->registry, bye, 1, NOW, &pass, &id, &answered),
                     IMS_RELEASE_OK);
    assert_int_equal(pass, IMS_RELEASE_PASS_AGAIN);
    assert_int_equal(answered, 0);
    assert_int_equal(ims_release_registry_answered(told->registry, told->id, 403), IMS_RELEASE_OK);
    assert_int_equal(ims_release_registry_recognise(told->registry, bye, 1, NOW, &pass, &id, &answered),
                     IMS_RELEASE_OK);
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
    note(told, IMS_RELEASE_LEG_CALLING, pair.calling.cseq, 200, "", NOW);
    assert_int_equal(ims_release_registry_adopt(told->registry, told->id, IMS_RELEASE_LEG_CALLING, pair.calling.message,
                                                text_of(PRINTED), message, sizeof message, &length),
                     IMS_RELEASE_NOT_RELEASING);
}

/* A BYE that service control has kept back goes straight to the far user; one that was seen leaving does not. */
static void a_looped_bye_that_is_kept_back_goes_past_it(void **state)
{
    static const struct {
        const char *route; /* on which the request was sent, NULL where it was not */
        int kept_back;
    } cases[] = {
        { NULL, 1 },
        { "Route: <sip:mo@scscf1.home1.net;lr;did=7a1.3>, <sip:mt@scscf2.home2.net;lr>\r\n", 1 },
        { "Route: <sip:mt@scscf2.home2.net;lr>, <sip:pcscf2.visited2.net;lr>\r\n", 0 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pair pair;
        char message[2048], sent[4096];
        size_t length;
        uint32_t pass, answered;
        uint64_t id;
        set_up(state);
        struct told *told = *state;
        establish(told);
        assert_int_equal(start(told, &pair, sizeof pair.called_buffer), IMS_RELEASE_OK);
        note(told, IMS_RELEASE_LEG_CALLING, pair.calling.cseq, 200, "", NOW);
        assert_int_equal(ims_release_registry_adopt(told->registry, told->id, IMS_RELEASE_LEG_CALLED,
                                                    pair.called.message, text_of(PRINTED), message,
                                                    sizeof message - 1, &length),
                         IMS_RELEASE_OK);
        message[length] = '\0';
        const ims_release_fields fields = base_a();
        judge(text_of(message), fields.from, fields.to, 130);
        assert_int_equal(ims_release_registry_recognise(told->registry, text_of(message), 1, NOW, &pass, &id,
                                                        &answered),
                         IMS_RELEASE_OK);
        assert_int_equal(pass, IMS_RELEASE_PASS_FIRST);
        if (cases[i].route != NULL) {
            /* Under a Via of its own, as a proxy sends it on. */
            const char *behind = strstr(message, "\r\n") + 2;
            snprintf(sent, sizeof sent, "BYE sip:x SIP/2.0\r\nVia: SIP/2.0/UDP o;branch=z9hG4bKo\r\n%s%s",
                     cases[i].route, behind);
            assert_int_equal(ims_release_registry_sent_on(told->registry, text_of(sent)), IMS_RELEASE_OK);
        }

        note(told, IMS_RELEASE_LEG_CALLED, 130, 408, "", NOW + 32000);
        if (!cases[i].kept_back) {
            assert_int_equal(told->ended, 1);
            assert_int_equal(told->outcome, IMS_RELEASE_GONE);
            assert_int_equal(stats(told).bypassed, 0);
            tear_down(state);
            continue;
        }
        assert_int_equal(told->ended, 0);
        assert_int_equal(sweep(told, NOW + 32000).due, 1);
        assert_int_equal(told->due[0].id, told->id);
        assert_int_equal(told->due[0].leg, IMS_RELEASE_LEG_CALLED);
        assert_int_equal(next(told, IMS_RELEASE_LEG_CALLED, NOW + 32000, sizeof pair.called_buffer, 131, &pair),
                         IMS_RELEASE_OK);
        assert_int_equal(pair.called.delivery, IMS_RELEASE_DIRECT);
        assert_text(pair.called.route,
                    "Route: <sip:mt@scscf2.home2.net;lr>, <sip:pcscf2.visited2.net;lr>\r\n");
        assert_text(pair.called.request_uri, "sip:[5555::eee:fff:aaa:bbb]:8805;comp=sigcomp");
        /* It does not pass through the own socket: no mark. */
        assert_int_equal(ims_release_registry_adopt(told->registry, told->id, IMS_RELEASE_LEG_CALLED,
                                                    pair.called.message, text_of(PRINTED), message,
                                                    sizeof message - 1, &length),
                         IMS_RELEASE_OK);
        message[length] = '\0';
        judge(text_of(message), fields.from, fields.to, 130);
        assert_null(strstr(message, "ims-release"));
        /* Now it is the far user that answers. */
        note(told, IMS_RELEASE_LEG_CALLED, 131, 481, "", NOW + 33000);
        assert_int_equal(told->ended, 1);
        assert_int_equal(told->outcome, IMS_RELEASE_GONE);
        assert_int_equal(told->called_attempts, 2);
        assert_int_equal(told->called_duration_ms, 33000);
        assert_int_equal(stats(told).bypassed, 1);
        tear_down(state);
    }
}

/* TS 24.229 5.4.5.1.3: what the users still send within the session is answered 481. */
static void requests_under_release_are_refused(void **state)
{
    struct told *told = *state;
    struct pair pair;
    static const struct {
        const char *message;
        uint32_t from_own_socket, pass;
    } cases[] = {
        { MESSAGE_WITHIN("UPDATE", "131", "c1"), 0, IMS_RELEASE_PASS_REFUSED },
        { MESSAGE_WITHIN("UPDATE", "131", "c1"), 1, IMS_RELEASE_PASS_NOT_OURS },
        { MESSAGE_WITHIN("UPDATE", "131", "c2"), 0, IMS_RELEASE_PASS_NOT_OURS },
        { MESSAGE_WITHIN("INVITE", "132", "c1"), 0, IMS_RELEASE_PASS_REFUSED },
        { MESSAGE_WITHIN("ACK", "132", "c1"), 0, IMS_RELEASE_PASS_SWALLOWED },
        { MESSAGE_WITHIN("ACK", "127", "c1"), 0, IMS_RELEASE_PASS_NOT_OURS }, /* that to the 2xx, again */
        { "x", 0, IMS_RELEASE_PASS_NOT_OURS },
    };
    establish(told);
    for (int released = 0; released < 2; released++) {
        for (size_t i = 0; i < COUNT(cases); i++) {
            const uint32_t expected = released ? cases[i].pass : IMS_RELEASE_PASS_NOT_OURS;
            uint32_t pass = 77, answered = 77;
            uint64_t id = 77;
            assert_int_equal(ims_release_registry_recognise(told->registry, text_of(cases[i].message),
                                                            cases[i].from_own_socket, NOW, &pass, &id, &answered),
                             IMS_RELEASE_OK);
            assert_int_equal(pass, expected);
            assert_int_equal(id, expected == IMS_RELEASE_PASS_NOT_OURS ? 0 : told->id);
            assert_int_equal(answered, 0);
        }
        if (!released)
            assert_int_equal(start(told, &pair, sizeof pair.called_buffer), IMS_RELEASE_OK);
    }
    assert_int_equal(stats(told).refused_requests, 2);
}

#define MO "sip:mo@scscf1.home1.net;lr;did=7a1.3"

static void a_direct_bye_leaves_where_its_user_is(void **state)
{
    struct told *told = *state;
    char hop[64];
    size_t length = 77;
    assert_int_equal(ims_release_registry_track(told->registry, text_of(MESSAGE_INVITE("c1")),
                                                IMS_RELEASE_SERVES_CALLING, text_of(""), text_of(""), NOW),
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

static void observe_from(struct told *told, const char *message, const char *flow)
{
    uint32_t seen = UINT32_MAX;
    assert_int_equal(ims_release_registry_observe(told->registry, text_of(message), text_of(flow), NOW, &seen),
                     IMS_RELEASE_OK);
    assert_int_equal(seen, IMS_RELEASE_SEEN_CONFIRMED);
}

static void way_back_is(struct told *told, uint32_t leg, uint32_t connection, const char *destination, const char *local)
{
    char buffer[IMS_RELEASE_WAY_BACK_SIZE];
    size_t length = strlen(destination) + strlen(local);
    ims_release_way_back way_back = { .struct_size = sizeof way_back, .connection = 77 };
    if (length > 0)
        assert_int_equal(
            ims_release_registry_way_back(told->registry, told->id, leg, buffer, length - 1, &way_back),
            IMS_RELEASE_BUFFER_TOO_SMALL);
    assert_int_equal(way_back.connection, 77);
    assert_int_equal(ims_release_registry_way_back(told->registry, told->id, leg, buffer, length, &way_back),
                     IMS_RELEASE_OK);
    assert_int_equal(way_back.connection, connection);
    assert_int_equal(way_back.destination.len, strlen(destination));
    assert_memory_equal(way_back.destination.s, destination, strlen(destination));
    assert_int_equal(way_back.local.len, strlen(local));
    assert_memory_equal(way_back.local.s, local, strlen(local));
}

#define ADJACENT(start, to, contact)                                                                                   \
    start "\r\nVia: SIP/2.0/UDP 192.0.2.11;branch=z9hG4bKi\r\nRecord-Route: <" MO ">\r\nFrom: " SIDE_A               \
          "\r\nTo: " SIDE_B to "\r\nCall-ID: c1\r\nCSeq: 127 INVITE\r\nContact: <sip:" contact ">\r\n\r\n"

static void a_bye_goes_the_way_that_its_user_came(void **state)
{
    struct told *told = *state;
    assert_int_equal(
        ims_release_registry_track(told->registry, text_of(ADJACENT("INVITE sip:b@h SIP/2.0", "", "192.0.2.7")),
                                   IMS_RELEASE_SERVES_CALLING, text_of(""),
                                   text_of("tcp:192.0.2.7:1024;local=tcp:192.0.2.1:5060"), NOW),
        IMS_RELEASE_OK);
    observe_from(told, ADJACENT("SIP/2.0 200 OK", ";tag=314159", "10.0.0.8"),
                 "udp:192.0.2.8:5070;local=udp:192.0.2.1:5060");
    find(told, IMS_RELEASE_SELECT_CALL, "c1");
    way_back_is(told, IMS_RELEASE_LEG_CALLING, 1, "sip:192.0.2.7:1024;transport=tcp", "tcp:192.0.2.1:5060");
    way_back_is(told, IMS_RELEASE_LEG_CALLED, 0, "sip:192.0.2.8:5070;transport=udp", "udp:192.0.2.1:5060");
    way_back_is(told, IMS_RELEASE_LEG_SERVICE_CONTROL, 0, "sip:192.0.2.8:5070;transport=udp", "udp:192.0.2.1:5060");
}

static void a_bye_goes_to_its_next_hop_where_its_user_can_be_reached(void **state)
{
    struct told *told = *state;
    assert_int_equal(
        ims_release_registry_track(told->registry, text_of(MESSAGE_INVITE("c1")), IMS_RELEASE_SERVES_CALLING, text_of(""),
                                   text_of("tcp:192.0.2.7:1024;local=tcp:192.0.2.1:5060"), NOW),
        IMS_RELEASE_OK);
    observe_from(told, MESSAGE_200("c1"), "tcp:192.0.2.8:5070;local=tcp:192.0.2.1:5060");
    find(told, IMS_RELEASE_SELECT_CALL, "c1");
    for (uint32_t leg = IMS_RELEASE_LEG_CALLED; leg <= IMS_RELEASE_LEG_SERVICE_CONTROL; leg++)
        way_back_is(told, leg, 0, "", "");
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
            ims_release_registry_observe(told->registry, text_of(cases[i].message), text_of(""), NOW, &seen), cases[i].status);
    ims_release_stats stats = { .struct_size = sizeof stats };
    assert_int_equal(ims_release_registry_stats(told->registry, &stats), IMS_RELEASE_OK);
    assert_int_equal(stats.refused_messages, COUNT(cases));
}

static int not_started(void *env, uint64_t id, uint32_t job, uint32_t cause, ims_release_str text)
{
    (void)env;
    (void)id;
    (void)job;
    (void)cause;
    (void)text;
    fail_msg("an exempt call is released");
    return 0;
}

static void keep_job(void *env, const ims_release_job_entry *job)
{
    struct told *told = env;
    assert_int_equal(job->struct_size, sizeof *job);
    told->job_by = job->by;
    told->job_exempt = job->exempt;
}

/* What the host gives and what it is told of a release besides. */
static void who_it_is_and_who_asks(void **state)
{
    struct told *told = *state;
    static const char *const users[] = { "\"A\" <sip:asserted@home1.net>, tel:+1-212", "nobody" };
    static const char message[] = MESSAGE_INVITE("c1");
    ims_release_job_request request = { .struct_size = sizeof request,
                                        .dialogs = IMS_RELEASE_JOB_USER,
                                        .value = text_of("tel:+1212"),
                                        .cause = 480,
                                        .flags = IMS_RELEASE_JOB_DRY,
                                        .by = IMS_RELEASE_BY_SCRIPT };
    struct pair pair;
    uint32_t number = 0, running = 77;
    assert_int_equal(ims_release_registry_track(told->registry, text_of(message), IMS_RELEASE_SERVES_CALLING,
                                                text_of(users[1]), text_of(""), NOW),
                     IMS_RELEASE_BAD_USER);
    assert_int_equal(ims_release_registry_exempt(told->registry, text_of(message)), IMS_RELEASE_NOT_FOUND);
    assert_int_equal(ims_release_registry_track(told->registry, text_of(message), IMS_RELEASE_SERVES_CALLING,
                                                text_of(users[0]), text_of(""), NOW),
                     IMS_RELEASE_OK);
    assert_int_equal(ims_release_registry_exempt(told->registry, text_of(message)), IMS_RELEASE_OK);
    establish(told);
    find(told, IMS_RELEASE_SELECT_CALL, "c1");
    assert_string_equal(told->calling_user, "sip:asserted@home1.net tel:+1-212");
    assert_int_equal(told->exempt, 1);

    assert_int_equal(ims_release_registry_job_make(told->registry, &request, NOW, &number), IMS_RELEASE_OK);
    assert_int_equal(number, 4); /* the first that is for scripts */
    assert_int_equal(ims_release_registry_job_step(told->registry, NOW, not_started, NULL, &running), IMS_RELEASE_OK);
    assert_int_equal(ims_release_registry_jobs(told->registry, keep_job, told), IMS_RELEASE_OK);
    assert_int_equal(told->job_by, IMS_RELEASE_BY_SCRIPT);
    assert_int_equal(told->job_exempt, 1);

    told->asks = IMS_RELEASE_BY_RPC;
    assert_int_equal(start(told, &pair, sizeof pair.called_buffer), IMS_RELEASE_OK);
    find(told, IMS_RELEASE_SELECT_CALL, "c1");
    assert_int_equal(told->by, IMS_RELEASE_BY_RPC);
    note(told, IMS_RELEASE_LEG_CALLED, pair.called.cseq, 200, "", NOW);
    told->by = 77;
    note(told, IMS_RELEASE_LEG_CALLING, pair.calling.cseq, 481, "", NOW);
    assert_int_equal(told->ended, 1);
    assert_int_equal(told->by, IMS_RELEASE_BY_RPC);
    assert_int_equal(told->job, 0);
    assert_string_equal(told->text, "Service Unavailable");
    assert_int_equal(stats(told).legs_done, 1);
    assert_int_equal(stats(told).legs_gone, 1);
}

/* What the host gives, and how often it was asked. */
struct credentials {
    const char *lines;
    size_t length;
    int asked;
    uint32_t leg;
    struct told *told;
};

static size_t credentials(void *env, const ims_release_challenge *challenge, char *buffer, size_t capacity)
{
    struct credentials *credentials = env;
    assert_int_equal(challenge->struct_size, sizeof *challenge);
    assert_int_equal(challenge->id, credentials->told->id);
    assert_int_equal(challenge->code, 407);
    assert_int_equal(challenge->row_count, 2);
    assert_text(challenge->rows[0], "Proxy-Authenticate: Digest realm=\"home1.net\", nonce=\"1\"");
    assert_text(challenge->rows[1], "WWW-Authenticate: Digest realm=\"ue\"");
    assert_text(challenge->request_uri, "sip:[5555::eee:fff:aaa:bbb]:8805;comp=sigcomp");
    assert_int_equal(capacity, IMS_RELEASE_MAX_CREDENTIALS);
    /* The callback may call the library. */
    assert_int_equal(stats(credentials->told).started, 1);
    credentials->asked++;
    credentials->leg = challenge->leg;
    memcpy(buffer, credentials->lines, strlen(credentials->lines));
    return credentials->length > 0 ? credentials->length : strlen(credentials->lines);
}

static void a_host_may_have_credentials(void **state)
{
    (void)state;
    static const char reply[] = "SIP/2.0 407 x\r\nProxy-Authenticate: Digest realm=\"home1.net\",\r\n nonce=\"1\"\r\n"
                                "www-authenticate: Digest realm=\"ue\"\r\nContent-Length: 0\r\n\r\n";
    static const struct {
        const char *lines;
        size_t length; /* 0: theirs */
        int good;
    } cases[] = {
        { "Proxy-Authorization: Digest a\r\nAuthorization: Digest b\r\n", 0, 1 },
        { "Authorization: Digest b", 0, 1 },
        { "", 0, 0 },
        { "Route: <sip:x>", 0, 0 },
        { "Authorization: a\r\nAuthorization: b", 0, 0 },
        { "Authorization: Digest b", IMS_RELEASE_MAX_CREDENTIALS, 0 }, /* NUL behind it */
        { "Authorization: Digest b", IMS_RELEASE_MAX_CREDENTIALS + 1, 0 },
        { "Authorization: Digest b", SIZE_MAX, 0 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct told told = { .id = 0 };
        struct pair pair;
        struct credentials host = { cases[i].lines, cases[i].length, 0, 0, &told };
        ims_release_config config = { .struct_size = sizeof config,
                                      .engine = IMS_RELEASE_ENGINE_MEMORY,
                                      .own = base_a_own,
                                      .own_count = 1,
                                      .env = &host,
                                      .credentials = credentials };
        assert_int_equal(ims_release_registry_open(&config, &told.registry), IMS_RELEASE_OK);
        establish(&told);
        assert_int_equal(start(&told, &pair, sizeof pair.called_buffer), IMS_RELEASE_OK);
        assert_null(strstr(pair.called_buffer, "Authorization"));
        /* Service control keeps it back, and the next one goes straight to the called user: the challenge is his. */
        note(&told, IMS_RELEASE_LEG_CALLED, pair.called.cseq, 500, "", NOW);
        assert_int_equal(next(&told, IMS_RELEASE_LEG_CALLED, NOW + 10, sizeof pair.called_buffer, 230, &pair),
                         IMS_RELEASE_OK);
        note(&told, IMS_RELEASE_LEG_CALLED, 230, 407, reply, NOW + 20);
        assert_int_equal(host.asked, 1);
        assert_int_equal(host.leg, IMS_RELEASE_LEG_CALLED);
        find(&told, IMS_RELEASE_SELECT_CALL, "c1");
        assert_int_equal(told.called_state, cases[i].good ? IMS_RELEASE_LEG_IDLE : IMS_RELEASE_LEG_FAILED);
        assert_int_equal(stats(&told).retried, cases[i].good);
        if (cases[i].good) {
            assert_int_equal(next(&told, IMS_RELEASE_LEG_CALLED, NOW + 30, sizeof pair.called_buffer, 231, &pair),
                             IMS_RELEASE_OK);
            assert_non_null(strstr(pair.called_buffer, "\r\nAuthorization: Digest b\r\n"));
            note(&told, IMS_RELEASE_LEG_CALLED, 231, 407, reply, NOW + 40);
            assert_int_equal(host.asked, 1);
            find(&told, IMS_RELEASE_SELECT_CALL, "c1");
            assert_int_equal(told.called_state, IMS_RELEASE_LEG_FAILED);
        }
        ims_release_registry_close(told.registry);
    }
}

/* A line of the library's log. */
struct line {
    int count;
    uint32_t level;
    char text[256];
};

static void keep_line(void *env, uint32_t level, ims_release_str text)
{
    struct line *line = env;
    assert_in_range(text.len, 0, (int)sizeof line->text - 1);
    memcpy(line->text, text.s, (size_t)text.len);
    line->text[text.len] = '\0';
    line->level = level;
    line->count++;
}

static void a_dialog_that_is_dropped_for_idleness_is_told(void **state)
{
    struct told *told = *state;
    struct line line = { 0 };
    char expected[256];
    establish(told);
    snprintf(expected, sizeof expected,
             "ims_release: dialog d%llu is tracked no more: nothing was seen of it for 43200 seconds (see "
             "dialog_lifetime), call_id=c1",
             (unsigned long long)told->id);
    ims_release_set_log(keep_line, &line);
    sweep(told, NOW + UINT64_C(43200000) - 1);
    assert_int_equal(line.count, 0);
    sweep(told, NOW + UINT64_C(43200000));
    ims_release_set_log(NULL, NULL);
    assert_int_equal(line.count, 1);
    assert_int_equal(line.level, IMS_RELEASE_LOG_WARNING);
    assert_string_equal(line.text, expected);
    assert_int_equal(stats(told).idle_dropped, 1);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(a_call_is_found_as_it_proceeds),
        CASE(a_release_ends_once),
        CASE(a_bye_of_a_user_comes_first),
        CASE(what_was_released_lingers),
        cmocka_unit_test(a_bye_to_the_calling_user_waits_for_the_ack),
        cmocka_unit_test(policies),
        cmocka_unit_test(outcomes),
        CASE(a_deadline_ends_a_release),
        CASE(a_leg_that_nobody_answers_is_given_up),
        cmocka_unit_test(a_bye_that_was_refused_for_now_is_sent_again),
        CASE(our_bye_is_known_once),
        cmocka_unit_test(a_looped_bye_that_is_kept_back_goes_past_it),
        CASE(requests_under_release_are_refused),
        CASE(a_direct_bye_leaves_where_its_user_is),
        CASE(a_bye_goes_the_way_that_its_user_came),
        CASE(a_bye_goes_to_its_next_hop_where_its_user_can_be_reached),
        CASE(messages_that_are_refused_have_a_number),
        CASE(who_it_is_and_who_asks),
        cmocka_unit_test(a_host_may_have_credentials),
        CASE(a_dialog_that_is_dropped_for_idleness_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
