/* loro.mjs: objects as maps inside one map; each commit's update is what a provider would send or store. */
import { LoroDoc, LoroMap } from "loro-crdt";

export const name = "loro";

export function open(replica) {
    const doc = new LoroDoc();
    doc.setPeerId(BigInt(replica + 1));
    const self = { doc, objects: doc.getMap("objects"), sent: 0 };
    doc.subscribeLocalUpdates((update) => {
        self.sent += update.length;
    });
    return self;
}

export function add(self, objects) {
    for (const { id, fields } of objects) {
        const object = self.objects.setContainer(id, new LoroMap());
        for (const [key, value] of Object.entries(fields)) {
            object.set(key, value);
        }
    }
    self.doc.commit();
}

export function update(self, updates) {
    for (const { id, value } of updates) {
        self.objects.get(id).set("count", value);
    }
    self.doc.commit();
}

export function save(self) {
    return self.doc.export({ mode: "snapshot" });
}

export function load(bytes, replica) {
    const self = open(replica);
    self.doc.import(bytes);
    return self;
}

export function offer(from, to) {
    return from.doc.export({ mode: "update", from: to.doc.version() });
}

export function take(self, bytes) {
    self.doc.import(bytes);
}

export function count(self) {
    return self.objects.size;
}

export function state(self) {
    return self.objects.toJSON();
}
