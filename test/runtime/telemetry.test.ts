import { Writable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { SystemClock } from '../../runtime/clock.ts';
import { faults, faultsPage } from '../../runtime/faults.ts';
import { type EventSpec, events, levelOf, lineOf } from '../../runtime/telemetry/event.ts';
import { createLog, jobLinesPerSecond, logTelemetry } from '../../runtime/telemetry/log.ts';
import { type MetricSpec, metrics } from '../../runtime/telemetry/metric.ts';
import { telemetryPage } from '../../runtime/telemetry/page.ts';
import { prettyLines } from '../../runtime/telemetry/pretty.ts';
import { createTelemetry, next } from '../../runtime/telemetry/telemetry.ts';

const pass = { queued: 0, offered: 2, waiting: 3, reasons: { 'no gpu': 3 }, workersByStatus: {} };

describe('telling', () => {
  test('reaches whoever subscribed, to all or by name, until they leave', () => {
    const telemetry = createTelemetry();
    const heard: string[] = [];
    const leave = telemetry.subscribe((told) => heard.push(`all ${told.name}`));
    const stop = telemetry.on('worker.joined', (facts) => heard.push(`joined ${facts.name}`));
    telemetry.tell('worker.joined', { incarnation: 'i1', name: 'w1', types: 'noop' });
    telemetry.tell('leader.elected', { name: 'm1', term: 7 });
    stop();
    telemetry.tell('worker.joined', { incarnation: 'i2', name: 'w2', types: 'noop' });
    leave();
    telemetry.tell('worker.joined', { incarnation: 'i3', name: 'w3', types: 'noop' });
    expect(heard).toEqual(['joined w1', 'all worker.joined', 'all leader.elected', 'all worker.joined']);
  });

  test('can be waited for', async () => {
    const telemetry = createTelemetry();
    const second = next(telemetry, 'worker.joined', (facts) => facts.name === 'w2');
    telemetry.tell('worker.joined', { incarnation: 'i1', name: 'w1', types: 'noop' });
    telemetry.tell('worker.joined', { incarnation: 'i2', name: 'w2', types: 'noop' });
    expect((await second).incarnation).toBe('i2');
  });
});

describe('the log', () => {
  function logged(level: 'trace' | 'debug' | 'info', mono = () => 0) {
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
    const stop = logTelemetry(telemetry, log, { mono });
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

  test('says in each line of whom it is: the job, its attempt and trace, the worker, the term of a leader', () => {
    const { telemetry, lines } = logged('debug');
    telemetry.tell('leader.elected', { name: 'm1', term: 7 });
    telemetry.tell('job.offered', { key: 'default.a', worker: 'w1', trace: 'abc' });
    telemetry.tell('leader.deposed', { reason: 'frozen' });
    telemetry.tell('worker.lost', { incarnation: 'w1', name: 'hand' });
    telemetry.tell('worker.started', { incarnation: 'w2', name: 'hand', types: 'noop', slots: 1 });
    telemetry.tell('attempt.claimed', { key: 'default.a', attempt: 2 });
    const about = lines.map(({ job, trace, attempt, worker, term }) => ({ job, trace, attempt, worker, term }));
    expect(about).toEqual([
      { term: 7 },
      { job: 'default.a', trace: 'abc', worker: 'w1', term: 7 },
      {},
      { worker: 'w1' },
      { worker: 'w2' },
      { job: 'default.a', attempt: 2, worker: 'w2' },
    ]);
  });

  test('tells of each job, however many there are, who asks for everything', () => {
    const { telemetry, lines } = logged('trace', () => 0);
    for (let n = 0; n <= jobLinesPerSecond; n++) telemetry.tell('attempt.claimed', { key: 'default.a', attempt: 1 });
    expect(lines).toHaveLength(jobLinesPerSecond + 1);
  });

  test('tells of single jobs only so often, and how many lines it left out; of what is wrong it tells all', () => {
    let now = 0;
    const { telemetry, lines } = logged('debug', () => now);
    const claim = () => telemetry.tell('attempt.claimed', { key: 'default.a', attempt: 1 });
    for (let n = 0; n < jobLinesPerSecond + 40; n++) {
      claim();
      telemetry.tell('attempt.fenced', { key: 'default.a', attempt: 1 });
    }
    const of = (event: string) => lines.filter((line) => line['event'] === event);
    expect(of('attempt.claimed')).toHaveLength(jobLinesPerSecond);
    expect(of('attempt.fenced')).toHaveLength(jobLinesPerSecond + 40);
    now = 1_000;
    claim();
    claim();
    expect(
      of('attempt.claimed')
        .slice(-3)
        .map(({ leftOut }) => leftOut),
    ).toEqual([undefined, 40, undefined]);
  });

  test('is written for people on a terminal, and what is no line of it stays as it is', () => {
    const written: string[] = [];
    const to = prettyLines({ write: (text) => written.push(text), style: (style, text) => `<${style}>${text}</>` });
    const clock = new SystemClock();
    clock.adjust({ brokerMs: Date.UTC(2027, 0, 1, 3, 4, 5, 678), mono: clock.mono(), uncertaintyMs: 0 });
    const telemetry = createTelemetry();
    logTelemetry(telemetry, createLog({ clock, level: 'debug', role: 'worker', process: 'w1', to }), clock);
    telemetry.tell('attempt.fenced', { key: 'default.a', attempt: 2, trace: 'abc' });
    telemetry.tell('scheduler.pass', pass);
    to.write('not ours\n');
    expect(written[0]).toMatch(
      /^<dim>03:04:05\.\d{3}<\/> {2}<yellow>warn <\/> {2}<dim>worker w1<\/> {2}default\.a is no longer ours, attempt 2; .* {2}<dim>trace=abc<\/>\n$/,
    );
    expect(written[1]).toMatch(
      /<cyan>info <\/> .* pass: 0 queued, 2 offered, 3 waiting \(3 no gpu\); workers: none\n$/,
    );
    expect(written[2]).toBe('not ours\n');
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
    for (const field of ['level', 'time', 'role', 'process', 'event', 'msg', 'leftOut'])
      expect(facts).not.toContain(field);
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
