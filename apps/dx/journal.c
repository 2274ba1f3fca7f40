/* dx/journal.c: see journal.h.
 *
 * The file: a head of 8 bytes, then records: a letter, a number of 8 bytes, one of 4, and what the letter says. Numbers are
 * little endian. A record that is cut short was being written when its writer ended: it is cut off.
 *   A first count request(16) mark(8)   asked
 *   D first count ids(22 each)          answered
 *   S first count                       refused as a whole
 *   other letters: number size bytes    a note */
#include "journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HEAD = 8, RECORD = 13, ASKED = DX_REQUEST_SIZE + 8, JOURNAL_SIZE_MAX = 1 << 30, NOTE_MAX = 4096 };

static const char head[HEAD + 1] = "dx imp 1";

/* --- Numbers --------------------------------------------------------------------------------------------- */

static void put_number(uint8_t *out, uint64_t number, size_t size) {
    for (size_t i = 0; i < size; i++) {
        out[i] = (uint8_t)(number >> (8 * i));
    }
}

static uint64_t get_number(const uint8_t *bytes, size_t size) {
    uint64_t number = 0;
    for (size_t i = size; i-- > 0;) {
        number = number << 8 | bytes[i];
    }
    return number;
}

/* --- Reading --------------------------------------------------------------------------------------------- */

typedef struct journal_record {
    char kind;
    uint64_t first;
    uint32_t count;
    size_t body, size; /* where its bytes are, and how many */
} journal_record;

static size_t size_of(char kind, uint32_t count) {
    return kind == 'A' ? ASKED : kind == 'D' ? (size_t)count * DX_JOURNAL_ID_SIZE : kind == 'S' ? 0 : count;
}

static bool next_record(dx_bytes bytes, size_t *at, journal_record *out) {
    if (bytes.size - *at < RECORD) {
        return false;
    }
    const uint8_t *from = bytes.data + *at;
    *out = (journal_record){.kind = (char)from[0],
                            .first = get_number(from + 1, 8),
                            .count = (uint32_t)get_number(from + 9, 4),
                            .body = *at + RECORD};
    out->size = size_of(out->kind, out->count);
    if (bytes.size - out->body < out->size) {
        return false;
    }
    *at = out->body + out->size;
    return true;
}

static dx_journal_range *range_at(dx_journal *journal, uint64_t first, uint32_t count) {
    for (size_t i = journal->count; i-- > 0;) {
        if (journal->ranges[i].first == first && journal->ranges[i].count == count) {
            return &journal->ranges[i];
        }
    }
    return NULL;
}

static int take_record(dx_journal *journal, const journal_record *record) {
    const uint8_t *body = journal->bytes.data + record->body;
    dx_journal_range *known = range_at(journal, record->first, record->count);
    if (record->kind != 'A') {
        if (known != NULL) {
            known->answered = known->answered || record->kind == 'D';
            known->split = known->split || record->kind == 'S';
            known->ids = record->kind == 'D' ? record->body : known->ids;
        }
        return DX_OK;
    }
    if (known == NULL && journal->count % 256 == 0) {
        void *more = realloc(journal->ranges, (journal->count + 256) * sizeof *journal->ranges);
        if (more == NULL) {
            return DX_E_NO_MEMORY;
        }
        journal->ranges = more;
    }
    known = known != NULL ? known : &journal->ranges[journal->count++];
    *known = (dx_journal_range){
        .first = record->first, .count = record->count, .mark = get_number(body + DX_REQUEST_SIZE, 8)};
    memcpy(known->request, body, DX_REQUEST_SIZE);
    return DX_OK;
}

static int read_all(dx_journal *journal) {
    char chunk[64 * 1024];
    ssize_t got;
    while ((got = read(journal->file, chunk, sizeof chunk)) > 0) {
        dx_buf_append(&journal->bytes, chunk, (size_t)got);
    }
    return got < 0 ? DX_E_IO : dx_buf_error(&journal->bytes);
}

/* Single ones behind the range that begins with the same op. */
static int by_first(const void *a, const void *b) {
    const dx_journal_range *x = a, *y = b;
    if (x->first != y->first) {
        return x->first < y->first ? -1 : 1;
    }
    return x->count == y->count ? 0 : x->count > y->count ? -1 : 1;
}

/* What is there, up to a record that was cut short; from there on it is written anew. */
static int load(dx_journal *journal) {
    journal_record record;
    size_t at = HEAD;
    int error = read_all(journal);
    dx_bytes bytes = dx_buf_view(&journal->bytes);
    bool whole = bytes.size >= HEAD && memcmp(bytes.data, head, HEAD) == 0;
    while (error == DX_OK && whole && next_record(bytes, &at, &record)) {
        error = record.kind == 'A' || record.kind == 'D' || record.kind == 'S' ? take_record(journal, &record)
                                                                               : DX_OK;
    }
    if (error != DX_OK) {
        return error;
    }
    if (journal->count > 0) {
        qsort(journal->ranges, journal->count, sizeof *journal->ranges, by_first);
    }
    if (!whole) {
        dx_buf_clear(&journal->bytes);
        bool written = ftruncate(journal->file, 0) == 0 && lseek(journal->file, 0, SEEK_SET) == 0 &&
                       write(journal->file, head, HEAD) == HEAD;
        return written ? DX_OK : errno == ENOSPC ? DX_E_NO_SPACE : DX_E_IO;
    }
    return ftruncate(journal->file, (off_t)at) == 0 && lseek(journal->file, (off_t)at, SEEK_SET) == (off_t)at
               ? DX_OK
               : DX_E_IO;
}

int dx_journal_open(dx_journal *journal, const char *folder, const uint8_t key[static DX_JOURNAL_KEY_SIZE]) {
    char hex[2 * DX_JOURNAL_KEY_SIZE + 1];
    *journal = (dx_journal){.file = -1};
    dx_buf_init(&journal->bytes, dx_host_alloc(), JOURNAL_SIZE_MAX);
    dx_hex_encode(dx_bytes_of(key, DX_JOURNAL_KEY_SIZE), hex);
    snprintf(journal->path, sizeof journal->path, "%s/import-%.32s", folder, hex);
    journal->file = open(journal->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (journal->file < 0) {
        return errno == ENOSPC ? DX_E_NO_SPACE : DX_E_IO;
    }
    int error = flock(journal->file, LOCK_EX | LOCK_NB) == 0 ? load(journal)
                : errno == EWOULDBLOCK                       ? DX_E_BUSY
                                                             : DX_E_IO;
    if (error != DX_OK) {
        dx_journal_close(journal);
    }
    return error;
}

void dx_journal_close(dx_journal *journal) {
    if (journal->file >= 0) {
        close(journal->file);
    }
    journal->file = -1;
    if (journal->bytes.alloc != NULL) {
        dx_buf_deinit(&journal->bytes);
    }
    free(journal->ranges);
    journal->ranges = NULL;
    journal->count = 0;
}

void dx_journal_forget(dx_journal *journal) {
    if (journal->file >= 0) {
        (void)unlink(journal->path);
    }
    dx_journal_close(journal);
}

/* --- Asking it ------------------------------------------------------------------------------------------- */

/* Ranges come in the order of their ops, but for single ones, which come behind the one they were split from. */
const dx_journal_range *dx_journal_find(const dx_journal *journal, uint64_t op) {
    const dx_journal_range *found = NULL;
    size_t low = 0, high = journal->count;
    while (low < high) { /* past the last range that begins at the op or before */
        size_t middle = low + (high - low) / 2;
        if (journal->ranges[middle].first <= op) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    for (size_t i = low; i-- > 0 && found == NULL;) {
        const dx_journal_range *range = &journal->ranges[i];
        found = range->first <= op && op - range->first < range->count && !range->split ? range : NULL;
        if (op - range->first >= range->count && range->count > 1) {
            break;
        }
    }
    return found;
}

const uint8_t *dx_journal_id(const dx_journal *journal, const dx_journal_range *range, uint64_t op) {
    return journal->bytes.data + range->ids + (op - range->first) * DX_JOURNAL_ID_SIZE;
}

/* --- Writing --------------------------------------------------------------------------------------------- */

static int write_record(const dx_journal *journal, char kind, uint64_t first, uint32_t count,
                        const void *body, size_t size) {
    uint8_t begin[RECORD];
    if (journal->file < 0) {
        return DX_OK;
    }
    begin[0] = (uint8_t)kind;
    put_number(begin + 1, first, 8);
    put_number(begin + 9, count, 4);
    errno = 0;
    bool written = write(journal->file, begin, sizeof begin) == (ssize_t)sizeof begin &&
                   (size == 0 || write(journal->file, body, size) == (ssize_t)size);
    return written ? DX_OK : errno == ENOSPC || errno == 0 ? DX_E_NO_SPACE : DX_E_IO;
}

int dx_journal_asked(dx_journal *journal, const dx_journal_range *range) {
    uint8_t body[ASKED];
    memcpy(body, range->request, DX_REQUEST_SIZE);
    put_number(body + DX_REQUEST_SIZE, range->mark, 8);
    int error = write_record(journal, 'A', range->first, range->count, body, sizeof body);
    return error == DX_OK && journal->file >= 0 && fdatasync(journal->file) != 0 ? DX_E_IO : error;
}

int dx_journal_answered(dx_journal *journal, const dx_journal_range *range, const uint8_t *ids) {
    return write_record(journal, 'D', range->first, range->count, ids,
                        (size_t)range->count * DX_JOURNAL_ID_SIZE);
}

int dx_journal_split(dx_journal *journal, const dx_journal_range *range) {
    return write_record(journal, 'S', range->first, range->count, NULL, 0);
}

int dx_journal_note(dx_journal *journal, char kind, uint32_t number, dx_bytes text) {
    DX_ASSERT(kind >= 'a' && kind <= 'z' && text.size <= NOTE_MAX);
    int error = write_record(journal, kind, number, (uint32_t)text.size, text.data, text.size);
    return error == DX_OK && journal->file >= 0 && fdatasync(journal->file) != 0 ? DX_E_IO : error;
}

bool dx_journal_noted(const dx_journal *journal, char kind, uint32_t number, dx_bytes *text) {
    journal_record record;
    dx_bytes bytes = dx_buf_view(&journal->bytes);
    bool found = false;
    for (size_t at = HEAD; at <= bytes.size && next_record(bytes, &at, &record);) {
        if (record.kind == kind && record.first == number) {
            *text = dx_bytes_of(bytes.data + record.body, record.size);
            found = true;
        }
    }
    return found;
}
