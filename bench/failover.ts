/**
 * Failover: what a submitter notices when a process dies, hangs or leaves.
 *
 * A job comes every few milliseconds. Of a leader: of all jobs that were submitted after the signal, how long the one
 * that waited longest waited for its handler to start. Of a worker: from the signal to the next start of the job
 * that it had. Of a rolling restart: every process is stopped and started again in turn, and of all jobs that were
 * submitted meanwhile the one that waited longest counts. Between rounds the cluster is made whole again.
 */

import { pause } from '../runtime/clock.ts';
import { connect, type Yard } from '../sdk/index.ts';
import { type Spread, spread } from './figure.ts';
import { type Effect, found, type Stage, setStage } from './stage.ts';

export interface FailoverResult {
  rounds: number;
  /** Milliseconds. */
  leaderKilled: Spread;
  leaderFrozen: Spread;
  leaderStopped: Spread;
  workerKilled: Spread;
  rolling: Spread;
  /** Whether each job ran once, but for those whose worker was killed: twice. */
  exact: boolean;
}

const masters = 2;
const everyMs = 5;
const beforeMs = 300;
const afterMs = 2_000;
const longMs = 60_000;
const waitsAtMostMs = 60_000;

export async function failover({ rounds }: { rounds: number }): Promise<FailoverResult> {
  await using stage = await setStage({ masters, workers: 2, concurrency: 12 });
  await using yard = await connect({ servers: stage.cluster.url });
  const drill = new Drill(stage, yard);
  await drill.round('SIGKILL');
  const each = async (row: string, measure: () => Promise<number>): Promise<Spread> => {
    const took: number[] = [];
    for (let round = 0; round < rounds; round++) took.push(await measure());
    process.stderr.write(`${row}: ${took.map(Math.round).join(' ')}\n`);
    const { median, min, max } = spread(took.map(Math.round));
    return { min, median, max };
  };
  return {
    rounds,
    leaderKilled: await each('leader killed', () => drill.round('SIGKILL')),
    leaderFrozen: await each('leader frozen', () => drill.round('SIGSTOP')),
    leaderStopped: await each('leader stopped', () => drill.round('SIGTERM')),
    workerKilled: await each('worker killed', () => drill.workerRound()),
    rolling: await each('rolling restart', () => drill.rollingRound()),
    exact: await drill.isExact(),
  };
}

class Drill {
  readonly #stage: Stage;
  readonly #yard: Yard;
  readonly #submittedAt = new Map<number, number>();
  readonly #orphans = new Set<number>();
  #count = 0;

  constructor(stage: Stage, yard: Yard) {
    this.#stage = stage;
    this.#yard = yard;
  }

  /** Sends the leader a signal amid steady work; returns how long the unluckiest job waited. */
  async round(signal: NodeJS.Signals): Promise<number> {
    const { cluster, clock } = this.#stage;
    const pid = await this.#leaderPid();
    const stopSubmitting = this.#submitSteadily();
    await pause(clock, beforeMs);
    const signalledAt = clock.mono();
    process.kill(pid, signal);
    await pause(clock, afterMs);
    await stopSubmitting();
    const longest = await this.#longestWaitSince(signalledAt);
    if (signal === 'SIGSTOP') process.kill(pid, 'SIGCONT');
    else await cluster.add('master');
    await this.#whole();
    return longest;
  }

  /** Restarts every process in turn amid steady work; returns how long the unluckiest job waited. */
  async rollingRound(): Promise<number> {
    const { cluster, clock } = this.#stage;
    const stopSubmitting = this.#submitSteadily();
    await pause(clock, beforeMs);
    const beganAt = clock.mono();
    for (const { role, pid } of cluster.members) {
      if (pid === undefined) continue;
      process.kill(pid, 'SIGTERM');
      await this.#until(async () => (cluster.members.some((each) => each.pid === pid) ? undefined : true));
      await (role === 'master' ? cluster.add('master') : this.#stage.addWorker());
      await this.#whole();
    }
    await pause(clock, beforeMs);
    await stopSubmitting();
    return this.#longestWaitSince(beganAt);
  }

  /** Kills the worker of a long job; returns how long it took until another one started it. */
  async workerRound(): Promise<number> {
    const { clock } = this.#stage;
    const n = this.#count++;
    this.#orphans.add(n);
    this.#submittedAt.set(n, clock.mono());
    await this.#stage.submit(n, longMs);
    const { pid } = await this.#until(async () => (await this.#stage.effects()).find((effect) => effect.n === n));
    await pause(clock, beforeMs);
    const killedAt = clock.mono();
    process.kill(pid, 'SIGKILL');
    const again = (effect: Effect) => effect.n === n && effect.attempt > 1;
    const { at } = await this.#until(async () => (await this.#stage.effects()).find(again));
    await this.#stage.addWorker();
    return at - killedAt;
  }

  async isExact(): Promise<boolean> {
    const effects = await this.#stage.effects();
    const starts = new Set(effects.map(({ n, attempt }) => `${n} ${attempt}`));
    return starts.size === effects.length && effects.length === this.#submittedAt.size + this.#orphans.size;
  }

  /** Submits until told to stop; that resolves when the broker has all. */
  #submitSteadily(): () => Promise<unknown> {
    const sent: Promise<void>[] = [];
    const stop = this.#stage.clock.every(everyMs, () => {
      const n = this.#count++;
      this.#submittedAt.set(n, this.#stage.clock.mono());
      sent.push(this.#stage.submit(n));
    });
    return () => {
      stop();
      return Promise.all(sent);
    };
  }

  /** The starts of all jobs that were submitted since then, once all have started. */
  #startsSince(moment: number): Promise<readonly Effect[]> {
    const since = new Set([...this.#submittedAt].filter(([, at]) => at >= moment).map(([n]) => n));
    return this.#until(async () => {
      const starts = (await this.#stage.effects()).filter(({ n }) => since.has(n));
      return starts.length >= since.size ? starts : undefined;
    });
  }

  async #longestWaitSince(moment: number): Promise<number> {
    const starts = await this.#startsSince(moment);
    return Math.max(...starts.map(({ n, at }) => at - (this.#submittedAt.get(n) ?? at)));
  }

  #leaderPid(): Promise<number> {
    return this.#until(async () => {
      const leader = (await this.#yard.cluster())?.leader.name;
      return this.#stage.cluster.members.find(({ name }) => name === leader)?.pid;
    });
  }

  /** Resolves when one master leads and the others stand by, with whole pictures. */
  async #whole(): Promise<void> {
    await this.#until(async () => {
      const there = await this.#yard.masters();
      const isWhole = there.length === masters && there.filter(({ leads }) => leads).length === 1;
      return isWhole && there.every(({ behindMs }) => behindMs < 1_000) ? true : undefined;
    });
  }

  #until<Value>(look: () => Promise<Value | undefined>): Promise<Value> {
    return found(this.#stage, look, { withinMs: waitsAtMostMs, everyMs: 50 });
  }
}
