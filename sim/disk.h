/* sim/disk.h: a disk in memory that fails as disks do, as a SQLite VFS.
 *
 * Layer: simulator; includes SQLite's header and include/dxos only. One disk is one registered VFS with its
 * own files; everything it decides comes from its seed. Model:
 *   - a write changes what is read at once, and the disk itself only by a sync; a crash keeps any subset
 *     of the sectors not synced, and of a 4096-byte sector any subset of its 512-byte parts; it may keep a
 *     longer size without the data;
 *   - a name made or removed is durable only after its directory was synced: by the first sync of a journal
 *     or log after it was opened, or a delete that asks for it, as SQLite's unix VFS does; a crash keeps or
 *     loses each such change;
 *   - any call may fail, once or from then on; a write may stop in the middle, or land elsewhere; a failed
 *     sync may forget what it was to write: it still reads, and is not on the disk; reads may return a
 *     flipped bit.
 * Not modelled: stale reads.
 * Ownership: the disk owns its files; all SQLite handles on it must be closed before it is destroyed. Not
 * for use by two threads. */
#ifndef DX_SIM_DISK_H
#define DX_SIM_DISK_H

#include <dxos/base.h>
#include <sqlite3.h>

typedef struct sim_disk sim_disk;

/* What SQLite asks of a disk; also the bits of a mask: 1u << SIM_DISK_READ. */
typedef enum sim_disk_call {
    SIM_DISK_OPEN,
    SIM_DISK_DELETE,
    SIM_DISK_ACCESS,
    SIM_DISK_READ,
    SIM_DISK_WRITE,
    SIM_DISK_TRUNCATE,
    SIM_DISK_SYNC,
    SIM_DISK_SIZE,
    SIM_DISK_LOCK,
    SIM_DISK_CALL_COUNT
} sim_disk_call;

#define SIM_DISK_ALL_CALLS ((1u << SIM_DISK_CALL_COUNT) - 1)
/* Those after which the disk may be different: where a crash is worth trying. */
#define SIM_DISK_CHANGES                                                                                     \
    (1u << SIM_DISK_OPEN | 1u << SIM_DISK_DELETE | 1u << SIM_DISK_WRITE | 1u << SIM_DISK_TRUNCATE |          \
     1u << SIM_DISK_SYNC)

/* Chances are per million calls. All zero: a disk without faults, 512-byte sectors, no end. */
typedef struct sim_disk_config {
    uint32_t sector_size; /* 512 or 4096; 0: 512 */
    uint64_t quota_size;  /* bytes of all files together; 0: no end */
    uint32_t read_error_chance;
    uint32_t write_error_chance;
    uint32_t short_write_chance;
    uint32_t sync_error_chance;
    uint32_t read_flip_chance; /* one bit of what is returned */
    uint32_t misdirect_chance; /* a write lands whole at another sector of the same file */
    bool failed_sync_forgets;  /* a failed sync drops what it was to write */
} sim_disk_config;

/* The plan for one fault: of the calls in the mask, the at-th from now (1 is the next) fails. */
typedef struct sim_disk_fault {
    uint32_t calls; /* mask */
    uint64_t at;    /* 0: no fault planned */
    bool sticky;    /* and all after it, until sim_disk_heal */
    bool full;      /* writes fail as if the disk were full, otherwise with an I/O error */
    bool half;      /* a failing write writes its first half */
} sim_disk_fault;

typedef struct sim_disk_counts {
    uint64_t calls[SIM_DISK_CALL_COUNT];
    uint64_t faults;
    uint64_t bytes_read;
    uint64_t bytes_written;
} sim_disk_counts;

/* Aborts when the process has no memory: there is nothing to simulate then. */
sim_disk *sim_disk_create(uint64_t seed, const sim_disk_config *config);
void sim_disk_destroy(sim_disk *disk);
/* The name to give as dx_store_config.vfs / dx_node_config.vfs. */
const char *sim_disk_vfs(const sim_disk *disk);

/* Power fails: every open handle is dead (its calls fail and change nothing), what was not synced is kept or
 * lost. The disk can be used again at once. */
void sim_disk_crash(sim_disk *disk);
/* Another disk with the same files, durable or not, without handles, faults or watcher. */
sim_disk *sim_disk_copy(const sim_disk *disk, uint64_t seed);
/* Makes the disk's files those of the image: a backup restored. No handle may be open. */
void sim_disk_restore(sim_disk *disk, const sim_disk *image);

void sim_disk_plan(sim_disk *disk, const sim_disk_fault *fault);
/* No planned fault and no chances from now on; what was forgotten stays forgotten. */
void sim_disk_heal(sim_disk *disk);
void sim_disk_configure(sim_disk *disk, const sim_disk_config *config);
const sim_disk_counts *sim_disk_counters(const sim_disk *disk);
/* Called before each call that may change the disk (SIM_DISK_CHANGES); it may copy the disk, and change
 * nothing. */
void sim_disk_watch(sim_disk *disk, void (*watch)(void *ctx, const sim_disk *disk, sim_disk_call call),
                    void *ctx);

/* --- The files, from outside ------------------------------------------------------------------- */

/* The bytes of a file as a program would read them; borrowed until the disk changes. data NULL: no such file.
 */
dx_bytes sim_disk_file(const sim_disk *disk, const char *name);
/* Replaces a file's bytes, durably; makes it if need be. */
void sim_disk_put(sim_disk *disk, const char *name, dx_bytes bytes);
/* Flips bits of one byte, durably. */
void sim_disk_flip(sim_disk *disk, const char *name, uint64_t offset, uint8_t bits);
void sim_disk_remove(sim_disk *disk, const char *name);

#endif
