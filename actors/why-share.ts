/**
 * Why a job waits whose tenant has had more than its share: how many jobs of other tenants of its lane go first.
 *
 * That is so where a younger job of another tenant is served before it, by the marks by which tenants of a lane take turns
 * (`shares.ts`), and could go to a worker that could take this one too.
 */

import { unmet } from '../machines/rules/capability.ts';
import { tenantIn } from '../runtime/key.ts';
import type { Pulse } from '../runtime/ports.ts';
import type { Board, Track } from './board.ts';
import { type Entry, isBefore } from './entry.ts';
import type { ReadyQueue } from './ready-queue.ts';
import type { LaneShares } from './shares.ts';
import type { Throttle } from './throttle.ts';

export interface ShareSurroundings {
  board: Board;
  throttle: Throttle;
  /** Whose turn it is among tenants, in each lane. */
  turns: LaneShares;
  /** The workers that could run it. */
  able: readonly Pulse[];
}

/** Another tenant of the lane whose turn comes first. Who that is is nobody else's business. */
interface Rival {
  weight: number;
  /** How many of its jobs go before the next one of the tenant that has had its share. */
  first: number;
}

/** What to say of it, and what would let it go; `undefined` where its tenant has not had more than its share. */
export function shareText(entry: Entry, world: ShareSurroundings): string | undefined {
  const { accounts } = world.board;
  const track = trackOf(entry, world.board);
  const own = tenantIn(entry.key);
  if (track === undefined) return undefined;
  const rivals = rivalsOf(entry, { own, track }, world);
  if (rivals.length === 0) return undefined;
  const weight = accounts.weightOf(own);
  const all = rivals.reduce((sum, rival) => sum + rival.weight, weight);
  const first = rivals.reduce((sum, rival) => sum + rival.first, 0);
  const { length: out } = [...accounts.get('tenant', own).out];
  return `Tenant ${own} has had more than its share, which is ${weight} of ${all} by weight: it has ${out} out, and ${first === 1 ? 'a job' : `${first} jobs`} of others in its lane ${first === 1 ? 'goes' : 'go'} first. It starts when ${first === 1 ? 'that one has' : 'those have'} started and a worker has room, or when another worker joins. A higher \`yard tenant set ${own} --weight\` gives it more turns from then on.`;
}

function trackOf({ place }: Entry, board: Board): Track | undefined {
  for (const lane of board.tracks())
    for (const track of lane) if (linesOf(track).some((line) => line === place)) return track;
  return undefined;
}

function linesOf({ levels }: Track): readonly ReadyQueue[] {
  return levels.flatMap((level) => [...level.lines()]);
}

function rivalsOf(
  entry: Entry,
  { own, track }: { own: string; track: Track },
  { board, throttle, turns, able }: ShareSurroundings,
): readonly Rival[] {
  const shares = turns.of(track.name);
  const mark = shares.markOf(own);
  const passes = (line: ReadyQueue) => {
    const [head] = line;
    return (
      head !== undefined &&
      isBefore(entry, head) &&
      able.some(({ capacity }) => unmet(line.type, line.requirements, capacity) === undefined) &&
      throttle.hindranceOf(board.accountsOf(head)) === undefined
    );
  };
  const lines = linesOf(track).filter(({ group }) => group.tenant !== own && shares.markOf(group.tenant) < mark);
  const byTenant = Map.groupBy(lines.filter(passes), ({ group }) => group.tenant);
  return [...byTenant].map(([tenant, waiting]) => {
    const weight = board.accounts.weightOf(tenant);
    const turnsFirst = Math.ceil((mark - shares.markOf(tenant)) * weight - rounding);
    const first = Math.min(
      waiting.reduce((sum, { size }) => sum + size, 0),
      turnsFirst,
    );
    return { weight, first };
  });
}

/** Marks are sums of fractions. */
const rounding = 1e-6;
