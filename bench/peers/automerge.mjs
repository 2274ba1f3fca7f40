/* automerge.mjs: objects as maps inside one map; a change each commit. */
import * as Automerge from "@automerge/automerge";

export const name = "automerge";

function wrap(doc) {
    return { doc, sent: 0 };
}

export function open(replica) {
    const actor = (replica + 1).toString(16).padStart(32, "0");
    /* Replicas begin with the same change, as Automerge asks for. */
    const first = Automerge.change(Automerge.init("00".repeat(16)), { time: 0 }, (doc) => {
        doc.objects = {};
    });
    return wrap(Automerge.load(Automerge.save(first), actor));
}

function note(self, doc) {
    self.doc = doc;
    self.sent += Automerge.getLastLocalChange(doc)?.length ?? 0;
}

export function add(self, objects) {
    note(self, Automerge.change(self.doc, { time: 0 }, (doc) => {
        for (const { id, fields } of objects) {
            doc.objects[id] = fields;
        }
    }));
}

export function update(self, updates) {
    note(self, Automerge.change(self.doc, { time: 0 }, (doc) => {
        for (const { id, value } of updates) {
            doc.objects[id].count = value;
        }
    }));
}

export function save(self) {
    return Automerge.save(self.doc);
}

export function load(bytes, replica) {
    return wrap(Automerge.load(bytes, (replica + 1).toString(16).padStart(32, "0")));
}

export function offer(from, to) {
    return Automerge.saveSince(from.doc, Automerge.getHeads(to.doc));
}

export function take(self, bytes) {
    self.doc = Automerge.loadIncremental(self.doc, bytes);
}

export function count(self) {
    return Object.keys(self.doc.objects).length;
}

export function state(self) {
    return Automerge.toJS(self.doc).objects;
}
