/* tinybase.mjs: a table of rows, mergeable between stores; questions by its indexes. Nothing is stored until the whole is saved. */
import { createIndexes, createMergeableStore } from "tinybase";

export const name = "tinybase";

export function open(replica) {
    return { store: createMergeableStore(`replica${replica}`), sent: 0 };
}

export function add(self, objects) {
    self.store.transaction(() => {
        for (const { id, fields } of objects) {
            self.store.setRow("objects", id, fields);
        }
    });
}

export function update(self, updates) {
    self.store.transaction(() => {
        for (const { id, value } of updates) {
            self.store.setCell("objects", id, "count", value);
        }
    });
}

export function save(self) {
    return new TextEncoder().encode(JSON.stringify(self.store.getMergeableContent()));
}

export function load(bytes, replica) {
    const self = open(replica);
    take(self, bytes);
    return self;
}

/** All of it: its own synchronizer asks table by table and row by row, which is many messages more. */
export function offer(from) {
    return save(from);
}

export function take(self, bytes) {
    self.store.applyMergeableChanges(JSON.parse(new TextDecoder().decode(bytes)));
}

export function count(self) {
    return self.store.getRowCount("objects");
}

export function state(self) {
    return self.store.getTable("objects");
}

export function prepare(self) {
    self.indexes = createIndexes(self.store).setIndexDefinition("label", "objects", "label");
}

export function filter(self, label) {
    return self.indexes.getSliceRowIds("label", label);
}
