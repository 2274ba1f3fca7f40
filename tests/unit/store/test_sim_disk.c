/* tests/unit/store/test_sim_disk.c: sim/disk.c itself: what a crash keeps and loses, and how calls fail. */
#include "disk.h"
#include "test.h"

enum { SECTOR = 512, SIZE = 64 * SECTOR };

typedef struct opened {
    sqlite3_vfs *vfs;
    sqlite3_file *file;
} opened;

static int try_open(sim_disk *disk, const char *name, int flags, opened *out) {
    out->vfs = sqlite3_vfs_find(sim_disk_vfs(disk));
    assert_non_null(out->vfs);
    out->file = calloc(1, (size_t)out->vfs->szOsFile);
    assert_non_null(out->file);
    int result = out->vfs->xOpen(out->vfs, name, out->file, SQLITE_OPEN_READWRITE | flags, NULL);
    if (result != SQLITE_OK) {
        free(out->file);
    }
    return result;
}

static opened open_file(sim_disk *disk, const char *name, int flags) {
    opened self;
    assert_int_equal(try_open(disk, name, SQLITE_OPEN_CREATE | flags, &self), SQLITE_OK);
    return self;
}

static void close_file(opened *self) {
    assert_int_equal(self->file->pMethods->xClose(self->file), SQLITE_OK);
    free(self->file);
}

static int fill(opened *self, uint8_t byte, int size, sqlite3_int64 offset) {
    static uint8_t bytes[SIZE];
    memset(bytes, byte, (size_t)size);
    return self->file->pMethods->xWrite(self->file, bytes, size, offset);
}

static int sync_file(opened *self) {
    return self->file->pMethods->xSync(self->file, SQLITE_SYNC_NORMAL);
}

/* A log of one synced stretch of 'a'; names are durable by its sync. */
static sim_disk *make_disk(uint64_t seed, const sim_disk_config *config) {
    sim_disk *disk = sim_disk_create(seed, config);
    opened log = open_file(disk, "log", SQLITE_OPEN_WAL);
    assert_int_equal(fill(&log, 'a', SIZE / 2, 0), SQLITE_OK);
    assert_int_equal(sync_file(&log), SQLITE_OK);
    close_file(&log);
    return disk;
}

static void test_what_is_synced_stays(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 50; seed++) {
        sim_disk *disk = make_disk(seed, &(sim_disk_config){0});
        sim_disk_crash(disk);
        dx_bytes bytes = sim_disk_file(disk, "log");
        assert_int_equal(bytes.size, SIZE / 2);
        for (size_t i = 0; i < bytes.size; i++) {
            assert_int_equal(bytes.data[i], 'a');
        }
        sim_disk_destroy(disk);
    }
}

/* Over many seeds: each unsynced sector is old or new as a whole, both happen, neighbours differ, sizes vary.
 */
static void check_crashes(uint32_t sector_size, bool *torn_seen) {
    bool kept_all = false, kept_none = false, mixed = false, longer_without_data = false;
    *torn_seen = false;
    for (uint64_t seed = 0; seed < 300; seed++) {
        sim_disk *disk = make_disk(seed, &(sim_disk_config){.sector_size = sector_size});
        opened log = open_file(disk, "log", SQLITE_OPEN_WAL);
        assert_int_equal(fill(&log, 'b', SIZE - 100, 100), SQLITE_OK);
        sim_disk_crash(disk);
        close_file(&log);
        dx_bytes bytes = sim_disk_file(disk, "log");
        assert_true(bytes.size >= SIZE / 2 && bytes.size <= SIZE);
        size_t counts[256] = {0};
        for (size_t at = 0; at < bytes.size; at++) {
            counts[bytes.data[at]]++;
            assert_true(at >= 100 || bytes.data[at] == 'a'); /* what nobody wrote */
            bool sector_begins = at % SECTOR == 0 || at == 100;
            assert_true(sector_begins || bytes.data[at] == bytes.data[at - 1]);
            *torn_seen |= at >= SECTOR && at % sector_size != 0 && bytes.data[at] != bytes.data[at - 1];
        }
        kept_all |= counts['b'] == SIZE - 100;
        kept_none |= counts['b'] == 0 && bytes.size == SIZE / 2;
        mixed |= counts['b'] > 0 && counts['a'] > 100;
        longer_without_data |= counts[0] > 0;
        sim_disk_destroy(disk);
    }
    assert_true(kept_all && kept_none && mixed && longer_without_data);
}

static void test_a_crash_keeps_some_sectors(void **state) {
    (void)state;
    bool torn = false;
    check_crashes(512, &torn);
    assert_false(torn);
    check_crashes(4096, &torn);
    assert_true(torn);
}

static void test_a_truncation_may_not_have_happened(void **state) {
    (void)state;
    bool short_seen = false, long_seen = false;
    for (uint64_t seed = 0; seed < 60; seed++) {
        sim_disk *disk = make_disk(seed, &(sim_disk_config){0});
        opened log = open_file(disk, "log", SQLITE_OPEN_WAL);
        assert_int_equal(log.file->pMethods->xTruncate(log.file, SECTOR), SQLITE_OK);
        sim_disk_crash(disk);
        close_file(&log);
        dx_bytes bytes = sim_disk_file(disk, "log");
        short_seen |= bytes.size == SECTOR;
        long_seen |= bytes.size == SIZE / 2;
        for (size_t i = 0; i < bytes.size; i++) {
            assert_int_equal(bytes.data[i], 'a');
        }
        sim_disk_destroy(disk);
    }
    assert_true(short_seen && long_seen);
}

/* Names: made and removed, durable by a log's first sync or a delete that asks for it, otherwise by luck. */
static void test_names_need_their_directory(void **state) {
    (void)state;
    bool new_lost = false, new_kept = false, old_back = false, old_gone = false;
    for (uint64_t seed = 0; seed < 60; seed++) {
        sim_disk *disk = make_disk(seed, &(sim_disk_config){0});
        opened database = open_file(disk, "new", SQLITE_OPEN_MAIN_DB);
        assert_int_equal(fill(&database, 'n', SECTOR, 0), SQLITE_OK);
        assert_int_equal(sync_file(&database), SQLITE_OK);
        assert_int_equal(database.vfs->xDelete(database.vfs, "log", 0), SQLITE_OK);
        assert_null(sim_disk_file(disk, "log").data);
        sim_disk_crash(disk);
        close_file(&database);
        new_lost |= sim_disk_file(disk, "new").data == NULL;
        new_kept |= sim_disk_file(disk, "new").size == SECTOR;
        old_back |= sim_disk_file(disk, "log").size == SIZE / 2;
        old_gone |= sim_disk_file(disk, "log").data == NULL;
        sim_disk_destroy(disk);
    }
    assert_true(new_lost && new_kept && old_back && old_gone);
    for (uint64_t seed = 0; seed < 20; seed++) {
        sim_disk *disk = make_disk(seed, &(sim_disk_config){0});
        opened database = open_file(disk, "new", SQLITE_OPEN_MAIN_DB);
        assert_int_equal(sync_file(&database), SQLITE_OK);
        assert_int_equal(database.vfs->xDelete(database.vfs, "log", 1), SQLITE_OK);
        sim_disk_crash(disk);
        close_file(&database);
        assert_non_null(sim_disk_file(disk, "new").data);
        assert_null(sim_disk_file(disk, "log").data);
        sim_disk_destroy(disk);
    }
}

/* A failed sync drops what it was to write: it still reads, another sync does not bring it back, a new write
 * does. */
static void test_a_failed_sync_forgets(void **state) {
    (void)state;
    for (int rewrite = 0; rewrite < 2; rewrite++) {
        for (uint64_t seed = 0; seed < 20; seed++) {
            sim_disk *disk = make_disk(seed, &(sim_disk_config){.failed_sync_forgets = true});
            opened log = open_file(disk, "log", SQLITE_OPEN_WAL);
            sim_disk_plan(disk, &(sim_disk_fault){.calls = 1u << SIM_DISK_SYNC, .at = 1});
            assert_int_equal(fill(&log, 'c', SECTOR, 0), SQLITE_OK);
            assert_int_equal(sync_file(&log), SQLITE_IOERR_FSYNC);
            assert_int_equal(sim_disk_file(disk, "log").data[0], 'c');
            if (rewrite) {
                assert_int_equal(fill(&log, 'd', SECTOR, 0), SQLITE_OK);
            }
            assert_int_equal(sync_file(&log), SQLITE_OK);
            sim_disk *copy = sim_disk_copy(disk, seed);
            sim_disk_crash(copy);
            assert_int_equal(sim_disk_file(copy, "log").data[0], rewrite ? 'd' : 'a');
            sim_disk_destroy(copy);
            close_file(&log);
            sim_disk_destroy(disk);
        }
    }
}

static void test_calls_fail_as_planned(void **state) {
    (void)state;
    sim_disk *disk = make_disk(1, &(sim_disk_config){0});
    opened log = open_file(disk, "log", SQLITE_OPEN_WAL);
    uint8_t byte;
    int exists;
    sqlite3_int64 size;
    const sqlite3_io_methods *methods = log.file->pMethods;
    sim_disk_plan(disk, &(sim_disk_fault){.calls = 1u << SIM_DISK_READ, .at = 2});
    assert_int_equal(methods->xRead(log.file, &byte, 1, 0), SQLITE_OK);
    assert_int_equal(methods->xRead(log.file, &byte, 1, 0), SQLITE_IOERR_READ);
    assert_int_equal(methods->xRead(log.file, &byte, 1, 0), SQLITE_OK);
    sim_disk_plan(disk, &(sim_disk_fault){.calls = SIM_DISK_ALL_CALLS, .at = 1, .sticky = true});
    opened none;
    assert_int_equal(methods->xRead(log.file, &byte, 1, 0), SQLITE_IOERR_READ);
    assert_int_equal(methods->xTruncate(log.file, 0), SQLITE_IOERR_TRUNCATE);
    assert_int_equal(methods->xFileSize(log.file, &size), SQLITE_IOERR_FSTAT);
    assert_int_equal(methods->xLock(log.file, SQLITE_LOCK_SHARED), SQLITE_IOERR_LOCK);
    assert_int_equal(log.vfs->xAccess(log.vfs, "log", SQLITE_ACCESS_EXISTS, &exists), SQLITE_IOERR_ACCESS);
    assert_int_equal(log.vfs->xDelete(log.vfs, "log", 0), SQLITE_IOERR_DELETE);
    assert_int_equal(try_open(disk, "log", 0, &none), SQLITE_CANTOPEN);
    assert_int_equal(sim_disk_counters(disk)->faults, 8);
    sim_disk_heal(disk);
    sim_disk_plan(disk,
                  &(sim_disk_fault){.calls = 1u << SIM_DISK_WRITE, .at = 1, .half = true, .full = true});
    assert_int_equal(fill(&log, 'h', 10, 0), SQLITE_FULL);
    assert_memory_equal(sim_disk_file(disk, "log").data, "hhhhhaaaaa", 10);
    assert_int_equal(try_open(disk, "nowhere", 0, &none), SQLITE_CANTOPEN);
    assert_int_equal(log.vfs->xDelete(log.vfs, "nowhere", 0), SQLITE_IOERR_DELETE_NOENT);
    assert_int_equal(fill(&log, 'x', SIZE, 0x1ffff), SQLITE_OK);
    close_file(&log);
    sim_disk_destroy(disk);
}

static void test_chances_come_from_the_seed(void **state) {
    (void)state;
    uint64_t faults[2];
    for (int run = 0; run < 2; run++) {
        sim_disk *disk = make_disk(5, &(sim_disk_config){0});
        sim_disk_configure(disk, &(sim_disk_config){.read_error_chance = 50000,
                                                    .write_error_chance = 50000,
                                                    .short_write_chance = 50000,
                                                    .sync_error_chance = 50000,
                                                    .read_flip_chance = 50000});
        opened log = open_file(disk, "log", SQLITE_OPEN_WAL);
        uint8_t byte;
        int flips = 0;
        for (int i = 0; i < 400; i++) {
            (void)fill(&log, 'a', 10, i);
            (void)sync_file(&log);
            flips += log.file->pMethods->xRead(log.file, &byte, 1, 0) == SQLITE_OK && byte != 'a';
        }
        faults[run] = sim_disk_counters(disk)->faults;
        assert_in_range(faults[run], 40, 160);
        assert_in_range(flips, 5, 60);
        close_file(&log);
        sim_disk_destroy(disk);
    }
    assert_int_equal(faults[0], faults[1]);
}

static void test_the_quota_is_an_end(void **state) {
    (void)state;
    sim_disk *disk = make_disk(1, &(sim_disk_config){.quota_size = SIZE});
    opened other = open_file(disk, "other", SQLITE_OPEN_MAIN_DB);
    assert_int_equal(fill(&other, 'o', SIZE / 2, 0), SQLITE_OK);
    assert_int_equal(fill(&other, 'o', 1, SIZE / 2), SQLITE_FULL);
    assert_int_equal(other.file->pMethods->xTruncate(other.file, SIZE), SQLITE_FULL);
    assert_int_equal(fill(&other, 'p', SIZE / 2, 0), SQLITE_OK);
    assert_int_equal(other.vfs->xDelete(other.vfs, "log", 1), SQLITE_OK);
    assert_int_equal(fill(&other, 'o', SIZE / 2, SIZE / 2), SQLITE_OK);
    close_file(&other);
    sim_disk_destroy(disk);
}

static void test_handles_of_before_a_crash_are_dead(void **state) {
    (void)state;
    sim_disk *disk = make_disk(1, &(sim_disk_config){0});
    opened log = open_file(disk, "log", SQLITE_OPEN_WAL);
    assert_int_equal(log.file->pMethods->xLock(log.file, SQLITE_LOCK_SHARED), SQLITE_OK);
    assert_int_equal(log.file->pMethods->xLock(log.file, SQLITE_LOCK_EXCLUSIVE), SQLITE_OK);
    sim_disk_crash(disk);
    uint8_t byte;
    sqlite3_int64 size;
    assert_int_equal(fill(&log, 'z', 10, 0), SQLITE_IOERR_WRITE);
    assert_int_equal(log.file->pMethods->xRead(log.file, &byte, 1, 0), SQLITE_IOERR_READ);
    assert_int_equal(log.file->pMethods->xTruncate(log.file, 0), SQLITE_IOERR_TRUNCATE);
    assert_int_equal(log.file->pMethods->xFileSize(log.file, &size), SQLITE_IOERR_FSTAT);
    assert_int_equal(sync_file(&log), SQLITE_IOERR_FSYNC);
    opened next = open_file(disk, "log", SQLITE_OPEN_WAL);
    assert_int_equal(next.file->pMethods->xLock(next.file, SQLITE_LOCK_SHARED), SQLITE_OK);
    close_file(&log);
    assert_int_equal(next.file->pMethods->xLock(next.file, SQLITE_LOCK_EXCLUSIVE), SQLITE_OK);
    assert_int_equal(sim_disk_file(disk, "log").data[0], 'a');
    close_file(&next);
    sim_disk_destroy(disk);
}

static void test_locks_exclude(void **state) {
    (void)state;
    sim_disk *disk = make_disk(1, &(sim_disk_config){0});
    opened a = open_file(disk, "log", SQLITE_OPEN_MAIN_DB);
    opened b = open_file(disk, "log", SQLITE_OPEN_MAIN_DB);
    const sqlite3_io_methods *methods = a.file->pMethods;
    int reserved = -1;
    assert_int_equal(methods->xLock(a.file, SQLITE_LOCK_SHARED), SQLITE_OK);
    assert_int_equal(methods->xLock(b.file, SQLITE_LOCK_SHARED), SQLITE_OK);
    assert_int_equal(methods->xLock(a.file, SQLITE_LOCK_RESERVED), SQLITE_OK);
    assert_int_equal(methods->xCheckReservedLock(b.file, &reserved), SQLITE_OK);
    assert_int_equal(reserved, 1);
    assert_int_equal(methods->xLock(b.file, SQLITE_LOCK_RESERVED), SQLITE_BUSY);
    assert_int_equal(methods->xLock(a.file, SQLITE_LOCK_EXCLUSIVE), SQLITE_BUSY);
    assert_int_equal(methods->xUnlock(b.file, SQLITE_LOCK_NONE), SQLITE_OK);
    assert_int_equal(methods->xLock(b.file, SQLITE_LOCK_SHARED), SQLITE_BUSY); /* one waits to be alone */
    assert_int_equal(methods->xLock(a.file, SQLITE_LOCK_EXCLUSIVE), SQLITE_OK);
    assert_int_equal(methods->xUnlock(a.file, SQLITE_LOCK_NONE), SQLITE_OK);
    assert_int_equal(methods->xLock(b.file, SQLITE_LOCK_SHARED), SQLITE_OK);
    close_file(&b);
    close_file(&a);
    sim_disk_destroy(disk);
}

static void count_call(void *ctx, const sim_disk *disk, sim_disk_call call) {
    (void)disk;
    assert_true(SIM_DISK_CHANGES >> call & 1);
    ++*(int *)ctx;
}

static void test_copies_backups_and_the_watch(void **state) {
    (void)state;
    sim_disk *disk = make_disk(1, &(sim_disk_config){0});
    sim_disk *backup = sim_disk_copy(disk, 2);
    int calls = 0;
    sim_disk_watch(disk, count_call, &calls);
    opened log = open_file(disk, "log", SQLITE_OPEN_WAL);
    assert_int_equal(fill(&log, 'x', SIZE, 0), SQLITE_OK);
    assert_int_equal(sync_file(&log), SQLITE_OK);
    assert_int_equal(log.file->pMethods->xTruncate(log.file, 10), SQLITE_OK);
    assert_int_equal(calls, 4);
    assert_int_equal(sim_disk_file(backup, "log").size, SIZE / 2);
    close_file(&log);
    sim_disk_restore(disk, backup);
    assert_int_equal(sim_disk_file(disk, "log").size, SIZE / 2);
    sim_disk_flip(disk, "log", 3, 0x20);
    assert_memory_equal(sim_disk_file(disk, "log").data, "aaaAa", 5);
    assert_memory_equal(sim_disk_file(backup, "log").data, "aaaaa", 5);
    sim_disk_put(disk, "log", dx_bytes_text("put"));
    sim_disk_crash(disk);
    assert_true(dx_bytes_equal(sim_disk_file(disk, "log"), dx_bytes_text("put")));
    sim_disk_remove(disk, "log");
    assert_null(sim_disk_file(disk, "log").data);
    sim_disk_destroy(backup);
    sim_disk_destroy(disk);
}

DX_TEST_MAIN(DX_TEST(test_what_is_synced_stays), DX_TEST(test_a_crash_keeps_some_sectors),
             DX_TEST(test_a_truncation_may_not_have_happened), DX_TEST(test_names_need_their_directory),
             DX_TEST(test_a_failed_sync_forgets), DX_TEST(test_calls_fail_as_planned),
             DX_TEST(test_chances_come_from_the_seed), DX_TEST(test_the_quota_is_an_end),
             DX_TEST(test_handles_of_before_a_crash_are_dead), DX_TEST(test_locks_exclude),
             DX_TEST(test_copies_backups_and_the_watch))
