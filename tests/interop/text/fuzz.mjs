#!/usr/bin/env node
// tests/interop/text/fuzz.mjs DRIVER [--from SEED] [--count N] [--replay FILE] [--only KIND] [--keep FOLDER]: random histories, played by Yjs and by the
// engine behind text-driver, which must say the same at every step. Each seed makes one of each KIND: edits (replay.mjs), undo (undo.mjs),
// awareness (awareness.mjs). A history that differs is shortened and written to
// FOLDER as a log that --replay runs. DRIVER `yjs`: Yjs against itself alone. Ends, also when
// it is told to by SIGTERM, with one line of JSON; exit 1 when something differs. met: how many histories met each fault of Yjs that is
// known (faults.mjs), was set right, and went on being compared; what Yjs does else that contradicts itself is a fault, and ends with exit 1, too.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { Driver } from "./driver.mjs";
import { AwarenessReplay, makeAwarenessHistory } from "./awareness.mjs";
import { difference } from "./edits.mjs";
import { absent } from "./faults.mjs";
import { makeHistory } from "./history.mjs";
import { Replay } from "./replay.mjs";
import { UndoReplay, makeUndoHistory } from "./undo.mjs";

const { values: options, positionals } = parseArgs({
    allowPositionals: true,
    options: {
        from: { type: "string", default: "1" }, count: { type: "string", default: "1000" }, replay: { type: "string" },
        keep: { type: "string", default: "build/text-fuzz" }, stop: { type: "string", default: "5" },
        only: { type: "string" },
    },
});
const program = positionals[0];
const BATCH = 8; // seeds on their way at once
const KINDS = { edits: [makeHistory, Replay], undo: [makeUndoHistory, UndoReplay], awareness: [makeAwarenessHistory, AwarenessReplay] };
const kinds = options.only === undefined ? Object.keys(KINDS) : [options.only];
const played = (history) => new KINDS[history.kind][1](history);
const histories = {}, met = {}, checked = {};
const add = (to, what, count = 1) => { to[what] = (to[what] ?? 0) + count; };
let driver = program === "yjs" ? null : new Driver(program);

// The first difference of each history, null where there is none.
async function run(list, counted = false) {
    const replays = list.map(played);
    for (const { told, checked: what } of counted ? replays : []) {
        for (const name of Object.keys(told)) add(met, name);
        for (const [name, count] of Object.entries(what)) add(checked, name, count);
    }
    const faults = replays.map((one) => (one.faults.length > 0 ? { fault: one.faults[0] } : null));
    if (driver === null) return faults;
    const requests = replays.flatMap((one) => one.requests);
    const replies = await driver.ask(requests.map((one) => one.request));
    if (driver.dead !== null && list.length > 1) {
        driver = new Driver(program);
        const found = [];
        for (const one of list) found.push(...(await run([one])));
        return found;
    }
    let at = 0;
    const found = replays.map((replay, number) => {
        const begin = at;
        at += replay.requests.length;
        if (faults[number] !== null) return faults[number];
        for (let i = begin; i < at; i++) {
            const { request, step } = requests[i];
            const what = i < replies.length ? difference(requests[i], replies[i]) : { error: driver.dead };
            if (what !== null) return { step, request, what };
        }
        return null;
    });
    if (driver.dead !== null) driver = new Driver(program);
    return found;
}

// Leaves out what is not needed for a difference: halves first, then single steps, then edits of one transaction.
async function shorten(history) {
    const differs = async (steps) => {
        const [found] = await run([{ ...history, steps }]).catch(() => [null]);
        return found !== null && !("fault" in found);
    };
    let steps = history.steps;
    for (let size = steps.length >> 1; size > 0; size = size > 1 ? size >> 1 : 0) {
        for (let at = 0; at < steps.length; ) {
            const fewer = [...steps.slice(0, at), ...steps.slice(at + size)];
            if (await differs(fewer)) steps = fewer;
            else at += size;
        }
    }
    for (let at = 0; at < steps.length; at++) {
        for (let n = 0; steps[at].do === "together" && n < steps[at].edits.length; ) {
            const edits = steps[at].edits.filter((_, other) => other !== n);
            const fewer = steps.with(at, edits.length === 1 ? { at: steps[at].at, ...edits[0] } : { ...steps[at], edits });
            if (await differs(fewer)) steps = fewer;
            else n++;
        }
    }
    return { ...history, steps };
}

const short = (value) => { const text = JSON.stringify(value) ?? "undefined"; return text.length > 1500 ? text.slice(0, 1500) + "…" : text; };

async function tell(history, found) {
    const least = "fault" in found ? history : await shorten(history);
    const [last] = await run([least]);
    mkdirSync(options.keep, { recursive: true });
    const file = `${options.keep}/${history.kind}-${history.seed}.json`;
    writeFileSync(file, JSON.stringify(least, null, 1) + "\n");
    console.log(`${history.kind} ${history.seed} (${history.profile}): differs; ${least.steps.length} of ${history.steps.length} steps are enough: ${file}`);
    for (const step of least.steps) console.log(`  ${short(step)}`);
    console.log(`  ${short(last ?? found)}`);
}

if (options.replay !== undefined) {
    const history = JSON.parse(readFileSync(options.replay, "utf8"));
    const [found] = await run([history]);
    console.log(found === null ? "no difference" : JSON.stringify(found, null, 1));
    driver?.close();
    process.exit(found === null ? 0 : 1);
}

for (const name of absent()) {
    console.log(`Yjs does not show the fault "${name}" any more: see faults.mjs`);
    process.exit(1);
}
let stopped = false;
process.on("SIGTERM", () => { stopped = true; });
const begun = process.hrtime.bigint();
const from = Number(options.from), count = Number(options.count);
let differing = 0, faults = 0, steps = 0;
for (let seed = from; seed < from + count && differing < Number(options.stop) && !stopped; ) {
    const list = [];
    for (let n = 0; n < BATCH && seed < from + count; n++, seed++) list.push(...kinds.map((kind) => KINDS[kind][0](seed)));
    const found = await run(list, true);
    for (const [number, one] of found.entries()) {
        const { kind, seed: which, profile } = list[number];
        add(histories, kind);
        steps += list[number].steps.length;
        if (one === null) continue;
        if ("fault" in one) {
            faults++;
            console.log(`${kind} ${which} (${profile}): ${one.fault}`);
        } else if (++differing <= Number(options.stop)) await tell(list[number], one);
    }
}
driver?.close();
const seconds = Number(process.hrtime.bigint() - begun) / 1e9;
console.log(JSON.stringify({ histories, steps, checked, differing, faults_of_yjs: faults, met, seconds: Math.round(seconds * 10) / 10 }));
process.exit(differing + faults > 0 ? 1 : 0);
