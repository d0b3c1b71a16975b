/**
 * The job types that come with the house.
 *
 * A master knows them all; a worker serves `script` only where its operator allows a program. Nothing is started
 * and nothing looked at before a job runs.
 */

import type { Clock } from '../runtime/clock.ts';
import type { JobDefinition } from '../runtime/handler.ts';
import { type ScriptOptions, script } from './script.ts';
import { simulate } from './simulate.ts';
import { type TranscodeOptions, transcode } from './transcode.ts';
import { type WebhookOptions, webhook } from './webhook.ts';

export interface ShippedOptions {
  clock: Clock;
  transcode?: Omit<TranscodeOptions, 'clock'>;
  script?: Omit<ScriptOptions, 'clock'>;
  webhook?: WebhookOptions;
}

/** Every definition: for masters, which check payloads and read requirements. */
export function shippedTypes({ clock, ...options }: ShippedOptions): readonly JobDefinition[] {
  return [
    transcode({ clock, ...options.transcode }),
    script({ clock, allow: [], ...options.script }),
    ...simulate({ clock }),
    webhook({ clock, ...options.webhook }),
  ];
}

/** Those that a worker with these options can run. */
export function servedTypes(options: ShippedOptions): readonly JobDefinition[] {
  const allowsScripts = (options.script?.allow ?? []).length > 0;
  return shippedTypes(options).filter(({ type }) => type !== 'script' || allowsScripts);
}
