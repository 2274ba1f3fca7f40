/* dx/text.c: `dx text`: texts that several people write in at once. */
#include <dxos/text.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "input.h"
#include "space.h"

enum {
    TEXT_SIZE_MAX = 64 << 20,
    PART_SIZE_MAX =
        512 << 10, /* of a long text that goes in several steps: each is one operation of one block */
    IMPORT_SIZE_MAX =
        (1 << 20) - 32768, /* what a block (1 MiB) has room for, whatever it names of many feeds */
    PATH_SIZE = 4096
};

static const dx_column id_columns[] = {{"id", DX_CELL_TEXT}, {NULL, DX_CELL_TEXT}};
static const dx_column text_columns[] = {{"id", DX_CELL_PLACE},     {"type", DX_CELL_TEXT},
                                         {"parent", DX_CELL_PLACE}, {"data", DX_CELL_VALUE},
                                         {"deleted", DX_CELL_TEXT}, {NULL, DX_CELL_TEXT}};
static const dx_column version_columns[] = {
    {"at", DX_CELL_PLACE},     {"did", DX_CELL_TEXT},   {"name", DX_CELL_TEXT}, {"time", DX_CELL_VALUE},
    {"identity", DX_CELL_HEX}, {"device", DX_CELL_HEX}, {NULL, DX_CELL_TEXT}};

/* --- What comes in ---------------------------------------------------------------------------- */

/* Everything a file has; errno tells what went wrong, EFBIG: too much. */
static bool read_descriptor(int file, dx_buf *out) {
    uint8_t chunk[16384];
    ssize_t got;
    errno = 0;
    while ((got = read(file, chunk, sizeof chunk)) > 0) {
        dx_buf_append(out, chunk, (size_t)got);
    }
    if (dx_buf_error(out) != DX_OK) {
        errno = EFBIG;
    }
    return got == 0 && dx_buf_error(out) == DX_OK;
}

/* "-": stdin. Told; an exit code. */
static int read_file(dx_invocation *run, const char *path, dx_buf *out) {
    bool typed = strcmp(path, "-") == 0;
    int file = typed ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    bool done = file >= 0 && read_descriptor(file, out);
    int reason = errno;
    if (!typed && file >= 0) {
        (void)close(file);
    }
    return done ? DX_EXIT_OK
                : dx_fail(run, DX_E_IO, NULL, "%s cannot be read: %s", typed ? "stdin" : path,
                          strerror(reason));
}

/* The argument itself, or with "-" what stdin has. */
static int take_words(dx_invocation *run, const char *words, dx_buf *out) {
    dx_buf_init(out, dx_host_alloc(), TEXT_SIZE_MAX);
    if (strcmp(words, "-") == 0) {
        return read_file(run, words, out);
    }
    dx_buf_append(out, words, strlen(words));
    return DX_EXIT_OK;
}

static int take_number(dx_invocation *run, size_t argument, const char *name, int64_t *out) {
    return dx_input_number(run, dx_invocation_argument(run, argument), name, out);
}

/* --- Asking ----------------------------------------------------------------------------------- */

static void begin(dx_invocation *run, dx_map_builder *command, const char *name) {
    dx_space_command(run, command, name);
    dx_command_text(command, "id", dx_invocation_argument(run, 1));
}

/* What the model is asked, as one item; frees the builder. */
static int finish_request(dx_invocation *run, dx_map_builder *request, dx_buf *out) {
    dx_writer writer;
    dx_buf_init(out, dx_host_alloc(), TEXT_SIZE_MAX);
    dx_writer_init(&writer, out);
    dx_map_builder_finish(request, &writer);
    int error = dx_writer_finish(&writer);
    return error == DX_OK          ? DX_EXIT_OK
           : error == DX_E_INVALID ? dx_fail(run, error, NULL, "that is no UTF-8")
                                   : dx_fail(run, error, NULL, "that is too much for one step");
}

static void begin_request(dx_map_builder *request) {
    dx_map_builder_init(request, dx_host_alloc(), TEXT_SIZE_MAX);
}

/* Asks the text of that id; frees the builder. last: what it then is may be printed. */
static int ask_of(dx_invocation *run, const char *id, dx_map_builder *request, bool last) {
    dx_buf operation, reply;
    dx_map_builder command;
    int code = finish_request(run, request, &operation);
    if (code == DX_EXIT_OK) {
        dx_space_command(run, &command, "object.apply");
        dx_command_text(&command, "id", id);
        dx_command_item(&command, "operation", dx_buf_view(&operation));
        code = dx_vault_ask(run, &command, NULL, NULL, &reply);
        if (code == DX_EXIT_OK && last && (run->output.json || run->output.quiet)) {
            dx_output_record(&run->output, run->output.quiet ? id_columns : text_columns,
                             dx_buf_view(&reply));
        }
        dx_buf_deinit(&reply);
    }
    dx_buf_deinit(&operation);
    return code;
}

/* Asks the text that the first two arguments name; frees the builder. */
static int ask(dx_invocation *run, dx_map_builder *request) {
    return ask_of(run, dx_invocation_argument(run, 1), request, true);
}

/* As much from its beginning as one step takes, and no half of a character; the rest stays. */
static dx_bytes take_part(dx_bytes *text) {
    size_t size = text->size < PART_SIZE_MAX ? text->size : PART_SIZE_MAX;
    while (size > 0 && size < text->size && (text->data[size] & 0xc0) == 0x80) {
        size--;
    }
    const dx_bytes part = dx_bytes_of(text->data, size);
    *text = dx_bytes_of(text->data + size, text->size - size);
    return part;
}

/* Writes all of it in front of a character (place -1: at the end), in as many steps as it takes. */
static int write_parts(dx_invocation *run, const char *id, int64_t place, dx_bytes text, bool tells) {
    dx_map_builder request;
    int code = DX_EXIT_OK;
    do {
        dx_bytes part = take_part(&text);
        begin_request(&request);
        dx_write_text_bytes(dx_map_builder_key(&request, place < 0 ? "append" : "text"), part);
        if (place >= 0) {
            dx_write_int(dx_map_builder_key(&request, "insert"), place);
        }
        for (size_t i = 0; i < part.size && place >= 0; i++) {
            place += (part.data[i] & 0xc0) != 0x80;
        }
        code = ask_of(run, id, &request, tells && text.size == 0);
    } while (code == DX_EXIT_OK && text.size != 0);
    return code;
}

/* The text as it is, or was at a point: the characters, in `out`; the whole answer in `reply`, which the caller frees also after an
 * error. */
static int fetch(dx_invocation *run, const char *point, dx_buf *reply, dx_bytes *text) {
    dx_map_builder command;
    begin(run, &command, "object.get");
    dx_command_text(&command, "at", point);
    int code = dx_vault_ask(run, &command, NULL, NULL, reply);
    if (code != DX_EXIT_OK) {
        return code;
    }
    dx_bytes answer = dx_buf_view(reply), item = dx_item_get(dx_item_get(answer, "data"), "text");
    *text = dx_item_text(item);
    if (!dx_bytes_equal(dx_item_text(dx_item_get(answer, "model")), dx_bytes_text("dx/text/1"))) {
        return dx_fail(run, DX_E_UNSUPPORTED, "dx text new SPACE", "%s is no text",
                       dx_invocation_argument(run, 1));
    }
    return item.size != 0
               ? DX_EXIT_OK
               : dx_fail(run, DX_E_LIMIT, "dx text export", "the text is too large to be shown at once");
}

/* --- Verbs ------------------------------------------------------------------------------------ */

/* rest: what goes in later steps. */
static int make(dx_invocation *run, dx_map_builder *request, dx_bytes rest) {
    const char *type = dx_invocation_option(run, "type");
    dx_buf operation = {0}, reply;
    dx_map_builder command;
    int code = request == NULL ? DX_EXIT_OK : finish_request(run, request, &operation);
    if (code == DX_EXIT_OK) {
        dx_space_command(run, &command, "object.add");
        dx_command_text(&command, "model", "dx/text/1");
        dx_command_text(&command, "type", type == NULL ? "text" : type);
        dx_command_text(&command, "parent", dx_invocation_option(run, "parent"));
        dx_command_item(&command, "operation", dx_buf_view(&operation));
        code = dx_vault_ask(run, &command, NULL, NULL, &reply);
        dx_bytes id = dx_item_text(dx_item_get(dx_buf_view(&reply), "id"));
        if (code == DX_EXIT_OK && rest.size != 0) {
            char name[DX_REFERENCE_TEXT_MAX];
            snprintf(name, sizeof name, "%.*s", (int)id.size, (const char *)id.data);
            code = write_parts(run, name, -1, rest, false);
        }
        if (code == DX_EXIT_OK) {
            dx_output_record(&run->output, id_columns, dx_buf_view(&reply));
        }
        dx_buf_deinit(&reply);
    }
    if (operation.alloc != NULL) {
        dx_buf_deinit(&operation);
    }
    return code;
}

int dx_run_text_new(dx_invocation *run) {
    const char *words = run->argument_count > 1 ? dx_invocation_argument(run, 1) : NULL;
    dx_map_builder request;
    dx_buf text;
    if (words == NULL) {
        return make(run, NULL, (dx_bytes){NULL, 0});
    }
    int code = take_words(run, words, &text);
    if (code == DX_EXIT_OK) {
        dx_bytes rest = dx_buf_view(&text), part = take_part(&rest);
        begin_request(&request);
        dx_write_text_bytes(dx_map_builder_key(&request, "append"), part);
        code = make(run, &request, rest);
    }
    dx_buf_deinit(&text);
    return code;
}

static int show(dx_invocation *run, const char *point) {
    dx_buf reply = {0};
    dx_bytes text;
    int code = fetch(run, point, &reply, &text);
    if (code == DX_EXIT_OK && run->output.json) {
        dx_output_record(&run->output, text_columns, dx_buf_view(&reply));
    } else if (code == DX_EXIT_OK && text.size != 0) {
        run->output.closed = fwrite(text.data, 1, text.size, stdout) != text.size;
    }
    if (reply.alloc != NULL) {
        dx_buf_deinit(&reply);
    }
    return code;
}

int dx_run_text_cat(dx_invocation *run) {
    return show(run, NULL);
}

int dx_run_text_at(dx_invocation *run) {
    return show(run, dx_invocation_argument(run, 2));
}

int dx_run_text_insert(dx_invocation *run) {
    const char *at = dx_invocation_option(run, "at");
    dx_buf text;
    int64_t place = -1;
    int code = at == NULL ? DX_EXIT_OK : dx_input_number(run, at, "--at", &place);
    if (code != DX_EXIT_OK) {
        return code;
    }
    code = take_words(run, dx_invocation_argument(run, 2), &text);
    if (code == DX_EXIT_OK) {
        code = write_parts(run, dx_invocation_argument(run, 1), place, dx_buf_view(&text), true);
    }
    dx_buf_deinit(&text);
    return code;
}

int dx_run_text_delete(dx_invocation *run) {
    int64_t at = 0, count = 1;
    dx_map_builder request;
    int code = take_number(run, 2, "AT", &at);
    if (code == DX_EXIT_OK && run->argument_count > 3) {
        code = take_number(run, 3, "COUNT", &count);
    }
    if (code != DX_EXIT_OK) {
        return code;
    }
    begin_request(&request);
    dx_write_int(dx_map_builder_key(&request, "delete"), at);
    dx_write_int(dx_map_builder_key(&request, "count"), count);
    return ask(run, &request);
}

int dx_run_text_format(dx_invocation *run) {
    const char *attributes = dx_invocation_option(run, "with");
    int64_t at = 0, count = 0;
    dx_buf item;
    dx_map_builder request;
    int code = take_number(run, 2, "AT", &at);
    code = code == DX_EXIT_OK ? take_number(run, 3, "COUNT", &count) : code;
    if (code == DX_EXIT_OK && attributes == NULL) {
        return dx_fail(run, DX_E_INVALID, "--with '{\"bold\": true}'", "which format?");
    }
    if (code != DX_EXIT_OK) {
        return code;
    }
    code = dx_input_json_text(run, dx_bytes_text(attributes), "--with", true, &item);
    if (code == DX_EXIT_OK) {
        begin_request(&request);
        dx_write_int(dx_map_builder_key(&request, "format"), at);
        dx_write_int(dx_map_builder_key(&request, "count"), count);
        dx_command_item(&request, "attributes", dx_buf_view(&item));
        code = ask(run, &request);
    }
    dx_buf_deinit(&item);
    return code;
}

int dx_run_text_log(dx_invocation *run) {
    const dx_command_field fields[] = {{"id", dx_invocation_argument(run, 1)}, {NULL, NULL}};
    return dx_space_list(run, "history.list", fields, version_columns);
}

/* --- Versions side by side -------------------------------------------------------------------- */

typedef struct line_run {
    dx_bytes *lines;
    size_t count;
} line_run;

static size_t line_size(dx_bytes text, size_t at) {
    const uint8_t *end = memchr(text.data + at, '\n', text.size - at);
    return end == NULL ? text.size - at : (size_t)(end - text.data) + 1 - at;
}

static bool cut_lines(dx_bytes text, line_run *out) {
    size_t count = 0;
    for (size_t at = 0; at < text.size; at += line_size(text, at)) {
        count++;
    }
    *out = (line_run){.lines = calloc(count + 1, sizeof *out->lines), .count = count};
    if (out->lines == NULL) {
        return false;
    }
    count = 0;
    for (size_t at = 0; at < text.size; at += line_size(text, at)) {
        out->lines[count++] = dx_bytes_of(text.data + at, line_size(text, at));
    }
    return true;
}

static void print_line(char sign, dx_bytes line) {
    bool ended = line.size > 0 && line.data[line.size - 1] == '\n';
    printf("%c%.*s%s", sign, (int)line.size, (const char *)line.data, ended ? "" : "\n");
}

/* The next place at or after both at which a line of one stands in the other, looked for not too far: what lies between was
 * replaced. */
static void find_next(const line_run *a, const line_run *b, size_t *i, size_t *j) {
    enum { AHEAD_MAX = 1000 };
    size_t left = a->count - *i + (b->count - *j);
    for (size_t sum = 0; sum <= left && sum <= AHEAD_MAX; sum++) {
        for (size_t ahead = 0; ahead <= sum; ahead++) {
            size_t x = *i + ahead, y = *j + sum - ahead;
            if (x < a->count && y < b->count && dx_bytes_equal(a->lines[x], b->lines[y])) {
                *i = x;
                *j = y;
                return;
            }
        }
    }
    *i = a->count;
    *j = b->count;
}

static void print_differences(const line_run *a, const line_run *b) {
    size_t i = 0, j = 0;
    while (i < a->count || j < b->count) {
        size_t x = i, y = j;
        if (i < a->count && j < b->count && dx_bytes_equal(a->lines[i], b->lines[j])) {
            i++;
            j++;
            continue;
        }
        find_next(a, b, &x, &y);
        printf("@@ %zu @@\n", j + 1);
        while (i < x) {
            print_line('-', a->lines[i++]);
        }
        while (j < y) {
            print_line('+', b->lines[j++]);
        }
    }
}

int dx_run_text_diff(dx_invocation *run) {
    const char *to = run->argument_count > 3 ? dx_invocation_argument(run, 3) : NULL;
    dx_buf before = {0}, after = {0};
    dx_bytes old, new;
    line_run a = {0}, b = {0};
    int code = fetch(run, dx_invocation_argument(run, 2), &before, &old);
    code = code == DX_EXIT_OK ? fetch(run, to, &after, &new) : code;
    if (code == DX_EXIT_OK && cut_lines(old, &a) && cut_lines(new, &b)) {
        print_differences(&a, &b);
    }
    free(a.lines);
    free(b.lines);
    if (before.alloc != NULL) {
        dx_buf_deinit(&before);
    }
    if (after.alloc != NULL) {
        dx_buf_deinit(&after);
    }
    return code;
}

/* --- An editor of one's own ------------------------------------------------------------------- */

static const char *editor_of_choice(void) {
    const char *visual = getenv("VISUAL"), *editor = getenv("EDITOR");
    return visual != NULL && visual[0] != 0 ? visual : editor != NULL && editor[0] != 0 ? editor : "vi";
}

/* As a shell does, for the choice may have words: EDITOR="code --wait". */
static bool run_editor(const char *path) {
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        (void)execlp("sh", "sh", "-c", "exec $0 \"$1\"", editor_of_choice(), path, (char *)NULL);
        _exit(127);
    }
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool write_all(int file, dx_bytes text) {
    while (text.size > 0) {
        ssize_t put = write(file, text.data, text.size);
        if (put <= 0) {
            return false;
        }
        text = dx_bytes_of(text.data + put, text.size - (size_t)put);
    }
    return true;
}

/* A file of its own for the text, which only this person reads. */
static bool write_draft(dx_bytes text, char path[static PATH_SIZE]) {
    const char *folder = getenv("TMPDIR");
    snprintf(path, PATH_SIZE, "%s/dx-text-XXXXXX", folder != NULL && folder[0] != 0 ? folder : "/tmp");
    int file = mkstemp(path);
    bool done = file >= 0 && write_all(file, text);
    return file >= 0 && close(file) == 0 && done;
}

static int send_edit(dx_invocation *run, dx_bytes was, dx_bytes text) {
    dx_map_builder request;
    if (dx_bytes_equal(was, text)) {
        dx_output_words(&run->output, "nothing was changed");
        return DX_EXIT_OK;
    }
    begin_request(&request);
    dx_write_text_bytes(dx_map_builder_key(&request, "edit"), text);
    dx_write_text_bytes(dx_map_builder_key(&request, "was"), was);
    return ask(run, &request);
}

int dx_run_text_edit(dx_invocation *run) {
    char path[PATH_SIZE];
    dx_buf reply = {0}, edited;
    dx_bytes was;
    int code = fetch(run, NULL, &reply, &was);
    dx_buf_init(&edited, dx_host_alloc(), TEXT_SIZE_MAX);
    if (code == DX_EXIT_OK && dx_item_get(dx_item_get(dx_buf_view(&reply), "data"), "delta").size != 0) {
        dx_output_words(&run->output,
                        "its formatting stays with what you leave; it does not show in the editor");
    }
    if (code == DX_EXIT_OK && !write_draft(was, path)) {
        code = dx_fail(run, DX_E_IO, NULL, "a file for the editor cannot be written: %s", strerror(errno));
    } else if (code == DX_EXIT_OK) {
        dx_vault_close(run); /* others may use it while somebody thinks */
        code = run_editor(path) ? read_file(run, path, &edited)
                                : dx_fail(run, DX_E_INVALID, "EDITOR=nano dx text edit SPACE ID",
                                          "the editor (%s) failed; nothing was changed", editor_of_choice());
        code = code == DX_EXIT_OK ? send_edit(run, was, dx_buf_view(&edited)) : code;
        if (code == DX_EXIT_OK) {
            (void)unlink(path);
        } else {
            dx_output_words(&run->output, "what you wrote is in %s", path);
        }
    }
    dx_buf_deinit(&edited);
    if (reply.alloc != NULL) {
        dx_buf_deinit(&reply);
    }
    return code;
}

/* --- Files of other programs ------------------------------------------------------------------ */

/* --form: 1, as most programs write them, or 2. */
static int take_form(dx_invocation *run, int64_t *form) {
    const char *text = dx_invocation_option(run, "form");
    *form = 1;
    if (text == NULL) {
        return DX_EXIT_OK;
    }
    int code = dx_input_number(run, text, "--form", form);
    return code == DX_EXIT_OK && *form != 1 && *form != 2
               ? dx_fail(run, DX_E_INVALID, "--form 1, or --form 2", "there is no form %lld of updates",
                         (long long)*form)
               : code;
}

/* The update in the form in which it is kept. What cannot be read goes as it is: the vault says what it is. */
static int shorten(dx_invocation *run, dx_buf *update, int64_t *form) {
    dx_buf shorter;
    dx_buf_init(&shorter, dx_host_alloc(), TEXT_SIZE_MAX);
    if (*form == 1 && dx_text_convert_update(dx_host_alloc(), DX_TEXT_V1, DX_TEXT_V2, dx_buf_view(update),
                                             &shorter) == DX_OK) {
        dx_buf longer = *update;
        *update = shorter;
        shorter = longer;
        *form = 2;
    }
    dx_buf_deinit(&shorter);
    return update->size <= IMPORT_SIZE_MAX
               ? DX_EXIT_OK
               : dx_fail(run, DX_E_LIMIT,
                         "dx text new SPACE - <FILE, with its words alone: they go in several steps",
                         "a document is taken in one step of at most %d bytes; this one has %zu as it would "
                         "be kept",
                         IMPORT_SIZE_MAX, update->size);
}

int dx_run_text_import(dx_invocation *run) {
    dx_buf update;
    dx_map_builder request;
    int64_t form;
    int code = take_form(run, &form);
    if (code != DX_EXIT_OK) {
        return code;
    }
    dx_buf_init(&update, dx_host_alloc(), TEXT_SIZE_MAX);
    code = read_file(run, dx_invocation_argument(run, 1), &update);
    code = code == DX_EXIT_OK ? shorten(run, &update, &form) : code;
    if (code == DX_EXIT_OK) {
        begin_request(&request);
        dx_write_bytes(dx_map_builder_key(&request, "update"), dx_buf_view(&update));
        dx_write_int(dx_map_builder_key(&request, "form"), form);
        code = make(run, &request, (dx_bytes){NULL, 0});
    }
    dx_buf_deinit(&update);
    return code;
}

int dx_run_text_export(dx_invocation *run) {
    dx_map_builder command;
    dx_buf reply;
    int64_t form;
    int code = take_form(run, &form);
    if (code != DX_EXIT_OK) {
        return code;
    }
    if (isatty(STDOUT_FILENO)) {
        return dx_fail(run, DX_E_INVALID, "dx text export SPACE ID >FILE",
                       "an update is bytes, not for a terminal");
    }
    begin(run, &command, "text.pull");
    dx_write_int(dx_map_builder_key(&command, "form"), form);
    code = dx_vault_ask(run, &command, NULL, NULL, &reply);
    if (code == DX_EXIT_OK) {
        dx_bytes update = dx_item_bytes(dx_item_get(dx_buf_view(&reply), "update"));
        run->output.closed = fwrite(update.data, 1, update.size, stdout) != update.size;
    }
    dx_buf_deinit(&reply);
    return code;
}
