/* objects.mjs: the input of bench/rows.c and bench/questions.c for programs in JavaScript: the same sizes, the same fields,
 * drawn from a fixed seed (splitmix64, so the same numbers). */

const MASK = (1n << 64n) - 1n;

/** Numbers below a bound, from a seed: the same in each run. */
export class Draw {
    #state;

    constructor(seed) {
        this.#state = BigInt(seed);
    }

    /** A number of 64 bits. */
    next() {
        this.#state = (this.#state + 0x9e3779b97f4a7c15n) & MASK;
        let z = this.#state;
        z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK;
        z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & MASK;
        return z ^ (z >> 31n);
    }

    below(bound) {
        return Number(this.next() % BigInt(bound));
    }
}

/** Objects of four fields, some 60 bytes; `next` names another object, `group` one of ten values (questions ask for it). */
export function makeObjects(count, seed) {
    const draw = new Draw(seed);
    const objects = [];
    for (let i = 0; i < count; i++) {
        objects.push({
            id: `o${i}`,
            fields: {
                done: draw.below(2) === 0,
                name: `item ${(draw.next() >> 8n).toString(16).padStart(14, "0")}`,
                count: draw.below(100000),
                label: `label ${draw.below(1000)}`,
            },
        });
    }
    return objects;
}

/** `count` new values of the field "count", of objects among the first `among`. */
export function makeUpdates(count, among, seed) {
    const draw = new Draw(seed);
    const updates = [];
    for (let i = 0; i < count; i++) {
        updates.push({ id: `o${draw.below(among)}`, value: draw.below(100000) });
    }
    return updates;
}

/** The list in pieces of `size`: what one transaction holds. */
export function* commits(list, size) {
    for (let at = 0; at < list.length; at += size) {
        yield list.slice(at, at + size);
    }
}
