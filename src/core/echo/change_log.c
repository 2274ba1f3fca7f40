/* echo/change_log.c: the latest changes, in memory and in the vault. Contract in change_log.h.
 *
 * Layer: floor 1, echo. Table `changed`: a row per step, its number that of its first change, its changes 8 bytes each (key << 1, and 1
 * when the step made it; big endian); the row with number -1 holds the life, and for which models rows were told (16 bytes, big endian). */
#include "echo/change_log.h"

#include <string.h>

#include "model/registry.h"

enum { LIFE_ROW = -1, LIFE_ROW_SIZE = 16, CHANGE_SIZE = 8, TRIM_EVERY = 1024 };

void dx_change_log_init(dx_change_log *log, const dx_alloc *alloc) {
    *log = (dx_change_log){.alloc = alloc};
    dx_buf_init(&log->fresh, alloc, (size_t)DX_CHANGES_MAX * CHANGE_SIZE);
}

static void write_number(uint64_t number, uint8_t out[static CHANGE_SIZE]) {
    for (size_t i = 0; i < CHANGE_SIZE; i++) {
        out[i] = (uint8_t)(number >> (56 - 8 * i));
    }
}

static uint64_t read_number(const uint8_t bytes[static CHANGE_SIZE]) {
    uint64_t number = 0;
    for (size_t i = 0; i < CHANGE_SIZE; i++) {
        number = number << 8 | bytes[i];
    }
    return number;
}

static void free_ring(dx_change_log *log) {
    if (log->ring != NULL) {
        dx_alloc_free(log->alloc, log->ring, DX_CHANGE_LOG_MAX * sizeof *log->ring);
        log->ring = NULL;
    }
}

void dx_change_log_deinit(dx_change_log *log) {
    free_ring(log);
    dx_buf_deinit(&log->fresh);
}

/* --- In memory ------------------------------------------------------------------------------------- */

static void begin_life(dx_change_log *log, const dx_random *random) {
    do {
        random->fill(random->ctx, (uint8_t *)&log->life, sizeof log->life);
    } while (log->life == 0);
    log->first = log->written = log->asked = log->number;
    log->stored = false;
}

dx_position dx_change_log_position(dx_change_log *log, const dx_random *random) {
    if (log->life == 0) {
        begin_life(log, random);
    }
    log->asked = log->number;
    return (dx_position){.life = log->life, .number = log->number};
}

bool dx_change_log_knows(const dx_change_log *log, const dx_position *position) {
    return log->life != 0 && position->life == log->life && position->number >= log->first &&
           position->number <= log->number;
}

static int remember(dx_change_log *log, uint64_t packed) {
    if (log->ring == NULL) {
        log->ring = dx_alloc_take(log->alloc, DX_CHANGE_LOG_MAX * sizeof *log->ring);
        if (log->ring == NULL) {
            return DX_E_NO_MEMORY;
        }
    }
    log->ring[log->number % DX_CHANGE_LOG_MAX] = packed;
    log->number++;
    if (log->number - log->first > DX_CHANGE_LOG_MAX) {
        log->first = log->number - DX_CHANGE_LOG_MAX;
    }
    return DX_OK;
}

int dx_change_log_add(dx_change_log *log, int64_t key, bool created) {
    uint8_t bytes[CHANGE_SIZE];
    uint64_t packed = (uint64_t)key << 1 | created;
    if (log->life == 0) {
        log->number++;
        return DX_OK;
    }
    write_number(packed, bytes);
    dx_buf_append(&log->fresh, bytes, sizeof bytes);
    int error = dx_buf_error(&log->fresh);
    return error == DX_OK ? remember(log, packed) : error;
}

void dx_change_log_skip(dx_change_log *log) {
    log->number++;
    log->first = log->written = log->number;
    dx_buf_clear(&log->fresh);
    log->stored = false; /* what stands in the vault is over */
}

dx_logged_change dx_change_log_at(const dx_change_log *log, uint64_t number) {
    uint64_t packed = log->ring[number % DX_CHANGE_LOG_MAX];
    return (dx_logged_change){.key = (int64_t)(packed >> 1), .created = (packed & 1) != 0};
}

/* --- In the vault ---------------------------------------------------------------------------------- */

static int insert(dx_context *context, int64_t number, dx_bytes bytes) {
    sqlite3_stmt *statement =
        dx_store_query(context->store, "INSERT OR REPLACE INTO changed(number, entities) VALUES(?1, ?2)");
    dx_bind_int(statement, 1, number);
    dx_bind_bytes(statement, 2, bytes);
    return dx_step_done(context->store, statement);
}

static int delete_below(dx_context *context, int64_t number) {
    sqlite3_stmt *statement =
        dx_store_query(context->store, "DELETE FROM changed WHERE number >= 0 AND number < ?1");
    dx_bind_int(statement, 1, number);
    return dx_step_done(context->store, statement);
}

/* A life that begins: nothing of another one stays. An empty row says where it stands. */
static int store_life(dx_change_log *log, dx_context *context) {
    uint8_t bytes[LIFE_ROW_SIZE];
    write_number(log->life, bytes);
    write_number(dx_model_registry_mark(context->models), bytes + CHANGE_SIZE);
    int error = delete_below(context, INT64_MAX);
    error = error == DX_OK ? insert(context, LIFE_ROW, dx_bytes_of(bytes, sizeof bytes)) : error;
    error = error == DX_OK ? insert(context, (int64_t)log->written, dx_bytes_of(NULL, 0)) : error;
    log->stored = error == DX_OK;
    return error;
}

static int forget(dx_context *context) {
    return dx_step_done(context->store, dx_store_query(context->store, "DELETE FROM changed"));
}

/* Positions that were told are all too old: remembering more serves nobody. */
static int end_life(dx_change_log *log, dx_context *context) {
    int error = log->stored ? forget(context) : DX_OK;
    log->life = 0;
    log->stored = false;
    dx_buf_clear(&log->fresh);
    free_ring(log);
    return error;
}

int dx_change_log_end_step(dx_change_log *log, dx_context *context) {
    int error = DX_OK;
    if (log->life == 0) {
        return DX_OK;
    }
    if (log->number - log->asked > DX_CHANGE_LOG_MAX) {
        return end_life(log, context);
    }
    if (log->persists && !log->stored) {
        error = store_life(log, context);
    }
    if (error == DX_OK && log->persists && log->fresh.size > 0) {
        error = insert(context, (int64_t)log->written, dx_buf_view(&log->fresh));
    }
    if (error == DX_OK && log->persists && log->written / TRIM_EVERY != log->number / TRIM_EVERY &&
        log->number >
            DX_CHANGE_LOG_MAX + DX_CHANGES_MAX) { /* the step that holds the first known one stays */
        error = delete_below(context, (int64_t)(log->number - DX_CHANGE_LOG_MAX - DX_CHANGES_MAX));
    }
    log->written = log->number;
    dx_buf_clear(&log->fresh);
    return error;
}

/* 0: there is none, or it is one of a program that knew other models (or, of 8 bytes, did not say): what rows show is
 * another thing now, and no change says so. */
static int read_life(dx_change_log *log, dx_context *context) {
    sqlite3_stmt *select = dx_store_query(context->store, "SELECT entities FROM changed WHERE number = -1");
    int error = DX_OK;
    if (dx_step(context->store, select)) {
        dx_bytes bytes = dx_column_bytes(select, 0);
        bool same = bytes.size == LIFE_ROW_SIZE &&
                    read_number(bytes.data + CHANGE_SIZE) == dx_model_registry_mark(context->models);
        log->life = same ? read_number(bytes.data) : 0;
        error = bytes.size == LIFE_ROW_SIZE || bytes.size == CHANGE_SIZE ? DX_OK : DX_E_CORRUPT;
        dx_step_reset(select);
    }
    return error == DX_OK ? dx_store_error(context->store) : error;
}

static int read_changes(dx_change_log *log, dx_context *context) {
    sqlite3_stmt *select = dx_store_query(
        context->store, "SELECT number, entities FROM changed WHERE number >= 0 ORDER BY number");
    int error = DX_OK;
    bool begun = false;
    while (error == DX_OK && dx_step(context->store, select)) {
        uint64_t number = (uint64_t)dx_column_int(select, 0);
        dx_bytes bytes = dx_column_bytes(select, 1);
        if (!begun) {
            log->number = log->first = number;
            begun = true;
        }
        if (number != log->number || bytes.size % CHANGE_SIZE != 0) {
            error = DX_E_CORRUPT;
        }
        for (size_t at = 0; error == DX_OK && at < bytes.size; at += CHANGE_SIZE) {
            error = remember(log, read_number(bytes.data + at));
        }
    }
    dx_step_reset(select);
    return error == DX_OK ? dx_store_error(context->store) : error;
}

int dx_change_log_load(dx_change_log *log, dx_context *context, bool is_copy) {
    log->persists = !dx_store_is_read_only(context->store);
    int error = !is_copy ? read_life(log, context) : log->persists ? forget(context) : DX_OK;
    if (error == DX_OK && log->life != 0) {
        error = read_changes(log, context);
        log->stored = true;
        log->written = log->asked = log->number;
        return error;
    }
    if (error == DX_OK) {
        begin_life(log, context->random);
    }
    return error;
}
