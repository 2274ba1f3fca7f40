/* sync/seek.c: entities that are to be whole: asked for by id of members, one member at a time.
 * See session.h.
 *
 * Layer: floor 1, sync. docs/spec/sync.md, "Entities"; docs/spec/partial.md. Two kinds of them: those that somebody waits
 * for, which are asked for at once of each member until one has all of it; and those that changed within the scope while
 * older sections lie outside (table sought, echo/space_scope.h), which every member is asked for once in a round. Some questions
 * are under way at once, so that the delay of the link and the commit here hold up neither side; answers come in the order of
 * the questions, and what one had no room for is asked behind the others. What comes
 * fills holes that are here: it must be about what was asked for (DX_E_PROTOCOL) and have the hash that stands there
 * (DX_E_SIGNATURE; beyond the cut of a forked feed it may be of another branch, and is passed over). Blocks that are not here
 * yet bring theirs when they come. */
#include <string.h>

#include "base/limits.h"
#include "echo/entity_row.h"
#include "echo/late.h"
#include "echo/purge.h"
#include "echo/touch.h"
#include "sync/session.h"

static dx_context *context_of(const dx_session *session) {
    return session->replica->replication->context;
}

static uint64_t now_of(const dx_session *session) {
    return context_of(session)->now_ms;
}

void dx_session_seek_deinit(dx_session *session) {
    dx_alloc_free(context_of(session)->alloc, session->seek.turns,
                  session->seek.turns == NULL ? 0 : DX_SYNC_SEEKS_DUE_MAX * sizeof *session->seek.turns);
}

/* The question so many behind the oldest that is not answered; `due` of them behind: room for the next. */
static dx_session_turn *turn_at(const dx_session *session, size_t place) {
    return &session->seek.turns[(session->seek.first + place) % DX_SYNC_SEEKS_DUE_MAX];
}

/* --- Who waits ------------------------------------------------------------------------------------- */

static dx_replica_seek *find_seek(const dx_replica *replica, int64_t key) {
    for (size_t i = 0; i < replica->seek_count; i++) {
        if (replica->seeks[i].key == key) {
            return &replica->seeks[i];
        }
    }
    return NULL;
}

int dx_replication_seek(dx_replication *replication, dx_space *space, int64_t key) {
    dx_replica *replica = dx_replica_find(replication, space);
    if (replica == NULL) {
        return DX_E_NOT_FOUND;
    }
    if (replica->seeks == NULL) {
        replica->seeks =
            dx_alloc_take(replication->context->alloc, DX_SYNC_URGENT_MAX * sizeof *replica->seeks);
        if (replica->seeks == NULL) {
            return DX_E_NO_MEMORY;
        }
    }
    dx_replica_seek *seek = find_seek(replica, key);
    if (seek == NULL) {
        if (replica->seek_count == DX_SYNC_URGENT_MAX) {
            return DX_E_LIMIT;
        }
        seek = &replica->seeks[replica->seek_count++];
        *seek = (dx_replica_seek){.key = key};
    } else if (seek->state != DX_SEEK_UNDER_WAY) { /* it may have changed since */
        seek->state = DX_SEEK_UNDER_WAY;
        seek->asked_count = 0;
    }
    seek->waiting++;
    return DX_OK;
}

void dx_replication_seek_end(dx_replication *replication, const dx_space *space, int64_t key) {
    dx_replica *replica = dx_replica_find(replication, space);
    dx_replica_seek *seek = replica == NULL ? NULL : find_seek(replica, key);
    if (seek != NULL && --seek->waiting == 0) {
        *seek = replica->seeks[--replica->seek_count];
    }
}

static bool was_asked(const dx_replica_seek *seek, const dx_session *session) {
    bool asked = seek->asked_count == DX_SYNC_URGENT_ASKED_MAX;
    for (size_t i = 0; i < seek->asked_count && !asked; i++) {
        asked = seek->asked[i] == session->link;
    }
    return asked;
}

dx_seek_state dx_replication_seek_state(dx_replication *replication, const dx_space *space, int64_t key) {
    const dx_replica *replica = dx_replica_find(replication, space);
    dx_replica_seek *seek = replica == NULL ? NULL : find_seek(replica, key);
    bool anybody = false, all = true;
    if (seek == NULL || seek->state != DX_SEEK_UNDER_WAY) {
        return seek == NULL ? DX_SEEK_NOBODY : seek->state;
    }
    for (const dx_session *session = replica->sessions; session != NULL; session = session->next) {
        bool member = session->state == DX_SESSION_MEMBER;
        anybody = anybody || member;
        all = all && (!member || was_asked(seek, session));
    }
    return !anybody ? DX_SEEK_NOBODY : all ? DX_SEEK_PART : DX_SEEK_UNDER_WAY;
}

/* --- Asking ---------------------------------------------------------------------------------------- */

static bool is_urgent(const dx_session *session) {
    bool urgent = false;
    for (size_t i = 0; i < session->seek.due; i++) {
        urgent = urgent || turn_at(session, i)->urgent != 0;
    }
    return urgent;
}

/* Until when others are waited for, who were asked before. */
static uint64_t asked_elsewhere_until(const dx_session *session) {
    uint64_t until_ms = 0;
    for (const dx_session *other = session->replica->sessions; other != NULL; other = other->next) {
        if (other != session && other->seek.due != 0 && !other->seek.late) {
            uint64_t each_ms =
                other->seek.brought_ms + (is_urgent(other) ? DX_SYNC_URGENT_MS : DX_SYNC_STALL_MS);
            until_ms = each_ms > until_ms ? each_ms : until_ms;
        }
    }
    return until_ms;
}

static int add_key(const dx_session *session, dx_session_turn *turn, int64_t key) {
    int error = dx_key_to_id(session->replica->space, key, turn->asked.entities[turn->asked.count]);
    if (error == DX_OK) {
        turn->keys[turn->asked.count++] = key;
    }
    return error;
}

/* Whether a question that is not answered yet asks for it because somebody waits. */
static bool is_being_asked(const dx_session *session, int64_t key) {
    bool is = false;
    for (size_t i = 0; i < session->seek.due && !is; i++) {
        const dx_session_turn *turn = turn_at(session, i);
        for (size_t j = 0; j < turn->urgent && !is; j++) {
            is = turn->keys[j] == key;
        }
    }
    return is;
}

/* Those that somebody waits for, then those that are sought, then what they told of (match.c). */
static int gather(dx_session *session, dx_session_turn *turn) {
    dx_replica *replica = session->replica;
    dx_sync_seek *asked = &turn->asked;
    int error = DX_OK;
    asked->count = 0;
    asked->after = (dx_sync_progress){.some = false};
    for (size_t i = 0; i < replica->seek_count && asked->count < DX_SYNC_SEEKS_MAX && error == DX_OK; i++) {
        const dx_replica_seek *seek = &replica->seeks[i];
        if (seek->state == DX_SEEK_UNDER_WAY && !was_asked(seek, session) &&
            !is_being_asked(session, seek->key)) {
            error = add_key(session, turn, seek->key);
        }
    }
    turn->urgent = asked->count;
    while (error == DX_OK && asked->count < DX_SYNC_SEEKS_MAX && session->seek.again_ms == 0) {
        int64_t key;
        error = dx_space_sought(context_of(session), replica->space, session->seek.after, &key);
        session->seek.after = error == DX_OK ? key : session->seek.after;
        error = error == DX_OK && !dx_purge_has(replica->space, key) ? add_key(session, turn, key) : error;
    }
    error = error == DX_E_NOT_FOUND ? DX_OK : error;
    const int64_t *matched;
    size_t first = asked->count, left = dx_session_match_keys(session, &matched);
    for (size_t i = 0; i < left && asked->count < DX_SYNC_SEEKS_MAX && error == DX_OK; i++) {
        error = add_key(session, turn, matched[i]);
    }
    turn->matched = asked->count - first;
    turn->matched_of = session->match.number;
    dx_session_match_asked(session, turn->matched);
    return error;
}

/* The question behind those that are under way. */
static int ask(dx_session *session) {
    const dx_session_turn *turn = turn_at(session, session->seek.due++);
    dx_session_trace(session, "is asked for %llu entities", (unsigned long long)turn->asked.count);
    dx_sync_seek_write(&turn->asked, &session->replica->replication->message);
    return dx_session_send(session);
}

/* All that are sought were asked for; they are again later, while some are left. */
static int end_round(dx_session *session, uint64_t *deadline_ms) {
    uint64_t wait_ms = DX_SYNC_HOLES_MS;
    int64_t key;
    int error = session->seek.again_ms != 0
                    ? DX_OK
                    : dx_space_sought(context_of(session), session->replica->space, 0, &key);
    if (error != DX_OK) {
        session->seek.after = 0;
        return error == DX_E_NOT_FOUND ? DX_OK : error;
    }
    if (session->seek.again_ms == 0) {
        for (unsigned i = 0; i < session->seek.rounds && wait_ms < DX_SYNC_HOLES_MS_MAX; i++) {
            wait_ms *= 2;
        }
        session->seek.again_ms =
            now_of(session) + (wait_ms < DX_SYNC_HOLES_MS_MAX ? wait_ms : DX_SYNC_HOLES_MS_MAX);
        session->seek.rounds++;
    } else if (now_of(session) >= session->seek.again_ms) {
        session->seek.again_ms = 0;
        session->seek.after = 0;
        *deadline_ms = now_of(session);
        return DX_OK;
    }
    *deadline_ms = session->seek.again_ms < *deadline_ms ? session->seek.again_ms : *deadline_ms;
    return DX_OK;
}

/* Whether there is anything of it here: who says that nothing of an entity is missing, and has not even given its creation,
 * is not believed. */
static int is_here(const dx_session *session, int64_t key, bool *here) {
    dx_space *space = session->replica->space;
    dx_entity_row row;
    int error = dx_entity_row_read(context_of(session), space, key, &row);
    *here = error == DX_OK || dx_purge_has(space, key);
    return error == DX_E_NOT_FOUND ? DX_OK : error;
}

/* They were asked for the first of these, and gave what they gave. */
static int note_asked(dx_session *session, const dx_session_turn *turn, size_t count, bool all) {
    dx_replica *replica = session->replica;
    size_t matched = turn->asked.count - turn->matched;
    int error = DX_OK;
    for (size_t i = 0; i < count && error == DX_OK; i++) {
        dx_replica_seek *seek = find_seek(replica, turn->keys[i]);
        bool whole = all;
        error = whole ? is_here(session, turn->keys[i], &whole) : DX_OK;
        if (error == DX_OK && seek != NULL && seek->state == DX_SEEK_UNDER_WAY) {
            seek->state = whole ? DX_SEEK_WHOLE : seek->state;
            if (!was_asked(seek, session)) {
                seek->asked[seek->asked_count++] = session->link;
            }
        }
        if (i >= matched) {
            dx_session_match_fetched(session, turn->matched_of, whole);
        }
        if (error == DX_OK && whole) {
            error = dx_space_sought_done(context_of(session), replica->space, turn->keys[i]);
        }
    }
    return error;
}

/* What is under way; when nothing comes of it any more, it counts as asked for. */
static int wait_for_answers(dx_session *session, uint64_t *deadline_ms) {
    uint64_t until_ms = session->seek.brought_ms + DX_SYNC_STALL_MS;
    int error = DX_OK;
    if (now_of(session) < until_ms) {
        *deadline_ms = until_ms < *deadline_ms ? until_ms : *deadline_ms;
        return DX_OK;
    }
    dx_session_trace(session, "does not say what it has of entities");
    session->seek.late = true;
    for (size_t i = 0; i < session->seek.due && error == DX_OK; i++) {
        const dx_session_turn *turn = turn_at(session, i);
        error = note_asked(session, turn, turn->asked.count, false);
    }
    *deadline_ms = now_of(session);
    return error;
}

static bool wants_any(const dx_session *session) {
    const dx_replica *replica = session->replica;
    const int64_t *matched;
    return replica->seek_count != 0 || replica->space->scope->since_ms != 0 ||
           dx_session_match_keys(session, &matched) != 0;
}

int dx_session_seek(dx_session *session, uint64_t *deadline_ms) {
    int error = DX_OK;
    if (session->seek.due != 0 && session->seek.late) {
        return DX_OK;
    }
    if (session->seek.due != 0) {
        error = wait_for_answers(session, deadline_ms);
    }
    if (error != DX_OK || session->seek.late || !wants_any(session)) {
        return error;
    }
    uint64_t until_ms = asked_elsewhere_until(session);
    if (now_of(session) < until_ms) {
        *deadline_ms = until_ms < *deadline_ms ? until_ms : *deadline_ms;
        return DX_OK;
    }
    if (session->seek.turns == NULL) {
        session->seek.turns =
            dx_alloc_take(context_of(session)->alloc, DX_SYNC_SEEKS_DUE_MAX * sizeof *session->seek.turns);
        if (session->seek.turns == NULL) {
            return DX_E_NO_MEMORY;
        }
    }
    while (error == DX_OK && session->seek.due < DX_SYNC_SEEKS_DUE_MAX) {
        dx_session_turn *turn = turn_at(session, session->seek.due);
        error = gather(session, turn);
        if (error == DX_OK && turn->asked.count == 0) {
            return session->seek.due == 0 ? end_round(session, deadline_ms) : DX_OK;
        }
        session->seek.brought_ms = session->seek.due == 0 ? now_of(session) : session->seek.brought_ms;
        error = error == DX_OK ? ask(session) : error;
    }
    return error;
}

/* --- Answering ------------------------------------------------------------------------------------- */

/* An answer being written. */
typedef struct answer {
    dx_session *session;
    dx_sync_answer head;
    size_t read; /* bytes of blocks */
    dx_buf items;
    dx_buf body;         /* the block read last: what was made together is asked for together */
    const dx_feed *feed; /* NULL: none was */
    uint64_t seq;
} answer;

static bool is_full(const answer *self) {
    return self->head.sections == DX_SYNC_SOUGHT_MAX || self->items.size >= DX_SYNC_DATA_SIZE ||
           self->read >= DX_SYNC_SECTIONS_READ_MAX;
}

static int read_block(answer *self, const dx_feed *feed, uint64_t seq, dx_block *out) {
    dx_space *space = self->session->replica->space;
    if (self->feed == feed && self->seq == seq) {
        return dx_block_decode(dx_buf_view(&self->body), out) == DX_OK ? DX_OK : DX_E_CORRUPT;
    }
    int error = dx_pipeline_block(context_of(self->session), space, feed, seq, out);
    if (error == DX_OK) {
        dx_buf_clear(&self->body);
        dx_buf_append(&self->body, space->block.data, space->block.size);
        error = dx_buf_error(&self->body);
        self->read += space->block.size;
        self->feed = error == DX_OK ? feed : NULL;
        self->seq = seq;
    }
    return error;
}

/* The section at its place, when it is here. */
static int give(answer *self, const dx_feed *feed, uint64_t seq, uint64_t index) {
    dx_block block;
    dx_reader cursor;
    bool hole = true;
    dx_sync_sought sought = {.place = {.seq = seq, .index = index}};
    if (feed == NULL || !dx_touch_is_in_effect(feed, seq) || seq < feed->begins) {
        return DX_OK;
    }
    int error = read_block(self, feed, seq, &block);
    if (error != DX_OK || index >= block.section_count) {
        return error;
    }
    dx_reader_init(&cursor, block.sections);
    for (uint64_t i = 0; i <= index && error == DX_OK; i++) {
        error = dx_block_section(&cursor, &sought.section, &hole);
    }
    if (error == DX_OK && !hole) {
        memcpy(sought.feed, feed->id, sizeof sought.feed);
        dx_sync_sought_write(&sought, &self->items);
        self->head.sections++;
    }
    return error == DX_OK ? dx_buf_error(&self->items) : error;
}

/* What is here about an entity behind a stamp, as far as there is room. *ended: that is all. */
static int give_entity(answer *self, int64_t key, const dx_sync_progress *after, bool *ended) {
    dx_space *space = self->session->replica->space;
    dx_stamp at = after->some ? after->stamp : (dx_stamp){.counter = 0};
    bool found = true;
    int error = DX_OK;
    if (!after->some) {
        error = give(self, dx_space_feed(space, dx_entity_key_feed(key)), dx_entity_key_seq(key),
                     dx_entity_key_index(key));
    }
    while (error == DX_OK && found && !is_full(self)) {
        dx_touch touch;
        error = dx_touch_find(context_of(self->session), space, key, true, &at, &touch, &found);
        if (error == DX_OK && found) {
            error = give(self, dx_space_feed(space, touch.block >> 32), (uint64_t)touch.block & UINT32_MAX,
                         (uint64_t)touch.section);
        }
    }
    *ended = !found;
    self->head.next = (dx_sync_progress){.some = found, .stamp = at};
    return error;
}

/* Whether all that was ever said of the entity is here, as far as this vault can know. */
static int has_all(const dx_session *session, int64_t key, bool *all) {
    dx_context *context = context_of(session);
    dx_space *space = session->replica->space;
    dx_entity entity;
    if (!dx_space_scope_is_partial(space->scope)) {
        return DX_OK;
    }
    int error = dx_entity_read(context, space, key, &entity);
    *all = error == DX_OK && dx_space_scope_covers_type(space->scope, entity.type);
    return error == DX_E_NOT_FOUND ? DX_OK : error;
}

static int answer_all(answer *self, const dx_sync_seek *seek) {
    const dx_session *session = self->session;
    dx_space *space = session->replica->space;
    uint64_t outside, missing = 0;
    int error = dx_entity_rows_settle(context_of(session), space);
    error = error == DX_OK ? dx_space_scope_count(context_of(session), space, &outside, &missing) : error;
    self->head.whole = missing == 0 && !space->scope_resets;
    for (size_t i = 0; i < seek->count && error == DX_OK && !is_full(self); i++) {
        const dx_sync_progress none = {.some = false};
        bool ended = true;
        int64_t key;
        if (dx_id_to_key(space, seek->entities[i], &key) != DX_OK) {
            self->head.whole = false;           /* its feed may come yet */
        } else if (!dx_purge_has(space, key)) { /* of that, nothing is all there is */
            error = give_entity(self, key, i == 0 ? &seek->after : &none, &ended);
            error = error == DX_OK && self->head.whole ? has_all(session, key, &self->head.whole) : error;
        }
        self->head.answered += ended;
    }
    return error;
}

int dx_session_answer_seek(dx_session *session, dx_bytes message) {
    dx_replication *replication = session->replica->replication;
    answer self = {.session = session};
    dx_sync_seek seek;
    int error = dx_sync_seek_read(message, &seek);
    if (error != DX_OK) {
        return error;
    }
    dx_buf_init(&self.items, replication->context->alloc, DX_SYNC_MESSAGE_MAX);
    dx_buf_init(&self.body, replication->context->alloc, DX_BLOCK_SIZE_MAX);
    if (session->state == DX_SESSION_MEMBER) {
        error = answer_all(&self, &seek);
    } else { /* nothing to give, and no word on it: who asks waits for an answer before it asks anything else */
        self.head.answered = seek.count;
    }
    if (error == DX_OK) {
        dx_sync_sought_begin(&self.head, &replication->message);
        dx_buf_append(&replication->message, self.items.data, self.items.size);
        session->credit -= (int64_t)replication->message.size;
        error = dx_session_send(session);
    }
    dx_buf_deinit(&self.items);
    dx_buf_deinit(&self.body);
    return error;
}

/* --- What comes ------------------------------------------------------------------------------------ */

/* What came for one block, and where it goes. */
typedef struct landing {
    const dx_session *session;
    const dx_session_turn *turn;
    dx_late *late;
    const dx_feed *feed;
    dx_section_change *changes; /* room for all that came */
} landing;

/* Whether a sealed section is about one of those that were asked for. *known false: it cannot be opened here. */
static int is_about(const landing *self, const uint8_t key[static DX_KEY_SIZE], const dx_sync_sought *sought,
                    bool *known, bool *about) {
    const dx_session *session = self->session;
    dx_space *space = session->replica->space;
    dx_section section;
    *known = *about = false;
    dx_buf_clear(&space->plain);
    int error = dx_section_open(key, self->feed->id, sought->place.seq, sought->place.index, sought->section,
                                &space->plain);
    if (error == DX_OK && dx_section_decode(dx_buf_view(&space->plain), self->feed->id, &section) == DX_OK) {
        int64_t entity = dx_touch_entity(space, self->feed, sought->place.seq, sought->place.index, &section);
        for (size_t i = 0; i < self->turn->asked.count && !*about; i++) {
            *about = self->turn->keys[i] == entity;
        }
    }
    *known = true;
    return error == DX_E_SIGNATURE || error == DX_E_MALFORMED ? DX_OK : error;
}

static int change_block(const landing *self, uint64_t seq, size_t first, size_t count) {
    int error = dx_late_change(self->late, self->feed, seq, self->changes + first, count);
    bool is_apart = self->feed->frozen && seq >= dx_feed_common(self->feed);
    return is_apart && (error == DX_E_NOT_FOUND || error == DX_E_SIGNATURE) ? DX_OK
           : error == DX_E_NOT_FOUND                                        ? DX_E_PROTOCOL
                                                                            : error;
}

/* All that came for a block, at once: it is read, judged and written as a whole, however little of it changes. Where it may be of
 * another branch, each by itself. */
static int put_block(const landing *self, const dx_sync_sought *sought, size_t count) {
    dx_context *context = context_of(self->session);
    dx_space *space = self->session->replica->space;
    const dx_feed *feed = self->feed;
    uint64_t seq = sought->place.seq;
    uint8_t key[DX_KEY_SIZE];
    dx_block block;
    size_t kept = 0;
    if (feed == NULL || feed->identity.feed_class != DX_FEED_DATA || seq >= feed->length ||
        seq < feed->begins) {
        return DX_OK; /* what is not here yet comes with its block */
    }
    int error = dx_pipeline_block(context, space, feed, seq, &block);
    error = error == DX_OK ? dx_space_key(context, space, block.header.key_epoch, key) : error;
    if (error != DX_OK) {
        return error == DX_E_NOT_FOUND ? DX_OK : error;
    }
    for (size_t i = 0; i < count && error == DX_OK; i++) {
        bool known, about;
        error = is_about(self, key, &sought[i], &known, &about);
        error = error == DX_OK && known && !about ? DX_E_PROTOCOL : error;
        if (error == DX_OK && known) {
            self->changes[kept++] =
                (dx_section_change){.index = sought[i].place.index, .sealed = sought[i].section};
        }
    }
    dx_wipe(key, sizeof key);
    bool is_apart = feed->frozen && seq >= dx_feed_common(feed);
    for (size_t i = 0; i < kept && is_apart && error == DX_OK; i++) {
        error = change_block(self, seq, i, 1);
    }
    return error == DX_OK && kept != 0 && !is_apart ? change_block(self, seq, 0, kept) : error;
}

static int compare_places(const dx_sync_sought *a, const dx_sync_sought *b) {
    int order = memcmp(a->feed, b->feed, sizeof a->feed);
    return order != 0                         ? order
           : a->place.seq != b->place.seq     ? (a->place.seq < b->place.seq ? -1 : 1)
           : a->place.index != b->place.index ? (a->place.index < b->place.index ? -1 : 1)
                                              : 0;
}

/* The sections of an answer by their places. Honest ones come nearly so. */
static int read_sections(dx_reader *reader, dx_sync_sought *out, size_t count) {
    for (size_t i = 0; i < count; i++) {
        dx_sync_sought sought;
        int error = dx_sync_sought_read(reader, &sought);
        if (error != DX_OK) {
            return error;
        }
        size_t at = i;
        for (; at > 0 && compare_places(&out[at - 1], &sought) > 0; at--) {
            out[at] = out[at - 1];
        }
        out[at] = sought;
    }
    return dx_reader_finish(reader);
}

static int put_all(landing *self, const dx_sync_sought *sought, size_t count) {
    dx_space *space = self->session->replica->space;
    int error = DX_OK;
    for (size_t i = 0, end; i < count && error == DX_OK; i = end) {
        for (end = i + 1; end < count && memcmp(sought[end].feed, sought[i].feed, DX_PREFIX_SIZE) == 0 &&
                          sought[end].place.seq == sought[i].place.seq &&
                          sought[end].place.index != sought[end - 1].place.index;) {
            end++;
        }
        self->feed = dx_space_feed_by_prefix(space, sought[i].feed);
        error = put_block(self, &sought[i], end - i);
    }
    return error;
}

/* *brought: how much of it was not here. */
static int put_sections(const dx_session *session, const dx_session_turn *turn, dx_reader *reader,
                        size_t count, uint64_t *brought) {
    const dx_alloc *alloc = context_of(session)->alloc;
    dx_sync_sought *sought = count == 0 ? NULL : dx_alloc_take(alloc, count * sizeof *sought);
    dx_section_change *changes = count == 0 ? NULL : dx_alloc_take(alloc, count * sizeof *changes);
    dx_late late;
    landing self = {.session = session, .turn = turn, .late = &late, .changes = changes};
    int error = dx_late_begin(&late, context_of(session), session->replica->space);
    error = error == DX_OK && count != 0 && (sought == NULL || changes == NULL) ? DX_E_NO_MEMORY : error;
    error = error == DX_OK ? read_sections(reader, sought, count) : error;
    error = error == DX_OK ? put_all(&self, sought, count) : error;
    dx_alloc_free(alloc, changes, changes == NULL ? 0 : count * sizeof *changes);
    dx_alloc_free(alloc, sought, sought == NULL ? 0 : count * sizeof *sought);
    *brought = late.changed;
    /* What was right before it went wrong is stored, and has its effect. */
    int finished = dx_late_finish(&late, dx_error_class_of(error) == DX_CLASS_PEER ? DX_OK : error);
    return finished != DX_OK ? finished : error;
}

/* Asks for what the answer had no room for, behind what is asked for already. */
static int go_on(dx_session *session, const dx_session_turn *answered, const dx_sync_answer *head) {
    dx_session_turn *turn = turn_at(session, session->seek.due);
    size_t left = answered->asked.count - head->answered;
    memmove(turn->asked.entities, answered->asked.entities[head->answered],
            left * sizeof turn->asked.entities[0]);
    memmove(turn->keys, answered->keys + head->answered, left * sizeof turn->keys[0]);
    turn->asked.count = left;
    turn->asked.after = head->next;
    turn->urgent = answered->urgent - (head->answered < answered->urgent ? head->answered : answered->urgent);
    turn->matched = answered->matched < left ? answered->matched : left;
    turn->matched_of = answered->matched_of;
    return ask(session);
}

/* An answer that brings nothing on would go on for ever. */
static bool makes_progress(const dx_sync_seek *asked, const dx_sync_answer *head) {
    bool ends = head->answered == asked->count && !head->next.some;
    bool goes_on =
        head->answered < asked->count && (head->answered != 0 || !asked->after.some ||
                                          dx_stamp_compare(&head->next.stamp, &asked->after.stamp) > 0);
    return ends || goes_on;
}

int dx_session_take_sought(dx_session *session, dx_bytes message) {
    dx_sync_answer head;
    dx_reader reader;
    session->granted -= (int64_t)message.size;
    if (session->granted < -DX_SYNC_OVERDRAFT_MAX) {
        return DX_E_FLOOD;
    }
    session->owed += message.size;
    session->replica->received_bytes += message.size;
    int error = dx_sync_sought_open(message, &head, &reader);
    if (error != DX_OK || session->seek.due == 0 || !makes_progress(&turn_at(session, 0)->asked, &head)) {
        return error != DX_OK ? error : DX_E_PROTOCOL;
    }
    uint64_t brought = 0;
    const dx_session_turn *turn = turn_at(session, 0);
    session->seek.first = (session->seek.first + 1) % DX_SYNC_SEEKS_DUE_MAX;
    session->seek.due--;
    error = put_sections(session, turn, &reader, head.sections, &brought);
    bool rest = head.answered < turn->asked.count;
    session->seek.brought_ms = brought != 0 || !rest ? now_of(session) : session->seek.brought_ms;
    if (session->seek.late) {
        session->seek.late = session->seek.due != 0;
        return error;
    }
    error = error == DX_OK ? note_asked(session, turn, head.answered, head.whole) : error;
    return error != DX_OK || !rest ? error : go_on(session, turn, &head);
}
