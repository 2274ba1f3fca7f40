/* dx/space.c: `dx space create, list, rename, rm, members, status, digest`. Sharing and joining are in share.c and
 * join.c. */
#include <stdio.h>
#include <string.h>

#include "input.h"
#include "space.h"

static const dx_column space_columns[] = {
    {"space", DX_CELL_HEX}, {"name", DX_CELL_TEXT}, {"objects", DX_CELL_NUMBER}, {NULL, DX_CELL_TEXT}};
static const dx_column name_columns[] = {
    {"space", DX_CELL_HEX}, {"name", DX_CELL_TEXT}, {NULL, DX_CELL_TEXT}};
static const dx_column member_columns[] = {
    {"identity", DX_CELL_HEX}, {"name", DX_CELL_TEXT}, {"role", DX_CELL_TEXT}, {NULL, DX_CELL_TEXT}};
static const dx_column digest_columns[] = {
    {"digest", DX_CELL_TEXT}, {"objects", DX_CELL_NUMBER}, {"partial", DX_CELL_MARK}, {NULL, DX_CELL_TEXT}};
static const dx_column status_columns[] = {
    {"space", DX_CELL_HEX},       {"synced", DX_CELL_TEXT},      {"peers", DX_CELL_NUMBER},
    {"objects", DX_CELL_NUMBER},  {"pending", DX_CELL_TEXT},     {"name", DX_CELL_DETAIL},
    {"links", DX_CELL_DETAIL},    {"refused", DX_CELL_DETAIL},   {"hidden", DX_CELL_DETAIL},
    {"waiting", DX_CELL_DETAIL},  {"unreached", DX_CELL_DETAIL}, {"epoch", DX_CELL_DETAIL},
    {"base", DX_CELL_DETAIL},     {"history", DX_CELL_DETAIL},   {"percent", DX_CELL_DETAIL},
    {"mismatch", DX_CELL_DETAIL}, {"partial", DX_CELL_MARK},     {"types", DX_CELL_MARK},
    {"since", DX_CELL_MARK},      {"query", DX_CELL_MARK},       {"told_by", DX_CELL_MARK},
    {"told_at", DX_CELL_MARK},    {"unasked", DX_CELL_MARK},     {"outside", DX_CELL_MARK},
    {"missing", DX_CELL_MARK},    {NULL, DX_CELL_TEXT}};

/* A space as its list shows it, from an answer that may lack the count. */
static void print_space(dx_invocation *run, dx_bytes answer, int64_t objects) {
    dx_map_builder map;
    dx_map_builder_init(&map, dx_host_alloc(), DX_COMMAND_SIZE_MAX);
    dx_command_item(&map, "space", dx_item_get(answer, "space"));
    dx_command_item(&map, "name", dx_item_get(answer, "name"));
    dx_write_int(dx_map_builder_key(&map, "objects"), objects);
    dx_output_map(&run->output, space_columns, &map);
}

/* --- What objects and links have in common -------------------------------------------------------- */

static void write_fields(dx_map_builder *command, const dx_command_field *fields) {
    for (; fields->key != NULL; fields++) {
        dx_command_text(command, fields->key, fields->value);
    }
}

int dx_space_add(dx_invocation *run, const char *name, const dx_command_field *fields,
                 const dx_column *columns) {
    const char *data = dx_invocation_option(run, "data");
    dx_buf item = {0};
    dx_map_builder command;
    int code = data == NULL ? DX_EXIT_OK : dx_input_json(run, data, "--data", true, &item);
    if (code == DX_EXIT_OK) {
        dx_space_command(run, &command, name);
        write_fields(&command, fields);
        dx_command_item(&command, "data", dx_buf_view(&item));
        code = dx_vault_ask_record(run, &command, columns);
    }
    if (item.alloc != NULL) {
        dx_buf_deinit(&item);
    }
    return code;
}

int dx_space_list(dx_invocation *run, const char *name, const dx_command_field *fields,
                  const dx_column *columns) {
    const char *limit = dx_invocation_option(run, "limit");
    int64_t most = 0;
    dx_map_builder command;
    int code = limit == NULL ? DX_EXIT_OK : dx_input_number(run, limit, "--limit", &most);
    if (code != DX_EXIT_OK) {
        return code;
    }
    dx_space_command(run, &command, name);
    write_fields(&command, fields);
    if (limit != NULL) {
        dx_write_int(dx_map_builder_key(&command, "limit"), most);
    }
    return dx_vault_ask_rows(run, &command, columns);
}

/* --- Verbs --------------------------------------------------------------------------------------- */

typedef struct dx_namesakes {
    dx_bytes name;
    size_t count;
} dx_namesakes;

static void count_namesake(void *ctx, dx_bytes row) {
    dx_namesakes *namesakes = ctx;
    namesakes->count += dx_bytes_equal(dx_item_get(row, "name"), namesakes->name);
}

static void count_namesakes(void *ctx, bool last, dx_bytes body) {
    (void)last;
    dx_rows_each(body, count_namesake, ctx);
}

/* Others may call a space what they like, so names are not unique; who makes the second one should know. */
static void tell_namesakes(dx_invocation *run, dx_bytes name) {
    dx_namesakes namesakes = {.name = name};
    dx_bytes text = dx_item_text(name);
    dx_map_builder command;
    if (text.size == 0 || run->output.quiet) {
        return;
    }
    dx_command_begin(&command, "space.list");
    if (dx_vault_ask(run, &command, count_namesakes, &namesakes, NULL) == DX_EXIT_OK && namesakes.count > 1) {
        dx_output_words(
            &run->output,
            "%zu spaces here are called \"%.*s\" now: say by the beginning of its id which one is meant",
            namesakes.count, (int)text.size, (const char *)text.data);
    }
}

int dx_run_space_create(dx_invocation *run) {
    dx_map_builder command;
    dx_buf reply;
    dx_command_begin(&command, "space.create");
    dx_command_text(&command, "name", dx_invocation_argument(run, 0));
    int code = dx_vault_ask(run, &command, NULL, NULL, &reply);
    if (code == DX_EXIT_OK) {
        print_space(run, dx_buf_view(&reply), 0);
        tell_namesakes(run, dx_item_get(dx_buf_view(&reply), "name"));
    }
    dx_buf_deinit(&reply);
    return code;
}

int dx_run_space_list(dx_invocation *run) {
    dx_map_builder command;
    dx_command_begin(&command, "space.list");
    return dx_vault_ask_rows(run, &command, space_columns);
}

void dx_space_command(dx_invocation *run, dx_map_builder *command, const char *name) {
    dx_command_begin(command, name);
    dx_command_text(command, "space", dx_invocation_argument(run, 0));
}

int dx_run_space_rename(dx_invocation *run) {
    dx_map_builder command;
    dx_buf reply;
    dx_space_command(run, &command, "space.rename");
    dx_command_text(&command, "name", dx_invocation_argument(run, 1));
    int code = dx_vault_ask(run, &command, NULL, NULL, &reply);
    if (code == DX_EXIT_OK) {
        dx_output_record(&run->output, name_columns, dx_buf_view(&reply));
        tell_namesakes(run, dx_item_get(dx_buf_view(&reply), "name"));
    }
    dx_buf_deinit(&reply);
    return code;
}

int dx_run_space_members(dx_invocation *run) {
    dx_map_builder command;
    dx_space_command(run, &command, "space.members");
    return dx_vault_ask_rows(run, &command, member_columns);
}

int dx_run_space_digest(dx_invocation *run) {
    dx_map_builder command;
    dx_space_command(run, &command, "space.digest");
    dx_space_types(run, &command);
    return dx_vault_ask_record(run, &command, digest_columns);
}

/* --- Forgetting
 * ----------------------------------------------------------------------------------------------- */

static bool confirm(const dx_invocation *run, dx_bytes name, const char *named, int64_t objects) {
    char answer[DX_INPUT_LINE_MAX];
    const char *wanted = name.size > 0 ? (const char *)name.data : named;
    int size = name.size > 0 ? (int)name.size : (int)strlen(named);
    dx_output_words(&run->output, "This vault will forget the space \"%.*s\" with %lld objects.", size,
                    wanted, (long long)objects);
    return dx_input_ask(run, "Type its name to go on:", answer, sizeof answer) &&
           strlen(answer) == (size_t)size && memcmp(answer, wanted, (size_t)size) == 0;
}

int dx_run_space_rm(dx_invocation *run) {
    dx_map_builder command;
    dx_buf status, reply;
    dx_space_command(run, &command, "space.status");
    int code = dx_vault_ask(run, &command, NULL, NULL, &status);
    dx_bytes space = dx_item_get(dx_buf_view(&status), "space");
    int64_t objects = dx_item_int(dx_item_get(dx_buf_view(&status), "objects"), 0);
    if (code == DX_EXIT_OK && dx_input_may_ask(run) && !dx_invocation_has(run, "force") &&
        !confirm(run, dx_item_text(dx_item_get(dx_buf_view(&status), "name")), dx_invocation_argument(run, 0),
                 objects)) {
        code = dx_vault_interrupted()
                   ? DX_EXIT_INTERRUPTED
                   : dx_fail(run, DX_E_STATE, NULL, "that was not its name; nothing was done");
    }
    if (code == DX_EXIT_OK) {
        dx_command_begin(&command, "space.rm");
        dx_command_item(&command, "space", space);
        code = dx_vault_ask(run, &command, NULL, NULL, &reply);
        if (code == DX_EXIT_OK) {
            print_space(run, dx_buf_view(&status), objects);
        }
        dx_buf_deinit(&reply);
    }
    dx_buf_deinit(&status);
    return code;
}

/* --- Being in step
 * ---------------------------------------------------------------------------------------------- */

/* A state that comes in place of blocks is told by its own measure. */
static bool show_loading(dx_space_wait *wait, dx_bytes body) {
    dx_bytes stage = dx_item_text(dx_item_get(body, "history"));
    bool loads = dx_bytes_equal(stage, dx_bytes_text("loading"));
    bool unpacks = dx_bytes_equal(stage, dx_bytes_text("unpacking"));
    dx_progress_work(&wait->progress, loads     ? "loading the state"
                                      : unpacks ? "unpacking the state"
                                                : wait->work);
    if (loads || unpacks) {
        dx_progress_update(&wait->progress, (uint64_t)dx_item_int(dx_item_get(body, "percent"), 0), 100);
    }
    return loads || unpacks;
}

static void show_waiting(void *ctx, bool last, dx_bytes body) {
    dx_space_wait *wait = ctx;
    int64_t pending = dx_item_int(dx_item_get(body, "pending"), 0);
    int64_t peers = dx_item_int(dx_item_get(body, "peers"), 0);
    if (last) {
        return;
    }
    if (show_loading(wait, body)) {
        return;
    }
    wait->most_pending = pending > wait->most_pending ? pending : wait->most_pending;
    wait->most_peers = peers > wait->most_peers ? peers : wait->most_peers;
    dx_progress_update(&wait->progress, (uint64_t)(wait->most_pending - pending),
                       (uint64_t)wait->most_pending);
}

int dx_space_wait_synced(dx_invocation *run, const char *space, const char *work, int64_t timeout_ms,
                         dx_buf *reply) {
    dx_space_wait wait = {.work = work};
    dx_map_builder command;
    dx_progress_begin(&wait.progress, &run->output, work);
    dx_command_begin(&command, "space.status");
    dx_command_text(&command, "space", space);
    dx_command_bool(&command, "wait_synced", true);
    if (timeout_ms >= 0) {
        dx_write_int(dx_map_builder_key(&command, "timeout_ms"), timeout_ms);
    }
    int code = dx_vault_ask(run, &command, show_waiting, &wait, reply);
    dx_progress_clear(&wait.progress);
    return code;
}

int dx_run_space_status(dx_invocation *run) {
    if (!dx_invocation_has(run, "wait-synced")) {
        dx_map_builder command;
        dx_space_command(run, &command, "space.status");
        return dx_vault_ask_record(run, &command, status_columns);
    }
    dx_buf reply;
    int code = dx_vault_open(run, DX_VAULT_NETWORK);
    if (code != DX_EXIT_OK) {
        return code;
    }
    code = dx_space_wait_synced(run, dx_invocation_argument(run, 0), "blocks", -1, &reply);
    if (code == DX_EXIT_OK) {
        dx_output_record(&run->output, status_columns, dx_buf_view(&reply));
    }
    dx_buf_deinit(&reply);
    return code;
}
