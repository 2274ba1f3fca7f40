/* model/object_shown.h: what elements make of the value they stand in.
 *
 * Layer: floor 1, model. docs/spec/object-model.md, "What edits show". Counts show in an integer, items and
 * members in an array, both where nothing stands; in any other value they do not show. What has not the form of
 * its kind, and kinds that this program does not know, show nothing. */
#ifndef DX_MODEL_OBJECT_SHOWN_H
#define DX_MODEL_OBJECT_SHOWN_H

#include "model/object_list.h"
#include "model/object_state.h"

/* The value that edits of a path are made upon. */
dx_object_base dx_object_base_of(const dx_object_content *content, dx_bytes path);

/* The sum of counters: wide, and cut to an integer's bounds only when it is read, so that no order counts. */
typedef struct dx_object_sum {
    int64_t high, low; /* high * 2^32 + low */
} dx_object_sum;

void dx_object_sum_add(dx_object_sum *sum, int64_t value);
int64_t dx_object_sum_read(const dx_object_sum *sum);

/* Registers as dx_object_view_write takes them, with what the content's elements make of them: an array of its
 * own, whose made payloads are in `made`. DX_E_NO_MEMORY; nothing to free then but made. */
DX_MUST_USE int dx_object_shown(const dx_object_content *content, const dx_alloc *alloc, dx_buf *made,
                                dx_register **registers, size_t *count, size_t *capacity);

#endif
