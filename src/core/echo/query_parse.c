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
    dx_question *out;
    size_t nesting; /* of conditions */
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
            bytes = dx_reference_id(dx_read_bytes(&reader));
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

/* --- Conditions ---------------------------------------------------------------------------------- */

/* Appends a condition; *index is its place. What is put behind it before it is closed is its subtree. */
static int open_node(parse *self, dx_query_op op, dx_bytes path, size_t *index) {
    dx_query_node node = {.op = op, .path = path};
    *index = self->out->nodes.size / sizeof node;
    if (*index == DX_QUERY_NODES_MAX) {
        return refuse_plainly(self, "a query has at most 4096 conditions");
    }
    dx_buf_append(&self->out->nodes, &node, sizeof node);
    return dx_buf_error(&self->out->nodes);
}

static dx_query_node *node_at(parse *self, size_t index) {
    return (dx_query_node *)(void *)self->out->nodes.data + index;
}

static void close_node(parse *self, size_t index) {
    node_at(self, index)->end = self->out->nodes.size / sizeof(dx_query_node);
}

/* A condition without any inside it; value is what it compares with, size 0: nothing. */
static int add_node(parse *self, dx_query_op op, dx_bytes path, dx_bytes value, int64_t key) {
    size_t index, begin = self->out->values.size;
    int error = open_node(self, op, path, &index);
    if (error != DX_OK) {
        return error;
    }
    if (value.size != 0) {
        dx_order_write(value, &self->out->values);
    }
    node_at(self, index)->value = begin;
    node_at(self, index)->value_size = self->out->values.size - begin;
    node_at(self, index)->key = key;
    close_node(self, index);
    return dx_buf_error(&self->out->values);
}

static int add_in(parse *self, dx_bytes path, dx_bytes item) {
    dx_reader reader;
    dx_reader_init(&reader, item);
    if (dx_reader_peek(&reader) != DX_KIND_ARRAY) {
        return refuse_plainly(self, "\"in\" takes an array of values");
    }
    size_t count = dx_read_array(&reader), index;
    if (count > DX_QUERY_VALUES_MAX) {
        return refuse_plainly(self, "\"in\" takes at most 1024 values");
    }
    int error = open_node(self, DX_QUERY_ANY, path, &index);
    for (; count > 0 && error == DX_OK; count--) {
        error = add_node(self, DX_QUERY_EQUAL, path, dx_read_item(&reader), 0);
    }
    if (error == DX_OK) {
        close_node(self, index);
    }
    return error;
}

static int add_operator(parse *self, dx_bytes path, dx_bytes name, dx_bytes value) {
    static const struct {
        const char *name;
        dx_query_op op;
    } operators[] = {{"eq", DX_QUERY_EQUAL},    {"ne", DX_QUERY_OTHER},     {"gt", DX_QUERY_GREATER},
                     {"ge", DX_QUERY_AT_LEAST}, {"lt", DX_QUERY_LESS},      {"le", DX_QUERY_AT_MOST},
                     {"has", DX_QUERY_HAS},     {"prefix", DX_QUERY_PREFIX}};
    dx_kind kind = dx_item_kind(value);
    if (is(name, "in")) {
        return add_in(self, path, value);
    }
    if (is(name, "exists")) {
        return kind == DX_KIND_BOOL
                   ? add_node(self, DX_QUERY_EXISTS, path, dx_bytes_of(NULL, 0), dx_item_bool(value, false))
                   : refuse_plainly(self, "\"exists\" takes true or false");
    }
    for (size_t i = 0; i < sizeof operators / sizeof operators[0]; i++) {
        dx_query_op op = operators[i].op;
        if (!is(name, operators[i].name)) {
            continue;
        }
        if (op >= DX_QUERY_GREATER && op <= DX_QUERY_AT_MOST &&
            (kind == DX_KIND_ARRAY || kind == DX_KIND_MAP || kind == DX_KIND_NULL)) {
            return refuse(self, "", name, " takes a number, a text, bytes, a time, a truth or a reference");
        }
        if (op == DX_QUERY_PREFIX && kind != DX_KIND_TEXT && kind != DX_KIND_BYTES) {
            return refuse_plainly(self, "\"prefix\" takes a text or bytes");
        }
        return add_node(self, op, path, value, 0);
    }
    return refuse(self, "a condition has no operator ", name, "; a map as a value is {\"eq\": map}");
}

/* What stands at a path: a value that it equals, or a map of operators that all hold. */
static int add_conditions(parse *self, dx_bytes path, dx_bytes item) {
    dx_reader reader;
    if (dx_object_path_check(path) == 0) {
        return refuse(self, "\"where\" has ", path, ", which is no path: parts joined by dots");
    }
    if (dx_item_kind(item) != DX_KIND_MAP) {
        return add_node(self, DX_QUERY_EQUAL, path, item, 0);
    }
    dx_reader_init(&reader, item);
    size_t count = dx_read_map(&reader);
    if (count == 0) {
        return refuse(self, "", path, " has no operator; an empty map as a value is {\"eq\": {}}");
    }
    int error = DX_OK;
    for (; count > 0 && error == DX_OK; count--) {
        if (dx_reader_peek(&reader) != DX_KIND_TEXT) {
            return refuse(self, "", path, " takes a value or a map of operators");
        }
        dx_bytes name = dx_read_text(&reader);
        error = add_operator(self, path, name, dx_read_item(&reader));
    }
    return error;
}

static int parse_where(parse *self, dx_bytes item) {
    dx_reader reader;
    dx_reader_init(&reader, item);
    if (dx_reader_peek(&reader) != DX_KIND_MAP) {
        return refuse_plainly(self, "\"where\" takes a map from path to value");
    }
    size_t count = dx_read_map(&reader);
    if (count > DX_QUERY_CONDITIONS_MAX) {
        return refuse_plainly(self, "\"where\" takes at most 16 paths");
    }
    int error = DX_OK;
    for (; count > 0 && error == DX_OK; count--) {
        dx_bytes path = dx_read_text(&reader);
        dx_bytes value = dx_read_item(&reader);
        if (reader.error != DX_OK) {
            return refuse_plainly(self, "\"where\" takes a map from path to value");
        }
        error = add_conditions(self, path, value);
    }
    return error;
}

static int parse_connective(parse *self, dx_bytes key, dx_bytes item, bool *known);

static int add_entity_condition(parse *self, dx_bytes key, dx_bytes value, bool *known) {
    static const struct {
        const char *name;
        dx_query_op op;
    } columns[] = {{"id", DX_QUERY_IS_ID},
                   {"parent", DX_QUERY_IS_PARENT},
                   {"source", DX_QUERY_IS_SOURCE},
                   {"target", DX_QUERY_IS_TARGET}};
    dx_bytes none = {NULL, 0}, type;
    *known = true;
    if (is(key, "type")) {
        int error = parse_type(self, key, value, &type);
        return error == DX_OK ? add_node(self, DX_QUERY_IS_TYPE, type, none, 0) : error;
    }
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        if (is(key, columns[i].name)) {
            int64_t named = 0;
            int error = columns[i].op == DX_QUERY_IS_PARENT && dx_item_kind(value) == DX_KIND_NULL
                            ? DX_OK
                            : parse_id(self, key, value, &named);
            return error == DX_OK ? add_node(self, columns[i].op, none, none, named) : error;
        }
    }
    *known = false;
    return DX_OK;
}

/* One branch of a connective: all that it names must hold. */
static int parse_branch(parse *self, dx_query_op op, dx_bytes item) {
    dx_reader reader;
    size_t index;
    dx_reader_init(&reader, item);
    if (dx_reader_peek(&reader) != DX_KIND_MAP) {
        return refuse_plainly(self, "\"and\", \"or\" and \"not\" take conditions, which are maps");
    }
    if (self->nesting == DX_QUERY_NESTING_MAX) {
        return refuse_plainly(self, "conditions are nested at most 8 deep");
    }
    self->nesting++;
    int error = open_node(self, op, dx_bytes_of(NULL, 0), &index);
    for (size_t count = dx_read_map(&reader); count > 0 && error == DX_OK; count--) {
        dx_bytes key = dx_read_text(&reader);
        dx_bytes value = dx_read_item(&reader);
        bool known;
        if (is(key, "where")) {
            error = parse_where(self, value);
            continue;
        }
        error = parse_connective(self, key, value, &known);
        if (error == DX_OK && !known) {
            error = add_entity_condition(self, key, value, &known);
        }
        if (error == DX_OK && !known) {
            error = refuse(self, "a condition has no key ", key, "");
        }
    }
    if (error == DX_OK) {
        close_node(self, index);
    }
    self->nesting--;
    return error;
}

static int parse_branches(parse *self, dx_bytes key, dx_query_op op, dx_bytes item) {
    dx_reader reader;
    size_t index, count = 0;
    dx_reader_init(&reader, item);
    if (dx_reader_peek(&reader) == DX_KIND_ARRAY) {
        count = dx_read_array(&reader);
    }
    if (count == 0 || count > DX_QUERY_BRANCHES_MAX) {
        return refuse(self, "", key, " takes an array of 1 to 64 conditions");
    }
    int error = open_node(self, op, dx_bytes_of(NULL, 0), &index);
    for (; count > 0 && error == DX_OK; count--) {
        error = parse_branch(self, DX_QUERY_ALL, dx_read_item(&reader));
    }
    if (error == DX_OK) {
        close_node(self, index);
    }
    return error;
}

static int parse_connective(parse *self, dx_bytes key, dx_bytes item, bool *known) {
    *known = true;
    if (is(key, "and")) {
        return parse_branches(self, key, DX_QUERY_ALL, item);
    }
    if (is(key, "or")) {
        return parse_branches(self, key, DX_QUERY_ANY, item);
    }
    if (is(key, "not")) {
        return parse_branch(self, DX_QUERY_NOT, item);
    }
    *known = false;
    return DX_OK;
}

/* --- Filters ------------------------------------------------------------------------------------- */

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
        return parse_where(self, item);
    }
    if (is(key, "kind")) {
        return parse_kind(self, item, filter);
    }
    if (is(key, "deleted")) {
        return parse_deleted(self, item, filter);
    }
    return parse_connective(self, key, item, known);
}

static void begin_conditions(parse *self, dx_query_filter *filter) {
    filter->begin = self->out->nodes.size / sizeof(dx_query_node);
}

static void end_conditions(parse *self, dx_query_filter *filter) {
    filter->end = self->out->nodes.size / sizeof(dx_query_node);
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
    begin_conditions(self, filter);
    for (size_t count = dx_read_map(&reader); count > 0 && error == DX_OK; count--) {
        dx_bytes key = dx_read_text(&reader);
        dx_bytes value = dx_read_item(&reader);
        bool known;
        error = parse_filter_key(self, key, value, filter, &known);
        if (error == DX_OK && !known) {
            error = refuse(self, "a filter has no key ", key, "");
        }
    }
    end_conditions(self, filter);
    return error == DX_OK ? end_filter(self, filter) : error;
}

/* --- Steps --------------------------------------------------------------------------------------- */

static int parse_number(parse *self, dx_bytes name, dx_bytes item, int64_t least, int64_t most,
                        int64_t *out) {
    if (dx_item_kind(item) != DX_KIND_INT || dx_item_int(item, 0) < least || dx_item_int(item, 0) > most) {
        return refuse(self, "", name,
                      least == 0 ? " takes a number, 0 or more" : " takes a number from 1 to 64");
    }
    *out = dx_item_int(item, 0);
    return DX_OK;
}

static int parse_object_path(parse *self, dx_bytes name, dx_bytes item, dx_bytes *path) {
    *path = dx_item_text(item);
    return path->data != NULL && dx_object_path_check(*path) != 0
               ? DX_OK
               : refuse(self, "", name, " takes a path: parts joined by dots");
}

static const struct {
    const char *name;
    dx_query_way way;
    bool repeats;
} ways_of_steps[] = {{"out", DX_QUERY_OUT, false},
                     {"in", DX_QUERY_IN, false},
                     {"children", DX_QUERY_CHILDREN, false},
                     {"parent", DX_QUERY_PARENT, false},
                     {"descendants", DX_QUERY_CHILDREN, true},
                     {"ancestors", DX_QUERY_PARENT, true},
                     {"ref", DX_QUERY_REFERENCE, false},
                     {"referrers", DX_QUERY_REFERRERS, false}};

/* The key that says which way; *known tells whether it was one. */
static int parse_way(parse *self, dx_bytes key, dx_bytes item, dx_query_step *step, bool *known) {
    enum { WAYS = sizeof ways_of_steps / sizeof ways_of_steps[0] };
    size_t way = 0;
    while (way < WAYS && !is(key, ways_of_steps[way].name)) {
        way++;
    }
    *known = way < WAYS;
    if (!*known) {
        return DX_OK;
    }
    step->way = ways_of_steps[way].way;
    if (ways_of_steps[way].repeats) {
        step->repeats = true;
        step->hops = DX_QUERY_HOPS_MAX;
    }
    if (step->way == DX_QUERY_CHILDREN || step->way == DX_QUERY_PARENT) {
        return dx_item_bool(item, false) ? DX_OK : refuse(self, "", key, " takes true");
    }
    if (step->way == DX_QUERY_REFERENCE || step->way == DX_QUERY_REFERRERS) {
        return parse_object_path(self, key, item, &step->path);
    }
    step->has_link_type = dx_item_kind(item) != DX_KIND_NULL;
    return parse_type(self, key, item, &step->link_type);
}

static int parse_repeat(parse *self, dx_bytes key, dx_bytes item, dx_query_step *step) {
    step->repeats = true;
    if (dx_item_kind(item) == DX_KIND_BOOL && dx_item_bool(item, false)) {
        step->hops = DX_QUERY_HOPS_MAX;
        return DX_OK;
    }
    return dx_item_kind(item) == DX_KIND_INT
               ? parse_number(self, key, item, 1, DX_QUERY_HOPS_MAX, &step->hops)
               : refuse_plainly(self, "\"repeat\" takes true, or a number from 1 to 64");
}

static const char one_way[] =
    "a step is a map with one way: \"out\", \"in\", \"children\", \"parent\", \"ref\", \"referrers\"";

static int parse_step(parse *self, dx_bytes item, dx_query_step *step) {
    dx_reader reader;
    dx_bytes repeat = {NULL, 0};
    dx_reader_init(&reader, item);
    step->ends.objects = true;
    step->hops = 1;
    size_t ways = 0;
    int error = DX_OK;
    begin_conditions(self, &step->ends);
    for (size_t count = dx_read_map(&reader); count > 0 && error == DX_OK && reader.error == DX_OK; count--) {
        dx_bytes key = dx_read_text(&reader);
        dx_bytes value = dx_read_item(&reader);
        bool known;
        error = parse_way(self, key, value, step, &known);
        ways += known;
        if (error == DX_OK && !known && is(key, "repeat")) {
            repeat = value;
            known = true;
        }
        if (error == DX_OK && !known &&
            (is(key, "type") || is(key, "where") || is(key, "and") || is(key, "or") || is(key, "not"))) {
            error = parse_filter_key(self, key, value, &step->ends, &known);
        }
        if (error == DX_OK && !known) {
            error = refuse(self, "a step has no key ", key, "; it has one way, \"repeat\" and conditions");
        }
    }
    end_conditions(self, &step->ends);
    if (error == DX_OK && (reader.error != DX_OK || ways != 1)) {
        error = refuse_plainly(self, one_way);
    }
    return error == DX_OK && repeat.size != 0 ? parse_repeat(self, dx_bytes_text("repeat"), repeat, step)
                                              : error;
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

static int parse_path(parse *self, dx_bytes item, dx_question *question) {
    dx_reader reader;
    dx_reader_init(&reader, item);
    question->has_path = true;
    question->path_hops_max = DX_QUERY_HOPS_MAX;
    question->path_step.ends.objects = true;
    question->path_step.hops = 1;
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
        } else if (is(key, "out") || is(key, "in")) { /* a way along links; the others have no shortest */
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

static int parse_one_order(parse *self, dx_bytes item, dx_query_order *order) {
    dx_bytes name = dx_bytes_text("order");
    if (dx_item_kind(item) != DX_KIND_MAP) {
        return parse_object_path(self, name, item, &order->path);
    }
    dx_reader reader;
    dx_reader_init(&reader, item);
    int error = DX_OK;
    for (size_t count = dx_read_map(&reader); count > 0 && error == DX_OK && reader.error == DX_OK; count--) {
        dx_bytes key = dx_read_text(&reader);
        dx_bytes value = dx_read_item(&reader);
        if (is(key, "path")) {
            error = parse_object_path(self, key, value, &order->path);
        } else if (is(key, "descending") && dx_item_kind(value) == DX_KIND_BOOL) {
            order->descending = dx_item_bool(value, false);
        } else {
            error = refuse_plainly(self, "an order is a path, or {\"path\": path, \"descending\": true}");
        }
    }
    return error == DX_OK && order->path.size == 0
               ? refuse_plainly(self, "an order is a path, or {\"path\": path, \"descending\": true}")
               : error;
}

static int parse_order(parse *self, dx_bytes item, dx_question *question) {
    dx_reader reader;
    dx_reader_init(&reader, item);
    if (dx_reader_peek(&reader) != DX_KIND_ARRAY) {
        question->order_count = 1;
        return parse_one_order(self, item, &question->orders[0]);
    }
    size_t count = dx_read_array(&reader);
    if (count == 0 || count > DX_QUERY_ORDERS_MAX) {
        return refuse_plainly(self, "\"order\" takes 1 to 4 paths");
    }
    int error = DX_OK;
    for (; count > 0 && error == DX_OK; count--) {
        error = parse_one_order(self, dx_read_item(&reader), &question->orders[question->order_count++]);
    }
    return error;
}

static int parse_truth(parse *self, dx_bytes key, dx_bytes value, bool *out) {
    *out = dx_item_bool(value, false);
    return dx_item_kind(value) == DX_KIND_BOOL ? DX_OK : refuse(self, "", key, " takes true or false");
}

static int parse_key(parse *self, dx_bytes key, dx_bytes value, dx_question *question) {
    if (is(key, "limit")) {
        return parse_number(self, key, value, 0, INT64_MAX, &question->limit);
    }
    if (is(key, "after")) {
        return parse_id(self, key, value, &question->after);
    }
    if (is(key, "count")) {
        return parse_truth(self, key, value, &question->counts);
    }
    if (is(key, "ids")) {
        return parse_truth(self, key, value, &question->wants_ids);
    }
    if (is(key, "order")) {
        return parse_order(self, value, question);
    }
    if (is(key, "text")) {
        question->text = dx_item_text(value);
        int error = question->text.size == 0 ? DX_E_INVALID
                                             : dx_full_text_parse(question->text, &question->expression);
        return error == DX_E_INVALID
                   ? refuse(self, "", key,
                            " takes words, \"phrases\", beginnings* and -exclusions, at most 16")
                   : error;
    }
    if (is(key, "snippet")) {
        return parse_truth(self, key, value, &question->snippets);
    }
    if (is(key, "group")) {
        question->has_group = true;
        return parse_object_path(self, key, value, &question->group);
    }
    if (is(key, "cursor")) {
        question->cursor = dx_item_text(value);
        return question->cursor.data != NULL ? DX_OK
                                             : refuse(self, "", key, " takes the text of an earlier answer");
    }
    return refuse(self, "a query has no key ", key, "");
}

static int check_whole(parse *self, dx_question *question) {
    bool goes_on = question->after != 0 || question->cursor.data != NULL;
    if (question->step_count > 0 && question->has_path) {
        return refuse_plainly(self, "a query has \"follow\" or \"path\", not both");
    }
    if (question->has_path && goes_on) {
        return refuse_plainly(self, "a path has no \"after\": it is one answer");
    }
    if (question->has_path && (question->order_count != 0 || question->has_group)) {
        return refuse_plainly(self, "a path has an order of its own");
    }
    if (question->after == DX_QUERY_NOTHING) {
        return refuse_plainly(self, "\"after\" is the id of the last row of an earlier answer");
    }
    if (question->order_count != 0 && question->after != 0) {
        return refuse_plainly(self, "with \"order\" an answer goes on by its \"cursor\", not by \"after\"");
    }
    if (question->after != 0 && question->cursor.data != NULL) {
        return refuse_plainly(self, "a query has \"after\" or \"cursor\", not both");
    }
    if (question->text.size != 0 &&
        (!question->filter.has_type || question->filter.objects == question->filter.links ||
         question->filter.deleted != DX_QUERY_HIDE || question->after != 0)) {
        return refuse_plainly(self,
                              "\"text\" asks one type, of what is not deleted, and goes on by \"cursor\"");
    }
    if (question->snippets && (question->text.size == 0 || question->wants_ids)) {
        return refuse_plainly(self, "\"snippet\" shows what \"text\" found");
    }
    if (question->has_group &&
        (question->counts || question->wants_ids || question->order_count != 0 || goes_on)) {
        return refuse_plainly(self, "\"group\" is in the order of its values, with a \"limit\" at most");
    }
    if (question->step_count > 0 || question->has_path) {
        return end_walking_filter(self, &question->filter);
    }
    return DX_OK;
}

void dx_question_init(dx_question *question, const dx_alloc *alloc) {
    memset(question, 0, sizeof *question);
    question->limit = INT64_MAX;
    dx_buf_init(&question->nodes, alloc, DX_QUERY_NODES_MAX * sizeof(dx_query_node));
    dx_buf_init(&question->values, alloc, 2 * DX_QUERY_SIZE_MAX);
    dx_buf_init(&question->expression, alloc, DX_QUERY_SIZE_MAX);
}

void dx_question_deinit(dx_question *question) {
    dx_buf_deinit(&question->nodes);
    dx_buf_deinit(&question->values);
    dx_buf_deinit(&question->expression);
}

/* Keys of the filter and those of steps come in the order of their lengths, and conditions of one must lie together:
 * the filter's are read first. */
static int parse_keys(parse *self, dx_bytes item, bool of_filter) {
    dx_reader reader;
    dx_reader_init(&reader, item);
    int error = DX_OK;
    for (size_t count = dx_read_map(&reader); count > 0 && error == DX_OK; count--) {
        if (dx_reader_peek(&reader) != DX_KIND_TEXT) {
            return refuse_plainly(self, "the keys of a query are texts");
        }
        dx_bytes key = dx_read_text(&reader), value = dx_read_item(&reader);
        bool walks = is(key, "follow") || is(key, "path"), known = walks;
        if (of_filter && !walks) {
            error = parse_filter_key(self, key, value, &self->out->filter, &known);
            if (error == DX_OK && !known) {
                error = parse_key(self, key, value, self->out);
            }
        } else if (!of_filter && walks) {
            error =
                is(key, "follow") ? parse_follow(self, value, self->out) : parse_path(self, value, self->out);
        }
    }
    return error;
}

int dx_question_parse(dx_context *context, dx_space *space, dx_bytes item, char *message, size_t message_size,
                      dx_question *out) {
    parse self = {
        .context = context, .space = space, .message = message, .message_size = message_size, .out = out};
    if (item.size > DX_QUERY_SIZE_MAX) {
        return refuse_plainly(&self, "a query has at most 64 KiB");
    }
    if (dx_item_check(item) != DX_OK || dx_item_kind(item) != DX_KIND_MAP) {
        return refuse_plainly(&self, "a query is a map");
    }
    begin_conditions(&self, &out->filter);
    int error = parse_keys(&self, item, true);
    end_conditions(&self, &out->filter);
    if (error == DX_OK) {
        error = parse_keys(&self, item, false);
    }
    if (error == DX_OK) {
        error = end_filter(&self, &out->filter);
    }
    return error == DX_OK ? check_whole(&self, out) : error;
}
