/* text/checkpoint.h: the parts of a checkpoint's bytes (dxos/text.h, docs/spec/text.md, Checkpoints).
 *
 * Layer: floor 1, text, private to the engine. */
#ifndef DX_TEXT_CHECKPOINT_H
#define DX_TEXT_CHECKPOINT_H

#include "text/lib0.h"

/* First bytes: its own form, or an update v2, packed: of documents with something pending, or with halves of pairs. (An update v2 itself
 * begins with 0.) */
enum { DX_TEXT_CHECKPOINT_OWN = 1, DX_TEXT_CHECKPOINT_UPDATE = 2 };

/* Of lists that are no root's: a type's own, or the chain of a key. */
enum { DX_TEXT_CHECKPOINT_LIST = 0, DX_TEXT_CHECKPOINT_CHAIN = 1 };

/* Bytes that may be compressed. */
typedef struct dx_text_packed {
    dx_bytes bytes;
    uint64_t size; /* of what they hold */
    bool compressed;
} dx_text_packed;

/* A root's list: its live characters are the next ones of the characters of all. */
typedef struct dx_text_checkpoint_root {
    dx_bytes name;
    uint64_t size;
    bool plain; /* nothing but characters lives in it */
} dx_text_checkpoint_root;

typedef struct dx_text_checkpoint {
    bool own;
    dx_text_packed update;   /* not own: all of it */
    dx_bytes roots;          /* one behind another */
    dx_text_packed text;     /* live characters, UTF-8, list by list, those of roots first */
    dx_text_packed contents; /* names, and all other content */
    dx_bytes skeleton;
} dx_text_checkpoint;

/* Views into the bytes. DX_E_CORRUPT: not the parts of one. */
DX_MUST_USE int dx_text_checkpoint_parse(dx_bytes bytes, dx_text_checkpoint *out);
/* The next root of `roots`, which are behind it then; false: none is left, or they are damaged, which parse has looked at. */
bool dx_text_checkpoint_next_root(dx_lib0_reader *roots, dx_text_checkpoint_root *out);
/* Appends the characters of the root whose list begins `from` bytes into all characters. The errors of unpacking. */
DX_MUST_USE int dx_text_checkpoint_read(const dx_alloc *alloc, const dx_text_checkpoint *parts, uint64_t from,
                                        const dx_text_checkpoint_root *root, dx_buf *utf8);
/* Appends what is packed. DX_E_CORRUPT, DX_E_NO_MEMORY, the buffer's errors. */
DX_MUST_USE int dx_text_unpack(const dx_alloc *alloc, const dx_text_packed *packed, dx_buf *out);
/* Appends its size, how it is packed, and it. */
DX_MUST_USE int dx_text_pack(const dx_alloc *alloc, dx_bytes bytes, dx_buf *out);

#endif
