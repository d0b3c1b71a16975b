/**
 * The verbs for schedules. Each says what it promises; `cluster/schedule-verb.ts` keeps it.
 */

import type { Client } from '../cluster/client.ts';
import type { Expecting } from '../cluster/queues.ts';
import type { ScheduleChange, ScheduleGiven, When } from '../cluster/schedule-given.ts';
import type { AddedSchedule } from '../cluster/schedule-verb.ts';
import type { JobRecord } from '../runtime/record.ts';
import type { Firing, ScheduleRecord } from '../runtime/schedule.ts';

/** The schedules of a cluster: `yard.schedules`. None of its verbs needs a master to run. */
export class Schedules {
  readonly #client: Client;

  constructor(client: Client) {
    this.#client = client;
  }

  /**
   * Adds a schedule; durable once the promise resolves. Adding the very same again changes nothing.
   *
   * @throws {Fault} `input.invalid`; `schedule.conflict` where another schedule has this name.
   * @example await yard.schedules.add('nightly', { cron: '0 2 * * *', tz: 'Europe/Berlin', type: 'report' });
   */
  add(name: string, given: ScheduleGiven): Promise<AddedSchedule> {
    return this.#client.done({ what: 'schedule.add', target: name, given }, () =>
      this.#client.schedules.add(name, given),
    );
  }

  /** All of them, by name. */
  list(): Promise<readonly ScheduleRecord[]> {
    return this.#client.schedules.list();
  }

  get(name: string): Promise<ScheduleRecord | undefined> {
    return this.#client.schedules.get(name);
  }

  /**
   * Changes what is named and leaves the rest. A change of when it fires counts from now: what had come under the
   * former plan and was not fired yet is not made up for.
   *
   * @throws {Fault} `input.invalid`, `schedule.missing`
   */
  edit(name: string, change: ScheduleChange, expecting?: Expecting<ScheduleRecord>): Promise<ScheduleRecord> {
    return this.#client.done({ what: 'schedule.edit', target: name, given: change }, () =>
      this.#client.schedules.edit(name, change, expecting),
    );
  }

  /** Lets its moments pass: they are not made up for. @throws {Fault} `schedule.missing`, `schedule.refused` */
  pause(name: string, expecting?: Expecting<ScheduleRecord>): Promise<ScheduleRecord> {
    return this.#client.done({ what: 'schedule.pause', target: name }, () =>
      this.#client.schedules.pause(name, expecting),
    );
  }

  /** Lets it fire again, from now on. @throws {Fault} `schedule.missing`, `schedule.refused` */
  resume(name: string, expecting?: Expecting<ScheduleRecord>): Promise<ScheduleRecord> {
    return this.#client.done({ what: 'schedule.resume', target: name }, () =>
      this.#client.schedules.resume(name, expecting),
    );
  }

  /** Its jobs stay; so does its history, for a while. @throws {Fault} `schedule.missing` */
  delete(name: string, expecting?: Expecting<ScheduleRecord>): Promise<ScheduleRecord> {
    return this.#client.done({ what: 'schedule.delete', target: name }, () =>
      this.#client.schedules.delete(name, expecting),
    );
  }

  /** Makes its job now, beside its moments. @throws {Fault} `schedule.missing`, `input.invalid` */
  run(name: string, expecting?: Expecting<ScheduleRecord>): Promise<JobRecord> {
    return this.#client.done({ what: 'schedule.run', target: name }, () => this.#client.schedules.run(name, expecting));
  }

  /** The next moments, epoch ms, of a schedule or of a plan that could be one. @throws {Fault} as `get` and `add` */
  preview(of: string | When, count = 5): Promise<readonly number[]> {
    return this.#client.schedules.preview(of, count);
  }

  /** What became of its last moments, the oldest first; of a deleted one too. @throws {Fault} `schedule.missing` */
  history(name: string): Promise<readonly Firing[]> {
    return this.#client.schedules.history(name);
  }
}
