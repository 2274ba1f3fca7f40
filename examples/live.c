/* examples/live.c: what changes, as it changes: the three most urgent tasks, kept in order by what is told of them, until Ctrl-C.
 *   cc live.c $(pkg-config --cflags --libs dxos-host) -o live && ./live my-vault */
#include <dxos/client.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

enum { SHOWN = 3, TITLE_MAX = 40, QUIET_MS = 200 };

typedef struct list {
    char titles[SHOWN + 1][TITLE_MAX];
    int count;
    bool listed; /* all that there was has been told */
} list;

/* One change of the list: item "from" goes, the row comes before item "to" of what is left. */
static void carry_out(void *ctx, dx_bytes row) {
    list *self = ctx;
    int from = (int)dx_item_int(dx_item_get(row, "from"), -1),
        to = (int)dx_item_int(dx_item_get(row, "to"), -1);
    dx_bytes change = dx_item_text(dx_item_get(row, "change"));
    self->listed = self->listed || dx_bytes_equal(change, dx_bytes_text("listed"));
    if (from >= 0) {
        memmove(self->titles[from], self->titles[from + 1], (size_t)(self->count - from - 1) * TITLE_MAX);
        self->count--;
    }
    if (to >= 0) {
        dx_bytes title = dx_item_text(dx_item_get(dx_item_get(row, "data"), "title"));
        memmove(self->titles[to + 1], self->titles[to], (size_t)(self->count - to) * TITLE_MAX);
        snprintf(self->titles[to], TITLE_MAX, "%.*s", (int)title.size, (const char *)title.data);
        self->count++;
    }
}

static void count_row(void *ctx, dx_bytes row) {
    (void)row;
    ++*(int *)ctx;
}

/* Hears until nothing was said for a moment, and shows the list. */
static int show(dx_client *dx, const list *self, const char *when) {
    int error = DX_OK;
    while (error == DX_OK) {
        error = dx_client_wait(dx, QUIET_MS);
    }
    printf("%s:", when);
    for (int i = 0; i < self->count; i++) {
        printf(" %s", self->titles[i]);
    }
    printf("\n");
    return error == DX_E_TIMEOUT ? DX_OK : error;
}

static bool play(dx_client *dx) {
    static const char *const tasks[] = {"rest", "water", "weed", "plant"};
    char space[DX_SPACE_TEXT_MAX], id[DX_REFERENCE_TEXT_MAX];
    uint8_t all[DX_REQUEST_SIZE];
    list urgent = {.count = 0};
    int changes = 0, error = dx_client_create_identity(dx, "Alice");
    dx_client_set_timeout(dx, 30000); /* nothing here takes as long */
    if ((error != DX_OK && error != DX_E_EXISTS) || dx_client_create_space(dx, "garden", space) != DX_OK) {
        return false;
    }
    for (int i = 0; i < 4; i++) {
        if (dx_client_add(dx, space, "task", id, "{\"title\": %s, \"rank\": %d}", tasks[i], 4 - i) != DX_OK) {
            return false;
        }
    }
    /* With an order a watch tells what there is, then how that changes; without one, changes alone. */
    if (dx_client_watch(dx, space, carry_out, &urgent, NULL,
                        "{\"type\": \"task\", \"order\": \"rank\", \"limit\": %d}", SHOWN) != DX_OK ||
        dx_client_watch(dx, NULL, count_row, &changes, all, "{\"type\": \"task\"}") !=
            DX_OK || /* of all spaces */
        show(dx, &urgent, "at first") != DX_OK ||
        !urgent.listed || dx_client_set(dx, space, id, "{\"rank\": %d}", 9) != DX_OK ||
        show(dx, &urgent, "plant can wait") != DX_OK || dx_client_remove(dx, space, id) != DX_OK ||
        dx_client_cancel(dx, all) != DX_OK ||
        dx_client_add(dx, space, "task", NULL, "{\"title\": %s, \"rank\": %d}", "sow", 0) != DX_OK ||
        show(dx, &urgent, "sow comes") != DX_OK) {
        return false;
    }
    printf("changes told before the cancel: %d\n", changes);
    return true;
}

static dx_client *interrupted;

static void on_signal(int number) {
    (void)number;
    dx_client_interrupt(interrupted);
}

int main(int count, char **words) {
    char message[DX_HOST_MESSAGE_MAX];
    dx_client_options options = {.vault = count > 1 ? words[1] : "live-vault", .create = true};
    int error = dx_client_open(&options, &interrupted, message);
    bool played = error == DX_OK && play(interrupted);
    if (!played) {
        fprintf(stderr, "%s\n", interrupted == NULL ? message : dx_client_message(interrupted));
    } else {
        signal(SIGINT, on_signal);
        raise(SIGINT); /* a program that stays leaves this to the person */
        error = dx_client_wait(interrupted, -1);
        printf("the end: %s\n", dx_error_text(error));
    }
    dx_client_close(interrupted);
    return played && error == DX_E_CANCELLED ? 0 : 1;
}
