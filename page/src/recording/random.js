// Python's `generator_for(seed, name).choice(n, size=k, replace=False)`, draw for draw: SHA-256 of
// the name seeds NumPy's SeedSequence, that seeds PCG64 (XSL-RR), whose 32-bit halves pick places
// by Lemire's method in Floyd's algorithm. So a record is cut where the Python code cuts it.

const MASK64 = (1n << 64n) - 1n;
const MASK128 = (1n << 128n) - 1n;
const PCG_MULTIPLIER = 0x2360ed051fc65da44385df649fccf645n;
const POOL = 4;

function hasher(start, multiplier) {
  let constant = start;
  return (value) => {
    let mixed = (value ^ constant) >>> 0;
    constant = Math.imul(constant, multiplier) >>> 0;
    mixed = Math.imul(mixed, constant) >>> 0;
    return (mixed ^ (mixed >>> 16)) >>> 0;
  };
}

function mixed(x, y) {
  const sum = (Math.imul(0xca01f9dd, x) - Math.imul(0x4973f715, y)) >>> 0;
  return (sum ^ (sum >>> 16)) >>> 0;
}

/** Eight 32-bit words from four: NumPy's SeedSequence of one 128-bit number. */
export function seedWords(entropy) {
  const hash = hasher(0x43b0d7e5, 0x931e8875);
  const pool = Array.from({ length: POOL }, (_, i) => hash(entropy[i] ?? 0));
  for (let source = 0; source < POOL; source++) {
    for (let target = 0; target < POOL; target++) {
      if (source !== target) pool[target] = mixed(pool[target], hash(pool[source]));
    }
  }
  const output = hasher(0x8b51f9dd, 0x58f38ded);
  return Array.from({ length: 2 * POOL }, (_, i) => output(pool[i % POOL]));
}

/** PCG64 as NumPy seeds and reads it. */
class Pcg64 {
  constructor(words) {
    const wide = (i) => (BigInt(words[i + 1]) << 32n) | BigInt(words[i]);
    const state = (wide(0) << 64n) | wide(2);
    const stream = (wide(4) << 64n) | wide(6);
    this.increment = ((stream << 1n) | 1n) & MASK128;
    this.state = 0n;
    this.step();
    this.state = (this.state + state) & MASK128;
    this.step();
    this.spare = null;
  }

  step() {
    this.state = (this.state * PCG_MULTIPLIER + this.increment) & MASK128;
  }

  next32() {
    if (this.spare !== null) {
      const half = this.spare;
      this.spare = null;
      return half;
    }
    this.step();
    const folded = (this.state >> 64n) ^ (this.state & MASK64);
    const turn = this.state >> 122n;
    const value = ((folded >> turn) | (folded << (64n - turn))) & MASK64;
    this.spare = value >> 32n;
    return value & 0xffffffffn;
  }

  /** A whole number from 0 to `largest`, each equally likely. */
  upTo(largest) {
    if (largest === 0) return 0;
    const range = BigInt(largest) + 1n;
    let product = this.next32() * range;
    if ((product & 0xffffffffn) < range) {
      const threshold = (0xffffffffn - BigInt(largest)) % range;
      while ((product & 0xffffffffn) < threshold) product = this.next32() * range;
    }
    return Number(product >> 32n);
  }
}

/** The generator of one named thing. */
export async function generatorFor(seed, name) {
  const text = new TextEncoder().encode(`${seed}/${name}`);
  const digest = new DataView(await crypto.subtle.digest("SHA-256", text));
  return new Pcg64(seedWords([0, 4, 8, 12].map((at) => digest.getUint32(at, true))));
}

/** `count` different whole numbers below `population`, in rising order. */
export function distinctNumbers(generator, population, count) {
  const chosen = new Set();
  for (let j = population - count; j < population; j++) {
    const value = generator.upTo(j);
    chosen.add(chosen.has(value) ? j : value);
  }
  return [...chosen].sort((a, b) => a - b);
}
