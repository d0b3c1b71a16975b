/**
 * `yard bridge mqtt`: a process that makes jobs of the messages of an outside MQTT broker, until it is told to stop.
 */

import { createHash } from 'node:crypto';
import { type Command, Option } from 'commander';
import { readSubmitFlags, submitFlags } from '../../cluster/submit-options.ts';
import type { Route } from '../mqtt/bridge.ts';
import type { CommandContext } from './command.ts';
import { exitCodes, UsageError } from './exit.ts';
import { serve } from './serve.ts';

interface Flags {
  url?: string;
  topic?: readonly string[];
  clientId: string;
  topicPrefix: string;
  idField?: string;
}

/** What each message has of its own, or what the bridge says with each. */
const ownOfMessages: readonly string[] = ['id', 'idempotencyKey', 'traceparent', 'tracestate'];

export function register(program: Command, context: CommandContext): void {
  const mqtt = program
    .command('bridge')
    .description('Takes jobs in from elsewhere.')
    .command('mqtt')
    .summary('Makes jobs of the messages of an outside MQTT broker.')
    .description(
      'Makes jobs of the messages of an outside MQTT broker, each acknowledged there once its job is durable here. See docs/mqtt.md.',
    )
    .addOption(new Option('--url <url>', 'The outside broker: `mqtt://` or `mqtts://`.').env('YARD_MQTT_URL'))
    .option(
      '--topic <filter=type...>',
      'Messages on topics that match the filter become jobs of the type; may be repeated.',
    )
    .option(
      '--id-field <field>',
      'A field of each message that tells one from another, and is taken out of it; the whole message unless given.',
    )
    .option('--client-id <id>', 'Names the session at the outside broker.', 'yard-bridge')
    .option('--topic-prefix <prefix>', 'Acks and events are published below it.', 'yard-bridge')
    .action((flags: Flags) => run(mqtt, context, flags));
  for (const { usage, help, name } of submitFlags()) if (!ownOfMessages.includes(name)) mqtt.option(usage, help);
}

async function run(command: Command, context: CommandContext, flags: Flags): Promise<void> {
  const { url, clientId, topicPrefix: prefix, idField } = flags;
  if (url === undefined || !/^mqtts?:\/\/./.test(url))
    throw new UsageError('Expected the outside broker by `--url mqtt://HOST:PORT` or in YARD_MQTT_URL.');
  const routes = (flags.topic ?? []).map(routeIn);
  if (routes.length === 0)
    throw new UsageError("Expected `--topic FILTER=TYPE`, such as `--topic 'cameras/+/frame=probe'`.");
  const said = command.opts();
  readSubmitFlags(said);
  const { MqttBridge } = await import('../mqtt/bridge.ts');
  const start = async () => {
    const tracing = await context.startTracing(command);
    const yard = await context.connect(command);
    const { tenant } = context.settings(command, 'client');
    const name = bookmarkOf(url, clientId);
    const bridge = await MqttBridge.start({
      url,
      routes,
      clientId,
      prefix,
      idField,
      submit: (type, payload, own) => yard.submit(type, payload, readSubmitFlags({ ...said, ...own })),
      tenant,
      events: (after, signal) => yard.events({ after, signal }),
      bookmark: { read: () => yard.bookmark(name), save: (cursor) => yard.setBookmark(name, cursor) },
      say: (sentence) => context.terminal.say(sentence),
    });
    return async () => {
      await bridge.stop();
      await yard.close();
      await tracing[Symbol.asyncDispose]();
    };
  };
  const astray = (what: string, error: string) => context.terminal.say(`yard: ${what}: ${error}`);
  await serve({ start, patience: 1, withinMs: 30_000, astray }, context.terminal);
  process.exit(exitCodes.ok);
}

/** Of a session at that broker: `--client-id` is only known there. */
function bookmarkOf(url: string, clientId: string): string {
  const { host } = new URL(url);
  return `mqtt-${createHash('sha256').update(`${host}\n${clientId}`).digest('hex').slice(0, 32)}`;
}

function routeIn(text: string): Route {
  const at = text.lastIndexOf('=');
  const [filter, type] = [text.slice(0, at), text.slice(at + 1)];
  const isFilter = filter
    .split('/')
    .every((part, index, all) => /^(?:\+|[^+#]*)$/.test(part) || (part === '#' && index === all.length - 1));
  if (at < 1 || type === '' || !isFilter)
    throw new UsageError(`Expected \`--topic FILTER=TYPE\`, such as \`cameras/+/frame=probe\`, got \`${text}\`.`);
  return { filter, type };
}
