/* sim/disk.c: a disk in memory that fails as disks do, as a SQLite VFS. See disk.h.
 *
 * A file's bytes are kept once, as programs see them; for each sector that differs from the disk itself there
 * is a change with the sector's durable bytes. A sync drops the changes; a crash puts some of them back. */
#include "disk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PART_SIZE = 512,         /* what a crash never tears */
    CALL_SIZE_MAX = 0x1ffff, /* bytes of one read or write, as in SQLite's unix VFS */
    NAME_SIZE = 256,
    NAMES_MAX = 16,      /* files of one disk: a vault, its log, and a test's own */
    NAME_STATES_MAX = 8, /* changes of one name between two syncs of the directory */
    MILLION = 1000000
};

typedef struct change {
    uint64_t sector;
    size_t old_at;  /* of the durable bytes in the inode's old_bytes; NOTHING: the sector was not there */
    bool forgotten; /* a failed sync dropped it: only a new write can make it durable */
} change;

#define NOTHING SIZE_MAX

typedef struct inode {
    uint8_t *bytes;
    size_t size, capacity;
    size_t durable_size;
    change *changes;
    size_t change_count, change_capacity;
    uint32_t *change_of; /* by sector: index of its change + 1, 0: none */
    size_t change_of_capacity;
    uint8_t *old_bytes;
    size_t old_size, old_capacity;
    unsigned references; /* names, now or durably or in between, and handles */
    unsigned shared_locks;
    bool reserved, pending, exclusive;
} inode;

/* A name's inodes: the durable one, each later one, the last is what programs see. NULL: no file. */
typedef struct name_entry {
    char name[NAME_SIZE];
    inode *states[NAME_STATES_MAX];
    unsigned count;
} name_entry;

struct sim_disk {
    sqlite3_vfs vfs;
    char vfs_name[40];
    sim_disk_config config;
    sim_disk_fault fault;
    bool struck; /* the planned fault has happened */
    sim_disk_counts counts;
    uint64_t random_state;
    uint64_t power; /* changes with each crash: handles of before are dead */
    unsigned handles;
    name_entry names[NAMES_MAX];
    unsigned name_count;
    void (*watch)(void *ctx, const sim_disk *disk, sim_disk_call call);
    void *watch_ctx;
};

typedef struct handle {
    sqlite3_file base;
    sim_disk *disk;
    inode *node;
    uint64_t power;
    int lock;
    bool syncs_directory; /* a journal or log that could be new: its first sync makes names durable */
    bool delete_on_close;
    char name[NAME_SIZE];
} handle;

/* --- Memory and chance ------------------------------------------------------------------------- */

static void *need(void *block) {
    if (block == NULL) {
        fputs("sim/disk: no memory\n", stderr);
        abort();
    }
    return block;
}

static void *grow_array(void *array, size_t *capacity, size_t needed, size_t item_size) {
    if (needed <= *capacity) {
        return array;
    }
    size_t larger = *capacity < 64 ? 64 : *capacity;
    while (larger < needed) {
        larger *= 2;
    }
    *capacity = larger;
    return need(realloc(array, larger * item_size));
}

static uint64_t draw(sim_disk *disk) {
    uint64_t z = (disk->random_state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static uint64_t draw_below(sim_disk *disk, uint64_t bound) {
    return draw(disk) % bound;
}

static bool happens(sim_disk *disk, uint32_t chance) {
    return chance != 0 && draw_below(disk, MILLION) < chance;
}

/* --- Inodes ------------------------------------------------------------------------------------ */

static void release(inode *node) {
    if (node == NULL || --node->references > 0) {
        return;
    }
    free(node->bytes);
    free(node->changes);
    free(node->change_of);
    free(node->old_bytes);
    free(node);
}

static inode *retain(inode *node) {
    if (node != NULL) {
        node->references++;
    }
    return node;
}

/* What lies between the old end and `written` becomes zero; the rest up to the new size is the caller's. */
static void extend_bytes(inode *node, size_t size, size_t written) {
    enum { FIRST_CAPACITY = 4 << 20 }; /* a small vault's whole log: it need not move while it grows */
    size_t needed = size > FIRST_CAPACITY ? size : FIRST_CAPACITY;
    node->bytes = grow_array(node->bytes, &node->capacity, needed, 1);
    if (written > node->size) {
        memset(node->bytes + node->size, 0, written - node->size);
    }
    node->size = size;
}

static void resize_bytes(inode *node, size_t size) {
    extend_bytes(node, size, size);
}

/* Room for the changes of so many sectors up to this one. */
static void reserve_changes(inode *node, uint64_t end_sector, size_t count) {
    size_t had = node->change_of_capacity;
    node->change_of =
        grow_array(node->change_of, &node->change_of_capacity, end_sector, sizeof *node->change_of);
    memset(node->change_of + had, 0, (node->change_of_capacity - had) * sizeof *node->change_of);
    node->changes =
        grow_array(node->changes, &node->change_capacity, node->change_count + count, sizeof *node->changes);
}

/* What is on the disk of a sector that is about to change. */
static size_t keep_old(const sim_disk *disk, inode *node, size_t start) {
    size_t sector_size = disk->config.sector_size, at = node->old_size;
    size_t there = start < node->size ? node->size - start : 0;
    there = there < sector_size ? there : sector_size;
    node->old_bytes = grow_array(node->old_bytes, &node->old_capacity, at + sector_size, 1);
    node->old_size += sector_size;
    memcpy(node->old_bytes + at, node->bytes + start, there);
    memset(node->old_bytes + at + there, 0, sector_size - there);
    return at;
}

/* Before sectors are changed for the first time since they were durable: keeps what is on the disk. A log grows by five
 * hundred sectors at a time, so they are noted in one pass. */
static void note_changes(const sim_disk *disk, inode *node, uint64_t from, uint64_t to) {
    uint64_t sector_size = disk->config.sector_size;
    uint64_t begin = from / sector_size, end = (to + sector_size - 1) / sector_size;
    if (begin >= end) {
        return;
    }
    reserve_changes(node, end, (size_t)(end - begin));
    for (uint64_t sector = begin; sector < end; sector++) {
        uint32_t known = node->change_of[sector];
        if (known != 0) {
            node->changes[known - 1].forgotten = false;
            continue;
        }
        size_t start = (size_t)(sector * sector_size);
        node->changes[node->change_count++] = (change){
            .sector = sector, .old_at = start < node->durable_size ? keep_old(disk, node, start) : NOTHING};
        node->change_of[sector] = (uint32_t)node->change_count;
    }
}

/* Everything written is on the disk, but for what a failed sync forgot. */
static void make_durable(inode *node) {
    size_t kept = 0;
    for (size_t i = 0; i < node->change_count; i++) {
        change *each = &node->changes[i];
        node->change_of[each->sector] = 0;
        if (each->forgotten) {
            node->changes[kept++] = *each;
            node->change_of[each->sector] = (uint32_t)kept;
        }
    }
    node->change_count = kept;
    if (kept == 0) {
        node->old_size = 0;
    }
    node->durable_size = node->size;
}

static inode *copy_inode(const inode *from) {
    inode *node = need(calloc(1, sizeof *node));
    node->bytes = need(malloc(from->size + 1));
    node->capacity = from->size + 1;
    if (from->size > 0) {
        memcpy(node->bytes, from->bytes, from->size);
    }
    node->size = from->size;
    node->durable_size = from->durable_size;
    if (from->change_count > 0) {
        node->changes = need(malloc(from->change_count * sizeof *node->changes));
        memcpy(node->changes, from->changes, from->change_count * sizeof *node->changes);
        node->change_count = node->change_capacity = from->change_count;
        node->change_of = need(malloc(from->change_of_capacity * sizeof *node->change_of));
        memcpy(node->change_of, from->change_of, from->change_of_capacity * sizeof *node->change_of);
        node->change_of_capacity = from->change_of_capacity;
        node->old_bytes = need(malloc(from->old_size + 1));
        if (from->old_size > 0) {
            memcpy(node->old_bytes, from->old_bytes, from->old_size);
        }
        node->old_size = from->old_size;
        node->old_capacity = from->old_size + 1;
    }
    return node;
}

/* --- A crash ----------------------------------------------------------------------------------- */

typedef enum crash_mode {
    KEEP_NOTHING,
    KEEP_ALL,
    KEEP_FIRST,     /* in the order they were first written, up to a point */
    KEEP_LAST,      /* from a point on */
    KEEP_STRETCHES, /* several together, as larger writes are kept or lost */
    KEEP_SOME,      /* each sector by chance */
    KEEP_PARTS,     /* each 512-byte part by chance */
    CRASH_MODE_COUNT
} crash_mode;

/* Whether the index-th sector is kept. *stretch is what became of the one before. */
static bool keeps(sim_disk *disk, crash_mode mode, size_t index, size_t point, bool *stretch) {
    enum { STRETCH = 8 };
    switch (mode) {
    case KEEP_ALL:
        return true;
    case KEEP_FIRST:
        return index < point;
    case KEEP_LAST:
        return index >= point;
    case KEEP_STRETCHES:
        *stretch = draw_below(disk, STRETCH) == 0 ? !*stretch : *stretch;
        return *stretch;
    case KEEP_SOME:
    case KEEP_PARTS:
        return draw_below(disk, 2) != 0;
    case KEEP_NOTHING:
    case CRASH_MODE_COUNT:
        break;
    }
    return false;
}

/* Puts back what the disk had in one part of a sector. */
static void put_back(inode *node, const change *lost, size_t sector_size, size_t at, size_t size) {
    size_t start = (size_t)lost->sector * sector_size + at;
    if (start >= node->size) {
        return;
    }
    size_t there = node->size - start < size ? node->size - start : size;
    if (lost->old_at == NOTHING) {
        memset(node->bytes + start, 0, there);
    } else {
        memcpy(node->bytes + start, node->old_bytes + lost->old_at + at, there);
    }
}

static void crash_inode(sim_disk *disk, inode *node) {
    size_t sector_size = disk->config.sector_size;
    crash_mode mode = (crash_mode)draw_below(disk, CRASH_MODE_COUNT);
    size_t part = mode == KEEP_PARTS ? PART_SIZE : sector_size;
    size_t point = (size_t)draw_below(disk, node->change_count + 1);
    bool stretch = draw_below(disk, 2) != 0;
    size_t size_seen = node->size;
    uint64_t size_choice = node->size == node->durable_size ? 0 : draw_below(disk, 3);
    size_t low = node->size < node->durable_size ? node->size : node->durable_size;
    size_t high = node->size < node->durable_size ? node->durable_size : node->size;
    size_t size = size_choice == 0 ? node->size
                  : size_choice == 1
                      ? node->durable_size
                      : low + (size_t)draw_below(disk, (high - low) / sector_size + 1) * sector_size;
    resize_bytes(node, size);
    for (size_t i = 0; i < node->change_count; i++) {
        const change *each = &node->changes[i];
        for (size_t at = 0; at < sector_size; at += part) {
            bool was_cut =
                each->sector * sector_size + at >= size_seen; /* by a truncation: nothing new to keep */
            if (was_cut || each->forgotten || !keeps(disk, mode, i, point, &stretch)) {
                put_back(node, each, sector_size, at, part);
            }
        }
        node->change_of[each->sector] = 0;
    }
    node->change_count = 0;
    node->old_size = 0;
    node->durable_size = node->size;
    node->shared_locks = 0;
    node->reserved = node->pending = node->exclusive = false;
}

/* --- Names ------------------------------------------------------------------------------------- */

static name_entry *find_name(const sim_disk *disk, const char *name) {
    for (unsigned i = 0; i < disk->name_count; i++) {
        if (strcmp(disk->names[i].name, name) == 0) {
            return (name_entry *)&disk->names[i];
        }
    }
    return NULL;
}

static inode *current(const name_entry *entry) {
    return entry != NULL ? entry->states[entry->count - 1] : NULL;
}

static name_entry *need_name(sim_disk *disk, const char *name) {
    name_entry *entry = find_name(disk, name);
    if (entry == NULL) {
        if (disk->name_count == NAMES_MAX || strlen(name) >= NAME_SIZE) {
            fputs("sim/disk: too many names, or too long a one\n", stderr);
            abort();
        }
        entry = &disk->names[disk->name_count++];
        memset(entry, 0, sizeof *entry);
        strncpy(entry->name, name, NAME_SIZE - 1);
        entry->count = 1; /* durably no file */
    }
    return entry;
}

/* The name leads elsewhere from now on; durably only after the directory's sync. */
static void point_name(name_entry *entry, inode *node) {
    if (entry->count == NAME_STATES_MAX) {
        release(entry->states[1]);
        memmove(entry->states + 1, entry->states + 2, (NAME_STATES_MAX - 2) * sizeof entry->states[0]);
        entry->count--;
    }
    entry->states[entry->count++] = retain(node);
}

static void settle_name(name_entry *entry, unsigned kept) {
    inode *node = retain(entry->states[kept]);
    for (unsigned i = 0; i < entry->count; i++) {
        release(entry->states[i]);
    }
    entry->states[0] = node;
    entry->count = 1;
}

static void sync_directory(sim_disk *disk) {
    for (unsigned i = 0; i < disk->name_count; i++) {
        settle_name(&disk->names[i], disk->names[i].count - 1);
    }
}

static uint64_t used_size(const sim_disk *disk) {
    uint64_t size = 0;
    for (unsigned i = 0; i < disk->name_count; i++) {
        const inode *node = current(&disk->names[i]);
        size += node != NULL ? node->size : 0;
    }
    return size;
}

/* --- Faults ------------------------------------------------------------------------------------ */

static uint32_t chance_of(const sim_disk *disk, sim_disk_call call) {
    switch (call) {
    case SIM_DISK_READ:
        return disk->config.read_error_chance;
    case SIM_DISK_WRITE:
        return disk->config.write_error_chance;
    case SIM_DISK_SYNC:
        return disk->config.sync_error_chance;
    case SIM_DISK_OPEN:
    case SIM_DISK_DELETE:
    case SIM_DISK_ACCESS:
    case SIM_DISK_TRUNCATE:
    case SIM_DISK_SIZE:
    case SIM_DISK_LOCK:
    case SIM_DISK_CALL_COUNT:
        break;
    }
    return 0;
}

/* Counts a call; true when it must fail. */
static bool fails(sim_disk *disk, sim_disk_call call) {
    disk->counts.calls[call]++;
    sim_disk_fault *fault = &disk->fault;
    bool planned = false;
    if ((fault->calls >> call & 1) != 0) {
        bool strikes = fault->at > 0 && --fault->at == 0;
        planned = strikes || (disk->struck && fault->sticky);
        disk->struck |= strikes;
    }
    bool failed = planned || happens(disk, chance_of(disk, call));
    disk->counts.faults += failed;
    return failed;
}

static void tell_watch(const sim_disk *disk, sim_disk_call call) {
    if (disk->watch != NULL) {
        disk->watch(disk->watch_ctx, disk, call);
    }
}

/* --- Methods of an open file ------------------------------------------------------------------- */

static bool is_dead(const handle *self) {
    return self->power != self->disk->power;
}

static void unlock_node(handle *self, int level) {
    inode *node = self->node;
    if (self->lock >= SQLITE_LOCK_RESERVED && level < SQLITE_LOCK_RESERVED) {
        node->reserved = node->pending = node->exclusive = false;
    }
    if (self->lock >= SQLITE_LOCK_SHARED && level < SQLITE_LOCK_SHARED) {
        node->shared_locks--;
    }
    self->lock = level;
}

static int file_close(sqlite3_file *base) {
    handle *self = (handle *)base;
    sim_disk *disk = self->disk;
    if (!is_dead(self)) {
        unlock_node(self, SQLITE_LOCK_NONE);
        name_entry *entry = find_name(disk, self->name);
        if (self->delete_on_close && entry != NULL) {
            point_name(entry, NULL);
        }
    }
    release(self->node);
    disk->handles--;
    return SQLITE_OK;
}

static int file_read(sqlite3_file *base, void *out, int size, sqlite3_int64 offset) {
    handle *self = (handle *)base;
    sim_disk *disk = self->disk;
    if (is_dead(self) || size > CALL_SIZE_MAX || fails(disk, SIM_DISK_READ)) {
        return SQLITE_IOERR_READ;
    }
    const inode *node = self->node;
    size_t there = (uint64_t)offset < node->size ? node->size - (size_t)offset : 0;
    there = there < (size_t)size ? there : (size_t)size;
    if (there > 0) {
        memcpy(out, node->bytes + offset, there);
    }
    memset((uint8_t *)out + there, 0, (size_t)size - there);
    disk->counts.bytes_read += there;
    if (there > 0 && happens(disk, disk->config.read_flip_chance)) {
        uint64_t bit = draw_below(disk, 8);
        ((uint8_t *)out)[draw_below(disk, there)] ^= (uint8_t)(1u << bit);
    }
    return there == (size_t)size ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

/* How much of a growth to this end the quota lets in. */
static bool fits(const sim_disk *disk, const inode *node, size_t end) {
    return disk->config.quota_size == 0 || end <= node->size ||
           used_size(disk) + (end - node->size) <= disk->config.quota_size;
}

static void store_bytes(sim_disk *disk, inode *node, const uint8_t *data, size_t size, size_t offset) {
    note_changes(disk, node, offset < node->size ? offset : node->size, offset + size);
    if (offset + size > node->size) {
        extend_bytes(node, offset + size, offset);
    }
    memcpy(node->bytes + offset, data, size);
    disk->counts.bytes_written += size;
}

static int file_write(sqlite3_file *base, const void *data, int size, sqlite3_int64 offset) {
    handle *self = (handle *)base;
    sim_disk *disk = self->disk;
    if (is_dead(self) || size > CALL_SIZE_MAX) {
        return SQLITE_IOERR_WRITE;
    }
    tell_watch(disk, SIM_DISK_WRITE);
    size_t at = (size_t)offset;
    size_t whole = (size_t)size;
    size_t sectors = self->node->size / disk->config.sector_size;
    if (sectors > 0 && happens(disk, disk->config.misdirect_chance)) {
        at = (size_t)draw_below(disk, sectors) * disk->config.sector_size + at % disk->config.sector_size;
        disk->counts.faults++;
    }
    bool failed = fails(disk, SIM_DISK_WRITE);
    bool cut = happens(disk, disk->config.short_write_chance);
    disk->counts.faults += cut;
    if (failed || cut) {
        if ((cut || disk->fault.half) && fits(disk, self->node, at + whole / 2)) {
            store_bytes(disk, self->node, data, whole / 2, at);
        }
        return disk->fault.full ? SQLITE_FULL : SQLITE_IOERR_WRITE;
    }
    if (!fits(disk, self->node, at + whole)) {
        return SQLITE_FULL;
    }
    store_bytes(disk, self->node, data, whole, at);
    return SQLITE_OK;
}

static int file_truncate(sqlite3_file *base, sqlite3_int64 size) {
    handle *self = (handle *)base;
    sim_disk *disk = self->disk;
    if (is_dead(self)) {
        return SQLITE_IOERR_TRUNCATE;
    }
    tell_watch(disk, SIM_DISK_TRUNCATE);
    if (fails(disk, SIM_DISK_TRUNCATE)) {
        return SQLITE_IOERR_TRUNCATE;
    }
    inode *node = self->node;
    size_t wanted = (size_t)size;
    if (!fits(disk, node, wanted)) {
        return SQLITE_FULL;
    }
    note_changes(disk, node, wanted < node->size ? wanted : node->size,
                 wanted < node->size ? node->size : wanted);
    resize_bytes(node, wanted);
    return SQLITE_OK;
}

static int file_sync(sqlite3_file *base, int flags) {
    (void)flags;
    handle *self = (handle *)base;
    sim_disk *disk = self->disk;
    if (is_dead(self)) {
        return SQLITE_IOERR_FSYNC;
    }
    tell_watch(disk, SIM_DISK_SYNC);
    inode *node = self->node;
    if (fails(disk, SIM_DISK_SYNC)) {
        for (size_t i = 0; disk->config.failed_sync_forgets && i < node->change_count; i++) {
            node->changes[i].forgotten = true;
        }
        return SQLITE_IOERR_FSYNC;
    }
    make_durable(node);
    if (self->syncs_directory) {
        sync_directory(disk);
        self->syncs_directory = false;
    }
    return SQLITE_OK;
}

static int file_size(sqlite3_file *base, sqlite3_int64 *size) {
    handle *self = (handle *)base;
    if (is_dead(self) || fails(self->disk, SIM_DISK_SIZE)) {
        return SQLITE_IOERR_FSTAT;
    }
    *size = (sqlite3_int64)self->node->size;
    return SQLITE_OK;
}

/* SQLite's five lock levels among the handles of one file. */
static int file_lock(sqlite3_file *base, int level) {
    handle *self = (handle *)base;
    if (is_dead(self) || fails(self->disk, SIM_DISK_LOCK)) {
        return SQLITE_IOERR_LOCK;
    }
    inode *node = self->node;
    if (level <= self->lock) {
        return SQLITE_OK;
    }
    if (self->lock == SQLITE_LOCK_NONE) {
        if (node->pending || node->exclusive) {
            return SQLITE_BUSY;
        }
        node->shared_locks++;
        self->lock = SQLITE_LOCK_SHARED;
    }
    if (level >= SQLITE_LOCK_RESERVED && self->lock < SQLITE_LOCK_RESERVED) {
        if (node->reserved) {
            return SQLITE_BUSY;
        }
        node->reserved = true;
        self->lock = SQLITE_LOCK_RESERVED;
    }
    if (level == SQLITE_LOCK_EXCLUSIVE) {
        node->pending = true;
        self->lock = SQLITE_LOCK_PENDING;
        if (node->shared_locks > 1) {
            return SQLITE_BUSY;
        }
        node->exclusive = true;
        self->lock = SQLITE_LOCK_EXCLUSIVE;
    }
    return SQLITE_OK;
}

static int file_unlock(sqlite3_file *base, int level) {
    handle *self = (handle *)base;
    if (!is_dead(self) && level < self->lock) {
        unlock_node(self, level);
    }
    return SQLITE_OK;
}

static int file_check_reserved_lock(sqlite3_file *base, int *reserved) {
    *reserved = ((handle *)base)->node->reserved;
    return SQLITE_OK;
}

static int file_control(sqlite3_file *base, int operation, void *argument) {
    (void)base;
    (void)operation;
    (void)argument;
    return SQLITE_NOTFOUND;
}

static int file_sector_size(sqlite3_file *base) {
    return (int)((handle *)base)->disk->config.sector_size;
}

static int file_device_characteristics(sqlite3_file *base) {
    (void)base;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

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

/* --- Methods of the disk ----------------------------------------------------------------------- */

static sim_disk *disk_of(sqlite3_vfs *base) {
    return base->pAppData;
}

static int disk_open(sqlite3_vfs *base, const char *path, sqlite3_file *file, int flags, int *out_flags) {
    sim_disk *disk = disk_of(base);
    handle *self = (handle *)file;
    *self = (handle){0};
    tell_watch(disk, SIM_DISK_OPEN);
    if (fails(disk, SIM_DISK_OPEN) || path == NULL || strlen(path) >= NAME_SIZE) {
        return SQLITE_CANTOPEN;
    }
    inode *node = current(find_name(disk, path));
    if (node == NULL) {
        if ((flags & SQLITE_OPEN_CREATE) == 0) {
            return SQLITE_CANTOPEN;
        }
        node = need(calloc(1, sizeof *node));
        point_name(need_name(disk, path), node);
    }
    self->base.pMethods = &file_methods;
    self->disk = disk;
    self->node = retain(node);
    self->power = disk->power;
    self->syncs_directory =
        (flags & SQLITE_OPEN_CREATE) != 0 &&
        (flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL)) != 0;
    self->delete_on_close = (flags & SQLITE_OPEN_DELETEONCLOSE) != 0;
    memcpy(self->name, path, strlen(path) + 1);
    disk->handles++;
    if (out_flags != NULL) {
        *out_flags = flags;
    }
    return SQLITE_OK;
}

static int disk_delete(sqlite3_vfs *base, const char *path, int sync) {
    sim_disk *disk = disk_of(base);
    tell_watch(disk, SIM_DISK_DELETE);
    if (fails(disk, SIM_DISK_DELETE)) {
        return SQLITE_IOERR_DELETE;
    }
    name_entry *entry = find_name(disk, path);
    if (current(entry) == NULL) {
        return SQLITE_IOERR_DELETE_NOENT;
    }
    point_name(entry, NULL);
    if (sync) {
        sync_directory(disk);
    }
    return SQLITE_OK;
}

static int disk_access(sqlite3_vfs *base, const char *path, int flags, int *out) {
    (void)flags;
    sim_disk *disk = disk_of(base);
    *out = 0;
    if (fails(disk, SIM_DISK_ACCESS)) {
        return SQLITE_IOERR_ACCESS;
    }
    const inode *node = current(find_name(disk, path));
    *out = node != NULL &&
           (flags != SQLITE_ACCESS_EXISTS || node->size > 0); /* as unix: an empty file is none */
    return SQLITE_OK;
}

static int disk_full_pathname(sqlite3_vfs *base, const char *path, int size, char *out) {
    (void)base;
    sqlite3_snprintf(size, out, "%s", path);
    return SQLITE_OK;
}

static int disk_randomness(sqlite3_vfs *base, int size, char *out) {
    for (int i = 0; i < size; i++) {
        out[i] = (char)draw(disk_of(base));
    }
    return size;
}

static int disk_sleep(sqlite3_vfs *base, int microseconds) {
    (void)base;
    return microseconds;
}

/* The first of January 1970, for ever: nothing in the core may ask SQLite for the time. */
static int disk_current_time(sqlite3_vfs *base, double *julian_days) {
    (void)base;
    *julian_days = 2440587.5;
    return SQLITE_OK;
}

/* --- Life -------------------------------------------------------------------------------------- */

void sim_disk_configure(sim_disk *disk, const sim_disk_config *config) {
    uint32_t sector_size = disk->config.sector_size;
    disk->config = *config;
    if (sector_size != 0) {
        disk->config.sector_size = sector_size; /* changes are counted in it */
    } else if (disk->config.sector_size == 0) {
        disk->config.sector_size = PART_SIZE;
    }
}

sim_disk *sim_disk_create(uint64_t seed, const sim_disk_config *config) {
    sim_disk *disk = need(calloc(1, sizeof *disk));
    disk->random_state = seed;
    sim_disk_configure(disk, config);
    sqlite3_snprintf(sizeof disk->vfs_name, disk->vfs_name, "sim-disk-%p", disk);
    disk->vfs = (sqlite3_vfs){
        .iVersion = 1,
        .szOsFile = sizeof(handle),
        .mxPathname = NAME_SIZE - 1,
        .zName = disk->vfs_name,
        .pAppData = disk,
        .xOpen = disk_open,
        .xDelete = disk_delete,
        .xAccess = disk_access,
        .xFullPathname = disk_full_pathname,
        .xRandomness = disk_randomness,
        .xSleep = disk_sleep,
        .xCurrentTime = disk_current_time,
    };
    if (sqlite3_vfs_register(&disk->vfs, 0) != SQLITE_OK) {
        (void)need(NULL);
    }
    return disk;
}

static void remove_files(sim_disk *disk) {
    for (unsigned i = 0; i < disk->name_count; i++) {
        for (unsigned k = 0; k < disk->names[i].count; k++) {
            release(disk->names[i].states[k]);
        }
    }
    disk->name_count = 0;
}

void sim_disk_destroy(sim_disk *disk) {
    if (disk == NULL) {
        return;
    }
    if (disk->handles != 0) {
        fputs("sim/disk: destroyed with open files\n", stderr);
        abort();
    }
    sqlite3_vfs_unregister(&disk->vfs);
    remove_files(disk);
    free(disk);
}

const char *sim_disk_vfs(const sim_disk *disk) {
    return disk->vfs_name;
}

void sim_disk_crash(sim_disk *disk) {
    disk->power++;
    for (unsigned i = 0; i < disk->name_count; i++) {
        name_entry *entry = &disk->names[i];
        settle_name(entry, (unsigned)draw_below(disk, entry->count));
        if (entry->states[0] != NULL) {
            crash_inode(disk, entry->states[0]);
        }
    }
}

static void copy_files(sim_disk *disk, const sim_disk *from) {
    for (unsigned i = 0; i < from->name_count; i++) {
        const name_entry *old = &from->names[i];
        name_entry *entry = &disk->names[disk->name_count++];
        memcpy(entry, old, sizeof *entry);
        for (unsigned k = 0; k < old->count; k++) {
            /* The same inode may stand for several states of its name. */
            unsigned same = 0;
            while (old->states[same] != old->states[k]) {
                same++;
            }
            bool is_copied = same < k || old->states[k] == NULL;
            entry->states[k] = is_copied ? retain(entry->states[same]) : retain(copy_inode(old->states[k]));
        }
    }
}

sim_disk *sim_disk_copy(const sim_disk *disk, uint64_t seed) {
    sim_disk_config config = {.sector_size = disk->config.sector_size,
                              .failed_sync_forgets = disk->config.failed_sync_forgets};
    sim_disk *copy = sim_disk_create(seed, &config);
    copy_files(copy, disk);
    return copy;
}

void sim_disk_restore(sim_disk *disk, const sim_disk *image) {
    remove_files(disk);
    copy_files(disk, image);
}

void sim_disk_plan(sim_disk *disk, const sim_disk_fault *fault) {
    disk->fault = *fault;
    disk->struck = false;
}

void sim_disk_heal(sim_disk *disk) {
    disk->fault = (sim_disk_fault){0};
    disk->struck = false;
    sim_disk_configure(disk, &(sim_disk_config){.failed_sync_forgets = disk->config.failed_sync_forgets});
}

const sim_disk_counts *sim_disk_counters(const sim_disk *disk) {
    return &disk->counts;
}

void sim_disk_watch(sim_disk *disk, void (*watch)(void *ctx, const sim_disk *disk, sim_disk_call call),
                    void *ctx) {
    disk->watch = watch;
    disk->watch_ctx = ctx;
}

/* --- The files, from outside ------------------------------------------------------------------- */

dx_bytes sim_disk_file(const sim_disk *disk, const char *name) {
    const inode *node = current(find_name(disk, name));
    if (node == NULL) {
        return (dx_bytes){NULL, 0};
    }
    return (dx_bytes){node->size > 0 ? node->bytes : (const uint8_t *)"", node->size};
}

void sim_disk_put(sim_disk *disk, const char *name, dx_bytes bytes) {
    name_entry *entry = need_name(disk, name);
    inode *node = need(calloc(1, sizeof *node));
    resize_bytes(node, bytes.size);
    if (bytes.size > 0) {
        memcpy(node->bytes, bytes.data, bytes.size);
    }
    node->durable_size = bytes.size;
    point_name(entry, node);
    settle_name(entry, entry->count - 1);
}

void sim_disk_flip(sim_disk *disk, const char *name, uint64_t offset, uint8_t bits) {
    inode *node = current(find_name(disk, name));
    if (node != NULL && offset < node->size) {
        node->bytes[offset] ^= bits;
    }
}

void sim_disk_remove(sim_disk *disk, const char *name) {
    name_entry *entry = find_name(disk, name);
    if (entry != NULL) {
        point_name(entry, NULL);
        settle_name(entry, entry->count - 1);
    }
}
