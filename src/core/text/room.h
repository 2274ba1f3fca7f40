/* text/room.h: how arrays of the engine grow.
 *
 * Layer: floor 1, text, private to the engine. */
#ifndef DX_TEXT_ROOM_H
#define DX_TEXT_ROOM_H

#include <dxos/base.h>
#include <string.h>

/* The capacity to take where `needed` elements must fit and `capacity` do: by a half more than there was, so that growing is linear in
 * total and little lies idle. */
static inline size_t dx_text_room(size_t capacity, size_t needed) {
    size_t more = capacity + capacity / 2;
    return more > needed ? more : needed < 4 ? 4 : needed;
}

/* Room for `needed` elements of that size in the array *array (of *capacity). False: no memory, nothing changed. */
static inline bool dx_text_make_room(const dx_alloc *alloc, void *array, size_t *capacity, size_t needed,
                                     size_t element) {
    if (needed <= *capacity) {
        return true;
    }
    size_t room = dx_text_room(*capacity, needed);
    if (room > SIZE_MAX / 2 / element) {
        return false;
    }
    void *old;
    memcpy(&old, array, sizeof old);
    void *grown = dx_alloc_grow(alloc, old, *capacity * element, room * element);
    if (grown == NULL) {
        return false;
    }
    memcpy(array, &grown, sizeof grown);
    *capacity = room;
    return true;
}

#endif
