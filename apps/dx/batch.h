/* dx/batch.h: many ops sent as few commands, several of them in flight: how an import writes.
 *
 * Layer: apps. Things are known by numbers the caller chose (0 … count-1); an op may name a thing whose op
 * was queued before. A batch is atomic, so when the vault refuses one, its ops are sent one by one: the bad
 * op alone is refused and told, the others stand. With a journal (journal.h) what an earlier run of the same import sent is not
 * sent again: what was answered is known, what was not is asked again under its request id. */
#ifndef DX_APP_BATCH_H
#define DX_APP_BATCH_H

#include "journal.h"
#include "vault.h"

#define DX_BATCH_NONE UINT32_MAX

enum {
    DX_BATCH_OPS = 1000,
    DX_BATCH_SIZE = 512 * 1024, /* half a block: most batches are one block */
    DX_BATCHES_IN_FLIGHT = 4,
    DX_BATCH_ID_SIZE = 22
};

typedef enum dx_batch_kind {
    DX_BATCH_ADD,
    DX_BATCH_LINK,
    DX_BATCH_REMOVE,
    DX_BATCH_SET,
    DX_BATCH_APPLY
} dx_batch_kind;

typedef struct dx_batch_op {
    dx_batch_kind kind;
    bool removed;    /* of a link: made and deleted at once */
    bool provenance; /* of an ADD with a model: data is where it comes from, not an operation */
    uint32_t number; /* ADD: the thing made; LINK: likewise, or NONE; REMOVE, SET, APPLY: the thing meant */
    uint32_t source, target; /* LINK; an ADD's parent is its source, or NONE */
    uint64_t line;           /* of the file, for words about a refusal */
    dx_bytes type,
        data;       /* encoded, or size 0; SET: data is the map of path and value; APPLY: the operation */
    dx_bytes model; /* of an ADD, encoded, or size 0: data is then its first operation */
} dx_batch_op;

typedef struct dx_batch dx_batch;

typedef struct dx_batches {
    dx_invocation *run;
    dx_bytes space; /* an encoded text */
    uint8_t (*ids)[DX_BATCH_ID_SIZE];
    uint8_t *known; /* of each number: its id is there */
    uint32_t count;
    dx_batch *slots; /* DX_BATCHES_IN_FLIGHT of them */
    dx_batch *filling;
    dx_journal *journal;                        /* NULL: none is kept */
    uint64_t queued;                            /* ops so far, those among them that an earlier run did */
    uint64_t replayed;                          /* a number for the ops of an answered range, up to here */
    uint64_t objects, links, removals, refused; /* acknowledged by the vault */
    void (*on_refused)(void *ctx, uint64_t line, const char *why);
    void (*on_progress)(void *ctx);
    void *ctx;
    int code; /* the exit code that ended it; told */
} dx_batches;

/* count: numbers there are. Told; an exit code. */
int dx_batches_init(dx_batches *batches, dx_invocation *run, dx_bytes space, uint32_t count);
void dx_batches_deinit(dx_batches *batches);
/* Queues an op; type and data are copied. Told; an exit code. */
int dx_batches_add(dx_batches *batches, const dx_batch_op *op);
/* Sends what is queued and waits until everything is answered. */
int dx_batches_drain(dx_batches *batches);
/* A thing that is there already. */
void dx_batches_learn(dx_batches *batches, uint32_t number, const uint8_t id[static DX_BATCH_ID_SIZE]);
/* Its id, DX_BATCH_ID_SIZE bytes; NULL: not known (yet). */
const uint8_t *dx_batches_id(const dx_batches *batches, uint32_t number);
bool dx_batches_knows(const dx_batches *batches, uint32_t number);

#endif
