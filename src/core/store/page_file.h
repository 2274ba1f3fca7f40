/* store/page_file.h: the two files of a vault as the encrypting VFS holds them: database and log.
 *
 * Layer: floor 1, inside store; nobody else includes it. What the files promise to SQLite stands in
 * page_vfs.h. Invariants: the run holds adjacent units in plain form (sealed while copies are made), and they hide what the file
 * below has at their places; a frame header written alone waits in header_pending until the next call shows whether its
 * page follows. Ownership: SQLite gives the memory of the handle, and behind it that of the file below; the
 * run's bytes are the VFS instance's. */
#ifndef DX_STORE_PAGE_FILE_H
#define DX_STORE_PAGE_FILE_H

#include "store/page_vfs.h"

enum {
    DX_LOG_HEADER_SIZE = 32,
    /* Units written by one call below: the most that fits in 131,071 bytes, beyond which SQLite's unix VFS
     * cuts a read or write short. */
    DX_RUN_UNITS = 31,
    /* Commits whose frames are written again by dx_page_vfs_settle: the last one may be in doubt; the last
     * commit mark read may belong to a frame SQLite refused, so one more. */
    DX_LOG_COMMITS_KEPT = 3,
    /* Frames of which it is known whether their pages' gaps are zeros: more than a log has before a commit empties it. */
    DX_LOG_FRAMES_NOTED = 1 << 14
};

typedef struct dx_page_run {
    uint8_t *units;
    uint64_t first; /* number of the first unit */
    uint32_t count;
} dx_page_run;

typedef struct dx_page_file {
    sqlite3_file base;
    struct dx_page_vfs *vfs;
    dx_unit_kind kind;
    dx_page_run run;

    /* Log only. A group is what was written since the last sync; its frames name its first one in their
     * nonces. */
    bool group_open;
    uint64_t group_first;
    bool header_pending;
    uint64_t pending_number;
    uint8_t pending_header[DX_FRAME_HEADER_SIZE];
    bool salts_known;
    uint8_t salts[8]; /* of the log's header: a frame with others is left from before */
    uint64_t commit_ends[DX_LOG_COMMITS_KEPT]; /* frames up to the last commits recovered, latest first */
} dx_page_file;

/* The page that a checkpoint read last from the log, while copies are made. */
typedef struct dx_page_copy {
    uint64_t number; /* of the page, 0: none */
    uint8_t reserved[DX_PAGE_RESERVED_SIZE];
} dx_page_copy;

struct dx_page_vfs {
    sqlite3_vfs base;
    char name[40];
    const dx_alloc *alloc;
    const dx_random *random;
    sqlite3_vfs *below;
    uint8_t key[DX_PAGE_KEY_SIZE];
    uint8_t *runs; /* of database and log, DX_RUN_UNITS frames each */
    dx_page_file *database;
    dx_page_file *log;
    dx_page_damage damage;
    dx_page_counts counts;
    /* Frames of the log, by bits, whose pages have nothing but zeros in their gaps: a checkpoint copies them as they are sealed.
     * What another process wrote is not known. */
    uint8_t clear_frames[DX_LOG_FRAMES_NOTED / 8];
    bool copies; /* a checkpoint is under way: pages go from the log to the database as they are sealed */
    dx_page_copy copy;
    uint8_t unit[DX_FRAME_SIZE]; /* a unit read to be used in part */
};

/* The file below lies behind ours in SQLite's allocation. */
sqlite3_file *dx_page_file_below(dx_page_file *file);
size_t dx_page_file_handle_size(const sqlite3_vfs *below);
/* The file below is open; makes ours usable. */
void dx_page_file_init(dx_page_file *file, struct dx_page_vfs *vfs, dx_unit_kind kind);
void dx_page_file_note_damage(dx_page_file *file, dx_page_damage_kind kind, uint64_t number);
/* One whole unit into the instance's own; *intact: it is there and authenticates. */
int dx_page_file_look(dx_page_file *file, uint64_t number, bool *intact);
/* Around a checkpoint; nothing else may happen in between. */
int dx_page_file_begin_copies(struct dx_page_vfs *vfs);
void dx_page_file_end_copies(struct dx_page_vfs *vfs);
uint64_t dx_page_file_offset(dx_unit_kind kind, uint64_t number);

/* --- The log while it is recovered, and between commits (log_recovery.c) ---------------------- */

/* The log's first 32 bytes were read. SQLITE_IOERR_DATA when they are damaged though frames follow. */
int dx_log_check_header(dx_page_file *log, const uint8_t header[static DX_LOG_HEADER_SIZE]);
/* A whole frame was read and authenticates. */
void dx_log_note_frame(dx_page_file *log, uint64_t number, const uint8_t *frame);
/* A whole frame does not authenticate: SQLITE_OK when it may be what a crash left of an unfinished commit,
 * SQLITE_IOERR_DATA when a later commit proves that it had been durable. */
int dx_log_judge_torn_frame(dx_page_file *log, uint64_t number);
int dx_log_settle(dx_page_file *log);
int dx_log_grow(dx_page_file *log, size_t size_bytes);

#endif
