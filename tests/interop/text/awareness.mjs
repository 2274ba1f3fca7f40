// tests/interop/text/awareness.mjs: who is there, by y-protocols and by ours, at random: states said, heard in any order, twice, by way of others, and
// said to be gone by others. What each knows and what it says of it are the same; so is what a change means, by the states before and after it.
import { Awareness, applyAwarenessUpdate, encodeAwarenessUpdate } from "y-protocols/awareness";
import * as Y from "yjs";
import { Player } from "./edits.mjs";
import { Random } from "./random.mjs";
import { hex, same, tell } from "./shared.mjs";

const STATES = [{}, { user: { name: "ö", color: "#fff" } }, { cursor: { anchor: 3, head: null } }, { a: [1, 2.5, -0.25, "😀"], b: false }, { a: "\"\\\n" }];

export function makeAwarenessHistory(seed) {
    const random = new Random(seed ^ 0x617761);
    const clients = new Set();
    while (clients.size < 2 + random.below(3)) clients.add(random.chance(50) ? 1 + random.below(300) : 1 + random.next() * 2097151);
    const steps = Array.from({ length: 10 + random.below(40) }, () => {
        const at = random.below(clients.size), kind = random.below(20);
        if (kind < 5) return { at, do: "set", state: random.pick(STATES) };
        if (kind < 6) return { at, do: "set", state: null };
        if (kind < 12) return { at, do: "say", whom: Array.from({ length: 1 + random.below(4) }, () => random.next()) };
        if (kind < 13) return { at, do: "dismiss", whom: random.next(), later: random.below(3) };
        return { at, do: "hear", which: random.next() };
    });
    return { seed, kind: "awareness", profile: "", clients: [...clients], steps };
}

export class AwarenessReplay extends Player {
    constructor(history) {
        super();
        this.said = [];
        this.everyone = history.clients.map((client, number) => {
            const doc = new Y.Doc({ guid: "" });
            doc.clientID = client;
            const awareness = new Awareness(doc);
            clearInterval(awareness._checkInterval);
            const id = `${history.seed}:aware:${number}`;
            this.ask({ op: "new", doc: id, client, gc: true }, {});
            this.ask({ op: "awareness-set", doc: id, state: {} }, {});
            return { awareness, id };
        });
        history.steps.forEach((step, number) => {
            this.step = number;
            this.take(this.everyone[step.at], step);
        });
        this.step = "end";
        for (const one of this.everyone) {
            for (const update of this.said) this.hear(one, update);
            this.ask({ op: "free", doc: one.id }, {});
        }
    }

    take(self, step) {
        const { awareness, id } = self;
        const known = [...awareness.meta.keys()];
        switch (step.do) {
            case "set":
                this.change(self, { op: "awareness-set", doc: id, state: step.state }, () => awareness.setLocalState(structuredClone(step.state)));
                break;
            case "say": {
                const clients = [...new Set(step.whom.map((raw) => known[raw % known.length]))];
                const update = hex(encodeAwarenessUpdate(awareness, clients));
                this.ask({ op: "awareness-encode", doc: id, clients }, { update });
                this.said.push(update);
                break;
            }
            // Somebody is gone, says one who is not he, of that clock or a later one.
            case "dismiss": {
                const client = known[step.whom % known.length], meta = awareness.meta.get(client);
                const as = { meta: new Map([[client, { clock: meta.clock + step.later }]]), states: new Map() };
                this.said.push(hex(encodeAwarenessUpdate(as, [client])));
                break;
            }
            default:
                if (this.said.length > 0) this.hear(self, this.said[step.which % this.said.length]);
        }
    }

    hear(self, update) {
        this.change(self, { op: "awareness-apply", doc: self.id, update }, () => applyAwarenessUpdate(self.awareness, Buffer.from(update, "hex"), "afar"));
    }

    change(self, request, run) {
        const { awareness, id } = self;
        const before = new Map(awareness.states), clocks = new Map([...awareness.meta].map(([client, { clock }]) => [client, clock]));
        let told = { added: [], updated: [], removed: [] };
        const hear = (change) => { told = change; };
        awareness.on("update", hear);
        run();
        awareness.off("update", hear);
        const changes = {};
        for (const [client, { clock }] of awareness.meta) {
            const was = before.get(client), is = awareness.states.get(client);
            if (is !== undefined && was === undefined) changes[client] = "came";
            else if (is === undefined && was !== undefined) changes[client] = "left";
            else if (is !== undefined && clock !== clocks.get(client)) changes[client] = same(was, is) ? "renewed" : "changed";
        }
        const words = { added: ["came"], updated: ["changed", "renewed"], removed: ["left"] };
        if (Object.entries(words).some(([word, mean]) => told[word].some((client) => !mean.includes(changes[client])))) tell(this.told, "presence");
        this.ask(request, { changes });
        this.count("awareness");
        this.ask({ op: "awareness", doc: id }, { states: Object.fromEntries(awareness.states) });
        const clients = [...awareness.meta.keys()];
        this.ask({ op: "awareness-encode", doc: id, clients }, { update: hex(encodeAwarenessUpdate(awareness, clients)) });
    }
}
