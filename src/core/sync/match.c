/* sync/match.c: what matches the question of a scope: compared with what matches at a member's, and fetched where it
 * differs. See session.h.
 *
 * Layer: floor 1, sync. docs/spec/sync.md, "Questions"; docs/spec/partial.md, By query. A scope's question decides nothing about
 * sections: what matches it lies outside as far as types and times say. So this vault asks it of itself and of a member who
 * may read, and tells him the sums of its own answer (echo/matching.h). He tells the rows of those buckets that differ; what
 * of them is another here, or matches here and not there, is fetched from him by id (seek.c), whole: so what comes to match
 * comes, what is kept changes, and what matches no more is seen not to. Nothing is believed: what is fetched proves itself,
 * and what a member keeps silent about, the next one of another identity tells, who is asked too.
 *
 * They are asked again when their data are others, and by then when nothing is left to come of what they announced: a section
 * whose block is not here could not be kept. */
#include <string.h>

#include "base/limits.h"
#include "echo/key_set.h"
#include "echo/purge.h"
#include "echo/query.h"
#include "sync/session.h"

static dx_context *context_of(const dx_session *session) {
    return session->replica->replication->context;
}

static uint64_t now_of(const dx_session *session) {
    return context_of(session)->now_ms;
}

static void hasten(uint64_t until_ms, uint64_t *deadline_ms) {
    *deadline_ms = until_ms < *deadline_ms ? until_ms : *deadline_ms;
}

void dx_session_match_init(dx_session *session) {
    const dx_alloc *alloc = context_of(session)->alloc;
    dx_buf_init(&session->match.told, alloc, DX_MATCHES_MAX * sizeof(int64_t));
    dx_buf_init(&session->match.keys, alloc, 2 * DX_MATCHES_MAX * sizeof(int64_t));
}

static void drop_answer(dx_session *session) {
    dx_session_answer *answer = session->answer_match;
    if (answer != NULL) {
        dx_matching_destroy(answer->matching);
        dx_buf_deinit(&answer->question);
        dx_alloc_free(context_of(session)->alloc, answer, sizeof *answer);
        session->answer_match = NULL;
    }
}

void dx_session_match_deinit(dx_session *session) {
    dx_matching_destroy(session->match.here);
    dx_buf_deinit(&session->match.told);
    dx_buf_deinit(&session->match.keys);
    drop_answer(session);
}

/* --- Whom to ask, and when --------------------------------------------------------------------------- */

static bool has_question(const dx_session *session) {
    const dx_space *space = session->replica->space;
    return space->scope->question.size != 0 && !space->scope_resets &&
           session->scope_told == space->scope_version && dx_session_may_know(session);
}

static bool is_judged_by(const dx_session *session, const uint8_t theirs[static DX_HASH_SIZE]) {
    return session->match.scope_version == session->replica->space->scope_version &&
           memcmp(session->match.theirs, theirs, DX_HASH_SIZE) == 0;
}

/* Whether others who had the same data told all that matches: an own device, or two identities, or theirs itself. */
static bool is_told(const dx_session *session) {
    const uint8_t *own = context_of(session)->identity->identity;
    const dx_session *first = NULL;
    for (const dx_session *other = session->replica->sessions; other != NULL; other = other->next) {
        if (other == session || other->state != DX_SESSION_MEMBER || !other->match.holds ||
            !is_judged_by(other, session->theirs.data)) {
            continue;
        }
        bool second = first != NULL && memcmp(first->identity, other->identity, DX_KEY_SIZE) != 0;
        if (second || memcmp(other->identity, own, DX_KEY_SIZE) == 0 ||
            memcmp(other->identity, session->identity, DX_KEY_SIZE) == 0) {
            return true;
        }
        first = other;
    }
    return false;
}

static bool is_new(const dx_session *session) {
    return !is_judged_by(session, session->theirs.data) && !is_told(session);
}

/* Something they announced has not come yet. */
static bool is_behind(const dx_session *session) {
    const dx_space *space = session->replica->space;
    for (size_t i = 0; i < space->feed_count; i++) {
        const dx_feed *feed = &space->feeds[i];
        const dx_session_feed *row = dx_session_find_feed(session, feed->local);
        uint64_t theirs = row == NULL ? 0 : row->theirs, limit = dx_feed_limit(feed);
        if (feed->identity.feed_class == DX_FEED_DATA && feed->length < (theirs < limit ? theirs : limit)) {
            return true;
        }
    }
    return false;
}

/* Until when another one has his turn. */
static uint64_t others_until(const dx_session *session) {
    uint64_t until_ms = 0;
    for (const dx_session *other = session->replica->sessions; other != NULL; other = other->next) {
        if (other != session && other->match.phase != DX_MATCH_IDLE) {
            uint64_t each_ms = other->match.began_ms + DX_SYNC_MATCH_TURN_MS;
            until_ms = each_ms > until_ms ? each_ms : until_ms;
        }
    }
    return until_ms;
}

bool dx_session_asks_match(const dx_session *session) {
    return has_question(session) && (session->match.phase != DX_MATCH_IDLE || is_new(session));
}

bool dx_replication_refuses_match(dx_replication *replication, const dx_space *space) {
    const dx_replica *replica = dx_replica_find(replication, space);
    bool refused = false;
    for (const dx_session *session = replica == NULL ? NULL : replica->sessions; session != NULL;
         session = session->next) {
        refused = refused || (session->match.refused && session->match.scope_version == space->scope_version);
    }
    return refused;
}

/* --- What matches here -------------------------------------------------------------------------------- */

static void rest(dx_session *session) {
    dx_session_match *match = &session->match;
    uint64_t ended_ms = match->phase == DX_MATCH_FETCHING ? match->progress_ms : now_of(session);
    uint64_t wait_ms = 4 * (ended_ms - match->began_ms); /* what is fetched is fetched once */
    wait_ms = wait_ms < DX_SYNC_MATCH_MS ? DX_SYNC_MATCH_MS : wait_ms;
    match->next_ms = now_of(session) + (wait_ms < DX_SYNC_HOLES_MS ? wait_ms : DX_SYNC_HOLES_MS);
    match->phase = DX_MATCH_IDLE;
    dx_matching_destroy(match->here);
    match->here = NULL;
    dx_buf_clear(&match->told);
    dx_buf_clear(&match->keys);
    match->asked = match->fetched = 0;
}

/* They had not all, or said nothing: to be asked again later, whatever happens. */
static void try_again(dx_session *session) {
    dx_session_match *match = &session->match;
    uint64_t wait_ms = DX_SYNC_MATCH_AGAIN_MS;
    for (unsigned i = 0; i < match->rounds && wait_ms < DX_SYNC_HOLES_MS_MAX; i++) {
        wait_ms *= 2;
    }
    match->rounds++;
    match->holds = false;
    match->again_ms = now_of(session) + (wait_ms < DX_SYNC_HOLES_MS_MAX ? wait_ms : DX_SYNC_HOLES_MS_MAX);
    rest(session);
}

static int ask(dx_session *session) {
    dx_session_match *match = &session->match;
    const dx_space *space = session->replica->space;
    dx_sync_match message = {.number = ++match->number, .question = space->scope->question};
    match->buckets = match->here == NULL ? 1 : dx_match_buckets(dx_matching_count(match->here));
    message.buckets = match->buckets;
    int error = match->here == NULL ? DX_OK : dx_matching_sums(match->here, message.buckets, message.sums);
    match->phase = DX_MATCH_ASKED;
    match->due = true;
    match->rows = 0;
    match->all = true;
    match->refused = false;
    match->progress_ms = now_of(session);
    match->scope_version = space->scope_version;
    memcpy(match->theirs, session->theirs.data, DX_HASH_SIZE);
    match->changed_ms = match->again_ms = 0;
    dx_session_trace(session, "is asked what matches, where %llu do here",
                     (unsigned long long)(match->here == NULL ? 0 : dx_matching_count(match->here)));
    dx_sync_match_write(&message, &session->replica->replication->message);
    return error == DX_OK ? dx_session_send(session) : error;
}

/* A slice of the question here. One that names what is not known here matches nothing yet. */
static int look(dx_session *session, uint64_t *deadline_ms) {
    dx_session_match *match = &session->match;
    dx_space *space = session->replica->space;
    char message[DX_QUERY_MESSAGE_SIZE];
    bool more = false;
    int error = DX_OK;
    if (match->here == NULL) {
        error = dx_matching_begin(context_of(session), space, space->scope->question, message, sizeof message,
                                  &match->here);
        if (error == DX_E_INVALID) {
            return ask(session);
        }
    }
    error = error == DX_OK ? dx_matching_run(match->here, DX_SYNC_MATCH_ROWS, &more) : error;
    if (error == DX_E_LIMIT) { /* what is here already is too much for a question */
        dx_session_trace(session, "is not asked what matches: too much does here");
        match->refused = true;
        match->scope_version = space->scope_version;
        memcpy(match->theirs, session->theirs.data, DX_HASH_SIZE);
        rest(session);
        return DX_OK;
    }
    if (error == DX_E_CANCELLED) {
        dx_matching_destroy(match->here);
        match->here = NULL;
        error = DX_OK;
        more = true;
    }
    if (error == DX_OK && more) {
        *deadline_ms = now_of(session);
        return DX_OK;
    }
    return error == DX_OK ? ask(session) : error;
}

/* Nothing is under way: whether something has to be. */
static int consider(dx_session *session, uint64_t *deadline_ms) {
    dx_session_match *match = &session->match;
    uint64_t now_ms = now_of(session), others_ms = others_until(session);
    bool again = match->again_ms != 0 && now_ms >= match->again_ms;
    if (match->due) {
        return DX_OK;
    }
    if (!is_new(session) && !again) {
        if (match->again_ms != 0) {
            hasten(match->again_ms, deadline_ms);
        }
        return DX_OK;
    }
    match->changed_ms = match->changed_ms == 0 ? now_ms : match->changed_ms;
    uint64_t until_ms = is_behind(session) ? match->changed_ms + DX_SYNC_STALL_MS : 0;
    until_ms = match->next_ms > until_ms ? match->next_ms : until_ms;
    until_ms = others_ms > until_ms ? others_ms : until_ms;
    if (now_ms < until_ms) {
        hasten(until_ms, deadline_ms);
        return DX_OK;
    }
    match->phase = DX_MATCH_LOOKING;
    match->looks_version = session->replica->space->scope_version;
    match->began_ms = now_ms;
    return look(session, deadline_ms);
}

/* All that differs was asked for. */
static int end_fetching(dx_session *session, uint64_t *deadline_ms) {
    dx_session_match *match = &session->match;
    *deadline_ms = now_of(session); /* others may wait for their turn */
    if (!match->all) {
        try_again(session);
        return DX_OK;
    }
    match->holds = true;
    match->rounds = 0;
    rest(session);
    dx_session_trace(session, "told all that matches");
    return dx_space_scope_note_told(context_of(session), session->replica->space, session->identity);
}

int dx_session_match_here(dx_session *session, uint64_t *deadline_ms) {
    dx_session_match *match = &session->match;
    bool another = match->looks_version != session->replica->space->scope_version;
    if (match->phase != DX_MATCH_IDLE && (!has_question(session) || another)) {
        match->holds = false;
        rest(session);
    }
    if (!has_question(session) || dx_store_is_read_only(context_of(session)->store)) {
        return DX_OK;
    }
    switch (match->phase) {
    case DX_MATCH_IDLE:
        return consider(session, deadline_ms);
    case DX_MATCH_LOOKING:
        return look(session, deadline_ms);
    case DX_MATCH_ASKED:
        if (now_of(session) >= match->progress_ms + DX_SYNC_STALL_MS) {
            dx_session_trace(session, "does not say what matches");
            try_again(session);
        } else {
            hasten(match->progress_ms + DX_SYNC_STALL_MS, deadline_ms);
        }
        return DX_OK;
    case DX_MATCH_FETCHING:
        break;
    }
    if (session->seek.due != 0 && session->seek.late) { /* they tell, and do not give */
        try_again(session);
        return DX_OK;
    }
    return match->fetched == dx_key_list_count(&match->keys) ? end_fetching(session, deadline_ms) : DX_OK;
}

/* --- What they told ------------------------------------------------------------------------------------ */

/* Whether the place of an entity is here: what is about others comes with their blocks, or was never there. */
static bool has_place(dx_space *space, int64_t key) {
    const dx_feed *feed = dx_space_feed(space, dx_entity_key_feed(key));
    return feed != NULL && feed->identity.feed_class == DX_FEED_DATA && dx_entity_key_seq(key) < feed->length;
}

static int take_rows(dx_session *session, dx_bytes rows) {
    dx_session_match *match = &session->match;
    dx_space *space = session->replica->space;
    size_t count = rows.size / DX_SYNC_MATCHED_ROW_SIZE;
    match->rows += count;
    if (match->rows > DX_MATCHES_MAX) {
        return DX_E_FLOOD;
    }
    for (size_t i = 0; i < count; i++) {
        uint8_t id[DX_ID_SIZE];
        uint64_t sum;
        int64_t key;
        dx_sync_matched_row(rows, i, id, &sum);
        if (dx_id_to_key(space, id, &key) != DX_OK || !has_place(space, key)) {
            match->all = false;
            continue;
        }
        const dx_match *here = match->here == NULL ? NULL : dx_matching_find(match->here, key);
        dx_key_list_add(&match->told, key);
#if defined(DX_PLANT) && DX_PLANT == 82
        if (here == NULL && !dx_purge_has(space, key)) {
#else
        if ((here == NULL || here->sum != sum) && !dx_purge_has(space, key)) {
#endif
            dx_key_list_add(&match->keys, key);
        }
    }
    int error = dx_buf_error(&match->told);
    return error == DX_OK ? dx_buf_error(&match->keys) : error;
}

/* What matches here and, in the buckets they told, not with them. Of who keeps a part that says nothing. */
static int take_absent(dx_session *session, const dx_sync_matched *matched) {
    dx_session_match *match = &session->match;
    bool told[DX_MATCH_BUCKETS_MAX] = {false};
    size_t count = match->here == NULL || dx_session_keeps_part(session) ? 0 : dx_matching_count(match->here);
    int error = DX_OK;
#if defined(DX_PLANT) && DX_PLANT == 81
    count = 0;
#endif
    for (size_t i = 0; i < matched->bucket_count; i++) {
        told[matched->buckets[i]] = true;
    }
    dx_key_list_sort(&match->told);
    for (size_t i = 0; i < count && error == DX_OK; i++) {
        int64_t key = dx_matching_at(match->here, i)->key;
        uint8_t id[DX_ID_SIZE];
        error = dx_key_to_id(session->replica->space, key, id);
        if (error == DX_OK && told[dx_match_bucket(id, match->buckets)] &&
            !dx_key_list_has(&match->told, key)) {
            dx_key_list_add(&match->keys, key);
        }
    }
    return error == DX_OK ? dx_buf_error(&match->keys) : error;
}

static int take_end(dx_session *session, const dx_sync_matched *matched) {
    dx_session_match *match = &session->match;
    if (matched->bucket_count > 0 && matched->buckets[matched->bucket_count - 1] >= match->buckets) {
        return DX_E_PROTOCOL;
    }
    if (matched->verdict == DX_VERDICT_REFUSED) {
        dx_session_trace(session, "does not answer what matches");
        match->refused = true;
        try_again(session);
        return DX_OK;
    }
    int error = take_absent(session, matched);
    dx_matching_destroy(match->here);
    match->here = NULL;
    dx_buf_clear(&match->told);
    dx_key_list_sort(&match->keys);
    match->asked = match->fetched = 0;
    match->all = match->all && matched->verdict == DX_VERDICT_ALL && !dx_session_keeps_part(session);
    match->phase = DX_MATCH_FETCHING;
    dx_session_trace(session, "told %llu that match, and %llu are to be fetched",
                     (unsigned long long)match->rows, (unsigned long long)dx_key_list_count(&match->keys));
    return error;
}

int dx_session_take_matched(dx_session *session, dx_bytes message) {
    dx_session_match *match = &session->match;
    dx_sync_matched matched;
    session->granted -= (int64_t)message.size;
    if (session->granted < -DX_SYNC_OVERDRAFT_MAX) {
        return DX_E_FLOOD;
    }
    session->owed += message.size;
    session->replica->received_bytes += message.size;
    int error = dx_sync_matched_read(message, &matched);
    if (error != DX_OK || !match->due || matched.number != match->number) {
        return error != DX_OK ? error : DX_E_PROTOCOL;
    }
    match->due = !matched.ended;
    if (match->phase != DX_MATCH_ASKED) { /* too late, or about a scope that is none any more */
        return DX_OK;
    }
    match->progress_ms = now_of(session);
    error = take_rows(session, matched.rows);
    return error == DX_OK && matched.ended ? take_end(session, &matched) : error;
}

/* --- Fetching ------------------------------------------------------------------------------------------ */

size_t dx_session_match_keys(const dx_session *session, const int64_t **keys) {
    const dx_session_match *match = &session->match;
    bool fetches = match->phase == DX_MATCH_FETCHING;
    *keys = fetches ? (const int64_t *)(const void *)match->keys.data + match->asked : NULL;
    return fetches ? dx_key_list_count(&match->keys) - match->asked : 0;
}

void dx_session_match_asked(dx_session *session, size_t count) {
    session->match.asked += count;
}

void dx_session_match_fetched(dx_session *session, uint64_t number, bool whole) {
    dx_session_match *match = &session->match;
    if (match->phase == DX_MATCH_FETCHING && match->number == number) { /* no older list */
        match->fetched++;
        match->all = match->all && whole;
    }
}

/* --- Answering ----------------------------------------------------------------------------------------- */

int dx_session_take_match(dx_session *session, dx_bytes message) {
    const dx_alloc *alloc = context_of(session)->alloc;
    dx_sync_match asked;
    int error = dx_sync_match_read(message, &asked);
    if (error != DX_OK || session->answer_match != NULL) {
        return error != DX_OK ? error : DX_E_PROTOCOL; /* one question at a time */
    }
    session->answer_match = dx_alloc_take_zeroed(alloc, sizeof *session->answer_match);
    if (session->answer_match == NULL) {
        return DX_E_NO_MEMORY;
    }
    dx_session_answer *answer = session->answer_match;
    dx_buf_init(&answer->question, alloc, DX_SCOPE_QUESTION_SIZE_MAX);
    dx_buf_append(&answer->question, asked.question.data, asked.question.size);
    answer->asked = asked;
    answer->asked.question = dx_buf_view(&answer->question);
    return dx_buf_error(&answer->question);
}

/* Whether all that anybody could tell is here, as far as this vault can know. */
static int has_all(const dx_session *session, bool *all) {
    dx_space *space = session->replica->space;
    uint64_t outside, missing;
    int error = dx_space_scope_count(context_of(session), space, &outside, &missing);
    *all = missing == 0 && !space->scope_resets && !dx_space_scope_is_partial(space->scope) &&
           space->blocked == 0 && !session->replica->load.wanted;
    return error;
}

static int send_matched(dx_session *session, const dx_sync_matched *matched) {
    dx_buf *message = &session->replica->replication->message;
    dx_sync_matched_write(matched, message);
    session->credit -= (int64_t)message->size;
    return dx_session_send(session);
}

static int end_answer(dx_session *session, dx_sync_verdict verdict) {
    dx_sync_matched matched = {
        .number = session->answer_match->asked.number, .ended = true, .verdict = verdict};
    for (size_t i = 0; i < DX_MATCH_BUCKETS_MAX; i++) {
        if (session->answer_match->differs[i]) {
            matched.buckets[matched.bucket_count++] = (uint8_t)i;
        }
    }
    drop_answer(session);
    return send_matched(session, &matched);
}

/* A slice of their question. */
static int find(dx_session *session) {
    dx_session_answer *answer = session->answer_match;
    dx_space *space = session->replica->space;
    char message[DX_QUERY_MESSAGE_SIZE];
    bool more = false;
    int error = DX_OK;
    session->work -= DX_SYNC_MATCH_WORK;
    if (answer->matching == NULL) {
        error = dx_matching_begin(context_of(session), space, answer->asked.question, message, sizeof message,
                                  &answer->matching);
    }
    error = error == DX_OK ? dx_matching_run(answer->matching, DX_SYNC_MATCH_ROWS, &more) : error;
    if (error == DX_E_CANCELLED) { /* from the beginning */
        dx_matching_destroy(answer->matching);
        answer->matching = NULL;
        return DX_OK;
    }
    answer->found = error == DX_OK && !more;
    return error;
}

/* Which buckets are others here. */
static int compare(const dx_session_answer *answer, bool *differs) {
    uint64_t sums[DX_MATCH_BUCKETS_MAX];
    int error = dx_matching_sums(answer->matching, answer->asked.buckets, sums);
    for (size_t i = 0; error == DX_OK && i < answer->asked.buckets; i++) {
        differs[i] = sums[i] != answer->asked.sums[i];
    }
    return error;
}

/* A message of rows; none when there are no more. */
static int tell_rows(dx_session *session, bool *more) {
    dx_session_answer *answer = session->answer_match;
    dx_buf rows;
    int error = DX_OK;
    dx_buf_init(&rows, context_of(session)->alloc, (size_t)DX_SYNC_MATCHED_MAX * DX_SYNC_MATCHED_ROW_SIZE);
    while (error == DX_OK && answer->next < dx_matching_count(answer->matching) &&
           rows.size < (size_t)DX_SYNC_MATCHED_MAX * DX_SYNC_MATCHED_ROW_SIZE) {
        const dx_match *match = dx_matching_at(answer->matching, answer->next++);
        uint8_t id[DX_ID_SIZE];
        error = dx_key_to_id(session->replica->space, match->key, id);
        if (error == DX_OK && answer->differs[dx_match_bucket(id, answer->asked.buckets)]) {
            dx_sync_matched_row_write(id, match->sum, &rows);
        }
    }
    error = error == DX_OK ? dx_buf_error(&rows) : error;
    *more = rows.size != 0;
    const dx_sync_matched matched = {.number = answer->asked.number, .rows = dx_buf_view(&rows)};
    error = error == DX_OK && *more ? send_matched(session, &matched) : error;
    dx_buf_deinit(&rows);
    return error;
}

int dx_session_answer_match(dx_session *session, uint64_t *deadline_ms) {
    dx_session_answer *answer = session->answer_match;
    bool more = true, all = false;
    if (answer == NULL || !dx_session_may_work(session, deadline_ms)) {
        return DX_OK;
    }
    if (!dx_session_may_know(
            session)) { /* nothing is told to who may not read, and that is all there is to say */
        return end_answer(session, DX_VERDICT_PART);
    }
    int error = DX_OK;
    if (!answer->found) {
        error = find(session);
        if (error == DX_E_INVALID || error == DX_E_LIMIT) {
            return end_answer(session, DX_VERDICT_REFUSED);
        }
        error = error == DX_OK && answer->found ? compare(answer, answer->differs) : error;
    } else {
        error = tell_rows(session, &more);
    }
    if (error == DX_OK && !more) {
        error = has_all(session, &all);
        return error == DX_OK ? end_answer(session, all ? DX_VERDICT_ALL : DX_VERDICT_PART) : error;
    }
    *deadline_ms = now_of(session);
    return error;
}
