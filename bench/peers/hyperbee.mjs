/* hyperbee.mjs: a B-tree of JSON values in an append-only log on the disk, signed by its one writer. A batch each commit. It
 * has no second writer, so nothing of it stands in the lines about replicas that were apart. */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import Corestore from "corestore";
import Hyperbee from "hyperbee";

export const name = "hyperbee";

export async function open() {
    const store = new Corestore(mkdtempSync(join(tmpdir(), "bench-hyperbee-")));
    const core = store.get({ name: "objects" });
    const tree = new Hyperbee(core, { keyEncoding: "utf-8", valueEncoding: "json" });
    await tree.ready();
    return { store, core, tree, sent: 0 };
}

export async function add(self, objects) {
    const batch = self.tree.batch();
    for (const { id, fields } of objects) {
        await batch.put(id, fields);
    }
    await batch.flush();
    self.sent = self.core.byteLength;
}

export async function update(self, updates) {
    const batch = self.tree.batch();
    for (const { id, value } of updates) {
        const before = await batch.get(id);
        await batch.put(id, { ...before.value, count: value });
    }
    await batch.flush();
    self.sent = self.core.byteLength;
}

export async function count(self) {
    let objects = 0;
    for await (const entry of self.tree.createReadStream()) {
        objects += entry === null ? 0 : 1;
    }
    return objects;
}
