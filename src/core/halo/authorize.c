/* halo/authorize.c: the rules of a space: which credential is in effect, judged by the parents it names.
 *
 * Layer: floor 1, halo. Contract in halo/control.h, rules in docs/spec/control.md.
 * Invariant: a verdict is a function of the credential, of the standing of its parents and (DEVICE alone) of
 * whether its issuer is a member; all of these only ever grow, so DX_OK and DX_E_UNAUTHORIZED are final. */
#include "halo/control_state.h"

#include <string.h>

static bool key_equal(const uint8_t a[static DX_KEY_SIZE], const uint8_t b[static DX_KEY_SIZE]) {
    return memcmp(a, b, DX_KEY_SIZE) == 0;
}

/* --- Form ------------------------------------------------------------------------------------- */

/* Whether a claim is bytes of this size. */
static bool claim_is_bytes(const dx_credential *credential, uint64_t key, size_t size) {
    return dx_item_bytes(dx_credential_claim(credential, key)).size == size;
}

/* A claim that is an unsigned integer; -1 when it is not there or something else. */
static int64_t claim_number(const dx_credential *credential, uint64_t key) {
    dx_bytes item = dx_credential_claim(credential, key);
    return dx_item_kind(item) == DX_KIND_INT ? dx_item_int(item, -1) : -1;
}

static size_t claim_count(const dx_credential *credential) {
    dx_reader in;
    dx_reader_init(&in, credential->claims);
    return dx_read_map(&in);
}

static bool member_form(const dx_credential *credential) {
    int64_t role = claim_number(credential, 1);
    return role >= 0 && dx_role_from_number((uint64_t)role) != DX_ROLE_NONE &&
           (claim_count(credential) == 1 ||
            (claim_count(credential) == 2 && claim_is_bytes(credential, 2, 16)));
}

static bool feed_form(const dx_credential *credential) {
    int64_t feed_class = claim_number(credential, 1);
    return claim_count(credential) == 1 && (feed_class == DX_FEED_CONTROL || feed_class == DX_FEED_DATA);
}

static bool key_form(const dx_credential *credential, size_t value_size) {
    return claim_count(credential) == 2 && claim_number(credential, 1) >= 0 &&
           claim_is_bytes(credential, 2, value_size);
}

static bool root_form(const dx_credential *credential) {
    return credential->parent_count == 0 && !credential->has_space;
}

int dx_control_check_form(const dx_credential *credential, uint64_t *number) {
    bool sound = true;
    dx_epoch epoch;
    *number = 0;
    switch (credential->type) {
    case DX_CREDENTIAL_SPACE:
        sound = root_form(credential) && claim_count(credential) == 1 &&
                claim_is_bytes(credential, 1, DX_KEY_SIZE);
        break;
    case DX_CREDENTIAL_DEVICE:
        sound = root_form(credential) && claim_count(credential) == 2 &&
                claim_is_bytes(credential, 1, DX_KEY_SIZE) &&
                claim_is_bytes(credential, 2, DX_SIGNATURE_SIZE);
        break;
    case DX_CREDENTIAL_MEMBER:
        sound = credential->has_space && member_form(credential);
        break;
    case DX_CREDENTIAL_FEED:
        sound = credential->has_space && feed_form(credential);
        break;
    case DX_CREDENTIAL_KEY_EPOCH:
        sound = credential->has_space && key_form(credential, DX_HASH_SIZE);
        break;
    case DX_CREDENTIAL_KEY_GRANT:
        sound = credential->has_space && key_form(credential, DX_SEALED_KEY_SIZE);
        break;
    case DX_CREDENTIAL_EPOCH:
        if (!credential->has_space || !dx_epoch_read(credential, &epoch)) {
            return DX_E_MALFORMED;
        }
        *number = epoch.number;
        return DX_OK;
    case DX_CREDENTIAL_EPOCH_ACK:
        sound = credential->has_space && claim_count(credential) == 1 &&
                claim_is_bytes(credential, 1, DX_HASH_SIZE);
        return sound ? DX_OK : DX_E_MALFORMED;
    case DX_CREDENTIAL_PURGE:
        return credential->has_space && dx_purge_is_in_form(credential) ? DX_OK : DX_E_MALFORMED;
    default:
        return DX_OK;
    }
    if (sound && credential->has_space) {
        *number = (uint64_t)claim_number(credential, 1);
    }
    return sound ? DX_OK : DX_E_MALFORMED;
}

/* --- Judgement -------------------------------------------------------------------------------- */

static const dx_verdict refused = {.error = DX_E_UNAUTHORIZED};

/* What the parents, all of them in effect, give the issuer. */
typedef struct premises {
    bool has_right;     /* at least the role asked for */
    unsigned depth;     /* of the nearest such right */
    bool signer_speaks; /* signer is a device of the issuer */
    bool has_key_epoch; /* a KEY_EPOCH of the number asked for */
    size_t epochs;      /* EPOCHs named */
    bool has_epoch;     /* EPOCH: one that it follows; EPOCH_ACK: the one it is about */
    bool made;          /* PURGE: the issuer's FEED in which the entity was made */
} premises;

/* Whether an EPOCH goes on from that one: the next number, and nothing of its cut left out. */
static bool follows(const dx_credential *credential, const dx_control_entry *parent, uint64_t before) {
    dx_credential other;
    dx_epoch epoch, earlier;
    return parent->number == before && dx_epoch_read(credential, &epoch) &&
           dx_credential_decode(dx_bytes_of(parent->bytes, parent->size), &other) == DX_OK &&
           dx_epoch_read(&other, &earlier) && dx_epoch_dominates(&epoch, &earlier);
}

/* Whether the entity that a PURGE is about was made in the feed that this FEED admits. */
static bool is_made_in(const dx_credential *credential, const dx_control_entry *parent) {
    dx_credential feed;
    dx_feed_identity identity = {.feed_class = DX_FEED_DATA};
    uint8_t id[DX_HASH_SIZE];
    if (parent->number != DX_FEED_DATA ||
        dx_credential_decode(dx_bytes_of(parent->bytes, parent->size), &feed) != DX_OK) {
        return false;
    }
    memcpy(identity.space_id, feed.space, DX_HASH_SIZE);
    memcpy(identity.device, feed.signer, DX_KEY_SIZE);
    memcpy(identity.key, feed.subject, DX_KEY_SIZE);
    dx_feed_id(&identity, id);
    return memcmp(id, dx_item_bytes(dx_credential_claim(credential, 1)).data, DX_PREFIX_SIZE) == 0;
}

static bool is_about(const dx_credential *credential, const dx_control_entry *parent) {
    return memcmp(dx_item_bytes(dx_credential_claim(credential, 1)).data, parent->id, DX_HASH_SIZE) == 0;
}

static void add_premise(const dx_credential *credential, const dx_control_entry *parent, dx_role needed,
                        uint64_t epoch, premises *found) {
    bool of_issuer = key_equal(parent->subject, credential->issuer);
    if ((parent->type == DX_CREDENTIAL_SPACE && of_issuer) ||
        (parent->type == DX_CREDENTIAL_MEMBER && of_issuer && parent->number >= (uint64_t)needed)) {
        if (!found->has_right || parent->depth < found->depth) {
            found->depth = parent->depth;
        }
        found->has_right = true;
    } else if (parent->type == DX_CREDENTIAL_DEVICE && key_equal(parent->issuer, credential->issuer) &&
               key_equal(parent->subject, credential->signer)) {
        found->signer_speaks = true;
    } else if (parent->type == DX_CREDENTIAL_KEY_EPOCH && parent->number == epoch) {
        found->has_key_epoch = true;
    } else if (parent->type == DX_CREDENTIAL_EPOCH && credential->type == DX_CREDENTIAL_EPOCH) {
        found->epochs++;
        found->has_epoch = found->has_epoch || follows(credential, parent, epoch);
    } else if (parent->type == DX_CREDENTIAL_FEED && credential->type == DX_CREDENTIAL_PURGE) {
        found->made =
            found->made || (key_equal(parent->issuer, credential->issuer) && is_made_in(credential, parent));
    } else if (parent->type == DX_CREDENTIAL_EPOCH && credential->type == DX_CREDENTIAL_EPOCH_ACK) {
        found->epochs++;
        found->has_epoch = found->has_epoch || is_about(credential, parent);
    }
}

/* Goes through the parents in their order and stops at the first that is missing (waits) or refused. */
static dx_verdict gather_premises(const dx_control *control, const dx_credential *credential, dx_role needed,
                                  uint64_t epoch, premises *found) {
    memset(found, 0, sizeof *found);
    for (size_t i = 0; i < credential->parent_count; i++) {
        const dx_control_entry *parent = dx_control_entry_of(control, credential->parents[i]);
        if (!parent || parent->standing == DX_STANDING_WAITING) {
            return (dx_verdict){.error = DX_E_STATE, .awaits = credential->parents[i]};
        }
        if (parent->standing == DX_STANDING_REFUSED) {
            return refused;
        }
        add_premise(credential, parent, needed, epoch, found);
    }
    return (dx_verdict){.error = DX_OK, .depth = found->depth};
}

static dx_verdict judge_space(const dx_control *control, const dx_credential *credential) {
    uint8_t space_id[DX_HASH_SIZE];
    dx_hash(DX_HASH_SPACE_ID, credential->payload, space_id);
    bool genesis = memcmp(space_id, control->space_id, DX_HASH_SIZE) == 0 &&
                   key_equal(credential->issuer, credential->signer) &&
                   key_equal(credential->issuer, credential->subject);
    return genesis ? (dx_verdict){.error = DX_OK} : refused;
}

static dx_verdict judge_device(const dx_control *control, const dx_credential *credential) {
    if (!key_equal(credential->issuer, credential->signer) ||
        key_equal(credential->issuer, credential->subject)) {
        return refused;
    }
    const dx_member *member = dx_control_member_of(control, credential->issuer);
    if (!member) {
        return (dx_verdict){.error = DX_E_STATE, .awaits = credential->issuer};
    }
    return (dx_verdict){.error = DX_OK};
}

static dx_verdict judge_member(const dx_control *control, const dx_credential *credential, uint64_t role) {
    premises found;
    if (role >= DX_ROLE_OWNER || key_equal(credential->issuer, credential->subject)) {
        return refused;
    }
#if defined(DX_PLANT) && DX_PLANT == 12
    dx_verdict verdict = gather_premises(control, credential, DX_ROLE_EDITOR, 0, &found);
#else
    dx_verdict verdict = gather_premises(control, credential, DX_ROLE_ADMIN, 0, &found);
#endif
    if (verdict.error == DX_OK) {
        bool speaks = found.signer_speaks || key_equal(credential->issuer, credential->signer);
#if defined(DX_PLANT) && DX_PLANT == 10
        speaks = true;
#endif
        if (!found.has_right || !speaks || found.depth >= DX_CONTROL_CHAIN_MAX) {
            return refused;
        }
        verdict.depth = found.depth + 1;
    }
    return verdict;
}

static dx_verdict judge_feed(const dx_control *control, const dx_credential *credential) {
    premises found;
    dx_verdict verdict = gather_premises(control, credential, DX_ROLE_PULL, 0, &found);
    return verdict.error == DX_OK && !(found.has_right && found.signer_speaks) ? refused : verdict;
}

/* before: the number of the KEY_EPOCH it rests on; UINT64_MAX: on none, and only the owner may. */
static dx_verdict judge_key(const dx_control *control, const dx_credential *credential, uint64_t before) {
    premises found;
    bool first = before == UINT64_MAX;
    if (credential->type == DX_CREDENTIAL_KEY_EPOCH &&
        memcmp(credential->subject, control->space_id, DX_HASH_SIZE) != 0) {
        return refused;
    }
    dx_verdict verdict = gather_premises(control, credential, DX_ROLE_ADMIN, before, &found);
    if (verdict.error == DX_OK) {
        bool speaks = found.signer_speaks || key_equal(credential->issuer, credential->signer);
        bool rests = first ? found.depth == 0 : found.has_key_epoch;
        if (!found.has_right || !speaks || !rests) {
            return refused;
        }
    }
    return verdict;
}

/* number: of an EPOCH. */
static dx_verdict judge_epoch(const dx_control *control, const dx_credential *credential, uint64_t number) {
    premises found;
    bool is_epoch = credential->type == DX_CREDENTIAL_EPOCH;
    if (memcmp(credential->subject, control->space_id, DX_HASH_SIZE) != 0) {
        return refused;
    }
    dx_verdict verdict =
        gather_premises(control, credential, is_epoch ? DX_ROLE_ADMIN : DX_ROLE_EDITOR, number - 1, &found);
    if (verdict.error == DX_OK) {
        bool speaks = found.signer_speaks || (is_epoch && key_equal(credential->issuer, credential->signer));
        bool rests = is_epoch && number == 1 ? found.epochs == 0 : found.epochs == 1 && found.has_epoch;
        if (!found.has_right || !speaks || !rests) {
            return refused;
        }
    }
    return verdict;
}

/* By right, or of what one made oneself. */
static dx_verdict judge_purge(const dx_control *control, const dx_credential *credential) {
    premises found;
    if (memcmp(credential->subject, control->space_id, DX_HASH_SIZE) != 0) {
        return refused;
    }
    dx_verdict verdict = gather_premises(control, credential, DX_ROLE_ADMIN, 0, &found);
    bool speaks = found.signer_speaks || key_equal(credential->issuer, credential->signer);
#if defined(DX_PLANT) && DX_PLANT == 59
    found.has_right = true;
#endif
    return verdict.error == DX_OK && !(speaks && (found.has_right || found.made)) ? refused : verdict;
}

/* Nothing is known of it but its parents, and those must be here: whoever passes it on passes them on, too. */
static dx_verdict judge_unknown(const dx_control *control, const dx_credential *credential) {
    premises found;
    return gather_premises(control, credential, DX_ROLE_NONE, 0, &found);
}

dx_verdict dx_control_judge(const dx_control *control, const dx_credential *credential, uint64_t number) {
    if (credential->has_space && memcmp(credential->space, control->space_id, DX_HASH_SIZE) != 0) {
        return refused;
    }
    switch (credential->type) {
    case DX_CREDENTIAL_SPACE:
        return judge_space(control, credential);
    case DX_CREDENTIAL_DEVICE:
        return judge_device(control, credential);
    case DX_CREDENTIAL_MEMBER:
        return judge_member(control, credential, number);
    case DX_CREDENTIAL_FEED:
        return judge_feed(control, credential);
    case DX_CREDENTIAL_KEY_EPOCH:
        return judge_key(control, credential, number - 1);
    case DX_CREDENTIAL_KEY_GRANT:
        return judge_key(control, credential, number);
    case DX_CREDENTIAL_EPOCH:
    case DX_CREDENTIAL_EPOCH_ACK:
        return judge_epoch(control, credential, number);
    case DX_CREDENTIAL_PURGE:
        return judge_purge(control, credential);
    default:
        return judge_unknown(control, credential);
    }
}
