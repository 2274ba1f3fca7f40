/* dx/entity.c: see entity.h. */
#include "entity.h"

static const dx_column object_columns[] = {{"id", DX_CELL_PLACE},     {"type", DX_CELL_TEXT},
                                           {"parent", DX_CELL_PLACE}, {"data", DX_CELL_VALUE},
                                           {"deleted", DX_CELL_TEXT}, {NULL, DX_CELL_TEXT}};
static const dx_column link_columns[] = {
    {"id", DX_CELL_PLACE},   {"source", DX_CELL_PLACE}, {"target", DX_CELL_PLACE}, {"type", DX_CELL_TEXT},
    {"data", DX_CELL_VALUE}, {"deleted", DX_CELL_TEXT}, {NULL, DX_CELL_TEXT}};
static const dx_column object_table_columns[] = {
    {"id", DX_CELL_PLACE}, {"type", DX_CELL_TEXT}, {"data", DX_CELL_VALUE}, {NULL, DX_CELL_TEXT}};
static const dx_column link_table_columns[] = {{"id", DX_CELL_PLACE},     {"type", DX_CELL_TEXT},
                                               {"source", DX_CELL_PLACE}, {"target", DX_CELL_PLACE},
                                               {"data", DX_CELL_VALUE},   {NULL, DX_CELL_TEXT}};
/* Of several spaces. */
static const dx_column space_columns[] = {
    {"space", DX_CELL_HEX},    {"id", DX_CELL_PLACE},   {"type", DX_CELL_TEXT}, {"source", DX_CELL_PLACE},
    {"target", DX_CELL_PLACE}, {"data", DX_CELL_VALUE}, {NULL, DX_CELL_TEXT}};
static const dx_column change_columns[] = {
    {"change", DX_CELL_TEXT},  {"id", DX_CELL_PLACE},   {"type", DX_CELL_TEXT}, {"source", DX_CELL_PLACE},
    {"target", DX_CELL_PLACE}, {"data", DX_CELL_VALUE}, {NULL, DX_CELL_TEXT}};

static bool is_link(dx_bytes row) {
    return dx_item_get(row, "source").size > 0;
}

void dx_entity_table_begin(dx_entity_table *table, dx_output *output) {
    *table = (dx_entity_table){.output = output};
}

/* A question may answer with objects and then links: each kind has its own table. */
static void begin_table(dx_entity_table *table, dx_bytes row) {
    bool people = table->output->table && !table->output->json;
    const dx_column *columns = is_link(row) ? (people ? link_table_columns : link_columns)
                                            : (people ? object_table_columns : object_columns);
    bool spaces = dx_item_get(row, "space").size > 0;
    table->changes = dx_item_get(row, "change").size > 0 || spaces;
    table->links = is_link(row);
    dx_table_begin(&table->table, table->output,
                   spaces           ? space_columns
                   : table->changes ? change_columns
                                    : columns);
    table->begun = true;
}

void dx_entity_table_row(dx_entity_table *table, dx_bytes row) {
    if (table->output->json) {
        dx_entity_print_json(table->output, row);
        return;
    }
    if (table->begun && !table->changes && table->links != is_link(row)) {
        dx_table_end(&table->table);
        table->begun = false;
    }
    if (!table->begun) {
        begin_table(table, row);
    }
    dx_table_row(&table->table, row);
    if (table->is_stream) {
        dx_table_flush(&table->table);
    }
}

void dx_entity_table_end(dx_entity_table *table) {
    if (table->begun) {
        dx_table_end(&table->table);
    }
    dx_output_flush(table->output);
}

static const char *const link_keys[] = {"change", "space",   "id",      "source",  "target", "type",
                                        "data",   "deleted", "omitted", "snippet", NULL};
static const char *const object_keys[] = {"change", "space",   "id",      "type",    "model",      "parent",
                                          "data",   "deleted", "omitted", "snippet", "provenance", NULL};

void dx_entity_write_json(dx_bytes row, dx_buf *out) {
    dx_output_write_keys(row, is_link(row) ? link_keys : object_keys, out);
}

void dx_entity_print_json(dx_output *output, dx_bytes row) {
    dx_output_json_keys(output, row, is_link(row) ? link_keys : object_keys);
}
