import { Writable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { SystemClock } from '../../runtime/clock.ts';
import { faults, faultsPage } from '../../runtime/faults.ts';
import { type EventSpec, events, levelOf, lineOf } from '../../runtime/telemetry/event.ts';
import { createLog, logTelemetry } from '../../runtime/telemetry/log.ts';
import { type MetricSpec, metrics } from '../../runtime/telemetry/metric.ts';
import { telemetryPage } from '../../runtime/telemetry/page.ts';
import { createTelemetry, next } from '../../runtime/telemetry/telemetry.ts';

const pass = { queued: 0, offered: 2, waiting: 3, reasons: { 'no gpu': 3 }, workersByStatus: {} };

describe('telling', () => {
  test('reaches whoever subscribed, to all or by name, until they leave', () => {
    const telemetry = createTelemetry();
    const heard: string[] = [];
    const leave = telemetry.subscribe((told) => heard.push(`all ${told.name}`));
    const stop = telemetry.on('worker.joined', (facts) => heard.push(`joined ${facts.name}`));
    telemetry.tell('worker.joined', { incarnation: 'i1', name: 'w1' });
    telemetry.tell('leader.elected', { name: 'm1', term: 7 });
    stop();
    telemetry.tell('worker.joined', { incarnation: 'i2', name: 'w2' });
    leave();
    telemetry.tell('worker.joined', { incarnation: 'i3', name: 'w3' });
    expect(heard).toEqual(['joined w1', 'all worker.joined', 'all leader.elected', 'all worker.joined']);
  });

  test('can be waited for', async () => {
    const telemetry = createTelemetry();
    const second = next(telemetry, 'worker.joined', (facts) => facts.name === 'w2');
    telemetry.tell('worker.joined', { incarnation: 'i1', name: 'w1' });
    telemetry.tell('worker.joined', { incarnation: 'i2', name: 'w2' });
    expect((await second).incarnation).toBe('i2');
  });
});

describe('the log', () => {
  function logged(level: 'debug' | 'info') {
    const lines: Record<string, unknown>[] = [];
    const to = new Writable({
      write(chunk, _, done) {
        lines.push(JSON.parse(String(chunk)));
        done();
      },
    });
    const telemetry = createTelemetry();
    const clock = new SystemClock();
    clock.adjust({ brokerMs: 5_000, mono: clock.mono(), uncertaintyMs: 0 });
    const log = createLog({ clock, level, role: 'master', process: 'm1', to });
    const stop = logTelemetry(telemetry, log);
    return { telemetry, lines, stop };
  }

  test('is one JSON line an event, with broker time, its facts and a sentence', () => {
    const { telemetry, lines } = logged('info');
    telemetry.tell('scheduler.pass', pass);
    const { time, ...line } = lines[0] ?? {};
    expect(line).toEqual({
      level: 'info',
      role: 'master',
      process: 'm1',
      event: 'scheduler.pass',
      ...pass,
      msg: 'pass: 0 queued, 2 offered, 3 waiting (3 no gpu); workers: none',
    });
    expect(time).toBeGreaterThanOrEqual(5_000);
    expect(time).toBeLessThan(60_000);
  });

  test('tells of a pass that changed nothing, and of single jobs, only when asked for details', () => {
    const quiet = { ...pass, offered: 0 };
    const some = logged('info');
    some.telemetry.tell('scheduler.pass', quiet);
    some.telemetry.tell('job.queued', { key: 'default.a', reason: 'no gpu' });
    expect(some.lines).toEqual([]);
    const all = logged('debug');
    all.telemetry.tell('scheduler.pass', quiet);
    all.telemetry.tell('job.queued', { key: 'default.a', reason: 'no gpu' });
    expect(all.lines.map((line) => line['event'])).toEqual(['scheduler.pass', 'job.queued']);
  });

  test('ends when it is stopped', () => {
    const { telemetry, lines, stop } = logged('info');
    stop();
    telemetry.tell('scheduler.pass', pass);
    expect(lines).toEqual([]);
  });
});

describe('the catalogue', () => {
  const specs: [string, EventSpec][] = Object.entries(events);
  const metricSpecs: [string, MetricSpec][] = Object.entries(metrics);

  test.each(specs)('%s: its line and its quiet facts name facts that it has, and none hides a log field', (_, spec) => {
    const named = [...spec.line.matchAll(/\{(\w+)\}/g)].map(([, fact]) => fact);
    const facts = Object.keys(spec.facts);
    expect(facts).toEqual(expect.arrayContaining([...named, ...(spec.quiet?.whenZero ?? [])]));
    for (const field of ['level', 'time', 'role', 'process', 'event', 'msg']) expect(facts).not.toContain(field);
  });

  test('a line has every fact in it', () => {
    expect(lineOf({ name: 'feed.gap', facts: { from: 3, to: 9 } })).toBe(
      'the feed has a gap from 3 to 9; reading it from the stream',
    );
    expect(levelOf({ name: 'feed.gap', facts: { from: 3, to: 9 } })).toBe('warn');
  });

  test.each(metricSpecs)('%s: its unit is in its name, its labels are facts and no ids', (name, spec) => {
    if (spec.type === 'counter') expect(name).toMatch(/_total$/);
    if (spec.unit !== 'none') expect(name).toMatch(new RegExp(`_${spec.unit}$`));
    expect(spec.type === 'histogram').toBe(spec.buckets !== undefined);
    const ids = ['key', 'incarnation', 'worker', 'attempt', 'sequence', 'term', 'error', 'server'];
    for (const feeding of spec.fedBy) {
      const facts = [...Object.keys(events[feeding.event].facts), ...Object.keys(feeding.with ?? {}), feeding.as];
      for (const label of spec.labels) {
        expect(ids).not.toContain(label);
        expect(facts).toContain(label);
      }
      expect(feeding.eachOf === undefined).toBe(feeding.as === undefined);
    }
  });

  test('is all on its page', () => {
    for (const name of [...Object.keys(events), ...Object.keys(metrics)])
      expect(telemetryPage()).toContain(`| \`${name}\` |`);
    for (const code of Object.keys(faults)) expect(faultsPage()).toContain(`| \`${code}\` |`);
  });
});
