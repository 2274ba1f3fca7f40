/* echo/subscription.h: a filter that goes on answering: what appears, changes and goes.
 *
 * Layer: floor 1, echo. docs/spec/query.md. The node creates a subscription for each `watch`, runs it until
 * it has learnt what matches already, and gives it the changes of every step after the commit decided them.
 * Ownership: belongs to its space. */
#ifndef DX_ECHO_SUBSCRIPTION_H
#define DX_ECHO_SUBSCRIPTION_H

#include "echo/query.h"

enum {
    /* Matching entities remembered, 16 bytes each in a table with room: with them "added" and "removed" are
     * exact. Beyond it an entity that stops matching is reported as removed even if it never matched, which a
     * receiver passes over. */
    DX_SUBSCRIPTION_KEYS_MAX = 1 << 18
};

typedef struct dx_subscription dx_subscription;

/* query: one item, or size 0 for every visible object and link. Only a filter: no "follow", "path", "limit",
 * "after", "count". DX_E_INVALID with a message. */
DX_MUST_USE int dx_subscription_create(dx_context *context, dx_space *space, dx_bytes query, char *message,
                                       size_t message_size, dx_subscription **out);
void dx_subscription_destroy(dx_subscription *subscription);
/* Remembers at most so many (at first DX_SUBSCRIPTION_KEYS_MAX): where there are many watchers each is given
 * less. */
void dx_subscription_limit(dx_subscription *subscription, size_t keys_max);
/* Learns up to `budget` entities of what matches already; *more when it should be called again. Changes may
 * come in between. */
DX_MUST_USE int dx_subscription_run(dx_subscription *subscription, size_t budget, bool *more);
/* One row per entity of the changes that concerns the filter: the entity's map with "change" "added",
 * "changed" or "removed" in it; or one {"change": "refresh"} when there were too many to tell, after which
 * the subscription has to learn anew (run it). row dies with the callback's return, whose error ends the
 * call. */
DX_MUST_USE int dx_subscription_take(dx_subscription *subscription, const dx_changes *changes,
                                     int (*on_row)(void *ctx, dx_bytes row), void *ctx);

#endif
