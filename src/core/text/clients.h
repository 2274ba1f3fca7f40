/* text/clients.h: the clients of a document, each under a small number.
 *
 * Layer: floor 1, text, private to the engine. Ids are 53 bits; items name a client by its index, which never changes. A client may
 * be here without having an item: then nobody speaks of it.
 * Found by bisection, so that no choice of ids makes it slow; many at once are merged in by one pass. */
#ifndef DX_TEXT_CLIENTS_H
#define DX_TEXT_CLIENTS_H

#include <dxos/base.h>

#define DX_TEXT_NO_CLIENT UINT32_MAX

typedef struct dx_text_client {
    uint64_t id;
    uint32_t before; /* its next clock when the transaction began; with `touched` */
    bool touched;    /* the transaction made clocks of it */
} dx_text_client;

typedef struct dx_text_clients {
    const dx_alloc *alloc;
    dx_text_client *rows; /* by index */
    uint32_t *sorted;     /* indexes, the greatest id first */
    uint32_t count, capacity;
    uint32_t last; /* the one found last */
} dx_text_clients;

void dx_text_clients_init(dx_text_clients *clients, const dx_alloc *alloc);
void dx_text_clients_deinit(dx_text_clients *clients);
uint32_t dx_text_clients_find(dx_text_clients *clients, uint64_t id); /* DX_TEXT_NO_CLIENT: not here */
/* Takes in those that are not here yet; ids: ascending or descending, as long as each comes once. DX_E_NO_MEMORY, DX_E_LIMIT: nothing
 * changed. */
int dx_text_clients_add(dx_text_clients *clients, const uint64_t *ids, size_t count);

#endif
