// tests/interop/text/replay.mjs: a history is played by Yjs, each replica; what it says at each step is what ours has to say to the
// same requests. So every replica of a history lives twice, and bytes of one feed the other whichever of the two wrote them.
import * as Y from "yjs";
import { Player } from "./edits.mjs";
import { ANY, ROOTS, deltaOf, down, hex, isText, joined, kindOf, makeDoc, member, opOf, plain, root, same, separateValues, tell, typesOf, units } from "./shared.mjs";

class Replica {
    constructor(number, { client, gc, form }, id, told) {
        this.id = `${id}:${number}`;
        this.form = form;
        this.doc = makeDoc(client, gc, told);
        this.heard = new Set(); // updates of the log that came as they were
        this.versions = []; // snapshots it came by
        this.events = null; // of the last transaction: type → { delta, keys }
    }
    watch(told) {
        for (const name of Object.keys(ROOTS)) {
            root(this.doc, name).observeDeep((events) => {
                for (const event of events) {
                    const { delta, keys } = unchanging(told, () => event.changes);
                    this.events.set(event.target, { delta: delta.map(opOf), keys: keysOf(event.target, keys) });
                }
            });
        }
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

// A delta of a version, where of what is embedded it is not said whether it is new.
const unsaid = (delta) => joined(delta.map((op) => {
    if (typeof op.insert === "string" || op.attributes?.ychange === undefined) return op;
    const { ychange: _, ...attributes } = op.attributes;
    return Object.keys(attributes).length > 0 ? { ...op, attributes } : { insert: op.insert };
}));

// A delta of inserts as single units: [what, attributes]; of a type its kind, for what stands in it has events of its own.
const cells = (delta) =>
    delta.flatMap((op) => (typeof op.insert === "string" ? op.insert.split("") : [op.insert["@type"] ?? op.insert]).map((one) => [one, op.attributes ?? {}]));

// What a text is after a delta.
function followed(before, delta) {
    const from = cells(before), to = [];
    for (const op of delta) {
        if (op.insert !== undefined) to.push(...cells([op]));
        else if (op.delete !== undefined) from.splice(0, op.delete);
        else for (const [one, attributes] of from.splice(0, op.retain)) {
            to.push([one, Object.fromEntries(Object.entries({ ...attributes, ...op.attributes }).filter(([, value]) => value !== null))]);
        }
    }
    return [...to, ...from];
}

// Reads what Yjs deletes by reading (faults.mjs, "reading"), and puts that back.
function unchanging(told, read) {
    const { delete: remove } = Y.Item.prototype;
    const gone = [];
    Y.Item.prototype.delete = function () {
        if (this.deleted) return;
        this.markDeleted();
        gone.push(this);
    };
    const what = read();
    Y.Item.prototype.delete = remove;
    for (const item of gone) item.deleted = false;
    if (gone.length > 0) tell(told, "reading");
    return what;
}

const keysOf = (type, keys) =>
    Object.fromEntries([...keys].map(([key, { action, oldValue }]) => [key, {
        action,
        ...(action === "delete" ? {} : { value: member(type._map.get(key).content.getContent().at(-1)) }),
        ...(action === "add" ? {} : { oldValue: oldValue instanceof Y.AbstractType ? ANY : plain(oldValue) }),
    }]));

// How many clocks have their place.
function placed(doc) {
    let clocks = 0;
    for (const client of doc.store.clients.keys()) clocks += Y.getState(doc.store, client);
    return clocks;
}

export class Replay extends Player {
    constructor(history) {
        super();
        this.history = history;
        this.log = []; // { v1, v2 }, in the order they were made
        this.marks = []; // relative positions
        this.replicas = history.replicas.map((one, number) => new Replica(number, one, history.seed, this.told));
        for (const one of this.replicas) this.ask({ op: "new", doc: one.id, client: one.doc.clientID, gc: one.doc.gc }, {});
        for (const one of this.replicas) this.watch(one);
        history.steps.forEach((step, number) => {
            this.step = number;
            this.take(step);
        });
        this.step = "end";
        this.settle();
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
            case "mark":
                this.mark(self, step);
                break;
            case "find":
                if (this.marks.length > 0) this.find(self, this.marks[step.which % this.marks.length]);
                break;
            case "version":
                this.version(self, step);
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
        const before = this.observe(self);
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
        this.tellEvents(self, before);
    }

    // --- Events ----------------------------------------------------------------------------------------------

    // What a root is has to be known to tell what came to it.
    watch(self) {
        if (!this.history.watched) return;
        self.watch(this.told);
        for (const name of Object.keys(ROOTS)) this.ask({ op: "json", doc: self.id, name, type: ROOTS[name] }, {});
    }

    // The types there are before a transaction; null: nobody watches.
    observe(self) {
        if (!this.history.watched) return null;
        self.events = new Map();
        this.ask({ op: "observe", doc: self.id }, {});
        return new Map(typesOf(self.doc).map(({ type }) => [type, isText(type) ? deltaOf(type) : null]));
    }

    // Of what is there before and after it.
    tellEvents(self, before) {
        if (before === null) return;
        for (const { name, path, type } of typesOf(self.doc)) {
            if (!before.has(type)) continue;
            this.count("events");
            const { delta, keys } = self.events.get(type) ?? { delta: [], keys: {} };
            const request = { op: "event", doc: self.id, name, type: ROOTS[name], path };
            this.ask(request, { keys });
            if (!isText(type)) this.ask(request, { delta });
            else this.follow(request, before.get(type), delta, deltaOf(type));
        }
    }

    // A delta of formatted text can be said in more than one way; it has to lead from before to after.
    follow(request, before, delta, after) {
        const wanted = cells(after);
        if (!same(followed(before, delta), wanted)) this.faults.push("an event of Yjs does not tell what happened");
        this.ask(request, { delta: wanted }, (got) => followed(before, got));
    }

    // --- Places ----------------------------------------------------------------------------------------------

    mark(self, { where, place, before }) {
        const texts = typesOf(self.doc).filter(({ type }) => isText(type) || type instanceof Y.Array);
        const { name, path, type } = texts[where % texts.length];
        const length = isText(type) ? units(type).length : type.length;
        const raw = place % (length + 1), index = isText(type) ? down(units(type), raw) : raw;
        const position = hex(Y.encodeRelativePosition(Y.createRelativePositionFromTypeIndex(type, index, before ? -1 : 0)));
        this.ask({ op: "position", doc: self.id, name, type: ROOTS[name], path, index, before }, { position });
        this.marks.push(position);
    }

    find(self, position) {
        const found = Y.createAbsolutePositionFromRelativePosition(Y.decodeRelativePosition(Buffer.from(position, "hex")), self.doc);
        const at = found === null ? undefined : typesOf(self.doc).find(({ type }) => type === found.type);
        this.count("places");
        this.ask({ op: "position-find", doc: self.id, position, ...(at ? { name: at.name, type: ROOTS[at.name], path: at.path } : {}) },
            { index: found === null ? null : found.index, ...(at ? { here: true } : {}) });
    }

    // --- Versions --------------------------------------------------------------------------------------------

    // What was there at one of the snapshots taken so far, and what came of it since another one.
    version(self, { first, second }) {
        if (self.doc.gc) return;
        self.versions.push(Y.snapshot(self.doc));
        const [a, b] = [first % self.versions.length, second % self.versions.length].sort((x, y) => x - y).map((at) => self.versions[at]);
        for (const { name, path, type } of typesOf(self.doc)) {
            if (!isText(type)) continue;
            for (const before of [undefined, a]) {
                this.count("versions");
                const delta = type.toDelta(b, before).map(opOf);
                if (before && delta.some(({ insert }) => typeof insert !== "string")) tell(this.told, "embeds");
                this.ask({ op: "delta-at", doc: self.id, name, type: ROOTS[name], path, snapshot: hex(Y.encodeSnapshot(b)),
                    ...(before ? { before: hex(Y.encodeSnapshot(a)) } : {}) }, { delta: unsaid(delta) }, unsaid);
            }
        }
        const copy = { id: `${self.id}:version`, doc: Y.createDocFromSnapshot(self.doc, b, makeDoc(0, false)) };
        this.ask({ op: "new", doc: copy.id, client: 1, gc: false }, {});
        this.ask({ op: "version", doc: self.id, snapshot: hex(Y.encodeSnapshot(b)), into: copy.id }, {});
        copy.stateVector = Y.encodeStateVector(copy.doc);
        this.look(copy);
        this.ask({ op: "free", doc: copy.id }, {});
    }

    // --- Exchange --------------------------------------------------------------------------------------------

    apply(self, update, form) {
        const bytes = form === 1 ? update.v1 : update.v2;
        const before = this.observe(self);
        self.heard.add(update);
        Y.transact(self.doc, () => {
            (form === 1 ? Y.applyUpdate : Y.applyUpdateV2)(self.doc, bytes);
            this.wake(self.doc);
        }, null, false);
        separateValues(self.doc, this.told);
        this.ask({ op: "apply", doc: self.id, update: hex(bytes), v: form }, {});
        this.tellEvents(self, before);
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

    // Everything reaches everyone, some of it once more; in the end one merged update makes a newcomer, too.
    settle() {
        for (const one of this.replicas) {
            this.log.forEach((update, number) => {
                if (!one.heard.has(update) || number % 4 === this.history.seed % 4) this.apply(one, update, one.form);
            });
            this.look(one);
            for (const position of this.marks.slice(-6)) this.find(one, position);
        }
        if (this.log.length > 0) {
            const newcomer = new Replica("new", { client: 7777, gc: true, form: 1 }, this.history.seed, this.told);
            this.ask({ op: "new", doc: newcomer.id, client: 7777, gc: true }, {});
            this.watch(newcomer);
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
