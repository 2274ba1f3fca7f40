/* store/log_recovery.c: what the encrypting VFS makes of the log while SQLite recovers it.
 *
 * Layer: floor 1, inside store (page_file.h). SQLite ends its recovery silently at the first frame that is
 * not valid, since that is what a crash leaves of a commit that was never acknowledged. The same would hide
 * damage to commits that were. The difference can be told: every frame names the first frame of its group,
 * the frames written since one sync, so an intact frame of a later group proves that what stands before that
 * group had been durable. What cannot be told apart from a torn commit is damage to the very last one.
 * Source: SQLite's file format description, §4. */
#include "store/page_file.h"

#include <string.h>

enum { LOG_MAGIC = 0x377f0682, LOG_VERSION = 3007000 };

static uint32_t get_u32(const uint8_t *bytes) {
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static uint32_t get_word(const uint8_t *bytes, bool big_endian) {
    if (big_endian) {
        return get_u32(bytes);
    }
    return (uint32_t)bytes[3] << 24 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[1] << 8 | bytes[0];
}

/* The checksum of the log's header (§4.4). */
static void sum_header(const uint8_t header[static DX_LOG_HEADER_SIZE], bool big_endian,
                       uint32_t sum[static 2]) {
    enum { SUMMED_SIZE = 24 };
    sum[0] = sum[1] = 0;
    for (size_t i = 0; i < SUMMED_SIZE; i += 8) {
        sum[0] += get_word(header + i, big_endian) + sum[1];
        sum[1] += get_word(header + i + 4, big_endian) + sum[0];
    }
}

static bool is_commit(const uint8_t *frame) {
    return get_u32(frame + 4) != 0;
}

/* A frame's own header: page number, database size, salts (8), checksum (16). */
static bool has_salts(const dx_page_file *log, const uint8_t *frame) {
    return log->salts_known && memcmp(frame + 8, log->salts, sizeof log->salts) == 0;
}

/* Made ahead by dx_log_grow and not yet used: no sealed frame has a nonce and a tag of zeros. */
static bool is_unused(const uint8_t *frame) {
    static const uint8_t zeros[DX_PAGE_RESERVED_SIZE];
    return memcmp(frame + DX_FRAME_SIZE - sizeof zeros, zeros, sizeof zeros) == 0;
}

/* Reads one frame of the file below into the instance's unit. *intact: it is there and authenticates. */
static int load_frame(dx_page_file *log, uint64_t number, bool *intact, uint32_t *group) {
    sqlite3_file *below = dx_page_file_below(log);
    uint8_t *frame = log->vfs->unit;
    int result = below->pMethods->xRead(below, frame, DX_FRAME_SIZE,
                                        (sqlite3_int64)dx_page_file_offset(DX_UNIT_FRAME, number));
    *group = dx_frame_group(frame);
    *intact =
        result == SQLITE_OK && !is_unused(frame) && dx_unit_open(log->vfs->key, DX_UNIT_FRAME, number, frame);
    return result == SQLITE_IOERR_SHORT_READ ? SQLITE_OK : result;
}

static int count_frames(dx_page_file *log, uint64_t *count) {
    sqlite3_file *below = dx_page_file_below(log);
    sqlite3_int64 size = 0;
    int result = below->pMethods->xFileSize(below, &size);
    *count = size > DX_LOG_HEADER_SIZE ? ((uint64_t)size - DX_LOG_HEADER_SIZE) / DX_FRAME_SIZE : 0;
    return result;
}

/* Commits in a log of an older program would read as what a crash leaves, and be lost: it is not opened. */
static int refuse_old(dx_page_file *log) {
    sqlite3_file *below = dx_page_file_below(log);
    uint8_t *frame = log->vfs->unit;
    int result = below->pMethods->xRead(below, frame, DX_FRAME_SIZE,
                                        (sqlite3_int64)dx_page_file_offset(DX_UNIT_FRAME, 1));
    if (result == SQLITE_OK && !is_unused(frame) && dx_frame_is_old(log->vfs->key, 1, frame)) {
        dx_page_file_note_damage(log, DX_DAMAGE_LOG_OLD, 0);
        return SQLITE_IOERR_DATA;
    }
    return result == SQLITE_IOERR_SHORT_READ ? SQLITE_OK : result;
}

int dx_log_check_header(dx_page_file *log, const uint8_t header[static DX_LOG_HEADER_SIZE]) {
    uint32_t magic = get_u32(header);
    uint32_t sum[2];
    sum_header(header, magic & 1, sum);
    bool valid = (magic & ~(uint32_t)1) == LOG_MAGIC && get_u32(header + 4) == LOG_VERSION &&
                 get_u32(header + 8) == DX_PAGE_SIZE && get_u32(header + 24) == sum[0] &&
                 get_u32(header + 28) == sum[1];
    log->salts_known = valid;
    memcpy(log->salts, header + 16, sizeof log->salts);
    memset(log->commit_ends, 0, sizeof log->commit_ends);
    if (valid) {
        return refuse_old(log);
    }
    /* The header is synced before the first frame is written, and was written together with the ruin of an
     * older first frame: no crash leaves a bad header before a good frame. */
    bool intact = false;
    uint32_t group = 0;
    int result = load_frame(log, 1, &intact, &group);
    if (result == SQLITE_OK && intact) {
        dx_page_file_note_damage(log, DX_DAMAGE_LOG_HEADER, 0);
        result = SQLITE_IOERR_DATA;
    }
    return result;
}

void dx_log_note_frame(dx_page_file *log, uint64_t number, const uint8_t *frame) {
    if (is_commit(frame) && has_salts(log, frame) && number > log->commit_ends[0]) {
        memmove(log->commit_ends + 1, log->commit_ends, sizeof log->commit_ends - sizeof log->commit_ends[0]);
        log->commit_ends[0] = number;
    }
}

int dx_log_judge_torn_frame(dx_page_file *log, uint64_t number) {
    uint64_t count = 0;
    int result = count_frames(log, &count);
    for (uint64_t next = number + 1; result == SQLITE_OK && next <= count; next++) {
        bool intact = false;
        uint32_t group = 0;
        result = load_frame(log, next, &intact, &group);
        if (result == SQLITE_OK && intact && has_salts(log, log->vfs->unit) && group > number) {
            dx_page_file_note_damage(log, DX_DAMAGE_FRAME, number);
            return SQLITE_IOERR_DATA;
        }
    }
    return result;
}

int dx_log_settle(dx_page_file *log) {
    sqlite3_file *below = dx_page_file_below(log);
    uint64_t last = log->commit_ends[0];
    uint64_t next = log->commit_ends[DX_LOG_COMMITS_KEPT - 1] + 1;
    if (last == 0) {
        return SQLITE_OK;
    }
    DX_ASSERT(log->run.count == 0 && !log->header_pending);
    while (next <= last) {
        uint64_t left = last - next + 1;
        int size = (int)((left < DX_RUN_UNITS ? left : DX_RUN_UNITS) * DX_FRAME_SIZE);
        sqlite3_int64 offset = (sqlite3_int64)dx_page_file_offset(DX_UNIT_FRAME, next);
        int result = below->pMethods->xRead(below, log->run.units, size, offset);
        if (result == SQLITE_OK) {
            result = below->pMethods->xWrite(below, log->run.units, size, offset);
        }
        if (result != SQLITE_OK) {
            return result;
        }
        next += DX_RUN_UNITS;
    }
    return below->pMethods->xSync(below, SQLITE_SYNC_NORMAL);
}

int dx_log_grow(dx_page_file *log, size_t size_bytes) {
    sqlite3_file *below = dx_page_file_below(log);
    sqlite3_int64 end = 0;
    int result = below->pMethods->xFileSize(below, &end);
    DX_ASSERT(log->run.count == 0 && !log->header_pending);
    memset(log->run.units, 0, (size_t)DX_RUN_UNITS * DX_FRAME_SIZE);
    while (result == SQLITE_OK && end > 0 && size_bytes > 0) {
        size_t part = (size_t)DX_RUN_UNITS * DX_FRAME_SIZE;
        part = size_bytes < part ? size_bytes : part;
        result = below->pMethods->xWrite(below, log->run.units, (int)part, end);
        end += (sqlite3_int64)part;
        size_bytes -= part;
    }
    if (result == SQLITE_OK && end > 0) {
        log->vfs->counts.syncs++;
        result = below->pMethods->xSync(below, SQLITE_SYNC_NORMAL);
    }
    return result;
}
