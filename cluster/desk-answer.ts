/**
 * Answers of the leader's desk, typed again on this side of the wire.
 *
 * A leader of another version may answer otherwise: what is not as expected counts as no answer.
 */

import type { ClusterView, WorkerView } from '../actors/desk.ts';
import type { OpenCount } from '../actors/quota.ts';
import type { Advice } from '../actors/scale.ts';
import type { Why } from '../actors/why.ts';
import type { Desk } from '../runtime/ports.ts';

const answerWithinMs = 2_000;

/** The cluster as its leader sees it; `undefined` where nobody leads. */
export async function askCluster(desk: Desk): Promise<ClusterView | undefined> {
  const answer = await desk.ask('cluster', null, answerWithinMs);
  return isClusterView(answer) ? answer : undefined;
}

/** Why the job under `key` waits; `undefined` where nobody leads, or it does not wait. */
export async function askWhy(desk: Desk, key: string): Promise<Why | undefined> {
  const answer = await desk.ask('why', key, answerWithinMs);
  return isWhy(answer) ? answer : undefined;
}

/** How many workers are needed so that jobs start within `targetMs`; `undefined` where nobody leads. */
export async function askScale(desk: Desk, targetMs: number): Promise<Advice | undefined> {
  const answer = await desk.ask('scale', targetMs, answerWithinMs);
  return isAdvice(answer) ? answer : undefined;
}

/** How many jobs of a tenant are open; `undefined` where nobody leads, or who does knows no quotas. */
export async function askOpen(desk: Desk, tenant: string): Promise<OpenCount | undefined> {
  const answer = await desk.ask('open', tenant, answerWithinMs);
  return isOpenCount(answer) ? answer : undefined;
}

function isOpenCount(answer: unknown): answer is OpenCount {
  return isObject(answer) && typeof answer['open'] === 'number' && typeof answer['revision'] === 'number';
}

function isAdvice(answer: unknown): answer is Advice {
  return isObject(answer) && Array.isArray(answer['demands']) && Array.isArray(answer['idle']);
}

function isClusterView(answer: unknown): answer is ClusterView {
  if (!isObject(answer)) return false;
  const { leader, workers, byState, at, open } = answer;
  const isCounted = typeof at === 'number' && typeof open === 'number' && isObject(byState);
  return isObject(leader) && isCounted && Array.isArray(workers) && workers.every(isWorkerView);
}

function isWorkerView(worker: unknown): worker is WorkerView {
  if (!isObject(worker)) return false;
  const { incarnation, name, status, types, slots, jobs } = worker;
  const isNamed = typeof incarnation === 'string' && typeof name === 'string' && typeof status === 'string';
  return isNamed && typeof slots === 'number' && Array.isArray(types) && Array.isArray(jobs);
}

function isWhy(answer: unknown): answer is Why {
  return isObject(answer) && typeof answer['code'] === 'string' && typeof answer['sentence'] === 'string';
}

/** Whether somebody's answer is an object with named values. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
