/* model/object_path.h: the text of a path into an object.
 *
 * Layer: floor 1, model. Parts are joined by '.'; inside a part '.' and '\' are written "\." and "\\". A part
 * has at least one character and no control character. All texts here are UTF-8 that was checked where it was
 * read. A proper prefix of a path is a path that ends before one of its separating dots. */
#ifndef DX_MODEL_OBJECT_PATH_H
#define DX_MODEL_OBJECT_PATH_H

#include <dxos/base.h>

#include "base/limits.h"

/* Number of parts; 0 when the text is no path (grammar, DX_OBJECT_PATH_SIZE_MAX, DX_OBJECT_DEPTH_MAX). */
size_t dx_object_path_check(dx_bytes path);
/* Walks the parts of a checked path: *at begins at 0; part is still escaped. False after the last. The bytes
 * before part's end are the prefix that ends with it. */
bool dx_object_path_next(dx_bytes path, size_t *at, dx_bytes *part);

/* Whether the text is its own only part, nothing escaped in it. */
bool dx_object_path_is_plain(dx_bytes path);
/* Whether a map key may become a part: not empty, no control characters. */
bool dx_object_key_check(dx_bytes key);
/* Writes the key as a part and returns its size, at most twice the key's; out NULL only measures. */
size_t dx_object_key_escape(dx_bytes key, uint8_t *out);
/* Writes the key that a part stands for and returns its size, at most the part's. */
size_t dx_object_part_unescape(dx_bytes part, uint8_t *out);
/* Order of the keys two parts stand for, as keys of a canonical map: shorter first, then bytewise. */
int dx_object_part_compare(dx_bytes a, dx_bytes b);
/* What stands at a checked path of a view; size 0: nothing. */
dx_bytes dx_view_at(dx_bytes view, dx_bytes path);

#endif
