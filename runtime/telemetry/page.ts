/**
 * What a process tells, as people read it: the text of `docs/telemetry.md`.
 */

import { type EventSpec, events } from './event.ts';
import { type MetricSpec, metrics } from './metric.ts';
import { logFields, type SpanSpec, spans } from './trace.ts';

/** The text of `docs/telemetry.md`. */
export function telemetryPage(): string {
  return `# What a process tells

Generated from \`runtime/telemetry/\`; do not edit it by hand.

## Events

Each is a log line with its facts as fields.

| event | level | facts | |
|---|---|---|---|
${Object.entries(events).map(eventRow).join('\n')}

## Log fields

| field | |
|---|---|
${Object.entries(logFields)
  .map(([field, help]) => `| \`${field}\` | ${help} |`)
  .join('\n')}

## Metrics

Each is fed by events, so that metrics and log cannot disagree. No label is an id.

| metric | type | labels | fed by | |
|---|---|---|---|---|
${Object.entries(metrics).map(metricRow).join('\n')}

## Spans

| span | within | attributes | |
|---|---|---|---|
${Object.entries(spans).map(spanRow).join('\n')}
`;
}

function eventRow([name, spec]: [string, EventSpec]): string {
  const facts = Object.entries(spec.facts).map(([fact, kind]) => `\`${fact}\` ${kind}`);
  const level = spec.quiet === undefined ? spec.level : `${spec.level} or ${spec.quiet.level}`;
  return `| \`${name}\` | ${level} | ${facts.join(', ')} | ${spec.help} |`;
}

function metricRow([name, spec]: [string, MetricSpec]): string {
  const fedBy = new Set(spec.fedBy.map((feeding) => `\`${feeding.event}\``));
  return `| \`${name}\` | ${spec.type} | ${spec.labels.join(', ')} | ${[...fedBy].join(', ')} | ${spec.help} |`;
}

function spanRow([name, spec]: [string, SpanSpec]): string {
  const attributes = spec.attributes.map((attribute) => `\`${attribute}\``).join(', ');
  return `| \`${name}\` | ${spec.within === undefined ? '' : `\`${spec.within}\``} | ${attributes} | ${spec.help} |`;
}
