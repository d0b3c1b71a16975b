/**
 * A schedule as somebody types it: all of it as text, and what of it is sent.
 */

import type { ScheduleRecord } from '../../../../sdk/index.ts';
import { payloadIn } from '../part/payload.tsx';
import { commandLine } from '../shell.ts';

export interface Typed {
  name: string;
  kind: 'cron' | 'every';
  cron: string;
  tz: string;
  every: string;
  misfire: string;
  window: string;
  overlap: string;
  until: string;
  type: string;
  payload: string;
  options: Readonly<Record<string, string>>;
}

type Sent = Readonly<Record<string, unknown>>;

/** What a new schedule begins with. */
export const blank: Typed = {
  ...{ name: '', kind: 'cron', cron: '0 3 * * *', tz: 'UTC', every: '1h' },
  ...{ misfire: 'once', window: '1h', overlap: 'allow', until: '', type: '', payload: '{}', options: {} },
};

export function typedOf({ name, plan, misfire, windowMs, overlap, until, job }: ScheduleRecord): Typed {
  const when =
    plan.kind === 'cron' ? { cron: plan.cron, tz: plan.zone } : { cron: '', tz: '', every: durationText(plan.everyMs) };
  const options = Object.entries(job.options).map(([option, value]) => [option, String(value)]);
  return {
    ...blank,
    ...when,
    ...{ name, kind: plan.kind, misfire, overlap, window: durationText(windowMs) },
    until: until === undefined ? '' : new Date(until).toISOString(),
    ...{ type: job.type, payload: JSON.stringify(job.payload, null, 2), options: Object.fromEntries(options) },
  };
}

/** In the largest unit that it is a whole number of: `90m`, `2h`, `1500ms`. */
function durationText(ms: number): string {
  const units = [
    ['d', 86_400_000],
    ['h', 3_600_000],
    ['m', 60_000],
    ['s', 1_000],
  ] as const;
  const [name, size] = units.find(([, each]) => ms > 0 && ms % each === 0) ?? ['ms', 1];
  return `${ms / size}${name}`;
}

/** When it would fire. */
export function whenOf({ kind, cron, tz, every }: Typed): Sent {
  return kind === 'cron' ? { cron, ...(tz === '' ? {} : { tz }) } : { every };
}

/** All of it, or what differs from `before`. */
export function sentOf(typed: Typed, before?: Typed): Sent {
  const whole = wholeOf(typed);
  if (before === undefined) return typed.until === '' ? without(whole, 'until') : whole;
  const former = wholeOf(before);
  const isSame = (name: string) => JSON.stringify(whole[name]) === JSON.stringify(former[name]);
  const changed = Object.entries(whole).filter(([name]) => !isSame(name));
  return Object.fromEntries(changed);
}

function wholeOf(typed: Typed): Sent {
  const { misfire, window, overlap, until, type, payload, options } = typed;
  return {
    ...whenOf(typed),
    ...{ misfire, window, overlap, type, options },
    until: until === '' ? null : until,
    payload: payloadIn(payload).payload,
  };
}

function without(all: Sent, name: string): Sent {
  const { [name]: _, ...others } = all;
  return others;
}

/** The same for the shell. */
export function lineOf({ name, type }: Typed, sent: Sent, isNew: boolean): string {
  const { options, payload, type: newType, until, ...flags } = sent;
  const job = options === undefined ? {} : flagsOf(options);
  const told = {
    ...texts(flags),
    ...(until === undefined ? {} : { until: until === null ? 'none' : String(until) }),
    ...job,
  };
  const body = payload === undefined ? undefined : JSON.stringify(payload);
  if (isNew) return commandLine(['schedule', 'add', name || 'NAME', type || 'TYPE', body], told);
  return commandLine(['schedule', 'edit', name], {
    ...told,
    type: newType === undefined ? undefined : type,
    payload: body,
  });
}

function texts(all: Sent): Record<string, string> {
  return Object.fromEntries(Object.entries(all).map(([name, value]) => [name, String(value)]));
}

function flagsOf(options: unknown): Record<string, string | boolean> {
  const said = Object.entries(typeof options === 'object' && options !== null ? options : {});
  return Object.fromEntries(
    said.map(([name, value]) => {
      const flag =
        name === 'limitKeys' ? 'limit-key' : name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
      return [flag, name === 'hold' ? value === 'true' : String(value)];
    }),
  );
}
