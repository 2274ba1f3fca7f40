// tests/interop/text/edits.mjs: an edit of a history (history.mjs) is done in a document of Yjs, and said as the request that does the same.
import * as Y from "yjs";
import { ROOTS, down, hex, isText, isXml, makeType, same, tell, typesOf, units, up } from "./shared.mjs";

// requests: [{ request, expected, shape, step }]; expected is compared member by member with the reply, each member of it in its shape first.
export class Player {
    constructor() {
        this.requests = [];
        this.faults = []; // of Yjs against Yjs
        this.told = {}; // how often each fault of Yjs that is known (faults.mjs) was met and set right
        this.checked = {}; // how often what was compared
    }

    ask(request, expected, shape) {
        this.requests.push({ request, expected, shape, step: this.step });
    }

    count(what) {
        this.checked[what] = (this.checked[what] ?? 0) + 1;
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
}

// What a reply has other than it should; null: nothing.
export function difference({ expected, shape }, reply) {
    if (reply.ok !== true) return { error: reply.error ?? reply };
    for (const member of Object.keys(expected)) {
        const got = shape === undefined ? reply[member] : shape(reply[member]);
        if (!same(expected[member], got)) return { member, expected: expected[member], got };
    }
    return null;
}
