/* node/node.c, node/request.c, node/dispatch.c: the step under bad luck: disks that fail at any call, memory
 * that ends at any allocation, ports that do not take their answers, and a journal that tells it all again.
 */
#include "base/limits.h"
#include "echo/space_state.h"
#include "node/state.h"
#include "street.h"

static street road;
static const char add[] = "{'do': 'object.add', 'space': 'List', 'type': 'item', 'data': {'buy': 'bread'}}";
static const char count_items[] =
    "{'do': 'query', 'space': 'List', 'query': {'type': 'item', 'count': true}}";

static vault *begin(void) {
    street_init(&road);
    vault *alice = street_move_in(&road, "alice");
    vault_ask(alice, "{'do': 'halo.create', 'name': 'Alice'}");
    vault_ask(alice, "{'do': 'space.create', 'name': 'List'}");
    return alice;
}

/* --- Failing steps --------------------------------------------------------------------------------- */

/* The node must be closed: its host opens the vault again, when the disk is well. */
static void mend(vault *self) {
    sim_disk_heal(self->disk);
    self->alloc.fail_at = 0;
    if (self->step_error != DX_OK) {
        vault_leave(self);
        vault_open(self);
    }
}

/* Bad luck is over: asked again with the same id, the thing is there once, whatever was answered before. */
static void assert_once(vault *self, uint64_t request) {
    mend(self);
    street_run(&road);
    self->last[0] = '\0';
    vault_ask_as(self, request, add);
    street_run(&road);
    assert_non_null(strstr(self->last, "\"id\""));
    assert_asks(self, count_items, "{\"count\":1}");
    assert_non_null(
        strstr(vault_ask(self, "{'do': 'object.add', 'space': 'List', 'type': 'other'}"), "\"id\""));
    vault_leave(self);
    vault_open(self);
    assert_asks(self, count_items, "{\"count\":1}");
}

/* The answer under bad luck: the id, or an error of the host's class; none when the node must be closed. */
static void assert_honest(const vault *self) {
    if (self->step_error != DX_OK) {
        assert_int_equal(dx_error_class_of(self->step_error), DX_CLASS_HOST);
        assert_string_equal(self->last, "");
        return;
    }
    bool told = strstr(self->last, "\"id\"") != NULL || strstr(self->last, "E_STORE") != NULL ||
                strstr(self->last, "E_NO_SPACE") != NULL || strstr(self->last, "E_NO_MEMORY") != NULL ||
                strstr(self->last, "E_IO") != NULL;
    if (!told) {
        fail_msg("answered %s", self->last);
    }
}

static void fail_disk_everywhere(bool sticky, bool full) {
    for (uint64_t at = 1;; at++) {
        vault *alice = begin();
        uint64_t before = sim_disk_counters(alice->disk)->faults;
        sim_disk_plan(alice->disk, &(sim_disk_fault){.calls = full ? SIM_DISK_CHANGES : SIM_DISK_ALL_CALLS,
                                                     .at = at,
                                                     .sticky = sticky,
                                                     .full = full});
        uint64_t request = vault_begin(alice, add);
        bool struck = sim_disk_counters(alice->disk)->faults != before;
        assert_honest(alice);
        assert_once(alice, request);
        street_deinit(&road);
        if (!struck) {
            assert_true(at > 2);
            break;
        }
    }
}

static void test_disk_fails_once(void **state) {
    (void)state;
    fail_disk_everywhere(false, false);
}

static void test_disk_fails_for_good(void **state) {
    (void)state;
    fail_disk_everywhere(true, false);
}

static void test_disk_is_full(void **state) {
    (void)state;
    fail_disk_everywhere(true, true);
}

/* An open invitation whose time runs out meanwhile waits for room like all else, and the host is not kept turning. */
static void test_an_invitation_waits_for_room(void **state) {
    (void)state;
    vault *alice = begin();
    vault_begin(alice, "{'do': 'space.share', 'space': 'List', 'expires_ms': 10000}");
    street_run(&road);
    assert_non_null(strstr(alice->told, "advertising"));
    sim_disk_plan(alice->disk,
                  &(sim_disk_fault){.calls = 1U << SIM_DISK_WRITE, .at = 1, .sticky = true, .full = true});
    assert_non_null(strstr(vault_ask(alice, add), "E_NO_SPACE"));
    uint64_t steps = road.steps;
    street_pass(&road, 30000);
    assert_true(dx_node_is_read_only(alice->node));
    assert_in_range(road.steps - steps, 20, 200); /* a look for room each second */
    sim_disk_heal(alice->disk);
    alice->told[0] = '\0';
    street_pass(&road, 2000);
    assert_false(dx_node_is_read_only(alice->node));
    assert_non_null(strstr(vault_ask(alice, add), "\"id\""));
    street_deinit(&road);
}

/* A sync that fails leaves open whether its commit happened. Tried while the step is run again for something
 * else that failed: what is answered with an error did not happen. */
static void test_an_error_says_that_nothing_happened(void **state) {
    (void)state;
    enum { ALLOCATION = 12 }; /* behind those of the question, before the last of the command */
    uint64_t struck = 0, errors = 0;
    for (uint64_t at = 1; at <= 12; at++) {
        vault *alice = begin();
        uint64_t before = sim_disk_counters(alice->disk)->faults;
        alice->alloc.fail_at = alice->alloc.calls + ALLOCATION;
        sim_disk_plan(alice->disk, &(sim_disk_fault){.calls = 1U << SIM_DISK_SYNC, .at = at});
        vault_begin(alice, add);
        struck += sim_disk_counters(alice->disk)->faults != before;
        assert_honest(alice);
        bool refused = alice->step_error == DX_OK && strstr(alice->last, "\"id\"") == NULL;
        errors += refused;
        mend(alice);
        vault_leave(alice);
        vault_open(alice);
        if (refused) {
            assert_asks(alice, count_items, "{\"count\":0}");
        }
        street_deinit(&road);
    }
    assert_true(struck > 0);
    print_message("# %d syncs failed, %d answered with an error\n", (int)struck, (int)errors);
}

static void fail_memory_everywhere(bool sticky, uint64_t stride) {
    for (uint64_t at = 1;; at += stride) {
        vault *alice = begin();
        alice->alloc.fail_at = alice->alloc.calls + at;
        alice->alloc.sticky = sticky;
        uint64_t last = alice->alloc.fail_at;
        uint64_t id = ++alice->next_request;
        dx_buf command;
        dx_writer writer;
        test_alloc own;
        char message[64], json[sizeof add];
        test_alloc_init(&own); /* the question itself is not the vault's memory */
        dx_buf_init(&command, &own.port, 4096);
        dx_writer_init(&writer, &command);
        memcpy(json, add, sizeof add);
        for (char *c = json; *c != '\0'; c++) {
            *c = *c == '\'' ? '"' : *c;
        }
        assert_int_equal(dx_json_parse(dx_bytes_text(json), &writer, message, sizeof message), DX_OK);
        dx_event event = {
            .kind = DX_EVENT_COMMAND, .port = 1, .body = dx_buf_view(&command), .time_ms = road.now_ms};
        memcpy(event.request, &id, sizeof id);
        event.request[DX_REQUEST_SIZE - 1] = 'a';
        dx_effects effects;
        alice->step_error = dx_node_step(alice->node, &event, 1, &effects);
        bool struck = alice->alloc.calls >= last;
        alice->alloc.fail_at = 0;
        alice->last[0] = '\0';
        for (size_t i = 0; alice->step_error == DX_OK && i < effects.count; i++) {
            vault_perform(alice, &effects.items[i]);
        }
        dx_buf_deinit(&command);
        assert_honest(alice);
        assert_once(alice, id);
        street_deinit(&road);
        if (!struck) {
            assert_true(at > 10);
            break;
        }
    }
}

static void test_memory_ends_once(void **state) {
    (void)state;
    fail_memory_everywhere(false, 1);
}

static void test_memory_ends_for_good(void **state) {
    (void)state;
    fail_memory_everywhere(true, 3);
}

/* --- One of several fails ---------------------------------------------------------------------------- */

/* Memory that has nothing for anyone who wants much at once. */
static size_t refuse_above;

static void *resize_small(void *ctx, void *old, size_t old_size, size_t new_size) {
    return refuse_above != 0 && new_size > refuse_above ? NULL
                                                        : test_alloc_resize(ctx, old, old_size, new_size);
}

static dx_event command_event(vault *self, dx_buf *command, uint64_t id, const char *type, size_t text_size) {
    dx_writer writer;
    char *text = malloc(text_size + 1);
    memset(text, 'x', text_size);
    dx_buf_init(command, &self->alloc.port, 1 << 20);
    dx_writer_init(&writer, command);
    dx_write_map(&writer, 4);
    dx_write_text(&writer, "do");
    dx_write_text(&writer, "object.add");
    dx_write_text(&writer, "data");
    dx_write_map(&writer, 1);
    dx_write_text(&writer, "x");
    dx_write_text_bytes(&writer, dx_bytes_of(text, text_size));
    dx_write_text(&writer, "type");
    dx_write_text(&writer, type);
    dx_write_text(&writer, "space");
    dx_write_text(&writer, "List");
    assert_int_equal(dx_writer_finish(&writer), DX_OK);
    free(text);
    dx_event event = {.kind = DX_EVENT_COMMAND, .port = 1, .body = dx_buf_view(command)};
    memcpy(event.request, &id, sizeof id);
    return event;
}

static void test_the_failing_event_alone(void **state) {
    (void)state;
    vault *alice = begin();
    vault_leave(alice);
    alice->config.alloc.resize = resize_small;
    refuse_above = 0;
    vault_open(alice);
    alice->traces = "node";
    uint64_t watch = vault_begin(alice, "{'do': 'watch', 'space': 'List'}");
    (void)watch;
    street_run(&road);
    dx_buf commands[3];
    const dx_event events[3] = {command_event(alice, &commands[0], 100, "small", 10),
                                command_event(alice, &commands[1], 101, "large", 400000),
                                command_event(alice, &commands[2], 102, "small", 10)};
    refuse_above = 300000;
    dx_buf said;
    dx_buf_init(&said, &alice->alloc.port, 1 << 20);
    alice->said = &said;
    vault_step(alice, events, 3);
    alice->said = NULL;
    refuse_above = 0;
    assert_int_equal(alice->step_error, DX_OK);
    static const struct {
        uint64_t request;
        const char *answer;
    } answers[] = {
        {1, "error"}, {100, "id"}, {101, "error"}, {102, "id"}}; /* the watch was volatile: it ends */
    dx_reader reader;
    dx_reader_init(&reader, dx_buf_view(&said));
    size_t replies = 0;
    while (reader.at < reader.end) {
        dx_effect effect;
        assert_int_equal(dx_effect_decode(dx_read_item(&reader), &effect), DX_OK);
        if (effect.kind == DX_EFFECT_REPLY) {
            uint64_t request;
            memcpy(&request, effect.request, sizeof request);
            bool watches = request < 100;
            assert_true(replies < 4 && (watches ? replies == 0 : request == answers[replies].request));
            assert_true(dx_item_get(effect.body, answers[replies].answer).size > 0);
            replies++;
        }
    }
    assert_int_equal(replies, 4); /* each once */
    assert_string_equal(alice->trace,
                        "step undone, 3 events one by one: E_NO_MEMORY\ncommand event undone: E_NO_MEMORY\n");
    assert_true(alice->deadline_ms > road.now_ms); /* it is not tried again at once */
    assert_asks(alice, "{'do': 'query', 'space': 'List', 'query': {'count': true}}", "{\"count\":2}");
    const char *status = vault_ask(alice, "{'do': 'status'}");
    assert_non_null(strstr(status, "\"undone\":1"));
    assert_non_null(strstr(status, "\"events_failed\":1"));
    for (size_t i = 0; i < 3; i++) {
        dx_buf_deinit(&commands[i]);
    }
    dx_buf_deinit(&said);
    street_deinit(&road);
}

/* --- Links after a failed step ------------------------------------------------------------------------ */

static void test_links_are_dropped_and_dialled_again(void **state) {
    (void)state;
    vault *alice = begin(), *bob = street_move_in(&road, "bob");
    vault_ask(bob, "{'do': 'halo.create', 'name': 'Bob'}");
    street_join(alice, bob, "List");
    sim_disk_plan(alice->disk, &(sim_disk_fault){.calls = 1u << SIM_DISK_SYNC, .at = 1});
    vault_ask(alice, add);
    assert_non_null(strstr(vault_ask(alice, "{'do': 'status'}"), "\"undone\":1"));
    street_pass(&road, 60000);
    assert_non_null(strstr(vault_ask(bob, "{'do': 'space.status', 'space': 'List'}"), "\"synced\":true"));
    street_agree(&road, "List");
    street_deinit(&road);
}

/* Memory that ends once, at a call of the node's alone. */
static uint64_t refuse_in;

static void *resize_until(void *ctx, void *old, size_t old_size, size_t new_size) {
    bool refused = new_size > old_size && refuse_in != 0 && --refuse_in == 0;
    return refused ? NULL : test_alloc_resize(ctx, old, old_size, new_size);
}

/* A guest whose memory ends as the handshake does: the link goes without a word, for the channel is where
 * the undone step left it, and nothing it says would be understood. */
static void test_undone_guest_says_nothing(void **state) {
    (void)state;
    char url[2100], pin[7], json[2300];
    vault *alice = begin(), *bob = street_move_in(&road, "bob");
    vault_ask(bob, "{'do': 'halo.create', 'name': 'Bob'}");
    vault_leave(bob);
    bob->config.alloc.resize = resize_until;
    vault_open(bob);
    street_share(alice, "List", url, sizeof url, pin);
    snprintf(json, sizeof json, "{'do': 'space.join', 'url': '%s'}", url);
    bool asks = false;
    alice->traces = "mesh";
    for (uint64_t at = 1; !asks; at++) {
        assert_true(at < 500);
        uint64_t join = vault_begin(bob, json);
        refuse_in = at;
        street_pass(&road, DX_STEP_RETRY_MS);
        asks = refuse_in != 0 && strstr(bob->told, "pin-required") != NULL;
        refuse_in = 0;
        vault_refer(bob, "request.cancel", join, NULL);
        street_run(&road);
        road.link_count = 0;
    }
    assert_non_null(strstr(alice->trace, "ready"));
    assert_null(strstr(alice->trace, "E_SIGNATURE"));
    street_deinit(&road);
}

/* --- While nobody waits ------------------------------------------------------------------------------- */

static size_t vault_size(const vault *of) {
    return sim_disk_file(of->disk, "vault").size;
}

/* The step that answers does not empty the log, nor does any before the vault was left alone for a while. */
static void test_the_log_is_emptied_when_idle(void **state) {
    enum { ADDS = DX_STORE_LOG_FRAMES_IDLE / 3 }; /* of more than three frames each, and less than twelve */
    (void)state;
    vault *alice = begin();
    street_pass(&road, DX_STORE_IDLE_MS);
    size_t before = vault_size(alice);
    for (int i = 0; i < ADDS; i++) {
        vault_ask(alice, add);
    }
    street_pass(&road, DX_UNWRITTEN_MS); /* rows follow their blocks, and the log was not left alone */
    assert_int_equal(vault_size(alice), before);
    street_pass(&road, DX_STORE_IDLE_MS);
    assert_true(vault_size(alice) > before);
    assert_true(alice->deadline_ms > road.now_ms);

    /* A disk that does not take it is not asked again and again. */
    for (int i = 0; i < ADDS; i++) {
        vault_ask(alice, add);
    }
    street_pass(&road, DX_UNWRITTEN_MS);
    sim_disk_plan(alice->disk, &(sim_disk_fault){.calls = 1u << SIM_DISK_SYNC, .at = 1, .sticky = true});
    street_pass(&road, 10 * DX_STORE_IDLE_MS);
    assert_true(alice->deadline_ms > road.now_ms);
    sim_disk_heal(alice->disk);
    assert_non_null(strstr(vault_ask(alice, add), "\"id\""));
    street_deinit(&road);
}

/* --- Ports ------------------------------------------------------------------------------------------- */

/* A program that does not read is not written to; its question waits, and goes on when it reads. */
static void test_port_that_does_not_take(void **state) {
    (void)state;
    vault *alice = begin();
    for (uint64_t i = 0; i < 12; i++) {
        dx_buf command;
        dx_event event = command_event(alice, &command, 1000 + i, "large", 250000);
        vault_event(alice, event);
        dx_buf_deinit(&command);
    }
    street_run(&road);
    alice->takes = false;
    vault_ask(alice, "{'do': 'query', 'space': 'List', 'query': {'type': 'large'}}");
    assert_string_equal(alice->last, "");
    assert_in_range(alice->notified, 4, 11);
    assert_true(alice->deadline_ms > road.now_ms); /* waiting costs nothing */
    size_t before = alice->notified;
    street_pass(&road, 60000);
    assert_int_equal(alice->notified, before);
    alice->takes = true;
    vault_event(alice, (dx_event){.kind = DX_EVENT_PORT_WRITABLE, .port = 1, .size = 4 << 20});
    street_run(&road);
    assert_int_equal(alice->notified, 12);
    assert_string_equal(alice->last, "{\"count\":12}");

    /* Gone: its requests end with it, and nothing of it is kept. */
    alice->takes = false;
    vault_ask(alice, "{'do': 'query', 'space': 'List', 'query': {'type': 'large'}}");
    before = alice->notified;
    vault_event(alice, (dx_event){.kind = DX_EVENT_PORT_DOWN, .port = 1});
    vault_event(alice, (dx_event){.kind = DX_EVENT_PORT_WRITABLE, .port = 1, .size = 4 << 20});
    street_run(&road);
    assert_int_equal(alice->notified, before);
    assert_string_equal(alice->last, "");
    street_deinit(&road);
}

/* What an undone step would have said does not count as said. */
static void test_undone_answers_do_not_count(void **state) {
    (void)state;
    vault *alice = begin();
    alice->takes = false;
    for (int i = 0; i < 40; i++) { /* 40 answers of 40 KB, each undone with its step once */
        dx_buf command;
        dx_event event = command_event(alice, &command, 2000 + (uint64_t)i, "page", 40000);
        vault_event(alice, event);
        dx_buf_deinit(&command);
    }
    vault_event(alice, (dx_event){.kind = DX_EVENT_PORT_WRITABLE, .port = 1, .size = 1 << 20});
    for (int i = 0; i < 3; i++) {
        sim_disk_plan(alice->disk,
                      &(sim_disk_fault){.calls = 1u << SIM_DISK_WRITE | 1u << SIM_DISK_SYNC, .at = 1});
        dx_buf command;
        dx_event event = command_event(alice, &command, 3000 + (uint64_t)i, "page", 4000);
        vault_event(alice, event);
        dx_buf_deinit(&command);
    }
    sim_disk_heal(alice->disk);
    vault_ask(alice, "{'do': 'object.ls', 'space': 'List', 'type': 'page', 'limit': 20}");
    assert_string_equal(alice->last, "{\"count\":20}");
    street_deinit(&road);
}

static void test_too_many_requests(void **state) {
    (void)state;
    vault *alice = begin();
    uint64_t first = 0;
    for (int i = 0; i < DX_PORT_REQUESTS_MAX; i++) {
        uint64_t request = vault_begin(alice, "{'do': 'watch', 'space': 'List'}");
        first = i == 0 ? request : first;
        assert_string_equal(alice->last, "");
    }
    assert_non_null(strstr(vault_ask(alice, "{'do': 'watch', 'space': 'List'}"), "\"E_LIMIT\""));
    vault_refer(alice, "request.cancel", first, NULL);
    street_run(&road);
    vault_begin(alice, "{'do': 'watch', 'space': 'List'}");
    assert_string_equal(alice->last, "");
    street_deinit(&road);
}

/* --- Events by themselves ------------------------------------------------------------------------------ */

static void test_odd_events(void **state) {
    (void)state;
    vault *alice = begin();
    static const uint8_t junk[300] = {0xff, 0x00};
    for (int kind = 0; kind < DX_EVENT_KIND_COUNT; kind++) {
        for (size_t size = 0; size <= sizeof junk; size += 100) {
            vault_event(alice, (dx_event){.kind = (dx_event_kind)kind,
                                          .port = 99,
                                          .link = 7 + size,
                                          .size = UINT64_MAX,
                                          .reason = DX_E_UNREACHABLE,
                                          .request = {(uint8_t)kind, (uint8_t)size},
                                          .body = dx_bytes_of(junk, size)});
            assert_int_equal(alice->step_error, DX_OK);
        }
    }
    vault_event(alice, (dx_event){.kind = DX_EVENT_LISTENING, .body = dx_bytes_text("mem:alice")});
    vault_event(alice, (dx_event){.kind = DX_EVENT_LISTENING, .body = dx_bytes_text("mem:alice")});
    assert_non_null(strstr(vault_ask(alice, "{'do': 'status'}"), "\"listen\":[\"mem:alice\"]"));
    vault_event(alice, (dx_event){.kind = DX_EVENT_LISTENING});
    assert_non_null(strstr(vault_ask(alice, "{'do': 'status'}"), "\"listen\":[]"));
    road.now_ms -= 500; /* a clock that goes back stands still */
    vault_event(alice, (dx_event){.kind = DX_EVENT_CLOCK});
    assert_int_equal(alice->step_error, DX_OK);
    street_deinit(&road);
}

/* --- The journal -------------------------------------------------------------------------------------- */

/* The same events give the same effects, byte for byte: what a node does is in its events and its seed. */
static void test_journal(void **state) {
    (void)state;
    test_alloc alloc;
    dx_buf heard, said, said_again;
    test_alloc_init(&alloc);
    dx_buf_init(&heard, &alloc.port, 16 << 20);
    dx_buf_init(&said, &alloc.port, 16 << 20);
    dx_buf_init(&said_again, &alloc.port, 16 << 20);
    street_init(&road);
    vault *alice = street_move_in(&road, "alice");
    alice->heard = &heard;
    alice->said = &said;
    vault *bob = street_move_in(&road, "bob");
    vault_ask(alice, "{'do': 'halo.create', 'name': 'Alice'}");
    vault_ask(bob, "{'do': 'halo.create', 'name': 'Bob'}");
    vault_ask(alice, "{'do': 'space.create', 'name': 'List'}");
    street_join(alice, bob, "List");
    vault_ask(alice, add);
    vault_ask(bob, add);
    street_pass(&road, 100000);
    street_break(&road);
    street_pass(&road, 100000);
    vault_ask(alice, count_items);
    assert_string_equal(alice->last, "{\"count\":2}");
    street_deinit(&road);
    assert_true(heard.size > 10000 && said.size > 10000);

    street_init(&road);
    alice = street_move_in(&road, "alice");
    dx_reader reader;
    dx_reader_init(&reader, dx_buf_view(&heard));
    while (reader.at < reader.end) {
        dx_event event;
        dx_effects effects;
        assert_int_equal(dx_event_decode(dx_read_item(&reader), &event), DX_OK);
        assert_int_equal(dx_node_step(alice->node, &event, 1, &effects), DX_OK);
        for (size_t i = 0; i < effects.count; i++) {
            assert_int_equal(dx_effect_encode(&effects.items[i], &said_again), DX_OK);
        }
    }
    assert_int_equal(said_again.size, said.size);
    assert_memory_equal(said_again.data, said.data, said.size);
    street_deinit(&road);
    dx_buf_deinit(&heard);
    dx_buf_deinit(&said);
    dx_buf_deinit(&said_again);
}

/* Takes every place for a feed that the first space has, own ones too. */
static void fill_feeds(vault *self) {
    dx_node *node = self->node;
    dx_space *space = node->spaces[0];
    dx_feed *feed;
    dx_feed_identity identity = {.feed_class = DX_FEED_CONTROL};
    memcpy(identity.space_id, space->id, sizeof identity.space_id);
    assert_int_equal(dx_store_begin(node->store), DX_OK);
    int error = DX_OK;
    for (uint16_t n = 1; error == DX_OK; n++) {
        memcpy(identity.key, &n, sizeof n);
        error = dx_space_make_feed(&node->context, space, &identity, true, &feed);
    }
    assert_int_equal(error, DX_E_LIMIT);
    assert_int_equal(dx_store_commit(node->store), DX_OK);
}

/* A restored vault that finds no place for new feeds in a space opens all the same; the space can be read. */
static void test_no_place_for_new_feeds(void **state) {
    (void)state;
    street_init(&road);
    vault *alice = street_move_in(&road, "alice");
    vault_ask(alice, "{'do': 'halo.create', 'name': 'Alice'}");
    vault_ask(alice, "{'do': 'space.create', 'name': 'Full'}");
    vault_ask(alice, "{'do': 'object.add', 'space': 'Full', 'type': 'page'}");
    fill_feeds(alice);
    vault_leave(alice);
    alice->config.token[0] ^= 1; /* it was written on elsewhere */
    vault_open(alice);
    assert_asks(alice, "{'do': 'query', 'space': 'Full', 'query': {'type': 'page', 'count': true}}",
                "{\"count\":1}");
    const char *answer = vault_ask(alice, "{'do': 'object.add', 'space': 'Full'}");
    assert_non_null(strstr(answer, "\"E_LIMIT\""));
    assert_non_null(strstr(answer, "no place"));
    assert_null(strstr(answer, "editor"));
    vault_leave(alice);
    vault_open(alice);
    assert_asks(alice, "{'do': 'query', 'space': 'Full', 'query': {'type': 'page', 'count': true}}",
                "{\"count\":1}");
    vault_ask(alice, "{'do': 'space.create', 'name': 'Other'}");
    assert_non_null(strstr(vault_ask(alice, "{'do': 'object.add', 'space': 'Other'}"), "\"id\""));
    street_deinit(&road);
}

DX_TEST_MAIN(DX_TEST(test_disk_fails_once), DX_TEST(test_disk_fails_for_good), DX_TEST(test_disk_is_full),
             DX_TEST(test_an_invitation_waits_for_room), DX_TEST(test_an_error_says_that_nothing_happened),
             DX_TEST(test_memory_ends_once), DX_TEST(test_memory_ends_for_good),
             DX_TEST(test_the_failing_event_alone), DX_TEST(test_links_are_dropped_and_dialled_again),
             DX_TEST(test_undone_guest_says_nothing), DX_TEST(test_the_log_is_emptied_when_idle),
             DX_TEST(test_port_that_does_not_take), DX_TEST(test_undone_answers_do_not_count),
             DX_TEST(test_too_many_requests), DX_TEST(test_odd_events), DX_TEST(test_journal),
             DX_TEST(test_no_place_for_new_feeds))
