/* dx/object.c: `dx object`: the objects in a space. */
#include <string.h>

#include "input.h"
#include "space.h"

static const dx_column object_columns[] = {{"id", DX_CELL_PLACE},       {"type", DX_CELL_TEXT},
                                           {"parent", DX_CELL_PLACE},   {"model", DX_CELL_DETAIL},
                                           {"data", DX_CELL_VALUE},     {"deleted", DX_CELL_TEXT},
                                           {"omitted", DX_CELL_DETAIL}, {"partial", DX_CELL_MARK},
                                           {"reached", DX_CELL_MARK},   {NULL, DX_CELL_TEXT}};
/* In a list on a terminal what is cut comes last. */
static const dx_column object_list_columns[] = {{"id", DX_CELL_PLACE},
                                                {"type", DX_CELL_TEXT},
                                                {"parent", DX_CELL_PLACE},
                                                {"data", DX_CELL_VALUE},
                                                {NULL, DX_CELL_TEXT}};
static const dx_column deleted_list_columns[] = {{"id", DX_CELL_PLACE},     {"type", DX_CELL_TEXT},
                                                 {"parent", DX_CELL_PLACE}, {"deleted", DX_CELL_TEXT},
                                                 {"data", DX_CELL_VALUE},   {NULL, DX_CELL_TEXT}};
static const dx_column purged_columns[] = {
    {"id", DX_CELL_PLACE}, {"purged", DX_CELL_TEXT}, {NULL, DX_CELL_TEXT}};
static const dx_column id_columns[] = {{"id", DX_CELL_TEXT}, {NULL, DX_CELL_TEXT}};

static void begin(dx_invocation *run, dx_map_builder *command, const char *name) {
    dx_space_command(run, command, name);
    dx_command_text(command, "id", dx_invocation_argument(run, 1));
}

static int act(dx_invocation *run, const char *name) {
    dx_map_builder command;
    begin(run, &command, name);
    return dx_vault_ask_record(run, &command, object_columns);
}

/* The object as it was, or made what it was, at a point. */
static int act_at(dx_invocation *run, const char *name, const char *point) {
    dx_map_builder command;
    begin(run, &command, name);
    dx_command_text(&command, "at", point);
    return dx_vault_ask_record(run, &command, object_columns);
}

/* All of it, from whoever has it. */
static int fetch(dx_invocation *run) {
    dx_map_builder command;
    int code = dx_vault_open(run, DX_VAULT_NETWORK);
    if (code != DX_EXIT_OK) {
        return code;
    }
    begin(run, &command, "object.get");
    dx_command_bool(&command, "fetch", true);
    dx_buf reply;
    code = dx_vault_ask(run, &command, NULL, NULL, &reply);
    if (code == DX_EXIT_OK) {
        dx_output_record(&run->output, object_columns, dx_buf_view(&reply));
    }
    if (code == DX_EXIT_OK && !dx_item_bool(dx_item_get(dx_buf_view(&reply), "reached"), true)) {
        dx_output_words(&run->output, "nobody was there to bring the rest: this is what is here");
    } else {
        dx_vault_tell_partial(run, code, dx_buf_view(&reply));
    }
    dx_buf_deinit(&reply);
    return code;
}

int dx_run_object_get(dx_invocation *run) {
    const char *point = dx_invocation_option(run, "at");
    if (dx_invocation_has(run, "fetch")) {
        return point == NULL ? fetch(run)
                             : dx_fail(run, DX_E_INVALID, "first --fetch, then --at POINT",
                                       "--fetch shows an object as it is now");
    }
    return point == NULL ? act(run, "object.get") : act_at(run, "object.get", point);
}

int dx_run_object_rm(dx_invocation *run) {
    dx_map_builder command;
    begin(run, &command, "object.rm");
    if (dx_invocation_has(run, "parts")) {
        dx_write_bool(dx_map_builder_key(&command, "parts"), true);
    }
    if (dx_invocation_has(run, "force")) {
        dx_write_bool(dx_map_builder_key(&command, "force"), true);
    }
    return dx_vault_ask_record(run, &command, object_columns);
}

/* A person at a terminal says yes; a program says --yes. */
static bool confirm_purge(dx_invocation *run) {
    char answer[DX_INPUT_LINE_MAX];
    if (dx_invocation_has(run, "yes")) {
        return true;
    }
    dx_output_words(
        &run->output,
        "This takes %s out of every vault of the space that follows the rules: its data, history and texts."
        " There is no way back. Copies made before (archives, exports) are out of reach.",
        dx_invocation_argument(run, 1));
    return dx_input_may_ask(run) && dx_input_ask(run, "Type yes to go on:", answer, sizeof answer) &&
           strcmp(answer, "yes") == 0;
}

int dx_run_object_purge(dx_invocation *run) {
    if (!confirm_purge(run)) {
        return dx_fail(run, DX_E_INVALID, "dx object purge SPACE ID --yes", "nothing was purged");
    }
    dx_map_builder command;
    begin(run, &command, "object.purge");
    return dx_vault_ask_record(run, &command, purged_columns);
}

int dx_run_object_restore(dx_invocation *run) {
    const char *point = dx_invocation_option(run, "at");
    return point == NULL ? act(run, "object.restore") : act_at(run, "history.restore", point);
}

int dx_run_object_move(dx_invocation *run) {
    const char *parent = dx_invocation_option(run, "parent");
    dx_map_builder command;
    if ((parent == NULL) == !dx_invocation_has(run, "top")) {
        return dx_fail(run, DX_E_INVALID, "dx object move SPACE ID --parent ID",
                       "say where to: --parent ID, or --top");
    }
    begin(run, &command, "object.move");
    if (parent != NULL) {
        dx_command_text(&command, "parent", parent);
    } else {
        dx_write_null(dx_map_builder_key(&command, "parent"));
    }
    return dx_vault_ask_record(run, &command, object_columns);
}

int dx_run_object_apply(dx_invocation *run) {
    dx_buf operation;
    const char *json = dx_invocation_argument(run, 2);
    int code = dx_input_json_text(run, dx_bytes_text(json), "the operation", false, &operation);
    if (code == DX_EXIT_OK) {
        dx_map_builder command;
        begin(run, &command, "object.apply");
        dx_command_item(&command, "operation", dx_buf_view(&operation));
        code = dx_vault_ask_record(run, &command, object_columns);
    }
    dx_buf_deinit(&operation);
    return code;
}

int dx_run_object_add(dx_invocation *run) {
    const dx_command_field fields[] = {{"type", dx_invocation_option(run, "type")},
                                       {"parent", dx_invocation_option(run, "parent")},
                                       {"model", dx_invocation_option(run, "model")},
                                       {NULL, NULL}};
    return dx_space_add(run, "object.add", fields, id_columns);
}

/* KEY=JSON … becomes {"KEY": JSON, …}: written as JSON and parsed as a whole, so that twice the same key is
 * found. */
static int take_pair(dx_invocation *run, const char *pair, dx_buf *json) {
    const char *equals = strchr(pair, '=');
    if (equals == NULL || equals == pair) {
        return dx_fail(run, DX_E_INVALID, "title='\"tea\"'", "\"%s\" is not of the form KEY=JSON", pair);
    }
    dx_buf value, key;
    int code = dx_input_json_text(run, dx_bytes_text(equals + 1), pair, false, &value);
    if (code == DX_EXIT_OK) {
        dx_writer writer;
        dx_buf_init(&key, dx_host_alloc(), DX_COMMAND_SIZE_MAX);
        dx_writer_init(&writer, &key);
        dx_write_text_bytes(&writer, dx_bytes_of(pair, (size_t)(equals - pair)));
        dx_buf_append(json, json->size == 0 ? "{" : ",", 1);
        int error = dx_writer_finish(&writer);
        error = error == DX_OK ? dx_json_print(dx_buf_view(&key), json) : error;
        dx_buf_append(json, ":", 1);
        dx_buf_append(json, equals + 1, strlen(equals + 1));
        dx_buf_deinit(&key);
        error = error == DX_OK ? dx_buf_error(json) : error;
        code = error == DX_OK
                   ? code
                   : dx_fail(run, error, NULL, "\"%s\" cannot be set: %s", pair, dx_error_text(error));
    }
    dx_buf_deinit(&value);
    return code;
}

int dx_run_object_set(dx_invocation *run) {
    dx_buf json, set = {0};
    dx_map_builder command;
    int code = DX_EXIT_OK;
    dx_buf_init(&json, dx_host_alloc(), DX_INPUT_SIZE_MAX);
    for (size_t i = 2; code == DX_EXIT_OK && i < run->argument_count; i++) {
        code = take_pair(run, run->arguments[i], &json);
    }
    if (code == DX_EXIT_OK) {
        dx_buf_append(&json, "}", 1);
        code = dx_buf_error(&json) == DX_OK
                   ? dx_input_json_text(run, dx_buf_view(&json), "the set of keys", true, &set)
                   : dx_fail(run, DX_E_LIMIT, NULL, "that is too much for one step");
    }
    if (code == DX_EXIT_OK) {
        begin(run, &command, "object.set");
        dx_command_item(&command, "set", dx_buf_view(&set));
        code = dx_vault_ask_record(run, &command, object_columns);
    }
    if (set.alloc != NULL) {
        dx_buf_deinit(&set);
    }
    dx_buf_deinit(&json);
    return code;
}

int dx_run_object_unset(dx_invocation *run) {
    dx_map_builder command;
    begin(run, &command, "object.unset");
    dx_writer *list = dx_map_builder_key(&command, "unset");
    dx_write_array(list, run->argument_count - 2);
    for (size_t i = 2; i < run->argument_count; i++) {
        dx_write_text(list, run->arguments[i]);
    }
    return dx_vault_ask_record(run, &command, object_columns);
}

/* --- Edits inside a value --- */

static void begin_edit(dx_invocation *run, dx_map_builder *command) {
    begin(run, command, "object.edit");
    dx_command_text(command, "key", dx_invocation_argument(run, 2));
}

/* The values from argument `first` on, as one list. */
static int take_values(dx_invocation *run, dx_buf *list) {
    dx_writer writer;
    int code = DX_EXIT_OK;
    dx_buf_init(list, dx_host_alloc(), DX_COMMAND_SIZE_MAX);
    dx_writer_init(&writer, list);
    dx_write_array(&writer, run->argument_count - 3);
    for (size_t i = 3; code == DX_EXIT_OK && i < run->argument_count; i++) {
        dx_buf value;
        const char *text = run->arguments[i];
        code = dx_input_json_text(run, dx_bytes_text(text), text, false, &value);
        if (code == DX_EXIT_OK) {
            dx_write_item(&writer, dx_buf_view(&value));
        }
        dx_buf_deinit(&value);
    }
    if (code == DX_EXIT_OK && dx_writer_finish(&writer) != DX_OK) {
        code = dx_fail(run, DX_E_LIMIT, NULL, "that is too much for one step");
    }
    return code;
}

/* A number given as an option; what it is without it. */
static int take_count(dx_invocation *run, const char *option, int64_t otherwise, int64_t *out) {
    const char *text = dx_invocation_option(run, option);
    *out = otherwise;
    return text == NULL ? DX_EXIT_OK : dx_input_number(run, text, option, out);
}

static int edit_values(dx_invocation *run, const char *edit, bool placed) {
    dx_buf list;
    int64_t at = 0;
    int code = placed ? take_count(run, "at", 0, &at) : DX_EXIT_OK;
    if (code != DX_EXIT_OK) {
        return code;
    }
    code = take_values(run, &list);
    if (code == DX_EXIT_OK) {
        dx_map_builder command;
        begin_edit(run, &command);
        dx_command_item(&command, edit, dx_buf_view(&list));
        if (placed) {
            dx_write_int(dx_map_builder_key(&command, "at"), at);
        }
        code = dx_vault_ask_record(run, &command, object_columns);
    }
    dx_buf_deinit(&list);
    return code;
}

int dx_run_object_push(dx_invocation *run) {
    return edit_values(run, "push", false);
}

int dx_run_object_insert(dx_invocation *run) {
    return edit_values(run, "insert", true);
}

int dx_run_object_include(dx_invocation *run) {
    return edit_values(run, "include", false);
}

int dx_run_object_exclude(dx_invocation *run) {
    return edit_values(run, "exclude", false);
}

/* The number of the item that is meant: not a thing to be guessed. */
static int take_at(dx_invocation *run, int64_t *at) {
    const char *text = dx_invocation_option(run, "at");
    if (text == NULL) {
        return dx_fail(run, DX_E_INVALID, NULL, "which item? --at N, the first being 0");
    }
    return dx_input_number(run, text, "at", at);
}

int dx_run_object_replace(dx_invocation *run) {
    dx_buf value;
    int64_t at = 0;
    int code = take_at(run, &at);
    if (code != DX_EXIT_OK) {
        return code;
    }
    const char *text = dx_invocation_argument(run, 3);
    code = dx_input_json_text(run, dx_bytes_text(text), text, false, &value);
    if (code == DX_EXIT_OK) {
        dx_map_builder command;
        begin_edit(run, &command);
        dx_command_item(&command, "replace", dx_buf_view(&value));
        dx_write_int(dx_map_builder_key(&command, "at"), at);
        code = dx_vault_ask_record(run, &command, object_columns);
    }
    dx_buf_deinit(&value);
    return code;
}

/* An edit of a number at a number. */
static int edit_number(dx_invocation *run, const char *edit, int64_t number, const int64_t *at) {
    dx_map_builder command;
    begin_edit(run, &command);
    dx_write_int(dx_map_builder_key(&command, edit), number);
    if (at != NULL) {
        dx_write_int(dx_map_builder_key(&command, "at"), *at);
    }
    return dx_vault_ask_record(run, &command, object_columns);
}

int dx_run_object_remove(dx_invocation *run) {
    int64_t at = 0, count = 1;
    int code = take_at(run, &at);
    code = code == DX_EXIT_OK ? take_count(run, "count", 1, &count) : code;
    return code == DX_EXIT_OK ? edit_number(run, "remove", count, &at) : code;
}

int dx_run_object_reorder(dx_invocation *run) {
    int64_t at = 0, to = 0;
    int code = take_at(run, &at);
    if (code == DX_EXIT_OK && dx_invocation_option(run, "to") == NULL) {
        return dx_fail(run, DX_E_INVALID, NULL, "where to? --to N, the number it shall have");
    }
    code = code == DX_EXIT_OK ? take_count(run, "to", 0, &to) : code;
    return code == DX_EXIT_OK ? edit_number(run, "reorder", to, &at) : code;
}

int dx_run_object_increment(dx_invocation *run) {
    const char *text = dx_invocation_option(run, "by");
    dx_buf value;
    if (text == NULL) {
        return edit_number(run, "increment", 1, NULL);
    }
    int code = dx_input_json_text(run, dx_bytes_text(text), "--by", false, &value);
    if (code == DX_EXIT_OK && dx_item_kind(dx_buf_view(&value)) != DX_KIND_INT) {
        code = dx_fail(run, DX_E_INVALID, "--by=-1", "\"%s\" is no integer", text);
    }
    if (code == DX_EXIT_OK) {
        code = edit_number(run, "increment", dx_item_int(dx_buf_view(&value), 0), NULL);
    }
    dx_buf_deinit(&value);
    return code;
}

int dx_run_object_ls(dx_invocation *run) {
    const dx_command_field fields[] = {{"type", dx_invocation_option(run, "type")},
                                       {"parent", dx_invocation_option(run, "parent")},
                                       {"deleted", dx_invocation_has(run, "deleted") ? "show" : NULL},
                                       {NULL, NULL}};
    bool people = run->output.table && !run->output.json;
    const dx_column *columns = dx_invocation_has(run, "deleted") ? deleted_list_columns : object_list_columns;
    return dx_space_list(run, "object.ls", fields, people ? columns : object_columns);
}
