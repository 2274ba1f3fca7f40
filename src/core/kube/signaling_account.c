/* kube/signaling_account.c: see signaling_account.h. */
#include "kube/signaling_account.h"

#include <string.h>

enum { ROWS_FIRST = 64, MILLI = 1000 };

uint64_t dx_account_hash(dx_bytes name, uint64_t salt) {
    uint64_t hash = salt;
    for (size_t i = 0; i < name.size; i++) {
        hash = (hash ^ name.data[i]) * UINT64_C(0x100000001b3);
        hash ^= hash >> 29;
    }
    hash = (hash ^ salt) * UINT64_C(0xbf58476d1ce4e5b9);
    return hash ^ hash >> 32;
}

void dx_accounts_init(dx_accounts *accounts, const dx_alloc *alloc, const dx_account_quota *quota,
                      uint64_t salt) {
    *accounts = (dx_accounts){.alloc = alloc, .quota = quota, .salt = salt};
}

void dx_accounts_deinit(dx_accounts *accounts) {
    for (size_t i = 0; i < accounts->row_count; i++) {
        while (accounts->rows[i] != NULL) {
            dx_account *account = accounts->rows[i];
            accounts->rows[i] = account->chain;
            dx_alloc_free(accounts->alloc, account, sizeof *account);
        }
    }
    dx_alloc_free(accounts->alloc, accounts->rows, accounts->row_count * sizeof(dx_account *));
    accounts->rows = NULL;
    accounts->row_count = accounts->count = 0;
}

static dx_account **row_of(const dx_accounts *accounts, dx_bytes name) {
    return &accounts->rows[dx_account_hash(name, accounts->salt) % accounts->row_count];
}

static bool grow(dx_accounts *accounts) {
    if (accounts->count < accounts->row_count) {
        return true;
    }
    dx_accounts wider = *accounts;
    wider.row_count = accounts->row_count == 0 ? ROWS_FIRST : accounts->row_count * 2;
    wider.rows = dx_alloc_take_zeroed(accounts->alloc, wider.row_count * sizeof(dx_account *));
    if (wider.rows == NULL) {
        return accounts->row_count > 0; /* longer rows do as well */
    }
    for (size_t i = 0; i < accounts->row_count; i++) {
        while (accounts->rows[i] != NULL) {
            dx_account *account = accounts->rows[i];
            accounts->rows[i] = account->chain;
            dx_account **row = row_of(&wider, dx_bytes_of(account->name, account->name_size));
            account->chain = *row;
            *row = account;
        }
    }
    dx_alloc_free(accounts->alloc, accounts->rows, accounts->row_count * sizeof(dx_account *));
    *accounts = wider;
    return true;
}

dx_account *dx_account_hold(dx_accounts *accounts, dx_bytes name, uint64_t now_ms) {
    if (!grow(accounts)) {
        return NULL;
    }
    if (name.size > DX_ACCOUNT_NAME_MAX) {
        name.size = DX_ACCOUNT_NAME_MAX;
    }
    dx_account **row = row_of(accounts, name), *account = *row;
    while (account != NULL && !dx_bytes_equal(dx_bytes_of(account->name, account->name_size), name)) {
        account = account->chain;
    }
    if (account == NULL) {
        account = dx_alloc_take_zeroed(accounts->alloc, sizeof *account);
        if (account == NULL) {
            return NULL;
        }
        if (name.size > 0) {
            memcpy(account->name, name.data, name.size);
        }
        account->name_size = name.size;
        account->messages_milli = (uint64_t)accounts->quota->messages_max * MILLI;
        account->bytes_milli = (uint64_t)accounts->quota->bytes_max * MILLI;
        account->filled_ms = now_ms;
        account->chain = *row;
        *row = account;
        accounts->count++;
    }
    account->holders++;
    return account;
}

void dx_account_release(dx_account *account) {
    DX_ASSERT(account->holders > 0);
    account->holders--;
}

static void fill_bucket(uint64_t *milli, uint32_t per_s, uint32_t max, uint64_t passed_ms) {
    uint64_t full = (uint64_t)max * MILLI;
    uint64_t left = full - *milli; /* never overfull */
    *milli = passed_ms >= left / (per_s == 0 ? 1 : per_s) + 1 ? full : *milli + passed_ms * per_s;
    *milli = *milli < full ? *milli : full;
}

static void fill(dx_account *account, const dx_account_quota *quota, uint64_t now_ms) {
    uint64_t passed_ms = now_ms > account->filled_ms ? now_ms - account->filled_ms : 0;
    fill_bucket(&account->messages_milli, quota->messages_per_s, quota->messages_max, passed_ms);
    fill_bucket(&account->bytes_milli, quota->bytes_per_s, quota->bytes_max, passed_ms);
    account->filled_ms += passed_ms;
}

bool dx_account_pay(dx_account *account, const dx_account_quota *quota, size_t size, uint64_t now_ms) {
    fill(account, quota, now_ms);
    if (account->messages_milli < MILLI || account->bytes_milli / MILLI < size) {
        return false;
    }
    account->messages_milli -= MILLI;
    account->bytes_milli -= (uint64_t)size * MILLI;
    return true;
}

void dx_accounts_sweep(dx_accounts *accounts, uint64_t now_ms) {
    const dx_account_quota *quota = accounts->quota;
    for (size_t i = 0; i < accounts->row_count; i++) {
        for (dx_account **at = &accounts->rows[i]; *at != NULL;) {
            dx_account *account = *at;
            fill(account, quota, now_ms);
            bool full = account->messages_milli == (uint64_t)quota->messages_max * MILLI &&
                        account->bytes_milli == (uint64_t)quota->bytes_max * MILLI;
            if (account->holders > 0 || !full) {
                at = &account->chain;
                continue;
            }
            *at = account->chain;
            dx_alloc_free(accounts->alloc, account, sizeof *account);
            accounts->count--;
        }
    }
}

static unsigned read_group(const char **at) {
    static const char digits[] = "0123456789abcdef";
    unsigned value = 0;
    for (const char *digit; **at != 0 && (digit = strchr(digits, **at)) != NULL; ++*at) {
        value = (value << 4 | (unsigned)(digit - digits)) & 0xffff;
    }
    return value;
}

/* One half may be written in several ways ("2001::5:1:2:3:4" and "2001:0:0:5::1" are of one), so it is read. */
dx_bytes dx_account_network(const char *peer, uint8_t room[static DX_ACCOUNT_NETWORK_SIZE]) {
    enum { GROUPS = 8 };
    unsigned groups[GROUPS] = {0};
    size_t count = 0, gap = GROUPS;
    if (strchr(peer, ':') == NULL || strchr(peer, '.') != NULL) {
        return dx_bytes_of(peer, strlen(peer)); /* also an IPv4 address in IPv6 form */
    }
    for (const char *at = peer; *at != 0 && count < GROUPS; count++) {
        if (at[0] == ':' && at[1] == ':') {
            gap = count;
        }
        while (*at == ':') {
            at++;
        }
        if (*at == 0) {
            break; /* "::" at the end */
        }
        groups[count] = read_group(&at);
    }
    size_t zeros = gap < GROUPS ? GROUPS - count : 0;
    room[0] = ':'; /* no IPv4 address begins so */
    for (size_t i = 0; i < GROUPS / 2; i++) {
        unsigned group = i < gap ? groups[i] : i < gap + zeros ? 0 : groups[i - zeros];
        room[1 + 2 * i] = (uint8_t)(group >> 8);
        room[2 + 2 * i] = (uint8_t)group;
    }
    return dx_bytes_of(room, DX_ACCOUNT_NETWORK_SIZE);
}
