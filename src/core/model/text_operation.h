/* model/text_operation.h: what travels of a text: one transaction of one author, as a Yjs update.
 *
 * Layer: floor 1, model. docs/spec/text-model.md. An operation is [session, update], or [null, update] with which a text is made
 * from what others wrote elsewhere. All structs of the first are of the author's own client, which follows from his feed, the
 * text and the session: so nobody writes in another's name, and no two devices ever write at one place of a client. */
#ifndef DX_MODEL_TEXT_OPERATION_H
#define DX_MODEL_TEXT_OPERATION_H

#include <dxos/model.h>
#include <dxos/text.h>

/* Sessions of apps are drawn by chance. */
#define DX_TEXT_SESSION_MAX UINT32_MAX

/* The client of a feed's author in the text that was created with that stamp; 1 to 2^53-1. */
uint64_t dx_text_client(const dx_stamp *created, const uint8_t feed[static DX_FEED_PREFIX_SIZE],
                        uint64_t session);

/* Checks an operation and finds its update (a view of it). DX_E_MALFORMED: an update that cannot be read, one with structs of
 * another client, with gaps, or of clocks beyond 2^32; [null, …] anywhere but in the creation, or not whole in itself.
 * DX_E_NO_MEMORY. */
DX_MUST_USE int dx_text_operation_read(const dx_alloc *alloc, const dx_stamp *created, const dx_stamp *stamp,
                                       dx_bytes operation, dx_bytes *update);
/* Appends what holds the places of an operation and shows nothing: an update with its structs under their ids, where they stand, with
 * deleted content, and without its deletes; nothing where it has no structs. DX_E_MALFORMED: nobody may say it, or it is that of a
 * creation. */
DX_MUST_USE int dx_text_operation_hide(const dx_alloc *alloc, const dx_stamp *created, const dx_stamp *stamp,
                                       dx_bytes operation, dx_buf *update);
/* Whether all structs of an update are of that client and follow each other without a gap. DX_OK, DX_E_MALFORMED, DX_E_NO_MEMORY. */
DX_MUST_USE int dx_text_operation_check(const dx_alloc *alloc, uint64_t client, dx_bytes update);
/* Likewise whether an update of anybody's structs needs nothing but itself. */
DX_MUST_USE int dx_text_operation_check_import(const dx_alloc *alloc, dx_bytes update);

#endif
