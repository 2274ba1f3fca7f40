// tests/interop/text/undo.mjs: undo and redo of Yjs and of ours, at random. One author edits, undoes and redoes in a document of Yjs and in one of ours;
// another, always Yjs, may write in between, and both take that in. After each step both show the same. They exchange nothing with one another,
// for the ids of what comes back need not be the same; nor need the runs of a delta, where markers that say nothing new stand elsewhere.
import * as Y from "yjs";
import { Player } from "./edits.mjs";
import { edit } from "./history.mjs";
import { Random } from "./random.mjs";
import { ROOTS, deltaOf, hex, isText, joined, makeDoc, plain, root, separateValues, tell, typesOf } from "./shared.mjs";

const WEIGHTS = { insert: 40, erase: 14, format: 14, values: 12, remove: 12, set: 12, unset: 6 };

export function makeUndoHistory(seed) {
    const random = new Random(seed ^ 0x75646f);
    const alone = random.chance(50);
    const steps = Array.from({ length: 20 + random.below(25) }, () => {
        const kind = random.below(10);
        if (kind < 3) return { do: kind === 2 ? "redo" : "undo" };
        return { at: kind < 5 && !alone ? 1 : 0, ...edit(random, WEIGHTS) };
    });
    return { seed, kind: "undo", profile: alone ? "one author" : "two authors", clients: [1000 + random.below(1000), 1 + random.below(900)], steps };
}

export class UndoReplay extends Player {
    constructor(history) {
        super();
        const [mine, other] = history.clients.map((client) => makeDoc(client, true, this.told));
        this.id = `${history.seed}:undo`;
        const undo = new Y.UndoManager(Object.keys(ROOTS).map((name) => root(mine, name)), { captureTimeout: 0 });
        mine.on("beforeTransaction", (transaction) => { if (transaction.origin === undo) this.cut(transaction); });
        this.ask({ op: "new", doc: this.id, client: mine.clientID, gc: true }, {});
        this.ask({ op: "undo-manager", doc: this.id }, {});
        history.steps.forEach((step, number) => {
            this.step = number;
            if (step.do === "undo" || step.do === "redo") {
                this.ask({ op: step.do, doc: this.id }, { done: undo[step.do]() !== null });
            } else if (step.at === 1) {
                other.transact(() => this.edit(other, step));
                separateValues(other, this.told);
                const update = Y.encodeStateAsUpdate(other, Y.encodeStateVector(mine));
                Y.applyUpdate(mine, update, "afar");
                this.ask({ op: "apply", doc: this.id, update: hex(update) }, {});
            } else {
                undo.stopCapturing(); // a step each, wherever the clock goes
                mine.transact(() => {
                    const request = this.edit(mine, step);
                    if (request !== null) this.ask({ ...request, doc: this.id }, {});
                });
            }
            separateValues(mine, this.told);
            this.look(mine);
        });
        this.ask({ op: "free", doc: this.id }, {});
        undo.destroy();
    }

    look(doc) {
        this.count("undo");
        for (const name of Object.keys(ROOTS)) this.ask({ op: "json", doc: this.id, name, type: ROOTS[name] }, { json: plain(root(doc, name).toJSON()) });
        for (const { name, path, type } of typesOf(doc)) {
            if (isText(type)) this.ask({ op: "delta", doc: this.id, name, type: ROOTS[name], path }, { delta: joined(deltaOf(type)) }, joined);
        }
    }

    // What was made anew, and what it was made of, are cut at the same places: an undo of Yjs takes one piece for the whole, and the whole for
    // a piece (faults.mjs, "pieces").
    cut(transaction) {
        for (const [client, structs] of transaction.doc.store.clients) {
            for (let at = 0; at < structs.length; at++) {
                const item = structs[at];
                if (!(item instanceof Y.Item) || item.redone === null) continue;
                const made = Y.getItemCleanStart(transaction, item.redone);
                if (made.length === item.length) continue;
                tell(this.told, "pieces");
                const [of, length] = made.length < item.length ? [Y.createID(client, item.id.clock), made.length] : [made.id, item.length];
                Y.getItemCleanStart(transaction, Y.createID(of.client, of.clock + length));
                at--;
            }
        }
    }
}
