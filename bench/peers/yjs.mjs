/* yjs.mjs: objects as maps inside one map; the updates of each transaction are what a provider would send or store. */
import * as Y from "yjs";

export const name = "yjs";

export function open(replica) {
    const doc = new Y.Doc({ gc: true });
    doc.clientID = replica + 1;
    const self = { doc, objects: doc.getMap("objects"), sent: 0 };
    doc.on("update", (update) => {
        self.sent += update.length;
    });
    return self;
}

export function add(self, objects) {
    self.doc.transact(() => {
        for (const { id, fields } of objects) {
            self.objects.set(id, new Y.Map(Object.entries(fields)));
        }
    });
}

export function update(self, updates) {
    self.doc.transact(() => {
        for (const { id, value } of updates) {
            self.objects.get(id).set("count", value);
        }
    });
}

export function save(self) {
    return Y.encodeStateAsUpdate(self.doc);
}

export function load(bytes, replica) {
    const self = open(replica);
    Y.applyUpdate(self.doc, bytes);
    return self;
}

/** What `to` lacks: made by the one, taken by the other; two calls, so that each is measured by itself. */
export function offer(from, to) {
    return Y.encodeStateAsUpdate(from.doc, Y.encodeStateVector(to.doc));
}

export function take(self, bytes) {
    Y.applyUpdate(self.doc, bytes);
}

export function count(self) {
    return self.objects.size;
}

export function state(self) {
    return self.objects.toJSON();
}

/** The ids of objects whose label is this one, read object by object: there are no indexes. */
export function filter(self, label) {
    const found = [];
    for (const [id, object] of self.objects) {
        if (object.get("label") === label) {
            found.push(id);
        }
    }
    return found;
}
