// tests/interop/text/faults.mjs: where Yjs is not held to what it does, each with the least example of it, played by Yjs alone. The comparison
// sets such a place right in Yjs, counts the histories that met it, and goes on comparing; it begins by seeing each example fail, so that
// nothing is excused that Yjs does well by now.
import { Awareness, applyAwarenessUpdate, encodeAwarenessUpdate } from "y-protocols/awareness";
import * as Y from "yjs";

function make(client) {
    const doc = new Y.Doc({ guid: "" });
    doc.clientID = client;
    return doc;
}

// The updates of each call of edit on a document of that client, which begins with what is given.
function updates(client, begin, ...edits) {
    const doc = make(0), made = [];
    for (const update of begin) Y.applyUpdate(doc, update);
    doc.clientID = client;
    doc.on("update", (update) => made.push(update));
    for (const edit of edits) edit(doc.getText("t"));
    return made;
}

const shown = (doc) => JSON.stringify(doc.getText("t").toDelta());

// name: { what, shows() → whether Yjs does it }
export const FAULTS = {
    asleep: {
        what: "what waits for two things is not tried when all is there",
        shows() {
            const [a, , c] = updates(1, [], (text) => text.insert(0, "a"), (text) => text.insert(1, "b"), (text) => text.insert(2, "c"));
            const [x] = updates(2, [a], (text) => text.insert(0, "x")); // needs a alone
            const doc = make(9), all = make(9);
            for (const update of [Y.mergeUpdates([c, x]), a]) Y.applyUpdate(doc, update);
            Y.applyUpdate(all, Y.mergeUpdates([a, c, x]));
            return doc.getText("t").toString() === "a" && all.getText("t").toString() === "xa";
        },
    },
    cleaning: {
        what: "markers are deleted on receipt, other ones in another order: of the same updates comes another text",
        shows() {
            const made = updates(1, [], (text) => text.insert(0, "x"), (text) => text.format(0, 1, { b: true }), (text) => text.insert(1, "x"),
                (text) => text.delete(0, 1));
            const docs = [[0, 1, 2, 3], [1, 0, 3, 2]].map((order) => {
                const doc = make(9);
                doc.getText("t");
                for (const at of order) Y.applyUpdate(doc, made[at]);
                return doc;
            });
            return shown(docs[0]) !== shown(docs[1]);
        },
    },
    shared: {
        what: "a value of two markers is one object on the replica that made them, two after a reload: a deletion deletes other markers",
        shows() {
            const [made] = updates(1, [], (text) => text.insert(0, "abcd"));
            const doc = make(0), reloaded = make(0);
            Y.applyUpdate(doc, made);
            doc.clientID = 1;
            doc.getText("t").format(0, 1, { link: { href: "x" } });
            Y.applyUpdate(reloaded, Y.encodeStateAsUpdate(doc));
            reloaded.clientID = 1;
            for (const one of [doc, reloaded]) one.getText("t").delete(1, 1);
            return Buffer.compare(Y.encodeStateAsUpdate(doc), Y.encodeStateAsUpdate(reloaded)) !== 0;
        },
    },
    pair: {
        what: "an edit inside of a pair of surrogates makes two U+FFFD of it",
        shows() {
            const doc = make(1);
            doc.getText("t").insert(0, "😀");
            doc.getText("t").insert(1, "x");
            return doc.getText("t").toString() === "\ufffdx\ufffd";
        },
    },
    beyond: {
        what: "a delta that deletes beyond the end of an empty text throws",
        shows() {
            try {
                make(1).getText("t").applyDelta([{ delete: 1 }]);
                return false;
            } catch {
                return true;
            }
        },
    },
    reading: {
        what: "who reads the delta of an event deletes markers by it",
        shows() {
            const [made] = updates(9, [], (text) => text.insert(0, "ab"));
            const [theirs] = updates(2, [made], (text) => text.format(0, 2, { b: true }));
            const doc = make(0), text = doc.getText("t");
            Y.applyUpdate(doc, made);
            doc.clientID = 1;
            text.format(1, 1, { b: true });
            let deletes = false;
            text.observe((event) => {
                const before = Y.snapshot(doc);
                deletes ||= event.delta.length > 0 && !Y.equalSnapshots(before, Y.snapshot(doc));
            });
            Y.applyUpdate(doc, theirs);
            return deletes;
        },
    },
    embeds: {
        what: "what is embedded is not said to be new, or gone, in what became of a version",
        shows() {
            const doc = new Y.Doc({ gc: false, guid: "" }), text = doc.getText("t");
            const before = Y.snapshot(doc);
            text.insertEmbed(0, { image: "p" });
            return JSON.stringify(text.toDelta(Y.snapshot(doc), before)) === '[{"insert":{"image":"p"}}]';
        },
    },
    pieces: {
        what: "of what was made anew and cut since, an undo takes back one piece alone",
        shows() {
            const doc = make(1), text = doc.getText("t"), undo = new Y.UndoManager(text, { captureTimeout: 0 });
            for (const edit of [() => text.insert(0, "abcd"), () => text.delete(0, 4), () => undo.undo(), () => text.insert(2, "x"), () => undo.undo(), () => undo.undo()]) {
                edit();
                undo.stopCapturing();
            }
            return text.toString() === "cd"; // there was nothing before "abcd"
        },
    },
    presence: {
        what: "whom others call gone, and who stays, is told to have left",
        shows() {
            const awareness = new Awareness(make(1)), told = [];
            clearInterval(awareness._checkInterval);
            awareness.on("change", ({ removed }) => told.push(...removed));
            applyAwarenessUpdate(awareness, encodeAwarenessUpdate({ meta: new Map([[1, { clock: 5 }]]), states: new Map() }, [1]), "afar");
            return told.includes(1) && awareness.getLocalState() !== null;
        },
    },
};

// Those that Yjs does not show.
export const absent = () => Object.entries(FAULTS).filter(([, { shows }]) => !shows()).map(([name]) => name);
