/* fuzz_journal.c: any bytes as the journal of an import. Checks: what is found of an op lies inside of the file and covers
 * the op; opening cuts off no more than a record that is not whole, so that a second opening finds the same; what is written
 * then is found by a third. Mode 1 puts the head in front, so that the search gets behind it. */
#include "journal.h"

#include <fcntl.h>
#include <unistd.h>

#include "fuzz.h"

enum { HEAD_SIZE = 8, OPS = 64 };

static const uint8_t key[DX_JOURNAL_KEY_SIZE] = {4, 2};

static char folder[64], path[sizeof folder + 80];

static void remove_folder(void) {
    (void)unlink(path);
    (void)rmdir(folder);
}

static void make_folder(void) {
    dx_journal journal;
    const char *memory = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"; /* a disk is waited for */
    snprintf(folder, sizeof folder, "%s/dx-fuzz-journal.XXXXXX", memory);
    FUZZ_CHECK(mkdtemp(folder) != NULL);
    FUZZ_CHECK(dx_journal_open(&journal, folder, key) == DX_OK);
    FUZZ_CHECK(strlen(journal.path) < sizeof path);
    memcpy(path, journal.path, strlen(journal.path) + 1);
    dx_journal_close(&journal);
    FUZZ_CHECK(atexit(remove_folder) == 0);
}

static void put_file(bool headed, dx_bytes rest) {
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    FUZZ_CHECK(file >= 0);
    FUZZ_CHECK(!headed || write(file, "dx imp 1", HEAD_SIZE) == HEAD_SIZE);
    FUZZ_CHECK(write(file, rest.data, rest.size) == (ssize_t)rest.size);
    close(file);
}

static bool has_ids(const dx_journal *journal, const dx_journal_range *range, uint64_t op) {
    const uint8_t *id = dx_journal_id(journal, range, op), *begin = journal->bytes.data;
    return id >= begin + HEAD_SIZE && id + DX_JOURNAL_ID_SIZE <= begin + journal->bytes.size;
}

static void check_op(const dx_journal *journal, uint64_t op) {
    const dx_journal_range *range = dx_journal_find(journal, op);
    if (range == NULL) {
        return;
    }
    FUZZ_CHECK(range >= journal->ranges && range < journal->ranges + journal->count);
    FUZZ_CHECK(!range->split && range->first <= op && op - range->first < range->count);
    FUZZ_CHECK(!range->answered || has_ids(journal, range, op));
}

/* Each op near a bound of what is there, and those that an import begins with. */
static void check_all(const dx_journal *journal) {
    dx_bytes text;
    for (uint64_t op = 0; op < OPS; op++) {
        check_op(journal, op);
    }
    for (size_t i = 0; i < journal->count; i++) {
        const dx_journal_range *range = &journal->ranges[i];
        FUZZ_CHECK(i == 0 || journal->ranges[i - 1].first <= range->first);
        check_op(journal, range->first);
        check_op(journal, range->first + range->count - 1);
        check_op(journal, range->first + range->count);
    }
    for (uint32_t number = 0; number < 4; number++) {
        if (dx_journal_noted(journal, 's', number, &text)) {
            FUZZ_CHECK(text.data >= journal->bytes.data && text.size <= journal->bytes.size);
        }
    }
}

static bool same_range(const dx_journal_range *a, const dx_journal_range *b) {
    return a->first == b->first && a->count == b->count && a->mark == b->mark && a->answered == b->answered &&
           a->split == b->split && a->ids == b->ids && memcmp(a->request, b->request, sizeof a->request) == 0;
}

static void write_more(dx_journal *journal) {
    const dx_journal_range range = {.first = UINT64_C(1) << 60, .count = 1, .mark = 7};
    uint8_t id[DX_JOURNAL_ID_SIZE] = {9};
    FUZZ_CHECK(dx_journal_asked(journal, &range) == DX_OK);
    FUZZ_CHECK(dx_journal_answered(journal, &range, id) == DX_OK);
}

static void check_written(const dx_journal *journal) {
    const dx_journal_range *range = dx_journal_find(journal, UINT64_C(1) << 60);
    FUZZ_CHECK(range != NULL && range->answered);
    FUZZ_CHECK(dx_journal_id(journal, range, UINT64_C(1) << 60)[0] == 9);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    dx_journal first, second, third;
    if (size == 0) {
        return 0;
    }
    if (path[0] == 0) {
        make_folder();
    }
    put_file((data[0] & 1) != 0, dx_bytes_of(data + 1, size - 1));
    FUZZ_CHECK(dx_journal_open(&first, folder, key) == DX_OK);
    check_all(&first);
    FUZZ_CHECK(dx_journal_open(&second, folder, key) == DX_E_BUSY);
    close(first.file); /* what it read stays, to be compared */
    first.file = -1;
    FUZZ_CHECK(dx_journal_open(&second, folder, key) == DX_OK);
    FUZZ_CHECK(first.count == second.count);
    for (size_t i = 0; i < first.count; i++) {
        FUZZ_CHECK(same_range(&first.ranges[i], &second.ranges[i]));
    }
    dx_journal_close(&first);
    write_more(&second);
    dx_journal_close(&second);
    FUZZ_CHECK(dx_journal_open(&third, folder, key) == DX_OK);
    check_written(&third);
    dx_journal_close(&third);
    return 0;
}
