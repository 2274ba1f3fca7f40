/* sync/hole.c: sections of which only the hashes are here, asked of whoever may have them. See session.h.
 *
 * Layer: floor 1, sync. docs/spec/sync.md, "Holes". Every member is asked once for every hole, one question at a time, and
 * of one member at a time, so that nothing comes twice; what is still missing when all holes were gone through is asked for
 * again later, since others may have been given it meanwhile. What comes has the hash that stands there or ends the link;
 * its effect is echo's business (echo/late.h). A question names the branch it is about: what others have at the same places of
 * another one is nothing to it. Of a forked feed the branches that are not in force are asked about behind the one that is.
 *
 * A vault that keeps a part asks for a second kind of holes, when nothing is missing that they were not asked for: those of which
 * only another identity said that they lie outside of the scope. What comes for one of them was hidden; what does not is
 * outside by two words, and not asked for again. */
#include "feed/hole.h"

#include <string.h>

#include "base/limits.h"
#include "echo/late.h"
#include "echo/purge.h"
#include "feed/limb.h"
#include "sync/session.h"

void dx_session_holes_init(dx_session *session) {
    dx_buf_init(&session->holes.asked, session->replica->replication->context->alloc,
                DX_SYNC_PLACES_MAX * sizeof(dx_sync_place));
    session->holes.doubted = UINT64_MAX;
}

void dx_session_holes_deinit(dx_session *session) {
    dx_buf_deinit(&session->holes.asked);
}

static dx_store *store_of(const dx_session *session) {
    return session->replica->replication->context->store;
}

static uint64_t now_of(const dx_session *session) {
    return session->replica->replication->context->now_ms;
}

/* --- Asking ----------------------------------------------------------------------------------------- */

static size_t asked_count(const dx_session *session) {
    return session->holes.asked.size / sizeof(dx_sync_place);
}

static dx_sync_place asked_at(const dx_session *session, size_t index) {
    dx_sync_place place;
    memcpy(&place, session->holes.asked.data + index * sizeof place, sizeof place);
    return place;
}

static bool is_asked_elsewhere(const dx_session *session) {
    for (const dx_session *other = session->replica->sessions; other != NULL; other = other->next) {
        if (other != session && other->holes.feed != 0) {
            return true;
        }
    }
    return false;
}

/* Adds the block's holes from an index on, as far as there is room. */
static int gather_block(dx_session *session, const dx_feed *feed, uint64_t seq, uint64_t from) {
    size_t index = 0;
    dx_bytes bytes;
    dx_block block;
    dx_reader cursor;
    int error = dx_feed_read(feed, store_of(session), seq, &bytes);
    if (error == DX_OK && dx_block_decode(bytes, &block) != DX_OK) {
        error = DX_E_CORRUPT;
    }
    if (error != DX_OK) {
        return error;
    }
    dx_reader_init(&cursor, block.sections);
    for (; index < block.section_count && asked_count(session) < DX_SYNC_PLACES_MAX; index++) {
        dx_bytes section;
        bool hole;
        const dx_sync_place place = {.seq = seq, .index = index};
        if (dx_block_section(&cursor, &section, &hole) == DX_OK && hole && index >= from) {
            dx_buf_append(&session->holes.asked, &place, sizeof place);
        }
    }
    session->holes.ends_block = index == block.section_count;
    return dx_buf_error(&session->holes.asked);
}

/* Where the question that is being gathered goes on in the feed. */
static dx_sync_place *cursor_of(const dx_session *session, dx_session_feed *row) {
    return session->holes.doubts ? &row->doubts : &row->holes;
}

static int find_block(const dx_session *session, const dx_feed *feed, uint64_t from, dx_holes *holes) {
    return session->holes.doubts ? dx_session_find_doubt(session, feed, from, holes)
                                 : dx_hole_missing(feed, store_of(session), from, holes);
}

/* The branch that has this number. DX_E_NOT_FOUND: it is not here any more. */
static int view_branch(const dx_session *session, const dx_feed *feed, int64_t rows, dx_feed *view) {
    *view = *feed;
    return rows == feed->rows ? DX_OK : dx_limb_view(feed, store_of(session), rows, view);
}

/* They are asked for all of it anew, but for what others left out. */
static void begin_feed(dx_session_feed *row) {
    row->holes = (dx_sync_place){.seq = 0};
    row->holes_limb = 0;
    row->holes_limbs = false;
}

/* Gathers places of a branch from where they were asked last. No question goes beyond `mark` from below: who has not all of
 * what it names a root of has no answer. */
static int gather_branch(dx_session *session, const dx_feed *branch, const dx_sync_place *at, uint64_t mark) {
    dx_holes holes = {.sections = 0};
    int error = DX_OK;
    session->holes.rows = branch->rows;
    for (uint64_t from = at->seq; error == DX_OK && asked_count(session) < DX_SYNC_PLACES_MAX;
         from = holes.seq + 1) {
        error = find_block(session, branch, from, &holes);
        if (error == DX_OK && asked_count(session) != 0 && holes.seq >= mark &&
            asked_at(session, 0).seq < mark) {
            break;
        }
        if (error == DX_OK) {
            error = gather_block(session, branch, holes.seq, holes.seq == at->seq ? at->index : 0);
        }
    }
    return error == DX_E_NOT_FOUND ? DX_OK : error;
}

/* The branch behind the one they were asked about last, of those that are not in force. DX_E_NOT_FOUND: that was all. */
static int find_limb(const dx_session *session, const dx_feed *feed, dx_session_feed *row, dx_feed *limb) {
    int64_t rows[DX_FEED_LIMBS_MAX];
    size_t count, at = 0;
    int error = dx_limb_list(feed, store_of(session), rows, &count);
    while (error == DX_OK && at < count && rows[at] <= row->holes_limb) {
        at++;
    }
    if (error == DX_OK && at < count) {
        row->holes_limb = rows[at];
        row->holes = (dx_sync_place){.seq = 0};
        return dx_limb_view(feed, store_of(session), rows[at], limb);
    }
    return error == DX_OK ? DX_E_NOT_FOUND : error;
}

/* The same of branches that are not in force, one after the other. */
static int gather_limbs(dx_session *session, const dx_feed *feed, dx_session_feed *row) {
    dx_feed limb;
    int error = row->holes_limb == 0 ? DX_OK : dx_limb_view(feed, store_of(session), row->holes_limb, &limb);
    if (error == DX_OK && row->holes_limb != 0) {
        error = gather_branch(session, &limb, &row->holes, 0);
    }
    while (error == DX_OK && asked_count(session) == 0) {
        error = find_limb(session, feed, row, &limb);
        error = error == DX_OK ? gather_branch(session, &limb, &row->holes, 0) : error;
    }
    if (error == DX_E_NOT_FOUND) {
        row->holes = (dx_sync_place){.seq = feed->length};
        row->holes_limb = 0;
        row->holes_limbs = true;
        error = DX_OK;
    }
    return error;
}

/* Gathers places of a feed from where they were asked last. */
static int gather_feed(dx_session *session, const dx_feed *feed, dx_session_feed *row) {
    dx_sync_place *at = cursor_of(session, row);
    int error = DX_OK;
    dx_buf_clear(&session->holes.asked);
    if (row->holes_rows != feed->rows) { /* another branch is in force */
        begin_feed(row);
        row->doubts = (dx_sync_place){.seq = 0};
        row->holes_rows = feed->rows;
    }
    if (session->holes.doubts || row->holes_limb == 0) {
        error = gather_branch(session, feed, at, feed->frozen ? dx_feed_limit(feed) : row->theirs);
        if (error == DX_OK && asked_count(session) == 0) {
            *at = (dx_sync_place){.seq = feed->length};
        }
    }
    if (error == DX_OK && asked_count(session) == 0 && feed->frozen && !session->holes.doubts &&
        !row->holes_limbs) {
        error = gather_limbs(session, feed, row);
    }
    return error;
}

static int ask(dx_session *session, const dx_feed *feed) {
    uint8_t root[DX_HASH_SIZE];
    dx_feed branch;
    int error = view_branch(session, feed, session->holes.rows, &branch);
    error = error == DX_OK ? dx_feed_root(&branch, store_of(session),
                                          asked_at(session, asked_count(session) - 1).seq + 1, root)
                           : error;
    if (error != DX_OK) {
        return error == DX_E_NOT_FOUND ? DX_E_CORRUPT : error;
    }
    session->holes.feed = feed->local;
    session->holes.asked_ms = now_of(session);
    session->holes.asked_version = session->replica->space->scope_version;
    session->holes.due = true;
    dx_session_trace(session, "is asked for %llu sections of feed %lld%s",
                     (unsigned long long)asked_count(session), (long long)feed->local,
                     session->holes.doubts ? " that others left out" : "");
    dx_sync_holes_write(feed->id, root, (const dx_sync_place *)(const void *)session->holes.asked.data,
                        asked_count(session), &session->replica->replication->message);
    return dx_session_send(session);
}

/* From the beginning, when it is time. */
static void begin_round(dx_session *session, bool missing, uint64_t *deadline_ms) {
    uint64_t now_ms = now_of(session);
    if (!missing) {
        session->holes.again_ms = 0;
        return;
    }
    if (session->holes.again_ms == 0) {
        uint64_t wait_ms = DX_SYNC_HOLES_MS;
        for (unsigned i = 0; i < session->holes.rounds && wait_ms < DX_SYNC_HOLES_MS_MAX; i++) {
            wait_ms *= 2;
        }
        session->holes.again_ms = now_ms + (wait_ms < DX_SYNC_HOLES_MS_MAX ? wait_ms : DX_SYNC_HOLES_MS_MAX);
        session->holes.rounds++;
    } else if (now_ms >= session->holes.again_ms) {
        session->holes.again_ms = 0;
        session->holes.silent = false;
        for (size_t i = 0; i < session->feed_count; i++) {
            begin_feed(&session->feeds[i]);
        }
        *deadline_ms = now_ms;
        return;
    }
    *deadline_ms = session->holes.again_ms < *deadline_ms ? session->holes.again_ms : *deadline_ms;
}

/* DX_E_NOT_FOUND: of no branch that is not in force. */
static int find_missing_of_limbs(const dx_session *session, const dx_feed *feed, dx_holes *holes) {
    int64_t rows[DX_FEED_LIMBS_MAX];
    size_t count = 0;
    int error = dx_limb_list(feed, store_of(session), rows, &count);
    error = error == DX_OK ? DX_E_NOT_FOUND : error;
    for (size_t i = 0; i < count && error == DX_E_NOT_FOUND; i++) {
        dx_feed limb;
        error = dx_limb_view(feed, store_of(session), rows[i], &limb);
        error = error == DX_OK ? dx_hole_missing(&limb, store_of(session), 0, holes) : error;
    }
    return error;
}

/* Whether something of the feed is missing, though there may be holes. */
static int is_missing(const dx_session *session, const dx_feed *feed, bool *missing) {
    dx_holes holes;
    int error = feed->hollow ? dx_hole_missing(feed, store_of(session), 0, &holes) : DX_E_NOT_FOUND;
    if (error == DX_E_NOT_FOUND && feed->hollow && feed->frozen) {
        error = find_missing_of_limbs(session, feed, &holes);
    }
    *missing = error == DX_OK;
    return error == DX_E_NOT_FOUND ? DX_OK : error;
}

/* Whether they were asked for all that is missing of the feed. */
static bool was_asked_for_all(const dx_feed *feed, const dx_session_feed *row) {
    return row->holes_rows == feed->rows && row->holes_limb == 0 && row->holes.seq >= feed->length &&
           (row->holes_limbs || !feed->frozen);
}

/* The same of what the question is about. */
static bool is_gone_through(const dx_session *session, const dx_feed *feed, const dx_session_feed *row) {
    bool doubts = row->holes_rows == feed->rows && row->doubts.seq >= feed->length;
    return session->holes.silent || (session->holes.doubts ? doubts : was_asked_for_all(feed, row));
}

/* Finds the next feed with holes that they were not asked for. *asked: a question was sent; *missing: some feed has
 * holes. Once all of a feed's were asked for another step follows: somebody may wait for that (dx_session_asks_holes). */
static int ask_next(dx_session *session, bool *asked, bool *missing, uint64_t *deadline_ms) {
    dx_space *space = session->replica->space;
    int error = DX_OK;
    for (size_t i = 0; i < space->feed_count && error == DX_OK && !*asked; i++) {
        const dx_feed *feed = &space->feeds[i];
        bool is_missed = false;
        error = session->holes.doubts ? DX_OK : is_missing(session, feed, &is_missed);
        if (error != DX_OK || !(session->holes.doubts ? feed->hollow : is_missed)) {
            continue;
        }
        *missing = true;
        dx_session_feed *row = dx_session_feed_of(session, feed->local);
        if (row == NULL) {
            return DX_E_NO_MEMORY;
        }
        if (is_gone_through(session, feed, row)) {
            continue;
        }
        error = gather_feed(session, feed, row);
        if (error == DX_OK && asked_count(session) != 0) {
            *asked = true;
            error = ask(session, feed);
        } else if (error == DX_OK && !session->holes.doubts) {
            *deadline_ms = now_of(session);
        }
    }
    return error;
}

/* What is missing, and when they were asked for all of that, what others said to be outside. */
static int ask_any(dx_session *session, bool *asked, bool *missing, uint64_t *deadline_ms) {
    bool some;
    session->holes.doubts = false;
    int error = ask_next(session, asked, missing, deadline_ms);
    if (error == DX_OK && !*asked && dx_session_tells_doubts(session)) {
        session->holes.doubts = true;
        error = ask_next(session, asked, &some, deadline_ms);
    }
    return error;
}

/* This vault keeps something else than before: all is asked for anew. */
static void follow_scope(dx_session *session) {
    const dx_space *space = session->replica->space;
    if (session->holes.scope_version == space->scope_version) {
        return;
    }
    session->holes.scope_version = space->scope_version;
    session->holes.again_ms = 0;
    session->holes.silent = false;
    session->holes.doubted = UINT64_MAX;
    for (size_t i = 0; i < session->feed_count; i++) {
        begin_feed(&session->feeds[i]);
        session->feeds[i].doubts = (dx_sync_place){.seq = 0};
    }
}

int dx_session_fetch_holes(dx_session *session, uint64_t *deadline_ms) {
    bool asked = false, missing = false;
    follow_scope(session);
    if (session->holes.feed != 0 && now_of(session) - session->holes.asked_ms >= DX_SYNC_STALL_MS) {
        dx_session_trace(session, "does not say which sections it has");
        session->holes.feed = 0;
        session->holes.silent = true;
        *deadline_ms = now_of(session); /* for others, who waited for them */
    }
    if (!session->holes.due && !is_asked_elsewhere(session) && !session->replica->space->scope_resets) {
        int error = ask_any(session, &asked, &missing, deadline_ms);
        if (error != DX_OK) {
            return error;
        }
        if (!asked) {
            begin_round(session, missing, deadline_ms);
        }
    }
    if (session->holes.feed != 0) {
        uint64_t until_ms = session->holes.asked_ms + DX_SYNC_STALL_MS;
        *deadline_ms = until_ms < *deadline_ms ? until_ms : *deadline_ms;
    }
    return DX_OK;
}

bool dx_session_asks_holes(const dx_session *session) {
    const dx_space *space = session->replica->space;
    bool asks = session->state == DX_SESSION_MEMBER &&
                (space->scope_resets || session->holes.scope_version != space->scope_version);
    for (size_t i = 0; i < space->feed_count && session->state == DX_SESSION_MEMBER && !asks; i++) {
        const dx_feed *feed = &space->feeds[i];
        const dx_session_feed *row = dx_session_find_feed(session, feed->local);
        bool missing = false;
        bool gone_through = row != NULL && was_asked_for_all(feed, row);
        asks = feed->hollow && !gone_through && !session->holes.silent &&
               is_missing(session, feed, &missing) == DX_OK && missing;
    }
    return asks;
}

/* --- Answering -------------------------------------------------------------------------------------- */

/* An answer being written: what is there of the places asked for. */
typedef struct answer {
    dx_session *session;
    dx_feed branch; /* as it is here */
    const dx_sync_place *places;
    size_t count, answered, sections;
    size_t read; /* bytes of blocks */
    dx_buf items;
    dx_scope_judge judge; /* by what they keep */
    bool all;             /* what is not given is outside of that */
} answer;

/* What stands at a place that was asked for: given, unless they do not keep it. */
static int answer_place(answer *self, const dx_block *block, const dx_sync_place *place, dx_bytes section) {
    bool outside = false;
    int error = DX_OK;
    if (dx_session_keeps_part(self->session)) {
        error = dx_scope_judge_section(&self->judge, &self->branch, place->seq, block, place->index, section,
                                       &outside);
    }
    if (error != DX_OK || outside) {
        self->answered += error == DX_OK;
        return error;
    }
    if (self->items.size != 0 && self->items.size + section.size > DX_SYNC_DATA_SIZE) {
        return DX_E_LIMIT; /* with the next question */
    }
    dx_sync_section_write(place, section, &self->items);
    self->sections++;
    self->answered++;
    return DX_OK;
}

/* What is asked of one block, and is there. */
static int answer_block(answer *self) {
    const dx_session *session = self->session;
    uint64_t seq = self->places[self->answered].seq;
    dx_space *space = session->replica->space;
    dx_block block = {.section_count = 0};
    dx_reader cursor;
    int error = DX_OK;
    bool lacks = seq >= dx_purge_served(space, &self->branch) || seq < self->branch.begins;
    if (!lacks) {
        error = dx_pipeline_block(session->replica->replication->context, space, &self->branch, seq, &block);
        self->read += space->block.size;
        error = error == DX_OK ? dx_scope_judge_lacks(&self->judge, &self->branch, seq, &lacks) : error;
    }
    self->all = self->all && !lacks;
    dx_reader_init(&cursor, block.sections);
    for (uint64_t i = 0;
         error == DX_OK && self->answered < self->count && self->places[self->answered].seq == seq; i++) {
        dx_bytes section;
        bool hole = true;
        const dx_sync_place *place = &self->places[self->answered];
        if (i >= block.section_count) { /* there is none */
            self->answered++;
            continue;
        }
        error = dx_block_section(&cursor, &section, &hole);
        if (error != DX_OK || place->index > i) {
            continue;
        }
        if (hole) {
            self->answered++;
        } else {
            error = answer_place(self, &block, place, section);
        }
    }
    return error == DX_OK ? dx_buf_error(&self->items) : error;
}

/* The branch that a question is about. DX_E_NOT_FOUND: there is nothing to give of it, and no word on it; they ask others, and
 * again later. */
static int find_branch(const dx_session *session, const uint8_t id[static DX_HASH_SIZE],
                       const dx_limb_goal *branch, dx_feed *out) {
    const dx_feed *feed =
        session->state == DX_SESSION_MEMBER ? dx_space_feed_by_id(session->replica->space, id) : NULL;
    return feed == NULL || feed->identity.feed_class != DX_FEED_DATA
               ? DX_E_NOT_FOUND
               : dx_limb_find(feed, store_of(session), branch, out);
}

/* What was asked for from here on begins below what is here: they need not hope for that. */
static int tell_let_go(dx_session *session, const uint8_t id[static DX_HASH_SIZE], uint64_t seq) {
    const dx_feed *feed =
        session->state == DX_SESSION_MEMBER ? dx_space_feed_by_id(session->replica->space, id) : NULL;
    bool let_go = feed != NULL && feed->identity.feed_class == DX_FEED_DATA && seq < feed->begins;
    return let_go ? dx_session_tell_gone(session, feed) : DX_OK;
}

int dx_session_take_holes(dx_session *session, dx_bytes message) {
    dx_replication *replication = session->replica->replication;
    dx_sync_place places[DX_SYNC_PLACES_MAX];
    uint8_t id[DX_HASH_SIZE];
    dx_limb_goal branch;
    answer self = {.session = session, .places = places, .judge = dx_session_judge(session)};
    int error = dx_sync_holes_read(message, id, &branch, places, &self.count);
    if (error != DX_OK) {
        return error;
    }
    error = find_branch(session, id, &branch, &self.branch);
    if (error != DX_OK && error != DX_E_NOT_FOUND) {
        return error;
    }
    self.all = error == DX_OK;
    self.answered = self.all ? 0 : self.count;
    error = DX_OK;
    dx_buf_init(&self.items, replication->context->alloc, DX_SYNC_MESSAGE_MAX);
    while (self.answered < self.count && error == DX_OK && self.read < DX_SYNC_SECTIONS_READ_MAX &&
           self.items.size < DX_SYNC_DATA_SIZE) {
        error = answer_block(&self);
    }
    bool limited = error == DX_E_LIMIT;
    error = limited ? DX_OK : error;
    error = error == DX_OK ? tell_let_go(session, id, places[0].seq) : error;
    error = error == DX_OK ? dx_session_say_all(session, self.all) : error;
    if (error == DX_OK) {
        dx_sync_sections_begin(id, self.answered, self.sections, &replication->message);
        dx_buf_append(&replication->message, self.items.data, self.items.size);
        error = dx_session_send(session);
    }
    dx_buf_deinit(&self.items);
    return error;
}

/* --- What they send --------------------------------------------------------------------------------- */

/* Whether the place is among the first `answered` that were asked for, from *at on. */
static bool was_asked(const dx_session *session, const dx_sync_place *place, size_t answered, size_t *at) {
    for (; *at < answered; ++*at) {
        dx_sync_place asked = asked_at(session, *at);
        if (asked.seq == place->seq && asked.index == place->index) {
            ++*at;
            return true;
        }
    }
    return false;
}

/* What came goes to its places, block by block. */
static int put_sections(dx_session *session, const dx_feed *feed, dx_reader *reader, size_t sections,
                        size_t answered, dx_late *late) {
    dx_section_change *changes;
    size_t size = sections * sizeof *changes, count = 0, asked = 0;
    dx_sync_place last = {.seq = 0};
    int error = DX_OK;
    changes = dx_alloc_take(session->replica->replication->context->alloc, size);
    if (changes == NULL) {
        return DX_E_NO_MEMORY;
    }
    for (size_t i = 0; i < sections && error == DX_OK; i++) {
        dx_sync_place place;
        dx_bytes section;
        error = dx_sync_section_read(reader, &place, &section);
        if (error == DX_OK && !was_asked(session, &place, answered, &asked)) {
            error = DX_E_PROTOCOL;
        }
        if (error == DX_OK && count != 0 && place.seq != last.seq) {
            error = dx_late_change(late, feed, last.seq, changes, count);
            count = 0;
        }
        last = place;
        changes[count++] = (dx_section_change){.index = place.index, .sealed = section};
    }
    if (error == DX_OK && count != 0) {
        error = dx_late_change(late, feed, last.seq, changes, count);
    }
    dx_alloc_free(session->replica->replication->context->alloc, changes, size);
    return error == DX_OK ? dx_reader_finish(reader) : error;
}

static int take_sections(dx_session *session, const dx_feed *feed, dx_reader *reader, size_t sections,
                         size_t answered) {
    dx_replica *replica = session->replica;
    dx_late late;
    int error = dx_late_begin(&late, replica->replication->context, replica->space);
    if (error == DX_OK && sections != 0) {
        error = put_sections(session, feed, reader, sections, answered, &late);
    }
    error = error == DX_E_NOT_FOUND ? DX_OK : error; /* those blocks are not here any more */
    /* What was right before it went wrong is stored, and has its effect. */
    int finished = dx_late_finish(&late, dx_error_class_of(error) == DX_CLASS_PEER ? DX_OK : error);
    return finished != DX_OK ? finished : error;
}

/* Blocks of which every hole was asked for: what was not given of them is outside, where the peer's word holds. What was
 * said of one block in several answers holds if it holds for all of them. */
static int excuse_rest(dx_session *session, const dx_feed *feed, size_t answered) {
    dx_context *context = session->replica->replication->context;
    bool explains = dx_session_explains_holes(session);
    int error = DX_OK;
    for (size_t i = 0; i < answered && error == DX_OK; i++) {
        uint64_t seq = asked_at(session, i).seq;
        bool is_last = i + 1 == asked_count(session);
        bool ends = is_last ? session->holes.ends_block : asked_at(session, i + 1).seq != seq;
        if (!explains) {
            session->holes.doubted = seq;
        }
        if (ends && session->holes.doubted != seq) {
            error = dx_session_excuse(session, feed, seq, seq + 1);
            error =
                error == DX_OK && session->holes.doubts ? dx_space_scope_agree(context, feed, seq) : error;
        }
    }
    return error;
}

int dx_session_take_sections(dx_session *session, dx_bytes message) {
    uint8_t id[DX_HASH_SIZE];
    size_t answered, sections;
    dx_reader reader;
    int error = dx_sync_sections_read(message, id, &answered, &sections, &reader);
    if (error != DX_OK || !session->holes.due) {
        return error != DX_OK ? error : DX_E_PROTOCOL; /* nobody asked */
    }
    session->holes.due = false;
    const dx_feed *feed =
        session->holes.feed == 0 ? NULL : dx_space_feed(session->replica->space, session->holes.feed);
    session->holes.feed = 0;
    session->holes.silent = false;
    if (feed == NULL) {
        return DX_OK; /* it comes too late, which is no fault */
    }
    if (memcmp(feed->id, id, DX_HASH_SIZE) != 0 || answered > asked_count(session)) {
        return DX_E_PROTOCOL;
    }
    dx_session_feed *row = dx_session_find_feed(session, feed->local);
    int64_t at = row == NULL || session->holes.doubts || row->holes_limb == 0 ? feed->rows : row->holes_limb;
    if (row != NULL && row->holes_rows == feed->rows && at == session->holes.rows &&
        session->holes.asked_version == session->replica->space->scope_version) {
        *cursor_of(session, row) = asked_at(session, answered - 1);
        cursor_of(session, row)->index++;
    }
    dx_feed branch;
    error = view_branch(session, feed, session->holes.rows, &branch);
    error = error == DX_OK ? take_sections(session, &branch, &reader, sections, answered) : error;
    error = error == DX_OK ? excuse_rest(session, &branch, answered) : error;
    return error == DX_E_NOT_FOUND ? DX_OK : error;
}
