/**
 * Why a job is waiting, and what would let it go: computed from the board and the fleet when somebody asks.
 */

import { type Capacity, hasRoom, unmet } from '../machines/rules/capability.ts';
import { formatDuration } from '../machines/rules/duration.ts';
import { idIn, tenantIn } from '../runtime/key.ts';
import type { Pulse } from '../runtime/ports.ts';
import type { Account } from './account.ts';
import type { Board } from './board.ts';
import type { Entry } from './entry.ts';
import { isLeaving, mayGoFrom } from './eviction.ts';
import type { Fleet, Member } from './fleet.ts';
import { leavesRoom } from './hold.ts';
import type { RoomKeeper } from './room-keeper.ts';
import type { LaneShares } from './shares.ts';
import type { Hindrance, Throttle } from './throttle.ts';
import { shareText } from './why-share.ts';

export type WaitCode =
  | 'no workers'
  | 'no worker has it'
  | 'all busy'
  | 'making room'
  | 'room reserved'
  | 'queue paused'
  | 'limit full'
  | 'rate'
  | 'tenant over share'
  | 'next in line'
  | 'offered'
  | 'not due'
  | 'held'
  | 'blocked'
  | 'newer version'
  | 'not waiting';

/** A code for programs, a sentence for people, and how many jobs stand in line before it. */
export interface Why {
  code: WaitCode;
  sentence: string;
  ahead?: number;
}

/** What the answer is made from. `now` is broker time, epoch ms. */
export interface Surroundings {
  board: Board;
  fleet: Fleet;
  throttle: Throttle;
  /** What workers keep for jobs that wait. */
  room?: Pick<RoomKeeper, 'holdsAt' | 'keptFor'>;
  /** Whose turn it is among tenants; absent: it is not looked at, since that goes through all lines of a lane. */
  turns?: LaneShares;
  /** Whether workers with a GPU take jobs that need none. */
  gpuSpillOver: boolean;
  now?: number;
}

/** Why `entry` does not run now. */
export function why(entry: Entry, world: Surroundings): Why {
  if (entry.isOfNewer)
    return {
      code: 'newer version',
      sentence: 'A newer version wrote it, and the leader is older. It goes on when a master of that version leads.',
    };
  if (entry.offer !== undefined)
    return {
      code: 'offered',
      sentence: `Offered to worker ${nameOf(world.fleet, entry.offer.worker)}, which has not claimed it yet.`,
    };
  switch (entry.state) {
    case 'scheduled':
    case 'retrying':
      return {
        code: 'not due',
        sentence: `Not due yet${world.now === undefined || entry.dueAt === undefined ? '' : `: in ${formatDuration(Math.max(0, entry.dueAt - world.now))}`}. \`yard job retry ${idIn(entry.key)}\` has it run now.`,
      };
    case 'held':
      return { code: 'held', sentence: `Held by a person. \`yard job release ${idIn(entry.key)}\` lets it go.` };
    case 'blocked':
      return { code: 'blocked', sentence: 'Waits for other jobs to end.' };
    case 'pending':
    case 'queued':
      return { ...whyReady(entry, world), ahead: world.board.aheadOf(entry) };
    default:
      return { code: 'not waiting', sentence: `It is ${entry.state}.` };
  }
}

function whyReady(entry: Entry, world: Surroundings): Why {
  const { board, fleet, throttle, gpuSpillOver } = world;
  const hindrance = throttle.hindranceOf(board.accountsOf(entry));
  if (hindrance?.kind === 'paused') return whyHindered(entry, hindrance);
  const workers = fleet.members().filter((member) => fleet.takesJobs(member));
  if (workers.length === 0) return { code: 'no workers', sentence: noWorkers(fleet) };
  const lacking = workers.map(
    ({ pulse }) =>
      unmet(entry.type, entry.requirements, pulse.capacity) ?? keptBack(entry, pulse.capacity, gpuSpillOver),
  );
  if (lacking.every((lack) => lack !== undefined)) {
    if (!workers.some(({ pulse }) => pulse.capacity.types.includes(entry.type)))
      return {
        code: 'no worker has it',
        sentence: `No worker serves type ${entry.type}. Start one that does, or cancel the job.`,
      };
    const lack = lacking.find((_, at) => workers[at]?.pulse.capacity.types.includes(entry.type));
    return {
      code: 'no worker has it',
      sentence: `No worker has ${lack}. Start one that has, or change what the job asks for.`,
    };
  }
  if (hindrance !== undefined) return whyHindered(entry, hindrance);
  const able = workers.filter((_, at) => lacking[at] === undefined);
  const free = able.filter(({ pulse }) =>
    hasRoom(entry.requirements, pulse.capacity, board.holding(pulse.incarnation).usage, 0),
  );
  if (free.length === 0)
    return whyRoomIsMade(entry, able.length, world) ?? whyNotItsTurn(entry, able, world) ?? whyBusy(entry, able, world);
  const open = free.filter(({ pulse }) => isOpen(entry, pulse, world));
  if (open.length === 0) return whyReserved(entry, free[0]?.pulse, world);
  const notItsTurn = whyNotItsTurn(entry, open, world);
  if (notItsTurn !== undefined) return notItsTurn;
  return { code: 'next in line', sentence: 'A worker has room; it is about to be offered.' };
}

/** Its tenant has had more than its share, and others of its lane go first. */
function whyNotItsTurn(entry: Entry, able: readonly Member[], { turns, ...world }: Surroundings): Why | undefined {
  if (turns === undefined) return undefined;
  const sentence = shareText(entry, { ...world, turns, able: able.map(({ pulse }) => pulse) });
  return sentence === undefined ? undefined : { code: 'tenant over share', sentence };
}

/** Nobody has room, and somebody makes or keeps some for it. */
function whyRoomIsMade(entry: Entry, able: number, { board, fleet, room }: Surroundings): Why | undefined {
  const kept = room?.keptFor(entry);
  if (kept === undefined) return undefined;
  const worker = nameOf(fleet, kept.worker);
  if (kept.after === 'those that ran')
    return {
      code: 'all busy',
      sentence: `${busy(able)} Worker ${worker} keeps the next room for it. It starts when one has room, or when another one joins.`,
    };
  const leaving = [...board.holding(kept.worker).claims].filter(isLeaving);
  // Until the first has been told, nobody makes room yet.
  if (leaving.length === 0) return undefined;
  return {
    code: 'making room',
    sentence: `Worker ${worker} makes room for it: told to stop there ${leaving.length === 1 ? 'is' : 'are'} ${heldBy(
      entry,
      leaving.map(({ key }) => key),
    )}. It starts when there is room.`,
  };
}

function whyBusy(entry: Entry, able: readonly Member[], world: Surroundings): Why {
  const sentence = `${busy(able.length)} It starts when one has room, or when another one joins.`;
  return { code: 'all busy', sentence: `${sentence}${evictableText(entry, able, world)}` };
}

/** Which job may be evicted for it first, where none may be yet. */
function evictableText(entry: Entry, able: readonly Member[], { board, now }: Surroundings): string {
  if (now === undefined) return '';
  const claims = able.flatMap(({ pulse: { incarnation } }) => [...board.holding(incarnation).claims]);
  const later = claims
    .map((claim) => ({ claim, from: mayGoFrom(claim, entry, board) ?? 0 }))
    .filter(({ from }) => from > 0)
    .toSorted((one, other) => one.from - other.from);
  const [first] = later;
  if (first === undefined || first.from <= now) return '';
  const isOwn = tenantIn(first.claim.key) === tenantIn(entry.key);
  const which = isOwn ? `Job ${idIn(first.claim.key)}` : 'A job of others';
  return ` ${which} of queue ${first.claim.queue} may be evicted for it in ${formatDuration(first.from - now)}.`;
}

function busy(able: number): string {
  return able === 1 ? 'The only worker that could run it is busy.' : `All ${able} workers that could run it are busy.`;
}

function isOpen(entry: Entry, { incarnation, capacity }: Pulse, { board, room }: Surroundings): boolean {
  const holds = room?.holdsAt(incarnation) ?? [];
  return leavesRoom(entry, { holds, capacity, usage: board.holding(incarnation).usage, lookAhead: 0 });
}

/** There is room, and it is kept for jobs that have waited for longer. */
function whyReserved(entry: Entry, pulse: Pulse | undefined, { fleet, room }: Surroundings): Why {
  const { incarnation = '' } = pulse ?? {};
  const others = (room?.holdsAt(incarnation) ?? []).map(({ entry }) => entry.key);
  return {
    code: 'room reserved',
    sentence: `Worker ${nameOf(fleet, incarnation)} has room, and keeps it for ${heldBy(entry, others)}. It starts when that has started or is cancelled, or when another worker has room.`,
  };
}

const namedAtMost = 3;

/** What keeps back all that is counted under the same, and what would let it go. */
function whyHindered(entry: Entry, hindrance: Hindrance): Why {
  const { kind, name } = hindrance.account;
  const [what, command] = wordsOf[kind];
  const set = `\`yard ${command} set ${name} --max-active\``;
  switch (hindrance.kind) {
    case 'paused':
      return {
        code: 'queue paused',
        sentence: `Queue ${name} is paused. It goes on with \`yard queue resume ${name}\`.`,
      };
    case 'full':
      return {
        code: 'limit full',
        sentence: `${what} ${name} may have ${hindrance.most} out at once, and has: ${heldBy(
          entry,
          [...hindrance.account.out].map(({ key }) => key),
        )}. It starts when one of them ends, or with a higher ${set}.`,
      };
    case 'unsure':
      return {
        code: 'limit full',
        sentence: `${what} ${name} is limited, and its leader is new: offers of the one before it may still be claimed. It goes on in ${formatDuration(hindrance.forMs)}.`,
      };
    case 'rate':
      return {
        code: 'rate',
        sentence: `${what} ${name} may start ${startsText(hindrance.perSecond)}. The next one starts in ${formatDuration(hindrance.forMs)}.`,
      };
  }
}

/** As people set it: whole numbers, where it is one in some span. */
function startsText(perSecond: number): string {
  if (perSecond >= 1) return `${perSecond} a second`;
  const perMinute = perSecond * 60;
  return perMinute >= 1 ? `${toThousandths(perMinute)} a minute` : `${toThousandths(perMinute * 60)} an hour`;
}

function toThousandths(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}

/** What each kind of account is called at the beginning of a sentence, and by the command line. */
const wordsOf: Readonly<Record<Account['kind'], [what: string, command: string]>> = {
  queue: ['Queue', 'queue'],
  tenant: ['Tenant', 'tenant'],
  key: ['Limit key', 'limit'],
};

/** Jobs of the same tenant by id, the first few; of others only how many there are, since their ids are nobody else's business. */
function heldBy({ key: asked }: Entry, keys: readonly string[]): string {
  const own = keys.filter((key) => tenantIn(key) === tenantIn(asked));
  const named = own.slice(0, namedAtMost).map(idIn);
  const more = own.length - named.length;
  const others = keys.length - own.length;
  return [
    [...(named.length === 0 ? [] : [named.join(', ')]), ...(more === 0 ? [] : [`${more} more`])].join(' and '),
    others === 0 ? '' : `${others} ${others === 1 ? 'job' : 'jobs'} of others`,
  ]
    .filter((part) => part !== '')
    .join(' and ');
}

function noWorkers(fleet: Fleet): string {
  const { length: draining } = fleet.members().filter(({ status }) => status === 'draining');
  if (draining === 0) return 'No worker is there to take jobs. Start one with `yard worker`.';
  const who = draining === 1 ? 'the one that is there is draining' : `the ${draining} that are there are draining`;
  return `No worker takes jobs: ${who}. Let one with \`yard worker undrain NAME\`, or start another one.`;
}

/** What a worker lacks that has all, and is kept for others. */
function keptBack({ requirements }: Entry, capacity: Capacity, gpuSpillOver: boolean): string | undefined {
  const isKept = !gpuSpillOver && capacity.gpu > 0 && (requirements.gpu ?? 0) === 0;
  return isKept ? 'room for jobs that need no GPU (`gpuSpillOver` is off)' : undefined;
}

function nameOf(fleet: Fleet, incarnation: string): string {
  return fleet.get(incarnation)?.pulse.name ?? incarnation;
}
