/**
 * Loaded before a program: notes every module of OpenTelemetry that it loads, in the file that `LOADED` names.
 */

import { appendFileSync } from 'node:fs';
import { registerHooks } from 'node:module';

registerHooks({
  load(url, context, next) {
    const [, name] = /\/node_modules\/(@opentelemetry\/[^/]+)\//.exec(url) ?? [];
    if (name !== undefined) appendFileSync(process.env['LOADED'] ?? '/dev/null', `${name}\n`);
    return next(url, context);
  },
});
