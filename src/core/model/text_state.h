/* model/text_state.h: a text as it is kept: a checkpoint and what is not in it yet.
 *
 * Layer: floor 1, model. docs/spec/text-model.md. Saved bytes are
 *
 *     [checkpoint: bytes, waiting: bytes, fresh: bytes, hidden?: bytes]
 *
 * The checkpoint is all that could be taken in, as dx_text_save keeps it; or an update (form v2, which begins with 0): so it is in the
 * canonical form, and in rows of before there were checkpoints. Waiting and fresh hold entries [counter, update] one behind
 * another: fresh ones came since the checkpoint was made and are taken in when something is asked; waiting ones name what is not
 * here, since an operation before them was refused or is a hole. One operation is taken in whole or not at all.
 * Hidden ones hold the places of what has no effect (text_operation.h), for those that name them: they come after all that can be
 * taken in without them, and are never part of a checkpoint, so that the same operation may come into effect later. Where there are
 * none, the fourth is left out.
 * Canonical is the form with nothing fresh: then no order of arrival shows. Waiting and hidden entries stand by (client, counter,
 * bytes), each once, hidden ones unless all they hold is in the checkpoint. */
#ifndef DX_MODEL_TEXT_STATE_H
#define DX_MODEL_TEXT_STATE_H

#include <dxos/codec.h>
#include <dxos/text.h>

#include "model/text_reach.h"

/* The first byte of a checkpoint that is an update. */
enum { DX_TEXT_SAVED_UPDATE = 0 };

typedef struct dx_text_saved {
    dx_bytes checkpoint, waiting, fresh, hidden;
} dx_text_saved;

/* Views into the bytes; no bytes at all: an empty text. Entries are looked at when they are taken in. DX_E_CORRUPT. */
DX_MUST_USE int dx_text_saved_read(dx_bytes saved, dx_text_saved *out);
/* Appends saved bytes; with an update as one more fresh entry, unless it is NULL. The buffer's errors. */
DX_MUST_USE int dx_text_saved_write(const dx_text_saved *saved, uint64_t counter, const dx_bytes *update,
                                    dx_buf *out);
/* Likewise, with a hidden entry. */
DX_MUST_USE int dx_text_saved_hide(const dx_text_saved *saved, uint64_t counter, dx_bytes update,
                                   dx_buf *out);
/* Whether so much is fresh that a checkpoint is worth its making. */
bool dx_text_saved_is_long(const dx_text_saved *saved);

/* The document with all of it that can be taken in, for the caller to destroy, also after an error; entries that wait even for what
 * is hidden are appended to `waiting`, which may be NULL. unit, client: of the document. DX_E_CORRUPT, DX_E_LIMIT, DX_E_NO_MEMORY. */
DX_MUST_USE int dx_text_saved_open(const dx_alloc *alloc, const dx_text_saved *saved, uint64_t client,
                                   dx_text_doc **doc, dx_buf *waiting);
/* Whether something of that client is among entries that wait. DX_E_CORRUPT, DX_E_NO_MEMORY. */
DX_MUST_USE int dx_text_waiting_has(const dx_alloc *alloc, dx_bytes waiting, uint64_t client, bool *has);
/* Appends an update that says all that a replica with that state vector (size 0: with nothing) lacks. DX_E_MALFORMED: it is none. */
DX_MUST_USE int dx_text_saved_encode(const dx_alloc *alloc, dx_bytes saved, dx_text_form form,
                                     dx_bytes state_vector, dx_buf *update);
/* The same, and how far the text has come with it, which is set; *waits: operations wait for what is not here. */
DX_MUST_USE int dx_text_saved_catch_up(const dx_alloc *alloc, dx_bytes saved, dx_text_form form,
                                       dx_bytes state_vector, dx_text_reach *reach, bool *waits,
                                       dx_buf *update);
/* Appends saved bytes with nothing fresh; canonical: those that every replica has. */
DX_MUST_USE int dx_text_saved_fold(const dx_alloc *alloc, const dx_text_saved *saved, bool canonical,
                                   dx_buf *out);

#endif
