/* dxos/base.h: the words every other header is written in.
 *
 * Layer: public, floor 1 (portable core). Includes nothing of ours.
 * Holds: results and errors, borrowed bytes, owned buffers, and the three ports through which the
 * core reaches its host (allocator, random, tracer). The fourth port, the disk, is SQLite's VFS.
 * Ownership: `dx_bytes` borrows and dies with the thing it was received from; `dx_buf` owns and
 * always has a maximum. Nothing here keeps global state. */
#ifndef DXOS_BASE_H
#define DXOS_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__) || defined(__clang__)
#define DX_API                        __attribute__((visibility("default")))
#define DX_MUST_USE                   __attribute__((warn_unused_result))
#define DX_PRINTF(format_at, args_at) __attribute__((format(printf, format_at, args_at)))
#define DX_NORETURN                   __attribute__((noreturn))
#else
#define DX_API
#define DX_MUST_USE
#define DX_PRINTF(format_at, args_at)
#define DX_NORETURN
#endif

/* --- Errors ---------------------------------------------------------------------------------- */

/* Whose fault it is decides what happens next; one policy per class, applied in node/dispatch.c.
 *   caller  nothing changed; the message says what to do instead
 *   host    the step is undone and the node stays consistent (memory, disk)
 *   peer    drop, tell, close the link; never trust, never crash
 *   data    quarantine, report, keep the rest alive */
typedef enum dx_error_class {
    DX_CLASS_OK,
    DX_CLASS_CALLER,
    DX_CLASS_HOST,
    DX_CLASS_PEER,
    DX_CLASS_DATA
} dx_error_class;

/* X(symbol, number, class, sentence). Numbers are part of the vault protocol: append, never renumber. */
/* clang-format off */
#define DX_ERROR_MAP(X) \
    X(OK,             0,   OK,     "done") \
    X(E_INVALID,     -1,   CALLER, "an argument is not of the form this call takes") \
    X(E_STATE,       -2,   CALLER, "this cannot be done in the present state") \
    X(E_NOT_FOUND,   -3,   CALLER, "there is no such thing here") \
    X(E_EXISTS,      -4,   CALLER, "it exists already") \
    X(E_LIMIT,       -5,   CALLER, "a limit would be exceeded") \
    X(E_DENIED,      -6,   CALLER, "the right to do this is missing") \
    X(E_NO_IDENTITY, -7,   CALLER, "this vault has no identity yet") \
    X(E_TIMEOUT,     -8,   CALLER, "the time given ran out") \
    X(E_CANCELLED,   -9,   CALLER, "it was cancelled") \
    X(E_CONFLICT,    -10,  CALLER, "it conflicts with what is there") \
    X(E_UNSUPPORTED, -11,  CALLER, "this version does not know how to do that") \
    X(E_GONE,        -12,  CALLER, "history here begins later than that") \
    X(E_NO_MEMORY,   -20,  HOST,   "memory ran out") \
    X(E_STORE,       -21,  HOST,   "the disk or the database under the vault failed") \
    X(E_NO_SPACE,    -22,  HOST,   "the disk is full") \
    X(E_BUSY,        -23,  HOST,   "another process holds the vault") \
    X(E_IO,          -24,  HOST,   "the operating system refused") \
    X(E_UNREACHABLE, -25,  HOST,   "the peer could not be reached") \
    X(E_MALFORMED,   -40,  PEER,   "bytes were received that are not of the format") \
    X(E_SIGNATURE,   -41,  PEER,   "a signature or proof does not hold") \
    X(E_FORK,        -42,  PEER,   "a feed was written twice at the same place") \
    X(E_UNAUTHORIZED,-43,  PEER,   "its author has no right to this") \
    X(E_PROTOCOL,    -44,  PEER,   "a message came that this state does not allow") \
    X(E_FLOOD,       -45,  PEER,   "the peer sent more than it was granted") \
    X(E_LINK,        -46,  PEER,   "the invitation link is not well formed") \
    X(E_EXPIRED,     -47,  PEER,   "the invitation has expired; ask for a new one") \
    X(E_PIN,         -48,  PEER,   "the PIN is wrong") \
    X(E_LOCKED,      -49,  PEER,   "the invitation is locked after three failures; ask for a new one") \
    X(E_HOST_PROOF,  -50,  PEER,   "the host did not know the PIN; it may be an impostor") \
    X(E_EXHAUSTED,   -51,  PEER,   "the invitation was used up; ask for a new one") \
    X(E_NO_HOST,     -52,  PEER,   "nobody answered for this invitation") \
    X(E_VERIFY,      -53,  PEER,   "a credential does not verify") \
    X(E_WITHDRAWN,   -54,  PEER,   "the invitation was withdrawn; ask for a new one") \
    X(E_CHANNEL_BINDING, -55, PEER, "another one stands between the two ends of this connection") \
    X(E_CORRUPT,     -60,  DATA,   "stored data is damaged") \
    X(E_VERSION,     -61,  DATA,   "stored data is of a version this program does not know") \
    X(E_EPOCH_MISMATCH, -62, DATA, "an epoch says another state than its blocks make")
/* clang-format on */

enum {
#define DX_ERROR_ROW(symbol, number, class, sentence) DX_##symbol = (number),
    DX_ERROR_MAP(DX_ERROR_ROW)
#undef DX_ERROR_ROW
};

/* Symbol without prefix ("E_NOT_FOUND"), or "E_UNKNOWN". Static storage. */
DX_API const char *dx_error_name(int error);
/* One sentence without a full stop. Static storage. */
DX_API const char *dx_error_text(int error);
DX_API dx_error_class dx_error_class_of(int error);

/* Assertions are for our own bugs and stay on in release; errors are for the world. The core's own handler
 * stops at once without a word, for it cannot print; it is weak, and a host that can print defines this
 * function itself. */
DX_API DX_NORETURN void dx_assert_failed(const char *expression, const char *file, int line);
#define DX_ASSERT(expression) ((expression) ? (void)0 : dx_assert_failed(#expression, __FILE__, __LINE__))

/* --- Bytes ----------------------------------------------------------------------------------- */

/* A borrowed run of bytes. data may be NULL only when size is 0. */
typedef struct dx_bytes {
    const uint8_t *data;
    size_t size;
} dx_bytes;

DX_API dx_bytes dx_bytes_of(const void *data, size_t size);
/* The characters of a C string, without its terminator. */
DX_API dx_bytes dx_bytes_text(const char *text);
DX_API bool dx_bytes_equal(dx_bytes a, dx_bytes b);
/* memcmp order, shorter first on a tie: <0, 0, >0. Not constant time; never for secrets. */
DX_API int dx_bytes_compare(dx_bytes a, dx_bytes b);

/* --- Time ------------------------------------------------------------------------------------ */

/* Deadlines are monotonic milliseconds, as told in events. This one never comes. */
#define DX_NO_DEADLINE UINT64_MAX

/* --- Ports ----------------------------------------------------------------------------------- */

/* Allocator. resize(ctx, NULL, 0, n) allocates, resize(ctx, p, old, 0) frees and returns NULL,
 * otherwise it behaves like realloc; the size of the old block is always told. NULL = no memory. The core
 * moves blocks itself (dx_alloc_grow), so that what it leaves behind is wiped. */
typedef struct dx_alloc {
    void *ctx;
    void *(*resize)(void *ctx, void *old, size_t old_size, size_t new_size);
} dx_alloc;

DX_API void *dx_alloc_take(const dx_alloc *alloc, size_t size);        /* NULL: no memory, or size 0 */
DX_API void *dx_alloc_take_zeroed(const dx_alloc *alloc, size_t size); /* likewise */
/* Memory goes back wiped, whatever it held: a PIN or a key passes through too many hands to be followed into
 * each of them, and zeroing costs less than the writing did. block may be NULL. */
DX_API void dx_alloc_free(const dx_alloc *alloc, void *block, size_t size);
/* A larger block with the old one's bytes, which is freed; NULL: no memory, the old one stays as it is. */
DX_API void *dx_alloc_grow(const dx_alloc *alloc, void *block, size_t size, size_t new_size);

/* Random. fill() must give cryptographic randomness (in the simulator: the seed's) and cannot fail. */
typedef struct dx_random {
    void *ctx;
    void (*fill)(void *ctx, uint8_t *out, size_t size);
} dx_random;

/* Tracer. One line of text per event, for people and for stories; never holds a secret.
 * room is the room's name ("sync"); text is borrowed for the call. NULL function: no tracing. */
typedef struct dx_tracer {
    void *ctx;
    void (*line)(void *ctx, const char *room, const char *text);
} dx_tracer;

/* --- Owned buffer ---------------------------------------------------------------------------- */

/* A growing byte buffer with a maximum. Errors are sticky: once an append failed (no memory or
 * maximum reached) all later appends do nothing, and dx_buf_error() tells; so writers check once. */
typedef struct dx_buf {
    uint8_t *data;
    size_t size;
    size_t capacity;
    size_t max;
    int error;
    const dx_alloc *alloc;
} dx_buf;

DX_API void dx_buf_init(dx_buf *buf, const dx_alloc *alloc, size_t max);
DX_API void dx_buf_deinit(dx_buf *buf);
DX_API void dx_buf_clear(dx_buf *buf); /* size 0, error forgotten, memory kept and wiped */
DX_API void dx_buf_append(dx_buf *buf, const void *data, size_t size);
DX_API void dx_buf_append_byte(dx_buf *buf, uint8_t byte);
/* Room for size bytes at the end, counted as written; NULL when sticky error. */
DX_API uint8_t *dx_buf_extend(dx_buf *buf, size_t size);
/* Drops the first size bytes (moves the rest down, and wipes what it left). */
DX_API void dx_buf_consume(dx_buf *buf, size_t size);
DX_API int dx_buf_error(const dx_buf *buf);
DX_API dx_bytes dx_buf_view(const dx_buf *buf);

/* --- Hexadecimal ----------------------------------------------------------------------------- */

/* Writes 2*bytes.size characters and a terminator; out must hold 2*size+1. */
DX_API void dx_hex_encode(dx_bytes bytes, char *out);
/* text of exactly 2*size digits, either case. DX_E_INVALID otherwise. */
DX_API DX_MUST_USE int dx_hex_decode(const char *text, size_t text_size, uint8_t *out, size_t size);

#ifdef __cplusplus
}
#endif
#endif
