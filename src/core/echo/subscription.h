/* echo/subscription.h: filters that go on answering: what appears, changes and goes.
 *
 * Layer: floor 1, echo. docs/spec/query.md, "Watching". The node keeps one set of all its subscriptions, makes one for
 * each `watch`, runs it until it has learnt what matches already, and gives the set the changes of every step. Of many
 * subscriptions a change finds those it may concern by hash (subscription_index.c), so a write costs by what it matches.
 * The set remembers which entities changed lately (change_log.h): a watcher that was away goes on from a position it was told.
 * Invariants: rows told one after another, upon what a query showed when the watch began, are what the query shows now.
 * Ownership: a subscription belongs to its space and to the set. What a step undoes undoes the set, too: the node makes
 * another one, whose positions are others. */
#ifndef DX_ECHO_SUBSCRIPTION_H
#define DX_ECHO_SUBSCRIPTION_H

#include "echo/change_log.h"
#include "echo/query.h"

enum {
    /* Matching entities remembered, 16 bytes each in a table with room: with them "added" and "removed" are
     * exact. Beyond it an entity that stops matching is reported as removed even if it never matched, which a
     * receiver passes over. */
    DX_SUBSCRIPTION_KEYS_MAX = 1 << 18,
    /* Entities that subscriptions found by a value hold, each once a subscription, 24 bytes: beyond it one is found by its
     * type alone. */
    DX_SUBSCRIPTION_HOLDS_MAX = 1 << 20,
    /* Paths by whose values subscriptions are found: each costs every change of its type a look. */
    DX_SUBSCRIPTION_PATHS_MAX = 16,
    /* What is kept of the order of all watches that have one, 48 bytes and the values ordered by for each row. */
    DX_SUBSCRIPTION_WINDOWS_SIZE_MAX = 64 << 20,
    /* Rows a watcher of an order may name when it comes back: a command has room for them. */
    DX_WINDOW_HELD_MAX = 1 << 14
};

typedef struct dx_subscriptions dx_subscriptions;
typedef struct dx_subscription dx_subscription;

/* Where the rows go. A row dies with the callback's return. Errors of the host's end dx_subscriptions_take. */
typedef struct dx_subscriber {
    void *ctx;
    int (*on_row)(void *ctx, dx_bytes row);
    /* Behind the rows of one step, when there were any; and now and then, so that a position is told again before it is
     * too old to come back to. */
    int (*on_end)(void *ctx);
} dx_subscriber;

DX_MUST_USE int dx_subscriptions_create(const dx_alloc *alloc, const dx_random *random,
                                        dx_subscriptions **out);
void dx_subscriptions_destroy(dx_subscriptions *set); /* none is left in it */
/* One row per entity and subscription that it concerns: the entity's map with "change" "added", "changed" or "removed" in
 * it, by its first change in this step and as it is now; or one {"change": "refresh"} when there were too many to tell,
 * after which a subscription has to learn anew (run it). */
DX_MUST_USE int dx_subscriptions_take(dx_subscriptions *set, dx_context *context, const dx_changes *changes);
/* What changed before it was opened, so that positions told then hold (change_log.h). Without it nothing goes to the vault. */
DX_MUST_USE int dx_subscriptions_load(dx_subscriptions *set, dx_context *context, bool is_copy);
/* Where it stands: behind everything told so far. */
dx_position dx_subscriptions_position(dx_subscriptions *set);

/* query: one item, or size 0 for every visible object and link. A filter, and with "order" (and "limit") or "group" a window:
 * that tells its rows itself, with their places, then the word "listed", then how they change. Nothing else of a query.
 * DX_E_INVALID with a message. */
DX_MUST_USE int dx_subscription_create(dx_subscriptions *set, dx_context *context, dx_space *space,
                                       dx_bytes query, const dx_subscriber *subscriber, char *message,
                                       size_t message_size, dx_subscription **out);
void dx_subscription_destroy(dx_subscription *subscription);
/* Remembers at most so many (at first DX_SUBSCRIPTION_KEYS_MAX): where there are many watchers each is given
 * less. A window with a limit: so many beyond what it shows. */
void dx_subscription_limit(dx_subscription *subscription, size_t keys_max);
/* What changed since the position will be told by dx_subscription_run, before it learns. False: that is not known any
 * more; its watcher has to ask anew. */
bool dx_subscription_resume(dx_subscription *subscription, const dx_position *position);
/* The same of a window whose watcher held these in this order; it tells "refresh" by itself where that is not known any more. */
DX_MUST_USE int dx_subscription_come_back(dx_subscription *subscription, const dx_position *position,
                                          const int64_t *held, size_t count);
/* What a window keeps at a place that it just told, "to", and the bytes that decide its order, in every space alike. */
void dx_subscription_place_at(const dx_subscription *subscription, size_t to, int64_t *key, dx_bytes *place);
bool dx_subscription_has_order(const dx_subscription *subscription);
/* Its watcher has not been told all up to here. */
bool dx_subscription_is_behind(const dx_subscription *subscription);
/* Whether it is to be run. */
bool dx_subscription_has_more(const dx_subscription *subscription);
/* Tells and learns up to `budget` entities; *more when it should be called again. Changes may come in between. DX_E_LIMIT: a
 * window that holds too many. */
DX_MUST_USE int dx_subscription_run(dx_subscription *subscription, size_t budget, bool *more);

#endif
