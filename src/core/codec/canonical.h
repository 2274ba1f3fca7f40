/* codec/canonical.h: what rooms of the core need of the codec beside its public face (dxos/codec.h).
 *
 * Layer: floor 1, codec. Pure functions. */
#ifndef DX_CODEC_CANONICAL_H
#define DX_CODEC_CANONICAL_H

#include <dxos/codec.h>

/* Canonical order of two encoded map keys (bytewise lexicographic, RFC 8949 §4.2.1). */
int dx_key_compare(dx_bytes encoded_a, dx_bytes encoded_b);
/* A byte string whose content the caller puts in place before the next write (ciphertext, for one); NULL on
 * error. */
uint8_t *dx_write_bytes_room(dx_writer *writer, size_t size);

#endif
