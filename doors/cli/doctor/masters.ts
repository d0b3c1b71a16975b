/**
 * Checks of the masters: whether one leads, whether another could, whether what they see is whole, and whether their clocks
 * and versions agree.
 */

import { durationText } from '../../../cluster/settings.ts';
import type { MasterView } from '../../../sdk/index.ts';
import { about, type Check, counted, fail, named, ok, skip, type Verdict, warn } from './check.ts';
import type { Findings } from './findings.ts';

export const masterChecks: readonly Check[] = [
  {
    area: 'masters',
    name: 'leader',
    expected: 'a master that leads, since nothing is scheduled without',
    judge: ({ masters }) => about(masters, leader),
  },
  {
    area: 'masters',
    name: 'standby',
    expected: 'a second master, to lead when the first one dies',
    judge: standby,
  },
  {
    area: 'masters',
    name: 'feed',
    expected: 'masters whose picture of all jobs is less than 2 s old',
    judge: ({ masters }) =>
      about(masters, (all) => {
        const late = all.filter(({ behindMs }) => behindMs > 2_000);
        if (all.length === 0) return skip('no master answers');
        if (late.length === 0) return ok('they are up to date');
        const words = late.map(({ name, behindMs }) => `${name} is ${durationText(behindMs)} behind`);
        return fail(named(words), 'look at the network between master and broker, and at the load of its machine');
      }),
  },
  {
    area: 'masters',
    name: 'master-clocks',
    expected: 'clocks within a second of the broker, and broker time known to 5 s',
    judge: ({ masters }) => about(masters, clocks),
  },
  {
    area: 'masters',
    name: 'versions',
    expected: 'masters, workers and this command of one version',
    judge: versions,
  },
  {
    area: 'masters',
    name: 'newer-records',
    expected: 'no jobs that only a newer master can move',
    judge: ({ cluster }) =>
      about(cluster, (view) => {
        if (view === undefined) return skip('nobody leads');
        const { leftToNewer = 0 } = view;
        if (leftToNewer === 0) return ok('none');
        return fail(`${counted(leftToNewer, 'job')} that a newer version wrote`, 'upgrade the masters to that version');
      }),
  },
];

function leader(masters: readonly MasterView[]): Verdict {
  const leads = masters.find((each) => each.leads);
  if (leads !== undefined) return ok(`${leads.name} leads, term ${leads.term ?? '?'}`);
  if (masters.length === 0) return fail('no master answers', 'yard master');
  const names = named(masters.map(({ name }) => name));
  return fail(
    `${names} ${masters.length === 1 ? 'answers and does' : 'answer and do'} not lead`,
    'look for `master.unfit` and `process.failed` in the log of a master',
  );
}

/** Of a cluster on one machine nobody expects that it survives the machine. */
function standby({ masters, here }: Findings): Verdict {
  return about(masters, (all) => {
    const names = all.filter(({ leads }) => !leads).map(({ name }) => name);
    if (all.length === 0) return skip('no master answers');
    if (names.length > 0) return ok(`${named(names)} ${names.length === 1 ? 'stands' : 'stand'} by`);
    const isHere = here.isKnown && here.value !== undefined;
    return isHere
      ? ok('none, on one machine; `yard up --masters 2` has one')
      : warn('nobody stands by', 'yard master, on another machine');
  });
}

function clocks(masters: readonly MasterView[]): Verdict {
  if (masters.length === 0) return skip('no master answers');
  const unsure = masters.filter(({ clock }) => clock.uncertaintyMs > 5_000);
  if (unsure.length > 0)
    return fail(
      `broker time is uncertain at ${named(unsure.map(({ name }) => name))}`,
      'look at the network between it and the broker',
    );
  const wrong = masters.filter(({ clock }) => Math.abs(clock.skewMs) > 1_000);
  if (wrong.length === 0) return ok('they agree');
  const words = wrong.map(({ name, clock }) => `${name} is off by ${durationText(Math.abs(clock.skewMs))}`);
  return warn(named(words), 'set its clock, such as with chrony: times in its own log are wrong, and nothing else');
}

function versions({ masters, cluster, version }: Findings): Verdict {
  return about(masters, (all) => {
    const workers = cluster.isKnown ? (cluster.value?.workers ?? []) : [];
    const living = workers.filter(({ status }) => status !== 'lost' && status !== 'offline');
    const byVersion = new Map<string, string[]>();
    for (const each of [...all, ...living, { name: 'this command', version }])
      byVersion.set(each.version, [...(byVersion.get(each.version) ?? []), each.name]);
    if (byVersion.size === 1) return ok(version);
    const words = [...byVersion].map(([of, names]) => `${of} (${named(names)})`).join('; ');
    return warn(words, 'upgrade workers first, then masters, then whoever submits (docs/operations.md, Upgrades)');
  });
}
