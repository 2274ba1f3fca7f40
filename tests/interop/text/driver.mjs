// tests/interop/text/driver.mjs: the process of text-driver; requests go in by the batch, replies come in their order.
import { spawn } from "node:child_process";

export class Driver {
    constructor(program) {
        this.child = spawn(program, [], { stdio: ["pipe", "pipe", "inherit"] });
        this.rest = "";
        this.replies = [];
        this.wanted = null;
        this.dead = null;
        this.child.stdout.setEncoding("utf8");
        this.child.stdout.on("data", (text) => this.hear(text));
        this.child.on("error", (error) => this.end(String(error)));
        this.child.on("exit", (code, signal) => this.end(`text-driver ended: ${signal ?? code}`));
        this.child.stdin.on("error", () => {});
    }
    hear(text) {
        const lines = (this.rest + text).split("\n");
        this.rest = lines.pop();
        for (const line of lines) this.replies.push(JSON.parse(line));
        if (this.wanted !== null && this.replies.length >= this.wanted.count) {
            const { yes, count } = this.wanted;
            this.wanted = null;
            yes(this.replies.splice(0, count));
        }
    }
    end(why) {
        this.dead = why;
        if (this.wanted !== null) this.wanted.yes(this.replies.splice(0));
        this.wanted = null;
    }
    // As many replies as requests; fewer when the program ended.
    ask(requests) {
        if (this.dead !== null) return Promise.resolve([]);
        return new Promise((yes) => {
            this.wanted = { count: requests.length, yes };
            this.child.stdin.write(requests.map((one) => JSON.stringify(one) + "\n").join(""));
        });
    }
    close() {
        this.child.stdin.end();
    }
}
