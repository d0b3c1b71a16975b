/**
 * A submission in each of the ways to submit one, for the shell: as command, as a message, as a request.
 */

import { commandLine, word } from './shell.ts';

export interface Given {
  type: string;
  payload: unknown;
  options: Readonly<Record<string, string>>;
}

/** Two names differ from what stands in a body. */
const flags: Readonly<Record<string, string>> = { limitKeys: 'limit-key' };
const headers: Readonly<Record<string, string>> = { id: 'Job-Id', limitKeys: 'Limit-Key' };

export function linesOf({ type, payload, options }: Given): readonly { name: string; line: string }[] {
  const body = JSON.stringify(payload);
  const said = Object.entries(options);
  const flagged = said.map(([name, value]) => [flags[name] ?? kebab(name), name === 'hold' ? value === 'true' : value]);
  const headed = said.map(([name, value]) => `-H ${word(`${headers[name] ?? titled(name)}:${value}`)}`);
  const whole = JSON.stringify({ type, payload, ...options });
  return [
    { name: 'yard', line: commandLine(['submit', type, body], Object.fromEntries(flagged)) },
    { name: 'nats', line: ['nats pub', word(`yard.submit.${type}`), word(body), ...headed].join(' ') },
    { name: 'curl', line: `curl -s ${location.origin}/v1/jobs -d ${word(whole)}` },
  ];
}

/** `maxAttempts`, as `max-attempts`. */
function kebab(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** `maxAttempts`, as `Max-Attempts`. */
function titled(name: string): string {
  return kebab(name).replaceAll(/(?:^|-)[a-z]/g, (letter) => letter.toUpperCase());
}
