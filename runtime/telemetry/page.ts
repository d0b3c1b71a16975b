/**
 * What a process tells, as people read it: the text of `docs/telemetry.md`.
 */

import { type EventSpec, events } from './event.ts';
import { type MetricSpec, metrics } from './metric.ts';
import { type SampleSpec, samples } from './sample.ts';
import { logFields, type SpanSpec, spanAttributes, spans } from './trace.ts';

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

A line is JSON, on standard error; on a terminal it is written for people.

| field | |
|---|---|
${Object.entries(logFields)
  .map(([field, help]) => `| \`${field}\` | ${help} |`)
  .join('\n')}

## Metrics

Each master and worker serves its own at \`/metrics\` (\`--metrics-port\`); \`/v1/prometheus/targets\` of the HTTP API names them all. No label is
an id. What cannot be known is absent, not 0.

These are fed by events, so that metrics and log cannot disagree.

| metric | of | type | labels | fed by | |
|---|---|---|---|---|---|
${Object.entries(metrics).map(metricRow).join('\n')}

These stand somewhere, and are read when somebody asks.

| metric | of | type | labels | |
|---|---|---|---|---|
${Object.entries(samples).map(sampleRow).join('\n')}

## Spans

[traces.md](traces.md) says how they are had. Each is called by its operation and the type of the job, such as \`submit transcode\`.

| span | within | kind | told by | attributes | |
|---|---|---|---|---|---|
${Object.entries(spans).map(spanRow).join('\n')}

These all of them have:

| attribute | |
|---|---|
${Object.entries(spanAttributes)
  .map(([name, help]) => `| \`${name}\` | ${help} |`)
  .join('\n')}
`;
}

function eventRow([name, spec]: [string, EventSpec]): string {
  const facts = Object.entries(spec.facts).map(([fact, kind]) => `\`${fact}\` ${kind}`);
  const level = spec.quiet === undefined ? spec.level : `${spec.level} or ${spec.quiet.level}`;
  return `| \`${name}\` | ${level} | ${facts.join(', ')} | ${spec.help} |`;
}

function metricRow([name, spec]: [string, MetricSpec]): string {
  const fedBy = new Set(spec.fedBy.map((feeding) => `\`${feeding.event}\``));
  const of = spec.ofLeader === true ? 'leader' : spec.teller;
  return `| \`${name}\` | ${of} | ${spec.type} | ${spec.labels.join(', ')} | ${[...fedBy].join(', ')} | ${spec.help} |`;
}

function sampleRow([name, { teller, type, labels, help }]: [string, SampleSpec]): string {
  return `| \`${name}\` | ${teller} | ${type} | ${labels.join(', ')} | ${help} |`;
}

function spanRow([name, spec]: [string, SpanSpec]): string {
  const attributes = spec.attributes.map((attribute) => `\`${attribute}\``).join(', ');
  const within = spec.within === undefined ? '' : `\`${spec.within}\``;
  return `| \`${name}\` | ${within} | ${spec.kind} | ${spec.teller} | ${attributes} | ${spec.help} |`;
}
