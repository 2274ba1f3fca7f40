/* dx/journal.h: how far an import came, kept in the vault's folder, so that one that was ended (killed, cut off, without
 * power) goes on where it was and does nothing twice.
 *
 * Layer: apps. Ops are numbered in the order in which they are queued, which is that of the file. Before ops are sent a
 * record says which, and under what request id; when they are answered another holds the ids of what they made. A vault
 * answers a request again as it did (docs/spec/commands.md), so asking again what was asked and not answered is safe, as
 * long as no more than DX_REPLIES_KEPT other commands were answered in between. A file holds ids and nothing of the data.
 * One import at a time: the file is locked. */
#ifndef DX_APP_JOURNAL_H
#define DX_APP_JOURNAL_H

#include <dxos/host.h>
#include <dxos/node.h>

enum { DX_JOURNAL_KEY_SIZE = 32, DX_JOURNAL_ID_SIZE = 22 };

/* Ops that were sent together. */
typedef struct dx_journal_range {
    uint64_t first, mark; /* mark: a number for what they ask */
    uint32_t count;
    bool answered, split; /* split: refused as a whole, and then sent one by one */
    uint8_t request[DX_REQUEST_SIZE];
    size_t ids; /* answered: where theirs begin */
} dx_journal_range;

typedef struct dx_journal {
    int file; /* -1: none is kept */
    char path[DX_PATH_MAX + 80];
    dx_buf bytes;             /* what was there when it was opened: ids are views into it */
    dx_journal_range *ranges; /* by first; a single one behind the range that it was split from */
    size_t count;
    bool failed; /* it could not be written: told by whoever writes next */
} dx_journal;

/* Opens the journal of that key (which file, into what), or begins one. DX_E_BUSY: another process has it open; DX_E_IO,
 * DX_E_NO_SPACE, DX_E_NO_MEMORY. */
DX_MUST_USE int dx_journal_open(dx_journal *journal, const char *folder,
                                const uint8_t key[static DX_JOURNAL_KEY_SIZE]);
/* Nothing of the import is left to do, or it is to be begun anew. */
void dx_journal_forget(dx_journal *journal);
/* What is in it stays. */
void dx_journal_close(dx_journal *journal);

/* The range that the op stands in, a single one before the one it was split from; NULL: it was never sent. */
const dx_journal_range *dx_journal_find(const dx_journal *journal, uint64_t op);
/* The id of what an answered op made, all zero: nothing. */
const uint8_t *dx_journal_id(const dx_journal *journal, const dx_journal_range *range, uint64_t op);

/* Before and after; on disk when asked returns. Does nothing where no journal is kept. DX_E_IO, DX_E_NO_SPACE. */
DX_MUST_USE int dx_journal_asked(dx_journal *journal, const dx_journal_range *range);
DX_MUST_USE int dx_journal_answered(dx_journal *journal, const dx_journal_range *range, const uint8_t *ids);
DX_MUST_USE int dx_journal_split(dx_journal *journal, const dx_journal_range *range);
/* A word of its owner's, kept beside them: of spaces that an archive became (space_file.c). number and text are as
 * they were given, the latest of a kind and number holds; NULL: there is none. */
DX_MUST_USE int dx_journal_note(dx_journal *journal, char kind, uint32_t number, dx_bytes text);
bool dx_journal_noted(const dx_journal *journal, char kind, uint32_t number, dx_bytes *text);

#endif
