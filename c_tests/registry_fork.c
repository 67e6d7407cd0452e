/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Forked processes that share one store finish one release exactly once, and a restart finds what was there: dialogs,
 * and releases that a killed host has left under way. */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "support.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORKERS 8
#define CALLS 40
#define LATER "40" /* the number of the call after them */

/* Seen by all processes: of each call, and of the one that comes after a restart. */
struct shared {
    int started[CALLS], refused[CALLS], ended[CALLS + 1], outcome[CALLS + 1], first[CALLS], again[CALLS];
    uint32_t to_calling[CALLS + 1]; /* CSeq of the BYE to the calling user */
};
static struct shared *shared;
/* Here, not on the stack, so that valgrind sees in every child that it is not lost. */
static ims_release_registry *registry;
static char directory[] = "/tmp/ims_release_fork.XXXXXX";

static ims_release_str call_of(int call, char *buffer)
{
    sprintf(buffer, "call-%d", call);
    return text_of(buffer);
}

static int call_of_id(ims_release_str call_id)
{
    char buffer[16] = { 0 };
    memcpy(buffer, call_id.s + 5, (size_t)call_id.len - 5);
    return atoi(buffer);
}

static void ended(void *env, const ims_release_ended *ended)
{
    (void)env;
    int call = call_of_id(ended->call_id);
    __atomic_add_fetch(&shared->ended[call], 1, __ATOMIC_SEQ_CST);
    shared->outcome[call] = (int)ended->outcome;
}

static void remember(void *env, const ims_release_entry *entry)
{
    *(uint64_t *)env = entry->id;
}

static void count(void *env, const ims_release_entry *entry)
{
    (void)entry;
    ++*(int *)env;
}

static void open_registry(void)
{
    ims_release_config config = { .struct_size = sizeof config,
                                  .engine = IMS_RELEASE_ENGINE_SHARED,
                                  .directory = text_of(directory),
                                  .size = 16 * 1024 * 1024,
                                  .uid = IMS_RELEASE_OWNER_NONE,
                                  .gid = IMS_RELEASE_OWNER_NONE,
                                  .lock_timeout_ms = 10000,
                                  .own = base_a_own,
                                  .own_count = 1,
                                  .ended = ended };
    assert_int_equal(ims_release_registry_open(&config, &registry), IMS_RELEASE_OK);
}

static char *message_of(const char *format, const char *call_id)
{
    /* The messages are made for the Call-ID "@". */
    static char message[2048];
    const char *at = strchr(strstr(format, "Call-ID: "), '@');
    sprintf(message, "%.*s%s%s", (int)(at - format), format, call_id, at + 1);
    return message;
}

static void establish(const char *call_id)
{
    uint32_t seen;
    assert_int_equal(ims_release_registry_track(registry, text_of(message_of(MESSAGE_INVITE("@"), call_id)),
                                                IMS_RELEASE_SERVES_CALLING, text_of(""), text_of(""), NOW),
                     IMS_RELEASE_OK);
    assert_int_equal(ims_release_registry_observe(registry, text_of(message_of(MESSAGE_200("@"), call_id)), text_of(""), NOW, &seen),
                     IMS_RELEASE_OK);
    assert_int_equal(seen, IMS_RELEASE_SEEN_CONFIRMED);
    assert_int_equal(ims_release_registry_observe(
                         registry, text_of(message_of(MESSAGE_WITHIN("ACK", "127", "@"), call_id)), text_of(""), NOW, &seen),
                     IMS_RELEASE_OK);
    assert_int_equal(seen, IMS_RELEASE_SEEN_ACKNOWLEDGED);
}

#define MUST(condition)                                                                                                \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "worker: line %d: %s\n", __LINE__, #condition);                                            \
            _exit(1);                                                                                                  \
        }                                                                                                              \
    } while (0)

/* One worker: tries to release every call, and notes both replies of every call, as if each had come to it. */
static void work(const uint64_t *ids)
{
    static struct pair pair;
    static char message[4096];
    ims_release_options options = reason_r();
    ims_release_fields fields = base_a();
    fields.cseq_to_called = 127; /* of base A these calls have the INVITE alone */
    for (int call = 0; call < CALLS; call++) {
        memset(&pair, 0, sizeof pair);
        pair.called.struct_size = pair.calling.struct_size = sizeof(ims_release_bye);
        ims_release_status status = ims_release_registry_start(
            registry, ids[call], &options, NOW, pair.called_buffer, sizeof pair.called_buffer, pair.calling_buffer,
            sizeof pair.calling_buffer, &pair.called, &pair.calling);
        MUST(status == IMS_RELEASE_OK || status == IMS_RELEASE_ALREADY_RELEASING);
        if (status != IMS_RELEASE_OK) {
            __atomic_add_fetch(&shared->refused[call], 1, __ATOMIC_SEQ_CST);
            continue;
        }
        __atomic_add_fetch(&shared->started[call], 1, __ATOMIC_SEQ_CST);
        judge_pair(&fields, &pair.called, &pair.calling);
        shared->to_calling[call] = pair.calling.cseq;
        size_t length;
        MUST(ims_release_registry_adopt(registry, ids[call], IMS_RELEASE_LEG_CALLED, pair.called.message,
                                        text_of("BYE sip:x SIP/2.0\r\nVia: SIP/2.0/UDP p;branch=z9hG4bK1\r\n"
                                                "Max-Forwards: 70\r\nFrom: x\r\nTo: x\r\nCall-ID: x\r\n"
                                                "CSeq: 128 BYE\r\nContent-Length: 0\r\n\r\n"),
                                        message, sizeof message, &length) == IMS_RELEASE_OK);
        const ims_release_str bye = { message, (int)length };
        judge(bye, fields.from, fields.to, 128);
        /* The mark is known in all processes: children of this worker meet the BYE at once. */
        pid_t children[2];
        for (int i = 0; i < 2; i++) {
            children[i] = fork();
            MUST(children[i] != -1);
            if (children[i] == 0) {
                uint32_t pass, answered;
                uint64_t id;
                MUST(ims_release_registry_recognise(registry, bye, 1, NOW, &pass, &id, &answered) == IMS_RELEASE_OK);
                MUST(pass != IMS_RELEASE_PASS_NOT_OURS && id == ids[call]);
                __atomic_add_fetch(pass == IMS_RELEASE_PASS_FIRST ? &shared->first[call] : &shared->again[call], 1,
                                   __ATOMIC_SEQ_CST);
                _exit(0);
            }
        }
        for (int i = 0; i < 2; i++) {
            int how;
            MUST(waitpid(children[i], &how, 0) == children[i] && how == 0);
        }
    }
}

static void note_all(const uint64_t *ids, int worker)
{
    for (int i = 0; i < CALLS; i++) {
        int call = (i + worker) % CALLS;
        uint32_t first = worker % 2 ? IMS_RELEASE_LEG_CALLED : IMS_RELEASE_LEG_CALLING;
        const uint32_t legs[] = { first, IMS_RELEASE_LEG_CALLED + IMS_RELEASE_LEG_CALLING - first };
        static const ims_release_str no_reply;
        for (int k = 0; k < 2; k++) {
            const uint32_t cseq = legs[k] == IMS_RELEASE_LEG_CALLED ? 128 : shared->to_calling[call];
            MUST(ims_release_registry_note(registry, ids[call], legs[k], cseq, 200, no_reply, NOW + 10) ==
                 IMS_RELEASE_OK);
        }
    }
}

static void each_release_ends_once(void **state)
{
    (void)state;
    uint64_t ids[CALLS];
    char call_id[16];
    assert_non_null(mkdtemp(directory));
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(shared, MAP_FAILED);
    memset(shared, 0, sizeof *shared);
    open_registry();

    /* The calls come through a worker: what a child has stored, its parent finds. */
    pid_t child = fork();
    if (child == 0) {
        for (int call = 0; call < CALLS; call++) {
            call_of(call, call_id);
            establish(call_id);
        }
        _exit(0);
    }
    int how;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_int_equal(how, 0);
    for (int call = 0; call < CALLS; call++)
        assert_int_equal(ims_release_registry_find(registry, IMS_RELEASE_SELECT_CALL, call_of(call, call_id), remember,
                                                   &ids[call]),
                         IMS_RELEASE_OK);

    for (int round = 0; round < 2; round++) {
        pid_t workers[WORKERS];
        for (int i = 0; i < WORKERS; i++) {
            workers[i] = fork();
            assert_int_not_equal(workers[i], -1);
            if (workers[i] == 0) {
                if (round == 0)
                    work(ids);
                else
                    note_all(ids, i);
                _exit(0);
            }
        }
        for (int i = 0; i < WORKERS; i++) {
            assert_int_equal(waitpid(workers[i], &how, 0), workers[i]);
            assert_int_equal(how, 0);
        }
        for (int call = 0; call < CALLS; call++) {
            assert_int_equal(shared->started[call], 1);
            assert_int_equal(shared->refused[call], WORKERS - 1);
            assert_int_equal(shared->first[call], 1);
            assert_int_equal(shared->again[call], 1);
            assert_int_equal(shared->ended[call], round);
            if (round == 1)
                assert_int_equal(shared->outcome[call], IMS_RELEASE_COMPLETED);
        }
    }

    ims_release_stats stats = { .struct_size = sizeof stats };
    assert_int_equal(ims_release_registry_stats(registry, &stats), IMS_RELEASE_OK);
    assert_int_equal(stats.started, CALLS);
    assert_int_equal(stats.completed, CALLS);
    assert_int_equal(stats.records, 2 * CALLS); /* they linger, and so do their INVITEs */
    assert_int_equal(stats.damaged, 0);
    ims_release_registry_close(registry);
}

/* Runs after the one above, in its directory. */
static void a_restart_finds_the_call(void **state)
{
    (void)state;
    open_registry();
    establish("call-" LATER);

    /* Nobody else may use the store meanwhile. */
    ims_release_registry *second = NULL;
    ims_release_config config = { .struct_size = sizeof config,
                                  .engine = IMS_RELEASE_ENGINE_SHARED,
                                  .directory = text_of(directory),
                                  .uid = IMS_RELEASE_OWNER_NONE,
                                  .gid = IMS_RELEASE_OWNER_NONE };
    assert_int_equal(ims_release_registry_open(&config, &second), IMS_RELEASE_STORE_IO);
    assert_null(second);
    ims_release_registry_close(registry);

    open_registry();
    int found = 0;
    uint64_t next;
    assert_int_equal(ims_release_registry_find(registry, IMS_RELEASE_SELECT_DIALOG,
                                               text_of("call-" LATER ",171828,314159"), count, &found),
                     IMS_RELEASE_OK);
    assert_int_equal(found, 1);
    found = 0;
    uint64_t cursor = 0;
    do {
        assert_int_equal(ims_release_registry_list(registry, cursor, 10000, count, &found, &next), IMS_RELEASE_OK);
        cursor = next;
    } while (cursor != 0);
    assert_int_equal(found, 1);
    ims_release_registry_close(registry);
}

/* What the sweep told: bit by leg. */
struct told {
    uint64_t id;
    unsigned legs;
    int times;
};

static void due(void *env, uint64_t id, uint32_t leg)
{
    struct told *told = env;
    told->id = id;
    told->legs |= 1U << leg;
    told->times++;
}

static ims_release_swept sweep(struct told *told, uint64_t now_ms)
{
    ims_release_swept swept = { .struct_size = sizeof swept };
    memset(told, 0, sizeof *told);
    do {
        assert_int_equal(ims_release_registry_sweep(registry, now_ms, 10000, due, told, &swept), IMS_RELEASE_OK);
    } while (!swept.finished);
    return swept;
}

/* Runs after the one above, with its call. */
static void a_restart_takes_releases_up(void **state)
{
    (void)state;
    static struct pair pair;
    ims_release_options options = reason_r();
    ims_release_fields fields = base_a();
    fields.cseq_to_called = 127;
    pair.called.struct_size = pair.calling.struct_size = sizeof(ims_release_bye);

    /* A host that starts a release and is killed before any reply. */
    pid_t host = fork();
    assert_int_not_equal(host, -1);
    if (host == 0) {
        uint64_t id;
        open_registry();
        MUST(ims_release_registry_find(registry, IMS_RELEASE_SELECT_DIALOG,
                                       text_of("call-" LATER ",171828,314159"), remember, &id) == IMS_RELEASE_OK);
        MUST(ims_release_registry_start(registry, id, &options, NOW, pair.called_buffer, sizeof pair.called_buffer,
                                        pair.calling_buffer, sizeof pair.calling_buffer, &pair.called,
                                        &pair.calling) == IMS_RELEASE_OK);
        judge_pair(&fields, &pair.called, &pair.calling);
        shared->to_calling[CALLS] = pair.calling.cseq;
        kill(getpid(), SIGKILL);
    }
    int how;
    assert_int_equal(waitpid(host, &how, 0), host);
    assert_true(WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL);

    /* An hour later. The deadline counts from the restart. */
    const uint64_t later = NOW + 3600 * 1000;
    open_registry();
    ims_release_resumed resumed = { .struct_size = sizeof resumed };
    assert_int_equal(ims_release_registry_resume(registry, later, &resumed), IMS_RELEASE_OK);
    assert_int_equal(resumed.releases, 1);
    assert_int_equal(resumed.byes, 2);
    assert_int_equal(resumed.unconfirmed, 0);
    struct told told;
    ims_release_swept swept = sweep(&told, later + 10);
    assert_int_equal(swept.active, 1);
    ims_release_stats stats = { .struct_size = sizeof stats };
    assert_int_equal(ims_release_registry_stats(registry, &stats), IMS_RELEASE_OK);
    assert_int_equal(stats.records, 1); /* what was released before that is forgotten by now */
    assert_int_equal(told.times, 2);
    assert_int_equal(told.legs, 1U << IMS_RELEASE_LEG_CALLED | 1U << IMS_RELEASE_LEG_CALLING);

    const uint64_t id = told.id;
    /* With the next numbers: from here the ones before are what the dialog has. */
    assert_int_equal(ims_release_registry_next(registry, id, IMS_RELEASE_LEG_CALLED, &options, later + 10,
                                               pair.called_buffer, sizeof pair.called_buffer, &pair.called),
                     IMS_RELEASE_OK);
    assert_int_equal(ims_release_registry_next(registry, id, IMS_RELEASE_LEG_CALLING, &options, later + 10,
                                               pair.calling_buffer, sizeof pair.calling_buffer, &pair.calling),
                     IMS_RELEASE_OK);
    assert_int_equal(pair.called.cseq, 129);
    assert_int_equal(pair.calling.cseq, shared->to_calling[CALLS] + 1);
    fields.cseq_to_called = 128;
    fields.cseq_to_calling = shared->to_calling[CALLS];
    judge_pair(&fields, &pair.called, &pair.calling);
    assert_int_equal(sweep(&told, later + 20).due, 0);

    static const ims_release_str no_reply;
    /* A reply to the BYE of the run before. */
    assert_int_equal(ims_release_registry_note(registry, id, IMS_RELEASE_LEG_CALLED, 128, 200, no_reply, later + 20),
                     IMS_RELEASE_OK);
    assert_int_equal(ims_release_registry_note(registry, id, IMS_RELEASE_LEG_CALLED, 129, 200, no_reply, later + 30),
                     IMS_RELEASE_OK);
    assert_int_equal(ims_release_registry_note(registry, id, IMS_RELEASE_LEG_CALLING, pair.calling.cseq, 481, no_reply,
                                               later + 30),
                     IMS_RELEASE_OK);
    assert_int_equal(shared->ended[CALLS], 1);
    assert_int_equal(shared->outcome[CALLS], IMS_RELEASE_GONE);
    ims_release_registry_close(registry);
}

static int remove_directory(void **state)
{
    (void)state;
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", directory);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(each_release_ends_once),
                                        cmocka_unit_test(a_restart_finds_the_call),
                                        cmocka_unit_test(a_restart_takes_releases_up) };
    return cmocka_run_group_tests(tests, NULL, remove_directory);
}
