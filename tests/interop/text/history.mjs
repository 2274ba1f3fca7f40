// tests/interop/text/history.mjs: random histories of a few replicas, as data that can be written down, shortened and run again.
// A step names places by raw numbers, which are taken modulo what is there when it runs: so any part of a history is one, too.
import { Random } from "./random.mjs";

// Profiles: what replicas do. Weights of operations beside each other.
const PROFILES = {
    plain: { insert: 60, erase: 30 },
    rich: { insert: 34, format: 26, erase: 22, embed: 5, delta: 8, attribute: 3 },
    array: { values: 50, bytes: 6, remove: 30, nest: 8, insert: 6 },
    map: { set: 50, unset: 22, nestKey: 14, insert: 8, values: 6 },
    mixed: {
        insert: 18, format: 12, erase: 12, embed: 4, embedType: 4, delta: 4, attribute: 4, values: 12, bytes: 2, remove: 9, nest: 8,
        set: 10, unset: 5, nestKey: 5,
    },
};

const WORDS = ["a", "b", "xyz", " ", "hello", "\n", "ö", "漢字", "😀", "👩‍🚀", "🇩🇪", "lorem ipsum", "e\u0301", "\u{10ffff}", '"\\', "\u0001\t"];
const KEYS = ["bold", "italic", "link", "color", "7", "header"];
const MAP_KEYS = ["k", "title", "10", "2", "ключ"];

function attributeValue(random, key) {
    if (key === "link") return random.chance(40) ? { href: random.pick(["x", "y"]), ...(random.chance(50) ? { rel: 1 } : {}) } : random.pick(["x", "y"]);
    if (key === "color") return random.pick(["red", "blue"]);
    if (key === "header") return random.pick([1, 2, 1.5, -0.25]);
    return true;
}

// What formats an insertion, or (ends) a range, where null ends a key.
function attributes(random, ends) {
    const made = {};
    const count = 1 + random.below(random.chance(70) ? 1 : 3);
    for (let i = 0; i < count; i++) {
        const key = random.pick(KEYS);
        made[key] = ends && random.chance(35) ? null : attributeValue(random, key);
    }
    return made;
}

function value(random, depth = 0) {
    const kind = random.below(depth > 2 ? 10 : 13);
    const numbers = [0, 1, -1, 63, 64, -64, 127, 2147483647, -2147483648, 2147483648, 4294967296, 9007199254740991, 0.5, 0.1, -1.5e300, 1e21, 16777217];
    if (kind < 3) return random.pick(WORDS);
    if (kind < 6) return random.pick(numbers);
    if (kind < 8) return random.chance(50);
    if (kind < 10) return null;
    if (kind < 11) return Array.from({ length: random.below(4) }, () => value(random, depth + 1));
    const made = {};
    for (let n = random.below(4); n > 0; n--) made[random.pick(MAP_KEYS)] = value(random, depth + 1);
    return made;
}

const TYPES = ["text", "map", "array", "xml-text", "xml-element"];

const text = (random) => Array.from({ length: 1 + random.below(random.chance(80) ? 2 : 6) }, () => random.pick(WORDS)).join("");
const size = (random) => (random.chance(80) ? 1 + random.below(6) : random.below(40));

function delta(random) {
    return Array.from({ length: 1 + random.below(4) }, () => {
        const kind = random.below(10);
        const formatted = random.chance(40);
        if (kind < 3) return { insert: text(random), ...(formatted ? { attributes: attributes(random, false) } : {}) };
        if (kind < 4) return { insert: { image: random.pick(["p", "q"]) } };
        if (kind < 8) return { retain: size(random), ...(formatted ? { attributes: attributes(random, true) } : {}) };
        return { delete: 1 + random.below(5) };
    });
}

export function edit(random, weights) {
    let at = random.below(Object.values(weights).reduce((a, b) => a + b));
    const what = Object.keys(weights).find((name) => (at -= weights[name]) < 0);
    const made = { do: what, where: random.next(), place: random.next() };
    switch (what) {
        case "insert":
            return { ...made, text: text(random), attributes: random.chance(25) ? (random.chance(15) ? {} : attributes(random, false)) : undefined };
        case "embed":
            return { ...made, value: { image: random.pick(["p", "q"]), n: value(random, 2) }, attributes: random.chance(30) ? attributes(random, false) : undefined };
        case "embedType":
        case "nest":
            return { ...made, kind: random.pick(TYPES) };
        case "format":
            return { ...made, length: size(random), attributes: attributes(random, true) };
        case "delta":
            return { ...made, delta: delta(random) };
        case "erase":
        case "remove":
            return { ...made, length: size(random) };
        case "values":
            return { ...made, values: Array.from({ length: 1 + random.below(3) }, () => value(random)) };
        case "bytes":
            return { ...made, bytes: Array.from({ length: random.below(5) }, () => random.below(256)) };
        case "attribute":
        case "set":
            return { ...made, key: random.pick(MAP_KEYS), value: value(random) };
        case "nestKey":
            return { ...made, key: random.pick(MAP_KEYS), kind: random.pick(TYPES) };
        default:
            return { ...made, key: random.pick(MAP_KEYS) };
    }
}

// seed → { seed, kind, profile, watched: events too, replicas: [{ client, gc, form }], steps }
export function makeHistory(seed) {
    const random = new Random(seed);
    const profile = random.pick(["plain", "rich", "rich", "array", "map", "mixed", "mixed"]);
    const clients = new Set();
    while (clients.size < 2 + random.below(3)) {
        const width = random.below(3);
        clients.add(width === 0 ? 1 + random.below(300) : width === 1 ? 1 + random.next() : 1 + random.next() * 2097151 + random.below(2097151));
    }
    const gc = random.below(3);
    const replicas = [...clients].map((client) => ({ client, gc: gc === 0 ? true : gc === 1 ? false : random.chance(50), form: 1 + random.below(2) }));
    const steps = [];
    const count = 8 + random.below(40);
    for (let i = 0; i < count; i++) {
        const at = random.below(replicas.length);
        const kind = random.below(110);
        if (kind < 62) steps.push({ at, ...edit(random, PROFILES[profile]) });
        else if (kind < 66) steps.push({ at, do: "together", edits: Array.from({ length: 2 + random.below(4) }, () => edit(random, PROFILES[profile])) });
        else if (kind < 86) steps.push({ at, do: "deliver", which: random.next() });
        else if (kind < 92) steps.push({ at, do: "deliverMerged", which: Array.from({ length: 2 + random.below(4) }, () => random.next()), convert: random.chance(50) });
        else if (kind < 95) steps.push({ at, do: "sync", from: random.below(replicas.length) });
        else if (kind < 97) steps.push({ at, do: "deliverDiff", which: random.next() });
        else if (kind < 100) steps.push({ at, do: "look" });
        else if (kind < 104) steps.push({ at, do: "mark", where: random.next(), place: random.next(), before: random.chance(50) });
        else if (kind < 107) steps.push({ at, do: "find", which: random.next() });
        else steps.push({ at, do: "version", first: random.next(), second: random.next() });
    }
    return { seed, kind: "edits", profile, watched: random.chance(15), replicas, steps };
}
