/**
 * Where an operation is asked for over NATS: the end of its subject, such as `jobs.submit`, made from its path.
 *
 * The noun, then what the path says behind it, or else the verb of its id: `POST /v1/jobs/{id}/cancel` is `jobs.cancel`, `GET
 * /v1/jobs` is `jobs.list`. A broker's permissions name subjects, so what each of them opens stands here too, in words;
 * `test/doors/auth.test.ts` holds it against the operations.
 */

import type { Lock, Operation } from './operation.ts';

/** What each subject asks of whoever says something there. */
export const subjects: Readonly<Record<string, Lock['needs']>> = {
  audit: 'read',
  'audit.log': 'admin',
  'bulk.abort': 'operate',
  'bulk.count': 'read',
  'bulk.get': 'read',
  'bulk.list': 'read',
  'bulk.start': 'operate',
  'brokers.get': 'read',
  'cluster.get': 'read',
  'dead.groups': 'read',
  'dead.jobs': 'read',
  'dead.list': 'read',
  'dead.redrive': 'operate',
  health: 'nothing',
  'jobs.actions': 'operate',
  'jobs.batch': 'submit',
  'jobs.cancel': 'operate',
  'jobs.get': 'read',
  'jobs.hold': 'operate',
  'jobs.inputs': 'read',
  'jobs.inputs.put': 'submit',
  'jobs.list': 'read',
  'jobs.logs': 'read',
  'jobs.move': 'operate',
  'jobs.outputs': 'read',
  'jobs.prioritise': 'operate',
  'jobs.redrive': 'operate',
  'jobs.release': 'operate',
  'jobs.reschedule': 'operate',
  'jobs.result': 'read',
  'jobs.retry': 'operate',
  'jobs.secrets': 'admin',
  'jobs.submit': 'submit',
  'jobs.why': 'read',
  'limits.delete': 'operate',
  'limits.list': 'read',
  'limits.set': 'operate',
  'machines.get': 'read',
  'machines.list': 'read',
  'masters.list': 'read',
  'masters.step-down': 'admin',
  'masters.terms': 'read',
  'prometheus.targets': 'read',
  'queues.get': 'read',
  'queues.list': 'read',
  'queues.pause': 'operate',
  'queues.resume': 'operate',
  'queues.set': 'operate',
  ready: 'nothing',
  'rejected.list': 'read',
  scale: 'read',
  'schedules.add': 'operate',
  'schedules.delete': 'operate',
  'schedules.edit': 'operate',
  'schedules.get': 'read',
  'schedules.history': 'read',
  'schedules.list': 'read',
  'schedules.pause': 'operate',
  'schedules.preview': 'read',
  'schedules.resume': 'operate',
  'schedules.run': 'operate',
  'stats.get': 'read',
  'stats.lanes': 'read',
  'tenants.list': 'read',
  'tenants.set': 'operate',
  'tokens.create': 'admin',
  'tokens.list': 'admin',
  'tokens.revoke': 'admin',
  'tokens.rotate': 'admin',
  'types.get': 'read',
  'types.list': 'read',
  'webhooks.add': 'operate',
  'webhooks.get': 'operate',
  'webhooks.list': 'read',
  'webhooks.remove': 'operate',
  'webhooks.test': 'operate',
  'workers.drain': 'operate',
  'workers.get': 'read',
  'workers.list': 'read',
  'workers.undrain': 'operate',
  'workflows.cancel': 'operate',
  'workflows.get': 'read',
  'workflows.list': 'read',
  'workflows.redrive': 'operate',
  'workflows.submit': 'submit',
};

/** The subjects that need one of these. */
export function subjectsThatNeed(...needs: readonly Lock['needs'][]): readonly string[] {
  return Object.keys(subjects).filter((each) => needs.some((need) => need === subjects[each]));
}

/** `jobs.submit`, for `yard.api.jobs.submit`. */
export function subjectOf({ path, id, takesBytes }: Pick<Operation, 'path' | 'id' | 'takesBytes'>): string {
  const [noun = '', ...more] = path.replace(/^\/v1/, '').split('/').slice(1);
  const said = more.filter((part) => !part.startsWith('{'));
  const verb = /^[a-z]+/.exec(id)?.[0] ?? id;
  if (said.length > 0) return [noun, ...said, ...(takesBytes === true ? [verb] : [])].join('.');
  return verb === noun ? noun : `${noun}.${verb}`;
}
