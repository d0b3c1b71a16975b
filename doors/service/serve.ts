/**
 * The operations of the API over NATS: `nats req yard.api.jobs.submit '{"body":{"type":"echo"}}'`.
 *
 * A request is JSON, `{ params, query, body }`, what is not there empty; headers mean what they do in HTTP (`Authorization`,
 * `Idempotency-Key`, `Prefer`, …). An answer has its status in the header `Status`; one that came to nothing is a problem (RFC 9457), and
 * says so as services do. Until the first request nothing is loaded and nobody is connected (`desk.ts`).
 */

import type { MicroReply, MicroRequest, RunningMaster } from '../../cluster/master.ts';
import { brokerAway } from '../api/broker-away.ts';
import { subjects } from '../api/subject.ts';
import type { Desk, ServiceOptions } from './desk.ts';

/** Serves at a master until that one stops; what is returned is disposed of before. */
export async function serveOverNats(master: RunningMaster, options: ServiceOptions): Promise<AsyncDisposable> {
  const service = new LazyService(options);
  const description = 'Jobs, queues, schedules, workers and masters of a cluster.';
  const answer = (request: MicroRequest) => service.answer(request);
  await master.serve({ version: options.version, description, ends: Object.keys(subjects), answer });
  return service;
}

class LazyService implements AsyncDisposable {
  readonly #options: ServiceOptions;
  #desk: Promise<Desk> | undefined;

  constructor(options: ServiceOptions) {
    this.#options = options;
  }

  async answer(request: MicroRequest): Promise<MicroReply> {
    let desk: Desk;
    try {
      this.#desk ??= this.#open();
      desk = await this.#desk;
    } catch (cause) {
      this.#desk = undefined;
      this.#options.onError(cause);
      return away;
    }
    return await desk.answer(request);
  }

  async #open(): Promise<Desk> {
    const { Desk: Made } = await import('./desk.ts');
    return await Made.open(this.#options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await (await this.#desk?.catch(() => undefined))?.close();
  }
}

const away: MicroReply = {
  body: Buffer.from(JSON.stringify(brokerAway)),
  headers: { Status: '503', 'Content-Type': 'application/problem+json' },
  error: { code: 503, sentence: brokerAway.title },
};
