/* fuzz_step.c: the whole node by a journal: a sequence of encoded events, given one by one to Alice's vault;
 * an event whose wall time has bit 62 set is given together with the next.
 *
 * A storage-low event is also the input's order for bad luck in the next step: the size-th call from then on
 * fails, of the disk (port bit 0) or the allocator (port bit 1), once or from then on (link bit 0). Checks:
 * effects are well formed, about links that are up and requests that were asked, and no request has more
 * answers than it was asked; the node comes to rest; memory stays bounded; without bad luck no step fails,
 * with it only for the host's reasons; the vault opens again and holds what it held. */
#include "items.h"
#include "vaults.h"

enum { EVENTS_MAX = 200, BATCH_MAX = 16, LINKS_MAX = 512, CLOCKS_MAX = 2000, MEMORY_MAX = 64 << 20 };

static const uint64_t time_max_ms = UINT64_C(1) << 42, together = UINT64_C(1) << 62;

typedef enum link_state { LINK_NONE, LINK_DIALLED, LINK_UP } link_state;

/* What a host knows. */
typedef struct host {
    vault *alice;
    struct {
        uint64_t number;
        link_state state;
    } links[LINKS_MAX];
    size_t link_count;
    struct {
        uint8_t id[DX_REQUEST_SIZE];
        size_t asked, answered;
    } requests[EVENTS_MAX];
    size_t request_count;
    uint64_t now_ms, deadline_ms;
    bool unlucky;
} host;

static link_state *link_of(host *self, uint64_t number) {
    for (size_t i = 0; i < self->link_count; i++) {
        if (self->links[i].number == number) {
            return &self->links[i].state;
        }
    }
    FUZZ_CHECK(self->link_count < LINKS_MAX);
    self->links[self->link_count].number = number;
    return &self->links[self->link_count++].state;
}

static size_t request_of(host *self, const uint8_t *id) {
    size_t i = 0;
    while (i < self->request_count && memcmp(self->requests[i].id, id, DX_REQUEST_SIZE) != 0) {
        i++;
    }
    return i;
}

/* --- Effects ---------------------------------------------------------------------------------------- */

static void check_encoding(const dx_effect *effect) {
    dx_buf encoded;
    dx_effect decoded;
    dx_buf_init(&encoded, &fuzz_alloc, effect->body.size + 100);
    FUZZ_CHECK(dx_effect_encode(effect, &encoded) == DX_OK);
    FUZZ_CHECK(dx_effect_decode(dx_buf_view(&encoded), &decoded) == DX_OK);
    FUZZ_CHECK(decoded.kind == effect->kind && decoded.port == effect->port && decoded.link == effect->link &&
               decoded.reason == effect->reason && dx_bytes_equal(decoded.body, effect->body) &&
               memcmp(decoded.request, effect->request, DX_REQUEST_SIZE) == 0);
    dx_buf_deinit(&encoded);
}

static void check_effect(host *self, const dx_effect *effect) {
    check_encoding(effect);
    link_state *link;
    size_t request;
    switch (effect->kind) {
    case DX_EFFECT_LINK_OPEN:
        link = link_of(self, effect->link);
        FUZZ_CHECK(effect->link % 2 == 1 && effect->body.size > 0);
        *link = *link == LINK_NONE ? LINK_DIALLED : *link; /* the input may have brought it up unasked */
        break;
    case DX_EFFECT_LINK_SEND:
        FUZZ_CHECK(*link_of(self, effect->link) == LINK_UP && effect->body.size > 0);
        break;
    case DX_EFFECT_LINK_CLOSE:
        link = link_of(self, effect->link);
        FUZZ_CHECK(*link != LINK_NONE || self->unlucky); /* dialled in the step that was undone: never said */
        *link = LINK_NONE;
        break;
    case DX_EFFECT_REPLY:
    case DX_EFFECT_NOTIFY:
        request = request_of(self, effect->request);
        FUZZ_CHECK(dx_item_kind(effect->body) == DX_KIND_MAP && dx_item_check(effect->body) == DX_OK);
        FUZZ_CHECK(request < self->request_count &&
                   self->requests[request].answered < self->requests[request].asked);
        self->requests[request].answered += effect->kind == DX_EFFECT_REPLY;
        break;
    case DX_EFFECT_SIGNAL_SEND:
    case DX_EFFECT_KIND_COUNT:
        FUZZ_CHECK(false);
    }
}

/* --- Steps ------------------------------------------------------------------------------------------ */

/* What a vault dials when it is opened nobody answers: the street has put so much on its way. */
static void note_dialled(host *self) {
    self->link_count = 0;
    for (const street_event *posted = self->alice->street->first; posted != NULL; posted = posted->next) {
        *link_of(self, posted->event.link) = LINK_DIALLED;
    }
}

static void forget_posted(street *road) {
    while (road->first != NULL) {
        street_event *posted = road->first;
        road->first = posted->next;
        free(posted);
    }
    road->last = &road->first;
}

static void step(host *self, const dx_event *events, size_t count);

/* The person's own program; others come as the input says. */
static void connect(host *self) {
    step(self, &(dx_event){.kind = DX_EVENT_PORT_UP, .time_ms = self->now_ms, .port = 1}, 1);
}

static void open_again(host *self) {
    vault_leave(self->alice);
    forget_posted(self->alice->street);
    self->alice->street->now_ms = self->now_ms;
    vault_open(self->alice);
    note_dialled(self);
    connect(self);
}

static void step(host *self, const dx_event *events, size_t count) {
    dx_effects effects;
    int error = dx_node_step(self->alice->node, events, count, &effects);
    FUZZ_CHECK(error == DX_OK || (self->unlucky && dx_error_class_of(error) == DX_CLASS_HOST));
    FUZZ_CHECK(error == DX_OK || effects.count == 0);
    for (size_t i = 0; i < effects.count; i++) {
        check_effect(self, &effects.items[i]);
    }
    FUZZ_CHECK(self->alice->alloc.live_bytes <= MEMORY_MAX);
    self->deadline_ms = effects.deadline_ms;
    if (error != DX_OK) {
        sim_disk_heal(self->alice->disk);
        self->alice->alloc.fail_at = 0;
        open_again(self);
        self->deadline_ms = self->now_ms;
    }
}

/* Until it wants nothing more now. */
static void rest(host *self) {
    size_t clocks = 0;
    while (self->deadline_ms <= self->now_ms) {
        FUZZ_CHECK(++clocks < CLOCKS_MAX);
        step(self, &(dx_event){.kind = DX_EVENT_CLOCK, .time_ms = self->now_ms}, 1);
    }
}

static void plan_bad_luck(host *self, const dx_event *event) {
    uint64_t at = event->size % 4096 + 1;
    self->unlucky = true;
    if ((event->port & 1) != 0) {
        sim_disk_plan(
            self->alice->disk,
            &(sim_disk_fault){.calls = SIM_DISK_ALL_CALLS, .at = at, .sticky = (event->link & 1) != 0});
    }
    if ((event->port & 2) != 0) {
        self->alice->alloc.fail_at = self->alice->alloc.calls + at;
        self->alice->alloc.sticky = (event->link & 1) != 0;
    }
}

/* The host's part in an event. */
static void note_event(host *self, dx_event *event) {
    event->time_ms %= time_max_ms;
    event->wall_ms &= ~together;
    self->now_ms = event->time_ms > self->now_ms ? event->time_ms : self->now_ms;
    if (event->kind == DX_EVENT_LINK_UP) {
        *link_of(self, event->link) = LINK_UP;
    } else if (event->kind == DX_EVENT_LINK_DOWN) {
        *link_of(self, event->link) = LINK_NONE;
    } else if (event->kind == DX_EVENT_COMMAND) {
        size_t request = request_of(self, event->request);
        if (request == self->request_count) {
            memcpy(self->requests[self->request_count++].id, event->request, DX_REQUEST_SIZE);
        }
        self->requests[request].asked++;
    } else if (event->kind == DX_EVENT_STORAGE_LOW) {
        plan_bad_luck(self, event);
    }
}

/* The next step's events; false at the input's end. */
static bool next_batch(host *self, fuzz_input *input, dx_event *events, size_t *count, size_t *total) {
    dx_bytes item;
    bool more = true;
    for (*count = 0; more && *count < BATCH_MAX && *total < EVENTS_MAX && next_item(input, &item);) {
        dx_event *event = &events[*count];
        if (dx_event_decode(item, event) != DX_OK) {
            continue;
        }
        more = (event->wall_ms & together) != 0;
        note_event(self, event);
        ++*count;
        ++*total;
        more = more || event->kind == DX_EVENT_STORAGE_LOW; /* the step it is about */
    }
    return *count > 0;
}

static void run_journal(host *self, fuzz_input *input) {
    dx_event events[BATCH_MAX];
    for (size_t count, total = 0; next_batch(self, input, events, &count, &total);) {
        step(self, events, count);
        sim_disk_heal(self->alice->disk);
        self->alice->alloc.fail_at = 0;
        rest(self);
        self->unlucky = false;
    }
}

static void check_after(host *self) {
    static const char ask[] = "{'do': 'space.digest', 'space': 'Book'}";
    char before[256];
    sim_disk_heal(self->alice->disk);
    self->alice->next_request = UINT64_C(0x5eed0f7e57) << 20;
    open_again(self); /* its requests are over */
    snprintf(before, sizeof before, "%s", vault_ask(self->alice, ask));
    FUZZ_CHECK(before[0] == '{');
    open_again(self);
    const char *after = vault_ask(self->alice, ask);
    bool is_digest = strstr(before, "\"digest\"") != NULL && strstr(after, "\"digest\"") != NULL;
    FUZZ_CHECK(!is_digest ||
               strcmp(after, before) == 0); /* the input may have asked another thing by this id */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input input = {data, size};
    dx_bytes item;
    dx_event first;
    if (!next_item(&input, &item) || dx_event_decode(item, &first) != DX_OK) {
        return 0; /* noise, not worth opening a vault for */
    }
    input = (fuzz_input){data, size};
    street road;
    host *self = calloc(1, sizeof *self);
    FUZZ_CHECK(self != NULL);
    self->alice = open_alice(&road);
    self->now_ms = self->deadline_ms = road.now_ms;
    note_dialled(self);
    connect(self);
    run_journal(self, &input);
    check_after(self);
    free(self);
    street_deinit(&road);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed) {
    return mutate_items(data, size, max_size, seed);
}
