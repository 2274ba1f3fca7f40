/* text/attributes.h: what formatting is in force, wanted, or to be restored: keys and their values in an order.
 *
 * Layer: floor 1, text, private to the engine. The order decides in which order markers are written, so it is JavaScript's: setting a key that is
 * there keeps its place, and a list that stands for an object has the keys that are array indexes first (dx_text_attributes_set_object).
 * A row also tells the item its value came from (0: from a caller), for Yjs compares objects by identity: those of two items are never
 * one. Keys are few; a list is gone through.
 * Memory: only reserve and copy allocate. */
#ifndef DX_TEXT_ATTRIBUTES_H
#define DX_TEXT_ATTRIBUTES_H

#include "text/item.h"
#include "text/names.h"

typedef struct dx_text_attribute {
    dx_text_name key, value;
    uint32_t marker; /* both in one number (document.h) */
    dx_text_ref source;
} dx_text_attribute;

typedef struct dx_text_attributes {
    const dx_alloc *alloc;
    dx_text_attribute *rows;
    size_t count, capacity;
} dx_text_attributes;

void dx_text_attributes_init(dx_text_attributes *attributes, const dx_alloc *alloc);
void dx_text_attributes_deinit(dx_text_attributes *attributes);
int dx_text_attributes_reserve(dx_text_attributes *attributes, size_t more);
int dx_text_attributes_copy(dx_text_attributes *to, const dx_text_attributes *from);
/* NULL: not there. Holds until the next change. */
dx_text_attribute *dx_text_attributes_find(const dx_text_attributes *attributes, dx_text_name key);
void dx_text_attributes_set(dx_text_attributes *attributes, dx_text_attribute row);
/* Likewise, in the order of an object's members. */
void dx_text_attributes_set_object(dx_text_attributes *attributes, const dx_text_names *names,
                                   dx_text_attribute row);
void dx_text_attributes_remove(dx_text_attributes *attributes, dx_text_name key);

/* --- Values, names in their scope --- */

bool dx_text_value_is_null(const dx_text_names *names, dx_text_name value);
/* As Yjs compares a value with another when it writes markers: equal, or objects of equal members in any order. Members that are
 * objects themselves are equal only in one and the same item, as are objects of more than 64 members in another order. */
bool dx_text_value_equal(const dx_text_names *names, dx_text_attribute a, dx_text_attribute b);
/* As it compares them when it cleans up after a deletion: objects are equal only in one and the same item. */
bool dx_text_value_same(const dx_text_names *names, dx_text_attribute a, dx_text_attribute b);

#endif
