/* tests/unit/net/test_ice.c: one ICE agent against a puppet: every refusal, every limit, every reason to fail, and
 * what it says on the wire, message by message. What two agents do together is in test_ice_world.c. */
#include "net/ice.h"
#include "net/stun.h"
#include "test.h"

enum { TAKEN_MAX = 64, NOW = 5000 };

static const char puppet_ufrag[] = "pupp", puppet_password[] = "puppetpuppetpuppetpuppet";

/* The agent and what it had to say since the last look. */
typedef struct stage {
    test_alloc alloc;
    test_random random;
    dx_ice *ice;
    uint64_t now_ms;
    size_t sent_count, line_count, end_count, selected_count, failed_count;
    struct {
        uint32_t socket;
        dx_net_address to;
        size_t size;
        uint8_t bytes[DX_ICE_DATAGRAM_MAX];
    } sent[TAKEN_MAX];
    char lines[TAKEN_MAX][DX_CANDIDATE_TEXT_MAX];
    dx_ice_pair selected;
    dx_ice_reason reason;
} stage;

static stage s;

static dx_net_address at(const char *text) {
    dx_net_address address;
    assert_int_equal(dx_net_address_parse(dx_bytes_text(text), &address), DX_OK);
    return address;
}

static void look(void) {
    dx_ice_output output;
    s.sent_count = s.line_count = s.end_count = s.selected_count = s.failed_count = 0;
    while (dx_ice_next(s.ice, &output)) {
        switch (output.kind) {
        case DX_ICE_OUTPUT_DATAGRAM:
            assert_true(s.sent_count < TAKEN_MAX);
            s.sent[s.sent_count].socket = output.socket;
            s.sent[s.sent_count].to = output.to;
            s.sent[s.sent_count].size = output.bytes.size;
            memcpy(s.sent[s.sent_count++].bytes, output.bytes.data, output.bytes.size);
            break;
        case DX_ICE_OUTPUT_CANDIDATE:
            assert_true(s.line_count < TAKEN_MAX && output.line.size < DX_CANDIDATE_TEXT_MAX);
            if (output.line.size == 0) {
                s.end_count++;
                break;
            }
            memcpy(s.lines[s.line_count], output.line.data, output.line.size);
            s.lines[s.line_count++][output.line.size] = '\0';
            break;
        case DX_ICE_OUTPUT_SELECTED:
            s.selected_count++;
            s.selected = output.pair;
            break;
        case DX_ICE_OUTPUT_FAILED:
            s.failed_count++;
            s.reason = output.reason;
            break;
        }
    }
}

static dx_ice_options usual(bool controlling) {
    return (dx_ice_options){.alloc = &s.alloc.port, .random = &s.random.port, .controlling = controlling};
}

static void open_with(const dx_ice_options *options) {
    memset(&s, 0, sizeof s);
    test_alloc_init(&s.alloc);
    test_random_init(&s.random, 42);
    s.now_ms = NOW;
    assert_int_equal(dx_ice_create(options, &s.ice), DX_OK);
}

static void open(bool controlling) {
    dx_ice_options options = usual(controlling);
    open_with(&options);
}

static void close(void) {
    dx_ice_destroy(s.ice);
    assert_int_equal(s.alloc.live_bytes, 0);
}

static void add_local(uint32_t socket, const char *address) {
    dx_net_address local = at(address);
    assert_int_equal(dx_ice_add_local(s.ice, s.now_ms, socket, &local), DX_OK);
}

static void set_remote(void) {
    dx_ice_remote remote = {dx_bytes_text(puppet_ufrag), dx_bytes_text(puppet_password), false, 20, false};
    assert_int_equal(dx_ice_set_remote(s.ice, s.now_ms, &remote), DX_OK);
}

static void add_remote(const char *address, uint32_t priority) {
    dx_candidate candidate = {.type = DX_CANDIDATE_HOST, .priority = priority, .address = at(address)};
    static unsigned number;
    snprintf(candidate.foundation, sizeof candidate.foundation, "%u", ++number);
    assert_int_equal(dx_ice_add_remote_candidate(s.ice, s.now_ms, &candidate), DX_OK);
}

static void pass(uint64_t span_ms) {
    s.now_ms += span_ms;
    dx_ice_tick(s.ice, s.now_ms);
}

/* Time goes on by so much, each deadline kept, everything said gathered and dropped. */
static void live(uint64_t span_ms) {
    uint64_t until_ms = s.now_ms + span_ms;
    size_t failed = 0, selected = 0;
    for (uint64_t due_ms = 0; (due_ms = dx_ice_deadline(s.ice)) <= until_ms;) {
        s.now_ms = due_ms > s.now_ms ? due_ms : s.now_ms;
        dx_ice_tick(s.ice, s.now_ms);
        look();
        failed += s.failed_count;
        selected += s.selected_count;
    }
    s.now_ms = until_ms;
    s.failed_count = failed;
    s.selected_count = selected;
}

/* --- The puppet ---------------------------------------------------------------------------------------------- */

typedef struct request {
    const char *to, *password; /* NULL: the agent's own */
    dx_stun_role role;
    uint64_t tie_breaker;
    bool use_candidate, unknown, unsigned_;
    uint8_t number;
} request;

static void deliver(uint32_t socket, const char *from, dx_bytes datagram) {
    dx_net_address sender = at(from);
    dx_ice_receive(s.ice, s.now_ms, socket, &sender, datagram);
}

static dx_bytes write_request(const request *r, dx_stun_writer *writer) {
    uint8_t transaction[DX_STUN_TRANSACTION_SIZE] = {7, 7, r->number};
    dx_stun_begin(writer, DX_STUN_REQUEST, DX_STUN_BINDING, transaction);
    dx_stun_add_username(writer, dx_bytes_text(r->to ? r->to : dx_ice_ufrag(s.ice)),
                         dx_bytes_text(puppet_ufrag));
    dx_stun_add_priority(writer, 1000);
    if (r->role != DX_STUN_NO_ROLE) {
        dx_stun_add_role(writer, r->role, r->tie_breaker);
    }
    if (r->use_candidate) {
        dx_stun_add_use_candidate(writer);
    }
    if (r->unknown) { /* MAPPED-ADDRESS's neighbour: RESPONSE-ADDRESS of RFC 3489, written over a USERNAME */
        size_t where = writer->size;
        dx_stun_add_username(writer, dx_bytes_text("x"), dx_bytes_text("y"));
        writer->bytes[where + 1] = 2;
    }
    if (!r->unsigned_) {
        dx_stun_add_integrity(writer, dx_bytes_text(r->password ? r->password : dx_ice_password(s.ice)));
    }
    dx_stun_add_fingerprint(writer);
    return dx_stun_written(writer);
}

static void ask(uint32_t socket, const char *from, request r) {
    dx_stun_writer writer;
    deliver(socket, from, write_request(&r, &writer));
    look();
}

static dx_stun_message decoded(size_t index) {
    dx_stun_message message;
    assert_true(index < s.sent_count);
    assert_int_equal(dx_stun_decode(dx_bytes_of(s.sent[index].bytes, s.sent[index].size), &message), DX_OK);
    return message;
}

/* The first request the agent has sent, -1: none. */
static int find_check(void) {
    for (size_t i = 0; i < s.sent_count; i++) {
        if (decoded(i).class == DX_STUN_REQUEST) {
            return (int)i;
        }
    }
    return -1;
}

static dx_stun_message check_sent(void) {
    assert_int_not_equal(find_check(), -1);
    return decoded((size_t)find_check());
}

typedef struct reply {
    int error;            /* 0: success */
    const char *password; /* NULL: the puppet's */
    bool unsigned_, unmapped;
} reply;

static void respond(const uint8_t *transaction, uint32_t socket, const char *from, reply r) {
    dx_stun_writer writer;
    dx_net_address mapped = at("192.0.2.1:5000");
    dx_stun_begin(&writer, r.error ? DX_STUN_ERROR : DX_STUN_SUCCESS, DX_STUN_BINDING, transaction);
    if (r.error) {
        dx_stun_add_error(&writer, r.error);
    } else if (!r.unmapped) {
        dx_stun_add_mapped(&writer, &mapped);
    }
    if (!r.unsigned_) {
        dx_stun_add_integrity(&writer, dx_bytes_text(r.password ? r.password : puppet_password));
    }
    dx_stun_add_fingerprint(&writer);
    deliver(socket, from, dx_stun_written(&writer));
    look();
}

static const char *state_of_pair(size_t index) {
    static dx_ice_pair pair;
    return dx_ice_pair_at(s.ice, index, &pair) ? pair.state : "none";
}

/* One pair that is being checked: socket 1, 192.0.2.1:5000 to 192.0.2.9:9000; its transaction. */
static dx_stun_message begin(bool controlling) {
    open(controlling);
    add_local(1, "192.0.2.1:5000");
    set_remote();
    add_remote("192.0.2.9:9000", 1000);
    look();
    return check_sent();
}

/* --- Options and addresses ---------------------------------------------------------------------------------- */

static void test_options(void **state) {
    (void)state;
    dx_ice_options options = usual(true);
    open(true);
    dx_ice *other = NULL;
    for (int i = 0; i < 4; i++) {
        options = usual(true);
        options.pacing_ms = i == 0 ? DX_ICE_PACING_MIN_MS - 1 : i == 1 ? 1001 : 0;
        options.server_count = i == 2 ? DX_ICE_SERVERS_MAX + 1 : i == 3; /* the one is no address */
        assert_int_equal(dx_ice_create(&options, &other), DX_E_INVALID);
        assert_null(other);
    }
    options = usual(true);
    s.alloc.fail_at = s.alloc.calls + 1;
    assert_int_equal(dx_ice_create(&options, &other), DX_E_NO_MEMORY);
    assert_null(other);
    dx_ice_destroy(NULL);
    assert_int_equal(strlen(dx_ice_ufrag(s.ice)), DX_ICE_UFRAG_SIZE);
    assert_int_equal(strlen(dx_ice_password(s.ice)), DX_ICE_PASSWORD_SIZE);
    assert_int_equal(dx_ice_state_of(s.ice), DX_ICE_WAITING);
    assert_int_equal(dx_ice_deadline(s.ice), DX_NO_DEADLINE);
    close();
}

static void test_memory_is_taken_once(void **state) {
    (void)state;
    begin(true);
    s.alloc.fail_at = 1; /* nothing can be had any more, and nothing is wanted */
    s.alloc.sticky = true;
    add_local(2, "192.0.2.2:5000");
    ask(1, "192.0.2.10:1", (request){.role = DX_STUN_CONTROLLED});
    dx_ice_restart(s.ice, s.now_ms);
    live(30000);
    assert_int_equal(s.alloc.calls, 1);
    close();
}

static void test_locals(void **state) {
    (void)state;
    static const char *const unusable[] = {"0.0.0.0:1", "192.0.2.1:0", "224.0.0.1:1", "[::]:1"};
    open(true);
    for (size_t i = 0; i < sizeof unusable / sizeof *unusable; i++) {
        dx_net_address address = at(unusable[i]);
        assert_int_equal(dx_ice_add_local(s.ice, NOW, 1, &address), DX_E_INVALID);
    }
    dx_net_address address = at("192.0.2.1:5000");
    for (uint32_t i = 0; i < DX_ICE_LOCALS_MAX; i++) {
        assert_int_equal(dx_ice_add_local(s.ice, NOW, i, &address), DX_OK);
        assert_int_equal(dx_ice_add_local(s.ice, NOW, i, &address), DX_E_EXISTS);
    }
    assert_int_equal(dx_ice_add_local(s.ice, NOW, 99, &address), DX_E_LIMIT);
    dx_ice_remove_local(s.ice, NOW, 98);
    assert_int_equal(dx_ice_add_local(s.ice, NOW, 99, &address), DX_E_LIMIT);
    dx_ice_remove_local(s.ice, NOW, 3);
    assert_int_equal(dx_ice_add_local(s.ice, NOW, 99, &address), DX_OK);
    close();
}

static void test_candidates_are_told(void **state) {
    (void)state;
    open(true);
    add_local(1, "192.0.2.1:5000");
    add_local(2, "192.0.2.1:5001");
    add_local(3, "[2001:db8::1]:5000");
    look();
    assert_int_equal(s.line_count, 3);
    assert_int_equal(s.end_count, 0);
    dx_candidate candidates[3];
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(dx_candidate_parse(dx_bytes_text(s.lines[i]), &candidates[i]), DX_OK);
        assert_int_equal(candidates[i].type, DX_CANDIDATE_HOST);
        assert_string_equal(candidates[i].ufrag, dx_ice_ufrag(s.ice));
    }
    assert_string_equal(candidates[0].foundation, candidates[1].foundation); /* one host */
    assert_string_not_equal(candidates[0].foundation, candidates[2].foundation);
    assert_true(candidates[2].priority > candidates[0].priority); /* IPv6 first */
    assert_int_not_equal(candidates[0].priority, candidates[1].priority);
    look();
    assert_int_equal(s.line_count, 0);
    dx_ice_end_local(s.ice, NOW);
    look();
    assert_int_equal(s.end_count, 1);
    add_local(4, "192.0.2.4:5000"); /* late, and told all the same */
    look();
    assert_int_equal(s.line_count, 1);
    assert_int_equal(s.end_count, 0);
    close();
}

/* --- STUN servers ------------------------------------------------------------------------------------------------ */

static void open_with_server(void) {
    dx_ice_options options = usual(true);
    options.servers[0] = at("198.51.100.1:3478");
    options.server_count = 1;
    open_with(&options);
    add_local(1, "10.0.0.1:5000");
    dx_ice_end_local(s.ice, s.now_ms);
    look();
    assert_int_equal(s.sent_count, 1);
}

static void answer_gather(const char *from, const char *mapped, dx_stun_class class) {
    dx_stun_writer writer;
    dx_net_address address = at(mapped);
    dx_stun_begin(&writer, class, DX_STUN_BINDING, decoded(0).transaction);
    dx_stun_add_mapped(&writer, &address);
    deliver(1, from, dx_stun_written(&writer));
    look();
}

static void test_a_server_answers(void **state) {
    (void)state;
    open_with_server();
    assert_int_equal(s.end_count, 0);
    dx_stun_message asked = decoded(0);
    assert_false(asked.has_username);
    assert_int_equal(asked.integrity_at, 0);
    answer_gather("198.51.100.1:3478", "203.0.113.7:40000", DX_STUN_SUCCESS);
    assert_int_equal(s.line_count, 1);
    assert_int_equal(s.end_count, 1);
    dx_candidate candidate;
    dx_net_address mapped = at("203.0.113.7:40000"), base = at("10.0.0.1:5000");
    assert_int_equal(dx_candidate_parse(dx_bytes_text(s.lines[0]), &candidate), DX_OK);
    assert_int_equal(candidate.type, DX_CANDIDATE_SERVER_REFLEXIVE);
    assert_true(dx_net_address_equal(&candidate.address, &mapped));
    assert_true(dx_net_address_equal(&candidate.related, &base));
    close();
}

static void test_what_a_server_may_not_say(void **state) {
    (void)state;
    static const struct {
        const char *from, *mapped;
        dx_stun_class class;
        size_t lines, ends;
    } rows[] = {
        {"198.51.100.2:3478", "203.0.113.7:1", DX_STUN_SUCCESS, 0, 0}, /* from elsewhere: not an answer */
        {"198.51.100.1:3478", "10.0.0.1:5000", DX_STUN_SUCCESS, 0, 1}, /* there is no NAT: redundant */
        {"198.51.100.1:3478", "224.0.0.1:1", DX_STUN_SUCCESS, 0, 1},
        {"198.51.100.1:3478", "[2001:db8::1]:1", DX_STUN_SUCCESS, 0, 1},
        {"198.51.100.1:3478", "203.0.113.7:1", DX_STUN_ERROR, 0, 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        open_with_server();
        answer_gather(rows[i].from, rows[i].mapped, rows[i].class);
        assert_int_equal(s.line_count, rows[i].lines);
        assert_int_equal(s.end_count, rows[i].ends);
        close();
    }
}

static void test_a_silent_server_is_given_up(void **state) {
    (void)state;
    open_with_server();
    unsigned sends = 1;
    uint64_t began_ms = s.now_ms;
    dx_stun_message first = decoded(0);
    uint8_t transaction[DX_STUN_TRANSACTION_SIZE];
    memcpy(transaction, first.transaction, sizeof transaction);
    while (dx_ice_deadline(s.ice) != DX_NO_DEADLINE) {
        s.now_ms = dx_ice_deadline(s.ice);
        dx_ice_tick(s.ice, s.now_ms);
        look();
        for (size_t i = 0; i < s.sent_count; i++, sends++) {
            assert_memory_equal(decoded(i).transaction, transaction, sizeof transaction);
        }
    }
    assert_int_equal(sends, 7);
    assert_int_equal(s.now_ms - began_ms, 13500);
    assert_int_equal(s.end_count, 1);
    close();
}

/* One whose name was looked up meanwhile: the end is not told before it has answered. */
static void test_a_server_comes_later(void **state) {
    (void)state;
    dx_ice_options options = usual(true);
    open_with(&options);
    add_local(1, "10.0.0.1:5000");
    add_local(2, "127.0.0.1:5000"); /* from which it cannot be asked */
    look();
    assert_int_equal(s.sent_count, 0);
    dx_net_address server = at("198.51.100.1:3478"), none = at("0.0.0.0:1");
    assert_int_equal(dx_ice_add_server(s.ice, s.now_ms, &none), DX_E_INVALID);
    assert_int_equal(dx_ice_add_server(s.ice, s.now_ms, &server), DX_OK);
    assert_int_equal(dx_ice_add_server(s.ice, s.now_ms, &server), DX_E_EXISTS);
    dx_ice_end_local(s.ice, s.now_ms);
    look();
    assert_int_equal(s.sent_count, 1);
    assert_int_equal(s.end_count, 0);
    answer_gather("198.51.100.1:3478", "203.0.113.7:40000", DX_STUN_SUCCESS);
    assert_int_equal(s.line_count, 1);
    assert_int_equal(s.end_count, 1);
    for (uint16_t i = 1; i <= DX_ICE_SERVERS_MAX; i++) {
        server.port = i;
        assert_int_equal(dx_ice_add_server(s.ice, s.now_ms, &server),
                         i < DX_ICE_SERVERS_MAX ? DX_OK : DX_E_LIMIT);
    }
    close();
}

static void test_who_is_not_asked(void **state) {
    (void)state;
    dx_ice_options options = usual(true);
    options.servers[0] = at("198.51.100.1:3478");
    options.servers[1] = at("[2001:db8::1]:3478");
    options.server_count = 2;
    open_with(&options);
    add_local(1, "127.0.0.1:1");
    add_local(2, "[fe80::1]:1");
    add_local(3, "169.254.0.1:1");
    dx_ice_end_local(s.ice, s.now_ms);
    look();
    assert_int_equal(s.sent_count, 0);
    assert_int_equal(s.end_count, 1);
    close();
}

/* --- The other side's word ---------------------------------------------------------------------------------------- */

static void test_credentials_of_every_form(void **state) {
    (void)state;
    static char longest[300];
    memset(longest, 'a', sizeof longest);
    const struct {
        dx_bytes ufrag, password;
        int result;
    } rows[] = {
        {dx_bytes_text("abc"), dx_bytes_text(puppet_password), DX_E_INVALID},
        {dx_bytes_text("ab:d"), dx_bytes_text(puppet_password), DX_E_INVALID},
        {dx_bytes_of(longest, 257), dx_bytes_text(puppet_password), DX_E_INVALID},
        {dx_bytes_text("abcd"), dx_bytes_of(longest, 21), DX_E_INVALID},
        {dx_bytes_text("abcd"), dx_bytes_of(longest, 257), DX_E_INVALID},
        {{0}, {0}, DX_E_INVALID},
        {dx_bytes_of(longest, 256), dx_bytes_of(longest, 256), DX_OK},
        {dx_bytes_text("abcd"), dx_bytes_of(longest, 22), DX_OK},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        open(true);
        dx_ice_remote remote = {rows[i].ufrag, rows[i].password, false, 0, false};
        assert_int_equal(dx_ice_set_remote(s.ice, NOW, &remote), rows[i].result);
        assert_int_equal(dx_ice_state_of(s.ice), rows[i].result == DX_OK ? DX_ICE_CHECKING : DX_ICE_WAITING);
        add_local(1, "192.0.2.1:5000");
        add_remote("192.0.2.9:9000", 1); /* the longest name fits a datagram */
        look();
        close();
    }
}

static void test_remote_candidates(void **state) {
    (void)state;
    open(true);
    add_local(1, "192.0.2.1:5000");
    assert_int_equal(dx_ice_add_remote(s.ice, NOW, dx_bytes_text("nonsense")), DX_E_MALFORMED);
    assert_int_equal(dx_ice_add_remote(s.ice, NOW, dx_bytes_text("candidate:1 1 udp 1 x.local 1 typ host")),
                     DX_OK);
    assert_int_equal(dx_ice_add_remote(s.ice, NOW, dx_bytes_text("candidate:1 1 tcp 1 192.0.2.9 9 typ host")),
                     DX_OK);
    assert_string_equal(state_of_pair(0), "none");
    char line[128];
    for (int i = 0; i < DX_ICE_REMOTES_MAX; i++) {
        snprintf(line, sizeof line, "candidate:%d 1 udp %d 192.0.2.9 %d typ host", i, i + 1, i + 1);
        assert_int_equal(dx_ice_add_remote(s.ice, NOW, dx_bytes_text(line)), DX_OK);
        assert_int_equal(dx_ice_add_remote(s.ice, NOW, dx_bytes_text(line)), DX_OK); /* known */
    }
    assert_int_equal(
        dx_ice_add_remote(s.ice, NOW, dx_bytes_text("candidate:x 1 udp 9 192.0.2.9 999 typ host")),
        DX_E_LIMIT);
    assert_string_equal(state_of_pair(DX_ICE_REMOTES_MAX - 1), "frozen");
    assert_string_equal(state_of_pair(DX_ICE_REMOTES_MAX), "none");
    look();
    assert_int_equal(s.sent_count, 0); /* kept for the credentials */
    set_remote();
    look();
    assert_int_equal(s.sent_count, 1);
    close();
}

static void test_candidates_of_another_generation(void **state) {
    (void)state;
    open(true);
    add_local(1, "192.0.2.1:5000");
    set_remote();
    assert_int_equal(
        dx_ice_add_remote(s.ice, NOW, dx_bytes_text("candidate:1 1 udp 1 192.0.2.9 1 typ host ufrag othe")),
        DX_OK);
    assert_string_equal(state_of_pair(0), "none");
    assert_int_equal(
        dx_ice_add_remote(s.ice, NOW, dx_bytes_text("candidate:1 1 udp 1 192.0.2.9 1 typ host ufrag pupp")),
        DX_OK);
    assert_string_equal(state_of_pair(0), "checking");
    dx_ice_restart(s.ice, NOW);
    assert_int_equal(
        dx_ice_add_remote(s.ice, NOW, dx_bytes_text("candidate:1 1 udp 1 192.0.2.9 1 typ host ufrag pupp")),
        DX_OK);
    assert_string_equal(state_of_pair(0), "none"); /* late, of before */
    assert_int_equal(
        dx_ice_add_remote(s.ice, NOW, dx_bytes_text("candidate:1 1 udp 1 192.0.2.9 1 typ host ufrag newx")),
        DX_OK);
    assert_string_equal(state_of_pair(0), "frozen");
    close();
}

static void test_who_can_reach_whom(void **state) {
    (void)state;
    static const struct {
        const char *local, *remote;
        bool reaches;
    } rows[] = {
        {"192.0.2.1:1", "192.0.2.9:1", true},
        {"192.0.2.1:1", "[2001:db8::9]:1", false},
        {"192.0.2.1:1", "127.0.0.1:1", false},
        {"127.0.0.1:1", "127.0.0.1:2", true},
        {"127.0.0.1:1", "192.0.2.9:1", false},
        {"[fe80::1]:1", "[fe80::2]:1", true},
        {"[fe80::1]:1", "[2001:db8::9]:1", false},
        {"[2001:db8::1]:1", "[fe80::2]:1", false},
        {"[2001:db8::1]:1", "[fd00::2]:1", true},
        {"169.254.0.1:1", "192.0.2.9:1", true},
        {"[::1]:1", "[::1]:2", true},
        {"10.0.0.1:1", "203.0.113.1:1", true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        open(true);
        add_local(1, rows[i].local);
        add_remote(rows[i].remote, 1);
        assert_string_equal(state_of_pair(0), rows[i].reaches ? "frozen" : "none");
        close();
        open(true); /* the other order */
        add_remote(rows[i].remote, 1);
        add_local(1, rows[i].local);
        assert_string_equal(state_of_pair(0), rows[i].reaches ? "frozen" : "none");
        close();
    }
}

static void test_the_best_hundred_pairs(void **state) {
    (void)state;
    open(true);
    for (uint32_t i = 0; i < DX_ICE_LOCALS_MAX; i++) {
        char address[32];
        snprintf(address, sizeof address, "192.0.2.%u:5000", i + 1);
        add_local(i, address);
    }
    for (uint32_t i = 0; i < DX_ICE_REMOTES_MAX; i++) {
        char address[32];
        snprintf(address, sizeof address, "192.0.2.100:%u", i + 1);
        add_remote(address, i + 1);
    }
    dx_ice_pair pair;
    uint64_t last = UINT64_MAX;
    size_t count = 0;
    for (; dx_ice_pair_at(s.ice, count, &pair); count++) {
        assert_true(pair.priority < last);
        assert_true(pair.remote.port >= DX_ICE_REMOTES_MAX - DX_ICE_PAIRS_MAX / DX_ICE_LOCALS_MAX);
        last = pair.priority;
    }
    assert_int_equal(count, DX_ICE_PAIRS_MAX);
    close();
}

/* --- Requests -------------------------------------------------------------------------------------------------------- */

static void test_strangers_are_not_answered_and_cost_nothing(void **state) {
    (void)state;
    static const request rows[] = {
        {.to = "nobody", .role = DX_STUN_CONTROLLED},
        {.password = "wrongwrongwrongwrongwrong", .role = DX_STUN_CONTROLLED},
        {.unsigned_ = true, .role = DX_STUN_CONTROLLED},
        {.unsigned_ = true, .unknown = true},
        {.password = "wrongwrongwrongwrongwrong", .role = DX_STUN_CONTROLLING}, /* nor is a role settled */
    };
    open(true);
    add_local(1, "192.0.2.1:5000");
    look();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ask(1, "192.0.2.66:6", rows[i]);
        assert_int_equal(s.sent_count, 0);
        assert_string_equal(state_of_pair(0), "none");
        assert_true(dx_ice_is_controlling(s.ice));
    }
    request good = {.role = DX_STUN_CONTROLLED};
    dx_stun_writer writer;
    ask(2, "192.0.2.66:6", good); /* no such socket */
    assert_int_equal(s.sent_count, 0);
    ask(1, "224.0.0.1:6", good); /* nobody to answer */
    assert_int_equal(s.sent_count, 0);
    dx_bytes datagram = write_request(&good, &writer);
    deliver(1, "192.0.2.66:6", (dx_bytes){datagram.data, datagram.size - 1});
    deliver(1, "192.0.2.66:6", dx_bytes_text("no STUN at all"));
    writer.bytes[1] = 3; /* another method: its integrity and fingerprint are wrong, too */
    deliver(1, "192.0.2.66:6", datagram);
    dx_stun_begin(&writer, DX_STUN_INDICATION, DX_STUN_BINDING, (const uint8_t *)"abcdefghijkl");
    deliver(1, "192.0.2.66:6", dx_stun_written(&writer));
    dx_stun_begin(&writer, DX_STUN_SUCCESS, DX_STUN_BINDING, (const uint8_t *)"abcdefghijkl");
    deliver(1, "192.0.2.66:6", dx_stun_written(&writer));
    dx_stun_begin(&writer, DX_STUN_REQUEST, DX_STUN_BINDING, (const uint8_t *)"abcdefghijkl");
    deliver(1, "192.0.2.66:6", dx_stun_written(&writer)); /* no name */
    look();
    assert_int_equal(s.sent_count, 0);
    assert_string_equal(state_of_pair(0), "none");
    close();
}

static void test_an_early_check_is_answered_and_remembered(void **state) {
    (void)state;
    open(true);
    add_local(1, "192.0.2.1:5000");
    ask(1, "203.0.113.5:7777", (request){.role = DX_STUN_CONTROLLED});
    assert_int_equal(s.sent_count, 1);
    dx_stun_message answer = decoded(0);
    dx_net_address sender = at("203.0.113.5:7777");
    assert_int_equal(answer.class, DX_STUN_SUCCESS);
    assert_true(dx_net_address_equal(&answer.mapped, &sender));
    assert_true(answer.has_fingerprint);
    assert_int_equal(dx_stun_verify(&answer, dx_bytes_text(dx_ice_password(s.ice))), DX_OK);
    assert_true(dx_net_address_equal(&s.sent[0].to, &sender));
    assert_int_equal(dx_ice_state_of(s.ice), DX_ICE_WAITING);
    set_remote();
    look();
    dx_stun_message check = check_sent(); /* the first of all, since it was triggered */
    assert_true(dx_net_address_equal(&s.sent[find_check()].to, &sender));
    assert_int_equal(dx_stun_verify(&check, dx_bytes_text(puppet_password)), DX_OK);
    dx_ice_pair pair;
    assert_true(dx_ice_pair_at(s.ice, 0, &pair));
    assert_int_equal(pair.remote_type, DX_CANDIDATE_PEER_REFLEXIVE);
    add_remote("203.0.113.5:7777", 5000); /* now it is told, too: known by its true name */
    assert_true(dx_ice_pair_at(s.ice, 0, &pair));
    assert_int_equal(pair.remote_type, DX_CANDIDATE_HOST);
    assert_int_equal(pair.checks_received, 1);
    close();
}

static void test_a_check_of_ours(void **state) {
    (void)state;
    dx_stun_message check = begin(true);
    char name[64];
    snprintf(name, sizeof name, "%s:%s", puppet_ufrag, dx_ice_ufrag(s.ice));
    assert_true(dx_bytes_equal(check.username, dx_bytes_text(name)));
    assert_int_equal(check.role, DX_STUN_CONTROLLING);
    assert_false(check.use_candidate);
    assert_true(check.has_fingerprint);
    assert_int_equal(check.priority >> 24, 110); /* as a peer-reflexive candidate */
    assert_int_equal(dx_stun_verify(&check, dx_bytes_text(puppet_password)), DX_OK);
    close();
    assert_int_equal(begin(false).role, DX_STUN_CONTROLLED);
    close();
}

static void test_unknown_attributes_are_refused(void **state) {
    (void)state;
    open(true);
    add_local(1, "192.0.2.1:5000");
    ask(1, "192.0.2.9:9000", (request){.role = DX_STUN_CONTROLLED, .unknown = true});
    dx_stun_message answer = decoded(0);
    assert_int_equal(answer.class, DX_STUN_ERROR);
    assert_int_equal(answer.error_code, DX_STUN_UNKNOWN_ATTRIBUTE);
    assert_int_equal(dx_stun_verify(&answer, dx_bytes_text(dx_ice_password(s.ice))), DX_OK);
    assert_string_equal(state_of_pair(0), "none");
    close();
}

static void test_role_conflicts_in_requests(void **state) {
    (void)state;
    static const struct {
        bool controlling;
        dx_stun_role role;
        uint64_t tie_breaker;
        int error;
        bool controls_after;
    } rows[] = {
        {true, DX_STUN_CONTROLLING, 0, DX_STUN_ROLE_CONFLICT, true},
        {true, DX_STUN_CONTROLLING, UINT64_MAX, 0, false},
        {false, DX_STUN_CONTROLLED, 0, 0, true},
        {false, DX_STUN_CONTROLLED, UINT64_MAX, DX_STUN_ROLE_CONFLICT, false},
        {true, DX_STUN_CONTROLLED, UINT64_MAX, 0, true},
        {false, DX_STUN_CONTROLLING, 0, 0, false},
        {true, DX_STUN_NO_ROLE, 0, 0, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        open(rows[i].controlling);
        add_local(1, "192.0.2.1:5000");
        ask(1, "192.0.2.9:9000", (request){.role = rows[i].role, .tie_breaker = rows[i].tie_breaker});
        assert_int_equal(decoded(0).error_code, rows[i].error);
        assert_int_equal(dx_ice_is_controlling(s.ice), rows[i].controls_after);
        assert_string_equal(state_of_pair(0), rows[i].error ? "none" : "waiting");
        close();
    }
}

/* --- Answers ---------------------------------------------------------------------------------------------------------- */

static void test_an_answer_and_its_nomination(void **state) {
    (void)state;
    dx_stun_message check = begin(true);
    s.now_ms += 30;
    respond(check.transaction, 1, "192.0.2.9:9000", (reply){0});
    assert_string_equal(state_of_pair(0), "works");
    uint32_t socket = 0;
    dx_net_address to;
    assert_true(dx_ice_path(s.ice, &socket, &to)); /* before the nomination */
    assert_int_equal(s.selected_count, 0);
    dx_stun_message nomination = check_sent();
    assert_true(nomination.use_candidate);
    s.now_ms += 30;
    respond(nomination.transaction, 1, "192.0.2.9:9000", (reply){0});
    assert_int_equal(s.selected_count, 1);
    assert_int_equal(s.selected.rtt_ms, 30);
    assert_int_equal(s.selected.socket, 1);
    assert_int_equal(s.selected.answers_received, 2);
    assert_true(s.selected.selected);
    assert_int_equal(dx_ice_state_of(s.ice), DX_ICE_CONNECTED);
    respond(nomination.transaction, 1, "192.0.2.9:9000", (reply){0}); /* once more: nothing */
    assert_int_equal(s.selected_count, 0);
    close();
}

static void test_answers_that_do_not_count(void **state) {
    (void)state;
    static const struct {
        reply r;
        const char *from;
        const char *state_after;
    } rows[] = {
        {{.password = "wrongwrongwrongwrongwrong"}, "192.0.2.9:9000", "checking"},
        {{.unsigned_ = true}, "192.0.2.9:9000", "checking"},
        {{.unsigned_ = true, .error = 400}, "192.0.2.9:9000", "checking"},
        {{.unsigned_ = true, .error = 487}, "192.0.2.9:9000", "checking"},
        {{.unmapped = true}, "192.0.2.9:9000", "checking"},
        {{.error = 400}, "192.0.2.9:9000", "failed"},
        {{0}, "192.0.2.9:9001", "failed"}, /* §7.2.5.2.1: from elsewhere */
        {{0}, "192.0.2.10:9000", "failed"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        dx_stun_message check = begin(true);
        respond(check.transaction, 1, rows[i].from, rows[i].r);
        assert_string_equal(state_of_pair(0), rows[i].state_after);
        assert_true(dx_ice_is_controlling(s.ice));
        respond(check.transaction, 2, "192.0.2.9:9000", (reply){0}); /* by another socket */
        assert_string_equal(state_of_pair(0), rows[i].state_after);
        close();
    }
}

static void test_a_conflict_in_an_answer(void **state) {
    (void)state;
    dx_stun_message check = begin(true);
    uint64_t tie_breaker = check.tie_breaker;
    s.now_ms += 100;
    respond(check.transaction, 1, "192.0.2.9:9000", (reply){.error = DX_STUN_ROLE_CONFLICT});
    assert_false(dx_ice_is_controlling(s.ice));
    dx_stun_message again = check_sent();
    assert_int_equal(again.role, DX_STUN_CONTROLLED);
    assert_true(again.tie_breaker != tie_breaker);
    /* Told twice it does not turn back. */
    respond(check.transaction, 1, "192.0.2.9:9000", (reply){.error = DX_STUN_ROLE_CONFLICT});
    assert_false(dx_ice_is_controlling(s.ice));
    close();
}

static void test_an_answer_to_a_replaced_question(void **state) {
    (void)state;
    dx_stun_message check = begin(true);
    uint8_t first[DX_STUN_TRANSACTION_SIZE];
    memcpy(first, check.transaction, sizeof first);
    s.now_ms += 100;
    ask(1, "192.0.2.9:9000", (request){.role = DX_STUN_CONTROLLED}); /* triggers a new one */
    dx_stun_message second = check_sent();
    assert_memory_not_equal(second.transaction, first, sizeof first);
    respond(first, 1, "192.0.2.9:9000", (reply){0});
    assert_string_equal(state_of_pair(0), "works");
    close();
}

static void test_patience_of_a_check(void **state) {
    (void)state;
    static const uint64_t offsets_ms[] = {0, 500, 1500, 3500, 5500, 7500, 9500};
    dx_stun_message check = begin(true);
    uint8_t transaction[DX_STUN_TRANSACTION_SIZE];
    memcpy(transaction, check.transaction, sizeof transaction);
    for (size_t i = 1; i < 7; i++) {
        assert_int_equal(dx_ice_deadline(s.ice), NOW + offsets_ms[i]);
        s.now_ms = NOW + offsets_ms[i];
        pass(0);
        look();
        assert_memory_equal(check_sent().transaction, transaction, sizeof transaction);
    }
    pass(3999);
    assert_string_equal(state_of_pair(0), "checking");
    pass(1);
    assert_string_equal(state_of_pair(0), "failed");
    close();
}

static void test_pace(void **state) {
    (void)state;
    static const struct {
        uint32_t own_ms, theirs_ms, pace_ms;
    } rows[] = {{0, 0, 50},    {0, 20, 20},     {5, 5, 5},       {0, 5, 20},
                {5, 100, 100}, {1000, 5, 1000}, {5, 60000, 1000}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        dx_ice_options options = usual(true);
        options.pacing_ms = rows[i].own_ms;
        open_with(&options);
        add_local(1, "192.0.2.1:5000");
        for (uint32_t j = 0; j < 8; j++) {
            char address[32];
            snprintf(address, sizeof address, "192.0.2.100:%u", j + 1);
            add_remote(address, j + 1);
        }
        dx_ice_remote remote = {dx_bytes_text(puppet_ufrag), dx_bytes_text(puppet_password), false,
                                rows[i].theirs_ms, false};
        assert_int_equal(dx_ice_set_remote(s.ice, s.now_ms, &remote), DX_OK);
        look();
        assert_int_equal(s.sent_count, 1); /* the first at once */
        assert_int_equal(dx_ice_deadline(s.ice), s.now_ms + (rows[i].pace_ms < 500 ? rows[i].pace_ms : 500));
        pass(rows[i].pace_ms - 1);
        look();
        unsigned repeated = rows[i].pace_ms > 500; /* the first once more */
        assert_int_equal(s.sent_count, repeated);
        pass(1);
        look();
        assert_true(s.sent_count >= 1);
        assert_int_equal(s.sent[s.sent_count - 1].to.port, 7); /* the best first */
        close();
    }
}

/* Pairs alike in kind are tried one after the other; when one works, the rest of its kind are let go (§7.2.5.3.3). */
static void test_frozen_pairs_wait_for_their_like(void **state) {
    (void)state;
    open(true);
    add_local(1, "192.0.2.1:5000");
    for (uint16_t port = 1; port <= 3; port++) {
        dx_candidate candidate = {.type = DX_CANDIDATE_HOST,
                                  .priority = 100u - port,
                                  .address = at("192.0.2.9:1"),
                                  .foundation = "same"};
        candidate.address.port = port;
        assert_int_equal(dx_ice_add_remote_candidate(s.ice, s.now_ms, &candidate), DX_OK);
    }
    set_remote();
    look();
    dx_stun_message check = check_sent();
    uint8_t transaction[DX_STUN_TRANSACTION_SIZE];
    memcpy(transaction, check.transaction, sizeof transaction);
    pass(100);
    assert_string_equal(state_of_pair(1), "frozen");
    respond(transaction, 1, "192.0.2.9:1", (reply){0});
    assert_string_equal(state_of_pair(0), "works");
    assert_string_not_equal(state_of_pair(1), "frozen");
    close();
}

/* --- Being controlled ----------------------------------------------------------------------------------------------------- */

/* A controlled agent with two pairs that work, the better one first; neither is nominated. */
static void begin_two_working(void) {
    open(false);
    add_local(1, "192.0.2.1:5000");
    set_remote();
    add_remote("192.0.2.9:9000", 2000);
    add_remote("192.0.2.10:9000", 1000);
    look();
    dx_stun_message check = check_sent();
    uint8_t first[DX_STUN_TRANSACTION_SIZE];
    memcpy(first, check.transaction, sizeof first);
    pass(20);
    look();
    dx_stun_message second = check_sent();
    uint8_t other[DX_STUN_TRANSACTION_SIZE];
    memcpy(other, second.transaction, sizeof other);
    respond(first, 1, "192.0.2.9:9000", (reply){0});
    respond(other, 1, "192.0.2.10:9000", (reply){0});
    assert_string_equal(state_of_pair(0), "works");
    assert_string_equal(state_of_pair(1), "works");
}

static const request nominate = {.role = DX_STUN_CONTROLLING, .use_candidate = true};

static void test_the_controlled_side_waits_to_be_told(void **state) {
    (void)state;
    begin_two_working();
    live(2000);
    assert_int_equal(s.selected_count, 0);
    ask(1, "192.0.2.10:9000", nominate);
    assert_int_equal(s.selected_count, 1);
    dx_net_address chosen = at("192.0.2.10:9000");
    assert_true(dx_net_address_equal(&s.selected.remote, &chosen));
    close();
}

static void test_a_nomination_before_the_answer(void **state) {
    (void)state;
    dx_stun_message check = begin(false);
    uint8_t transaction[DX_STUN_TRANSACTION_SIZE];
    memcpy(transaction, check.transaction, sizeof transaction);
    ask(1, "192.0.2.9:9000", nominate);
    assert_int_equal(s.selected_count, 0);
    respond(transaction, 1, "192.0.2.9:9000", (reply){0});
    assert_int_equal(s.selected_count, 1);
    close();
}

/* What aggressive and changing controllers do (RFC 5245; libwebrtc): the better pair wins, a worse one only when the
 * better is no longer marked. */
static void test_several_nominations(void **state) {
    (void)state;
    begin_two_working();
    ask(1, "192.0.2.10:9000", nominate);
    ask(1, "192.0.2.9:9000", nominate);
    assert_int_equal(s.selected_count, 1); /* better */
    s.now_ms += 2900;
    ask(1, "192.0.2.10:9000", nominate);
    assert_int_equal(s.selected_count, 0); /* worse, too soon */
    s.now_ms += 200;
    ask(1, "192.0.2.10:9000", nominate);
    assert_int_equal(s.selected_count, 1); /* it has changed its mind */
    dx_net_address chosen = at("192.0.2.10:9000");
    assert_true(dx_net_address_equal(&s.selected.remote, &chosen));
    close();
}

static void test_a_lite_peer_is_controlled(void **state) {
    (void)state;
    open(false);
    add_local(1, "192.0.2.1:5000");
    dx_ice_remote remote = {dx_bytes_text(puppet_ufrag), dx_bytes_text(puppet_password), true, 20, false};
    assert_int_equal(dx_ice_set_remote(s.ice, s.now_ms, &remote), DX_OK);
    assert_true(dx_ice_is_controlling(s.ice));
    add_remote("192.0.2.9:9000", 1000);
    look();
    dx_stun_message check = check_sent();
    assert_int_equal(check.role, DX_STUN_CONTROLLING);
    s.now_ms += 100;
    respond(check.transaction, 1, "192.0.2.9:9000", (reply){0});
    respond(check_sent().transaction, 1, "192.0.2.9:9000", (reply){0});
    assert_int_equal(s.selected_count, 1);
    close();
}

/* --- Consent ----------------------------------------------------------------------------------------------------------------- */

/* Connects: the nomination is answered as soon as it is asked. */
static void connect(void) {
    dx_stun_message check = begin(true);
    respond(check.transaction, 1, "192.0.2.9:9000", (reply){0});
    while (find_check() < 0) {
        s.now_ms = dx_ice_deadline(s.ice);
        dx_ice_tick(s.ice, s.now_ms);
        look();
    }
    respond(check_sent().transaction, 1, "192.0.2.9:9000", (reply){0});
    assert_int_equal(s.selected_count, 1);
}

/* Time goes on, and the puppet consents. */
static void consent_for(uint64_t span_ms, const char *password) {
    for (uint64_t until_ms = s.now_ms + span_ms; s.now_ms < until_ms;) {
        uint64_t due_ms = dx_ice_deadline(s.ice);
        s.now_ms = due_ms < until_ms ? due_ms : until_ms;
        dx_ice_tick(s.ice, s.now_ms);
        look();
        if (find_check() >= 0) {
            respond(check_sent().transaction, 1, "192.0.2.9:9000", (reply){.password = password});
        }
    }
}

static void test_consent_is_asked_at_odd_times(void **state) {
    (void)state;
    connect();
    uint64_t shortest = UINT64_MAX, longest = 0;
    uint8_t last[DX_STUN_TRANSACTION_SIZE] = {0};
    for (int i = 0; i < 200; i++) {
        uint64_t wait_ms = dx_ice_deadline(s.ice) - s.now_ms;
        shortest = wait_ms < shortest ? wait_ms : shortest;
        longest = wait_ms > longest ? wait_ms : longest;
        pass(wait_ms);
        look();
        dx_stun_message asked = check_sent();
        assert_false(asked.use_candidate);
        assert_memory_not_equal(asked.transaction, last, sizeof last);
        memcpy(last, asked.transaction, sizeof last);
        respond(asked.transaction, 1, "192.0.2.9:9000", (reply){0});
        assert_int_equal(s.selected_count, 0);
    }
    assert_in_range(shortest, 4000, 4100);
    assert_in_range(longest, 5900, 6000);
    close();
}

static void test_consent_lost(void **state) {
    (void)state;
    connect();
    uint64_t heard_ms = s.now_ms;
    live(DX_ICE_CONSENT_LOST_MS - 1);
    assert_int_equal(s.failed_count, 0);
    live(1);
    assert_int_equal(s.now_ms, heard_ms + DX_ICE_CONSENT_LOST_MS);
    assert_int_equal(s.failed_count, 1);
    assert_int_equal(s.reason, DX_ICE_CONSENT_LOST);
    uint32_t socket = 0;
    dx_net_address to;
    assert_false(dx_ice_path(s.ice, &socket, &to)); /* RFC 7675 §5.1: nothing more is sent */
    ask(1, "192.0.2.9:9000", (request){.role = DX_STUN_CONTROLLED});
    assert_int_equal(s.sent_count, 0);
    close();
}

/* A pair that answered a minute ago is chosen when it answers again: at once it would be lost at once. */
static void test_a_nomination_of_what_answered_long_ago(void **state) {
    (void)state;
    begin_two_working();
    ask(1, "192.0.2.9:9000", nominate);
    assert_int_equal(s.selected_count, 1);
    consent_for(2 * DX_ICE_CONSENT_LOST_MS, puppet_password);
    ask(1, "192.0.2.10:9000", nominate);
    assert_int_equal(s.failed_count + s.selected_count, 0);
    assert_int_equal(dx_ice_state_of(s.ice), DX_ICE_CONNECTED);
    dx_net_address other = at("192.0.2.10:9000");
    for (size_t i = 0;
         i < 10 && (find_check() < 0 || !dx_net_address_equal(&s.sent[find_check()].to, &other)); i++) {
        pass(20);
        look();
    }
    respond(check_sent().transaction, 1, "192.0.2.10:9000", (reply){0});
    assert_int_equal(s.selected_count, 1);
    assert_true(dx_net_address_equal(&s.selected.remote, &other));
    live(DX_ICE_CONSENT_LOST_MS - 1);
    assert_int_equal(s.failed_count, 0);
    close();
}

/* Who has seen one answer cannot give it again and again in the place of a peer that says nothing any more. */
static void test_consent_is_not_given_twice_by_one_answer(void **state) {
    (void)state;
    uint8_t late[DX_STUN_TRANSACTION_SIZE];
    connect();
    bool asked = false;
    for (int i = 0; i < 7; i++) { /* a question that is followed by another before it is answered */
        pass(1000);
        look();
        if (find_check() >= 0 && !asked) {
            memcpy(late, check_sent().transaction, sizeof late);
            asked = true;
        }
    }
    pass(4000);
    look();
    assert_true(asked && find_check() >= 0);
    assert_memory_not_equal(late, check_sent().transaction, sizeof late);
    uint64_t given_ms = s.now_ms;
    respond(late, 1, "192.0.2.9:9000", (reply){0}); /* late, and worth something */
    for (int i = 0; i < 40 && s.failed_count == 0; i++) {
        pass(1000);
        look();
        if (s.failed_count == 0) {
            respond(late, 1, "192.0.2.9:9000", (reply){0});
        }
    }
    assert_int_equal(s.failed_count, 1);
    assert_int_equal(s.reason, DX_ICE_CONSENT_LOST);
    assert_true(s.now_ms <= given_ms + DX_ICE_CONSENT_LOST_MS + 1000);
    close();
}

static void test_consent_is_not_given_by_strangers(void **state) {
    (void)state;
    connect();
    for (int i = 0; i < 40 && s.failed_count == 0; i++) {
        pass(1000);
        look();
        if (find_check() >= 0) {
            respond(check_sent().transaction, 1, "192.0.2.9:9000",
                    (reply){.password = "wrongwrongwrongwrongwrong"});
        }
    }
    assert_int_equal(s.failed_count, 1);
    assert_int_equal(s.reason, DX_ICE_CONSENT_LOST);
    close();
}

/* The other side shows up at a new address: it is checked, the old one is asked at once, and left when it is silent. */
static void test_a_new_address_puts_the_old_one_in_question(void **state) {
    (void)state;
    connect();
    s.now_ms += 500;
    ask(1, "192.0.2.77:7", (request){.role = DX_STUN_CONTROLLED});
    dx_stun_message check = check_sent();
    assert_int_equal(s.sent[find_check()].to.port, 7);
    s.now_ms += 10;
    respond(check.transaction, 1, "192.0.2.77:7", (reply){0});
    assert_int_equal(s.sent[find_check()].to.port, 9000); /* at once */
    s.now_ms += 1000;
    pass(0);
    look();
    dx_stun_message nomination = {0};
    for (size_t i = 0; i < s.sent_count; i++) {
        nomination = s.sent[i].to.port == 7 ? decoded(i) : nomination;
    }
    assert_true(nomination.use_candidate);
    respond(nomination.transaction, 1, "192.0.2.77:7", (reply){0});
    assert_int_equal(s.selected_count, 1);
    assert_int_equal(s.selected.remote.port, 7);
    close();
}

/* --- Restart ---------------------------------------------------------------------------------------------------------------------- */

static void test_credentials_of_both_generations(void **state) {
    (void)state;
    static const char new_ufrag[] = "newu", new_password[] = "newpuppetnewpuppetnewpupp";
    char old_ufrag[DX_ICE_UFRAG_SIZE + 1], old_password[DX_ICE_PASSWORD_SIZE + 1];
    connect();
    memcpy(old_ufrag, dx_ice_ufrag(s.ice), sizeof old_ufrag);
    memcpy(old_password, dx_ice_password(s.ice), sizeof old_password);
    request old = {.to = old_ufrag, .password = old_password, .role = DX_STUN_CONTROLLED};
    dx_ice_restart(s.ice, s.now_ms);
    look();
    assert_int_equal(s.line_count, 1); /* told again */
    ask(1, "192.0.2.9:9000", old);
    assert_int_equal(decoded(0).class, DX_STUN_SUCCESS);
    assert_int_equal(dx_ice_state_of(s.ice), DX_ICE_CONNECTED);
    set_remote(); /* the description of before once more: late, and ignored */
    dx_ice_remote remote = {dx_bytes_text(new_ufrag), dx_bytes_text(new_password), false, 20, false};
    assert_int_equal(dx_ice_set_remote(s.ice, s.now_ms, &remote), DX_OK);
    add_remote("192.0.2.9:9000", 1000);
    live(20);
    pass(500);
    look();
    dx_stun_message check = check_sent();
    assert_int_equal(dx_stun_verify(&check, dx_bytes_text(new_password)), DX_OK);
    respond(check.transaction, 1, "192.0.2.9:9000", (reply){.password = new_password});
    while (find_check() < 0 || !check_sent().use_candidate) {
        s.now_ms = dx_ice_deadline(s.ice);
        dx_ice_tick(s.ice, s.now_ms);
        look();
    }
    respond(check_sent().transaction, 1, "192.0.2.9:9000", (reply){.password = new_password});
    assert_int_equal(s.selected_count, 1);
    ask(1, "192.0.2.9:9000", old);
    assert_int_equal(decoded(0).class, DX_STUN_SUCCESS);
    consent_for(29000, new_password);
    ask(1, "192.0.2.78:8", old); /* answered, and followed no more */
    assert_int_equal(s.sent_count, 1);
    assert_string_equal(state_of_pair(1), "none");
    consent_for(1000, new_password);
    ask(1, "192.0.2.9:9000", old); /* forgotten */
    assert_int_equal(s.sent_count, 0);
    assert_int_equal(dx_ice_state_of(s.ice), DX_ICE_CONNECTED);
    close();
}

/* A NAT forgets while a restart is under way: the generation before is followed until the new one is in use. */
static void test_the_previous_generation_lives_on(void **state) {
    (void)state;
    connect();
    request old = {.to = dx_ice_ufrag(s.ice), .password = dx_ice_password(s.ice), .role = DX_STUN_CONTROLLED};
    dx_stun_writer writer;
    dx_net_address moved = at("192.0.2.77:7");
    dx_bytes datagram = write_request(&old, &writer);
    dx_ice_restart(s.ice, s.now_ms);
    s.now_ms += 100;
    deliver(1, "192.0.2.77:7", datagram);
    look();
    dx_stun_message check = check_sent();
    assert_true(dx_net_address_equal(&s.sent[find_check()].to, &moved));
    s.now_ms += 10;
    respond(check.transaction, 1, "192.0.2.77:7", (reply){0});
    assert_true(dx_ice_wants(s.ice, 1, &moved, dx_bytes_text("\x16\xfe\xfd")));
    for (int i = 0; i < 40 && s.selected_count == 0; i++) {
        pass(100);
        look();
        for (size_t j = 0; j < s.sent_count; j++) {
            if (s.sent[j].to.port == 7) {
                respond(decoded(j).transaction, 1, "192.0.2.77:7", (reply){0});
            }
        }
    }
    assert_int_equal(s.selected_count, 1);
    assert_int_equal(s.selected.remote.port, 7);
    close();
}

/* A nomination of before is answered after the restart: the pair is used, and keeps its credentials while it is. */
static void test_a_nomination_across_a_restart(void **state) {
    (void)state;
    dx_stun_message check = begin(true);
    s.now_ms += 100;
    respond(check.transaction, 1, "192.0.2.9:9000", (reply){0});
    dx_stun_message nomination = check_sent();
    uint8_t transaction[DX_STUN_TRANSACTION_SIZE];
    memcpy(transaction, nomination.transaction, sizeof transaction);
    dx_ice_restart(s.ice, s.now_ms);
    respond(transaction, 1, "192.0.2.9:9000", (reply){0});
    assert_int_equal(s.selected_count, 1);
    consent_for(2 * DX_ICE_CONSENT_LOST_MS, puppet_password);
    assert_int_equal(dx_ice_state_of(s.ice), DX_ICE_CONNECTED);
    close();
}

/* What was still to be checked before a restart is not checked after it. */
static void test_a_restart_ends_old_checks(void **state) {
    (void)state;
    connect();
    s.now_ms += 10;
    ask(1, "192.0.2.77:7", (request){.role = DX_STUN_CONTROLLED}); /* remembered, its turn has not come */
    dx_ice_restart(s.ice, s.now_ms);
    dx_ice_remote remote = {dx_bytes_text("newu"), dx_bytes_text("newpuppetnewpuppetnewpupp"), false, 20,
                            true};
    assert_int_equal(dx_ice_set_remote(s.ice, s.now_ms, &remote), DX_OK);
    for (int i = 0; i < 100; i++) {
        pass(20);
        look();
        for (size_t j = 0; j < s.sent_count; j++) {
            assert_int_not_equal(s.sent[j].to.port, 7);
        }
    }
    close();
}

/* The answer to an offer before the last, and then the right one: the second takes its place, and nobody chases. */
static void test_a_late_answer_is_replaced(void **state) {
    (void)state;
    open(true);
    add_local(1, "192.0.2.1:5000");
    char ufrag[DX_ICE_UFRAG_SIZE + 1];
    memcpy(ufrag, dx_ice_ufrag(s.ice), sizeof ufrag);
    dx_ice_remote late = {dx_bytes_text("late"), dx_bytes_text("latelatelatelatelatelate"), false, 20, true};
    dx_ice_remote right = {dx_bytes_text(puppet_ufrag), dx_bytes_text(puppet_password), false, 20, true};
    assert_int_equal(dx_ice_set_remote(s.ice, s.now_ms, &late), DX_OK);
    add_remote("192.0.2.8:8000", 1000);
    assert_int_equal(dx_ice_set_remote(s.ice, s.now_ms, &right), DX_OK);
    assert_string_equal(dx_ice_ufrag(s.ice), ufrag);
    assert_string_equal(state_of_pair(0), "none");
    s.now_ms += 100;
    add_remote("192.0.2.9:9000", 1000);
    look();
    dx_stun_message check = decoded(s.sent_count - 1);
    assert_int_equal(dx_stun_verify(&check, dx_bytes_text(puppet_password)), DX_OK);
    close();
}

static void test_the_other_side_restarts(void **state) {
    (void)state;
    connect();
    char old[DX_ICE_UFRAG_SIZE + 1];
    memcpy(old, dx_ice_ufrag(s.ice), sizeof old);
    set_remote();
    assert_string_equal(dx_ice_ufrag(s.ice), old); /* the same again */
    dx_ice_remote remote = {dx_bytes_text("othr"), dx_bytes_text(puppet_password), false, 0, false};
    assert_int_equal(dx_ice_set_remote(s.ice, s.now_ms, &remote), DX_OK);
    assert_string_not_equal(dx_ice_ufrag(s.ice), old);
    assert_int_equal(dx_ice_state_of(s.ice), DX_ICE_CONNECTED);
    close();
}

/* --- Failure ------------------------------------------------------------------------------------------------------------------------ */

static void expect_failure(dx_ice_reason reason) {
    live(DX_ICE_GIVE_UP_MS);
    assert_int_equal(s.failed_count, 1);
    assert_int_equal(s.reason, reason);
    assert_int_equal(dx_ice_state_of(s.ice), DX_ICE_FAILED);
    assert_int_equal(dx_ice_deadline(s.ice), DX_NO_DEADLINE);
    add_remote("192.0.2.50:1", 1); /* too late, and no error */
    pass(1000);
    look();
    assert_int_equal(s.sent_count + s.failed_count, 0);
    assert_true(strlen(dx_ice_reason_text(reason)) > 20);
    close();
}

static void test_reasons(void **state) {
    (void)state;
    open(true);
    set_remote();
    expect_failure(DX_ICE_NO_LOCAL);
    open(true);
    set_remote();
    add_local(1, "192.0.2.1:5000");
    expect_failure(DX_ICE_NO_REMOTE);
    open(true);
    set_remote();
    add_local(1, "192.0.2.1:5000");
    add_remote("[2001:db8::1]:1", 1);
    expect_failure(DX_ICE_NO_PAIR);
    begin(true);
    expect_failure(DX_ICE_NO_ANSWER);
    begin(true);
    ask(1, "192.0.2.9:9000", (request){.role = DX_STUN_CONTROLLED});
    expect_failure(DX_ICE_ONE_WAY);
    respond(begin(true).transaction, 1, "192.0.2.9:9000", (reply){.error = 400});
    expect_failure(DX_ICE_REFUSED);
    respond(begin(true).transaction, 1, "192.0.2.9:9000", (reply){.error = 401, .unsigned_ = true});
    expect_failure(DX_ICE_REFUSED);
    respond(begin(false).transaction, 1, "192.0.2.9:9000", (reply){0});
    expect_failure(DX_ICE_NOT_CHOSEN);
}

static void test_own_patience(void **state) {
    (void)state;
    dx_ice_options options = usual(true);
    options.give_up_ms = 700;
    open_with(&options);
    add_local(1, "192.0.2.1:5000");
    live(5000);
    assert_int_equal(s.failed_count, 0); /* nobody is looked for yet */
    set_remote();
    live(699);
    assert_int_equal(s.failed_count, 0);
    live(1);
    assert_int_equal(s.failed_count, 1);
    close();
}

/* --- Demultiplexing and the rest ------------------------------------------------------------------------------------------------------ */

static void test_whose_datagram(void **state) {
    (void)state;
    dx_stun_message check = begin(true);
    uint8_t transaction[DX_STUN_TRANSACTION_SIZE];
    memcpy(transaction, check.transaction, sizeof transaction);
    dx_net_address peer = at("192.0.2.9:9000"), stranger = at("192.0.2.66:6");
    dx_bytes dtls = dx_bytes_text("\x16\xfe\xfd");
    request mine = {.role = DX_STUN_CONTROLLED}, other = {.to = "someoneelse", .role = DX_STUN_CONTROLLED};
    dx_stun_writer writer;
    assert_true(dx_ice_wants(s.ice, 1, &stranger, write_request(&mine, &writer)));
    assert_false(dx_ice_wants(s.ice, 1, &peer, write_request(&other, &writer)));
    dx_stun_begin(&writer, DX_STUN_SUCCESS, DX_STUN_BINDING, transaction);
    assert_true(dx_ice_wants(s.ice, 1, &peer, dx_stun_written(&writer)));
    assert_false(dx_ice_wants(s.ice, 2, &peer, dx_stun_written(&writer)));
    dx_stun_begin(&writer, DX_STUN_ERROR, DX_STUN_BINDING, (const uint8_t *)"unknown12345");
    assert_false(dx_ice_wants(s.ice, 1, &peer, dx_stun_written(&writer)));
    dx_stun_begin(&writer, DX_STUN_INDICATION, DX_STUN_BINDING, transaction);
    assert_false(dx_ice_wants(s.ice, 1, &peer, dx_stun_written(&writer)));
    assert_false(dx_ice_wants(s.ice, 1, &peer, dtls)); /* told, and not heard yet */
    respond(transaction, 1, "192.0.2.9:9000", (reply){0});
    assert_true(dx_ice_wants(s.ice, 1, &peer, dtls));
    assert_false(dx_ice_wants(s.ice, 2, &peer, dtls));
    assert_false(dx_ice_wants(s.ice, 1, &stranger, dtls));
    dx_stun_begin(&writer, DX_STUN_INDICATION, DX_STUN_BINDING, transaction);
    assert_true(dx_ice_wants(s.ice, 1, &peer, dx_stun_written(&writer)));
    dx_stun_begin(&writer, DX_STUN_REQUEST, DX_STUN_BINDING, transaction);
    dx_stun_add_fingerprint(&writer);
    writer.bytes[writer.size - 1] ^= 1;
    assert_false(dx_ice_wants(s.ice, 1, &peer, dx_stun_written(&writer))); /* malformed */
    close();
}

/* A server's one port: each of two agents takes what is addressed to it and answered for it, and nothing else. */
static void test_two_agents_share_a_socket(void **state) {
    (void)state;
    dx_net_address local = at("192.0.2.1:5000"), peer = at("192.0.2.9:9000");
    dx_ice *other = NULL;
    dx_ice_output output;
    dx_stun_message check = begin(true);
    uint8_t transaction[DX_STUN_TRANSACTION_SIZE];
    memcpy(transaction, check.transaction, sizeof transaction);
    dx_ice_options options = usual(false);
    assert_int_equal(dx_ice_create(&options, &other), DX_OK);
    assert_int_equal(dx_ice_add_local(other, s.now_ms, 1, &local), DX_OK);
    request r = {.to = dx_ice_ufrag(other), .password = dx_ice_password(other), .role = DX_STUN_CONTROLLING};
    dx_stun_writer writer;
    dx_bytes datagram = write_request(&r, &writer);
    assert_true(dx_bytes_equal(dx_stun_addressee(datagram), dx_bytes_text(dx_ice_ufrag(other))));
    assert_false(dx_ice_wants(s.ice, 1, &peer, datagram));
    assert_true(dx_ice_wants(other, 1, &peer, datagram));
    dx_ice_receive(s.ice, s.now_ms, 1, &peer, datagram); /* a caller that does not ask first: no harm */
    assert_false(dx_ice_next(s.ice, &output));
    dx_ice_receive(other, s.now_ms, 1, &peer, datagram);
    assert_true(dx_ice_next(other, &output) && output.kind == DX_ICE_OUTPUT_DATAGRAM);
    dx_stun_begin(&writer, DX_STUN_SUCCESS, DX_STUN_BINDING, transaction);
    assert_true(dx_ice_wants(s.ice, 1, &peer, dx_stun_written(&writer)));
    assert_false(dx_ice_wants(other, 1, &peer, dx_stun_written(&writer)));
    dx_ice_destroy(other);
    close();
}

static void test_a_full_outbox_loses_the_oldest(void **state) {
    (void)state;
    open(true);
    add_local(1, "192.0.2.1:5000");
    look();
    for (uint8_t i = 0; i < 20; i++) {
        request r = {.role = DX_STUN_CONTROLLED, .number = i};
        dx_stun_writer writer;
        deliver(1, "192.0.2.9:9000", write_request(&r, &writer));
    }
    look();
    assert_int_equal(s.sent_count, 16);
    assert_int_equal(decoded(0).transaction[2], 4);
    assert_int_equal(decoded(15).transaction[2], 19);
    close();
}

static void test_time_does_not_go_back(void **state) {
    (void)state;
    begin(true);
    uint64_t due_ms = dx_ice_deadline(s.ice);
    dx_ice_tick(s.ice, 0);
    dx_ice_tick(s.ice, NOW - 1);
    look();
    assert_int_equal(s.sent_count, 0);
    assert_int_equal(dx_ice_deadline(s.ice), due_ms);
    dx_ice_tick(s.ice, NOW + 1000000); /* very late: fails, does not spin */
    look();
    assert_int_equal(s.failed_count, 1);
    close();
}

static void test_a_lost_local_address(void **state) {
    (void)state;
    connect();
    dx_ice_remove_local(s.ice, s.now_ms, 1);
    assert_int_equal(dx_ice_state_of(s.ice), DX_ICE_CHECKING);
    uint32_t socket = 0;
    dx_net_address to;
    assert_false(dx_ice_path(s.ice, &socket, &to));
    live(DX_ICE_GIVE_UP_MS);
    assert_int_equal(s.failed_count, 1);
    assert_int_equal(s.reason, DX_ICE_NO_LOCAL);
    close();
    connect();
    dx_ice_restart(s.ice, s.now_ms); /* nobody is looked for yet */
    dx_ice_remove_local(s.ice, s.now_ms, 1);
    assert_int_equal(dx_ice_state_of(s.ice), DX_ICE_WAITING);
    live(DX_ICE_GIVE_UP_MS);
    assert_int_equal(s.failed_count, 1);
    close();
}

static void test_names(void **state) {
    (void)state;
    assert_string_equal(dx_ice_state_name(DX_ICE_CONNECTED), "connected");
    assert_string_equal(dx_ice_state_name(DX_ICE_STATE_COUNT), "unknown");
    assert_string_equal(dx_ice_reason_text(DX_ICE_REASON_COUNT), "unknown");
    open(true);
    dx_ice_pair pair;
    assert_false(dx_ice_selected(s.ice, &pair));
    assert_false(dx_ice_pair_at(s.ice, 0, &pair));
    close();
}

DX_TEST_MAIN(DX_TEST(test_options), DX_TEST(test_memory_is_taken_once), DX_TEST(test_locals),
             DX_TEST(test_candidates_are_told), DX_TEST(test_a_server_answers),
             DX_TEST(test_what_a_server_may_not_say), DX_TEST(test_a_silent_server_is_given_up),
             DX_TEST(test_a_server_comes_later), DX_TEST(test_who_is_not_asked),
             DX_TEST(test_credentials_of_every_form), DX_TEST(test_remote_candidates),
             DX_TEST(test_candidates_of_another_generation), DX_TEST(test_who_can_reach_whom),
             DX_TEST(test_the_best_hundred_pairs), DX_TEST(test_strangers_are_not_answered_and_cost_nothing),
             DX_TEST(test_an_early_check_is_answered_and_remembered), DX_TEST(test_a_check_of_ours),
             DX_TEST(test_unknown_attributes_are_refused), DX_TEST(test_role_conflicts_in_requests),
             DX_TEST(test_an_answer_and_its_nomination), DX_TEST(test_answers_that_do_not_count),
             DX_TEST(test_a_conflict_in_an_answer), DX_TEST(test_an_answer_to_a_replaced_question),
             DX_TEST(test_patience_of_a_check), DX_TEST(test_pace),
             DX_TEST(test_frozen_pairs_wait_for_their_like),
             DX_TEST(test_the_controlled_side_waits_to_be_told), DX_TEST(test_a_nomination_before_the_answer),
             DX_TEST(test_several_nominations), DX_TEST(test_a_lite_peer_is_controlled),
             DX_TEST(test_consent_is_asked_at_odd_times), DX_TEST(test_consent_lost),
             DX_TEST(test_a_nomination_of_what_answered_long_ago),
             DX_TEST(test_consent_is_not_given_twice_by_one_answer),
             DX_TEST(test_consent_is_not_given_by_strangers),
             DX_TEST(test_a_new_address_puts_the_old_one_in_question),
             DX_TEST(test_credentials_of_both_generations), DX_TEST(test_the_previous_generation_lives_on),
             DX_TEST(test_a_nomination_across_a_restart), DX_TEST(test_a_restart_ends_old_checks),
             DX_TEST(test_a_late_answer_is_replaced), DX_TEST(test_the_other_side_restarts),
             DX_TEST(test_reasons), DX_TEST(test_own_patience), DX_TEST(test_whose_datagram),
             DX_TEST(test_two_agents_share_a_socket), DX_TEST(test_a_full_outbox_loses_the_oldest),
             DX_TEST(test_time_does_not_go_back), DX_TEST(test_a_lost_local_address), DX_TEST(test_names))
