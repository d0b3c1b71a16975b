/** MQTT by the programs that people have: `mosquitto_pub` submits, `mosquitto_sub` hears what became of it. Left out where they are not installed. */

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { freePorts } from '../../nats/broker-ports.ts';
import { defineJob } from '../../sdk/index.ts';

import { testBroker } from '../nats/broker.ts';
import { TestCluster } from './cluster.ts';
import { found } from './prometheus.ts';

const run = promisify(execFile);
const [publisher, subscriber] = [found('mosquitto_pub'), found('mosquitto_sub')];

describe.skipIf(publisher === undefined || subscriber === undefined)('mosquitto', () => {
  let cluster: TestCluster;
  let listener: ChildProcess;
  let heard = '';

  const at = () => ['-h', '127.0.0.1', '-p', String(cluster.broker.server.mqttPort), '-q', '1'];
  const submit = (said: object) =>
    run(publisher ?? '', [...at(), '-i', 'camera-8', '-t', 'yard/submit/frame', '-m', JSON.stringify(said)]);
  const lineOf = (topic: string) => heard.split('\n').find((line) => line.startsWith(`${topic} `));
  const saidOn = async (topic: string): Promise<unknown> => {
    await expect.poll(() => lineOf(topic)).toBeDefined();
    return JSON.parse(lineOf(topic)?.slice(topic.length) ?? '');
  };

  beforeAll(async () => {
    cluster = new TestCluster(await testBroker({ ports: { ...freePorts, mqtt: 'free' } }));
    await cluster.master();
    await cluster.work([defineJob({ type: 'frame', payload: z.object({ frame: z.number() }), run: () => 'done' })]);
    const topics = ['-t', 'yard/ack/camera-8/+', '-t', 'yard/event/default/frame/#'];
    const wall = [...at(), '-i', 'wall', '-c', ...topics];
    // It leaves once it is subscribed; its session hears on, and is told to who comes back to it.
    await run(subscriber ?? '', [...wall, '-E']);
    listener = spawn(subscriber ?? '', [...wall, '-v'], { stdio: ['ignore', 'pipe', 'inherit'] });
    listener.stdout?.setEncoding('utf8').on('data', (text: string) => (heard += text));
  });

  afterAll(async () => {
    const gone = listener && once(listener, 'exit');
    listener?.kill();
    await gone;
    await cluster?.[Symbol.asyncDispose]();
  });

  test('a job is submitted, acknowledged to its client, and each of its states is heard', async () => {
    await submit({ payload: { frame: 1 }, options: { id: 'by-mosquitto', ref: 'camera-8/r1' } });
    expect(await saidOn('yard/ack/camera-8/r1')).toMatchObject({ id: 'by-mosquitto', state: 'pending' });
    const completed = await saidOn('yard/event/default/frame/completed/by-mosquitto');
    expect(completed).toMatchObject({ transition: { to: 'completed' } });
  });

  test('what can be no job is told why', async () => {
    await submit({ payload: { frame: 2 }, options: { priority: 'hihg', ref: 'camera-8/r2' } });
    expect(await saidOn('yard/ack/camera-8/r2')).toMatchObject({ rejected: expect.stringContaining('hihg') });
  });
});
