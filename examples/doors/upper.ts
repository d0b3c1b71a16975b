/**
 * A job type that reads a file and writes one, for `examples/doors/file.sh`.
 * In a project of yours the import is `from 'yardmaster'`.
 */

import { z } from 'zod';
import { defineJob } from '../../sdk/index.ts';

export const upper = defineJob({
  type: 'upper',
  description: 'Writes a text file in capitals.',
  payload: z.object({ file: z.string() }),
  async run({ payload, files }) {
    const { bytes } = await files.read(payload.file);
    const parts: Uint8Array[] = [];
    for await (const part of bytes) parts.push(part);
    const text = Buffer.concat(parts).toString().toUpperCase();
    return { size: (await files.write('upper.txt', Buffer.from(text), { type: 'text/plain' })).size };
  },
});
