/* dx/import_state.h: an import under way, shared by the import_*.c files and by no one else.
 *
 * Layer: apps. import.c reads the file and learns its names, import_object.c adds objects, import_waiting.c keeps those whose parent
 * stands after them, import_link.c adds links and what needs all ids. Functions return exit codes, import->code among them. */
#ifndef DX_APP_IMPORT_STATE_H
#define DX_APP_IMPORT_STATE_H

#include <sodium.h>

#include "batch.h"
#include "import.h"
#include "names.h"
#include "progress.h"

enum {
    TOLD_MAX = 10,
    WAITING_SIZE_MAX = 1 << 30,
    OBJECT_SIZE_MAX = 1 << 20 /* what one block takes: no vault makes a larger object at once */
};

typedef struct dx_edge {
    uint32_t source, target;
    uint32_t link; /* which link field */
} dx_edge;

/* An object that waits for its parent: its op with type and data in one buffer. */
typedef struct dx_waiting_object {
    dx_batch_op op;
    size_t at;
    uint32_t next; /* another that waits for the same parent, as index */
} dx_waiting_object;

typedef struct dx_import {
    dx_invocation *run;
    const char *space;
    dx_source *source;
    bool whole, anew;
    crypto_generichash_state content; /* of all records, as they were read */
    dx_journal journal;
    dx_names names, aliases;
    dx_batches batches;
    uint32_t count;        /* objects in the file */
    uint64_t *stamps;      /* of each target: the last source and link field that led to it */
    dx_buf edges, removed; /* dx_edge; uint32_t */
    dx_buf waiting, waiting_bytes;
    dx_buf data, set, name; /* scratch */
    dx_buf types;           /* the encoded types of link fields, one after another */
    dx_bytes type, link_types[DX_MAPPING_LINKS_MAX];
    uint64_t unresolved, own_links, own_sets, lists, schemas, rejected, left_out, twice, told;
    bool refers;      /* data hold references, perhaps to lines: links have numbers too, after the objects */
    bool links_only;  /* references to objects are left as they are */
    bool has_members; /* of the target space were asked for */
    dx_buf members;   /* rows */
    uint32_t number;  /* of the record at hand */
    dx_progress progress;
    int code;
    int refused; /* whole: the exit code that the first rejection ended it with; told */
} dx_import;

/* --- import.c --- */
int dx_import_fail(dx_import *import, int error);
/* Also with --quiet, as it is an error; what it says may quote the line. */
void dx_import_print_rejected(uint64_t line, const char *why);
void dx_import_tell_rejected(void *ctx, uint64_t line, const char *why);
/* Number of the object, or link, of this name; DX_NAMES_NONE. */
uint32_t dx_import_resolve(const dx_import *import, dx_bytes name);
/* What is done with each record of a kind, members among the objects. */
int dx_import_each(dx_import *import, dx_record_kind kind,
                   int (*act)(dx_import *import, const dx_record *record));

/* --- import_object.c --- */
int dx_import_add_object(dx_import *import, const dx_record *record);
/* Last of all: objects that are as no definition says come back all the same. */
int dx_import_add_schema(dx_import *import, const dx_record *record);

/* --- import_waiting.c --- */
/* Keeps an object until its parent is there. */
int dx_import_hold(dx_import *import, const dx_batch_op *op);
/* Whether an object of this number is on its way already. */
bool dx_import_is_queued(const dx_import *import, uint32_t number);
/* Adds what waited, from the parents that are there downwards. */
int dx_import_add_waiting(dx_import *import);

/* --- import_link.c --- */
int dx_import_add_edges(dx_import *import);
int dx_import_add_link(dx_import *import, const dx_record *record);
/* All objects and links have their ids: what refers to them is set, and the rest of large objects. */
int dx_import_complete(dx_import *import);
int dx_import_remove_deleted(dx_import *import);

#endif
