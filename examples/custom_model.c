/* examples/custom_model.c: a model of one's own: the best score, whoever plays where, and what the laws say of it.
 *   cc custom_model.c $(pkg-config --cflags --libs dxos-host) -ldxos-laws -o custom_model && ./custom_model my-vault
 *
 * An operation is [points, name]; the best one stays, at equal points the greater name. A maximum does not ask in which
 * order it is taken, nor how often: that is all a merging model needs. */
#include <dxos/client.h>
#include <dxos/model_laws.h>
#include <stdio.h>
#include <string.h>

enum { NAME_MAX_SIZE = 100 };

typedef struct score {
    uint64_t points;
    uint8_t name[NAME_MAX_SIZE];
    size_t name_size; /* 0: nobody has played */
} score;

static void *score_create(const dx_alloc *alloc, const dx_stamp *created) {
    (void)created;
    return dx_alloc_take_zeroed(alloc, sizeof(score));
}

static void score_destroy(const dx_alloc *alloc, void *state) {
    dx_alloc_free(alloc, state, sizeof(score));
}

/* What is refused changes nothing: all of it is read before any of it counts. */
static int score_apply(void *state, dx_bytes operation, const dx_stamp *stamp) {
    score *best = state;
    dx_reader in;
    (void)stamp; /* a model in which the latest counts would compare this one */
    dx_reader_init(&in, operation);
    size_t items = dx_read_array(&in);
    uint64_t points = dx_read_uint(&in);
    dx_bytes name = dx_read_text(&in);
    if (dx_reader_finish(&in) != DX_OK || items != 2 || name.size == 0 || name.size > NAME_MAX_SIZE) {
        return DX_E_MALFORMED;
    }
    if (points > best->points ||
        (points == best->points && dx_bytes_compare(name, dx_bytes_of(best->name, best->name_size)) > 0)) {
        best->points = points;
        best->name_size = name.size;
        memcpy(best->name, name.data, name.size);
    }
    return DX_OK;
}

/* An operation that would make this state; nothing for the empty one. */
static int score_save(const void *state, dx_buf *out) {
    const score *best = state;
    dx_writer writer;
    dx_writer_init(&writer, out);
    if (best->name_size > 0) {
        dx_write_array(&writer, 2);
        dx_write_uint(&writer, best->points);
        dx_write_text_bytes(&writer, dx_bytes_of(best->name, best->name_size));
    }
    return dx_writer_finish(&writer);
}

static int score_restore(void *state, dx_bytes saved) {
    return saved.size == 0 || score_apply(state, saved, NULL) == DX_OK ? DX_OK : DX_E_CORRUPT;
}

static int score_view(const void *state, dx_writer *out) {
    const score *best = state;
    dx_write_map(out, 2); /* keys in canonical order: shorter first */
    dx_write_text(out, "name");
    dx_write_text_bytes(out, dx_bytes_of(best->name, best->name_size));
    dx_write_text(out, "points");
    dx_write_uint(out, best->points);
    return DX_OK;
}

static const dx_model score_model = {.version = DX_MODEL_VERSION,
                                     .name = "example/score/1",
                                     .kind = DX_MODEL_MERGE,
                                     .create = score_create,
                                     .destroy = score_destroy,
                                     .apply = score_apply,
                                     .save = score_save,
                                     .restore = score_restore,
                                     .view = score_view};

/* Something the suite can try in every order; few different ones, so that they meet. */
static int write_operation(void *ctx, const dx_random *random, dx_buf *out) {
    uint8_t chance[2];
    dx_writer writer;
    (void)ctx;
    random->fill(random->ctx, chance, sizeof chance);
    dx_writer_init(&writer, out);
    return dx_json_format(&writer, "[%u, %s]", chance[0] % 8u, chance[1] % 2 == 0 ? "Ann" : "Ben");
}

static void print_best(void *ctx, dx_bytes row) {
    dx_bytes data = dx_item_get(row, "data"), name = dx_item_text(dx_item_get(data, "name"));
    (void)ctx;
    printf("best: %d by %.*s\n", (int)dx_item_int(dx_item_get(data, "points"), 0), (int)name.size,
           (const char *)name.data);
}

/* A game in a space of its own; two scores come in, the better one stays. */
static int play(dx_client *dx) {
    static const char add[] =
        "{\"do\": \"object.add\", \"space\": %s, \"type\": %s, \"model\": %s, \"operation\": [%d, %s]}";
    static const char apply[] =
        "{\"do\": \"object.apply\", \"space\": %s, \"id\": %s, \"operation\": [%d, %s]}";
    char space[DX_SPACE_TEXT_MAX], id[DX_REFERENCE_TEXT_MAX];
    dx_buf reply;
    dx_buf_init(&reply, dx_host_alloc(), DX_ANSWER_MAX);
    int error = dx_client_create_identity(dx, "Ann");
    error = error == DX_OK || error == DX_E_EXISTS ? dx_client_create_space(dx, "games", space) : error;
    error = error ? error
                  : dx_client_ask(dx, NULL, NULL, &reply, add, space, "game", score_model.name, 99, "Ann");
    dx_bytes made = dx_item_text(dx_item_get(dx_buf_view(&reply), "id"));
    snprintf(id, sizeof id, "%.*s", (int)made.size, (const char *)made.data);
    error = error ? error : dx_client_ask(dx, NULL, NULL, NULL, apply, space, id, 120, "Ben");
    error = error ? error : dx_client_query(dx, space, print_best, NULL, "{\"type\": \"game\"}");
    dx_buf_deinit(&reply);
    return error;
}

int main(int count, char **words) {
    static const dx_model *const models[] = {&score_model};
    const dx_model_generator generator = {.write = write_operation};
    char message[DX_HOST_MESSAGE_MAX];
    dx_model_report report;
    dx_client_options options = {.vault = count > 1 ? words[1] : "games-vault",
                                 .create = true,
                                 .never_agent = true, /* an agent has models of its own */
                                 .models = {.models = models, .count = 1}};
    dx_client *dx = NULL;
    int error = dx_model_laws_run(&score_model, &generator, dx_host_alloc(), 1, 20, &report);
    printf("laws: %s\n", error == DX_OK           ? "kept"
                         : error == DX_E_CONFLICT ? report.what
                                                  : dx_error_text(error));
    error = error ? error : dx_client_open(&options, &dx, message);
    if (error == DX_OK && (error = play(dx)) != DX_OK) {
        fprintf(stderr, "%s\n", dx_client_message(dx));
    } else if (dx == NULL) {
        fprintf(stderr, "%s\n", message);
    }
    dx_client_close(dx);
    return error == DX_OK ? 0 : 1;
}
