/* sim/workload.c: what people do: found a space, invite each other, and edit the same and different things at once, on and off line.
 *
 * Layer: simulator. Every operation writes a key of its own ("op<n>") beside a contended one, so that the durability checker can tell
 * whether an acknowledged operation is there whatever the conflict rule decided about the contended key. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

enum { SETUP_MS = 600000 };

/* A command from JSON text. */
static bool ask_json(sim_peer *peer, const char *json, sim_on_answer on_answer, void *ctx) {
    static const size_t command_max = 65536;
    char message[128];
    sim_memory memory = {0};
    (void)memory;
    dx_buf command;
    dx_writer writer;
    dx_alloc alloc = {NULL, NULL};
    extern const dx_alloc sim_plain_alloc;
    alloc = sim_plain_alloc;
    dx_buf_init(&command, &alloc, command_max);
    dx_writer_init(&writer, &command);
    int error = dx_json_parse(dx_bytes_text(json), &writer, message, sizeof message);
    DX_ASSERT(error == DX_OK && dx_writer_finish(&writer) == DX_OK);
    bool asked = sim_ask(peer, dx_buf_view(&command), on_answer, ctx);
    dx_buf_deinit(&command);
    return asked;
}
