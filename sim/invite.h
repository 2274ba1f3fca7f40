/* sim/invite.h: further people come by invitation while everything fails.
 *
 * Layer: simulator. In some seeds the first peer shares its space once, for one use, and one or two guests
 * who belong to nothing come with the link, with wrong PINs at first, as people do who type badly and do not
 * give up. Whoever is admitted works and converges with the rest from then on. */
#ifndef DX_SIM_INVITE_H
#define DX_SIM_INVITE_H

#include "world.h"

enum { SIM_GUESTS_MAX = 2, SIM_PIN_FAILURES_MAX = 3 };

typedef struct sim_guest {
    sim_invitation *invitation;
    sim_peer *peer;
    uint8_t id[DX_REQUEST_SIZE]; /* of the join under way */
    bool asked, again;           /* again: the answer was lost, the same is asked once more */
    bool ended, joined;
    bool proving, knows; /* a PIN was typed and no verdict came yet; the right one was typed once */
    int error;           /* how it ended, when it did not join */
    unsigned wrong_left; /* wrong PINs it will still type */
    uint64_t next_ms, pin_ms;
} sim_guest;

struct sim_invitation {
    sim_world *world;
    sim_peer *host;
    bool reader, asked, ended;
    uint8_t id[DX_REQUEST_SIZE]; /* of the share */
    uint64_t begin_ms, life_ms, end_ms;
    char url[2049], pin[8], state[24];
    unsigned wrong_told; /* times a guest heard that a PIN was wrong, and more are left: the last one locks */
    size_t guest_count;
    sim_guest guests[SIM_GUESTS_MAX];
};

/* --- check_invite.c --- */
/* At the end: the named ends agree with each other, with the members and with what lies in the vaults. */
void sim_check_invitation(const sim_invitation *invitation);

#endif
