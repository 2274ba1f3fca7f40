/* base/limits.h: every limit of the house, each with its reason.
 *
 * Layer: floor 1, base. A limit a peer, a file or a caller can run into stands here and nowhere else; a room
 * adds its own in its own group. Sizes are bytes unless the name says otherwise. The nesting limit of the
 * encoding is public and stands in dxos/codec.h (DX_CODEC_DEPTH_MAX). */
#ifndef DX_BASE_LIMITS_H
#define DX_BASE_LIMITS_H

enum {
    /* --- codec --- */
    /* Characters of a JSON number: the longest finite double written out needs 1,077; more is an attempt to
     * buy time, since reading a number is quadratic in its digits. */
    DX_JSON_NUMBER_MAX = 2048,

    /* --- feed --- */
    /* A block, sealed: small enough to hold whole in memory on every link, large enough that a bulk import
     * commits thousands of mutations at once. Larger transactions continue in the next block. */
    DX_BLOCK_SIZE_MAX = 1024 * 1024,

    /* --- memory --- */
    /* First chunk of an arena: a typical step's effects fit in it. */
    DX_ARENA_CHUNK_SIZE = 16 * 1024,
    /* Largest chunk an arena keeps over a reset: memory follows the usual step, not the largest one ever. */
    DX_ARENA_KEPT_SIZE_MAX = 1024 * 1024
};

#endif
