/* tests/lib/street.h: a few vaults in one street: whole nodes on simulated disks, driven through dx_node_step
 * alone, and the links between them, in memory, in order, without delay unless told.
 *
 * Layer: tests of node, sync and stories. A vault listens at "mem:NAME". Time stands still until street_pass.
 * Answers are kept as lines of JSON, the way a person would read them. */
#ifndef DX_TESTS_LIB_STREET_H
#define DX_TESTS_LIB_STREET_H

#include <dxos/codec.h>
#include <dxos/node.h>

#include "disk.h"
#include "test.h"

enum {
    STREET_VAULTS_MAX = 4,
    STREET_LINKS_MAX = 256,
    STREET_TEXT_SIZE = 1 << 17,
    STREET_PORTS_MAX = 4,
    STREET_EVENTS_MAX = 64, /* of a step */
    STREET_STEPS_MAX = 200000
};

typedef struct street street;

typedef struct vault {
    street *street;
    const char *name;
    char address[32];
    test_alloc alloc;
    test_random random;
    sim_disk *disk;
    dx_node_config config;
    dx_node *node;
    uint64_t deadline_ms, next_incoming, next_request;
    int step_error; /* of the last dx_node_step */
    bool listens;
    bool mends;     /* a step that failed ends the bad luck: the vault is closed and opened again */
    bool takes;     /* what ports are sent is reported as taken */
    bool connected; /* port 1, with its first question */
    uint64_t port;  /* of the program that asks: 1, the person's own */
    char heard_by[STREET_PORTS_MAX][STREET_TEXT_SIZE]; /* all answers to each port, a line each */
    char last[STREET_TEXT_SIZE];                       /* the newest REPLY; empty: none yet */
    char told[STREET_TEXT_SIZE];                       /* all NOTIFY bodies since street_begin, a line each */
    size_t notified;
    char trace[STREET_TEXT_SIZE]; /* what the rooms say, while `traces` */
    const char *traces;           /* rooms to listen to ("sync echo"), or NULL */
    uint64_t sent_bytes, sends;   /* LINK_SEND, since the test last set them to 0 */
    dx_buf *heard, *said;         /* NULL, or the encoded events and effects of all steps */
} vault;

typedef struct street_link {
    vault *ends[2];
    uint64_t numbers[2];
    bool open[2];
} street_link;

typedef struct street_event {
    struct street_event *next;
    vault *to;
    dx_event event;
    uint8_t body[];
} street_event;

struct street {
    vault *vaults[STREET_VAULTS_MAX];
    size_t count;
    street_link links[STREET_LINKS_MAX];
    size_t link_count;
    street_event *first, **last;
    uint64_t now_ms;
    uint64_t cut_after; /* bytes of LINK_SEND until every link breaks, 0: never */
    uint64_t cut_sends; /* LINK_SENDs until it does, the last of them carried whole, 0: never */
    uint64_t steps;
    bool closed;  /* nobody can dial */
    bool gathers; /* what has come for a vault meanwhile, it takes in one step */
    /* NULL, or what carries out effects of links that do not end in this street (fair.h); false: not its. */
    bool (*beyond)(street *self, vault *from, const dx_effect *effect);
    void *beyond_ctx;
    uint64_t (*beyond_tick)(street *self); /* returns when to call again */
};

/* --- Events and effects -------------------------------------------------------------------------- */

static inline void street_post(street *self, vault *to, dx_event event) {
    street_event *posted = malloc(sizeof *posted + event.body.size);
    assert_non_null(posted);
    *posted = (street_event){.to = to, .event = event};
    if (event.body.size > 0) {
        memcpy(posted->body, event.body.data, event.body.size);
    }
    posted->event.body = dx_bytes_of(posted->body, event.body.size);
    *self->last = posted;
    self->last = &posted->next;
}

static inline void vault_append(char *text, const char *line) {
    size_t at = strlen(text);
    snprintf(text + at, STREET_TEXT_SIZE - at, "%s\n", line);
}

static inline void vault_json(vault *self, dx_bytes item, char *out, size_t size) {
    dx_buf text;
    dx_buf_init(&text, &self->alloc.port, 16 << 20);
    assert_int_equal(dx_json_print(item, &text), DX_OK);
    snprintf(out, size, "%.*s", (int)text.size, (const char *)text.data);
    dx_buf_deinit(&text);
}

static inline void street_break(street *self) {
    for (size_t i = 0; i < self->link_count; i++) {
        street_link *link = &self->links[i];
        for (int end = 0; end < 2; end++) {
            if (link->open[end]) {
                link->open[end] = false;
                street_post(self, link->ends[end],
                            (dx_event){.kind = DX_EVENT_LINK_DOWN,
                                       .link = link->numbers[end],
                                       .reason = DX_E_UNREACHABLE});
            }
        }
    }
}

static inline street_link *street_find(street *self, const vault *of, uint64_t number, int *end) {
    for (size_t i = 0; i < self->link_count; i++) {
        for (*end = 0; *end < 2; ++*end) {
            street_link *link = &self->links[i];
            if (link->open[*end] && link->ends[*end] == of && link->numbers[*end] == number) {
                return link;
            }
        }
    }
    return NULL;
}

static inline void street_dial(street *self, vault *from, uint64_t number, dx_bytes address) {
    for (size_t i = 0; i < self->count; i++) {
        vault *to = self->vaults[i];
        if (!self->closed && to->listens && to->node != NULL &&
            dx_bytes_equal(address, dx_bytes_text(to->address))) {
            assert_true(self->link_count < STREET_LINKS_MAX);
            self->links[self->link_count++] = (street_link){
                .ends = {from, to}, .numbers = {number, to->next_incoming}, .open = {true, true}};
            street_post(self, to,
                        (dx_event){.kind = DX_EVENT_LINK_UP,
                                   .link = to->next_incoming,
                                   .body = dx_bytes_text("mem:caller")});
            street_post(self, from, (dx_event){.kind = DX_EVENT_LINK_UP, .link = number, .body = address});
            to->next_incoming += 2;
            return;
        }
    }
    street_post(self, from,
                (dx_event){.kind = DX_EVENT_LINK_DOWN, .link = number, .reason = DX_E_UNREACHABLE});
}

static inline void street_carry(street *self, vault *from, const dx_effect *effect) {
    int end;
    street_link *link = street_find(self, from, effect->link, &end);
    if (link == NULL) {
        return;
    }
    if (effect->kind == DX_EFFECT_LINK_CLOSE) {
        link->open[end] = false;
        if (link->open[1 - end]) {
            street_post(self, link->ends[1 - end],
                        (dx_event){.kind = DX_EVENT_LINK_DOWN,
                                   .link = link->numbers[1 - end],
                                   .reason = DX_E_UNREACHABLE});
            link->open[1 - end] = false;
        }
        return;
    }
    from->sends++;
    from->sent_bytes += effect->body.size;
    bool breaks = self->cut_after != 0 && self->cut_after <= effect->body.size;
    size_t size = breaks ? (size_t)self->cut_after - 1 : effect->body.size;
    self->cut_after -= self->cut_after == 0 ? 0 : breaks ? self->cut_after : effect->body.size;
    street_post(self, link->ends[1 - end],
                (dx_event){.kind = DX_EVENT_LINK_DATA,
                           .link = link->numbers[1 - end],
                           .body = dx_bytes_of(effect->body.data, size)});
    street_post(self, from,
                (dx_event){.kind = DX_EVENT_LINK_WRITABLE, .link = effect->link, .size = effect->body.size});
    if (breaks || (self->cut_sends != 0 && --self->cut_sends == 0)) {
        street_break(self);
    }
}

static inline void vault_perform(vault *self, const dx_effect *effect) {
    static char line[STREET_TEXT_SIZE];
    if (self->street->beyond != NULL && self->street->beyond(self->street, self, effect)) {
        return;
    }
    switch (effect->kind) {
    case DX_EFFECT_LINK_OPEN:
        street_dial(self->street, self, effect->link, effect->body);
        break;
    case DX_EFFECT_LINK_SEND:
    case DX_EFFECT_LINK_CLOSE:
        street_carry(self->street, self, effect);
        break;
    case DX_EFFECT_NOTIFY:
        vault_json(self, effect->body, line, sizeof line);
        vault_append(self->told, line);
        vault_append(self->heard_by[effect->port % STREET_PORTS_MAX], line);
        self->notified++;
        break;
    case DX_EFFECT_REPLY:
        vault_json(self, effect->body, self->last, sizeof self->last);
        vault_append(self->heard_by[effect->port % STREET_PORTS_MAX], self->last);
        break;
    case DX_EFFECT_SIGNAL_SEND:
    case DX_EFFECT_KIND_COUNT:
        fail();
    }
    if (self->takes && (effect->kind == DX_EFFECT_NOTIFY || effect->kind == DX_EFFECT_REPLY)) {
        street_post(
            self->street, self,
            (dx_event){.kind = DX_EVENT_PORT_WRITABLE, .port = effect->port, .size = effect->body.size});
    }
}

static inline void vault_leave(vault *self);
static inline void vault_open(vault *self);

/* One step with these events, timed by the street's clock. */
static inline void vault_step(vault *self, const dx_event *events, size_t count) {
    dx_event timed[STREET_EVENTS_MAX];
    dx_effects effects;
    assert_true(count <= STREET_EVENTS_MAX && self->street->steps++ < STREET_STEPS_MAX);
    for (size_t i = 0; i < count; i++) {
        timed[i] = events[i];
        timed[i].time_ms = self->street->now_ms;
        timed[i].wall_ms = 1700000000000 + self->street->now_ms;
    }
    for (size_t i = 0; self->heard != NULL && i < count; i++) {
        assert_int_equal(dx_event_encode(&timed[i], self->heard), DX_OK);
    }
    self->step_error = dx_node_step(self->node, timed, count, &effects);
    self->deadline_ms = effects.deadline_ms;
    for (size_t i = 0; i < effects.count; i++) {
        assert_true(self->said == NULL || dx_effect_encode(&effects.items[i], self->said) == DX_OK);
        vault_perform(self, &effects.items[i]);
    }
    if (self->step_error != DX_OK && self->mends) {
        sim_disk_heal(self->disk);
        self->alloc.fail_at = 0;
        vault_leave(self);
        vault_open(self);
    }
}

static inline void vault_event(vault *self, dx_event event) {
    vault_step(self, &event, 1);
}

/* The first event, or all in a row that are its vault's, in one step. */
static inline void street_deliver(street *self) {
    street_event *gathered[STREET_EVENTS_MAX];
    dx_event events[STREET_EVENTS_MAX];
    vault *to = self->first->to;
    size_t count = 0;
    do {
        gathered[count] = self->first;
        events[count++] = self->first->event;
        self->first = self->first->next;
    } while (self->gathers && self->first != NULL && self->first->to == to && count < STREET_EVENTS_MAX);
    self->last = self->first == NULL ? &self->first : self->last;
    if (to->node != NULL) {
        vault_step(to, events, count);
    }
    while (count > 0) {
        free(gathered[--count]);
    }
}

/* What came is delivered, or whose time has come goes on; false: nobody has anything more to do now. */
static inline bool street_step(street *self) {
    bool busy = self->first != NULL;
    if (busy) {
        street_deliver(self);
    }
    for (size_t i = 0; !busy && i < self->count; i++) {
        vault *one = self->vaults[i];
        if (one->node != NULL && one->deadline_ms <= self->now_ms) {
            vault_event(one, (dx_event){.kind = DX_EVENT_CLOCK});
            busy = true;
        }
    }
    return busy;
}

static inline void street_run(street *self) {
    while (street_step(self)) {
    }
}

/* Time goes by, from deadline to deadline. */
static inline void street_pass(street *self, uint64_t ms) {
    uint64_t end_ms = self->now_ms + ms;
    street_run(self);
    while (self->now_ms < end_ms) {
        uint64_t next_ms = self->beyond_tick == NULL ? end_ms : self->beyond_tick(self);
        next_ms = next_ms < end_ms ? next_ms : end_ms;
        for (size_t i = 0; i < self->count; i++) {
            if (self->vaults[i]->node != NULL && self->vaults[i]->deadline_ms < next_ms) {
                next_ms = self->vaults[i]->deadline_ms;
            }
        }
        self->now_ms = next_ms;
        street_run(self);
    }
}

/* --- Life ------------------------------------------------------------------------------------------ */

static inline void vault_hear(void *ctx, const char *room, const char *text) {
    vault *self = ctx;
    if (self->traces != NULL && strstr(self->traces, room) != NULL) {
        vault_append(self->trace, text);
    }
}

static inline void vault_open(vault *self) {
    char message[256];
    int error = dx_node_open(&self->config, &self->node, message, sizeof message);
    if (error != DX_OK) {
        fail_msg("%s: %s", self->name, message);
    }
    memcpy(self->config.token, dx_node_token(self->node), sizeof self->config.token);
    self->config.has_token = self->config.same_file = true;
    self->deadline_ms = self->street->now_ms;
    self->connected = false;
    if (self->listens) {
        vault_event(self, (dx_event){.kind = DX_EVENT_LISTENING, .body = dx_bytes_text(self->address)});
    }
}

/* A question, by port 1 or another that was connected. */
static inline void vault_command(vault *self, dx_event command) {
    const dx_event events[] = {{.kind = DX_EVENT_PORT_UP, .port = 1}, command};
    size_t skipped = self->connected || self->port != 1 ? 1 : 0;
    self->connected = self->connected || self->port == 1;
    vault_step(self, events + skipped, 2 - skipped);
}

static inline void street_init(street *self) {
    memset(self, 0, sizeof *self);
    self->last = &self->first;
    self->now_ms = 1000;
}

/* With what another vault left behind, which is not open any more or never meets this one; or with nothing.
 */
static inline vault *street_move_in_with(street *self, const char *name, const vault *left) {
    vault *one = calloc(1, sizeof *one);
    assert_non_null(one);
    one->street = self;
    one->name = name;
    snprintf(one->address, sizeof one->address, "mem:%s", name);
    test_alloc_init(&one->alloc);
    test_random_init(&one->random, 1 + self->count);
    sim_disk_config disk = {0};
    one->disk =
        left != NULL ? sim_disk_copy(left->disk, 1 + self->count) : sim_disk_create(1 + self->count, &disk);
    one->config = (dx_node_config){.alloc = one->alloc.port,
                                   .random = one->random.port,
                                   .tracer = {.ctx = one, .line = vault_hear},
                                   .vfs = sim_disk_vfs(one->disk),
                                   .path = "vault",
                                   .create = true};
    if (left != NULL) {
        memcpy(one->config.token, left->config.token, sizeof one->config.token);
        one->config.has_token = one->config.same_file = true;
        one->next_request = left->next_request;
    }
    one->next_incoming = 2;
    one->listens = one->takes = true;
    one->port = 1;
    self->vaults[self->count++] = one;
    vault_open(one);
    return one;
}

static inline vault *street_move_in(street *self, const char *name) {
    return street_move_in_with(self, name, NULL);
}

/* Its links end for the others; its memory is gone. */
static inline void vault_leave(vault *self) {
    street *street_of = self->street;
    dx_node_close(self->node);
    self->node = NULL;
    for (size_t i = 0; i < street_of->link_count; i++) {
        street_link *link = &street_of->links[i];
        for (int end = 0; end < 2; end++) {
            if (link->ends[end] == self && link->open[end]) {
                link->open[end] = false;
                if (link->open[1 - end]) {
                    link->open[1 - end] = false;
                    street_post(street_of, link->ends[1 - end],
                                (dx_event){.kind = DX_EVENT_LINK_DOWN,
                                           .link = link->numbers[1 - end],
                                           .reason = DX_E_UNREACHABLE});
                }
            }
        }
    }
}

/* As the power fails. */
static inline void vault_crash(vault *self) {
    sim_disk_crash(self->disk);
    vault_leave(self);
}

static inline void street_deinit(street *self) {
    while (self->first != NULL) {
        street_event *posted = self->first;
        self->first = posted->next;
        free(posted);
    }
    for (size_t i = 0; i < self->count; i++) {
        vault *one = self->vaults[i];
        dx_node_close(one->node);
        assert_int_equal(one->alloc.live_bytes, 0);
        sim_disk_destroy(one->disk);
        free(one);
    }
}

/* --- Asking ---------------------------------------------------------------------------------------- */

/* A command written as JSON, where 'name' is read as "name", with request number id; its body is kept in `command`, which is
 * initialized here. */
static inline dx_event vault_command_of(vault *self, uint64_t id, const char *json, dx_buf *command) {
    static char text[STREET_TEXT_SIZE];
    char message[128];
    dx_writer writer;
    snprintf(text, sizeof text, "%s", json);
    for (char *at = text; *at != '\0'; at++) {
        *at = *at == '\'' ? '"' : *at;
    }
    dx_buf_init(command, &self->alloc.port, STREET_TEXT_SIZE);
    dx_writer_init(&writer, command);
    assert_int_equal(dx_json_parse(dx_bytes_text(text), &writer, message, sizeof message), DX_OK);
    dx_event event = {.kind = DX_EVENT_COMMAND, .port = self->port, .body = dx_buf_view(command)};
    memcpy(event.request, &id, sizeof id);
    event.request[DX_REQUEST_SIZE - 1] = (uint8_t)(self->name[0]);
    return event;
}

static inline void vault_ask_as(vault *self, uint64_t id, const char *json) {
    dx_buf command;
    vault_command(self, vault_command_of(self, id, json, &command));
    dx_buf_deinit(&command);
}

/* Two commands in one step. */
static inline void vault_ask_both(vault *self, const char *first, const char *second) {
    dx_buf commands[2];
    const dx_event events[] = {vault_command_of(self, ++self->next_request, first, &commands[0]),
                               vault_command_of(self, ++self->next_request, second, &commands[1])};
    vault_step(self, events, 2);
    dx_buf_deinit(&commands[0]);
    dx_buf_deinit(&commands[1]);
    street_run(self->street);
}

/* Asks and does not wait; the request's number. */
static inline uint64_t vault_begin(vault *self, const char *json) {
    uint64_t id = ++self->next_request;
    self->last[0] = self->told[0] = '\0';
    self->notified = 0;
    vault_ask_as(self, id, json);
    return id;
}

/* Asks and waits while there is something to do now: the reply as JSON, empty when there is none yet. */
static inline const char *vault_ask(vault *self, const char *json) {
    vault_begin(self, json);
    street_run(self->street);
    return self->last;
}

/* Asks: the reply holds what is expected. */
static inline void vault_assert_says(vault *self, const char *command, const char *expected) {
    const char *answer = vault_ask(self, command);
    if (strstr(answer, expected) == NULL) {
        fail_msg("%s: %s says %s, not %s", command, self->name, answer, expected);
    }
}

/* Asks: the reply is no error, and has not that word. */
static inline void vault_assert_keeps_silent(vault *self, const char *command, const char *word) {
    const char *answer = vault_ask(self, command);
    if (strstr(answer, word) != NULL || strstr(answer, "error") != NULL) {
        fail_msg("%s: %s says %s", command, self->name, answer);
    }
}

/* Another program connects as the given port: an app of this origin, or an own program (empty). */
static inline void vault_connect(vault *self, uint64_t port, const char *origin) {
    self->heard_by[port][0] = '\0';
    vault_event(self, (dx_event){.kind = DX_EVENT_PORT_UP, .port = port, .body = dx_bytes_text(origin)});
}

/* vault_ask by another port than the person's own program's. */
static inline const char *vault_ask_by(vault *self, uint64_t port, const char *json) {
    self->port = port;
    vault_ask(self, json);
    self->port = 1;
    return self->last;
}

/* A command that names another request of this vault by its number: request.cancel, space.pin. The notes told
 * so far stay. */
static inline void vault_refer(vault *self, const char *command, uint64_t request, const char *pin) {
    uint8_t id[DX_REQUEST_SIZE] = {0};
    memcpy(id, &request, sizeof request);
    id[DX_REQUEST_SIZE - 1] = (uint8_t)self->name[0];
    dx_buf body;
    dx_writer writer;
    dx_buf_init(&body, &self->alloc.port, 256);
    dx_writer_init(&writer, &body);
    dx_write_map(&writer, pin == NULL ? 2 : 3);
    dx_write_text(&writer, "do");
    dx_write_text(&writer, command);
    dx_write_text(&writer, "of");
    dx_write_bytes(&writer, dx_bytes_of(id, sizeof id));
    if (pin != NULL) {
        dx_write_text(&writer, "pin");
        dx_write_text(&writer, pin);
    }
    assert_int_equal(dx_writer_finish(&writer), DX_OK);
    dx_event event = {.kind = DX_EVENT_COMMAND, .port = self->port, .body = dx_buf_view(&body)};
    memset(event.request, 0x70, sizeof event.request);
    event.request[0] = (uint8_t)++self->next_request;
    self->last[0] = '\0';
    vault_command(self, event);
    dx_buf_deinit(&body);
}

#define assert_asks(self, json, expected) assert_string_equal(vault_ask(self, json), expected)

/* The text under a key of a flat map printed as JSON. */
static inline const char *street_field(const char *json, const char *key, char *out, size_t size) {
    char start[64];
    snprintf(start, sizeof start, "\"%s\":\"", key);
    const char *at = strstr(json, start);
    if (at == NULL) {
        fail_msg("no \"%s\" in %s", key, json);
        return out;
    }
    at += strlen(start);
    snprintf(out, size, "%.*s", (int)strcspn(at, "\""), at);
    return out;
}

/* --- Sharing --------------------------------------------------------------------------------------- */

/* A vault with an identity in it: "alice" is Alice's. */
static inline vault *street_person(street *self, const char *name) {
    char json[96];
    vault *one = street_move_in(self, name);
    snprintf(json, sizeof json, "{'do': 'halo.create', 'name': '%c%s'}", name[0] - 'a' + 'A', name + 1);
    vault_ask(one, json);
    return one;
}

static inline void street_share_as(vault *host, const char *space, const char *role, char *url,
                                   size_t url_size, char pin[static 7]) {
    char json[256];
    snprintf(json, sizeof json, "{'do': 'space.share', 'space': '%s', 'role': '%s'}", space, role);
    vault_begin(host, json);
    street_field(host->told, "url", url, url_size);
    street_field(host->told, "pin", pin, 7);
}

static inline void street_share(vault *host, const char *space, char *url, size_t url_size,
                                char pin[static 7]) {
    street_share_as(host, space, "editor", url, url_size, pin);
}

/* The host shares, the guest joins with link and PIN; both talk until all is quiet. */
static inline void street_join_as(vault *host, vault *guest, const char *space, const char *role) {
    char url[2100], pin[7], json[2300];
    street_share_as(host, space, role, url, sizeof url, pin);
    snprintf(json, sizeof json, "{'do': 'space.join', 'url': '%s', 'pin': '%s'}", url, pin);
    vault_begin(guest, json);
    street_pass(host->street, 5000);
    if (strstr(guest->last, "\"ready\"") == NULL) {
        fail_msg("%s did not join: %s", guest->name, guest->last);
    }
}

static inline void street_join(vault *host, vault *guest, const char *space) {
    street_join_as(host, guest, space, "editor");
}

/* Every vault shows the same digest of the space. */
static inline void street_agree(street *self, const char *space) {
    char json[128], first[STREET_TEXT_SIZE] = "";
    snprintf(json, sizeof json, "{'do': 'space.digest', 'space': '%s'}", space);
    for (size_t i = 0; i < self->count; i++) {
        const char *digest = vault_ask(self->vaults[i], json);
        assert_non_null(strstr(digest, "\"digest\""));
        if (i == 0) {
            snprintf(first, sizeof first, "%s", digest);
        }
        assert_string_equal(digest, first);
    }
}

#endif
