/* node/state.h: what a node holds between steps, and how a command becomes an answer.
 *
 * Layer: floor 1, node, private to this room. A command runs inside the step's transaction; it either answers
 * at once, or goes on as a request with a resume function that does a bounded piece of work per step.
 * Requests, ports and links are volatile: a failed step drops them all. */
#ifndef DX_NODE_STATE_H
#define DX_NODE_STATE_H

#include <dxos/codec.h>
#include <dxos/node.h>

#include "echo/digest.h"
#include "echo/epoch.h"
#include "echo/name.h"
#include "echo/space_scope.h"
#include "echo/subscription.h"
#include "halo/welcome.h"
#include "node/grant.h"
#include "node/outbox.h"
#include "sync/replication.h"

enum {
    DX_PENDING = 1, /* a command's answer comes in later steps */
    DX_NODE_ADDRESSES_MAX = 16,
    DX_NODE_KEY_BUCKETS = 256, /* of requests: a thousand are a few each */
    DX_NODE_MESSAGE_SIZE = 240
};

/* Where data comes back from when some of the vault's own is damaged. */
#define DX_DAMAGE_REMEDY                                                                                     \
    "put a backup of the vault's folder in its place; without one, dx export what can still be read, make "  \
    "a "                                                                                                     \
    "new vault and join its spaces again: members have them"

#define DX_FULL_REMEDY "make room on the vault's disk and ask again; what was acknowledged is safe"

typedef struct dx_command {
    const char *name;
    bool writes; /* its reply is stored with its transaction, so that asking again answers again */
    /* DX_OK: answered. DX_PENDING: request->resume was set. Otherwise an error, explained with
     * dx_node_refuse. */
    int (*run)(dx_node *node, dx_request *request, dx_bytes body);
} dx_command;

struct dx_request {
    dx_request *next, *next_by_key;
    uint64_t port;
    dx_app *app;                  /* of its port; NULL: an own program */
    uint8_t id[DX_REQUEST_SIZE];  /* as its asker knows it: on answers, and nowhere else */
    uint8_t key[DX_REQUEST_SIZE]; /* as the node does (dx_request_key) */
    dx_need need;                 /* of an app: what it was allowed for, */
    int64_t judged;               /* and the space that was about; 0: none */
    const dx_command *command;
    dx_buf rows;                 /* encoded rows not yet sent */
    size_t row_count, row_begin; /* row_begin: where the row being written begins */
    int64_t total;
    int64_t space;                                           /* it reads: ends when the space goes; 0: none */
    bool (*reads)(const dx_request *request, int64_t space); /* the same of several; NULL: `space` tells */
    /* It reads all spaces: one came, or (NULL) goes. The error ends the step. */
    int (*follows)(dx_node *node, dx_request *request, int64_t space, dx_space *came);
    bool answered; /* it is kept until the commit: an answer that is undone is owed again */
    bool cancelled;
    bool fresh; /* begun in the transaction under way: when that is undone, it never was */
    /* Goes on: called once per step until it answers; *again asks for another step at once, otherwise it is
     * called when anything happens or at deadline_ms. */
    int (*resume)(dx_node *node, dx_request *request, bool *again);
    void (*drop)(dx_node *node, dx_request *request); /* frees what task holds; also after an answer */
    bool partial;                                     /* what rows are of is not all here: NOTIFYs say so */
    bool idle; /* it only waits for changes: resume is not called, unless to end (dx_request_rest) */
    void *task;
    size_t task_size;
    uint64_t deadline_ms;
};

typedef struct dx_port {
    uint64_t number;
    dx_app *app;        /* NULL: an own program, which may everything */
    size_t outstanding; /* bytes of answers the port has not taken */
    size_t requests;    /* of its that are kept */
    bool fresh, gone;   /* came, went in the transaction under way: undone, it did not */
} dx_port;

/* Since the node opened, for `status`. */
typedef struct dx_node_counts {
    uint64_t steps, undone, events_failed;
    uint64_t apps_denied;
    dx_swarm_counts links;
} dx_node_counts;

struct dx_node {
    dx_node_config config;
    char *path;
    dx_store *store;
    dx_identity identity;
    dx_context context;
    dx_changes changes; /* of the step under way */
    dx_subscriptions *subscriptions;
    dx_space **spaces; /* ascending local number */
    size_t space_count, space_capacity;
    dx_swarm *swarm;
    dx_replication *replication;
    dx_outbox outbox;
    /* Those at work, then, from `resting` on, those that only wait for changes: a step looks at the former alone. */
    dx_request *requests, *resting;
    bool regroup; /* some are not where they belong */
    dx_request *by_key[DX_NODE_KEY_BUCKETS];
    dx_app *apps;
    dx_port *ports;
    size_t port_count, port_capacity;
    size_t events_noted; /* of the batch under way: those whose PORT_WRITABLE was counted, were it undone */
    bool is_clone;       /* found when it was opened: a copy, restored or moved */
    bool is_guarded;     /* since then: own feeds are new ones where they had to be */
    uint64_t renew_ms;   /* on a full disk: when to look again */
    uint64_t reads_ms;   /* and until when not, as long as somebody reads */
    uint64_t person;     /* raised when who this vault is changed */
    bool telling;        /* the person has another name, which not all spaces know */
    int64_t told_space;  /* the last one that does */
    bool tell_again;     /* one could not be told yet: the next time the vault is opened */
    int log_frames;      /* of the store, after the last step */
    uint64_t written_ms; /* when a step last wrote */
    uint64_t rows_ms;    /* when rows that follow their blocks are written at the latest; 0: none waits */
    bool sweeping;       /* rows of forgotten spaces may be left */
    struct dx_epoch_work *epochs; /* what is under way about them (epochs.h) */
    dx_node_counts counts;
    char addresses[DX_NODE_ADDRESSES_MAX][DX_ADDRESS_SIZE_MAX];
    size_t address_count;
    /* After steps that failed: when the last one did, how many did without a pause, and until when nobody is
     * dialled: a disk that stays full would make us fetch the same blocks for ever. */
    uint64_t undone_ms, hold_ms;
    unsigned undone_row;
    uint64_t next_link;                  /* odd: of the next link to open */
    struct dx_listening *listening;      /* programs that listen to posts (commands_post.c) */
    struct dx_text_watching *texts;      /* programs that watch texts (commands_text_watch.c) */
    struct dx_invite *invites;           /* invitations at work, as host or guest (invite.c) */
    char failure[DX_STORE_MESSAGE_SIZE]; /* what the disk or the database did, when it undid a step */
    char message[DX_NODE_MESSAGE_SIZE], remedy[DX_NODE_MESSAGE_SIZE]; /* of the error being returned */
};

/* --- node.c --- */
dx_space *dx_node_space(dx_node *node, int64_t local);
DX_MUST_USE int dx_node_add_space(dx_node *node, dx_space *space); /* takes it; starts replication */
void dx_node_remove_space(dx_node *node, dx_space *space);

/* Puts what undid the last step into words, for the next dx_request_reply_error of this error. */
void dx_node_explain_failure(dx_node *node, int error);

/* --- commands_halo.c --- */
/* Whether a new name is still to be told; inside a transaction. */
DX_MUST_USE int dx_node_load_telling(dx_node *node);
/* Tells it in some more spaces; *again when there are others. */
DX_MUST_USE int dx_node_tell_name(dx_node *node, bool *again);

/* --- commands_object.c --- */
/* Puts words to what a transaction in the space was refused for. */
int dx_node_explain_edit(dx_node *node, dx_space *space, int error);
/* The entity as it is now. */
DX_MUST_USE int dx_node_reply_entity(dx_node *node, dx_request *request, dx_space *space, int64_t key);

/* --- object_ops.c --- */
/* DX_E_DENIED: it is one of the house's own objects, which no app edits; app NULL: an own program. */
DX_MUST_USE int dx_node_check_subject(dx_node *node, dx_app *app, dx_space *space, int64_t key);

/* --- commands_history.c --- */
/* If the command's "at" names a point, answers the entity as it was then. */
DX_MUST_USE int dx_node_reply_past(dx_node *node, dx_request *request, dx_space *space, int64_t key,
                                   dx_bytes body, bool *past);

/* What a section did, in one word. */
struct dx_section;
const char *dx_node_section_word(const struct dx_section *section);

/* --- commands_epoch.c --- */
/* Which epoch is the current one, where history here begins, and what is under way. */
DX_MUST_USE int dx_node_write_epoch_status(dx_node *node, dx_space *space, dx_map_builder *map);
/* Of what is under way, in hundredths. */
uint64_t dx_node_epoch_percent(const dx_epoch_status *status);

/* --- commands_scope.c --- */
/* Whether an answer about all entities of a type (NULL: of any) lacks what is not here. */
DX_MUST_USE int dx_node_is_short(dx_node *node, dx_space *space, const dx_bytes *type, bool *partial);
/* Whether an answer to a question does. */
DX_MUST_USE int dx_node_question_is_short(dx_node *node, dx_space *space, dx_bytes question, bool *partial);
/* The type that a question is about and keeps to; false: there is no such. */
bool dx_node_question_type(dx_bytes question, dx_bytes *type);
/* Names of types from a list, or none; they point into it. */
DX_MUST_USE int dx_node_take_types(dx_node *node, dx_bytes item, dx_space_scope *scope);
/* Whether its rows are those of the scope's own question, all of which were here when a member told them last. */
bool dx_node_question_is_told(const dx_space *space, dx_bytes question);
/* Who told last what matches the scope's question, and when. */
void dx_node_write_told(const dx_space *space, dx_map_builder *map);
/* "types", "since" and "query" of a command; the question points into it. */
DX_MUST_USE int dx_node_take_scope(dx_node *node, dx_bytes body, dx_space_scope *scope);
/* Words for an object that does not stand here; space may be NULL. Returns DX_E_NOT_FOUND. */
int dx_node_refuse_absent(dx_node *node, dx_space *space);
/* Replies with a row of which not all may be here: "partial" is in it, and where nobody was there to be asked for the rest,
 * "reached": false. */
DX_MUST_USE int dx_node_reply_part(dx_node *node, dx_request *request, dx_bytes row, bool reached);
/* What this vault keeps, when that is not all, and how much is not here. */
DX_MUST_USE int dx_node_write_scope_status(dx_node *node, dx_space *space, dx_map_builder *map);
/* Whether there may be more of an entity than is here: otherwise nobody has to be asked for it. */
DX_MUST_USE int dx_node_lacks(dx_node *node, dx_space *space, int64_t key, bool *lacks);
/* Answers the entity when all of it was fetched, or nobody has more of it; 0: the usual time. */
DX_MUST_USE int dx_node_fetch(dx_node *node, dx_request *request, dx_space *space, int64_t key,
                              int64_t timeout_ms);

/* --- commands_post.c --- */
/* Posts of members go to programs here from now on. */
void dx_node_hear_posts(dx_node *node);

/* --- commands_text_watch.c --- */
/* What is done to texts that somebody watches is kept with the changes of a step from now on. */
void dx_node_hear_texts(dx_node *node);
/* Tells who watches texts what node->changes say of them. */
DX_MUST_USE int dx_node_tell_texts(dx_node *node);
/* Whether somebody is behind who can be told now: another step does it. */
bool dx_node_has_texts_to_tell(dx_node *node);

/* --- commands_signal.c --- */
/* The signaling services the person named; inside a transaction, with the swarm made. */
DX_MUST_USE int dx_node_load_services(dx_node *node);

/* --- dispatch.c --- */
/* The disk's or the memory's: the step ends and is undone. Any other error is of one command or one space. */
bool dx_is_host_error(int error);
DX_MUST_USE int dx_node_command(dx_node *node, const dx_event *event);
/* Whether it is a command that asks for a change. */
bool dx_node_is_writing(const dx_event *event);
/* Answers from the stored reply when this id was answered before: request->answered. Inside a transaction. */
DX_MUST_USE int dx_node_answer_again(dx_node *node, dx_request *request);
/* The same of a command event outside of a step that goes on: who may not ask any more is told so. */
DX_MUST_USE int dx_node_answer_event_again(dx_node *node, dx_request *request, const dx_event *event);
/* Whether some request is under way that does not only wait for changes. */
bool dx_node_is_asked(const dx_node *node);
/* Runs every request that can go on; *again when one wants another step at once; lowers *deadline_ms. */
DX_MUST_USE int dx_node_resume_requests(dx_node *node, bool *again, uint64_t *deadline_ms);
/* Tells subscriptions what this step changed and they were not told yet. */
DX_MUST_USE int dx_node_deliver_changes(dx_node *node);
/* origin: empty for an own program. DX_OK also when it is open already, for the same; for another it is opened
 * anew. DX_E_NO_MEMORY, DX_E_LIMIT. */
DX_MUST_USE int dx_node_open_port(dx_node *node, uint64_t number, dx_bytes origin);
dx_port *dx_node_port(dx_node *node, uint64_t number); /* NULL: not open */
void dx_node_drop_port(dx_node *node, uint64_t port);  /* with its requests, which are not answered */
/* The transaction in which ports came and went was committed, or undone. */
void dx_node_settle_ports(dx_node *node, bool committed);
/* The i-th command of all tables; NULL: there are no more. */
const dx_command *dx_command_at(size_t index);
/* Ends a request with this error, whose words were put, and frees what it held. */
DX_MUST_USE int dx_node_end_request(dx_node *node, dx_request *request, int error);
/* Ends the requests of an app that its grant does not hold any more; all: every one. */
DX_MUST_USE int dx_node_recheck_app(dx_node *node, dx_app *app, bool all);
/* Answers each with the error, but those begun in the transaction that was undone. */
void dx_node_drop_requests(dx_node *node, int error);
/* The transaction that began them is on disk. */
void dx_node_keep_requests(dx_node *node);
/* Ends the requests that read this space, before it goes. */
DX_MUST_USE int dx_node_cancel_readers(dx_node *node, int64_t space);
/* Who reads all spaces reads this one too from now on. */
DX_MUST_USE int dx_node_tell_followers(dx_node *node, dx_space *came);
/* Forgets the answers and effects after the first `count`: their transaction was undone. */
void dx_node_take_back(dx_node *node, size_t count);
/* Answers that the disk is full, with what to do: before a command begins what could not be kept. */
DX_MUST_USE int dx_node_reply_full(dx_node *node, dx_request *request);
/* Puts words to an error: message says what and why, remedy what to do (may be NULL). Returns code. */
int dx_node_refuse(dx_node *node, int code, const char *remedy, const char *format, ...) DX_PRINTF(4, 5);

/* --- request.c --- */
/* A map builder for an answer. */
void dx_answer_init(dx_node *node, dx_map_builder *map);
DX_MUST_USE int dx_request_notify(dx_node *node, dx_request *request, dx_map_builder *map); /* finishes map */
DX_MUST_USE int dx_request_reply(dx_node *node, dx_request *request,
                                 dx_map_builder *map); /* likewise, and ends the request */
/* Replies, unless this error came up while the map was filled, which is then returned; finishes map either
 * way.
 */
DX_MUST_USE int dx_request_reply_unless(dx_node *node, dx_request *request, int error, dx_map_builder *map);
/* The whole reply as one encoded map. */
DX_MUST_USE int dx_request_reply_item(dx_node *node, dx_request *request, dx_bytes body);
DX_MUST_USE int dx_request_reply_error(dx_node *node, dx_request *request, int error);
/* Rows: begin gives the writer for exactly one item of at most DX_ROW_SIZE_MAX bytes and the word of a change;
 * end sends NOTIFYs when enough has gathered. */
dx_writer dx_request_row(dx_node *node, dx_request *request);
DX_MUST_USE int dx_request_row_end(dx_node *node, dx_request *request, dx_writer *writer);
DX_MUST_USE int dx_request_flush(dx_node *node, dx_request *request);
/* Also without rows: with a position behind them. */
DX_MUST_USE int dx_request_flush_at(dx_node *node, dx_request *request, const char *at);
/* Sends what is left and replies {"count": total}. */
DX_MUST_USE int dx_request_reply_count(dx_node *node, dx_request *request);
/* True when the port has taken enough to be given more. */
bool dx_request_can_send(dx_node *node, const dx_request *request);
/* What this step says already is enough: the next one goes on. */
bool dx_node_said_enough(const dx_node *node);
/* The request goes on with a zeroed task of this size; resume is called in this very step. NULL: no memory.
 */
void *dx_request_continue(dx_node *node, dx_request *request, size_t task_size,
                          int (*resume)(dx_node *, dx_request *, bool *),
                          void (*drop)(dx_node *, dx_request *));
/* It only waits for changes from now on, or not any more; or its end is due. */
void dx_request_rest(dx_node *node, dx_request *request, bool idle);
void dx_request_cancel(dx_node *node, dx_request *request);
dx_request *dx_request_find(dx_node *node, const uint8_t key[static DX_REQUEST_SIZE]);

/* --- arguments.c: what commands take, with errors that say what was expected --- */
DX_MUST_USE int dx_take_text(dx_node *node, dx_bytes body, const char *key, size_t size_max,
                             dx_bytes *out); /* required */
DX_MUST_USE int dx_take_optional_text(dx_node *node, dx_bytes body, const char *key, size_t size_max,
                                      dx_bytes *out); /* data NULL: absent */
/* A name somebody gives: not empty, without control characters. */
DX_MUST_USE int dx_take_name(dx_node *node, dx_bytes body, size_t size_max, dx_bytes *out);
/* Whether the text is the beginning, four digits at least, of the key's hex. */
bool dx_matches_hex(const uint8_t key[static DX_HASH_SIZE], dx_bytes text);
DX_MUST_USE int dx_take_optional_map(dx_node *node, dx_bytes body, const char *key,
                                     dx_bytes *out); /* size 0: absent */
/* Of an app: among the spaces it may read; the one it was judged by, once it was. */
DX_MUST_USE int dx_take_space(dx_node *node, const dx_request *request, dx_bytes body, dx_space **out);
/* By name, id or the beginning of an id, among those this app (NULL: own program) may read. */
DX_MUST_USE int dx_find_space(dx_node *node, const dx_app *app, dx_bytes text, dx_space **out);
DX_MUST_USE int dx_take_id(dx_node *node, dx_space *space, dx_bytes item, const char *what, int64_t *key);
/* The same of what may not stand here. */
DX_MUST_USE int dx_take_any_id(dx_node *node, dx_space *space, dx_bytes item, const char *what, int64_t *key);
DX_MUST_USE int dx_need_identity(dx_node *node);
/* Text helpers for answers. */
/* identity, device and name, each null while there is no identity; device_name when it has one. */
void dx_write_identity(dx_node *node, dx_map_builder *map);
void dx_write_hex(dx_writer *writer, const uint8_t *data, size_t size);

/* The table every command stands in; ends with name NULL. One array per file of commands. */
extern const dx_command dx_commands_halo[], dx_commands_space[], dx_commands_object[], dx_commands_query[],
    dx_commands_subscription[], dx_commands_node[], dx_commands_signal[], dx_commands_invitation[],
    dx_commands_app[], dx_commands_watch[], dx_commands_history[], dx_commands_index[], dx_commands_schema[],
    dx_commands_inspect[], dx_commands_inspect_space[], dx_commands_sql[], dx_commands_epoch[],
    dx_commands_scope[], dx_commands_text[], dx_commands_text_watch[], dx_commands_post[];

#endif
