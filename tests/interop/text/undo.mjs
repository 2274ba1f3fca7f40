// tests/interop/text/undo.mjs: undo and redo of Yjs and of text-driver side by side, at random.
//
//   node undo.mjs PROGRAM [COUNT [FIRST]]
//
// One author edits, undoes and redoes in a document of Yjs and in one of ours that has the same client id; another, always Yjs, edits in
// between, and what it writes goes to both. After each step both show the same. What differs is counted and named by its seed; the
// documents exchange no updates with one another, for the ids of what comes back need not be the same.
// Told apart: with one author every undo leads to a state that was there before. Where ours is one and Yjs's never was, Yjs is wrong (of
// text that was made anew and cut since it takes back one piece alone). With two authors the same is counted as a difference. Yjs's cleaning
// of formats is off: it would be a step of its own to be undone.
import * as Y from "yjs";
import { Driver } from "./driver.mjs";
import { deltaOf, hex, plain, same } from "./shared.mjs";

const [program, count = "200", first = "1"] = process.argv.slice(2);
const driver = new Driver(program);

function source(seed) {
    let state = (BigInt(seed) * 0xd1342543de82ef95n) & 0xffffffffffffffffn;
    return (below) => {
        state = (state + 0x9e3779b97f4a7c15n) & 0xffffffffffffffffn;
        let z = state;
        z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & 0xffffffffffffffffn;
        z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & 0xffffffffffffffffn;
        return Number((z ^ (z >> 31n)) % BigInt(below));
    };
}

const FORMATS = [{ b: true }, { b: null }, { i: 1 }, { i: null }];

// An edit as a request, and what it does in Yjs.
function edit(random, doc) {
    const text = doc.getText("t"), array = doc.getArray("a"), map = doc.getMap("m");
    const place = (length) => { const index = random(length + 1); return [index, random(Math.min(length - index, 5) + 1)]; };
    switch (random(8)) {
        case 0: case 1: case 2: {
            const index = random(text.length + 1), what = "lorem ipsum".slice(random(10));
            return [{ op: "insert", name: "t", index, text: what }, () => text.insert(index, what)];
        }
        case 3: {
            const [index, length] = place(text.length);
            return [{ op: "delete", name: "t", index, length }, () => text.delete(index, length)];
        }
        case 4: {
            const [index, length] = place(text.length), attributes = FORMATS[random(FORMATS.length)];
            return [{ op: "format", name: "t", index, length, attributes }, () => text.format(index, length, attributes)];
        }
        case 5: {
            const index = random(array.length + 1), values = [random(100), "v"];
            return [{ op: "array-insert", name: "a", index, values }, () => array.insert(index, values)];
        }
        case 6: {
            const [index, length] = place(array.length);
            return [{ op: "array-delete", name: "a", index, length }, () => array.delete(index, length)];
        }
        default: {
            const key = "kl"[random(2)], value = random(100);
            return random(3) === 0 ? [{ op: "map-delete", name: "m", key }, () => map.delete(key)]
                                   : [{ op: "map-set", name: "m", key, value }, () => map.set(key, value)];
        }
    }
}

async function ask(request) {
    const [reply] = await driver.ask([request]);
    if (!reply?.ok) throw new Error(`${JSON.stringify(request)}: ${JSON.stringify(reply)}`);
    return reply;
}

async function state(name) {
    return [(await ask({ op: "delta", doc: name, name: "t" })).delta, (await ask({ op: "json", doc: name, name: "a", type: "array" })).json,
        (await ask({ op: "json", doc: name, name: "m", type: "map" })).json];
}

// Runs of one formatting as one: markers that say nothing new stand elsewhere.
function joined(delta) {
    const out = [];
    for (const op of delta) {
        const last = out[out.length - 1];
        if (last && typeof last.insert === "string" && typeof op.insert === "string" && same(last.attributes ?? {}, op.attributes ?? {})) last.insert += op.insert;
        else out.push({ ...op });
    }
    return out;
}

async function play(seed, alone) {
    const random = source(seed), name = `u${seed}`, mine = new Y.Doc(), other = new Y.Doc();
    mine.clientID = 1000 + random(1000);
    for (const doc of [mine, other]) doc.on("afterTransaction", (transaction) => { transaction._needFormattingCleanup = false; });
    other.clientID = 1 + random(5000);
    if (other.clientID === mine.clientID) other.clientID += 1;
    for (const doc of [mine, other]) { doc.getText("t"); doc.getArray("a"); doc.getMap("m"); }
    const undo = new Y.UndoManager([mine.getText("t"), mine.getArray("a"), mine.getMap("m")], { captureTimeout: 0 });
    await ask({ op: "new", doc: name, client: mine.clientID, gc: true });
    await ask({ op: "undo-manager", doc: name });
    const log = [], shown = (one) => JSON.stringify([joined(one[0]), one[1], one[2]]), seen = new Set([shown([[], [], {}])]);
    for (let step = 0; step < 40; step++) {
        const what = random(10);
        if (what < 2 || what === 9) {
            const op = what === 9 ? "redo" : "undo";
            const done = op === "redo" ? undo.redo() : undo.undo();
            const reply = await ask({ op, doc: name });
            log.push(`${op} ${done !== null} ${reply.done}`);
        } else if (what < 4 && !alone) {
            const [request, run] = edit(random, other);
            run();
            const update = Y.encodeStateAsUpdate(other, Y.encodeStateVector(mine));
            Y.applyUpdate(mine, update, "afar");
            await ask({ op: "apply", doc: name, update: hex(update) });
            log.push(`other ${JSON.stringify(request)}`);
        } else {
            const [request, run] = edit(random, mine);
            undo.stopCapturing(); // a step each, wherever the clock goes
            run();
            await ask({ ...request, doc: name });
            log.push(JSON.stringify(request));
        }
        const ours = await state(name);
        const theirs = [deltaOf(mine.getText("t")), plain(mine.getArray("a")), plain(mine.getMap("m"))];
        const wrong = alone && seen.has(shown(ours)) && !seen.has(shown(theirs));
        seen.add(shown(ours));
        if (!same(joined(ours[0]), joined(theirs[0])) || !same(ours[1], theirs[1]) || !same(ours[2], theirs[2])) {
            await ask({ op: "free", doc: name });
            return { wrong, log, ours, theirs };
        }
    }
    await ask({ op: "free", doc: name });
    return null;
}

for (const alone of [true, false]) {
    const differs = [], wrong = [];
    for (let seed = Number(first); seed < Number(first) + Number(count); seed++) {
        const found = await play(seed, alone);
        if (found !== null && found.wrong) wrong.push(seed);
        else if (found !== null) {
            if (differs.length === 0) console.log(JSON.stringify({ seed, ...found }, null, 1));
            differs.push(seed);
        }
    }
    console.log(`${alone ? "one author" : "two authors"}: ${count} histories, ${differs.length} differ: ${differs.slice(0, 20).join(" ")}` +
        (alone ? `; in ${wrong.length} Yjs comes to a state that never was: ${wrong.slice(0, 20).join(" ")}` : ""));
}
driver.close();
