// client/src/node/blake2b.ts: BLAKE2b without key (RFC 7693), for names of sockets: node's own gives 64 bytes alone.

const MASK = (1n << 64n) - 1n;
const BLOCK = 128;
const ROUNDS = 12;
/** RFC 7693 §2.6: the same as SHA-512's. */
const IV = [
  0x6a09e667f3bcc908n, 0xbb67ae8584caa73bn, 0x3c6ef372fe94f82bn, 0xa54ff53a5f1d36f1n,
  0x510e527fade682d1n, 0x9b05688c2b3e6c1fn, 0x1f83d9abfb41bd6bn, 0x5be0cd19137e2179n,
] as const;
/** RFC 7693 §2.7; rounds 10 and 11 begin again. */
const SIGMA = [
  '0123456789abcdef', 'ea489fd61c02b753', 'b8c052fdae367194', '7931dcbe265a40f8', '905724afe1bc683d', '2c6a0b834d75fe19',
  'c51fed4a0763928b', 'db7ec13950f4862a', '6fe9b308c2d714a5', 'a2847615fb9e3cd0',
].map((row) => [...row].map((digit) => parseInt(digit, 16)));
/** RFC 7693 §3.2: columns, then diagonals. */
const MIXES = [[0, 4, 8, 12], [1, 5, 9, 13], [2, 6, 10, 14], [3, 7, 11, 15], [0, 5, 10, 15], [1, 6, 11, 12], [2, 7, 8, 13], [3, 4, 9, 14]] as const;

const rotate = (value: bigint, by: bigint): bigint => ((value >> by) | (value << (64n - by))) & MASK;

function compress(state: bigint[], block: DataView, counted: number, last: boolean): void {
  const v = [...state, ...IV];
  const word = (at: number): bigint => v[at] as bigint;
  v[12] = word(12) ^ BigInt(counted);
  if (last) v[14] = word(14) ^ MASK;
  for (let round = 0; round < ROUNDS; round++) {
    const order = SIGMA[round % SIGMA.length] as number[];
    MIXES.forEach(([a, b, c, d], at) => {
      for (const [half, [first, second]] of [[0, [32n, 24n]], [1, [16n, 63n]]] as const) {
        v[a] = (word(a) + word(b) + block.getBigUint64(8 * (order[2 * at + half] as number), true)) & MASK;
        v[d] = rotate(word(d) ^ word(a), first);
        v[c] = (word(c) + word(d)) & MASK;
        v[b] = rotate(word(b) ^ word(c), second);
      }
    });
  }
  for (let at = 0; at < 8; at++) state[at] = (state[at] as bigint) ^ word(at) ^ word(at + 8);
}

/** `size` (1 to 64) bytes of BLAKE2b. */
export function blake2b(data: Uint8Array, size: number): Uint8Array {
  const state: bigint[] = [...IV];
  state[0] = IV[0] ^ 0x01010000n ^ BigInt(size);
  const blocks = Math.max(1, Math.ceil(data.length / BLOCK));
  for (let at = 0; at < blocks; at++) {
    const block = new Uint8Array(BLOCK), last = at === blocks - 1;
    block.set(data.subarray(at * BLOCK, (at + 1) * BLOCK));
    compress(state, new DataView(block.buffer), last ? data.length : (at + 1) * BLOCK, last);
  }
  const out = new DataView(new ArrayBuffer(64));
  state.forEach((word, at) => out.setBigUint64(8 * at, word, true));
  return new Uint8Array(out.buffer, 0, size);
}
