/* fuzz/vaults.h: two vaults that share a space, as fuzz targets begin: Alice's disk to be copied for every
 * input, and Bob's vault with what he wrote since and Alice has not seen. Made once, and the same in every
 * process.
 *
 * Layer: test programs (tests/lib/street.h; cmocka's assertions end the program here, which libFuzzer
 * reports). */
#ifndef DX_FUZZ_VAULTS_H
#define DX_FUZZ_VAULTS_H

#include <sodium.h>

#include "../tests/lib/street.h"
#include "fuzz.h"

static street home;
static vault *alice_at_home; /* closed */
static vault *bob;
static uint64_t home_ms; /* when Alice's was closed */

static inline void make_vaults(void) {
    if (alice_at_home != NULL) {
        return;
    }
    FUZZ_CHECK(sodium_init() >= 0);
    street_init(&home);
    vault *alice = street_move_in(&home, "alice");
    bob = street_move_in(&home, "bob");
    vault_ask(alice, "{'do': 'halo.create', 'name': 'Alice'}");
    vault_ask(bob, "{'do': 'halo.create', 'name': 'Bob'}");
    vault_ask(alice, "{'do': 'space.create', 'name': 'Book'}");
    street_join(alice, bob, "Book");
    vault_ask(alice,
              "{'do': 'object.add', 'space': 'Book', 'type': 'page', 'data': {'n': 1, 'text': 'one'}}");
    vault_ask(bob, "{'do': 'object.add', 'space': 'Book', 'type': 'page', 'data': {'n': 2, 'text': 'two'}}");
    street_pass(&home, 60000);
    vault_leave(alice);
    alice_at_home = alice;
    home_ms = home.now_ms;
    for (int i = 0; i < 3; i++) {
        vault_ask(bob, "{'do': 'object.add', 'space': 'Book', 'type': 'page', 'data': {'n': 3}}");
    }
}

/* Alice's vault alone in a new street, as it was. */
static inline vault *open_alice(street *road) {
    make_vaults();
    street_init(road);
    road->now_ms = home_ms;
    return street_move_in_with(road, "alice", alice_at_home);
}

#endif
