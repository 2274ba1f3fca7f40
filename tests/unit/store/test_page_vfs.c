/* tests/unit/store/test_page_vfs.c: store/page_vfs.c, store/page_file.c and store/log_recovery.c call by
 * call, as SQLite makes them and as it does not. */
#include "store/page_vfs.h"

#include "disk.h"
#include "store/page_seal.h"
#include "test.h"

#include <sodium.h>

enum { LOG_HEADER_SIZE = 32, SEED = 71 };

typedef struct fixture {
    test_alloc alloc;
    test_random random;
    sim_disk *disk;
    dx_page_vfs *page_vfs;
    sqlite3_vfs *vfs;
    sqlite3_file *database;
    sqlite3_file *log;
} fixture;

static const uint8_t key[DX_PAGE_KEY_SIZE] = {3};

static sqlite3_file *open_file(fixture *self, const char *name, int flags, int expected) {
    sqlite3_file *file = calloc(1, (size_t)self->vfs->szOsFile);
    assert_non_null(file);
    int out_flags = 0;
    assert_int_equal(self->vfs->xOpen(self->vfs, name, file,
                                      flags | SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &out_flags),
                     expected);
    if (expected == SQLITE_OK) {
        return file;
    }
    assert_null(file->pMethods);
    free(file);
    return NULL;
}

static void close_file(sqlite3_file *file) {
    if (file != NULL) {
        assert_int_equal(file->pMethods->xClose(file), SQLITE_OK);
        free(file);
    }
}

static void fixture_open(fixture *self) {
    assert_int_equal(dx_page_vfs_create(&self->alloc.port, &self->random.port, sim_disk_vfs(self->disk), key,
                                        &self->page_vfs),
                     DX_OK);
    self->vfs = sqlite3_vfs_find(dx_page_vfs_name(self->page_vfs));
    assert_non_null(self->vfs);
    self->database = open_file(self, "v", SQLITE_OPEN_MAIN_DB, SQLITE_OK);
    self->log = open_file(self, "v-wal", SQLITE_OPEN_WAL, SQLITE_OK);
}

static void fixture_close(fixture *self) {
    close_file(self->database);
    close_file(self->log);
    dx_page_vfs_destroy(self->page_vfs);
    assert_int_equal(self->alloc.live_bytes, 0);
}

static void fixture_init(fixture *self) {
    assert_true(sodium_init() >= 0);
    test_alloc_init(&self->alloc);
    test_random_init(&self->random, SEED);
    self->disk = sim_disk_create(SEED, &(sim_disk_config){0});
    fixture_open(self);
}

static void fixture_deinit(fixture *self) {
    fixture_close(self);
    sim_disk_destroy(self->disk);
}

static void make_page(uint8_t page[static DX_PAGE_SIZE], uint8_t seed) {
    memset(page, 0, DX_PAGE_SIZE);
    for (size_t i = 0; i < DX_PAGE_SIZE - DX_PAGE_RESERVED_SIZE; i++) {
        page[i] = (uint8_t)(seed + i * 7);
    }
}

static int write_at(sqlite3_file *file, const void *data, int size, sqlite3_int64 offset) {
    return file->pMethods->xWrite(file, data, size, offset);
}

static int read_at(sqlite3_file *file, void *out, int size, sqlite3_int64 offset) {
    return file->pMethods->xRead(file, out, size, offset);
}

static int sync_file(sqlite3_file *file) {
    return file->pMethods->xSync(file, SQLITE_SYNC_NORMAL);
}

static sqlite3_int64 size_of(sqlite3_file *file) {
    sqlite3_int64 size = -1;
    assert_int_equal(file->pMethods->xFileSize(file, &size), SQLITE_OK);
    return size;
}

/* --- The database ----------------------------------------------------------------------------- */

static void test_nothing_is_an_empty_database(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    uint8_t page[DX_PAGE_SIZE], expected[DX_PAGE_SIZE];
    dx_page_write_empty(expected);
    assert_int_equal(size_of(f.database), DX_PAGE_SIZE);
    assert_true(dx_page_vfs_is_unwritten(f.page_vfs));
    assert_int_equal(read_at(f.database, page, DX_PAGE_SIZE, 0), SQLITE_OK);
    assert_memory_equal(page, expected, DX_PAGE_SIZE);
    assert_int_equal(read_at(f.database, page, 16, 24), SQLITE_OK);
    assert_memory_equal(page, expected + 24, 16);
    assert_int_equal(read_at(f.database, page, DX_PAGE_SIZE, DX_PAGE_SIZE), SQLITE_IOERR_DATA);
    fixture_deinit(&f);
}

static void test_pages_are_gathered_and_sealed(void **state) {
    (void)state;
    enum { PAGES = 70, ROUNDS = 3 };
    fixture f;
    fixture_init(&f);
    uint8_t page[DX_PAGE_SIZE], out[DX_PAGE_SIZE];
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < PAGES; i++) {
            int at = round == 2 ? i * 3 % PAGES : i; /* in order, again, and not in order */
            make_page(page, (uint8_t)(at + round));
            assert_int_equal(write_at(f.database, page, DX_PAGE_SIZE, at * DX_PAGE_SIZE), SQLITE_OK);
            assert_int_equal(read_at(f.database, out, DX_PAGE_SIZE, at * DX_PAGE_SIZE), SQLITE_OK);
            assert_memory_equal(out + 16 * (at == 0), page + 16 * (at == 0), DX_PAGE_SIZE - 16 * (at == 0));
        }
        assert_int_equal(size_of(f.database), PAGES * DX_PAGE_SIZE);
        uint64_t writes = sim_disk_counters(f.disk)->calls[SIM_DISK_WRITE];
        assert_true(round > 0 || writes == PAGES / 31);
        assert_int_equal(sync_file(f.database), SQLITE_OK);
        assert_int_equal(sim_disk_file(f.disk, "v").size, PAGES * DX_PAGE_SIZE);
        for (int i = 1; i < PAGES; i++) {
            make_page(page, (uint8_t)(i + round));
            assert_int_equal(read_at(f.database, out, DX_PAGE_SIZE, i * DX_PAGE_SIZE), SQLITE_OK);
            assert_memory_equal(out, page, DX_PAGE_SIZE);
            assert_int_equal(read_at(f.database, out, 100, i * DX_PAGE_SIZE + 50), SQLITE_OK);
            assert_memory_equal(out, page + 50, 100);
            assert_memory_not_equal(sim_disk_file(f.disk, "v").data + i * DX_PAGE_SIZE, page, 64);
        }
        assert_int_equal(read_at(f.database, out, 200, 2 * DX_PAGE_SIZE - 100),
                         SQLITE_OK); /* over a border */
        make_page(page, (uint8_t)(2 + round));
        assert_memory_equal(out + 100, page, 100);
    }
    assert_false(dx_page_vfs_is_unwritten(f.page_vfs));
    assert_int_equal(f.database->pMethods->xTruncate(f.database, 3 * DX_PAGE_SIZE), SQLITE_OK);
    assert_int_equal(size_of(f.database), 3 * DX_PAGE_SIZE);
    fixture_deinit(&f);
}

/* Only the header's bytes are given when page 1 is torn, and only to who asks for no more. */
static void test_a_torn_first_page_still_has_a_header(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    uint8_t page[DX_PAGE_SIZE], header[100], expected[DX_PAGE_SIZE];
    dx_page_write_empty(expected);
    dx_page_write_empty(page);
    page[27] = 9;
    assert_int_equal(write_at(f.database, page, DX_PAGE_SIZE, 0), SQLITE_OK);
    assert_int_equal(sync_file(f.database), SQLITE_OK);
    assert_int_equal(read_at(f.database, header, 100, 0), SQLITE_OK);
    assert_int_equal(header[27], 9);
    sim_disk_flip(f.disk, "v", 2000, 1);
    assert_int_equal(read_at(f.database, header, 100, 0), SQLITE_OK);
    assert_memory_equal(header, expected, 100);
    assert_int_equal(dx_page_vfs_damage(f.page_vfs).kind, DX_DAMAGE_NONE);
    assert_int_equal(read_at(f.database, page, 101, 0), SQLITE_IOERR_DATA);
    assert_int_equal(read_at(f.database, page, DX_PAGE_SIZE, 0), SQLITE_IOERR_DATA);
    assert_int_equal(dx_page_vfs_damage(f.page_vfs).kind, DX_DAMAGE_PAGE);
    assert_int_equal(dx_page_vfs_damage(f.page_vfs).number, 1);
    fixture_deinit(&f);
}

/* --- The log ---------------------------------------------------------------------------------- */

static sqlite3_int64 frame_offset(int number) {
    return LOG_HEADER_SIZE + (sqlite3_int64)(number - 1) * DX_FRAME_SIZE;
}

static void put_u32(uint8_t *out, uint32_t value) {
    for (int i = 0; i < 4; i++) {
        out[i] = (uint8_t)(value >> (24 - 8 * i));
    }
}

/* A valid header with this salt: SQLite's checksum over big-endian words. */
static void make_log_header(uint8_t header[static LOG_HEADER_SIZE], uint32_t salt) {
    put_u32(header, 0x377f0683);
    put_u32(header + 4, 3007000);
    put_u32(header + 8, DX_PAGE_SIZE);
    put_u32(header + 12, 0);
    put_u32(header + 16, salt);
    put_u32(header + 20, ~salt);
    uint32_t words[6] = {0x377f0683, 3007000, DX_PAGE_SIZE, 0, salt, ~salt}, sum[2] = {0, 0};
    for (int i = 0; i < 6; i += 2) {
        sum[0] += words[i] + sum[1];
        sum[1] += words[i + 1] + sum[0];
    }
    put_u32(header + 24, sum[0]);
    put_u32(header + 28, sum[1]);
}

static void make_frame_header(uint8_t header[static DX_FRAME_HEADER_SIZE], uint32_t page, uint32_t salt,
                              bool commit) {
    memset(header, 0xee, DX_FRAME_HEADER_SIZE);
    put_u32(header, page);
    put_u32(header + 4, commit ? 5 : 0);
    put_u32(header + 8, salt);
    put_u32(header + 12, ~salt);
}

static void begin_log(fixture *f, uint32_t salt) {
    uint8_t header[LOG_HEADER_SIZE];
    make_log_header(header, salt);
    assert_int_equal(write_at(f->log, header, LOG_HEADER_SIZE, 0), SQLITE_OK);
    assert_int_equal(sync_file(f->log), SQLITE_OK);
}

/* As SQLite does it: the header, then the page, which is not the first: that one begins with a name. */
static void write_frame(fixture *f, int number, uint32_t salt, bool commit) {
    uint8_t header[DX_FRAME_HEADER_SIZE], page[DX_PAGE_SIZE];
    make_frame_header(header, (uint32_t)number + 1, salt, commit);
    make_page(page, (uint8_t)number);
    assert_int_equal(write_at(f->log, header, sizeof header, frame_offset(number)), SQLITE_OK);
    assert_int_equal(write_at(f->log, page, sizeof page, frame_offset(number) + DX_FRAME_HEADER_SIZE),
                     SQLITE_OK);
}

/* `commits` transactions of two frames each, every one synced. */
static void write_log(fixture *f, uint32_t salt, int commits) {
    begin_log(f, salt);
    for (int i = 0; i < commits; i++) {
        write_frame(f, 2 * i + 1, salt, false);
        write_frame(f, 2 * i + 2, salt, true);
        assert_int_equal(sync_file(f->log), SQLITE_OK);
    }
}

static void test_frames_go_in_and_out(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    write_log(&f, 1, 30);
    uint8_t header[DX_FRAME_HEADER_SIZE], page[DX_PAGE_SIZE], frame[DX_FRAME_SIZE], out[DX_FRAME_SIZE];
    for (int number = 1; number <= 60; number++) {
        make_frame_header(header, (uint32_t)number + 1, 1, number % 2 == 0);
        make_page(page, (uint8_t)number);
        memcpy(frame, header, sizeof header);
        memcpy(frame + sizeof header, page, sizeof page);
        assert_int_equal(read_at(f.log, out, DX_FRAME_SIZE, frame_offset(number)), SQLITE_OK);
        assert_memory_equal(out, frame, DX_FRAME_SIZE);
        assert_int_equal(read_at(f.log, out, DX_PAGE_SIZE, frame_offset(number) + DX_FRAME_HEADER_SIZE),
                         SQLITE_OK);
        assert_memory_equal(out, page, DX_PAGE_SIZE);
        assert_int_equal(read_at(f.log, out, 8, frame_offset(number) + 16), SQLITE_OK);
        assert_memory_equal(out, header + 16, 8);
    }
    assert_int_equal(read_at(f.log, out, DX_FRAME_SIZE, frame_offset(61)), SQLITE_IOERR_SHORT_READ);
    assert_int_equal(dx_page_vfs_log_size(f.page_vfs), frame_offset(61));
    fixture_deinit(&f);
}

/* --- Checkpoints ------------------------------------------------------------------------------ */

static void take_page(fixture *f, int frame, uint8_t out[static DX_PAGE_SIZE], int expected) {
    assert_int_equal(read_at(f->log, out, DX_PAGE_SIZE, frame_offset(frame) + DX_FRAME_HEADER_SIZE),
                     expected);
}

static void test_a_checkpoint_copies_pages_as_they_are_sealed(void **state) {
    (void)state;
    enum { FRAMES = 40 };
    fixture f;
    fixture_init(&f);
    uint8_t page[DX_PAGE_SIZE], out[DX_PAGE_SIZE];
    write_log(&f, 1, FRAMES / 2);
    make_page(page, 99);
    assert_int_equal(write_at(f.database, page, DX_PAGE_SIZE, 50 * DX_PAGE_SIZE),
                     SQLITE_OK); /* not yet out */
    assert_int_equal(dx_page_vfs_begin_checkpoint(f.page_vfs), SQLITE_OK);
    for (int number = 1; number <= FRAMES; number++) {
        take_page(&f, number, page, SQLITE_OK);
        assert_int_equal(write_at(f.database, page, DX_PAGE_SIZE, number * DX_PAGE_SIZE), SQLITE_OK);
    }
    assert_int_equal(sync_file(f.database), SQLITE_OK);
    dx_page_vfs_end_checkpoint(f.page_vfs);
    dx_bytes log = sim_disk_file(f.disk, "v-wal"), database = sim_disk_file(f.disk, "v");
    for (int number = 1; number <= FRAMES; number++) {
        assert_memory_equal(database.data + number * DX_PAGE_SIZE,
                            log.data + frame_offset(number) + DX_FRAME_HEADER_SIZE, DX_PAGE_SIZE);
        assert_int_equal(read_at(f.database, out, DX_PAGE_SIZE, number * DX_PAGE_SIZE), SQLITE_OK);
        make_page(page, (uint8_t)number);
        assert_memory_equal(out, page, DX_PAGE_SIZE);
        take_page(&f, number, out, SQLITE_OK); /* and the log reads as ever */
        assert_memory_equal(out, page, DX_PAGE_SIZE);
    }
    make_page(page, 99);
    assert_int_equal(read_at(f.database, out, DX_PAGE_SIZE, 50 * DX_PAGE_SIZE), SQLITE_OK);
    assert_memory_equal(out, page, DX_PAGE_SIZE);
    fixture_deinit(&f);
}

static void test_a_checkpoint_writes_what_it_read_and_nothing_else(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    uint8_t page[DX_PAGE_SIZE], plain[DX_PAGE_SIZE];
    write_log(&f, 1, 2);
    assert_int_equal(dx_page_vfs_begin_checkpoint(f.page_vfs), SQLITE_OK);
    make_page(plain, 1);
    assert_int_equal(write_at(f.database, plain, DX_PAGE_SIZE, DX_PAGE_SIZE),
                     SQLITE_IOERR_WRITE); /* nothing read */
    take_page(&f, 1, page, SQLITE_OK);
    assert_int_equal(write_at(f.database, plain, DX_PAGE_SIZE, DX_PAGE_SIZE),
                     SQLITE_IOERR_WRITE); /* in plain form */
    take_page(&f, 1, page, SQLITE_OK);
    assert_int_equal(write_at(f.database, page, DX_PAGE_SIZE, 2 * DX_PAGE_SIZE),
                     SQLITE_IOERR_WRITE); /* elsewhere */
    take_page(&f, 1, page, SQLITE_OK);
    assert_int_equal(write_at(f.log, page, DX_PAGE_SIZE, frame_offset(3) + DX_FRAME_HEADER_SIZE),
                     SQLITE_IOERR_WRITE);
    take_page(&f, 1, page, SQLITE_OK);
    assert_int_equal(write_at(f.database, page, DX_PAGE_SIZE, DX_PAGE_SIZE), SQLITE_OK);
    assert_int_equal(write_at(f.database, page, DX_PAGE_SIZE, DX_PAGE_SIZE), SQLITE_IOERR_WRITE); /* twice */
    dx_page_vfs_end_checkpoint(
        f.page_vfs); /* it failed before its sync: nothing of it is left to be written */
    assert_int_equal(sync_file(f.database), SQLITE_OK);
    assert_true(dx_page_vfs_is_unwritten(f.page_vfs));

    sim_disk_flip(f.disk, "v-wal", (uint64_t)frame_offset(3) + 5, 2); /* of its header */
    assert_int_equal(dx_page_vfs_begin_checkpoint(f.page_vfs), SQLITE_OK);
    take_page(&f, 3, page, SQLITE_IOERR_DATA);
    dx_page_vfs_end_checkpoint(f.page_vfs);
    assert_int_equal(dx_page_vfs_damage(f.page_vfs).kind, DX_DAMAGE_FRAME);
    assert_int_equal(dx_page_vfs_damage(f.page_vfs).number, 3);
    fixture_deinit(&f);
}

/* SQLite writes a page of its transaction anew where it stands, and corrects the headers of what follows. */
static void correct_frames(fixture *f, bool written_out) {
    uint8_t page[DX_PAGE_SIZE], header[DX_FRAME_HEADER_SIZE], out[DX_FRAME_SIZE];
    begin_log(f, 1);
    for (int number = 1; number <= 4; number++) {
        write_frame(f, number, 1, false);
    }
    if (written_out) {
        assert_int_equal(sync_file(f->log), SQLITE_OK);
    }
    make_page(page, 200);
    assert_int_equal(write_at(f->log, page, DX_PAGE_SIZE, frame_offset(2) + DX_FRAME_HEADER_SIZE), SQLITE_OK);
    for (int number = 2; number <= 4; number++) {
        assert_int_equal(read_at(f->log, out, DX_FRAME_SIZE, frame_offset(number)), SQLITE_OK);
        make_frame_header(header, (uint32_t)number + 1, 1, number == 4);
        header[20] = 0x55;
        assert_int_equal(write_at(f->log, header, sizeof header, frame_offset(number)), SQLITE_OK);
    }
    assert_int_equal(sync_file(f->log), SQLITE_OK);
    for (int number = 1; number <= 4; number++) {
        assert_int_equal(read_at(f->log, out, DX_FRAME_SIZE, frame_offset(number)), SQLITE_OK);
        make_page(page, number == 2 ? 200 : (uint8_t)number);
        assert_memory_equal(out + DX_FRAME_HEADER_SIZE, page, DX_PAGE_SIZE);
        assert_int_equal(out[20], number == 1 ? 0xee : 0x55);
    }
}

static void test_frames_are_corrected(void **state) {
    (void)state;
    for (int written_out = 0; written_out < 2; written_out++) {
        fixture f;
        fixture_init(&f);
        correct_frames(&f, written_out != 0);
        fixture_deinit(&f);
    }
}

static void read_frames(fixture *f, int results[], int count) {
    uint8_t header[LOG_HEADER_SIZE], frame[DX_FRAME_SIZE];
    results[0] = read_at(f->log, header, LOG_HEADER_SIZE, 0);
    for (int number = 1; number <= count; number++) {
        results[number] = read_at(f->log, frame, DX_FRAME_SIZE, frame_offset(number));
    }
}

static bool reads_zeros(fixture *f, int number) {
    static const uint8_t zeros[DX_FRAME_SIZE];
    uint8_t frame[DX_FRAME_SIZE];
    return read_at(f->log, frame, DX_FRAME_SIZE, frame_offset(number)) == SQLITE_OK &&
           memcmp(frame, zeros, sizeof frame) == 0;
}

/* Frame n broken, of a log of three commits with two frames each: the last commit may have been torn, the
 * others were durable before it began. */
static void test_a_torn_end_is_told_from_damage(void **state) {
    (void)state;
    for (int broken = 1; broken <= 6; broken++) {
        fixture f;
        fixture_init(&f);
        write_log(&f, 9, 3);
        fixture_close(&f);
        sim_disk_flip(f.disk, "v-wal", (uint64_t)frame_offset(broken) + 77, 4);
        fixture_open(&f);
        int results[7];
        read_frames(&f, results, 6);
        for (int number = 0; number <= 6; number++) {
            assert_int_equal(results[number],
                             number == broken && broken <= 4 ? SQLITE_IOERR_DATA : SQLITE_OK);
        }
        assert_int_equal(dx_page_vfs_damage(f.page_vfs).kind, broken <= 4 ? DX_DAMAGE_FRAME : DX_DAMAGE_NONE);
        assert_true(broken <= 4 || reads_zeros(&f, broken));
        uint8_t page[DX_PAGE_SIZE]; /* a page alone is read from a frame that was good before: no excuse */
        assert_int_equal(read_at(f.log, page, DX_PAGE_SIZE, frame_offset(broken) + DX_FRAME_HEADER_SIZE),
                         SQLITE_IOERR_DATA);
        fixture_deinit(&f);
    }
}

/* What stands behind a torn frame from before the log was begun anew proves nothing. */
static void test_old_frames_prove_nothing(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    write_log(&f, 1, 5);
    begin_log(&f, 2);
    write_frame(&f, 1, 2, false);
    write_frame(&f, 2, 2, true);
    assert_int_equal(sync_file(f.log), SQLITE_OK);
    fixture_close(&f);
    sim_disk_flip(f.disk, "v-wal", (uint64_t)frame_offset(2) + 77, 4);
    fixture_open(&f);
    int results[3];
    read_frames(&f, results, 2);
    assert_int_equal(results[2], SQLITE_OK);
    assert_true(reads_zeros(&f, 2));
    fixture_deinit(&f);
}

static void test_the_logs_header_is_checked(void **state) {
    (void)state;
    for (uint64_t at = 0; at < LOG_HEADER_SIZE; at++) {
        fixture f;
        fixture_init(&f);
        write_log(&f, 9, 1);
        fixture_close(&f);
        sim_disk_flip(f.disk, "v-wal", at, 0x10);
        fixture_open(&f);
        uint8_t header[LOG_HEADER_SIZE];
        assert_int_equal(read_at(f.log, header, LOG_HEADER_SIZE, 0), SQLITE_IOERR_DATA);
        assert_int_equal(dx_page_vfs_damage(f.page_vfs).kind, DX_DAMAGE_LOG_HEADER);
        /* No frame behind it: nothing is lost. */
        assert_int_equal(f.log->pMethods->xTruncate(f.log, LOG_HEADER_SIZE), SQLITE_OK);
        assert_int_equal(read_at(f.log, header, LOG_HEADER_SIZE, 0), SQLITE_OK);
        fixture_deinit(&f);
    }
}

/* A new header breaks the first old frame in the same sector. */
static void test_a_new_header_ends_the_old_log(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    write_log(&f, 1, 2);
    begin_log(&f, 2);
    assert_true(reads_zeros(&f, 1));
    assert_false(reads_zeros(&f, 2));
    fixture_deinit(&f);
}

/* --- What is refused --------------------------------------------------------------------------- */

static void test_unknown_ways_of_writing_are_refused(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    uint8_t bytes[2 * DX_FRAME_SIZE] = {0};
    static const struct {
        bool log;
        int size;
        sqlite3_int64 offset;
    } rows[] = {{false, 100, 0},
                {false, DX_PAGE_SIZE, 512},
                {false, 2 * DX_PAGE_SIZE, 0},
                {true, 16, 0},
                {true, LOG_HEADER_SIZE, 8},
                {true, 12, LOG_HEADER_SIZE},
                {true, DX_FRAME_HEADER_SIZE, LOG_HEADER_SIZE + 8},
                {true, 2000, LOG_HEADER_SIZE + DX_FRAME_HEADER_SIZE}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        sqlite3_file *file = rows[i].log ? f.log : f.database;
        assert_int_equal(write_at(file, bytes, rows[i].size, rows[i].offset), SQLITE_IOERR_WRITE);
    }
    /* A header alone, or a page alone, where there is no frame to correct. */
    assert_int_equal(write_at(f.log, bytes, DX_PAGE_SIZE, LOG_HEADER_SIZE + DX_FRAME_HEADER_SIZE),
                     SQLITE_IOERR_WRITE);
    assert_int_equal(write_at(f.log, bytes, DX_FRAME_HEADER_SIZE, LOG_HEADER_SIZE), SQLITE_OK);
    assert_int_equal(sync_file(f.log), SQLITE_IOERR_WRITE);
    assert_int_equal(sync_file(f.log), SQLITE_OK);
    assert_int_equal(read_at(f.log, bytes, LOG_HEADER_SIZE + 8, 0), SQLITE_IOERR_READ);
    fixture_deinit(&f);
}

static void test_other_files_are_refused_or_kept_in_memory(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    int exists = -1;
    sim_disk_put(f.disk, "v-journal", dx_bytes_text("anything"));
    assert_int_equal(f.vfs->xAccess(f.vfs, "v-journal", SQLITE_ACCESS_EXISTS, &exists), SQLITE_OK);
    assert_int_equal(exists, 0);
    assert_null(open_file(&f, "v-journal", SQLITE_OPEN_MAIN_JOURNAL, SQLITE_CANTOPEN));
    assert_null(
        open_file(&f, "other", SQLITE_OPEN_MAIN_DB, SQLITE_CANTOPEN)); /* one database to an instance */
    assert_null(open_file(&f, "other-wal", SQLITE_OPEN_WAL, SQLITE_CANTOPEN));
    uint64_t opens = sim_disk_counters(f.disk)->calls[SIM_DISK_OPEN];
    sqlite3_file *temporary =
        open_file(&f, NULL, SQLITE_OPEN_SUBJOURNAL | SQLITE_OPEN_DELETEONCLOSE, SQLITE_OK);
    assert_int_equal(write_at(temporary, "plain", 5, 0), SQLITE_OK);
    close_file(temporary);
    assert_int_equal(sim_disk_counters(f.disk)->calls[SIM_DISK_OPEN], opens);
    fixture_deinit(&f);
}

static void test_what_the_disk_below_says_is_passed_on(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    const sqlite3_io_methods *methods = f.database->pMethods;
    assert_int_equal(methods->iVersion, 1);
    assert_int_equal(methods->xSectorSize(f.database), 512);
    assert_int_equal(methods->xDeviceCharacteristics(f.database), SQLITE_IOCAP_POWERSAFE_OVERWRITE);
    int reserved = -1, persist = 0;
    assert_int_equal(methods->xLock(f.database, SQLITE_LOCK_SHARED), SQLITE_OK);
    assert_int_equal(methods->xLock(f.database, SQLITE_LOCK_RESERVED), SQLITE_OK);
    assert_int_equal(methods->xCheckReservedLock(f.database, &reserved), SQLITE_OK);
    assert_int_equal(reserved, 1);
    assert_int_equal(methods->xUnlock(f.database, SQLITE_LOCK_NONE), SQLITE_OK);
    assert_int_equal(methods->xFileControl(f.database, SQLITE_FCNTL_PERSIST_WAL, &persist), SQLITE_NOTFOUND);
    assert_int_equal(methods->xFileControl(f.database, SQLITE_FCNTL_MMAP_SIZE, &persist), SQLITE_NOTFOUND);
    char bytes[24], path[64];
    double days = 0;
    assert_int_equal(f.vfs->xRandomness(f.vfs, sizeof bytes, bytes), sizeof bytes);
    assert_int_equal(f.vfs->xSleep(f.vfs, 10), 10);
    assert_int_equal(f.vfs->xCurrentTime(f.vfs, &days), SQLITE_OK);
    assert_true(days > 2440587);
    assert_int_equal(f.vfs->xGetLastError(f.vfs, sizeof bytes, bytes), 0);
    assert_int_equal(f.vfs->xFullPathname(f.vfs, "v", sizeof path, path), SQLITE_OK);
    assert_string_equal(path, "v");
    bool exists = false;
    assert_int_equal(dx_page_vfs_exists(f.page_vfs, "nowhere", &exists), SQLITE_OK);
    assert_false(exists);
    fixture_deinit(&f);
}

static void test_instances_are_apart(void **state) {
    (void)state;
    fixture f, g;
    fixture_init(&f);
    fixture_init(&g);
    assert_string_not_equal(dx_page_vfs_name(f.page_vfs), dx_page_vfs_name(g.page_vfs));
    char name[64];
    snprintf(name, sizeof name, "%s", dx_page_vfs_name(f.page_vfs));
    fixture_deinit(&f);
    assert_null(sqlite3_vfs_find(name));
    dx_page_vfs *none;
    assert_int_equal(dx_page_vfs_create(&g.alloc.port, &g.random.port, "no such", key, &none), DX_E_INVALID);
    assert_null(none);
    fixture_deinit(&g);
}

DX_TEST_MAIN(DX_TEST(test_nothing_is_an_empty_database), DX_TEST(test_pages_are_gathered_and_sealed),
             DX_TEST(test_a_torn_first_page_still_has_a_header), DX_TEST(test_frames_go_in_and_out),
             DX_TEST(test_a_checkpoint_copies_pages_as_they_are_sealed),
             DX_TEST(test_a_checkpoint_writes_what_it_read_and_nothing_else),
             DX_TEST(test_frames_are_corrected), DX_TEST(test_a_torn_end_is_told_from_damage),
             DX_TEST(test_old_frames_prove_nothing), DX_TEST(test_the_logs_header_is_checked),
             DX_TEST(test_a_new_header_ends_the_old_log), DX_TEST(test_unknown_ways_of_writing_are_refused),
             DX_TEST(test_other_files_are_refused_or_kept_in_memory),
             DX_TEST(test_what_the_disk_below_says_is_passed_on), DX_TEST(test_instances_are_apart))
