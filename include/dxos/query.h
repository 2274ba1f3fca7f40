/* dxos/query.h: questions built in C, without writing JSON.
 *
 * Layer: public, floor 1. What comes out is the one form there is, the map of docs/spec/query.md: a builder only spells it.
 * What is said without a step is about what is looked for (the filter); after dx_query_builder_out and its kin about what
 * that step reaches, after dx_query_builder_to about the end of a shortest path. Conditions all hold; inside of
 * dx_query_builder_begin … _end as that says.
 *
 *     dx_query_builder *q = dx_query_builder_create(dx_host_alloc());
 *     dx_query_builder_type(q, "task");
 *     dx_query_builder_where(q, "rank", DX_WHERE_GE, "%d", 3);
 *     dx_query_builder_begin(q, DX_QUERY_OR);
 *     dx_query_builder_where(q, "done", DX_WHERE_EQ, "false");
 *     dx_query_builder_where(q, "tags", DX_WHERE_HAS, "%s", "soon");
 *     dx_query_builder_end(q);
 *     dx_query_builder_order(q, "due", false);
 *     error = dx_client_query_built(client, "notes", on_row, ctx, q);
 *     dx_query_builder_destroy(q);
 *
 * Errors are sticky: build all of it, and read the first error at the end. A builder may be NULL: then there was no
 * memory for it. Ownership: texts are copied; the builder is its maker's and may be asked more than once. */
#ifndef DXOS_QUERY_H
#define DXOS_QUERY_H

#include <dxos/codec.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct dx_query_builder dx_query_builder;

/* How a value stands to what is asked for (docs/spec/query.md, Conditions on a path). */
typedef enum dx_where {
    DX_WHERE_EQ,
    DX_WHERE_NE,
    DX_WHERE_GT,
    DX_WHERE_GE,
    DX_WHERE_LT,
    DX_WHERE_LE,
    DX_WHERE_PREFIX,
    DX_WHERE_IN,    /* an array: "[%s, %s]" */
    DX_WHERE_HAS,   /* an array with such an element */
    DX_WHERE_EXISTS /* "true" or "false" */
} dx_where;

/* How the conditions of a group hold. */
typedef enum dx_query_group { DX_QUERY_AND, DX_QUERY_OR, DX_QUERY_NOT /* not all of them */ } dx_query_group;

/* Where steps lead. */
typedef enum dx_query_step_way {
    DX_STEP_OUT, /* along links of the type, NULL: of any */
    DX_STEP_IN,
    DX_STEP_CHILDREN, /* these four take no word */
    DX_STEP_PARENT,
    DX_STEP_DESCENDANTS,
    DX_STEP_ANCESTORS,
    DX_STEP_REFERENCE, /* the word is a path */
    DX_STEP_REFERRERS
} dx_query_step_way;

/* alloc outlives the builder. NULL: no memory. */
DX_API dx_query_builder *dx_query_builder_create(const dx_alloc *alloc);
/* Of NULL: nothing. */
DX_API void dx_query_builder_destroy(dx_query_builder *query);

/* --- Conditions ------------------------------------------------------------------------------------- */

/* The name of a type, NULL: of none. */
DX_API void dx_query_builder_type(dx_query_builder *query, const char *type);
/* An object or link by its id (docs/spec/entities.md). */
DX_API void dx_query_builder_id(dx_query_builder *query, const char *id);
/* What stands under this object, NULL: at the top. */
DX_API void dx_query_builder_parent(dx_query_builder *query, const char *id);
/* Links from, to this object. */
DX_API void dx_query_builder_source(dx_query_builder *query, const char *id);
DX_API void dx_query_builder_target(dx_query_builder *query, const char *id);
/* What stands at a path is so; the value is JSON with holes (dx_json_format). */
DX_API void dx_query_builder_where(dx_query_builder *query, const char *path, dx_where how, const char *json,
                                   ...) DX_PRINTF(4, 5);
/* Conditions up to the end that belongs to it are a group; groups stand in groups, at most 8 deep. */
DX_API void dx_query_builder_begin(dx_query_builder *query, dx_query_group group);
DX_API void dx_query_builder_end(dx_query_builder *query);
/* "object", "link" or "any"; "hide", "show" or "only" what is deleted: of the filter alone. */
DX_API void dx_query_builder_kind(dx_query_builder *query, const char *kind);
DX_API void dx_query_builder_deleted(dx_query_builder *query, const char *deleted);

/* --- Steps -------------------------------------------------------------------------------------------- */

/* On to the next set of objects; what follows is said of these. */
DX_API void dx_query_builder_step(dx_query_builder *query, dx_query_step_way way, const char *word);
/* The step at hand goes on, up to so many hops; 0: as far as it leads. */
DX_API void dx_query_builder_repeat(dx_query_builder *query, int hops);
/* A shortest path, along links (DX_STEP_OUT), against them (DX_STEP_IN), of a type or of any (NULL), at most so many hops (0: 64);
 * what follows is said of its end. No steps beside it. */
DX_API void dx_query_builder_to(dx_query_builder *query, dx_query_step_way way, const char *type, int hops);

/* --- The answer ------------------------------------------------------------------------------------- */

/* By the values at this path; said again, by a further one where those are equal. */
DX_API void dx_query_builder_order(dx_query_builder *query, const char *path, bool descending);
DX_API void dx_query_builder_limit(dx_query_builder *query, int64_t rows);
/* That of an earlier answer to the same question; NULL or empty: from the beginning. */
DX_API void dx_query_builder_cursor(dx_query_builder *query, const char *cursor);
/* What holds these words (docs/spec/query.md, Full text), with a piece of text around them in each row. */
DX_API void dx_query_builder_text(dx_query_builder *query, const char *words, bool snippet);
/* No rows but their number; their ids alone; one row for each value at the path, with how many have it. */
DX_API void dx_query_builder_count(dx_query_builder *query);
DX_API void dx_query_builder_ids(dx_query_builder *query);
DX_API void dx_query_builder_group(dx_query_builder *query, const char *path);

/* --- What was built ------------------------------------------------------------------------------------ */

/* The first error: DX_E_NO_MEMORY; DX_E_INVALID: a value that is no JSON; DX_E_STATE: a group that does not end or was not begun,
 * something that stands in another place; DX_E_LIMIT: too deep, too many. What a vault says to the question is another matter. */
DX_API DX_MUST_USE int dx_query_builder_error(const dx_query_builder *query);
/* Appends the question as an encoded map, or as JSON. Errors as above, and of the buffer. */
DX_API DX_MUST_USE int dx_query_builder_write(const dx_query_builder *query, dx_buf *out);
DX_API DX_MUST_USE int dx_query_builder_print(const dx_query_builder *query, dx_buf *out);

#ifdef __cplusplus
}
#endif
#endif
