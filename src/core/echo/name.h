/* echo/name.h: what a space and its members are called.
 *
 * Layer: floor 1, echo. Names are data (docs/spec/space.md). A space's stands in an object of type "dx.space",
 * which any editor may change: of several that of the author with the highest role counts, then the earliest. A
 * member's stands in an object of type "dx.member" which a device makes of itself, and which no other device may
 * change: what others do to it is refused by every replica (echo/reduce.c), so nobody speaks for somebody else. Of
 * each feed the first object of such a type counts and no other: whoever makes a million of them names nothing
 * and costs nobody anything. */
#ifndef DX_ECHO_NAME_H
#define DX_ECHO_NAME_H

#include "echo/space.h"

/* The space's name from its properties object; DX_E_NOT_FOUND when unnamed or not there yet, and out is
 * empty. */
DX_MUST_USE int dx_space_name(dx_context *context, dx_space *space, char *out, size_t size);
/* The name a member gave itself in this space; DX_E_NOT_FOUND when it is not here. */
DX_MUST_USE int dx_space_member_name(dx_context *context, dx_space *space,
                                     const uint8_t identity[static DX_KEY_SIZE], char *out, size_t size);
/* The key of the object in which it did: who links to a member links to it. 0: it is not here. */
DX_MUST_USE int dx_space_member_object(dx_context *context, dx_space *space,
                                       const uint8_t identity[static DX_KEY_SIZE], int64_t *key);
/* Another digest when a member's name is another one; the same one after a restart. */
DX_MUST_USE int dx_space_names_digest(dx_context *context, dx_space *space, uint8_t out[static DX_HASH_SIZE]);

/* Changes the object that names the space, brings it back when it was deleted, makes it when there is none.
 * Nothing when that is its name. The errors of a transaction (mutation.h). */
DX_MUST_USE int dx_space_rename(dx_context *context, dx_space *space, dx_bytes name);
/* Writes the identity's name into this device's object of the space, as dx_space_rename does. */
DX_MUST_USE int dx_space_tell_name(dx_context *context, dx_space *space);
/* The first data block: who writes here and, by the founder, what the space is called. */
DX_MUST_USE int dx_space_write_system_objects(dx_context *context, dx_space *space, bool founds,
                                              dx_bytes name);

/* --- For the reduction and the checks before it --- */
/* Whether an object of this type is its device's own word. */
bool dx_name_is_own_word(const dx_type *type);
/* Whether an author may change an object of this type made in that feed. */
bool dx_name_may_change(const dx_type *type, const dx_feed *maker, const dx_feed *author);

#endif
