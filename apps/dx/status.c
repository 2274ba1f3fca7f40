/* dx/status.c: `dx status`: one screen of truth about this vault. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "terminal.h"
#include "vault.h"

enum { TEXT_MAX = 512, TITLE_CELLS = 10 };

/* True of every vault until a passphrase can wrap the key; said wherever the vault is described. */
static const char key_words[] =
    "beside the vault, readable by its owner alone; not protected by a passphrase yet";

typedef struct dx_overview {
    dx_invocation *run;
    dx_vault_folder folder;
    int agent; /* pid, 0: none */
    bool there;
    dx_buf node, spaces; /* the vault's status; rows of its spaces, each with its own status */
    size_t space_count;
    int code;
} dx_overview;

/* --- Asking
 * ------------------------------------------------------------------------------------------------- */

static void keep_row(void *ctx, dx_bytes row) {
    dx_overview *overview = ctx;
    dx_buf_append(&overview->spaces, row.data, row.size);
    overview->space_count++;
}

static void keep_rows(void *ctx, bool last, dx_bytes body) {
    (void)last;
    dx_rows_each(body, keep_row, ctx);
}

/* Replaces the rows of the list by each space's own status. */
static void ask_each_space(dx_overview *overview) {
    dx_buf statuses;
    dx_buf_init(&statuses, dx_host_alloc(), overview->spaces.max);
    dx_reader reader;
    dx_reader_init(&reader, dx_buf_view(&overview->spaces));
    for (size_t i = 0; i < overview->space_count && overview->code == DX_EXIT_OK; i++) {
        dx_map_builder command;
        dx_buf reply;
        dx_command_begin(&command, "space.status");
        dx_command_item(&command, "space", dx_item_get(dx_read_item(&reader), "space"));
        overview->code = dx_vault_ask(overview->run, &command, NULL, NULL, &reply);
        dx_buf_append(&statuses, reply.data, reply.size);
        dx_buf_deinit(&reply);
    }
    dx_buf_deinit(&overview->spaces);
    overview->spaces = statuses;
}

static void ask(dx_overview *overview) {
    dx_map_builder command;
    dx_command_begin(&command, "status");
    overview->code = dx_vault_ask(overview->run, &command, NULL, NULL, &overview->node);
    if (overview->code == DX_EXIT_OK) {
        dx_command_begin(&command, "space.list");
        overview->code = dx_vault_ask(overview->run, &command, keep_rows, overview, NULL);
    }
    if (overview->code == DX_EXIT_OK) {
        ask_each_space(overview);
    }
}

/* --- Telling
 * -------------------------------------------------------------------------------------------------- */

static int64_t vault_bytes(const dx_overview *overview) {
    static const char *const endings[] = {"", "-wal"};
    int64_t bytes = 0;
    for (size_t i = 0; i < 2; i++) {
        char path[DX_PATH_MAX + 8];
        struct stat info;
        snprintf(path, sizeof path, "%s%s", overview->folder.store, endings[i]);
        bytes += stat(path, &info) == 0 ? (int64_t)info.st_size : 0;
    }
    return bytes;
}

static void write_text_or_null(dx_writer *writer, dx_bytes text) {
    if (text.size > 0) {
        dx_write_text_bytes(writer, text);
    } else {
        dx_write_null(writer);
    }
}

static void write_vault(const dx_overview *overview, dx_writer *out) {
    dx_bytes vault = dx_item_get(dx_buf_view(&overview->node), "vault");
    dx_map_builder map;
    dx_map_builder_init(&map, dx_host_alloc(), DX_COMMAND_SIZE_MAX);
    dx_output_write_words(dx_map_builder_key(&map, "path"), overview->folder.path);
    dx_write_bool(dx_map_builder_key(&map, "there"), overview->there);
    dx_write_bool(dx_map_builder_key(&map, "encrypted"), true);
    dx_command_text(&map, "key", key_words);
    dx_write_int(dx_map_builder_key(&map, "bytes"), vault_bytes(overview));
    dx_command_item(&map, "clone", dx_item_get(vault, "clone"));
    dx_map_builder_finish(&map, out);
}

static void print_json(const dx_overview *overview) {
    static const char *const keys[] = {"identity", "name",   "agent", "listen",
                                       "peers",    "spaces", "vault", NULL};
    dx_bytes node = dx_buf_view(&overview->node);
    dx_map_builder map;
    dx_buf row;
    dx_writer writer;
    dx_map_builder_init(&map, dx_host_alloc(), DX_COMMAND_SIZE_MAX);
    write_text_or_null(dx_map_builder_key(&map, "identity"), dx_item_text(dx_item_get(node, "identity")));
    write_text_or_null(dx_map_builder_key(&map, "name"), dx_item_text(dx_item_get(node, "name")));
    if (overview->agent > 0) {
        dx_write_int(dx_map_builder_key(&map, "agent"), overview->agent);
    } else {
        dx_write_null(dx_map_builder_key(&map, "agent"));
    }
    write_text_or_null(dx_map_builder_key(&map, "listen"), dx_reply_listen(node));
    dx_write_int(dx_map_builder_key(&map, "peers"), dx_item_int(dx_item_get(node, "peers"), 0));
    dx_writer *list = dx_map_builder_key(&map, "spaces");
    dx_write_array(list, overview->space_count);
    dx_reader reader;
    dx_reader_init(&reader, dx_buf_view(&overview->spaces));
    for (size_t i = 0; i < overview->space_count; i++) {
        dx_write_item(list, dx_read_item(&reader));
    }
    write_vault(overview, dx_map_builder_key(&map, "vault"));
    dx_buf_init(&row, dx_host_alloc(), DX_COMMAND_SIZE_MAX);
    dx_writer_init(&writer, &row);
    dx_map_builder_finish(&map, &writer);
    if (dx_writer_finish(&writer) == DX_OK) {
        dx_output_json_keys(&overview->run->output, dx_buf_view(&row), keys);
    }
    dx_buf_deinit(&row);
}

/* "title<TAB>words", aligned on a terminal. */
static void print_line(const dx_overview *overview, const char *title, const char *words) {
    dx_buf line;
    dx_buf_init(&line, dx_host_alloc(), TEXT_MAX * 8);
    const dx_output *output = &overview->run->output;
    dx_terminal_text(dx_bytes_text(words), SIZE_MAX, &line);
    char text[TEXT_MAX * 4];
    const char *bold = output->colour ? "\033[1m" : "", *plain = output->colour ? "\033[0m" : "";
    const char *content = line.size == 0 ? "" : (const char *)line.data;
    if (output->table) {
        int pad = (int)(strlen(title) < TITLE_CELLS ? TITLE_CELLS - strlen(title) : 2);
        snprintf(text, sizeof text, "%s%s%s%*s%.*s\n", bold, title, plain, pad, "", (int)line.size, content);
    } else {
        snprintf(text, sizeof text, "%s\t%.*s\n", title, (int)line.size, content);
    }
    dx_terminal_wrap(text, output->table ? dx_terminal_wrap_columns(STDOUT_FILENO) : SIZE_MAX, stdout);
    dx_buf_deinit(&line);
}

static void print_space(const dx_overview *overview, dx_bytes status) {
    char words[TEXT_MAX], step[TEXT_MAX];
    dx_bytes name = dx_item_text(dx_item_get(status, "name")),
             id = dx_item_text(dx_item_get(status, "space"));
    int64_t objects = dx_item_int(dx_item_get(status, "objects"), 0),
            links = dx_item_int(dx_item_get(status, "links"), 0);
    int64_t peers = dx_item_int(dx_item_get(status, "peers"), 0),
            pending = dx_item_int(dx_item_get(status, "pending"), 0);
    if (peers == 0) {
        snprintf(step, sizeof step, "no peer in sight");
    } else if (dx_item_bool(dx_item_get(status, "synced"), false)) {
        bool part = dx_item_bool(dx_item_get(status, "partial"), false);
        snprintf(step, sizeof step, "%s with %lld %s", part ? "partial, in step" : "in step",
                 (long long)peers, peers == 1 ? "peer" : "peers");
    } else if (pending > 0) {
        snprintf(step, sizeof step, "%lld blocks to fetch", (long long)pending);
    } else {
        snprintf(step, sizeof step, "comparing with %lld %s", (long long)peers,
                 peers == 1 ? "peer" : "peers");
    }
    snprintf(words, sizeof words, "%.8s  %.*s  %lld %s, %lld %s, %s",
             id.size < 8 ? "" : (const char *)id.data, (int)name.size,
             name.size == 0 ? "" : (const char *)name.data, (long long)objects,
             objects == 1 ? "object" : "objects", (long long)links, links == 1 ? "link" : "links", step);
    print_line(overview, "space", words);
}

static void print_words(const dx_overview *overview) {
    char words[DX_PATH_MAX + TEXT_MAX];
    dx_bytes node = dx_buf_view(&overview->node);
    dx_bytes name = dx_item_text(dx_item_get(node, "name")),
             identity = dx_item_text(dx_item_get(node, "identity"));
    dx_bytes listen = dx_reply_listen(node);
    snprintf(words, sizeof words, "%s", "none yet; dx halo create NAME makes one");
    if (identity.size >= 8) {
        snprintf(words, sizeof words, "%.*s  %.8s", (int)name.size, (const char *)name.data,
                 (const char *)identity.data);
    }
    print_line(overview, "identity", words);
    snprintf(words, sizeof words, overview->there ? "%s, %.1f MB, encrypted" : "none yet in %s",
             overview->folder.path, (double)vault_bytes(overview) / 1e6);
    print_line(overview, "vault", words);
    if (overview->there) {
        print_line(overview, "key", key_words);
    }
    snprintf(words, sizeof words, "%s", "not running; dx agent start");
    if (overview->agent > 0) {
        snprintf(words, sizeof words, "process %d, listens on %.*s", overview->agent, (int)listen.size,
                 listen.size == 0 ? "" : (const char *)listen.data);
    }
    print_line(overview, "agent", words);
    dx_reader reader;
    dx_reader_init(&reader, dx_buf_view(&overview->spaces));
    for (size_t i = 0; i < overview->space_count; i++) {
        print_space(overview, dx_read_item(&reader));
    }
}

int dx_run_status(dx_invocation *run) {
    dx_overview overview = {.run = run};
    struct stat info;
    if (dx_vault_folder_find(run->vault, run->profile, &overview.folder) != DX_OK) {
        return dx_fail(run, DX_E_INVALID, "dx status --profile NAME",
                       "that cannot be the name of a vault or profile");
    }
    overview.there = stat(overview.folder.store, &info) == 0;
    if (!overview.there && errno != ENOENT && errno != ENOTDIR) {
        return dx_fail(run, DX_E_DENIED, "dx doctor", "%s: %s", overview.folder.store, strerror(errno));
    }
    dx_buf_init(&overview.node, dx_host_alloc(), DX_COMMAND_SIZE_MAX);
    dx_buf_init(&overview.spaces, dx_host_alloc(), DX_COMMAND_SIZE_MAX);
    if (dx_agent_pid(run->vault, run->profile, &overview.agent) != DX_OK) {
        overview.agent = 0;
    }
    if (overview.there) {
        ask(&overview);
    }
    if (overview.code == DX_EXIT_OK && run->output.json) {
        print_json(&overview);
    } else if (overview.code == DX_EXIT_OK) {
        print_words(&overview);
    }
    dx_buf_deinit(&overview.node);
    dx_buf_deinit(&overview.spaces);
    return overview.code;
}
