/* node/grant.h: apps, by the origin their ports were brought up with, and what each may ask.
 *
 * Layer: floor 1, node, private to this room; docs/decisions/0022, docs/spec/commands.md. An app without a grant
 * may ask for one and nothing else; every denial is the same answer, so that a probe learns nothing. The
 * table of needs in grant.c is the only place that says what a command needs of an app: what does not stand there
 * is for the person's own programs.
 *
 * Ownership: a dx_app lives as long as its origin has a grant, a port or a refusal that still counts. Its grant
 * is a copy of rows: read again after every undone step. */
#ifndef DX_NODE_GRANT_H
#define DX_NODE_GRANT_H

#include <dxos/node.h>

#include "base/limits.h"
#include "crypto/hash.h"

typedef struct dx_request dx_request;
typedef struct dx_space dx_space;

/* What an app may do in a space; each holds those before it. Numbers stand in rows. */
typedef enum dx_level { DX_LEVEL_NONE, DX_LEVEL_READ, DX_LEVEL_WRITE, DX_LEVEL_SHARE } dx_level;

/* Bits of a grant's scopes, in rows too. */
enum {
    DX_SCOPE_IDENTITY = 1, /* name and key of the person, devices */
    DX_SCOPE_CREATE = 2,   /* make spaces, which the app is then granted */
    DX_SCOPE_JOIN = 4 /* join spaces, whose members are told who the person is; it is then granted them */
};

/* What a command needs of an app. */
typedef enum dx_need {
    DX_NEED_OWN, /* it is none for apps */
    DX_NEED_NOTHING,
    DX_NEED_GRANT, /* any: what it answers is cut to the grant */
    DX_NEED_IDENTITY,
    DX_NEED_CREATE,
    DX_NEED_JOIN,
    DX_NEED_READ, /* these of the space its argument "space" names */
    DX_NEED_WRITE,
    DX_NEED_SHARE
} dx_need;

typedef struct dx_need_row {
    const char *command;
    dx_need need;
} dx_need_row;

/* A row for every command there is; ends with command NULL. */
extern const dx_need_row dx_needs[];

/* What is granted, or asked for. */
typedef struct dx_rights {
    unsigned scopes;
    dx_level everywhere; /* in every space */
} dx_rights;

typedef struct dx_app_space {
    uint8_t id[DX_HASH_SIZE];
    dx_level level;
} dx_app_space;

typedef struct dx_app {
    struct dx_app *next;
    char origin[DX_ORIGIN_SIZE_MAX + 1];
    char name[DX_APP_NAME_SIZE_MAX + 1];
    bool opaque; /* it came with no origin that could be granted anything: it may not even ask */
    bool granted;
    dx_rights rights;
    dx_app_space *spaces;
    size_t space_count, space_capacity;
    size_t port_count;
    uint64_t denied;           /* since it came */
    uint64_t refused_until_ms; /* the person said no: its next question waits until then */
    uint64_t asked_ms; /* when the questions that count began, and how many of them were shown since */
    size_t asked_count;
    uint64_t grants;  /* raised by every change of what it may */
    uint64_t version; /* raised by every change that is told of */
} dx_app;

/* --- Origins --- */
/* SCHEME://HOST or SCHEME://HOST:PORT, as browsers write it (RFC 6454 §6.2): lower case, ASCII. */
bool dx_origin_check(dx_bytes text);
/* The app of an origin, made when it is new; of what is no origin the opaque one. DX_E_NO_MEMORY. */
DX_MUST_USE int dx_app_take(dx_node *node, dx_bytes origin, dx_app **out);
dx_app *dx_app_find(dx_node *node, dx_bytes origin); /* NULL: unknown; never the opaque one */
/* Frees those nothing is to be remembered of. */
void dx_apps_tidy(dx_node *node);
void dx_apps_free(dx_node *node); /* all of them; no port is left */
/* By which the node knows a request: its id, and of an app's a hash of origin and id, so that nobody meets
 * another's by its id. */
void dx_request_key(const dx_app *app, const uint8_t id[static DX_REQUEST_SIZE],
                    uint8_t out[static DX_REQUEST_SIZE]);

/* --- Grants, inside a transaction --- */
DX_MUST_USE int dx_grants_load(dx_node *node);
void dx_grants_unload(dx_node *node);
/* Replaces its grant. DX_E_LIMIT: too many apps or spaces, nothing changed. spaces is copied. */
DX_MUST_USE int dx_app_grant(dx_node *node, dx_app *app, dx_bytes name, dx_rights rights,
                             const dx_app_space *spaces, size_t space_count);
DX_MUST_USE int dx_app_revoke(dx_node *node, dx_app *app);
/* One more space, or a higher level there. DX_E_LIMIT. */
DX_MUST_USE int dx_app_allow(dx_node *node, dx_app *app, const uint8_t space[static DX_HASH_SIZE],
                             dx_level level);
/* The vault forgets the space: coming back, nobody is granted it. */
DX_MUST_USE int dx_grants_forget_space(dx_node *node, const uint8_t space[static DX_HASH_SIZE]);

/* --- Judging --- */
const char *dx_level_name(dx_level level);
/* app NULL, the person's own program: DX_LEVEL_SHARE. */
dx_level dx_app_level(const dx_app *app, const uint8_t space[static DX_HASH_SIZE]);
/* space: what the need is about; NULL for needs without one, and for a space that is gone. */
bool dx_app_may(const dx_app *app, dx_need need, const dx_space *space);
bool dx_rights_hold(dx_rights rights, dx_rights wanted);
/* Whether a question of the app may be shown now, which then counts; *due_ms: when it is to be asked again. */
bool dx_app_may_ask(const dx_node *node, dx_app *app, uint64_t *due_ms);
/* Before anything else is done for a request: DX_OK, with need and judged space noted on it; DX_E_DENIED in the
 * one form there is; a bad or ambiguous "space"; the store's errors. */
DX_MUST_USE int dx_app_judge(dx_node *node, dx_request *request, dx_bytes body);
/* Puts the one denial into words. Returns DX_E_DENIED. */
int dx_app_deny(dx_node *node);

#endif
