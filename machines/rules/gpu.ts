/**
 * GPUs of one worker: whether one is as a job wishes, and whether there is a way of giving each job there its own.
 *
 * Pure. Where all that differs is their memory, one order does it (`covers`); where they differ in kind, it takes a search
 * (`isSharedOut`). Of which worker they are and how many a job takes is the affair of `capability.ts`.
 */

/** A GPU of a worker. */
export interface Gpu {
  /** As the driver gives it, and as an attempt is handed it: `0`, `1`, or a UUID. */
  name: string;
  vramMb: number;
  vendor?: string;
  /** Encoders that were tried on it. */
  encoders?: readonly string[];
}

/** What one must be. */
export interface Wish {
  vramMb?: number;
  vendor?: string;
  encoder?: string;
}

/** Whether the GPU is such as a job asks for, on a worker that has `encoders` whichever GPU it is. */
export function serves(gpu: Gpu, { vramMb = 0, vendor, encoder }: Wish, encoders: readonly string[]): boolean {
  return (
    gpu.vramMb >= vramMb &&
    (vendor === undefined || vendor === gpu.vendor) &&
    (encoder === undefined || encoders.includes(encoder) || gpu.encoders?.includes(encoder) === true)
  );
}

/**
 * Whether each wish gets a GPU of its own with at least so much memory: the largest wish the largest GPU, and so on. A GPU
 * that serves a wish serves every smaller one too, so if this way does not go, none does (Hall's theorem).
 */
export function covers(vramsMb: readonly number[], wanted: readonly number[]): boolean {
  const down = (one: number, other: number) => other - one;
  const has = vramsMb.toSorted(down);
  return wanted.toSorted(down).every((wish, at) => wish <= (has[at] ?? -1));
}

/**
 * Whether each wish gets a GPU of its own that serves it, beside those that are taken by name. Where GPUs differ in kind no order
 * will do: one that was given away is had back where its holder can have another one (augmenting paths, Kuhn 1955).
 */
export function isSharedOut(gpus: readonly Gpu[], uses: readonly string[], encoders: readonly string[]): boolean {
  const free = gpus.filter(({ name }) => !uses.includes(name));
  const wanted = uses.filter((use) => use.startsWith('[')).map(wishIn);
  const holders = new Map<Gpu, Wish>();
  const findFor = (wish: Wish, asked: Set<Gpu>): boolean =>
    free.some((gpu) => {
      if (asked.has(gpu) || !serves(gpu, wish, encoders)) return false;
      asked.add(gpu);
      const holder = holders.get(gpu);
      if (holder !== undefined && !findFor(holder, asked)) return false;
      holders.set(gpu, wish);
      return true;
    });
  return wanted.length <= free.length && wanted.every((wish) => findFor(wish, new Set()));
}

/** What each of its GPUs must be, as one text; it is no name of a GPU. */
export function wishTexts({ gpu = 0, vramMb = 0, vendor, encoder }: Wish & { gpu?: number }): readonly string[] {
  if (gpu === 0) return [];
  const wish = JSON.stringify([vramMb, vendor ?? null, encoder ?? null]);
  return Array.from({ length: gpu }, () => wish);
}

function wishIn(text: string): Wish {
  const [vramMb, vendor, encoder]: unknown[] = JSON.parse(text);
  return {
    vramMb: Number(vramMb),
    ...(typeof vendor === 'string' ? { vendor } : {}),
    ...(typeof encoder === 'string' ? { encoder } : {}),
  };
}
