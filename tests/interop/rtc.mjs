// tests/interop/rtc.mjs PEER MODULES: Chromium and node-datachannel against a peer link of the native host (rtc_peer.c),
// each offering and answering. JSON lines with figures on standard output; exit 1 when something does not hold.
// MODULES: a folder whose node_modules has playwright-core and node-datachannel; a missing one is told and left out.
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { existsSync } from "node:fs";
import path from "node:path";

const [peerPath, modules] = process.argv.slice(2);
const require = createRequire(path.resolve(modules, "node_modules", "x.js"));
const TOTAL = Number(process.env.INTEROP_MB ?? 100) * 1_000_000;
const WAIT_MS = 120_000;
let failures = 0;

const say = (line) => console.log(JSON.stringify(line));
const check = (holds, what, more = {}) => {
    if (!holds) failures++;
    say({ check: what, ok: Boolean(holds), ...more });
};
const within = (promise, what, ms = WAIT_MS) =>
    Promise.race([promise, new Promise((_, no) => setTimeout(() => no(new Error(`${what}: nothing came in ${ms} ms`)), ms).unref())]);

// The program of rtc_peer.c: commands go in, the next answer of a kind comes out.
class Native {
    constructor() {
        this.child = spawn(peerPath, [], { stdio: ["pipe", "pipe", "inherit"] });
        this.waiting = [];
        this.early = [];
        this.onSignal = () => {};
        createInterface({ input: this.child.stdout }).on("line", (line) => this.hear(JSON.parse(line)));
    }
    hear(answer) {
        if (answer.signal) return this.onSignal(answer.signal);
        const at = this.waiting.findIndex((one) => one.key in answer);
        if (at < 0) return this.early.push(answer);
        this.waiting.splice(at, 1)[0].yes(answer);
    }
    next(key) {
        const at = this.early.findIndex((one) => key in one);
        if (at >= 0) return Promise.resolve(this.early.splice(at, 1)[0]);
        return within(new Promise((yes) => this.waiting.push({ key, yes })), `native ${key}`);
    }
    send(command) {
        this.child.stdin.write(JSON.stringify(command) + "\n");
    }
    end() {
        this.child.stdin.end();
    }
}

// --- Chromium ------------------------------------------------------------------------------------------------

// Runs in the page.
function inPage() {
    const pattern = (at) => (at ^ (at >>> 8) ^ (at >>> 16)) & 255;
    const turns = [];
    let pc, dc, received = 0, wrong = false;
    const when = {};
    const happened = (name, value) => {
        for (const yes of when[name] ?? []) yes(value);
        when[name] = [];
    };
    const wait = (name) => new Promise((yes) => (when[name] ??= []).push(yes));
    globalThis.peer = {
        async start(offers) {
            pc = new RTCPeerConnection();
            dc = pc.createDataChannel("", { negotiated: true, id: 0 });
            dc.binaryType = "arraybuffer";
            dc.onopen = () => happened("open", performance.now());
            dc.onclose = () => happened("closed", true);
            dc.onmessage = (event) => {
                const bytes = new Uint8Array(event.data);
                for (let i = 0; i < bytes.length; i++) wrong ||= bytes[i] !== pattern(received + i);
                received += bytes.length;
                happened("data", received);
            };
            dc.onbufferedamountlow = () => happened("low", true);
            dc.bufferedAmountLowThreshold = 1 << 20;
            pc.onicecandidate = (event) => toNative({ candidate: event.candidate?.candidate ?? "" });
            if (offers) await this.offer();
        },
        async offer() {
            await pc.setLocalDescription();
            await toNative({ type: "offer", sdp: pc.localDescription.sdp });
        },
        hear(signal) {
            turns.push(signal);
            if (turns.length > 1) return;
            (async () => {
                for (; turns.length; turns.shift()) {
                    const one = turns[0];
                    if (one.type) {
                        await pc.setRemoteDescription(one);
                        if (one.type === "offer") {
                            await pc.setLocalDescription();
                            await toNative({ type: "answer", sdp: pc.localDescription.sdp });
                        }
                    } else if (one.candidate) {
                        await pc.addIceCandidate({ candidate: one.candidate, sdpMLineIndex: 0 });
                    }
                }
            })();
        },
        open: () => (dc.readyState === "open" ? performance.now() : wait("open")),
        reset() {
            received = 0;
            wrong = false;
        },
        async send(total) {
            const began = performance.now();
            for (let at = 0; at < total; ) {
                const bytes = new Uint8Array(Math.min(65536, total - at));
                for (let i = 0; i < bytes.length; i++) bytes[i] = pattern(at + i);
                if (dc.bufferedAmount > 4 << 20) await wait("low");
                dc.send(bytes);
                at += bytes.length;
            }
            return performance.now() - began;
        },
        async take(total) {
            while (received < total) await wait("data");
            return !wrong && received === total;
        },
        async roundTrips(count, size) {
            const took = [];
            for (let i = 0; i < count; i++) {
                const began = performance.now(), until = received + size;
                dc.send(new Uint8Array(size).map((_, k) => pattern(received + k)));
                while (received < until) await wait("data");
                took.push(performance.now() - began);
            }
            return took.sort((a, b) => a - b);
        },
        async restart() {
            pc.restartIce();
            await this.offer();
            while (pc.signalingState !== "stable") await new Promise((yes) => setTimeout(yes, 5));
        },
        otherChannel: () =>
            new Promise((yes) => {
                const other = pc.createDataChannel("uninvited");
                other.onclose = () => yes(true);
            }),
        closed: () => (dc.readyState === "closed" ? true : wait("closed")),
        closeChannel: () => dc.close(),
        closeAll: () => pc.close(),
        description: () => pc.localDescription.sdp,
    };
}

async function meet(browser, offers) {
    const native = new Native();
    const page = await browser.newPage();
    await page.exposeFunction("toNative", (signal) => native.send({ signal }));
    await page.evaluate(inPage);
    native.onSignal = (signal) => page.evaluate((one) => peer.hear(one), signal).catch(() => {});
    const began = performance.now();
    if (offers) {
        native.send({ open: "rtc:answer" });
        await page.evaluate(() => peer.start(true));
    } else {
        await page.evaluate(() => peer.start(false));
        native.send({ open: "rtc:offer" });
    }
    await within(page.evaluate(() => peer.open()), "the channel opens");
    const up = await native.next("up");
    return { native, page, open_ms: Math.round(performance.now() - began), up: up.up };
}

async function chromium(browser, offers) {
    const who = offers ? "chromium offers" : "chromium answers";
    let { native, page, open_ms, up } = await meet(browser, offers);
    const text = await page.evaluate(() => peer.description());
    check(true, `${who}: opens`, { open_ms, up });
    if (offers) {
        const told = text.split("\n").filter((line) => line.startsWith("a=candidate")).length;
        say({ note: "candidates told", all: told, hidden: text.split(".local ").length - 1 });
    }

    native.send({ mode: "sink" });
    native.send({ expect: TOTAL });
    let began = performance.now();
    page.evaluate((total) => peer.send(total), TOTAL).catch(() => {});
    const got = await native.next("received");
    check(!got.wrong && got.received === TOTAL, `${who}: bytes to native`, { mb_per_s: +(TOTAL / 1e3 / (performance.now() - began)).toFixed(1) });
    await page.evaluate(() => peer.reset());
    began = performance.now();
    native.send({ source: TOTAL });
    const whole = await within(page.evaluate((total) => peer.take(total), TOTAL), "bytes from native");
    check(whole, `${who}: bytes from native`, { mb_per_s: +(TOTAL / 1e3 / (performance.now() - began)).toFixed(1) });

    native.send({ mode: "echo" });
    await page.evaluate(() => peer.reset());
    const trips = await page.evaluate(() => peer.roundTrips(200, 64));
    check(trips.length === 200, `${who}: round trips`, { p50_ms: trips[100], p99_ms: trips[198] });
    if (offers) {
        const during = page.evaluate(() => peer.roundTrips(300, 64));
        await page.evaluate(() => peer.restart());
        check((await within(during, "echoes while ICE restarts")).length === 300, `${who}: ICE restart loses nothing`);
        check((await page.evaluate(() => peer.roundTrips(50, 64))).length === 50, `${who}: and goes on after it`);
    }
    check(await within(page.evaluate(() => peer.otherChannel()), "another channel is closed", 10_000), `${who}: a channel nobody asked for is closed`);
    native.send({ close: true });
    check(await within(page.evaluate(() => peer.closed()), "close seen by the page", 10_000), `${who}: native closes`);
    native.end();
    await page.close();

    for (const how of ["closeChannel", "closeAll"]) {
        ({ native, page } = await meet(browser, offers));
        began = performance.now();
        await page.evaluate((name) => peer[name](), how);
        const down = await native.next("down");
        check(performance.now() - began < 5000, `${who}: ${how}`, { text: down.down });
        native.end();
        await page.close();
    }
}

// What the browser does with itself, by the same page: what the figures above are to be held against.
async function anchor(browser) {
    const pages = [await browser.newPage(), await browser.newPage()];
    for (const [i, page] of pages.entries()) {
        await page.exposeFunction("toNative", (signal) => void pages[1 - i].evaluate((one) => peer.hear(one), signal).catch(() => {}));
        await page.evaluate(inPage);
    }
    const began = performance.now();
    await pages[1].evaluate(() => peer.start(false));
    await pages[0].evaluate(() => peer.start(true));
    await within(Promise.all(pages.map((page) => page.evaluate(() => peer.open()))), "the anchor opens");
    const open_ms = Math.round(performance.now() - began);
    for (const [i, page] of pages.entries()) {
        const start = performance.now();
        page.evaluate((total) => peer.send(total), TOTAL).catch(() => {});
        check(await within(pages[1 - i].evaluate((total) => peer.take(total), TOTAL), "the anchor's bytes"), "chromium to chromium: bytes", {
            mb_per_s: +(TOTAL / 1e3 / (performance.now() - start)).toFixed(1),
        });
    }
    say({ note: "chromium to chromium", open_ms });
    for (const page of pages) await page.close();
}

async function withChromium() {
    const executablePath = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);
    let playwright;
    try {
        playwright = require("playwright-core");
    } catch {
        return say({ skipped: "chromium", why: "playwright-core is not installed" });
    }
    if (!executablePath) return say({ skipped: "chromium", why: "no browser is installed" });
    const browser = await playwright.chromium.launch({ executablePath, args: ["--no-sandbox"] });
    say({ browser: await browser.version() });
    try {
        await chromium(browser, true);
        await chromium(browser, false);
        await anchor(browser);
    } finally {
        await browser.close();
    }
}

// --- node-datachannel ----------------------------------------------------------------------------------------------

async function dataChannel(library, offers) {
    const who = offers ? "node-datachannel offers" : "node-datachannel answers";
    const native = new Native();
    const pc = new library.PeerConnection("peer", { iceServers: [], disableAutoNegotiation: true });
    const options = { negotiated: true, id: 0 };
    let dc, received = 0, onData = () => {}, onLow = () => {};
    const opened = new Promise((yes) => {
        pc.onLocalDescription((sdp, type) => native.send({ signal: { type, sdp } }));
        pc.onLocalCandidate((candidate) => native.send({ signal: { candidate: candidate.replace(/^a=/, "") } }));
        const listen = () => {
            dc = pc.createDataChannel("", options);
            dc.onOpen(yes);
            dc.setBufferedAmountLowThreshold(1 << 20);
            dc.onBufferedAmountLow(() => onLow());
            dc.onMessage((data) => {
                received += data.length;
                onData();
            });
        };
        native.onSignal = (signal) => {
            if (signal.type) {
                pc.setRemoteDescription(signal.sdp, signal.type);
                if (signal.type === "offer") {
                    listen();
                    pc.setLocalDescription("answer");
                }
            } else if (signal.candidate) {
                pc.addRemoteCandidate(signal.candidate, "0");
            }
        };
        if (offers) {
            listen();
            native.send({ open: "rtc:answer" });
            pc.setLocalDescription("offer");
        } else {
            native.send({ open: "rtc:offer" });
        }
    });
    let began = performance.now();
    await within(opened, `${who}: opens`, 20_000);
    await native.next("up");
    check(true, `${who}: opens`, { open_ms: Math.round(performance.now() - began) });

    native.send({ mode: "sink" });
    native.send({ expect: TOTAL });
    began = performance.now();
    for (let at = 0; at < TOTAL; ) {
        const size = Math.min(65536, TOTAL - at);
        const bytes = Buffer.alloc(size);
        for (let i = 0; i < size; i++) bytes[i] = (at + i) ^ ((at + i) >>> 8) ^ ((at + i) >>> 16);
        if (dc.bufferedAmount() > 4 << 20) await new Promise((yes) => (onLow = yes));
        dc.sendMessageBinary(bytes);
        at += size;
    }
    const got = await native.next("received");
    check(!got.wrong && got.received === TOTAL, `${who}: bytes to native`, { mb_per_s: +(TOTAL / 1e3 / (performance.now() - began)).toFixed(1) });
    received = 0;
    began = performance.now();
    native.send({ source: TOTAL });
    await within(new Promise((yes) => (onData = () => received >= TOTAL && yes())), `${who}: bytes from native`);
    check(received === TOTAL, `${who}: bytes from native`, { mb_per_s: +(TOTAL / 1e3 / (performance.now() - began)).toFixed(1) });
    pc.close();
    const down = await native.next("down");
    check(true, `${who}: closes`, { text: down.down });
    native.end();
}

async function withDataChannel() {
    let library;
    try {
        library = require("node-datachannel");
    } catch {
        return say({ skipped: "node-datachannel", why: "it is not installed" });
    }
    await dataChannel(library, true);
    await dataChannel(library, false);
    library.cleanup();
}

for (const run of [withChromium, withDataChannel]) {
    try {
        await run();
    } catch (error) {
        failures++;
        say({ failed: run.name, why: String(error) });
    }
}
say({ failures });
process.exit(failures === 0 ? 0 : 1);
