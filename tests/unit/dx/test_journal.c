/* tests/unit/dx/test_journal.c: the journal of an import (apps/dx/journal.c): what it says after it was cut short anywhere, and of
 * files that are none. */
#include "journal.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test.h"

static char folder[64];
static const uint8_t key[DX_JOURNAL_KEY_SIZE] = {1, 2, 3};

static void begin(void) {
    snprintf(folder, sizeof folder, "/tmp/dx-journal.XXXXXX");
    assert_non_null(mkdtemp(folder));
}

static void end(void) {
    assert_int_equal(rmdir(folder), 0);
}

static void put_file(const char *path, const void *bytes, size_t size) {
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(file >= 0);
    assert_true(write(file, bytes, size) == (ssize_t)size);
    close(file);
}

static void ask(dx_journal *journal, uint64_t first, uint32_t count) {
    dx_journal_range range = {.first = first, .count = count, .mark = 7 * first};
    memset(range.request, (int)first, sizeof range.request);
    assert_int_equal(dx_journal_asked(journal, &range), DX_OK);
}

static void answer(dx_journal *journal, uint64_t first, uint32_t count) {
    uint8_t ids[8 * DX_JOURNAL_ID_SIZE];
    dx_journal_range range = {.first = first, .count = count};
    for (size_t i = 0; i < count; i++) {
        memset(ids + i * DX_JOURNAL_ID_SIZE, (int)(first + i), DX_JOURNAL_ID_SIZE);
    }
    assert_int_equal(dx_journal_answered(journal, &range, ids), DX_OK);
}

static void write_some(dx_journal *journal) {
    const dx_journal_range split = {.first = 5, .count = 3};
    assert_int_equal(dx_journal_open(journal, folder, key), DX_OK);
    ask(journal, 0, 5);
    ask(journal, 5, 3);
    ask(journal, 8, 2);
    answer(journal, 0, 5);
    assert_int_equal(dx_journal_note(journal, 's', 0, dx_bytes_text("a space")), DX_OK);
    assert_int_equal(dx_journal_split(journal, &split), DX_OK);
    ask(journal, 5, 1);
    answer(journal, 5, 1);
    ask(journal, 6, 1);
    answer(journal, 8, 2);
    assert_int_equal(dx_journal_note(journal, 's', 0, dx_bytes_text("another")), DX_OK);
}

static void test_goes_on(void **state) {
    (void)state;
    dx_journal journal, other;
    dx_bytes text;
    begin();
    write_some(&journal);
    assert_int_equal(dx_journal_open(&other, folder, key), DX_E_BUSY);
    dx_journal_close(&journal);
    assert_int_equal(dx_journal_open(&journal, folder, key), DX_OK);
    const bool known[] = {true, true, true, true, true, true, true, false, true, true, false};
    const bool answered[] = {true, true, true, true, true, true, false, false, true, true, false};
    for (uint64_t op = 0; op < sizeof known; op++) {
        const dx_journal_range *range = dx_journal_find(&journal, op);
        assert_true((range != NULL) == known[op]);
        assert_true((range != NULL && range->answered) == answered[op]);
        assert_true(range == NULL || !range->answered || dx_journal_id(&journal, range, op)[21] == op);
    }
    assert_int_equal(dx_journal_find(&journal, 6)->count, 1);
    assert_int_equal(dx_journal_find(&journal, 6)->request[3], 6);
    assert_true(dx_journal_noted(&journal, 's', 0, &text) && dx_bytes_equal(text, dx_bytes_text("another")));
    assert_false(dx_journal_noted(&journal, 's', 1, &text));
    dx_journal_forget(&journal);
    end();
}

/* Wherever it was cut off, what stands is what was written first, and it goes on from there. */
static void test_cut_short(void **state) {
    (void)state;
    dx_journal journal;
    uint8_t whole[4096];
    begin();
    write_some(&journal);
    ssize_t all = pread(journal.file, whole, sizeof whole, 0);
    dx_journal_close(&journal);
    size_t before = 0;
    for (size_t size = 0; size <= (size_t)all; size++) {
        put_file(journal.path, whole, size);
        dx_journal now;
        assert_int_equal(dx_journal_open(&now, folder, key), DX_OK);
        size_t answered = 0;
        for (uint64_t op = 0; op < 11; op++) {
            const dx_journal_range *range = dx_journal_find(&now, op);
            answered += range != NULL && range->answered;
        }
        assert_true(answered >= before);
        before = answered;
        answer(&now, 20, 1); /* which nobody asked: it means nothing */
        if (size % 32 == 0) {
            ask(&now, 20, 1);
        }
        dx_journal_close(&now);
        assert_int_equal(dx_journal_open(&now, folder, key), DX_OK);
        assert_true((dx_journal_find(&now, 20) != NULL) == (size % 32 == 0));
        dx_journal_close(&now);
    }
    assert_int_equal(before, 8);
    assert_int_equal(unlink(journal.path), 0);
    end();
}

static void test_garbage(void **state) {
    (void)state;
    uint8_t bytes[400] = "dx imp 1";
    uint64_t random = 1;
    dx_journal journal;
    begin();
    for (int round = 0; round < 500; round++) {
        for (size_t i = 8; i < sizeof bytes; i++) {
            random = random * UINT64_C(6364136223846793005) + 1;
            bytes[i] = (random >> 60) < 8 ? 0
                       : i % 13 == 8      ? (uint8_t) "ADSAx"[(random >> 40) % 5]
                                          : (uint8_t)(random >> 52);
        }
        bytes[0] = round % 10 == 0 ? 'x' : 'd';
        assert_int_equal(dx_journal_open(&journal, folder, key), DX_OK);
        dx_journal_close(&journal);
        put_file(journal.path, bytes, sizeof bytes);
        assert_int_equal(dx_journal_open(&journal, folder, key), DX_OK);
        for (uint64_t op = 0; op < 300; op += 7) {
            const dx_journal_range *range = dx_journal_find(&journal, op);
            assert_true(range == NULL || (range->first <= op && op - range->first < range->count));
            assert_true(range == NULL || !range->answered ||
                        dx_journal_id(&journal, range, op)[0] <= UINT8_MAX);
        }
        dx_journal_forget(&journal);
    }
    end();
}

DX_TEST_MAIN(DX_TEST(test_goes_on), DX_TEST(test_cut_short), DX_TEST(test_garbage))
