/* echo/query_parse.c: reads a question, and says what is wrong with it.
 *
 * Layer: floor 1, echo. Strict: an unknown key is an error, since a condition that is passed over answers
 * another question. Invariant: a message is one sentence without a full stop and always ends in a zero. */
#include "echo/query_state.h"

#include <string.h>

#include "model/object_path.h"

typedef struct parse {
    dx_context *context;
    dx_space *space;
    char *message;
    size_t message_size;
} parse;

/* --- Messages ------------------------------------------------------------------------------------ */

static void append(parse *self, size_t *used, dx_bytes text) {
    for (size_t i = 0; i < text.size && *used + 1 < self->message_size; i++) {
        self->message[(*used)++] = text.data[i] < 0x20 || text.data[i] > 0x7e ? '?' : (char)text.data[i];
    }
}

/* before, the quoted text when there is one (cut to 40 characters), after. */
static int refuse(parse *self, const char *before, dx_bytes quoted, const char *after) {
    enum { QUOTED_MAX = 40 };
    size_t used = 0;
    if (self->message_size == 0) {
        return DX_E_INVALID;
    }
    append(self, &used, dx_bytes_text(before));
    if (quoted.data != NULL) {
        append(self, &used, dx_bytes_text("\""));
        append(self, &used, dx_bytes_of(quoted.data, quoted.size < QUOTED_MAX ? quoted.size : QUOTED_MAX));
        append(self, &used, dx_bytes_text(quoted.size > QUOTED_MAX ? "...\"" : "\""));
    }
    append(self, &used, dx_bytes_text(after));
    self->message[used] = '\0';
    return DX_E_INVALID;
}

static int refuse_plainly(parse *self, const char *sentence) {
    return refuse(self, sentence, dx_bytes_of(NULL, 0), "");
}

int dx_question_refuse(char *message, size_t message_size, const char *sentence) {
    parse self = {.message = message, .message_size = message_size};
    return refuse_plainly(&self, sentence);
}

static bool is(dx_bytes key, const char *name) {
    return dx_bytes_equal(key, dx_bytes_text(name));
}

/* --- Values -------------------------------------------------------------------------------------- */

/* An id as text, as 22 bytes, or as a reference of these. What is well formed and names nothing here is no
 * error. */
static int parse_id(parse *self, dx_bytes name, dx_bytes item, int64_t *key) {
    dx_bytes text = dx_item_text(item), bytes = dx_item_bytes(item);
    int error;
    if (dx_item_kind(item) == DX_KIND_TAG) {
        dx_reader reader;
        dx_reader_init(&reader, item);
        if (dx_read_tag(&reader) == DX_TAG_REFERENCE) {
            bytes = dx_read_bytes(&reader);
        }
    }
    if (text.data != NULL) {
        error = dx_id_parse(self->context, self->space, text, key);
    } else {
        error = bytes.size == DX_ID_SIZE ? dx_id_to_key(self->space, bytes.data, key) : DX_E_INVALID;
    }
    if (error == DX_E_NOT_FOUND) {
        *key = DX_QUERY_NOTHING;
        return DX_OK;
    }
    if (error == DX_E_CONFLICT) {
        return refuse(self, "", name, " is a shortened id that several entities have; write more of it");
    }
    return error == DX_E_INVALID ? refuse(self, "", name, " takes an id") : error;
}

/* A type's name, or null for none. */
static int parse_type(parse *self, dx_bytes name, dx_bytes item, dx_bytes *type) {
    *type = dx_item_text(item);
    if (type->size > DX_TYPE_SIZE_MAX || (type->data == NULL && dx_item_kind(item) != DX_KIND_NULL)) {
        return refuse(self, "", name, " takes the name of a type, or null");
    }
    return DX_OK;
}

static int parse_where(parse *self, dx_bytes item, dx_query_filter *filter) {
    dx_reader reader;
    dx_reader_init(&reader, item);
    if (dx_reader_peek(&reader) != DX_KIND_MAP) {
        return refuse_plainly(self, "\"where\" takes a map from path to value");
    }
    size_t count = dx_read_map(&reader);
    if (count > DX_QUERY_CONDITIONS_MAX) {
        return refuse_plainly(self, "\"where\" takes at most 16 paths");
    }
    for (; count > 0; count--) {
        dx_query_condition *condition = &filter->conditions[filter->condition_count++];
        condition->path = dx_read_text(&reader);
        condition->value = dx_read_item(&reader);
        if (reader.error != DX_OK || dx_object_path_check(condition->path) == 0) {
            return refuse(self, "\"where\" has ", condition->path,
                          ", which is no path: parts joined by dots");
        }
    }
    return DX_OK;
}

static int parse_kind(parse *self, dx_bytes item, dx_query_filter *filter) {
    dx_bytes text = dx_item_text(item);
    filter->has_kind = true;
    filter->objects = is(text, "object") || is(text, "any");
    filter->links = is(text, "link") || is(text, "any");
    return filter->objects || filter->links
               ? DX_OK
               : refuse_plainly(self, "\"kind\" is \"object\", \"link\" or \"any\"");
}

static int parse_deleted(parse *self, dx_bytes item, dx_query_filter *filter) {
    static const char *const names[] = {"hide", "show", "only"};
    for (size_t i = 0; i < 3; i++) {
        if (is(dx_item_text(item), names[i])) {
            filter->deleted = (dx_query_deleted)i;
            return DX_OK;
        }
    }
    return refuse_plainly(self, "\"deleted\" is \"hide\", \"show\" or \"only\"");
}

/* --- Filters and steps --------------------------------------------------------------------------- */

/* One key of a filter; *known tells whether it was one. */
static int parse_filter_key(parse *self, dx_bytes key, dx_bytes item, dx_query_filter *filter, bool *known) {
    *known = true;
    if (is(key, "id")) {
        filter->has_id = true;
        return parse_id(self, key, item, &filter->id);
    }
    if (is(key, "type")) {
        filter->has_type = true;
        return parse_type(self, key, item, &filter->type);
    }
    if (is(key, "parent")) {
        filter->has_parent = true;
        return dx_item_kind(item) == DX_KIND_NULL ? DX_OK : parse_id(self, key, item, &filter->parent);
    }
    if (is(key, "source")) {
        filter->has_source = true;
        return parse_id(self, key, item, &filter->source);
    }
    if (is(key, "target")) {
        filter->has_target = true;
        return parse_id(self, key, item, &filter->target);
    }
    if (is(key, "where")) {
        return parse_where(self, item, filter);
    }
    if (is(key, "kind")) {
        return parse_kind(self, item, filter);
    }
    if (is(key, "deleted")) {
        return parse_deleted(self, item, filter);
    }
    *known = false;
    return DX_OK;
}

/* Without a kind: links when an end is given, either kind when the id is, and else objects. */
static int end_filter(parse *self, dx_query_filter *filter) {
    bool by_end = filter->has_source || filter->has_target;
    if (!filter->has_kind) {
        filter->objects = !by_end;
        filter->links = by_end || (filter->has_id && !filter->has_parent);
    }
    if ((by_end && filter->objects) || (filter->has_parent && filter->links)) {
        return refuse_plainly(self, by_end ? "\"source\" and \"target\" are of links, not of objects"
                                           : "\"parent\" is of objects, not of links");
    }
    return DX_OK;
}

/* Where a walk begins and ends: objects, whatever an id alone would allow. */
static int end_walking_filter(parse *self, dx_query_filter *filter) {
    if (filter->has_source || filter->has_target || (filter->has_kind && filter->links)) {
        return refuse_plainly(self, "\"follow\" and \"path\" lead from objects to objects");
    }
    filter->links = false;
    return DX_OK;
}

static int parse_filter(parse *self, dx_bytes name, dx_bytes item, dx_query_filter *filter) {
    dx_reader reader;
    dx_reader_init(&reader, item);
    if (dx_reader_peek(&reader) != DX_KIND_MAP) {
        return refuse(self, "", name, " takes a filter, which is a map");
    }
    int error = DX_OK;
    for (size_t count = dx_read_map(&reader); count > 0 && error == DX_OK; count--) {
        dx_bytes key = dx_read_text(&reader);
        dx_bytes value = dx_read_item(&reader);
        bool known;
        error = parse_filter_key(self, key, value, filter, &known);
        if (error == DX_OK && !known) {
            error = refuse(self, "a filter has no key ", key, "");
        }
    }
    return error == DX_OK ? end_filter(self, filter) : error;
}

/* The key that says which way; *known tells whether it was one. */
static int parse_way(parse *self, dx_bytes key, dx_bytes item, dx_query_step *step, bool *known) {
    static const char *const names[] = {"out", "in", "children", "parent"};
    size_t way = 0;
    while (way < 4 && !is(key, names[way])) {
        way++;
    }
    *known = way < 4;
    if (!*known) {
        return DX_OK;
    }
    step->way = (dx_query_way)way;
    if (step->way == DX_QUERY_CHILDREN || step->way == DX_QUERY_PARENT) {
        return dx_item_bool(item, false) ? DX_OK : refuse(self, "", key, " takes true");
    }
    step->has_link_type = dx_item_kind(item) != DX_KIND_NULL;
    return parse_type(self, key, item, &step->link_type);
}

static int parse_step(parse *self, dx_bytes item, dx_query_step *step) {
    dx_reader reader;
    dx_reader_init(&reader, item);
    step->ends.objects = true;
    size_t ways = 0;
    int error = DX_OK;
    for (size_t count = dx_read_map(&reader); count > 0 && error == DX_OK && reader.error == DX_OK; count--) {
        dx_bytes key = dx_read_text(&reader);
        dx_bytes value = dx_read_item(&reader);
        bool known;
        error = parse_way(self, key, value, step, &known);
        ways += known;
        if (error == DX_OK && !known && (is(key, "type") || is(key, "where"))) {
            error = parse_filter_key(self, key, value, &step->ends, &known);
        }
        if (error == DX_OK && !known) {
            error = refuse(self, "a step has no key ", key, "; it has one way, \"type\" and \"where\"");
        }
    }
    if (error == DX_OK && (reader.error != DX_OK || ways != 1)) {
        error = refuse_plainly(self, "a step is a map with one of \"out\", \"in\", \"children\", \"parent\"");
    }
    return error;
}

static int parse_follow(parse *self, dx_bytes item, dx_question *question) {
    dx_reader reader;
    dx_reader_init(&reader, item);
    if (dx_reader_peek(&reader) != DX_KIND_ARRAY) {
        return refuse_plainly(self, "\"follow\" takes an array of steps");
    }
    size_t count = dx_read_array(&reader);
    if (count > DX_QUERY_STEPS_MAX) {
        return refuse_plainly(self, "\"follow\" takes at most 16 steps");
    }
    int error = DX_OK;
    for (; count > 0 && error == DX_OK; count--) {
        error = parse_step(self, dx_read_item(&reader), &question->steps[question->step_count++]);
    }
    return error;
}

static int parse_number(parse *self, dx_bytes name, dx_bytes item, int64_t least, int64_t most,
                        int64_t *out) {
    if (dx_item_kind(item) != DX_KIND_INT || dx_item_int(item, 0) < least || dx_item_int(item, 0) > most) {
        return refuse(self, "", name,
                      least == 0 ? " takes a number, 0 or more" : " takes a number from 1 to 64");
    }
    *out = dx_item_int(item, 0);
    return DX_OK;
}

static int parse_path(parse *self, dx_bytes item, dx_question *question) {
    dx_reader reader;
    dx_reader_init(&reader, item);
    question->has_path = true;
    question->path_hops_max = DX_QUERY_HOPS_MAX;
    question->path_step.ends.objects = true;
    size_t ways = 0, ends = 0;
    int error = DX_OK;
    for (size_t count = dx_read_map(&reader); count > 0 && error == DX_OK && reader.error == DX_OK; count--) {
        dx_bytes key = dx_read_text(&reader);
        dx_bytes value = dx_read_item(&reader);
        bool known = true;
        if (is(key, "to")) {
            ends++;
            error = parse_filter(self, key, value, &question->path_to);
        } else if (is(key, "max")) {
            error = parse_number(self, key, value, 1, DX_QUERY_HOPS_MAX, &question->path_hops_max);
        } else if (is(key, "out") || is(key, "in")) {
            ways++;
            error = parse_way(self, key, value, &question->path_step, &known);
        } else {
            error =
                refuse(self, "\"path\" has no key ", key, "; it has \"to\", \"out\" or \"in\", and \"max\"");
        }
    }
    if (error == DX_OK && (reader.error != DX_OK || ends != 1 || ways > 1)) {
        error = refuse_plainly(self, "\"path\" is a map with \"to\" and at most one of \"out\" and \"in\"");
    }
    if (error == DX_OK && question->path_to.deleted != DX_QUERY_HIDE) {
        error = refuse_plainly(self, "a path leads past nothing that is deleted");
    }
    return error == DX_OK ? end_walking_filter(self, &question->path_to) : error;
}

/* --- The question -------------------------------------------------------------------------------- */

static int parse_key(parse *self, dx_bytes key, dx_bytes value, dx_question *question) {
    bool known;
    int error = parse_filter_key(self, key, value, &question->filter, &known);
    if (error != DX_OK || known) {
        return error;
    }
    if (is(key, "follow")) {
        return parse_follow(self, value, question);
    }
    if (is(key, "path")) {
        return parse_path(self, value, question);
    }
    if (is(key, "limit")) {
        return parse_number(self, key, value, 0, INT64_MAX, &question->limit);
    }
    if (is(key, "after")) {
        return parse_id(self, key, value, &question->after);
    }
    if (is(key, "count")) {
        question->counts = dx_item_bool(value, false);
        return dx_item_kind(value) == DX_KIND_BOOL ? DX_OK : refuse(self, "", key, " takes true or false");
    }
    return refuse(self, "a query has no key ", key, "");
}

static int check_whole(parse *self, dx_question *question) {
    if (question->step_count > 0 && question->has_path) {
        return refuse_plainly(self, "a query has \"follow\" or \"path\", not both");
    }
    if (question->has_path && question->after != 0) {
        return refuse_plainly(self, "a path has no \"after\": it is one answer");
    }
    if (question->after == DX_QUERY_NOTHING) {
        return refuse_plainly(self, "\"after\" is the id of the last row of an earlier answer");
    }
    if (question->step_count > 0 || question->has_path) {
        return end_walking_filter(self, &question->filter);
    }
    return DX_OK;
}

int dx_question_parse(dx_context *context, dx_space *space, dx_bytes item, char *message, size_t message_size,
                      dx_question *out) {
    parse self = {context, space, message, message_size};
    dx_reader reader;
    memset(out, 0, sizeof *out);
    out->limit = INT64_MAX;
    if (item.size > DX_QUERY_SIZE_MAX) {
        return refuse_plainly(&self, "a query has at most 64 KiB");
    }
    if (dx_item_check(item) != DX_OK || dx_item_kind(item) != DX_KIND_MAP) {
        return refuse_plainly(&self, "a query is a map");
    }
    dx_reader_init(&reader, item);
    int error = DX_OK;
    for (size_t count = dx_read_map(&reader); count > 0 && error == DX_OK; count--) {
        if (dx_reader_peek(&reader) != DX_KIND_TEXT) {
            return refuse_plainly(&self, "the keys of a query are texts");
        }
        dx_bytes key = dx_read_text(&reader);
        error = parse_key(&self, key, dx_read_item(&reader), out);
    }
    if (error == DX_OK) {
        error = end_filter(&self, &out->filter);
    }
    return error == DX_OK ? check_whole(&self, out) : error;
}
