/* dx/generate.h: types for programs, from one definition: structs of C and interfaces of TypeScript.
 *
 * Layer: apps. What is written is text that compiles, whatever the definition calls things. */
#ifndef DX_APP_GENERATE_H
#define DX_APP_GENERATE_H

#include <dxos/codec.h>

typedef enum dx_generate_language { DX_GENERATE_C, DX_GENERATE_TS } dx_generate_language;

enum { DX_GENERATE_SIZE_MAX = 16 << 20 };

/* What stands above all types. */
void dx_generate_head(dx_generate_language language, dx_buf *out);
/* One type; definition: a sound one, an encoded map. Errors are the buffer's. */
void dx_generate_type(dx_generate_language language, dx_bytes type, int64_t version, dx_bytes definition,
                      dx_buf *out);

#endif
