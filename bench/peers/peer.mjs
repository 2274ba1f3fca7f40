/* peer.mjs PEER WHAT: one measurement of one of them, in a process of its own (the collector's work, code that got warm and
 * memory of one do not count for another's). Prints JSON lines {peer, what, value, unit}.
 *
 * Called by tools/bench-peers. CPU seconds are the process's, all its threads included. */
import { readFileSync, writeFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";

import { commits, makeObjects, makeUpdates } from "./objects.mjs";

const OBJECTS = 100000;
const UPDATES = 100000;
const HOT = 1000;
const BEHIND = 1000000; /* updates behind an opening */
const SHARED = 10000;
const OFFLINE = 10000;
const COMMIT = 100;
const ASKED = 20;

const [peerName, what, file] = process.argv.slice(2);
const peer = await import(`./${peerName}.mjs`);

function tell(measured, value, unit) {
    console.log(JSON.stringify({ peer: peer.name, what: measured, value: Number(value.toPrecision(4)), unit }));
}

async function cpuSeconds(work) {
    globalThis.gc?.();
    const before = process.cpuUsage();
    await work();
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1e6;
}

async function change(self, apply, list) {
    for (const commit of commits(list, COMMIT)) {
        await apply(self, commit);
    }
}

async function filled(replica, count) {
    const self = await peer.open(replica);
    await change(self, peer.add, makeObjects(count, 1));
    return self;
}

const measurements = {
    async write() {
        const self = await peer.open(0);
        const objects = makeObjects(OBJECTS, 1);
        const random = makeUpdates(UPDATES, OBJECTS, 2);
        const hot = makeUpdates(UPDATES, HOT, 3);
        tell("create", OBJECTS / (await cpuSeconds(() => change(self, peer.add, objects))), "objects/CPU s");
        const before = self.sent;
        tell("update", UPDATES / (await cpuSeconds(() => change(self, peer.update, random))), "updates/CPU s");
        if (self.sent > before) {
            tell("update.bytes", (self.sent - before) / UPDATES, "bytes sent or stored, each");
        }
        tell("update.hot", UPDATES / (await cpuSeconds(() => change(self, peer.update, hot))), "updates/CPU s");
    },

    /* Written by one process, opened by the next. */
    async save() {
        const self = await filled(0, OBJECTS);
        await change(self, peer.update, makeUpdates(BEHIND, OBJECTS, 4));
        writeFileSync(file, peer.save(self));
    },

    async open() {
        const before = process.memoryUsage().rss;
        const started = performance.now();
        const self = peer.load(readFileSync(file), 1);
        const objects = await peer.count(self);
        tell("open", performance.now() - started, "ms");
        tell("open.memory", (process.memoryUsage().rss - before) / 2 ** 20, "MiB");
        if (objects !== OBJECTS) {
            throw new Error(`${objects} objects came back`);
        }
    },

    async replicate() {
        const from = await filled(0, OBJECTS);
        const once = makeObjects(OBJECTS, 1).map(({ id }, i) => ({ id, value: i }));
        await change(from, peer.update, once);
        const to = await peer.open(1);
        const bytes = peer.offer(from, to);
        const seconds = await cpuSeconds(() => peer.take(to, bytes));
        if ((await peer.count(to)) !== OBJECTS) {
            throw new Error("not all came");
        }
        tell("replicate", OBJECTS / seconds, "objects (made and changed once)/receiver's CPU s");
    },

    async reconnect() {
        const one = await filled(0, SHARED);
        const other = await peer.open(1);
        peer.take(other, peer.offer(one, other));
        await change(one, peer.update, makeUpdates(OFFLINE, SHARED, 5));
        await change(other, peer.update, makeUpdates(OFFLINE, SHARED, 6));
        tell("reconnect", await cpuSeconds(() => {
            const there = peer.offer(one, other);
            const back = peer.offer(other, one);
            peer.take(other, there);
            peer.take(one, back);
        }), "CPU s, both");
        if (!isDeepStrictEqual(peer.state(one), peer.state(other))) {
            throw new Error("they did not converge");
        }
    },

    async questions() {
        const self = await peer.open(0);
        const objects = makeObjects(OBJECTS, 1).map((object, i) => ({
            id: object.id,
            fields: { ...object.fields, label: `label ${i % 10}`, next: `o${(i * 7 + 1) % OBJECTS}` },
        }));
        await change(self, peer.add, objects);
        peer.prepare?.(self);
        let found = 0;
        const seconds = await cpuSeconds(() => {
            for (let i = 0; i < ASKED; i++) {
                found += peer.filter(self, `label ${i % 10}`).length;
            }
        });
        if (found !== (ASKED * OBJECTS) / 10) {
            throw new Error(`${found} were found`);
        }
        tell("filter", ASKED / seconds, "questions/CPU s");
    },
};

await measurements[what]();
