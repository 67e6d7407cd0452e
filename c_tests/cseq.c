/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* T12: processes forked from one that has already built a pair draw different CSeq numbers and Via branches. */
#include "support.h"

#include <sys/wait.h>
#include <unistd.h>

#define CHILDREN 8
#define PAIRS 50

struct drawn {
    uint32_t cseq;
    char branches[2][64]; /* filled up with zeros */
};

static void branch_of(const ims_release_bye *bye, char *branch)
{
    static const char mark[] = ";branch=z9hG4bK";
    const char *from = strstr(bye->message.s, mark) + sizeof mark - 1;
    size_t len = strcspn(from, "\r;");
    if (len < 16 || len > 64)
        abort();
    memset(branch, 0, 64);
    memcpy(branch, from, len);
}

static struct drawn draw(void)
{
    ims_release_fields fields = base_a();
    ims_release_options options = reason_r();
    struct pair pair;
    struct drawn drawn;
    options.via_sent_by = text_of("192.0.2.30:5060");
    if (build(&fields, &options, &pair) != IMS_RELEASE_OK || pair.called.status != IMS_RELEASE_OK ||
        pair.calling.status != IMS_RELEASE_OK)
        abort();
    drawn.cseq = pair.calling.cseq;
    branch_of(&pair.called, drawn.branches[0]);
    branch_of(&pair.calling, drawn.branches[1]);
    return drawn;
}

static int by_cseq(const void *one, const void *other)
{
    const struct drawn *a = one, *b = other;
    return (a->cseq > b->cseq) - (a->cseq < b->cseq);
}

static int by_octets(const void *one, const void *other)
{
    return memcmp(one, other, 64);
}

static void forked_processes_differ(void **state)
{
    (void)state;
    static struct drawn all[CHILDREN * PAIRS + 1];
    static char branches[2 * COUNT(all)][64];
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    all[CHILDREN * PAIRS] = draw(); /* whatever the library remembers is now inherited */

    pid_t children[CHILDREN];
    for (int i = 0; i < CHILDREN; i++) {
        children[i] = fork();
        assert_int_not_equal(children[i], -1);
        if (children[i] == 0) {
            for (int k = 0; k < PAIRS; k++) {
                struct drawn drawn = draw();
                if (write(ends[1], &drawn, sizeof drawn) != sizeof drawn)
                    _exit(1);
            }
            _exit(0);
        }
    }
    close(ends[1]);
    for (int i = 0; i < CHILDREN * PAIRS; i++)
        assert_int_equal(read(ends[0], &all[i], sizeof *all), sizeof *all);
    close(ends[0]);
    for (int i = 0; i < CHILDREN; i++) {
        int status;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_int_equal(status, 0);
    }

    for (size_t i = 0; i < COUNT(all); i++)
        memcpy(branches[2 * i], all[i].branches, sizeof all[i].branches);
    qsort(branches, COUNT(branches), sizeof *branches, by_octets);
    for (size_t i = 1; i < COUNT(branches); i++)
        assert_memory_not_equal(branches[i - 1], branches[i], 64);

    /* 401 draws out of 2^31: one pair alike happens once in 27,000 runs, two pairs practically never. */
    size_t alike = 0, odd = 0;
    qsort(all, COUNT(all), sizeof *all, by_cseq);
    for (size_t i = 0; i < COUNT(all); i++) {
        alike += i > 0 && all[i].cseq == all[i - 1].cseq;
        odd += all[i].cseq % 2;
        assert_in_range(all[i].cseq, 1, 2147483647);
    }
    assert_in_range(alike, 0, 1);
    assert_in_range(odd, 1, COUNT(all) - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(forked_processes_differ) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
