/* fuzz_swarm.c: three swarms of one topic or two, and a network that does what the input says: it connects,
 * refuses, delivers some bytes, garbles, cuts, delays, and tells of links nobody knows.
 *
 * Checks: every link is opened once and closed once for its handler, and silent after; nothing is sent on a
 * link that is not up; numbers of links are new; a deadline is never past; memory is bounded and given back.
 * When the network is well again and time goes by, two ends of which one knows where the other is have
 * exactly one link per topic, and both the same one. */
#include <stdio.h>

#include "base/limits.h"
#include "fuzz.h"
#include "mesh/swarm.h"

#include <sodium.h>

enum {
    ENDS = 3,
    TOPICS = 2,
    WIRES_MAX = 400,
    LINKS_MAX = 1000,
    OPERATIONS_MAX = 300,
    MEMORY_MAX = 16 << 20,
    REST_MS = 10 * 60 * 1000,
    MARK = 's' /* first byte of an input: the rest is not worth three swarms */
};

typedef enum link_state { LINK_NONE, LINK_DIALLED, LINK_UP, LINK_OVER } link_state;

typedef struct end {
    size_t index;
    dx_swarm *swarm;
    dx_swarm_counts counts;
    uint64_t next_link, next_incoming, last_dialled;
    uint8_t random_state;
    bool has_topic[TOPICS], knows[TOPICS][ENDS];
    link_state links[LINKS_MAX];
    uint8_t opened[LINKS_MAX]; /* by the handler: topic + 1, 0 when not open */
} end;

/* From a dialled end to the one that was dialled; NULL until connected. Bytes wait until they are delivered.
 */
typedef struct wire {
    end *ends[2];
    uint64_t numbers[2];
    char address[16];
    dx_buf bytes[2]; /* to the end */
} wire;

static end ends[ENDS];
static wire wires[WIRES_MAX];
static size_t wire_count, live_bytes;
static uint64_t now_ms;

static void *resize(void *ctx, void *old, size_t old_size, size_t new_size) {
    live_bytes += new_size - old_size;
    FUZZ_CHECK(live_bytes <= MEMORY_MAX);
    return fuzz_resize(ctx, old, old_size, new_size);
}

static const dx_alloc counted = {NULL, resize};

static void fill_random(void *ctx, uint8_t *out, size_t size) {
    uint8_t *state = ctx;
    for (size_t i = 0; i < size; i++) {
        out[i] = (uint8_t)(*state += 37);
    }
}

static link_state *state_of(end *self, uint64_t link) {
    FUZZ_CHECK(link < LINKS_MAX);
    return &self->links[link];
}

/* --- The swarm's port and handler ----------------------------------------------------------------------- */

static wire *find_wire(const end *self, uint64_t link, int *side) {
    for (size_t i = 0; i < wire_count; i++) {
        for (*side = 0; *side < 2; ++*side) {
            if (wires[i].ends[*side] == self && wires[i].numbers[*side] == link) {
                return &wires[i];
            }
        }
    }
    return NULL;
}

static void port_open(void *ctx, uint64_t link, dx_bytes address) {
    end *self = ctx;
    FUZZ_CHECK(link % 2 == 1 && link > self->last_dialled && *state_of(self, link) == LINK_NONE);
    FUZZ_CHECK(wire_count < WIRES_MAX && address.size < sizeof wires[0].address);
    self->last_dialled = link;
    *state_of(self, link) = LINK_DIALLED;
    wire *fresh = &wires[wire_count++];
    *fresh = (wire){.ends = {self, NULL}, .numbers = {link, 0}};
    memcpy(fresh->address, address.data, address.size);
    dx_buf_init(&fresh->bytes[0], &fuzz_alloc, 1 << 22);
    dx_buf_init(&fresh->bytes[1], &fuzz_alloc, 1 << 22);
}

static void port_send(void *ctx, uint64_t link, dx_bytes bytes) {
    int side;
    wire *one = find_wire(ctx, link, &side);
    FUZZ_CHECK(*state_of(ctx, link) == LINK_UP && bytes.size > 0);
    if (one != NULL && one->ends[1 - side] != NULL) {
        dx_buf_append(&one->bytes[1 - side], bytes.data, bytes.size);
    }
}

static void port_close(void *ctx, uint64_t link, int reason) {
    link_state *state = state_of(ctx, link);
    (void)reason;
    FUZZ_CHECK(*state == LINK_DIALLED || *state == LINK_UP);
    *state = LINK_OVER;
}

static int on_open(void *ctx, const dx_swarm_link *link) {
    end *self = ctx;
    FUZZ_CHECK(*state_of(self, link->link) == LINK_UP && self->opened[link->link] == 0);
    self->opened[link->link] = (uint8_t)(link->topic + 1);
    return DX_OK;
}

static int on_message(void *ctx, const dx_swarm_link *link, dx_bytes message) {
    end *self = ctx;
    FUZZ_CHECK(self->opened[link->link] == link->topic + 1);
    return message.size % 7 == 3 ? DX_E_PROTOCOL : DX_OK;
}

static void on_close(void *ctx, const dx_swarm_link *link, int reason) {
    end *self = ctx;
    (void)reason;
    FUZZ_CHECK(self->opened[link->link] == link->topic + 1);
    self->opened[link->link] = 0;
}

/* --- Beginning and end --------------------------------------------------------------------------------- */

static void add_topic(end *self, size_t number) {
    dx_topic topic = {
        .number = number,
        .secret = {(uint8_t)(9 + number)},
        .static_secret = {8, (uint8_t)(1 + self->index)},
        .payload = dx_bytes_text("credential"),
        .handler = {.ctx = self, .on_open = on_open, .on_message = on_message, .on_close = on_close}};
    if (!self->has_topic[number]) {
        self->has_topic[number] = true;
        FUZZ_CHECK(dx_swarm_add_topic(self->swarm, &topic) == DX_OK);
    }
}

static void remove_topic(end *self, size_t number) {
    self->has_topic[number] = false;
    memset(self->knows[number], 0, sizeof self->knows[number]);
    dx_swarm_remove_topic(self->swarm, number);
    for (size_t i = 0; i < LINKS_MAX; i++) { /* its handler is not told */
        self->opened[i] = self->opened[i] == number + 1 ? 0 : self->opened[i];
    }
}

static const char *address_of(size_t index) {
    static const char *const addresses[ENDS] = {"mem:0", "mem:1", "mem:2"};
    return addresses[index];
}

static void begin(void) {
    memset(ends, 0, sizeof ends);
    wire_count = live_bytes = 0;
    now_ms = 1000;
    for (size_t i = 0; i < ENDS; i++) {
        end *self = &ends[i];
        self->index = i;
        self->random_state = (uint8_t)i;
        self->next_link = 1;
        self->next_incoming = 2;
        dx_swarm_port port = {.ctx = self,
                              .next_link = &self->next_link,
                              .open = port_open,
                              .send = port_send,
                              .close = port_close,
                              .counts = &self->counts};
        const dx_random random = {&self->random_state, fill_random};
        static dx_random randoms[ENDS];
        randoms[i] = random;
        FUZZ_CHECK(dx_swarm_create(&counted, &randoms[i], NULL, &port, &self->swarm) == DX_OK);
        add_topic(self, 0);
    }
}

static void finish(void) {
    for (size_t i = 0; i < ENDS; i++) {
        dx_swarm_destroy(ends[i].swarm);
    }
    for (size_t i = 0; i < wire_count; i++) {
        dx_buf_deinit(&wires[i].bytes[0]);
        dx_buf_deinit(&wires[i].bytes[1]);
    }
    FUZZ_CHECK(live_bytes == 0);
}

/* --- The network -----------------------------------------------------------------------------------------
 */

static uint64_t tick(end *self) {
    uint64_t deadline_ms = DX_NO_DEADLINE;
    FUZZ_CHECK(dx_swarm_tick(self->swarm, now_ms, &deadline_ms) == DX_OK);
    FUZZ_CHECK(deadline_ms > now_ms);
    return deadline_ms;
}

static void lower(end *self, uint64_t link, int reason) {
    link_state *state = state_of(self, link);
    if (*state == LINK_DIALLED || *state == LINK_UP) {
        *state = LINK_OVER;
        dx_swarm_link_down(self->swarm, link, reason, dx_bytes_text("a \x7f word"), now_ms);
    }
}

static void connect(wire *one) {
    if (one->ends[1] != NULL || *state_of(one->ends[0], one->numbers[0]) != LINK_DIALLED) {
        return;
    }
    end *to = NULL;
    for (size_t i = 0; i < ENDS; i++) {
        to = strcmp(one->address, address_of(i)) == 0 ? &ends[i] : to;
    }
    if (to == NULL) {
        lower(one->ends[0], one->numbers[0], DX_E_UNREACHABLE);
        return;
    }
    one->ends[1] = to;
    one->numbers[1] = to->next_incoming;
    to->next_incoming += 2;
    *state_of(to, one->numbers[1]) = LINK_UP;
    FUZZ_CHECK(dx_swarm_link_up(to->swarm, one->numbers[1], dx_bytes_text("mem:caller"), now_ms) == DX_OK);
    *state_of(one->ends[0], one->numbers[0]) = LINK_UP;
    FUZZ_CHECK(dx_swarm_link_up(one->ends[0]->swarm, one->numbers[0], dx_bytes_text(one->address), now_ms) ==
               DX_OK);
}

/* At most `most` bytes to one end. False: there were none. */
static bool deliver(wire *one, int side, size_t most) {
    dx_buf *bytes = &one->bytes[side];
    end *to = one->ends[side];
    size_t size = bytes->size < most ? bytes->size : most;
    if (to == NULL || size == 0) {
        return false;
    }
    uint8_t *taken = malloc(size);
    FUZZ_CHECK(taken != NULL);
    memcpy(taken, bytes->data, size);
    memmove(bytes->data, bytes->data + size, bytes->size - size);
    bytes->size -= size;
    if (*state_of(to, one->numbers[side]) == LINK_UP) {
        FUZZ_CHECK(dx_swarm_link_data(to->swarm, one->numbers[side], dx_bytes_of(taken, size), now_ms) ==
                   DX_OK);
    }
    free(taken);
    end *from = one->ends[1 - side];
    if (*state_of(from, one->numbers[1 - side]) == LINK_UP) {
        FUZZ_CHECK(dx_swarm_link_writable(from->swarm, one->numbers[1 - side], size, now_ms) == DX_OK);
    }
    return true;
}

/* The other end of a link that is over hears of it when all bytes have come. */
static void end_links(wire *one) {
    for (int side = 0; side < 2 && one->ends[1] != NULL; side++) {
        if (*state_of(one->ends[1 - side], one->numbers[1 - side]) == LINK_OVER &&
            one->bytes[side].size == 0) {
            lower(one->ends[side], one->numbers[side], DX_E_UNREACHABLE);
        }
    }
}

/* --- What the input does ---------------------------------------------------------------------------------
 */

static void cut(wire *one) {
    for (int side = 0; side < 2; side++) {
        if (one->ends[side] != NULL) {
            lower(one->ends[side], one->numbers[side], DX_E_UNREACHABLE);
        }
    }
}

static void operate_address(end *self, uint8_t what, size_t topic) {
    size_t other = what % ENDS;
    int error;
    dx_bytes address = dx_bytes_text(address_of(other));
    if (what < 192) {
        error = dx_swarm_add_address(self->swarm, topic, address);
        FUZZ_CHECK(error == (self->has_topic[topic] ? DX_OK : DX_E_NOT_FOUND));
        self->knows[topic][other] = error == DX_OK;
    } else {
        dx_swarm_remove_address(self->swarm, topic, address);
        self->knows[topic][other] = false;
    }
}

static void operate_link(end *self, uint8_t what, uint64_t link) {
    static const uint8_t message[64] = {1};
    switch (what % 5) {
    case 0:
        if (dx_swarm_send(self->swarm, link, dx_bytes_of(message, what % sizeof message)) == DX_OK) {
            FUZZ_CHECK(self->opened[link] != 0);
        }
        break;
    case 1:
        dx_swarm_close(self->swarm, link, what < 128 ? DX_OK : DX_E_FLOOD);
        break;
    case 2:
        lower(self, link, DX_E_UNREACHABLE);
        break;
    case 3: /* data, and room, for whatever link this is */
        FUZZ_CHECK(dx_swarm_link_data(self->swarm, link, dx_bytes_of(message, what % sizeof message),
                                      now_ms) == DX_OK);
        FUZZ_CHECK(dx_swarm_link_writable(self->swarm, link, what, now_ms) == DX_OK);
        break;
    case 4:
        if (what > 245) {
            dx_swarm_drop_links(self->swarm, DX_E_CANCELLED);
        }
        break;
    }
}

static void operate_topic(end *self, uint8_t what) {
    size_t topic = what % TOPICS;
    if (what < 200) {
        add_topic(self, topic);
    } else {
        remove_topic(self, topic);
    }
}

static void garble(wire *one, int side, uint8_t what) {
    if (one->bytes[side].size > 0) {
        one->bytes[side].data[what % one->bytes[side].size] ^= (uint8_t)(what | 1);
    }
}

static void operate(fuzz_input *input) {
    uint8_t how = fuzz_byte(input), what = fuzz_byte(input);
    end *self = &ends[(how >> 4) % ENDS];
    wire *one =
        wire_count == 0 ? NULL : &wires[wire_count - 1 - (how >> 4) % (wire_count < 16 ? wire_count : 16)];
    switch (how % 12) {
    case 0:
    case 1:
        now_ms += (uint64_t)what * what / 2;
        for (size_t i = 0; i < ENDS; i++) {
            (void)tick(&ends[i]);
        }
        return;
    case 2:
        operate_address(self, what, what / ENDS % TOPICS);
        return;
    case 3:
        operate_link(self, what, fuzz_byte(input));
        return;
    case 4:
        operate_topic(self, what);
        return;
    default:
        break;
    }
    if (one == NULL) {
        return;
    }
    switch (how % 12) {
    case 5:
        cut(one);
        break;
    case 6:
        garble(one, what & 1, what);
        break;
    case 7:
    case 8:
        connect(one);
        break;
    default:
        (void)deliver(one, what & 1, what > 32 ? SIZE_MAX : what);
        end_links(one);
        break;
    }
}

/* --- At rest -----------------------------------------------------------------------------------------------
 */

static void carry_all(void) {
    for (bool busy = true; busy;) {
        busy = false;
        for (size_t i = 0; i < wire_count; i++) {
            connect(&wires[i]);
            busy = deliver(&wires[i], 0, SIZE_MAX) || busy;
            busy = deliver(&wires[i], 1, SIZE_MAX) || busy;
            end_links(&wires[i]);
        }
    }
}

static void heal(void) {
    for (uint64_t end_ms = now_ms + REST_MS; now_ms < end_ms;) {
        uint64_t next_ms = end_ms;
        for (size_t i = 0; i < ENDS; i++) {
            (void)tick(&ends[i]);
        }
        carry_all();
        for (size_t i = 0; i < ENDS; i++) { /* as a host asks after every event */
            uint64_t deadline_ms = tick(&ends[i]);
            next_ms = deadline_ms < next_ms ? deadline_ms : next_ms;
        }
        now_ms = next_ms;
    }
}

/* Links between two ends on a topic that both hold to be open. */
static size_t count_links(const end *a, const end *b, size_t topic) {
    size_t count = 0;
    for (size_t i = 0; i < wire_count; i++) {
        const wire *one = &wires[i];
        bool between = (one->ends[0] == a && one->ends[1] == b) || (one->ends[0] == b && one->ends[1] == a);
        bool open[2] = {false, false};
        for (int side = 0; between && side < 2; side++) {
            open[side] = one->ends[side]->opened[one->numbers[side]] == topic + 1;
        }
        FUZZ_CHECK(open[0] == open[1]);
        count += open[0];
    }
    return count;
}

static void check_rest(void) {
    for (size_t topic = 0; topic < TOPICS; topic++) {
        size_t expected[ENDS] = {0};
        for (size_t i = 0; i < ENDS; i++) {
            for (size_t j = i + 1; j < ENDS; j++) {
                size_t count = count_links(&ends[i], &ends[j], topic);
                bool meet = ends[i].has_topic[topic] && ends[j].has_topic[topic] &&
                            (ends[i].knows[topic][j] || ends[j].knows[topic][i]);
                FUZZ_CHECK(count <= 1 && (!meet || count == 1));
                expected[i] += count;
                expected[j] += count;
            }
        }
        for (size_t i = 0; i < ENDS; i++) {
            FUZZ_CHECK(dx_swarm_link_count(ends[i].swarm, topic) == expected[i]);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input input = {data, size};
    if (fuzz_byte(&input) != MARK || sodium_init() < 0) {
        return 0;
    }
    begin();
    for (size_t i = 0; i < OPERATIONS_MAX && input.left > 0 && wire_count < WIRES_MAX / 2; i++) {
        operate(&input);
    }
    heal();
    check_rest();
    finish();
    return 0;
}
