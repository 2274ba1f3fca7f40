/* store/page_file.c: reads and writes of SQLite on the vault's database and log. See page_file.h and
 * page_vfs.h. */
#include "store/page_file.h"

#include <string.h>

static size_t round_up(size_t size) {
    return (size + 15) & ~(size_t)15;
}

sqlite3_file *dx_page_file_below(dx_page_file *file) {
    return (sqlite3_file *)(void *)((uint8_t *)file + round_up(sizeof(dx_page_file)));
}

size_t dx_page_file_handle_size(const sqlite3_vfs *below) {
    return round_up(sizeof(dx_page_file)) + (size_t)below->szOsFile;
}

uint64_t dx_page_file_offset(dx_unit_kind kind, uint64_t number) {
    uint64_t start = kind == DX_UNIT_PAGE ? 0 : DX_LOG_HEADER_SIZE;
    return start + (number - 1) * dx_unit_size(kind);
}

void dx_page_file_note_damage(dx_page_file *file, dx_page_damage_kind kind, uint64_t number) {
    if (file->vfs->damage.kind == DX_DAMAGE_NONE) {
        file->vfs->damage = (dx_page_damage){kind, number};
    }
}

/* --- Gaps ------------------------------------------------------------------------------------- */

/* Between the cell pointers and the cells of a tree's page nothing is anything's, but SQLite leaves there what it moved to other
 * pages: zeros go to the database instead. Nobody reads it, and no checksum of SQLite's is over a page of the database. Pages
 * of other kinds begin with the number of another page, which is below TREE_PAGES_MAX. Returns where the gap begins. */
static uint8_t *find_gap(uint64_t number, uint8_t *page, size_t *size) {
    enum { TREE_PAGES_MAX = 1 << 25, USED = DX_PAGE_SIZE - DX_PAGE_RESERVED_SIZE };
    size_t header = number == 1 ? DX_PAGE_HEADER_SIZE : 0;
    uint8_t kind = page[header];
    bool inner = kind == 2 || kind == 5, leaf = kind == 10 || kind == 13;
    size_t cells = (size_t)page[header + 3] << 8 | page[header + 4];
    size_t begin = header + (inner ? 12 : 8) + 2 * cells;
    size_t end = (size_t)page[header + 5] << 8 | page[header + 6];
    bool has_gap = (inner || leaf) && number < TREE_PAGES_MAX && begin < end && end <= USED;
    *size = has_gap ? end - begin : 0;
    return page + (has_gap ? begin : 0);
}

static void clear_gap(uint64_t number, uint8_t *page) {
    size_t size;
    uint8_t *gap = find_gap(number, page, &size);
    memset(gap, 0, size);
}

/* Of a frame that is about to be sealed: whether its page may be copied as it stands (read_copy). */
static void note_gap(struct dx_page_vfs *vfs, uint64_t number, uint8_t *frame) {
    uint64_t page = (uint64_t)frame[0] << 24 | (uint64_t)frame[1] << 16 | (uint64_t)frame[2] << 8 | frame[3];
    size_t size;
    const uint8_t *gap = find_gap(page, frame + DX_FRAME_HEADER_SIZE, &size);
    bool clear = size == 0 || (gap[0] == 0 && memcmp(gap, gap + 1, size - 1) == 0);
    if (number <= DX_LOG_FRAMES_NOTED) {
        uint8_t bit = (uint8_t)(1u << (number - 1) % 8), *bits = &vfs->clear_frames[(number - 1) / 8];
        *bits = (uint8_t)(clear ? *bits | bit : *bits & ~bit);
    }
}

static bool is_clear(const struct dx_page_vfs *vfs, uint64_t number) {
    return number <= DX_LOG_FRAMES_NOTED &&
           (vfs->clear_frames[(number - 1) / 8] >> (number - 1) % 8 & 1) != 0;
}

/* --- The run ---------------------------------------------------------------------------------- */

/* The unit's plain bytes in the run, or NULL. */
static uint8_t *find_in_run(const dx_page_file *file, uint64_t number) {
    const dx_page_run *run = &file->run;
    if (number < run->first || number - run->first >= run->count) {
        return NULL;
    }
    return run->units + (number - run->first) * dx_unit_size(file->kind);
}

/* Bytes of a frame's nonce are not drawn but name the first frame of its group (page_seal.h). */
static void name_group(dx_page_file *file, uint8_t nonce[static DX_PAGE_NONCE_SIZE]) {
    if (file->kind == DX_UNIT_FRAME) {
        dx_frame_write_group(nonce, (uint32_t)file->group_first);
    }
}

static void seal_run(dx_page_file *file) {
    dx_page_run *run = &file->run;
    uint8_t nonces[DX_RUN_UNITS * DX_PAGE_NONCE_SIZE];
    size_t unit_size = dx_unit_size(file->kind);
    const dx_random *random = file->vfs->random;
    random->fill(random->ctx, nonces, (size_t)run->count * DX_PAGE_NONCE_SIZE);
    for (uint32_t i = 0; i < run->count; i++) {
        uint8_t *nonce = nonces + (size_t)i * DX_PAGE_NONCE_SIZE;
        name_group(file, nonce);
        if (file->kind == DX_UNIT_FRAME) {
            note_gap(file->vfs, run->first + i, run->units + i * unit_size);
        }
        dx_unit_seal(file->vfs->key, file->kind, run->first + i, nonce, run->units + i * unit_size);
    }
}

/* Seals the run, unless it holds copies, which are, and writes it. It is empty afterwards, also after an error: SQLite then takes back the
 * transaction the frames belong to, or writes the whole checkpoint the pages belong to again. */
static int flush_run(dx_page_file *file) {
    dx_page_run *run = &file->run;
    if (run->count == 0) {
        return SQLITE_OK;
    }
    size_t unit_size = dx_unit_size(file->kind);
    if (!file->vfs->copies) {
        seal_run(file);
    }
    int size = (int)(run->count * unit_size);
    file->vfs->counts.pages_written += run->count;
    run->count = 0;
    sqlite3_file *below = dx_page_file_below(file);
    return below->pMethods->xWrite(below, run->units, size,
                                   (sqlite3_int64)dx_page_file_offset(file->kind, run->first));
}

/* A place for the unit at the end of the run, which is written out first when it is full or not adjacent. */
static int extend_run(dx_page_file *file, uint64_t number, uint8_t **unit) {
    dx_page_run *run = &file->run;
    if (run->count == DX_RUN_UNITS || (run->count > 0 && number != run->first + run->count)) {
        int result = flush_run(file);
        if (result != SQLITE_OK) {
            return result;
        }
    }
    if (run->count == 0) {
        run->first = number;
    }
    DX_ASSERT(run->units != NULL); /* taken when the file was opened */
    if (!file->group_open || number < file->group_first) {
        file->group_open = true;
        file->group_first = number;
    }
    *unit = run->units + run->count * dx_unit_size(file->kind);
    run->count++;
    return SQLITE_OK;
}

/* --- Units ------------------------------------------------------------------------------------ */

/* What stands where the database file below has no whole page. */
static int read_missing_page(dx_page_file *file, uint64_t number, uint8_t *page) {
    sqlite3_file *below = dx_page_file_below(file);
    sqlite3_int64 size = 0;
    int result = below->pMethods->xFileSize(below, &size);
    if (result != SQLITE_OK) {
        return result;
    }
    if (size == 0 && number == 1) {
        dx_page_write_empty(page);
        return SQLITE_OK;
    }
    memset(page, 0, DX_PAGE_SIZE);
    return SQLITE_IOERR_DATA;
}

/* One whole unit of the file below in plain form; results as read_unit's. */
static int load_unit(dx_page_file *file, uint64_t number, uint8_t *out, bool *named) {
    size_t size = dx_unit_size(file->kind);
    sqlite3_file *below = dx_page_file_below(file);
    sqlite3_int64 offset = (sqlite3_int64)dx_page_file_offset(file->kind, number);
    int result = below->pMethods->xRead(below, out, (int)size, offset);
    if (result == SQLITE_IOERR_SHORT_READ) {
        if (file->kind == DX_UNIT_PAGE) {
            *named = number != 1 || dx_page_is_named(out);
            return read_missing_page(file, number, out);
        }
        memset(out, 0, size);
        return result;
    }
    if (result != SQLITE_OK) {
        return result;
    }
    *named = file->kind != DX_UNIT_PAGE || number != 1 || dx_page_is_named(out);
    return dx_unit_open(file->vfs->key, file->kind, number, out) ? SQLITE_OK : SQLITE_IOERR_DATA;
}

/* One whole unit in plain form. SQLITE_IOERR_DATA: it does not authenticate (out is zero), and did not when
 * it was read again: a bit that flipped on its way is no damage. *named: page 1 begins as a vault file does.
 * SQLITE_IOERR_SHORT_READ: the log ends before the frame does (out is zero). */
static int read_unit(dx_page_file *file, uint64_t number, uint8_t *out, bool *named) {
    const uint8_t *in_run = find_in_run(file, number);
    *named = true;
    if (in_run != NULL) {
        memcpy(out, in_run, dx_unit_size(file->kind));
        return SQLITE_OK;
    }
    int result = load_unit(file, number, out, named);
    return result == SQLITE_IOERR_DATA ? load_unit(file, number, out, named) : result;
}

int dx_page_file_look(dx_page_file *file, uint64_t number, bool *intact) {
    bool named;
    int result = read_unit(file, number, file->vfs->unit, &named);
    *intact = result == SQLITE_OK;
    return result == SQLITE_IOERR_DATA || result == SQLITE_IOERR_SHORT_READ ? SQLITE_OK : result;
}

/* A whole log frame is read by SQLite only to recover, or to correct the checksums of its own new frames. */
static int read_frame(dx_page_file *file, uint64_t number, uint8_t *out) {
    bool named;
    int result = read_unit(file, number, out, &named);
    if (result == SQLITE_OK) {
        dx_log_note_frame(file, number, out);
    } else if (result == SQLITE_IOERR_DATA) {
        result = dx_log_judge_torn_frame(file, number);
        memset(out, 0, DX_FRAME_SIZE);
    }
    return result;
}

static int read_part(dx_page_file *file, uint64_t number, size_t at, size_t size, uint8_t *out) {
    if (file->kind == DX_UNIT_FRAME && size == DX_FRAME_SIZE) {
        return read_frame(file, number, out);
    }
    bool whole = size == dx_unit_size(file->kind);
    uint8_t *unit = whole ? out : file->vfs->unit;
    bool named;
    int result = read_unit(file, number, unit, &named);
    if (result == SQLITE_IOERR_DATA) {
        if (file->kind == DX_UNIT_PAGE && number == 1 && at + size <= DX_PAGE_HEADER_SIZE) {
            dx_page_write_empty(unit);
            result = SQLITE_OK;
        } else if (file->kind == DX_UNIT_PAGE) {
            dx_page_file_note_damage(file, named ? DX_DAMAGE_PAGE : DX_DAMAGE_FOREIGN, number);
        } else {
            dx_page_file_note_damage(file, DX_DAMAGE_FRAME, number);
        }
    }
    if (!whole) {
        memcpy(out, unit + at, size);
    }
    return result;
}

/* Writes a part of one unit into the run; the rest of the unit is what the file has there. */
static int write_part(dx_page_file *file, uint64_t number, size_t at, const uint8_t *data, size_t size) {
    size_t unit_size = dx_unit_size(file->kind);
    uint8_t *unit = find_in_run(file, number);
    if (unit == NULL) {
        bool whole = size == unit_size;
        if (!whole) {
            bool named;
            int result = read_unit(file, number, file->vfs->unit, &named);
            if (result != SQLITE_OK) {
                return result == SQLITE_IOERR_SHORT_READ ? SQLITE_IOERR_WRITE : result;
            }
        }
        int result = extend_run(file, number, &unit);
        if (result != SQLITE_OK) {
            return result;
        }
        if (!whole) {
            memcpy(unit, file->vfs->unit, unit_size);
        }
    }
    memcpy(unit + at, data, size);
    if (file->kind == DX_UNIT_PAGE && size == DX_PAGE_SIZE) {
        clear_gap(number, unit);
    }
    return SQLITE_OK;
}

/* A frame header whose page did not follow was a correction of an existing frame. */
static int place_pending_header(dx_page_file *file) {
    if (!file->header_pending) {
        return SQLITE_OK;
    }
    file->header_pending = false;
    return write_part(file, file->pending_number, 0, file->pending_header, DX_FRAME_HEADER_SIZE);
}

/* The page that belongs to the pending header: together a new frame. */
static int place_pending_frame(dx_page_file *file, const uint8_t *page) {
    file->header_pending = false;
    uint8_t *unit = find_in_run(file, file->pending_number);
    if (unit == NULL) {
        int result = extend_run(file, file->pending_number, &unit);
        if (result != SQLITE_OK) {
            return result;
        }
    }
    memcpy(unit, file->pending_header, DX_FRAME_HEADER_SIZE);
    memcpy(unit + DX_FRAME_HEADER_SIZE, page, DX_PAGE_SIZE);
    return SQLITE_OK;
}

static int write_everything(dx_page_file *file) {
    int result = place_pending_header(file);
    return result == SQLITE_OK ? flush_run(file) : result;
}

/* --- Copying ---------------------------------------------------------------------------------- */

/* The page of a frame, sealed, whose gap is not known to be zeros: it is opened, cleared, and sealed anew where it stood. Its
 * nonce is the frame's with the last byte turned over, which no other has, and which one page always gets: what stands in a gap
 * may be remains of memory, other ones on every platform, and how much is drawn must not follow from that. */
static bool clear_copy(dx_page_file *log, uint64_t number, uint64_t page, uint8_t *frame) {
    const struct dx_page_vfs *vfs = log->vfs;
    uint8_t nonce[DX_PAGE_NONCE_SIZE];
    memcpy(nonce, frame + DX_FRAME_SIZE - DX_PAGE_RESERVED_SIZE, sizeof nonce);
    nonce[sizeof nonce - 1] ^= 0xff;
    if (!dx_unit_open(vfs->key, DX_UNIT_FRAME, number, frame)) {
        return false;
    }
    clear_gap(page, frame + DX_FRAME_HEADER_SIZE);
    dx_unit_seal(vfs->key, DX_UNIT_PAGE, page, nonce, frame + DX_FRAME_HEADER_SIZE);
    return true;
}

/* The page of a frame as it is sealed, when its gap is zeros. SQLite's checkpoint does not look at what it carries from the log
 * to the database. */
static int read_copy(dx_page_file *log, uint64_t number, uint8_t *out) {
    sqlite3_file *below = dx_page_file_below(log);
    dx_page_copy *copy = &log->vfs->copy;
    uint8_t *frame = log->vfs->unit;
    int result = below->pMethods->xRead(below, frame, DX_FRAME_SIZE,
                                        (sqlite3_int64)dx_page_file_offset(DX_UNIT_FRAME, number));
    copy->number = 0;
    if (result == SQLITE_OK && dx_frame_page(log->vfs->key, number, frame, &copy->number) &&
        (is_clear(log->vfs, number) || clear_copy(log, number, copy->number, frame))) {
        memcpy(out, frame + DX_FRAME_HEADER_SIZE, DX_PAGE_SIZE);
        memcpy(copy->reserved, out + DX_PAGE_SIZE - DX_PAGE_RESERVED_SIZE, DX_PAGE_RESERVED_SIZE);
    } else if (result == SQLITE_OK) {
        dx_page_file_note_damage(log, DX_DAMAGE_FRAME, number);
        copy->number = 0;
        result = SQLITE_IOERR_DATA;
    }
    return result;
}

/* Nothing but what was read last reaches the database so, at its own place. */
static int write_copy(dx_page_file *database, uint64_t number, const uint8_t *page) {
    dx_page_copy *copy = &database->vfs->copy;
    bool is_read = number == copy->number && memcmp(page + DX_PAGE_SIZE - DX_PAGE_RESERVED_SIZE,
                                                    copy->reserved, DX_PAGE_RESERVED_SIZE) == 0;
    uint8_t *unit;
    copy->number = 0;
    int result = is_read ? extend_run(database, number, &unit) : SQLITE_IOERR_WRITE;
    if (result == SQLITE_OK) {
        memcpy(unit, page, DX_PAGE_SIZE);
    }
    return result;
}

int dx_page_file_begin_copies(struct dx_page_vfs *vfs) {
    int result = vfs->log != NULL ? write_everything(vfs->log) : SQLITE_OK;
    result = result == SQLITE_OK && vfs->database != NULL ? write_everything(vfs->database) : result;
    vfs->copies = result == SQLITE_OK;
    vfs->copy.number = 0;
    return result;
}

void dx_page_file_end_copies(struct dx_page_vfs *vfs) {
    if (vfs->copies && vfs->database != NULL) {
        vfs->database->run.count = 0; /* of a checkpoint that failed: it is done again from its beginning */
    }
    vfs->copies = false;
}

/* --- SQLite's methods ------------------------------------------------------------------------- */

static int file_close(sqlite3_file *base) {
    dx_page_file *file = (dx_page_file *)base;
    sqlite3_file *below = dx_page_file_below(file);
    int written = write_everything(file);
    int closed = below->pMethods->xClose(below);
    if (file->kind == DX_UNIT_PAGE) {
        file->vfs->database = NULL;
    } else {
        file->vfs->log = NULL;
    }
    return written != SQLITE_OK ? written : closed;
}

static int read_log_header(dx_page_file *file, void *out, int size, sqlite3_int64 offset) {
    sqlite3_file *below = dx_page_file_below(file);
    int result = below->pMethods->xRead(below, out, size, offset);
    if (result == SQLITE_OK && offset == 0 && size == DX_LOG_HEADER_SIZE) {
        result = dx_log_check_header(file, out);
    }
    return result;
}

static int file_read(sqlite3_file *base, void *out, int size, sqlite3_int64 offset) {
    dx_page_file *file = (dx_page_file *)base;
    int result = place_pending_header(file);
    if (result != SQLITE_OK) {
        return result;
    }
    uint64_t start = dx_page_file_offset(file->kind, 1);
    if ((uint64_t)offset < start) {
        return (uint64_t)(offset + size) <= start ? read_log_header(file, out, size, offset)
                                                  : SQLITE_IOERR_READ;
    }
    size_t unit_size = dx_unit_size(file->kind);
    uint64_t number = ((uint64_t)offset - start) / unit_size + 1;
    size_t at = (size_t)(((uint64_t)offset - start) % unit_size);
    if (file->vfs->copies && file->kind == DX_UNIT_FRAME && at == DX_FRAME_HEADER_SIZE &&
        size == DX_PAGE_SIZE) {
        return read_copy(file, number, out);
    }
    uint8_t *to = out;
    size_t left = (size_t)size;
    while (left > 0 && result == SQLITE_OK) {
        size_t part = left < unit_size - at ? left : unit_size - at;
        result = read_part(file, number, at, part, to);
        to += part;
        left -= part;
        number++;
        at = 0;
    }
    memset(to, 0, left);
    return result;
}

/* The header begins the log anew over frames that are all in the database by now. With it the first of them
 * is broken, in the same write and sector, so that a header cut short never stands before a good frame. */
static int write_log_header(dx_page_file *file, const void *header) {
    enum { SECTOR_SIZE = 512 };
    uint8_t sector[SECTOR_SIZE] = {0};
    memcpy(sector, header, DX_LOG_HEADER_SIZE);
    int result = write_everything(file);
    if (result != SQLITE_OK) {
        return result;
    }
    sqlite3_file *below = dx_page_file_below(file);
    return below->pMethods->xWrite(below, sector, SECTOR_SIZE, 0);
}

/* SQLite in WAL mode writes whole pages to the database; to the log it writes its header, frame headers, and
 * whole pages behind them. Anything else is refused: it would be a SQLite this file does not know. */
static int file_write(sqlite3_file *base, const void *data, int size, sqlite3_int64 offset) {
    dx_page_file *file = (dx_page_file *)base;
    uint64_t start = dx_page_file_offset(file->kind, 1);
    if ((uint64_t)offset < start) {
        return offset == 0 && size == DX_LOG_HEADER_SIZE ? write_log_header(file, data) : SQLITE_IOERR_WRITE;
    }
    size_t unit_size = dx_unit_size(file->kind);
    uint64_t number = ((uint64_t)offset - start) / unit_size + 1;
    size_t at = (size_t)(((uint64_t)offset - start) % unit_size);
    bool is_frame = file->kind == DX_UNIT_FRAME;
    bool is_page = is_frame && at == DX_FRAME_HEADER_SIZE && size == DX_PAGE_SIZE;
    if (is_page && file->header_pending && file->pending_number == number) {
        return place_pending_frame(file, data);
    }
    int result = place_pending_header(file);
    if (result != SQLITE_OK) {
        return result;
    }
    if (is_frame && at == 0 && size == DX_FRAME_HEADER_SIZE) {
        file->header_pending = true;
        file->pending_number = number;
        memcpy(file->pending_header, data, DX_FRAME_HEADER_SIZE);
        return SQLITE_OK;
    }
    bool is_unit = at == 0 && (size_t)size == unit_size;
    if (file->vfs->copies) {
        return is_unit && !is_frame ? write_copy(file, number, data) : SQLITE_IOERR_WRITE;
    }
    return is_page || is_unit ? write_part(file, number, at, data, (size_t)size) : SQLITE_IOERR_WRITE;
}

/* Before the log is cut off to nothing: a header that begins none, durably. Power may fail while the file is cut, and a first
 * part of the frames, which are in the database with later ones by now, would be played back over it. */
static int void_log(dx_page_file *file) {
    sqlite3_file *below = dx_page_file_below(file);
    static const uint8_t nothing[DX_LOG_HEADER_SIZE];
    sqlite3_int64 size = 0;
    int result = below->pMethods->xFileSize(below, &size);
    if (result != SQLITE_OK || size == 0) {
        return result;
    }
    result = write_log_header(file, nothing);
    return result == SQLITE_OK ? below->pMethods->xSync(below, SQLITE_SYNC_NORMAL) : result;
}

static int file_truncate(sqlite3_file *base, sqlite3_int64 size) {
    dx_page_file *file = (dx_page_file *)base;
    int result = write_everything(file);
    if (result == SQLITE_OK && file->kind == DX_UNIT_FRAME && size == 0) {
        result = void_log(file);
    }
    if (result != SQLITE_OK) {
        return result;
    }
    sqlite3_file *below = dx_page_file_below(file);
    return below->pMethods->xTruncate(below, size);
}

static int file_sync(sqlite3_file *base, int flags) {
    dx_page_file *file = (dx_page_file *)base;
    int result = write_everything(file);
    if (result != SQLITE_OK) {
        return result;
    }
    sqlite3_file *below = dx_page_file_below(file);
    file->vfs->counts.syncs++;
    result = below->pMethods->xSync(below, flags);
    file->group_open = file->group_open && result != SQLITE_OK;
    return result;
}

static int file_size(sqlite3_file *base, sqlite3_int64 *size) {
    dx_page_file *file = (dx_page_file *)base;
    sqlite3_file *below = dx_page_file_below(file);
    int result = below->pMethods->xFileSize(below, size);
    if (result != SQLITE_OK) {
        return result;
    }
    if (file->run.count > 0) {
        sqlite3_int64 end = (sqlite3_int64)dx_page_file_offset(file->kind, file->run.first + file->run.count);
        *size = end > *size ? end : *size;
    }
    if (file->kind == DX_UNIT_PAGE && *size < DX_PAGE_SIZE) {
        *size = DX_PAGE_SIZE;
    }
    return SQLITE_OK;
}

static int file_lock(sqlite3_file *base, int level) {
    sqlite3_file *below = dx_page_file_below((dx_page_file *)base);
    return below->pMethods->xLock(below, level);
}

static int file_unlock(sqlite3_file *base, int level) {
    sqlite3_file *below = dx_page_file_below((dx_page_file *)base);
    return below->pMethods->xUnlock(below, level);
}

static int file_check_reserved_lock(sqlite3_file *base, int *reserved) {
    sqlite3_file *below = dx_page_file_below((dx_page_file *)base);
    return below->pMethods->xCheckReservedLock(below, reserved);
}

static int file_control(sqlite3_file *base, int operation, void *argument) {
    sqlite3_file *below = dx_page_file_below((dx_page_file *)base);
    switch (operation) {
    case SQLITE_FCNTL_LAST_ERRNO:
    case SQLITE_FCNTL_HAS_MOVED:
    case SQLITE_FCNTL_PERSIST_WAL:
    case SQLITE_FCNTL_LOCKSTATE:
        return below->pMethods->xFileControl(below, operation, argument);
    default:
        return SQLITE_NOTFOUND;
    }
}

static int file_sector_size(sqlite3_file *base) {
    sqlite3_file *below = dx_page_file_below((dx_page_file *)base);
    return below->pMethods->xSectorSize != NULL ? below->pMethods->xSectorSize(below) : DX_PAGE_SIZE;
}

static int file_device_characteristics(sqlite3_file *base) {
    sqlite3_file *below = dx_page_file_below((dx_page_file *)base);
    int below_claims =
        below->pMethods->xDeviceCharacteristics != NULL ? below->pMethods->xDeviceCharacteristics(below) : 0;
    return (below_claims & SQLITE_IOCAP_UNDELETABLE_WHEN_OPEN) | SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

/* Version 1: no shared memory (the log's index is on the heap) and no memory mapping. */
static const sqlite3_io_methods file_methods = {
    .iVersion = 1,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_check_reserved_lock,
    .xFileControl = file_control,
    .xSectorSize = file_sector_size,
    .xDeviceCharacteristics = file_device_characteristics,
};

void dx_page_file_init(dx_page_file *file, struct dx_page_vfs *vfs, dx_unit_kind kind) {
    *file = (dx_page_file){.base.pMethods = &file_methods, .vfs = vfs, .kind = kind};
    file->run.units = vfs->runs + (kind == DX_UNIT_PAGE ? 0 : DX_RUN_UNITS * DX_FRAME_SIZE);
}
