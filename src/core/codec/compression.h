/* codec/compression.h: bytes made smaller and brought back, by Zstandard (RFC 8878).
 *
 * Layer: floor 1, codec. For bytes that only this node keeps: what comes out of compressing depends on the library's version, so it is
 * never hashed, signed or compared. Memory of both sides is the allocator's, and given back before they return. One level, a fast one: on texts the best
 * ones save another tenth for many times the time (decision 0051). */
#ifndef DX_CODEC_COMPRESSION_H
#define DX_CODEC_COMPRESSION_H

#include <dxos/base.h>

/* Appends the frame. DX_E_NO_MEMORY, the buffer's errors. */
DX_MUST_USE int dx_compress(const dx_alloc *alloc, dx_bytes bytes, dx_buf *out);
/* Appends what a frame holds, which is `size` bytes. DX_E_MALFORMED: it is none, or of another size; out is as it was. DX_E_NO_MEMORY,
 * the buffer's errors. */
DX_MUST_USE int dx_decompress(const dx_alloc *alloc, dx_bytes frame, size_t size, dx_buf *out);

#endif
