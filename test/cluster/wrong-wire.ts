/**
 * A build without its conditions, made on the wire: what a process says to the broker arrives without the header that
 * makes a write conditional. No code of the product is touched.
 *
 * The header is renamed to another of equal length, so that no length on the wire changes. Messages are taken whole, as
 * the protocol of the client frames them: lines, and after `PUB` and `HPUB` as many bytes as the line says.
 */

import { Transform, type TransformCallback } from 'node:stream';

const condition = 'Nats-Expected-Last-Subject-Sequence';
const nothing = condition.replace('Nats', 'Noth');
const lineEnd = Buffer.from('\r\n');

/** Passes on what a client says; messages on the subjects that `takes` names lose their condition. */
export class Unconditional extends Transform {
  readonly #takes: (subject: string) => boolean;
  #held = Buffer.alloc(0);

  constructor(takes: (subject: string) => boolean) {
    super();
    this.#takes = takes;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#held = Buffer.concat([this.#held, chunk]);
    for (let length = frameIn(this.#held); length > 0; length = frameIn(this.#held)) {
      this.push(this.#changed(this.#held.subarray(0, length)));
      this.#held = this.#held.subarray(length);
    }
    done();
  }

  #changed(frame: Buffer): Buffer {
    const [verb, subject = ''] = lineOf(frame).split(' ');
    if (verb !== 'HPUB' || !this.#takes(subject)) return frame;
    return Buffer.from(frame.toString('latin1').replace(condition, nothing), 'latin1');
  }
}

/** How long the first frame is; 0 where it has not come whole. */
function frameIn(bytes: Buffer): number {
  const end = bytes.indexOf(lineEnd);
  if (end === -1) return 0;
  const words = lineOf(bytes).split(' ');
  const hasBody = words[0] === 'PUB' || words[0] === 'HPUB';
  const length = end + lineEnd.length + (hasBody ? Number(words.at(-1)) + lineEnd.length : 0);
  return bytes.length < length ? 0 : length;
}

function lineOf(bytes: Buffer): string {
  return bytes.subarray(0, bytes.indexOf(lineEnd)).toString('latin1');
}
