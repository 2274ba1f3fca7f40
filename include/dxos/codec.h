/* dxos/codec.h: deterministic CBOR (RFC 8949 §4.2.1) and its JSON face.
 *
 * Layer: public, floor 1. Everything signed, stored or sent is written by dx_writer and read by
 * dx_reader. The writer can only produce the canonical form (the caller keeps map keys sorted, which
 * dx_writer checks); the reader refuses anything else: shortest heads, definite lengths, sorted
 * unique map keys, valid UTF-8, no trailing bytes, bounded nesting.
 * Errors are sticky in both: read or write a whole message, check once at its end.
 * Profile (docs/spec/encoding.md): integers within int64, byte and text strings, arrays, maps with
 * text or integer keys, false/true/null, double (shortest of f16/f32/f64 that keeps the value; one NaN 7e00),
 * tag 0 (timestamp: RFC 3339 text in UTC, application meaning only), tag 39 (reference: bytes).
 */
#ifndef DXOS_CODEC_H
#define DXOS_CODEC_H

#include <dxos/base.h>

#include <stdarg.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { DX_CODEC_DEPTH_MAX = 32 };
enum { DX_TAG_TIMESTAMP = 0, DX_TAG_REFERENCE = 39 };
#define DX_TAG_NONE UINT64_MAX

/* --- Writer ---------------------------------------------------------------------------------- */

/* An array or map that is still open. Private to the codec, here because readers and writers live on stacks.
 */
typedef struct dx_codec_frame {
    size_t left;     /* items still missing; a map counts keys and values, so even means a key is next */
    size_t key;      /* offset of the last key, from the reader's or the buffer's beginning */
    size_t key_size; /* 0 before the first key */
    bool map;
} dx_codec_frame;

/* Appends to a dx_buf it borrows; only the writer may append to it until the writer is finished. Any number
 * of items may be written one after another. Sticky errors: the buffer's; DX_E_INVALID for a text that is not
 * UTF-8 or, behind its tag, no canonical time, or an integer beyond INT64_MAX (nothing is written);
 * DX_E_LIMIT for nesting; DX_E_STATE for a wrong shape (count not met, keys unsorted or not text or integer, a
 * tag over the wrong kind), which is a bug of the caller and asserted in dx_writer_finish. */
typedef struct dx_writer {
    dx_buf *out;
    int error;
    int depth;    /* open arrays and maps */
    uint64_t tag; /* the tag just written, or DX_TAG_NONE: the next item is its content */
    dx_codec_frame frames[DX_CODEC_DEPTH_MAX];
} dx_writer;

DX_API void dx_writer_init(dx_writer *writer, dx_buf *out);
DX_API void dx_write_uint(dx_writer *writer, uint64_t value); /* value <= INT64_MAX */
DX_API void dx_write_int(dx_writer *writer, int64_t value);
DX_API void dx_write_bytes(dx_writer *writer, dx_bytes value);
DX_API void dx_write_text(dx_writer *writer, const char *value);
DX_API void dx_write_text_bytes(dx_writer *writer, dx_bytes utf8);
DX_API void dx_write_bool(dx_writer *writer, bool value);
DX_API void dx_write_null(dx_writer *writer);
DX_API void dx_write_double(dx_writer *writer, double value);
DX_API void dx_write_array(dx_writer *writer, size_t count);
DX_API void dx_write_map(dx_writer *writer, size_t count); /* count pairs follow, keys in canonical order */
DX_API void dx_write_tag(dx_writer *writer, uint64_t tag);
/* A timestamp with its tag, from microseconds since 1970 UTC; DX_E_INVALID outside of the years 0000 to 9999.
 */
DX_API void dx_write_timestamp(dx_writer *writer, int64_t micros);
/* One complete item that is already canonical (taken as it is). */
DX_API void dx_write_item(dx_writer *writer, dx_bytes item);
/* The sticky error of writer or buffer. */
DX_API DX_MUST_USE int dx_writer_finish(dx_writer *writer);

/* --- Reader ---------------------------------------------------------------------------------- */

typedef enum dx_kind {
    DX_KIND_NONE, /* end of input, or the reader has failed */
    DX_KIND_INT,
    DX_KIND_BYTES,
    DX_KIND_TEXT,
    DX_KIND_ARRAY,
    DX_KIND_MAP,
    DX_KIND_TAG,
    DX_KIND_BOOL,
    DX_KIND_NULL,
    DX_KIND_DOUBLE
} dx_kind;

/* A cursor over borrowed bytes, which may hold several items. After the first violation every read returns
 * zero/empty and error is DX_E_MALFORMED. Strings returned point into the input. Maps walked by hand are held
 * to the same rules as whole items: keys in order and unique, counts met, nesting bounded. */
typedef struct dx_reader {
    const uint8_t *begin;
    const uint8_t *at;
    const uint8_t *end;
    int error;
    int depth;    /* open arrays and maps */
    uint64_t tag; /* the tag just read, or DX_TAG_NONE: the next item is its content */
    dx_codec_frame frames[DX_CODEC_DEPTH_MAX];
} dx_reader;

DX_API void dx_reader_init(dx_reader *reader, dx_bytes input);
DX_API dx_kind dx_reader_peek(const dx_reader *reader);
DX_API int64_t dx_read_int(dx_reader *reader);
DX_API uint64_t dx_read_uint(dx_reader *reader);                   /* refuses negatives */
DX_API uint64_t dx_read_uint_max(dx_reader *reader, uint64_t max); /* refuses larger */
DX_API dx_bytes dx_read_bytes(dx_reader *reader);
DX_API void dx_read_bytes_exact(dx_reader *reader, uint8_t *out, size_t size); /* zeroes out on error */
DX_API dx_bytes dx_read_text(dx_reader *reader);
DX_API bool dx_read_bool(dx_reader *reader);
DX_API void dx_read_null(dx_reader *reader);
DX_API double dx_read_double(dx_reader *reader);
DX_API size_t dx_read_array(dx_reader *reader);      /* number of items; never more than bytes left */
DX_API size_t dx_read_map(dx_reader *reader);        /* number of pairs; never more than bytes left / 2 */
DX_API uint64_t dx_read_tag(dx_reader *reader);      /* DX_TAG_NONE on error */
DX_API int64_t dx_read_timestamp(dx_reader *reader); /* with its tag; microseconds since 1970 UTC */
/* Next item whole, checked for canonical form (map order included) and skipped; view of its bytes.
 * Its nesting is counted from the item itself, so a value that passes dx_item_check passes wherever it is
 * put. */
DX_API dx_bytes dx_read_item(dx_reader *reader);
DX_API void dx_reader_fail(dx_reader *reader); /* the caller found the content wrong */
/* DX_OK only when nothing failed, nothing is left and every array and map opened was read to its end. */
DX_API DX_MUST_USE int dx_reader_finish(dx_reader *reader);

/* Whether the bytes are exactly one canonical item. */
DX_API DX_MUST_USE int dx_item_check(dx_bytes item);
/* Finds a text key in an encoded, already checked map. Empty bytes (size 0): not there or no map. */
DX_API dx_bytes dx_item_get(dx_bytes map_item, const char *key);
/* Convenience on one encoded item: the value, or the fallback when it is missing or of another kind. */
DX_API dx_bytes dx_item_text(dx_bytes item);  /* size 0 and data NULL when not a text */
DX_API dx_bytes dx_item_bytes(dx_bytes item); /* likewise for bytes */
DX_API int64_t dx_item_int(dx_bytes item, int64_t fallback);
DX_API bool dx_item_bool(dx_bytes item, bool fallback);
DX_API dx_kind dx_item_kind(dx_bytes item);

/* --- Maps written in any order --------------------------------------------------------------- */

/* Collects pairs in any order and writes them sorted; for commands and replies, where hand-sorting
 * keys would be noise. At most DX_MAP_BUILDER_PAIRS_MAX of them: the keys are literals of the program. */
enum { DX_MAP_BUILDER_PAIRS_MAX = 64 };

typedef struct dx_map_builder {
    dx_buf pairs;
    size_t count;
    dx_writer writer;
    size_t starts[DX_MAP_BUILDER_PAIRS_MAX];
} dx_map_builder;

DX_API void dx_map_builder_init(dx_map_builder *map, const dx_alloc *alloc, size_t max_size);
/* Begins the pair and returns the writer that must write exactly one item as its value. */
DX_API dx_writer *dx_map_builder_key(dx_map_builder *map, const char *key);
/* Writes the sorted map to out and frees the builder (also on error). A duplicate key, too many keys or a key
 * without exactly one value is DX_E_STATE in out; other errors pass on to it. */
DX_API void dx_map_builder_finish(dx_map_builder *map, dx_writer *out);

/* --- JSON (RFC 8259) ------------------------------------------------------------------------- */

/* Parses one JSON value into canonical CBOR. Objects are sorted, a duplicate member is an error.
 * Numbers: without fraction and exponent and within int64 they stay integers, all else becomes the nearest
 * double; beyond the largest double is an error. Objects of one member stand for what JSON lacks:
 *   {"@ref": "<id>"}      a reference in the form of dx_reference_print, with "!" behind it a strong one; or "~" and
 *                         base64url for any other bytes
 *   {"@bytes": "<…>"}     bytes, base64url without padding
 *   {"@time": "<…>"}      a timestamp, RFC 3339 with at most six decimals
 *   {"@map": [[k, v], …]} a map with integer keys
 *   {"@double": "<…>"}    NaN, Infinity or -Infinity
 * and such an object that means itself has one more @ in front of its member's name.
 * message (may be NULL, size >= 96) receives what is wrong and the byte where. Nesting as the codec's.
 * DX_E_INVALID not JSON or not of the profile, DX_E_LIMIT too deep or too large, DX_E_NO_MEMORY; out is
 * untouched then. */
DX_API DX_MUST_USE int dx_json_parse(dx_bytes json, dx_writer *out, char *message, size_t message_size);
/* Prints one canonical item as one line of JSON, the inverse of dx_json_parse on every value of the profile;
 * doubles print the shortest digits that read back equal and always with a fraction or an exponent.
 * DX_E_MALFORMED when it is no canonical item, or the buffer's error. */
DX_API DX_MUST_USE int dx_json_print(dx_bytes item, dx_buf *out);

/* JSON with holes, filled by C values and then parsed: dx_json_format(&writer, "{\"title\": %s, \"n\": %d}", title, 3).
 * A hole stands where a JSON value would, and its value is never more than one:
 *   %s a text, quoted and escaped (NULL: null)   %d %ld %lld %u %lu %llu %zu integers   %f %g a double, exactly
 *   %% a percent sign
 * Errors as dx_json_parse; DX_E_INVALID also for another hole, a text that is not UTF-8, a number beyond INT64_MAX. */
DX_API DX_MUST_USE int dx_json_format(dx_writer *out, const char *json, ...) DX_PRINTF(2, 3);
/* The same with a list of values, which stays as it is, and words about what is wrong. */
DX_API DX_MUST_USE int dx_json_format_list(dx_writer *out, char *message, size_t message_size,
                                           const char *json, va_list values) DX_PRINTF(4, 0);

/* --- References in text ---------------------------------------------------------------------- */

/* An object's id: the first 16 bytes of its feed's id, the block's number (4 bytes, big endian) and the place
 * in the block (2 bytes, big endian). In text: NUMBER-PLACE-FEED, decimal, decimal, 32 hexadecimal digits. */
enum { DX_REFERENCE_SIZE = 22, DX_REFERENCE_TEXT_MAX = 52 };
/* A strong reference is the id and one byte more: what refers is not whole without what it refers to
 * (docs/spec/references.md). */
enum { DX_REFERENCE_STRONG = 1, DX_STRONG_REFERENCE_SIZE = DX_REFERENCE_SIZE + 1 };

/* Whether the bytes of a reference are a strong one's; the id comes first in both. */
DX_API bool dx_reference_is_strong(dx_bytes reference);
/* The id in the bytes of a reference, weak or strong; a view of them. Empty with data NULL: none, they are another
 * program's. */
DX_API dx_bytes dx_reference_id(dx_bytes reference);

/* id has DX_REFERENCE_SIZE bytes, out room for DX_REFERENCE_TEXT_MAX characters with the terminator. */
DX_API void dx_reference_print(const uint8_t *id, char *out);
/* Exactly what dx_reference_print prints; DX_E_INVALID otherwise. */
DX_API DX_MUST_USE int dx_reference_parse(dx_bytes text, uint8_t *id);

/* --- Base64url without padding (RFC 4648 §5) -------------------------------------------------- */
DX_API void dx_base64url_encode(dx_bytes bytes, dx_buf *out);
/* Appends the decoded bytes; DX_E_INVALID for foreign characters, padding or stray bits (out is untouched
 * then), or the buffer's error. */
DX_API DX_MUST_USE int dx_base64url_decode(dx_bytes text, dx_buf *out);

#ifdef __cplusplus
}
#endif
#endif
