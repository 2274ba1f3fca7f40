// tests/interop/text/shared.mjs: what of a Yjs document is compared, and how it is said so that both sides can say it.
import * as Y from "yjs";

export const ROOTS = { t: "text", a: "array", m: "map", x: "xml-fragment" };

const NAMES = new Map([
    [Y.Text, "text"], [Y.Array, "array"], [Y.Map, "map"], [Y.XmlFragment, "xml-fragment"], [Y.XmlElement, "xml-element"], [Y.XmlText, "xml-text"],
    [Y.XmlHook, "xml-hook"],
]);
export const kindOf = (type) => NAMES.get(type.constructor);
export const isText = (type) => type instanceof Y.Text;
export const isXml = (type) => type instanceof Y.XmlFragment;

export function makeType(kind) {
    switch (kind) {
        case "text": return new Y.Text();
        case "map": return new Y.Map();
        case "array": return new Y.Array();
        case "xml-text": return new Y.XmlText();
        default: return new Y.XmlElement("P");
    }
}

export function root(doc, name) {
    switch (ROOTS[name]) {
        case "text": return doc.getText(name);
        case "array": return doc.getArray(name);
        case "map": return doc.getMap(name);
        default: return doc.getXmlFragment(name);
    }
}

export const hex = (bytes) => Buffer.from(bytes).toString("hex");

// What is there, whatever it is.
export const ANY = Symbol("any");

// Whether two values of JSON are the same, members in any order.
export function same(a, b) {
    if (a === b || (a === ANY && b !== undefined)) return true;
    if (typeof a !== "object" || typeof b !== "object" || a === null || b === null || Array.isArray(a) !== Array.isArray(b)) return false;
    const keys = Object.keys(a);
    return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && same(a[key], b[key]));
}

// toJSON of Yjs, bytes as the member "@bytes", what JSON lacks as JSON.stringify has it.
export const plain = (value) =>
    value === undefined ? null
    : value instanceof Y.AbstractType ? plain(value.toJSON())
    : value instanceof Uint8Array ? { "@bytes": Buffer.from(value).toString("base64url") }
    : Array.isArray(value) ? value.map(plain)
    : value !== null && typeof value === "object" ? Object.fromEntries(Object.entries(value).map(([key, one]) => [key, plain(one)]))
    : Object.is(value, -0) ? 0
    : value;

// A member of an array or a map, an embedded value.
export const member = (value) => (value instanceof Y.AbstractType ? { "@type": kindOf(value), value: plain(value) } : plain(value));

export const opOf = (op) => ({
    ...op,
    ...(op.insert === undefined ? {} : { insert: Array.isArray(op.insert) ? op.insert.map(member) : member(op.insert) }),
    ...(op.attributes ? { attributes: plain(op.attributes) } : {}),
});
export const deltaOf = (text) => text.toDelta().map(opOf);

// Runs of one formatting as one.
export function joined(delta) {
    const out = [];
    for (const op of delta) {
        const last = out.at(-1);
        if (last && typeof last.insert === "string" && typeof op.insert === "string" && same(last.attributes ?? {}, op.attributes ?? {})) last.insert += op.insert;
        else out.push({ ...op });
    }
    return out;
}

// A text as UTF-16 units, where what is embedded stands as one.
export const units = (text) => text.toDelta().map((op) => (typeof op.insert === "string" ? op.insert : "\ufffc")).join("");

const inside = (string, at) => at > 0 && at < string.length && (string.charCodeAt(at) & 0xfc00) === 0xdc00 && (string.charCodeAt(at - 1) & 0xfc00) === 0xd800;
export const down = (string, at) => (inside(string, at) ? at - 1 : at);
export const up = (string, at) => (inside(string, at) ? at + 1 : at);

// Every shared type that lives: [{ name, path, type }], path from the root by indexes and keys.
export function typesOf(doc) {
    const found = [];
    const walk = (name, path, type) => {
        found.push({ name, path, type });
        let index = 0;
        for (let item = type._start; item !== null; item = item.right) {
            if (item.deleted || !item.countable) continue;
            if (item.content.type) walk(name, [...path, index], item.content.type);
            index += item.length;
        }
        for (const [key, item] of type._map) {
            if (!item.deleted && item.content.type) walk(name, [...path, key], item.content.type);
        }
    };
    for (const name of Object.keys(ROOTS)) walk(name, [], root(doc, name));
    return found;
}

// A Yjs replica without what depends on the order of delivery: its cleaning of formats after what came from others. told: how often each
// fault of faults.mjs was met and set right.
export function makeDoc(client, gc, told = {}) {
    const doc = new Y.Doc({ gc, guid: "" });
    doc.clientID = client;
    for (const name of Object.keys(ROOTS)) root(doc, name);
    doc.on("afterTransaction", (transaction) => {
        if (transaction._needFormattingCleanup) tell(told, "cleaning");
        transaction._needFormattingCleanup = false;
    });
    return doc;
}

export const tell = (told, fault) => { told[fault] = (told[fault] ?? 0) + 1; };

// Values of formats that are one object in two markers become two: Yjs's own cleaning after a deletion tells by identity.
export function separateValues(doc, told) {
    const met = new Set();
    for (const { type } of typesOf(doc)) {
        if (!isText(type)) continue;
        for (let item = type._start; item !== null; item = item.right) {
            const value = item.content.value;
            if (value === null || typeof value !== "object") continue;
            if (met.has(value)) {
                item.content.value = structuredClone(value);
                tell(told, "shared");
            } else met.add(value);
        }
    }
}
