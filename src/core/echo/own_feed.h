/* echo/own_feed.h: the feeds this device writes in a space, and the control blocks it writes there.
 *
 * Layer: floor 1, echo, private to this room. A control feed's block 0 carries everything its own admission
 * rests on, from the genesis on, so it is admitted wherever it arrives first. Ownership: a dx_credential_list
 * lives on the stack; dx_list_end gives its memory back. */
#ifndef DX_ECHO_OWN_FEED_H
#define DX_ECHO_OWN_FEED_H

#include "echo/space.h"

enum {
    /* What one admission rests on: a chain of DX_CONTROL_CHAIN_MAX members with a device each, the genesis,
       and what is issued with it. */
    DX_LIST_PREMISES_MAX = 64,
    /* How far up it is looked for them: a chain of admissions is a few high. */
    DX_LIST_DEPTH_MAX = 32,
    /* Credentials in one control block: below half of it, so that the header always fits. */
    DX_LIST_SIZE_MAX = DX_BLOCK_SIZE_MAX / 2
};

/* Credentials on their way into a control block. */
typedef struct dx_credential_list {
    dx_buf items; /* encoded byte strings: the sections of a block to be */
    size_t count;
    uint8_t ids[DX_LIST_PREMISES_MAX][DX_HASH_SIZE]; /* of the first of them */
} dx_credential_list;

void dx_list_begin(dx_context *context, dx_credential_list *list);
void dx_list_end(dx_credential_list *list);
/* Takes a credential of this vault's own making, or a verified one, into the control state. Known already is
 * well. */
DX_MUST_USE int dx_list_take(dx_space *space, const dx_buf *credential);
/* Once each. */
DX_MUST_USE int dx_list_add(dx_credential_list *list, dx_bytes credential);
/* Takes and adds what was just issued, and empties the buffer. */
DX_MUST_USE int dx_list_issue(dx_space *space, dx_credential_list *list, dx_buf *credential);
/* Writes what is listed as a block of the own control feed, applies it, and empties the list. */
DX_MUST_USE int dx_list_write(dx_context *context, dx_space *space, dx_credential_list *list);

/* A row for the space, and the space in memory, without control state or feeds. */
DX_MUST_USE int dx_space_insert(dx_context *context, const uint8_t id[static DX_HASH_SIZE], dx_space **out);
/* New feeds for what this device may write, their admissions in effect and listed: the beginning of the
 * control feed's first block. */
DX_MUST_USE int dx_space_make_own_feeds(dx_context *context, dx_space *space, dx_credential_list *list);
/* Makes the data feed of a device whose member was given the right to write after it joined, and says who writes
 * there. Nothing when it is there or the right is missing. */
DX_MUST_USE int dx_space_make_data_feed(dx_context *context, dx_space *space);

#endif
