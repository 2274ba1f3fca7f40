/* fuzz/fuzz_ice.c: two ICE agents and all that can happen to them: the input delivers, loses, repeats, garbles and
 * redirects their datagrams, brings signaling in any order, restarts them, takes their addresses away, and plays a
 * peer that knows the passwords and lies.
 *
 * Checks: every output is well formed and goes out of a socket the agent has; a call makes a bounded number of them;
 * states follow one another as the header says; one that failed is silent; after a tick no deadline is past; there are
 * never too many pairs; memory is one block. Whatever came before: when the network is well, a restart connects both. */
#include "fuzz.h"
#include "net/ice.h"
#include "net/stun.h"

enum { SOCKETS = 3, PACKETS_MAX = 48, LINES_MAX = 12, OPERATIONS_MAX = 400, OUTPUTS_MAX = 64, HEAL_S = 12 };

typedef struct packet {
    dx_net_address from, to;
    size_t size;
    uint8_t bytes[DX_ICE_DATAGRAM_MAX];
} packet;

typedef struct end {
    dx_ice *ice;
    bool has[SOCKETS];
    uint64_t random_state;
    dx_random random;
    dx_ice_state state;
    size_t line_count;
    char lines[LINES_MAX][DX_CANDIDATE_TEXT_MAX]; /* its own, the latest, "" for the end */
} end;

static end ends[2];
static packet packets[PACKETS_MAX];
static size_t packet_count, blocks;
static uint64_t now_ms;

static void *resize(void *ctx, void *old, size_t old_size, size_t new_size) {
    blocks += old == NULL;
    blocks -= new_size == 0 && old != NULL;
    FUZZ_CHECK(blocks <= 2);
    return fuzz_resize(ctx, old, old_size, new_size);
}

static const dx_alloc counted = {NULL, resize};

static void fill_random(void *ctx, uint8_t *out, size_t size) {
    uint64_t *state = ctx;
    for (size_t i = 0; i < size; i++) {
        *state = *state * 6364136223846793005u + 1442695040888963407u;
        out[i] = (uint8_t)(*state >> 56);
    }
}

static dx_net_address address_of(size_t side, size_t socket) {
    uint8_t host[4] = {192, 0, 2, (uint8_t)(10 * (side + 1) + socket)};
    return dx_net_ipv4(host, 5000);
}

/* --- What an agent says ----------------------------------------------------------------------------------------- */

static void keep_packet(size_t side, const dx_ice_output *output) {
    FUZZ_CHECK(output->socket < SOCKETS && ends[side].has[output->socket]);
    FUZZ_CHECK(output->bytes.size <= DX_ICE_DATAGRAM_MAX && dx_stun_is(output->bytes));
    FUZZ_CHECK(dx_net_address_usable(&output->to));
    if (packet_count == PACKETS_MAX) {
        memmove(packets, packets + 1, sizeof packets - sizeof *packets);
        packet_count--;
    }
    packet *kept = &packets[packet_count++];
    kept->from = address_of(side, output->socket);
    kept->to = output->to;
    kept->size = output->bytes.size;
    memcpy(kept->bytes, output->bytes.data, output->bytes.size);
}

static void keep_line(end *e, dx_bytes line) {
    dx_candidate candidate;
    if (line.size > 0) {
        FUZZ_CHECK(dx_candidate_parse(line, &candidate) == DX_OK && candidate.skip == DX_CANDIDATE_USABLE);
    }
    if (e->line_count == LINES_MAX) {
        memmove(e->lines, e->lines + 1, sizeof e->lines - sizeof *e->lines);
        e->line_count--;
    }
    if (line.size > 0) {
        memcpy(e->lines[e->line_count], line.data, line.size);
    }
    e->lines[e->line_count++][line.size] = '\0';
}

static void check_state(end *e) {
    static const unsigned successors[] = {
#define SUCCESSORS(symbol, name, allowed) allowed,
        DX_ICE_STATES(SUCCESSORS)
#undef SUCCESSORS
    };
    dx_ice_state state = dx_ice_state_of(e->ice);
    uint32_t socket = 0;
    size_t count = 0;
    dx_net_address to;
    dx_ice_pair pair;
    FUZZ_CHECK(state == e->state || (successors[e->state] >> state & 1) != 0);
    e->state = state;
    FUZZ_CHECK(dx_ice_selected(e->ice, &pair) == (state == DX_ICE_CONNECTED));
    FUZZ_CHECK(state != DX_ICE_FAILED || !dx_ice_path(e->ice, &socket, &to));
    while (dx_ice_pair_at(e->ice, count, &pair)) {
        FUZZ_CHECK(pair.socket < SOCKETS && e->has[pair.socket] && ++count <= DX_ICE_PAIRS_MAX);
    }
}

static void look(size_t side) {
    end *e = &ends[side];
    dx_ice_output output;
    for (int count = 0; dx_ice_next(e->ice, &output); count++) {
        FUZZ_CHECK(count < OUTPUTS_MAX);
        switch (output.kind) {
        case DX_ICE_OUTPUT_DATAGRAM:
            keep_packet(side, &output);
            break;
        case DX_ICE_OUTPUT_CANDIDATE:
            keep_line(e, output.line);
            break;
        case DX_ICE_OUTPUT_SELECTED:
            FUZZ_CHECK(output.pair.selected && dx_ice_state_of(e->ice) == DX_ICE_CONNECTED);
            break;
        case DX_ICE_OUTPUT_FAILED:
            FUZZ_CHECK(dx_ice_state_of(e->ice) == DX_ICE_FAILED && output.reason < DX_ICE_REASON_COUNT);
            break;
        }
    }
    check_state(e);
}

/* --- What happens to it ------------------------------------------------------------------------------------------ */

static void deliver(const packet *p) {
    for (size_t side = 0; side < 2; side++) {
        for (uint32_t socket = 0; socket < SOCKETS; socket++) {
            dx_net_address here = address_of(side, socket);
            dx_bytes bytes = {p->bytes, p->size};
            if (ends[side].has[socket] && dx_net_address_equal(&here, &p->to)) {
                (void)dx_ice_wants(ends[side].ice, socket, &p->from, bytes);
                dx_ice_receive(ends[side].ice, now_ms, socket, &p->from, bytes);
                look(side);
            }
        }
    }
}

static packet take_packet(size_t index) {
    packet taken = packets[index];
    packet_count--;
    memmove(&packets[index], &packets[index + 1], (packet_count - index) * sizeof *packets);
    return taken;
}

static void tick(size_t side) {
    dx_ice_tick(ends[side].ice, now_ms);
    look(side);
    FUZZ_CHECK(dx_ice_deadline(ends[side].ice) > now_ms);
}

static void tell_credentials(size_t to, bool answer) {
    dx_ice *from = ends[1 - to].ice;
    dx_ice_remote remote = {dx_bytes_text(dx_ice_ufrag(from)), dx_bytes_text(dx_ice_password(from)), false,
                            20, answer};
    FUZZ_CHECK(dx_ice_set_remote(ends[to].ice, now_ms, &remote) == DX_OK);
    look(to);
}

static void tell_lines(size_t to) {
    for (size_t i = 0; i < ends[1 - to].line_count; i++) {
        int error = dx_ice_add_remote(ends[to].ice, now_ms, dx_bytes_text(ends[1 - to].lines[i]));
        FUZZ_CHECK(error == DX_OK || error == DX_E_LIMIT);
    }
    look(to);
}

static void toggle_local(size_t side, uint32_t socket) {
    end *e = &ends[side];
    dx_net_address address = address_of(side, socket);
    if (e->has[socket]) {
        dx_ice_remove_local(e->ice, now_ms, socket);
        /* What was said before still goes out of it. */
        look(side);
        e->has[socket] = false;
    } else {
        e->has[socket] = true;
        FUZZ_CHECK(dx_ice_add_local(e->ice, now_ms, socket, &address) == DX_OK);
    }
    look(side);
}

/* A request from one who knows the password and says what it likes. */
static void lie_asking(size_t to, fuzz_input *input) {
    uint8_t transaction[DX_STUN_TRANSACTION_SIZE] = {fuzz_byte(input)},
            host[4] = {203, 0, 113, fuzz_byte(input)};
    uint8_t flags = fuzz_byte(input), socket = fuzz_byte(input) % SOCKETS;
    dx_net_address from = flags & 64 ? address_of(1 - to, host[3] % SOCKETS) : dx_net_ipv4(host, 4000);
    dx_stun_writer writer;
    dx_stun_begin(&writer, DX_STUN_REQUEST, DX_STUN_BINDING, transaction);
    dx_stun_add_username(&writer, dx_bytes_text(dx_ice_ufrag(ends[to].ice)), dx_bytes_text("liar"));
    if (flags & 1) {
        dx_stun_add_priority(&writer, (uint32_t)flags << 24);
    }
    if (flags & 6) {
        dx_stun_add_role(&writer, flags & 2 ? DX_STUN_CONTROLLING : DX_STUN_CONTROLLED,
                         flags & 8 ? UINT64_MAX : 0);
    }
    if (flags & 16) {
        dx_stun_add_use_candidate(&writer);
    }
    dx_stun_add_integrity(&writer, dx_bytes_text(dx_ice_password(ends[to].ice)));
    dx_stun_add_fingerprint(&writer);
    dx_ice_receive(ends[to].ice, now_ms, socket, &from, dx_stun_written(&writer));
    look(to);
}

/* An answer to a question that is on its way, signed as the one who was asked would sign it. */
static void lie_answering(const packet *question, fuzz_input *input) {
    dx_stun_message asked;
    uint8_t flags = fuzz_byte(input);
    size_t side = question->from.bytes[3] / 10u - 1;
    if (dx_stun_decode((dx_bytes){question->bytes, question->size}, &asked) != DX_OK || side > 1) {
        return;
    }
    dx_net_address from = flags & 1 ? address_of(1 - side, flags % SOCKETS) : question->to;
    dx_stun_writer writer;
    dx_stun_begin(&writer, flags & 2 ? DX_STUN_ERROR : DX_STUN_SUCCESS, DX_STUN_BINDING, asked.transaction);
    if (flags & 2) {
        dx_stun_add_error(&writer, flags & 4 ? DX_STUN_ROLE_CONFLICT : 300 + flags);
    } else if (flags & 8) {
        dx_stun_add_mapped(&writer, flags & 16 ? &from : &question->from);
    }
    dx_stun_add_integrity(&writer, dx_bytes_text(dx_ice_password(ends[1 - side].ice)));
    dx_ice_receive(ends[side].ice, now_ms, question->from.bytes[3] % 10u, &from, dx_stun_written(&writer));
    look(side);
}

/* A while in which all that was sent arrives at once. */
static void run_well(uint64_t span_ms) {
    uint64_t until_ms = now_ms + span_ms;
    for (;;) {
        while (packet_count > 0) {
            packet taken = take_packet(0);
            deliver(&taken);
        }
        uint64_t due_ms[2] = {dx_ice_deadline(ends[0].ice), dx_ice_deadline(ends[1].ice)};
        uint64_t next_ms = due_ms[0] < due_ms[1] ? due_ms[0] : due_ms[1];
        if (next_ms > until_ms) {
            break;
        }
        now_ms = next_ms > now_ms ? next_ms : now_ms;
        tick(0);
        tick(1);
    }
    now_ms = until_ms;
}

static void happen(fuzz_input *input) {
    uint8_t what = fuzz_byte(input), argument = fuzz_byte(input);
    size_t side = argument & 1, index = packet_count ? (argument >> 1) % packet_count : 0;
    dx_net_address elsewhere = {0};
    packet p;
    dx_bytes line;
    if (what % 16 >= 1 && what % 16 <= 6 && packet_count == 0) {
        return;
    }
    switch (what % 16) {
    case 0:
        now_ms += (uint64_t)argument * argument / 4;
        tick(side);
        break;
    case 1: /* arrives */
        p = take_packet(index);
        deliver(&p);
        break;
    case 2: /* arrives, and will again */
        p = packets[index];
        deliver(&p);
        break;
    case 3: /* is lost */
        (void)take_packet(index);
        break;
    case 4: /* arrives damaged */
        p = take_packet(index);
        p.bytes[fuzz_byte(input) % p.size] ^= fuzz_byte(input);
        deliver(&p);
        break;
    case 5: /* arrives from elsewhere: a NAT */
        p = take_packet(index);
        p.from.bytes[2] = 113;
        p.from.port = (uint16_t)(1 + fuzz_byte(input));
        deliver(&p);
        break;
    case 6:
        p = packets[index];
        lie_answering(&p, input);
        break;
    case 7:
        lie_asking(side, input);
        break;
    case 8:
        tell_credentials(side, (argument & 2) != 0);
        break;
    case 9:
        tell_lines(side);
        break;
    case 10:
        dx_ice_restart(ends[side].ice, now_ms);
        look(side);
        break;
    case 11:
        toggle_local(side, (argument >> 1) % SOCKETS);
        break;
    case 12:
        line = fuzz_bytes(input, argument);
        (void)!dx_ice_add_remote(ends[side].ice, now_ms, line);
        look(side);
        break;
    case 13:
        dx_ice_end_local(ends[side].ice, now_ms);
        look(side);
        break;
    case 14:
        elsewhere = address_of(1 - side, argument % SOCKETS);
        line = fuzz_bytes(input, argument);
        dx_ice_receive(ends[side].ice, now_ms, argument % SOCKETS, &elsewhere, line);
        look(side);
        break;
    default:
        run_well((uint64_t)argument * 20);
    }
}

/* Both have an address again, one restarts, signaling brings everything: they find each other. */
static void heal(void) {
    for (size_t side = 0; side < 2; side++) {
        if (!ends[side].has[0]) {
            toggle_local(side, 0);
        }
    }
    packet_count = 0;
    dx_ice_restart(ends[0].ice, now_ms);
    look(0);
    dx_ice_restart(ends[1].ice, now_ms);
    look(1);
    tell_credentials(1, false);
    tell_credentials(0, true);
    tell_lines(0);
    tell_lines(1);
    bool connected = false;
    for (int i = 0; i < HEAL_S && !connected; i++) {
        run_well(1000);
        connected = dx_ice_state_of(ends[0].ice) == DX_ICE_CONNECTED &&
                    dx_ice_state_of(ends[1].ice) == DX_ICE_CONNECTED;
    }
    FUZZ_CHECK(connected);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input input = {data, size};
    uint8_t options = fuzz_byte(&input);
    packet_count = blocks = 0;
    now_ms = 1000;
    memset(ends, 0, sizeof ends);
    for (size_t side = 0; side < 2; side++) {
        end *e = &ends[side];
        e->random_state = side + 1;
        e->random = (dx_random){&e->random_state, fill_random};
        dx_ice_options wanted = {
            .alloc = &counted, .random = &e->random, .controlling = (options >> side & 1) != 0};
        wanted.server_count = options >> 2 & 1;
        wanted.servers[0] = address_of(1 - side, 2);
        FUZZ_CHECK(dx_ice_create(&wanted, &e->ice) == DX_OK);
        toggle_local(side, 0);
    }
    for (int i = 0; i < OPERATIONS_MAX && input.left > 0; i++) {
        happen(&input);
    }
    heal();
    for (size_t side = 0; side < 2; side++) {
        dx_ice_destroy(ends[side].ice);
    }
    FUZZ_CHECK(blocks == 0);
    return 0;
}
