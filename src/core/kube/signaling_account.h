/* kube/signaling_account.h: what one key or one network address may ask of a signaling service.
 *
 * Layer: floor 1, kube (base). An account counts what its owner holds (connections, joins) and meters what it sends: two
 * buckets that fill with time, of messages and of bytes. It lives as long as somebody holds it and a while longer, so
 * that leaving and coming back does not fill a bucket. Ownership: the table owns its accounts; every pointer
 * handed out is one holder, given back with dx_account_release. */
#ifndef DX_KUBE_SIGNALING_ACCOUNT_H
#define DX_KUBE_SIGNALING_ACCOUNT_H

#include <dxos/base.h>

enum {
    DX_ACCOUNT_NAME_MAX = 48,   /* an address in figures, or a key */
    DX_ACCOUNT_NETWORK_SIZE = 9 /* ':' and the first 64 bits of an IPv6 address */
};

/* What one account may hold and send. */
typedef struct dx_account_quota {
    size_t connections, joins;
    uint32_t messages_per_s, messages_max; /* in the long run, and at once */
    uint32_t bytes_per_s, bytes_max;
} dx_account_quota;

typedef struct dx_account dx_account;
struct dx_account {
    dx_account *chain;
    uint8_t name[DX_ACCOUNT_NAME_MAX];
    size_t name_size;
    size_t holders, connections, joins;
    uint64_t messages_milli, bytes_milli; /* what is left in the buckets, in thousandths */
    uint64_t filled_ms;
};

typedef struct dx_accounts {
    const dx_alloc *alloc;
    const dx_account_quota *quota;
    dx_account **rows;
    size_t row_count, count;
    uint64_t salt; /* of the table's order: random, so that nobody can crowd one row */
} dx_accounts;

void dx_accounts_init(dx_accounts *accounts, const dx_alloc *alloc, const dx_account_quota *quota,
                      uint64_t salt);
void dx_accounts_deinit(dx_accounts *accounts);
/* The account of this name, made when there is none; NULL: no memory. */
dx_account *dx_account_hold(dx_accounts *accounts, dx_bytes name, uint64_t now_ms);
void dx_account_release(dx_account *account);
/* Whether one more message of this size may be sent; it is paid for when it may. */
bool dx_account_pay(dx_account *account, const dx_account_quota *quota, size_t size, uint64_t now_ms);
/* Forgets those nobody holds and whose buckets are full again. */
void dx_accounts_sweep(dx_accounts *accounts, uint64_t now_ms);

/* The part of a network address that is one party's: an IPv4 address whole, of an IPv6 address the half that
 * is a network's, for whoever has one address there has all. peer: in figures as inet_ntop(3) writes them. The result
 * points into peer or room. */
dx_bytes dx_account_network(const char *peer, uint8_t room[static DX_ACCOUNT_NETWORK_SIZE]);
/* Order of names in a table. */
uint64_t dx_account_hash(dx_bytes name, uint64_t salt);

#endif
