// tests/interop/text/random.mjs: reproducible randomness, a stream of numbers per seed (mulberry32).

export class Random {
    constructor(seed) {
        this.state = seed >>> 0;
    }
    // 0 to 2^32 - 1
    next() {
        this.state = (this.state + 0x6d2b79f5) >>> 0;
        let z = this.state;
        z = Math.imul(z ^ (z >>> 15), z | 1);
        z ^= z + Math.imul(z ^ (z >>> 7), z | 61);
        return (z ^ (z >>> 14)) >>> 0;
    }
    below(count) {
        return this.next() % count;
    }
    chance(percent) {
        return this.below(100) < percent;
    }
    pick(list) {
        return list[this.below(list.length)];
    }
}
