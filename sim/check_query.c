/* sim/check_query.c: what peers answer to questions, against the reference.
 *
 * Layer: simulator, checkers; docs/spec/query.md. See check_state.h. Each question is drawn at random, asked
 * of a random member, and answered from the reference by looking at everything. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check_state.h"

enum { QUERY_JSON_MAX = 4096, QUERIES = 8, STEPS_MAX = 3, VALUE_JSON_MAX = 512 };

typedef enum ask_kind { ASK_OBJECTS, ASK_LINKS, ASK_ANY } ask_kind;
typedef enum ask_deleted { ASK_HIDE, ASK_SHOW, ASK_ONLY } ask_deleted;

/* An absent condition: NULL, or a value of size 0. */
typedef struct check_filter {
    ask_kind kind;
    ask_deleted deleted;
    const char *type; /* "": no type */
    const check_entity *id, *parent, *source, *target;
    bool no_parent;
    const char *path; /* where */
    dx_bytes value;
} check_filter;

typedef enum step_kind { STEP_OUT, STEP_IN, STEP_CHILDREN, STEP_PARENT } step_kind;

typedef struct asking {
    check_space *space;
    sim_peer *peer;
    size_t number; /* of the space */
    check_filter filter;
    step_kind steps[STEPS_MAX];
    const char *step_types[STEPS_MAX]; /* of links; NULL: any */
    size_t step_count;
    char json[QUERY_JSON_MAX];
    size_t size;
    bool *found; /* by position: the reference's answer */
    size_t found_count;
} asking;

/* --- The reference's answer ------------------------------------------------------------------------------- */

static bool is_hidden(const check_entity *entity) {
    return entity->type.size >= 3 && memcmp(entity->type.data, "dx.", 3) == 0;
}

static bool has_type(const check_entity *entity, const char *type) {
    return dx_bytes_equal(entity->type, dx_bytes_text(type));
}

static bool is_at(const check_place *place, const check_entity *entity) {
    return check_place_is(place, &entity->place);
}

static bool matches(const check_filter *filter, const check_entity *entity) {
    bool kind = filter->kind == ASK_ANY || (filter->kind == ASK_LINKS) == entity->link;
    bool life = filter->deleted == ASK_SHOW || (filter->deleted == ASK_ONLY) == entity->deleted;
    bool type = filter->type != NULL ? has_type(entity, filter->type) : !is_hidden(entity);
    return kind && life && type && (filter->id == NULL || filter->id == entity) &&
           (filter->parent == NULL || is_at(&entity->parent, filter->parent)) &&
           (!filter->no_parent || (!entity->link && entity->parent.feed == CHECK_NOWHERE)) &&
           (filter->source == NULL || is_at(&entity->source, filter->source)) &&
           (filter->target == NULL || is_at(&entity->target, filter->target)) &&
           (filter->path == NULL ||
            dx_bytes_equal(check_object_at(entity->view, filter->path), filter->value));
}

/* Whether one step leads from here to there. */
static bool leads(const check_space *space, step_kind kind, const char *type, const check_entity *here,
                  const check_entity *there) {
    if (kind == STEP_CHILDREN) {
        return is_at(&there->parent, here);
    }
    if (kind == STEP_PARENT) {
        return is_at(&here->parent, there);
    }
    for (size_t i = 0; i < space->entity_count; i++) {
        const check_entity *link = &space->entities[i];
        const check_place *from = kind == STEP_OUT ? &link->source : &link->target;
        const check_place *to = kind == STEP_OUT ? &link->target : &link->source;
        if (link->link && !link->deleted && (type != NULL ? has_type(link, type) : !is_hidden(link)) &&
            is_at(from, here) && is_at(to, there)) {
            return true;
        }
    }
    return false;
}

static bool is_reachable(const check_entity *entity) {
    return !entity->link && !entity->deleted && !is_hidden(entity);
}

/* The set that one step leads to from a set. */
static bool *follow(check_space *space, step_kind kind, const char *type, const bool *from) {
    bool *to = check_take(space, space->entity_count * sizeof *to);
    for (size_t i = 0; i < space->entity_count; i++) {
        for (size_t k = 0; from[i] && k < space->entity_count; k++) {
            to[k] = to[k] || (is_reachable(&space->entities[k]) &&
                              leads(space, kind, type, &space->entities[i], &space->entities[k]));
        }
    }
    return to;
}

static void answer(asking *self) {
    check_space *space = self->space;
    self->found = check_take(space, space->entity_count * sizeof *self->found);
    for (size_t i = 0; i < space->entity_count; i++) {
        self->found[i] = matches(&self->filter, &space->entities[i]);
    }
    for (size_t i = 0; i < self->step_count; i++) {
        self->found = follow(space, self->steps[i], self->step_types[i], self->found);
    }
    for (size_t i = 0; i < space->entity_count; i++) {
        self->found_count += self->found[i];
    }
}

/* --- Questions -------------------------------------------------------------------------------------------- */

static void say(asking *self, const char *format, ...) DX_PRINTF(2, 3);

static void say(asking *self, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int size = vsnprintf(self->json + self->size, sizeof self->json - self->size, format, args);
    va_end(args);
    self->size += (size_t)size;
    DX_ASSERT(size >= 0 && self->size < sizeof self->json);
}

static void say_id(asking *self, const char *key, const check_entity *entity) {
    char text[CHECK_ID_TEXT_SIZE];
    if (entity != NULL) {
        check_id_text(self->space, &entity->place, text);
        say(self, ", \"%s\": \"%s\"", key, text);
    }
}

static void say_type(asking *self, const char *key, const char *type) {
    if (type[0] == 0) {
        say(self, "\"%s\": null", key);
    } else {
        say(self, "\"%s\": \"%s\"", key, type);
    }
}

static void say_filter(asking *self) {
    static const char *const kinds[] = {"object", "link", "any"}, *const deleted[] = {"hide", "show", "only"};
    const check_filter *filter = &self->filter;
    say(self, "\"kind\": \"%s\", \"deleted\": \"%s\"", kinds[filter->kind], deleted[filter->deleted]);
    if (filter->type != NULL) {
        say(self, ", ");
        say_type(self, "type", filter->type);
    }
    say_id(self, "id", filter->id);
    say_id(self, "parent", filter->parent);
    say_id(self, "source", filter->source);
    say_id(self, "target", filter->target);
    say(self, "%s", filter->no_parent ? ", \"parent\": null" : "");
    if (filter->path != NULL) {
        dx_buf value, path;
        dx_buf_init(&value, &sim_heap, VALUE_JSON_MAX);
        dx_buf_init(&path, &sim_heap, VALUE_JSON_MAX);
        for (const char *at = filter->path; *at != 0; at++) {
            dx_buf_append(&path, "\\", *at == '\\');
            dx_buf_append_byte(&path, (uint8_t)*at);
        }
        int error = dx_json_print(filter->value, &value);
        DX_ASSERT(error == DX_OK);
        say(self, ", \"where\": {\"%.*s\": {\"eq\": %.*s}}", (int)path.size, (const char *)path.data,
            (int)value.size, (const char *)value.data);
        dx_buf_deinit(&path);
        dx_buf_deinit(&value);
    }
}

static void say_steps(asking *self) {
    static const char *const names[] = {"out", "in", "children", "parent"};
    for (size_t i = 0; i < self->step_count; i++) {
        say(self, "%s{", i == 0 ? ", \"follow\": [" : ", ");
        if (self->steps[i] == STEP_CHILDREN || self->steps[i] == STEP_PARENT) {
            say(self, "\"%s\": true}", names[self->steps[i]]);
        } else {
            say_type(self, names[self->steps[i]], self->step_types[i] == NULL ? "" : self->step_types[i]);
            say(self, "}");
        }
    }
    say(self, "%s", self->step_count > 0 ? "]" : "");
}

/* --- Comparing -------------------------------------------------------------------------------------------- */

/* The entity whose row this is, to the byte; SIZE_MAX: none. */
static size_t position_of(const check_space *space, dx_bytes row) {
    size_t at = 0;
    while (at < space->entity_count && !dx_bytes_equal(row, space->entities[at].row)) {
        at++;
    }
    return at < space->entity_count ? at : SIZE_MAX;
}

static bool ask(asking *self, const char *extra, sim_reply *reply) {
    char *json = malloc(2 * QUERY_JSON_MAX);
    char message[200];
    DX_ASSERT(json != NULL);
    snprintf(json, 2 * QUERY_JSON_MAX, "{\"do\": \"query\", \"space\": \"%s\", \"query\": {%s%s}}",
             self->space->world->space[self->number], self->json, extra);
    sim_reply_init(reply);
    bool well = sim_ask_wait(self->peer, json, reply);
    if (well && sim_error_of(dx_buf_view(&reply->body), message, sizeof message)) {
        sim_violate(self->space->world, "peer %zu refuses the query {%s%s}: %s", self->peer->index,
                    self->json, extra, message);
        well = false;
    }
    free(json);
    return well;
}

static void judge_rows(asking *self) {
    sim_reply reply;
    dx_reader reader;
    bool *seen = check_take(self->space, self->space->entity_count * sizeof *seen);
    bool well = ask(self, "", &reply);
    dx_reader_init(&reader, dx_buf_view(&reply.rows));
    for (size_t i = 0; well && i < reply.row_count; i++) {
        size_t at = position_of(self->space, dx_read_item(&reader));
        well = at != SIZE_MAX && self->found[at] && !seen[at];
        if (well) {
            seen[at] = true;
        }
    }
    if (self->space->world->violation[0] == 0 && (!well || reply.row_count != self->found_count)) {
        sim_violate(self->space->world, "peer %zu answers {%s} with %zu rows, %s; the blocks say %zu",
                    self->peer->index, self->json, reply.row_count,
                    well ? "each of them right" : "one of them wrong", self->found_count);
    }
    sim_reply_deinit(&reply);
}

static void judge_count(asking *self) {
    sim_reply reply;
    if (ask(self, ", \"count\": true", &reply)) {
        int64_t count = dx_item_int(dx_item_get(dx_buf_view(&reply.body), "count"), -1);
        if (count != (int64_t)self->found_count) {
            sim_violate(self->space->world, "peer %zu counts %lld of {%s}, the blocks say %zu",
                        self->peer->index, (long long)count, self->json, self->found_count);
        }
    }
    sim_reply_deinit(&reply);
}

/* In pages of two rows it is the same rows in the same order. */
static void judge_pages(asking *self) {
    sim_reply all, page;
    dx_reader reader;
    char extra[128] = ", \"limit\": 2";
    bool well = ask(self, "", &all);
    dx_reader_init(&reader, dx_buf_view(&all.rows));
    for (size_t read = 0; well && read < all.row_count && read < 8; read += page.row_count) {
        const uint8_t *start = reader.at;
        dx_bytes last = dx_read_item(&reader);
        if (read + 1 < all.row_count) {
            last = dx_read_item(&reader);
        }
        well = ask(self, extra, &page);
        size_t size = (size_t)(reader.at - start);
        if (well && (page.rows.size != size || memcmp(page.rows.data, start, size) != 0)) {
            sim_violate(self->space->world, "peer %zu answers {%s%s} otherwise than all of it at once",
                        self->peer->index, self->json, extra);
            well = false;
        }
        dx_bytes id = dx_item_text(dx_item_get(last, "id"));
        snprintf(extra, sizeof extra, ", \"limit\": 2, \"after\": \"%.*s\"", (int)id.size,
                 (const char *)id.data);
        sim_reply_deinit(&page);
    }
    sim_reply_deinit(&all);
}

/* --- Paths ------------------------------------------------------------------------------------------------ */

/* Links on a shortest way from one object to another; SIZE_MAX: there is none. */
static size_t distance(check_space *space, step_kind kind, const char *type, const check_entity *from,
                       const check_entity *to) {
    size_t last = 0, reached = 1;
    bool *here = check_take(space, space->entity_count * sizeof *here);
    here[from - space->entities] = true;
    for (size_t hops = 0; reached != last; hops++) {
        if (here[to - space->entities]) {
            return hops;
        }
        const bool *next = follow(space, kind, type, here);
        last = reached;
        reached = 0;
        for (size_t i = 0; i < space->entity_count; i++) {
            here[i] = here[i] || next[i];
            reached += here[i];
        }
    }
    return SIZE_MAX;
}

static void judge_path(asking *self, step_kind kind, const char *type, const check_entity *to) {
    char text[CHECK_ID_TEXT_SIZE], extra[256], way[64] = "";
    sim_reply reply;
    dx_reader reader;
    check_space *space = self->space;
    check_id_text(space, &to->place, text);
    if (type != NULL) {
        snprintf(way, sizeof way, ", \"%s\": \"%s\"", kind == STEP_OUT ? "out" : "in", type);
    }
    snprintf(extra, sizeof extra, ", \"path\": {\"to\": {\"id\": \"%s\"}%s}", text, way);
    bool there = self->found_count == 1 && is_reachable(to);
    size_t hops = there ? distance(space, kind, type, self->filter.id, to) : SIZE_MAX;
    size_t expected = hops == SIZE_MAX ? 0 : hops + 1;
    bool well = ask(self, extra, &reply);
    const check_entity *before = NULL;
    dx_reader_init(&reader, dx_buf_view(&reply.rows));
    for (size_t i = 0; well && i < reply.row_count; i++) {
        size_t at = position_of(space, dx_read_item(&reader));
        const check_entity *here = at == SIZE_MAX ? NULL : &space->entities[at];
        well = here != NULL && (i == 0 ? here == self->filter.id : leads(space, kind, type, before, here));
        before = here;
    }
    if (space->world->violation[0] == 0 && (!well || reply.row_count != expected)) {
        sim_violate(space->world, "peer %zu answers {%s%s} with a way of %zu rows%s; the blocks say %zu",
                    self->peer->index, self->json, extra, reply.row_count, well ? "" : ", which is none",
                    expected);
    }
    sim_reply_deinit(&reply);
}

/* --- Drawing ---------------------------------------------------------------------------------------------- */

static const check_entity *draw_entity(check_space *space, bool link) {
    for (size_t tries = 0; tries < 16 && space->entity_count > 0; tries++) {
        const check_entity *entity = &space->entities[sim_below(space->world, space->entity_count)];
        if (entity->link == link) {
            return entity;
        }
    }
    return NULL;
}

/* A value that somebody has at a path, so that something matches. */
static void draw_where(asking *self) {
    static const char *const paths[] = {"shared", "deep", "deep.k0",    "deep.k1", "deep.m.n",
                                        "deep.m", "half", "deep.m.n.o", "a\\.b.c", "secret"};
    const char *path = paths[sim_below(self->space->world, sizeof paths / sizeof paths[0])];
    for (size_t tries = 0; tries < 8; tries++) {
        const check_entity *entity = draw_entity(self->space, false);
        dx_bytes value = entity == NULL ? dx_bytes_of(NULL, 0) : check_object_at(entity->view, path);
        if (value.size > 0 && value.size < VALUE_JSON_MAX / 4) {
            self->filter.path = path;
            self->filter.value = value;
            return;
        }
    }
}

static void draw_filter(asking *self) {
    static const char *const types[] = {"t0", "t1", "t2", "b", "near", "", "dx.member", "dx.space", "none"};
    sim_world *world = self->space->world;
    check_filter *filter = &self->filter;
    filter->kind = (ask_kind)sim_below(world, 3);
    filter->deleted = (ask_deleted)sim_below(world, 3);
    if (sim_below(world, 2) == 0) {
        filter->type = types[sim_below(world, sizeof types / sizeof types[0])];
    }
    switch (sim_below(world, 6)) {
    case 0:
        filter->parent = draw_entity(self->space, false);
        break;
    case 1:
        filter->source = draw_entity(self->space, false);
        break;
    case 2:
        filter->target = draw_entity(self->space, false);
        break;
    case 3:
        filter->no_parent = true;
        break;
    case 4:
        draw_where(self);
        break;
    default:
        return;
    }
    if (filter->parent != NULL || filter->no_parent) {
        filter->kind = ASK_OBJECTS; /* only objects have parents, only links have ends */
    } else if (filter->source != NULL || filter->target != NULL) {
        filter->kind = ASK_LINKS;
    }
}

static void draw_steps(asking *self) {
    sim_world *world = self->space->world;
    self->filter.kind = ASK_OBJECTS;
    self->filter.source = self->filter.target = NULL;
    self->step_count = 1 + (size_t)sim_below(world, STEPS_MAX);
    for (size_t i = 0; i < self->step_count; i++) {
        self->steps[i] = (step_kind)sim_below(world, 4);
        self->step_types[i] = sim_below(world, 2) == 0 ? "near" : NULL;
    }
}

static void ask_one(asking *self) {
    sim_world *world = self->space->world;
    unsigned form = (unsigned)sim_below(world, 5);
    if (form == 0) {
        const check_entity *to = draw_entity(self->space, false);
        self->filter.kind = ASK_OBJECTS;
        self->filter.id = draw_entity(self->space, false);
        if (to == NULL || self->filter.id == NULL || to == self->filter.id) {
            return;
        }
        say_filter(self);
        answer(self);
        judge_path(self, STEP_OUT, sim_below(world, 2) == 0 ? "near" : NULL, to);
        return;
    }
    draw_filter(self);
    if (form == 1) {
        draw_steps(self);
    }
    say_filter(self);
    say_steps(self);
    answer(self);
    if (form == 2) {
        judge_count(self);
    } else if (form == 3) {
        judge_pages(self);
    }
    if (world->violation[0] == 0) {
        judge_rows(self);
    }
}

void check_queries(sim_peer *peer, size_t number, check_space *space) {
    sim_world *world = peer->world;
    for (size_t i = 0; i < QUERIES && world->violation[0] == 0; i++) {
        sim_peer *asked = &world->peers[sim_below(world, world->peer_count)];
        asking self = {.space = space, .number = number};
        self.peer = asked->member[number] ? asked : peer;
        ask_one(&self);
    }
}
