/* text.mjs PEER TRACE.json.gz: an editing trace of one author in another engine; JSON lines as those of bench-text.
 * text.mjs yjs rich [SECONDS]: random formats and inserts in Yjs, those of bench-text; more of them until one measurement takes so long (120).
 *
 * CPU time of the process, its collector included; the median of three rounds after one that is not measured, of rich text one round. PEER is
 * yjs|ywasm|loro|diamond|automerge. Automerge makes a change of each edit for the first 5,000 edits only, else one of all. Called by
 * tools/bench-text-peers. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename } from "node:path";
import { gunzipSync } from "node:zlib";

const [peerName, file, most = "120"] = process.argv.slice(2);
const require = createRequire(import.meta.url);
const ROUNDS = 3;

/* What every engine is asked for: a document, its text, one edit, everything as bytes, and bytes taken in. */
const peers = {
    async yjs() {
        const Y = await import("yjs");
        return {
            open: (client) => Object.assign(new Y.Doc(), { clientID: client }),
            text: (doc) => doc.getText("text"),
            remove: (text, at, count) => text.delete(at, count),
            insert: (text, at, characters) => text.insert(at, characters),
            follow: (doc, tell) => doc.on("update", tell),
            save: (doc) => Y.encodeStateAsUpdate(doc),
            save2: (doc) => Y.encodeStateAsUpdateV2(doc),
            take: (doc, bytes) => Y.applyUpdate(doc, bytes),
            take2: (doc, bytes) => Y.applyUpdateV2(doc, bytes),
        };
    },
    async ywasm() {
        const Y = require("ywasm");
        return {
            open: (client) => new Y.YDoc({ clientID: client }),
            text: (doc) => doc.getText("text"),
            remove: (text, at, count) => text.delete(at, count),
            insert: (text, at, characters) => text.insert(at, characters),
            follow: (doc, tell) => doc.onUpdate(tell),
            save: (doc) => Y.encodeStateAsUpdate(doc),
            save2: (doc) => Y.encodeStateAsUpdateV2(doc),
            take: (doc, bytes) => Y.applyUpdate(doc, bytes),
            take2: (doc, bytes) => Y.applyUpdateV2(doc, bytes),
        };
    },
    async loro() {
        const { LoroDoc } = await import("loro-crdt");
        return {
            open: (client) => {
                const doc = new LoroDoc();
                doc.setPeerId(BigInt(client));
                return doc;
            },
            text: (doc) => doc.getText("text"),
            remove: (text, at, count) => text.delete(at, count),
            insert: (text, at, characters) => text.insert(at, characters),
            save: (doc) => doc.export({ mode: "update" }),
            save2: (doc) => doc.export({ mode: "snapshot" }),
            take: (doc, bytes) => doc.import(bytes),
            take2: (doc, bytes) => doc.import(bytes),
        };
    },
    async diamond() {
        const { Doc } = require("diamond-types-node");
        return {
            open: (client) => new Doc(`author ${client}`),
            text: (doc) => ({ doc, toString: () => doc.get() }),
            remove: ({ doc }, at, count) => doc.del(at, count),
            insert: ({ doc }, at, characters) => doc.ins(at, characters),
            save: (doc) => doc.toBytes(),
            take: (doc, bytes) => doc.mergeBytes(bytes),
        };
    },
    /* The text has to be made by one, then loaded by all. */
    async automerge() {
        const A = await import("@automerge/automerge");
        const base = A.save(A.change(A.init({ actor: "00" }), { time: 0 }, (doc) => { doc.text = ""; }));
        const change = (doc, work) => { doc.now = A.change(doc.now, { time: 0 }, work); };
        return {
            few: 5000,
            open: (client) => ({ now: A.load(base, { actor: client.toString(16).padStart(8, "0") }) }),
            text: (doc) => ({ doc, toString: () => doc.now.text }),
            remove: ({ doc }, at, count) => change(doc, (one) => A.splice(one, ["text"], at, count, "")),
            insert: ({ doc }, at, characters) => change(doc, (one) => A.splice(one, ["text"], at, 0, characters)),
            together: (doc, list) => change(doc, (one) => list.forEach(([at, removed, inserted]) => A.splice(one, ["text"], at, removed, inserted))),
            save: (doc) => A.save(doc.now),
            take: (doc, bytes) => { doc.now = A.loadIncremental(doc.now, bytes); },
        };
    },
};

const name = file === "rich" ? "rich text" : basename(file).split(".")[0];
const peer = await peers[peerName]();

function tell(what, value, unit) {
    console.log(JSON.stringify({ trace: name, engine: peerName, what, value: Number(value.toPrecision(6)), unit }));
}

/* prepare is not measured. */
function median(work, prepare = () => undefined) {
    const seconds = [];
    for (let round = 0; round <= ROUNDS; round++) {
        const ready = prepare();
        globalThis.gc?.();
        const before = process.cpuUsage();
        work(ready);
        const { user, system } = process.cpuUsage(before);
        if (round > 0) {
            seconds.push((user + system) / 1e6);
        }
    }
    return seconds.sort((a, b) => a - b)[ROUNDS >> 1];
}

function play(doc, list) {
    const text = peer.text(doc);
    for (const [at, removed, inserted] of list) {
        if (removed > 0) {
            peer.remove(text, at, removed);
        }
        if (inserted !== "") {
            peer.insert(text, at, inserted);
        }
    }
    doc.commit?.();
    return doc;
}

const playAll = (doc, list) => {
    if (peer.together === undefined) return play(doc, list);
    peer.together(doc, list);
    return doc;
};

/* The numbers of bench-text. */
function rich(steps) {
    const formats = [{ bold: true }, { italic: true }, { bold: null }, { color: "red" }, { color: null }];
    let state = 1, length = 0;
    const below = (limit) => {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        return (state >>> 8) % limit;
    };
    const text = peer.text(peer.open(1));
    const before = process.cpuUsage();
    for (let i = 0; i < steps; i++) {
        if (below(2) === 0 || length < 20) {
            peer.insert(text, below(length + 1), "word ");
            length += 5;
        } else {
            const at = below(length - 10), count = 1 + below(10);
            text.format(at, count, formats[below(5)]);
        }
    }
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1e6;
}

if (file === "rich") {
    for (const steps of [10000, 20000, 50000, 100000]) {
        const seconds = rich(steps);
        tell(`${steps} formats and inserts`, seconds * 1e3, "ms");
        if (seconds > Number(most)) break;
    }
    process.exit();
}

const trace = JSON.parse(gunzipSync(readFileSync(file)));
const edits = trace.txns.flatMap(({ patches }) => patches);
const timed = edits.slice(0, peer.few ?? edits.length);
tell("local edit", (median(() => play(peer.open(1), timed)) * 1e9) / timed.length, "ns/edit");
const made = peer.open(1);
const updates = [];
peer.follow?.(made, (update) => updates.push(update));
playAll(made, edits);
if (peer.text(made).toString() !== trace.endContent) {
    throw new Error("the text is another");
}
for (const [form, save, take] of [["v1", peer.save, peer.take], ["v2", peer.save2, peer.take2]]) {
    if (save === undefined) continue;
    const bytes = save(made);
    tell(`bytes ${form}`, bytes.length, "B");
    tell(`load ${form}`, median((doc) => take(doc, bytes), () => peer.open(999)) * 1e3, "ms");
}
if (updates.length > 0) {
    const seconds = median((doc) => updates.forEach((update) => peer.take(doc, update)), () => peer.open(999));
    tell("remote updates streamed", seconds * 1e3, "ms");
    tell("remote update", (seconds * 1e6) / updates.length, "us/update");
}
const half = edits.slice(0, edits.length >> 1);
const one = peer.save(playAll(peer.open(1), half));
const other = peer.save(playAll(peer.open(2), half));
const opened = () => {
    const doc = peer.open(999);
    peer.take(doc, one);
    return doc;
};
tell("two branches merged", median((doc) => peer.take(doc, other), opened) * 1e3, "ms");
