#!/usr/bin/env node
// tests/interop/text/trace.mjs DRIVER TRACE.json.gz…: recorded editing sessions, played by Yjs and by the engine behind text-driver, each author a
// replica. Every transaction's update must be the same bytes on both sides, in the end the text that was recorded, the state vectors and both
// forms of the whole document. Ends with one line of JSON for each; exit 1 when something differs.
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { gunzipSync } from "node:zlib";
import * as Y from "yjs";
import { Driver } from "./driver.mjs";
import { hex } from "./shared.mjs";

const [program, ...files] = process.argv.slice(2);
const driver = new Driver(program);
const BATCH = 2000; // requests on their way at once
let waiting = [];
let difference = null;

async function flush() {
    const replies = await driver.ask(waiting.map((one) => one.request));
    for (let i = 0; i < waiting.length && difference === null; i++) {
        const { request, expected } = waiting[i];
        const reply = replies[i] ?? { error: driver.dead };
        const member = Object.keys(expected).find((name) => expected[name] !== reply[name]);
        if (reply.ok !== true || member !== undefined) difference = { request, expected, reply };
    }
    waiting = [];
}

async function ask(request, expected = {}) {
    waiting.push({ request, expected });
    if (waiting.length >= BATCH) await flush();
}

async function play(file) {
    const trace = JSON.parse(gunzipSync(readFileSync(file)));
    const authors = Array.from({ length: trace.numAgents ?? 1 }, (_, number) => {
        const doc = new Y.Doc();
        doc.clientID = number + 1;
        const self = { id: `${basename(file)}:${number}`, doc, text: doc.getText("t"), has: new Set(), said: null };
        doc.on("update", (update) => { self.said = update; });
        return self;
    });
    for (const one of authors) await ask({ op: "new", doc: one.id, client: one.doc.clientID, gc: true });
    const updates = [];
    // What an author has is all that he wrote, and before it whatever that was written upon.
    const bring = async (author, number) => {
        const missing = [];
        for (const open = [number]; open.length > 0; ) {
            const at = open.pop();
            if (author.has.has(at)) continue;
            author.has.add(at);
            missing.push(at);
            open.push(...(trace.txns[at].parents ?? [at - 1]).filter((parent) => parent >= 0));
        }
        for (const at of missing.sort((a, b) => a - b)) {
            if (updates[at] === null) continue;
            Y.applyUpdate(author.doc, updates[at]);
            await ask({ op: "apply", doc: author.id, update: hex(updates[at]), v: 1 });
        }
    };
    for (const [number, txn] of trace.txns.entries()) {
        const author = authors[txn.agent ?? 0];
        for (const parent of txn.parents ?? (number > 0 ? [number - 1] : [])) await bring(author, parent);
        author.has.add(number);
        author.said = null;
        await ask({ op: "begin", doc: author.id });
        const requests = [];
        author.doc.transact(() => {
            for (const [index, length, text] of txn.patches) {
                if (length > 0) {
                    author.text.delete(index, length);
                    requests.push({ op: "delete", doc: author.id, name: "t", index, length });
                }
                if (text !== "") {
                    author.text.insert(index, text);
                    requests.push({ op: "insert", doc: author.id, name: "t", index, text });
                }
            }
        });
        for (const request of requests) await ask(request);
        updates.push(author.said);
        await ask({ op: "commit", doc: author.id, v: 1 }, { update: author.said === null ? "" : hex(author.said) });
        if (difference !== null) return { trace: basename(file), transactions: number, difference };
    }
    let agree = true;
    for (const author of authors) {
        for (let number = 0; number < updates.length; number++) await bring(author, number);
        agree &&= author.text.toString() === trace.endContent;
        await ask({ op: "json", doc: author.id, name: "t" }, { json: trace.endContent });
        await ask({ op: "state-vector", doc: author.id }, { sv: hex(Y.encodeStateVector(author.doc)) });
        await ask({ op: "encode", doc: author.id, v: 1 }, { update: hex(Y.encodeStateAsUpdate(author.doc)) });
        await ask({ op: "encode", doc: author.id, v: 2 }, { update: hex(Y.encodeStateAsUpdateV2(author.doc)) });
        await ask({ op: "free", doc: author.id });
    }
    await flush();
    return { trace: basename(file), transactions: trace.txns.length, authors: authors.length, yjs_has_the_text: agree, difference };
}

for (const file of files) {
    const result = await play(file);
    console.log(JSON.stringify(result).slice(0, 3000));
    if (difference !== null) break;
}
driver.close();
process.exit(difference === null ? 0 : 1);
