// tests/interop/text/replay.mjs: a history is played by Yjs, each replica; what it says at each step is what ours has to say to the
// same requests. So every replica of a history lives twice, and bytes of one feed the other whichever of the two wrote them.
import * as Y from "yjs";
import { ROOTS, deltaOf, down, hex, isText, isXml, kindOf, makeDoc, makeType, plain, root, same, separateValues, tell, typesOf, units, up } from "./shared.mjs";

class Replica {
    constructor(number, { client, gc, form }, id, told) {
        this.id = `${id}:${number}`;
        this.form = form;
        this.doc = makeDoc(client, gc, told);
    }
    // The update of one transaction in both forms, or null.
    transact(run) {
        let said = null;
        const hear1 = (v1) => { said = { ...said, v1 }; }, hear2 = (v2) => { said = { ...said, v2 }; };
        this.doc.on("update", hear1);
        this.doc.on("updateV2", hear2);
        this.doc.transact(run);
        this.doc.off("update", hear1);
        this.doc.off("updateV2", hear2);
        return said;
    }
    get stateVector() {
        return Y.encodeStateVector(this.doc);
    }
}

// How many clocks have their place.
function placed(doc) {
    let clocks = 0;
    for (const client of doc.store.clients.keys()) clocks += Y.getState(doc.store, client);
    return clocks;
}

// requests: [{ request, expected }]; expected is compared member by member.
export class Replay {
    constructor(history) {
        this.history = history;
        this.requests = [];
        this.log = []; // { v1, v2 }, in the order they were made
        this.faults = []; // of Yjs against Yjs
        this.told = {}; // how often each fault of Yjs that is known (faults.mjs) was met and set right
        this.replicas = history.replicas.map((one, number) => new Replica(number, one, history.seed, this.told));
        for (const one of this.replicas) this.ask({ op: "new", doc: one.id, client: one.doc.clientID, gc: one.doc.gc }, {});
        history.steps.forEach((step, number) => {
            this.step = number;
            this.take(step);
        });
        this.step = "end";
        this.settle();
    }

    ask(request, expected) {
        this.requests.push({ request, expected, step: this.step });
    }

    take(step) {
        const self = this.replicas[step.at];
        switch (step.do) {
            case "deliver":
                if (this.log.length > 0) this.apply(self, this.log[step.which % this.log.length], self.form);
                break;
            case "deliverMerged":
                this.deliverMerged(self, step);
                break;
            case "deliverDiff":
                this.deliverDiff(self, step);
                break;
            case "sync":
                this.sync(self, this.replicas[step.from]);
                break;
            case "look":
                this.look(self);
                break;
            case "together":
                this.transact(self, step.edits);
                break;
            default:
                this.transact(self, [step]);
        }
    }

    // --- Edits -----------------------------------------------------------------------------------------------

    transact(self, edits) {
        const together = edits.length > 1;
        if (together) this.ask({ op: "begin", doc: self.id }, {});
        const said = self.transact(() => {
            for (const edit of edits) {
                const request = this.edit(self.doc, edit);
                if (request === null) continue;
                separateValues(self.doc, this.told);
                if (!together) this.ask({ ...request, doc: self.id, v: self.form }, { update: null });
                else this.ask({ ...request, doc: self.id }, {});
            }
        });
        const update = said === null ? "" : hex(self.form === 1 ? said.v1 : said.v2);
        if (together) this.ask({ op: "commit", doc: self.id, v: self.form }, { update });
        else if (this.requests.at(-1).expected.update === null) this.requests.at(-1).expected.update = update;
        if (said !== null) this.log.push(said);
    }

    // Does the edit and gives the request that does the same; null where there is nothing to do it to.
    edit(doc, edit) {
        const all = typesOf(doc);
        const choose = (fits) => {
            const fitting = all.filter(({ type }) => fits(type));
            if (fitting.length === 0) return null;
            const { name, path, type } = fitting[edit.where % fitting.length];
            return { type, at: { name, type: ROOTS[name], ...(path.length > 0 ? { path } : {}) } };
        };
        switch (edit.do) {
            case "insert":
            case "embed":
            case "embedType":
            case "format":
            case "erase":
            case "delta":
            case "attribute": {
                const chosen = choose(isText);
                return { ...this.editText(chosen.type, edit), ...chosen.at };
            }
            case "values":
            case "bytes": {
                const chosen = choose((type) => type instanceof Y.Array);
                const index = edit.place % (chosen.type.length + 1);
                if (edit.do === "bytes") {
                    chosen.type.insert(index, [Uint8Array.from(edit.bytes)]);
                    return { op: "array-bytes", ...chosen.at, index, bytes: hex(edit.bytes) };
                }
                chosen.type.insert(index, structuredClone(edit.values));
                return { op: "array-insert", ...chosen.at, index, values: edit.values };
            }
            case "remove": {
                const chosen = choose((type) => (type instanceof Y.Array || isXml(type)) && type.length > 0);
                if (chosen === null) return null;
                const index = edit.place % chosen.type.length;
                const length = Math.min(edit.length, chosen.type.length - index);
                chosen.type.delete(index, length);
                return { op: "array-delete", ...chosen.at, index, length };
            }
            case "nest": {
                const chosen = choose((type) => type instanceof Y.Array || isXml(type));
                const index = edit.place % (chosen.type.length + 1);
                const kind = isXml(chosen.type) && !edit.kind.startsWith("xml-") ? "xml-text" : edit.kind;
                chosen.type.insert(index, [makeType(kind)]);
                return { op: "array-type", ...chosen.at, index, kind, ...(kind === "xml-element" ? { node: "P" } : {}) };
            }
            case "set": {
                const chosen = choose((type) => type instanceof Y.Map || type instanceof Y.XmlElement);
                if (chosen.type instanceof Y.Map) chosen.type.set(edit.key, structuredClone(edit.value));
                else chosen.type.setAttribute(edit.key, structuredClone(edit.value));
                return { op: "map-set", ...chosen.at, key: edit.key, value: edit.value };
            }
            case "unset": {
                const chosen = choose((type) => type instanceof Y.Map || type instanceof Y.XmlElement);
                if (chosen.type instanceof Y.Map) chosen.type.delete(edit.key);
                else chosen.type.removeAttribute(edit.key);
                return { op: "map-delete", ...chosen.at, key: edit.key };
            }
            default: {
                const chosen = choose((type) => type instanceof Y.Map);
                chosen.type.set(edit.key, makeType(edit.kind));
                return { op: "map-type", ...chosen.at, key: edit.key, kind: edit.kind, ...(edit.kind === "xml-element" ? { node: "P" } : {}) };
            }
        }
    }

    // The request has the place as it fell, also within a pair of surrogates; Yjs gets it moved, as ours is to move it.
    editText(text, edit) {
        const there = units(text);
        const index = edit.place % (there.length + 1);
        const at = this.moved(there, index, down);
        const attributes = edit.attributes === undefined ? {} : { attributes: edit.attributes };
        const copy = structuredClone(edit.attributes);
        switch (edit.do) {
            case "insert":
                text.insert(at, edit.text, copy);
                return { op: "insert", index, text: edit.text, ...attributes };
            case "embed":
                text.insertEmbed(at, structuredClone(edit.value), copy ?? {});
                return { op: "embed", index, value: edit.value, ...attributes };
            case "embedType":
                text.insertEmbed(at, makeType(edit.kind), {});
                return { op: "insert-type", index, kind: edit.kind, ...(edit.kind === "xml-element" ? { node: "P" } : {}) };
            case "format":
                if (edit.length > 0) text.format(at, this.moved(there, index + edit.length, up) - at, copy);
                return { op: "format", index, length: edit.length, attributes: edit.attributes };
            case "erase": {
                const length = Math.min(edit.length, there.length - index);
                if (length > 0) text.delete(at, this.moved(there, index + length, up) - at);
                return { op: "delete", index, length };
            }
            case "attribute":
                text.setAttribute(edit.key, structuredClone(edit.value));
                return { op: "map-set", key: edit.key, value: edit.value };
            default: {
                const delta = this.evenDelta(edit.delta, there);
                text.applyDelta(structuredClone(delta));
                return { op: "apply-delta", delta };
            }
        }
    }

    moved(there, index, way) {
        const at = way(there, index);
        if (at !== index) tell(this.told, "pair");
        return at;
    }

    // A delta that cuts no pair of surrogates, and deletes nothing beyond the end (Yjs throws where nothing was ever there).
    evenDelta(delta, there) {
        let at = 0;
        return delta.flatMap((op) => {
            const length = op.retain ?? op.delete;
            if (length === undefined) return [op];
            const end = this.moved(there, at + length, up);
            const even = op.retain === undefined ? Math.min(end, there.length) - at : end - at;
            if (even < end - at) tell(this.told, "beyond");
            at = end;
            if (even <= 0) return [];
            return [op.retain === undefined ? { delete: even } : { ...op, retain: even }];
        });
    }

    // --- Exchange --------------------------------------------------------------------------------------------

    apply(self, update, form) {
        const bytes = form === 1 ? update.v1 : update.v2;
        Y.transact(self.doc, () => {
            (form === 1 ? Y.applyUpdate : Y.applyUpdateV2)(self.doc, bytes);
            this.wake(self.doc);
        }, null, false);
        separateValues(self.doc, this.told);
        this.ask({ op: "apply", doc: self.id, update: hex(bytes), v: form }, {});
    }

    // Yjs notes only one of the things that what waits needs, and may not try again when the other comes (faults.mjs, "asleep"). It is
    // told to try again, counted where that brings it further; else all is left as it was.
    wake(doc) {
        for (let { pendingStructs: waiting } = doc.store; waiting !== null; waiting = doc.store.pendingStructs) {
            const before = placed(doc);
            doc.store.pendingStructs = null;
            Y.applyUpdateV2(doc, waiting.update);
            if (placed(doc) === before) {
                doc.store.pendingStructs = waiting;
                return;
            }
            tell(this.told, "asleep");
        }
    }

    deliverMerged(self, { which, convert }) {
        if (this.log.length === 0) return;
        const chosen = which.map((raw) => this.log[raw % this.log.length]);
        const v1 = Y.mergeUpdates(chosen.map((one) => one.v1));
        const v2 = Y.mergeUpdatesV2(chosen.map((one) => one.v2));
        const bytes = self.form === 1 ? v1 : v2;
        this.ask({ op: "merge", v: self.form, updates: chosen.map((one) => hex(self.form === 1 ? one.v1 : one.v2)) }, { update: hex(bytes) });
        if (!convert) return this.apply(self, { v1, v2 }, self.form);
        const other = self.form === 1 ? Y.convertUpdateFormatV1ToV2(bytes) : Y.convertUpdateFormatV2ToV1(bytes);
        this.ask({ op: "convert", v: self.form, update: hex(bytes) }, { update: hex(other) });
        this.apply(self, { v1: other, v2: other }, 3 - self.form);
    }

    deliverDiff(self, { which }) {
        if (this.log.length === 0) return;
        const update = this.log[which % this.log.length];
        const bytes = self.form === 1 ? update.v1 : update.v2;
        const difference = (self.form === 1 ? Y.diffUpdate : Y.diffUpdateV2)(bytes, self.stateVector);
        this.ask({ op: "diff", v: self.form, update: hex(bytes), sv: hex(self.stateVector) }, { update: hex(difference) });
        this.apply(self, { v1: difference, v2: difference }, self.form);
    }

    sync(self, from) {
        const bytes = (self.form === 1 ? Y.encodeStateAsUpdate : Y.encodeStateAsUpdateV2)(from.doc, self.stateVector);
        this.ask({ op: "encode", doc: from.id, v: self.form, sv: hex(self.stateVector) }, { update: hex(bytes) });
        this.apply(self, { v1: bytes, v2: bytes }, self.form);
    }

    // --- What is compared ------------------------------------------------------------------------------------

    look(self, whole = true) {
        const { doc, id } = self;
        this.ask({ op: "state-vector", doc: id }, { sv: hex(self.stateVector) });
        this.ask({ op: "snapshot", doc: id, v: 1 }, { snapshot: hex(Y.encodeSnapshot(Y.snapshot(doc))) });
        this.ask({ op: "snapshot", doc: id, v: 2 }, { snapshot: hex(Y.encodeSnapshotV2(Y.snapshot(doc))) });
        for (const name of Object.keys(ROOTS)) this.ask({ op: "json", doc: id, name, type: ROOTS[name] }, { json: plain(root(doc, name).toJSON()) });
        for (const { name, path, type } of typesOf(doc)) {
            if (isText(type)) this.ask({ op: "delta", doc: id, name, type: ROOTS[name], path }, { delta: deltaOf(type) });
        }
        if (!whole) return;
        this.ask({ op: "encode", doc: id, v: 1 }, { update: hex(Y.encodeStateAsUpdate(doc)) });
        this.ask({ op: "encode", doc: id, v: 2 }, { update: hex(Y.encodeStateAsUpdateV2(doc)) });
        this.ask({ op: "pending", doc: id }, { pending: doc.store.pendingStructs !== null || doc.store.pendingDs !== null });
    }

    // Everything reaches everyone; in the end one merged update makes a newcomer, too.
    settle() {
        for (const one of this.replicas) {
            for (const update of this.log) this.apply(one, update, one.form);
            this.look(one);
        }
        if (this.log.length > 0) {
            const newcomer = new Replica("new", { client: 7777, gc: true, form: 1 }, this.history.seed, this.told);
            this.ask({ op: "new", doc: newcomer.id, client: 7777, gc: true }, {});
            const v1 = Y.mergeUpdates(this.log.map((one) => one.v1));
            const v2 = Y.mergeUpdatesV2(this.log.map((one) => one.v2));
            this.ask({ op: "merge", v: 1, updates: this.log.map((one) => hex(one.v1)) }, { update: hex(v1) });
            this.ask({ op: "merge", v: 2, updates: this.log.map((one) => hex(one.v2)) }, { update: hex(v2) });
            this.apply(newcomer, { v1, v2 }, 1 + (this.history.seed % 2));
            this.look(newcomer);
            this.replicas.push(newcomer);
        }
        this.agree();
        for (const one of this.replicas) this.ask({ op: "free", doc: one.id }, {});
    }

    // Whether Yjs agrees with itself.
    agree() {
        const said = this.replicas.map(({ doc, stateVector }) => ({
            sv: hex(stateVector),
            pending: doc.store.pendingStructs !== null || doc.store.pendingDs !== null,
            roots: Object.keys(ROOTS).map((name) => plain(root(doc, name).toJSON())),
            deltas: typesOf(doc).filter(({ type }) => isText(type)).map(({ name, path, type }) => ({ name, path: path.join("/"), kind: kindOf(type), delta: deltaOf(type) }))
                .sort((a, b) => (a.name + a.path < b.name + b.path ? -1 : 1)),
        }));
        if (said.some((one) => one.pending)) this.faults.push("Yjs waits for what has come");
        else if (said.some((one) => !same(one, said[0]))) this.faults.push("replicas of Yjs differ");
    }
}

// What a reply has other than it should; null: nothing.
export function difference(expected, reply) {
    if (reply.ok !== true) return { error: reply.error ?? reply };
    for (const member of Object.keys(expected)) {
        if (!same(expected[member], reply[member])) return { member, expected: expected[member], got: reply[member] };
    }
    return null;
}
