/* examples/poll.c: a model in which the latest counts, in an agent of one's own: everybody has one vote and may change it. An agent knows
 * the models it was started with; programs that speak to it need none.
 *   cc poll.c $(pkg-config --cflags --libs dxos-host) -o poll && ./poll my-vault */
#include <dxos/host.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

enum { CHOICES = 10, VOTERS_MAX = 1000 };

typedef struct vote {
    dx_stamp cast; /* by whom, and when */
    uint8_t choice;
} vote;

typedef struct poll {
    const dx_alloc *alloc;
    vote *votes; /* ascending by voter */
    size_t count, capacity;
} poll;

static void *poll_create(const dx_alloc *alloc, const dx_stamp *created) {
    (void)created;
    poll *self = dx_alloc_take_zeroed(alloc, sizeof *self);
    if (self != NULL) {
        self->alloc = alloc;
    }
    return self;
}

static void poll_destroy(const dx_alloc *alloc, void *state) {
    poll *self = state;
    dx_alloc_free(alloc, self->votes, self->capacity * sizeof(vote));
    dx_alloc_free(alloc, self, sizeof *self);
}

static int voter_compare(const vote *a, const vote *b) {
    return memcmp(a->cast.feed, b->cast.feed, DX_FEED_PREFIX_SIZE);
}

/* Of each voter (a device's feed) the vote with the latest stamp stays; at one stamp the greater choice, so that no order of arrival
 * counts. What fails leaves all as it was. */
static int poll_take(poll *self, const vote *one) {
    size_t at = 0;
    while (at < self->count && voter_compare(&self->votes[at], one) < 0) {
        at++;
    }
    if (at < self->count && voter_compare(&self->votes[at], one) == 0) {
        int order = dx_stamp_compare(&one->cast, &self->votes[at].cast);
        if (order > 0 || (order == 0 && one->choice > self->votes[at].choice)) {
            self->votes[at] = *one;
        }
        return DX_OK;
    }
    if (self->count == VOTERS_MAX) {
        return DX_E_LIMIT;
    }
    if (self->count == self->capacity) {
        size_t capacity = self->capacity == 0 ? 4 : 2 * self->capacity;
        vote *votes =
            dx_alloc_grow(self->alloc, self->votes, self->capacity * sizeof *votes, capacity * sizeof *votes);
        if (votes == NULL) {
            return DX_E_NO_MEMORY;
        }
        self->votes = votes;
        self->capacity = capacity;
    }
    memmove(self->votes + at + 1, self->votes + at, (self->count - at) * sizeof(vote));
    self->votes[at] = *one;
    self->count++;
    return DX_OK;
}

static int poll_apply(void *state, dx_bytes operation, const dx_stamp *stamp) {
    dx_reader in;
    dx_reader_init(&in, operation);
    vote one = {.cast = *stamp, .choice = (uint8_t)dx_read_uint_max(&in, CHOICES - 1)};
    return dx_reader_finish(&in) == DX_OK ? poll_take(state, &one) : DX_E_MALFORMED;
}

/* feed, counter, choice of each voter, one behind the other. */
static int poll_save(const void *state, dx_buf *out) {
    const poll *self = state;
    dx_writer writer;
    dx_writer_init(&writer, out);
    for (size_t i = 0; i < self->count; i++) {
        dx_write_bytes(&writer, dx_bytes_of(self->votes[i].cast.feed, DX_FEED_PREFIX_SIZE));
        dx_write_uint(&writer, self->votes[i].cast.counter);
        dx_write_uint(&writer, self->votes[i].choice);
    }
    return dx_writer_finish(&writer);
}

static int poll_restore(void *state, dx_bytes saved) {
    poll *self = state;
    dx_reader in;
    int error = DX_OK;
    dx_reader_init(&in, saved);
    while (error == DX_OK && dx_reader_peek(&in) != DX_KIND_NONE) {
        vote one;
        dx_read_bytes_exact(&in, one.cast.feed, sizeof one.cast.feed);
        one.cast.counter = dx_read_uint(&in);
        one.choice = (uint8_t)dx_read_uint_max(&in, CHOICES - 1);
        bool ascends = self->count == 0 || voter_compare(&self->votes[self->count - 1], &one) < 0;
        error = in.error != DX_OK || !ascends ? DX_E_CORRUPT : poll_take(self, &one);
    }
    return error == DX_OK && dx_reader_finish(&in) != DX_OK ? DX_E_CORRUPT : error;
}

static int poll_view(const void *state, dx_writer *out) {
    const poll *self = state;
    size_t votes[CHOICES] = {0};
    for (size_t i = 0; i < self->count; i++) {
        votes[self->votes[i].choice]++;
    }
    dx_write_map(out, 1);
    dx_write_text(out, "votes");
    dx_write_array(out, CHOICES);
    for (size_t i = 0; i < CHOICES; i++) {
        dx_write_uint(out, votes[i]);
    }
    return DX_OK;
}

static const dx_model poll_model = {.version = DX_MODEL_VERSION,
                                    .name = "example/poll/1",
                                    .kind = DX_MODEL_MERGE,
                                    .create = poll_create,
                                    .destroy = poll_destroy,
                                    .apply = poll_apply,
                                    .save = poll_save,
                                    .restore = poll_restore,
                                    .view = poll_view};

static void print_row(void *ctx, dx_bytes row) {
    dx_buf json;
    (void)ctx;
    dx_buf_init(&json, dx_host_alloc(), DX_ANSWER_MAX);
    if (dx_json_print(dx_item_get(row, "data"), &json) == DX_OK) {
        printf("%.*s\n", (int)json.size, (const char *)json.data);
    }
    dx_buf_deinit(&json);
}

/* A poll in a space of its own; the second vote takes the place of the first. */
static bool play(dx_client *dx) {
    static const char add[] =
        "{\"do\": \"object.add\", \"space\": %s, \"type\": \"poll\", \"model\": %s, \"operation\": %d}";
    static const char apply[] = "{\"do\": \"object.apply\", \"space\": %s, \"id\": %s, \"operation\": %d}";
    char space[DX_SPACE_TEXT_MAX], id[DX_REFERENCE_TEXT_MAX];
    dx_buf reply;
    dx_buf_init(&reply, dx_host_alloc(), DX_ANSWER_MAX);
    int error = dx_client_create_identity(dx, "Alice");
    bool made = (error == DX_OK || error == DX_E_EXISTS) &&
                dx_client_create_space(dx, "polls", space) == DX_OK &&
                dx_client_ask(dx, NULL, NULL, &reply, add, space, poll_model.name, 2) == DX_OK;
    dx_bytes text = dx_item_text(dx_item_get(dx_buf_view(&reply), "id"));
    snprintf(id, sizeof id, "%.*s", (int)text.size, text.size == 0 ? "" : (const char *)text.data);
    dx_buf_deinit(&reply);
    return made && dx_client_query(dx, space, print_row, NULL, "{\"type\": \"poll\"}") == DX_OK &&
           dx_client_ask(dx, NULL, NULL, NULL, apply, space, id, 7) == DX_OK &&
           dx_client_query(dx, space, print_row, NULL, "{\"type\": \"poll\"}") == DX_OK;
}

/* An agent in the background, which a program uses and stops. */
static int use_agent(const dx_agent_options *options, char *message) {
    const dx_client_options there = {.vault = options->vault};
    dx_client *dx = NULL;
    int pid = 0, running = 0, error = dx_agent_start(options, &pid, message);
    if (error != DX_OK) {
        return error;
    }
    error = dx_agent_pid(options->vault, NULL, &running);
    error = error ? error : dx_client_open(&there, &dx, message);
    if (error == DX_OK && (running != pid || !dx_client_has_agent(dx) || !play(dx))) {
        snprintf(message, DX_HOST_MESSAGE_MAX, "%s", dx_client_message(dx));
        error = DX_E_STATE;
    }
    dx_client_close(dx);
    int stopped = dx_agent_stop(options->vault, NULL, 10000, message);
    return error == DX_OK ? stopped : error;
}

/* It listens, and would stay until it is asked to stop; here it has been seen. */
static void on_ready(void *ctx, const char *const *addresses, size_t count) {
    (void)ctx;
    (void)addresses;
    printf("an agent in this process listens at %d address%s\n", (int)count, count == 1 ? "" : "es");
    fflush(stdout);
    raise(SIGTERM);
}

int main(int count, char **words) {
    static const dx_model *const models[] = {&poll_model};
    char message[DX_HOST_MESSAGE_MAX] = "";
    dx_vault_folder folder;
    dx_client *dx = NULL;
    int error = dx_vault_folder_find(count > 1 ? words[1] : "poll-vault", NULL, &folder);
    const dx_client_options first = {.vault = folder.path, .create = true, .never_agent = true};
    dx_agent_options options = {.vault = folder.path, .models = {.models = models, .count = 1}};
    error = error ? error : dx_client_open(&first, &dx, message); /* agents make no vaults */
    dx_client_close(dx);
    error = error ? error : use_agent(&options, message);
    options.on_ready = on_ready; /* the same in the foreground, as a service manager has it */
    error = error ? error : dx_agent_run(&options, message);
    if (error != DX_OK) {
        fprintf(stderr, "%s: %s\n", dx_error_text(error), message);
    }
    return error == DX_OK ? 0 : 1;
}
