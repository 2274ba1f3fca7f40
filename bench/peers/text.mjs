/* text.mjs PEER TRACE.json.gz: an editing trace of one author in another engine; JSON lines as those of bench-text.
 *
 * CPU time of the process, its collector included; the median of three rounds after one that is not measured. PEER is
 * yjs|ywasm|loro. Called by tools/bench-text-peers. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename } from "node:path";
import { gunzipSync } from "node:zlib";

const [peerName, file] = process.argv.slice(2);
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
};

const trace = JSON.parse(gunzipSync(readFileSync(file)));
const name = basename(file).split(".")[0];
const edits = trace.txns.flatMap(({ patches }) => patches);
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

tell("local edit", (median(() => play(peer.open(1), edits)) * 1e9) / edits.length, "ns/edit");
const made = peer.open(1);
const updates = [];
peer.follow?.(made, (update) => updates.push(update));
play(made, edits);
if (peer.text(made).toString() !== trace.endContent) {
    throw new Error("the text is another");
}
for (const [form, save, take] of [["v1", peer.save, peer.take], ["v2", peer.save2, peer.take2]]) {
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
const one = peer.save(play(peer.open(1), half));
const other = peer.save(play(peer.open(2), half));
const opened = () => {
    const doc = peer.open(999);
    peer.take(doc, one);
    return doc;
};
tell("two branches merged", median((doc) => peer.take(doc, other), opened) * 1e3, "ms");
