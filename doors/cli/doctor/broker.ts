/**
 * Checks of the brokers: whether one answers and lets us in, whether it can do what is asked of it, and how full it is.
 * A broker of one's own may have limits that ours has not; what only its monitoring shows is asked there.
 */

import { type BrokerProbe, brokerVersions } from '../../../cluster/checkup.ts';
import type { BrokersView } from '../../../sdk/index.ts';
import { about, type Check, counted, fail, named, ok, skip, type Verdict, warn } from './check.ts';
import type { Findings } from './findings.ts';

const mebibyte = 1_048_576;

export const brokerChecks: readonly Check[] = [
  {
    area: 'broker',
    name: 'broker',
    expected: 'a broker that answers',
    judge: answers,
  },
  {
    area: 'broker',
    name: 'sign-in',
    expected: 'a broker that takes these credentials',
    judge: ({ broker }) => {
      if (broker.isKnown) return ok('let in');
      if (broker.code !== 'broker.unauthorized') return skip('no broker to sign in to');
      return fail(broker.why, 'give `--creds FILE`, `--nkey FILE`, `--user` or `--token`, or `yard context use NAME`');
    },
  },
  {
    area: 'broker',
    name: 'broker-version',
    expected: `nats-server ${brokerVersions.oldest} or newer; ${brokerVersions.inCluster} or newer in a cluster`,
    judge: ({ broker }) => about(broker, version),
  },
  {
    area: 'broker',
    name: 'jetstream',
    expected: 'a broker with JetStream',
    judge: ({ broker }) =>
      about(broker, ({ hasJetStream }) =>
        hasJetStream ? ok('there') : fail('JetStream is off', 'add `jetstream {}` to its configuration'),
      ),
  },
  {
    area: 'broker',
    name: 'max-payload',
    expected: '`max_payload` of 1 MiB, and 512 KiB at least',
    judge: ({ broker }) => about(broker, maxPayload),
  },
  {
    area: 'broker',
    name: 'permissions',
    expected: 'the right to see our streams',
    judge: ({ broker }) => about(broker, permissions),
  },
  {
    area: 'broker',
    name: 'streams',
    expected: 'every stream and bucket, set up as it must be',
    judge: ({ broker }) => about(broker, streams),
  },
  {
    area: 'broker',
    name: 'brokers',
    expected: 'all brokers that keep the jobs to be there and to have them all',
    judge: replicas,
  },
  {
    area: 'broker',
    name: 'stuck-broker',
    expected: 'brokers that can write',
    judge: ({ monitoring }) => monitored(monitoring, stuck),
  },
  {
    area: 'broker',
    name: 'sync-interval',
    expected: '`sync_interval` of 10 s or less, since a power cut takes what was not forced to disk',
    judge: ({ monitoring }) => monitored(monitoring, syncs),
  },
  {
    area: 'broker',
    name: 'open-batches',
    expected: 'room for a batch of each process at once, on each stream',
    judge: (found) => monitored(found.monitoring, (all) => batches(all, found)),
  },
  {
    area: 'broker',
    name: 'store',
    expected: 'a store of jobs that is bounded and below 80 % of its bound',
    judge: ({ brokers }) => about(brokers, store),
  },
  {
    area: 'broker',
    name: 'account',
    expected: 'JetStream to have stored less than 80 % of what it may',
    judge: account,
  },
];

function answers({ broker, options }: Findings): Verdict {
  if (broker.isKnown) {
    const { address, version, roundTripMs } = broker.value;
    const met = `nats-server ${version} at ${address}, ${roundTripMs.toFixed(1)} ms away`;
    return roundTripMs > farMs
      ? warn(met, 'run masters near the broker, or with a longer `--leader-silence`')
      : ok(met);
  }
  if (!options.isKnown) return skip(broker.why);
  if (broker.code === 'broker.unauthorized') return ok('it answers, and turns us away');
  if (broker.code === 'option.invalid') return fail(broker.why, 'correct what it names');
  return fail(broker.why, 'yard up, or `--nats URL`, or `yard context use NAME`');
}

/** Answers that take longer may cost a leader its lease. */
const farMs = 200;

function version({ version: met, isKnown, isAdvised }: BrokerProbe): Verdict {
  const cure = `upgrade nats-server, one broker at a time (\`yard broker restart\`, docs/operations.md)`;
  if (!isKnown) return fail(`nats-server ${met}`, cure);
  if (!isAdvised) return warn(`nats-server ${met} in a cluster, which is known to lose races there`, cure);
  return ok(`nats-server ${met}`);
}

function maxPayload({ maxPayload: bytes }: BrokerProbe): Verdict {
  const cure = 'set `max_payload: 1MB` in the configuration of the broker';
  if (bytes < 512 * 1_024) return fail(`${Math.round(bytes / 1_024)} KiB: mail to workers may not pass`, cure);
  const met = `${Math.round(bytes / 1_024)} KiB`;
  return bytes < mebibyte ? warn(met, cure) : ok(met);
}

function permissions({ blindness, hasJetStream }: BrokerProbe): Verdict {
  if (!hasJetStream) return skip('no JetStream to ask');
  if (blindness === undefined) return ok('they are seen');
  if (blindness.code !== 'broker.unauthorized') return skip(blindness.message);
  return fail(blindness.message, 'give this user what `yard auth nats` prints for its role');
}

function streams({ streams: met, blindness, hasJetStream }: BrokerProbe): Verdict {
  if (!hasJetStream) return skip('no JetStream to keep them');
  if (blindness?.code === 'broker.unauthorized') return skip('they cannot be seen');
  if (blindness !== undefined) return fail(blindness.message, 'look into the log of the broker');
  const missing = met.filter(({ isMissing }) => isMissing).map(({ stream }) => stream);
  if (missing.length === met.length) return fail('none: no cluster was ever started here', 'yard master');
  if (missing.length > 0)
    return fail(
      `missing: ${named(missing)}`,
      'restart a master, which makes them; `yard restore FILE` brings jobs back',
    );
  const differing = met.flatMap(({ stream, differing: fields }) => fields.map((field) => `${field} of ${stream}`));
  if (differing.length > 0)
    return fail(`set otherwise: ${named(differing)}`, 'restart a master: it sets them, or says why it cannot');
  return ok(`all ${met.length}`);
}

function replicas({ broker, brokers }: Findings): Verdict {
  const isLeaderless = broker.isKnown && !brokers.isKnown && brokers.code === 'broker.unavailable';
  if (isLeaderless) return fail(`none of them leads the jobs: ${brokers.why}`, 'start the brokers that are away');
  return about(brokers, attendance);
}

function attendance({ all, current, brokers }: BrokersView): Verdict {
  if (all === 1) return ok('one broker keeps them');
  if (current === all) return ok(`${current} of ${all}`);
  const behind = brokers
    .filter(({ isCurrent }) => !isCurrent)
    .map(({ name, isAway }) => `${name} is ${isAway ? 'away' : 'behind'}`);
  const judge = current * 2 > all ? warn : fail;
  return judge(
    `${current} of ${all} have all jobs: ${named(behind)}`,
    'start what is away; `yard broker list` shows when it has caught up',
  );
}

type Monitoring = Extract<Findings['monitoring'], { isKnown: true }>['value'];

/** What only monitoring shows. */
function monitored(known: Findings['monitoring'], judge: (all: Monitoring) => Verdict): Verdict {
  return about(known, (all) => {
    if (all.length === 0) return skip('no monitoring is known; give `--nats-monitoring URL`');
    const silent = all.flatMap(({ silence }) => silence ?? []);
    return silent.length === all.length ? skip(named(silent)) : judge(all);
  });
}

function stuck(all: Monitoring): Verdict {
  const met = all.flatMap(({ url, sight, stuck: why }) => (why === undefined ? [] : [`${sight?.name ?? url}: ${why}`]));
  if (met.length === 0) return ok('they can');
  return fail(named(met), 'make room on its disk, then restart it');
}

function syncs(all: Monitoring): Verdict {
  const spans = all.flatMap(({ sight }) => sight?.syncMs ?? []);
  if (spans.length === 0) return skip('it has no JetStream');
  const longest = Math.max(...spans);
  if (longest === 0) return ok('always, which stores some 2,000 jobs a second');
  const met = longest < 1_000 ? `${longest} ms` : `${longest / 1_000} s`;
  if (longest <= 10_000) return ok(met);
  return warn(
    `${met}, as nats-server has it unless told`,
    'set `jetstream { sync_interval: "1s" }` in its configuration',
  );
}

/** What a server allows that does not say. */
const usualBatches = 50;

function batches(all: Monitoring, { cluster, masters }: Findings): Verdict {
  const least = Math.min(...all.map(({ sight }) => sight?.batches ?? usualBatches));
  const workers = cluster.isKnown ? (cluster.value?.workers.length ?? 0) : 0;
  const processes = workers + (masters.isKnown ? masters.value.length : 0);
  const met = `${least} may be open on a stream, for ${counted(processes, 'process', 'processes')} and whoever submits`;
  if (least >= 2 * processes + 10) return ok(met);
  return warn(
    met,
    'set `jetstream { limits { batch { max_inflight_per_stream: 1000, timeout: "2s" } } }` (nats-server 2.14)',
  );
}

function store({ store: space }: BrokersView): Verdict {
  const raise =
    'shorten `--retention` or `--retention-count` of masters and workers, or raise the bound: `nats stream edit KV_yard_jobs --max-bytes 20GB`';
  if (space === undefined)
    return warn('nothing bounds it: a full disk stops the broker', 'nats stream edit KV_yard_jobs --max-bytes 20GB');
  const percent = Math.round((100 * space.bytes) / space.most);
  const met = `${percent} % of ${Math.round(space.most / mebibyte)} MiB`;
  const cure = space.by === 'disk' ? 'make room on the disk of the broker' : raise;
  if (percent >= 90) return fail(`${met}: new jobs are refused`, cure);
  return percent >= 80 ? warn(`${met}; new jobs are refused at 90 %`, cure) : ok(met);
}

function account({ broker, monitoring }: Findings): Verdict {
  return about(broker, ({ account: found }) => {
    const servers = monitoring.isKnown ? monitoring.value.flatMap(({ sight }) => sight ?? []) : [];
    const shares = [
      ...(found?.most === undefined ? [] : [found.storage / found.most]),
      ...servers.flatMap(({ stored, most }) =>
        stored === undefined || most === undefined || most <= 0 ? [] : [stored / most],
      ),
    ];
    if (shares.length === 0) return skip('nothing bounds it, or it cannot be seen');
    const percent = Math.round(100 * Math.max(...shares));
    const met = `${percent} % of what it may`;
    const cure = 'raise `max_file_store` in the configuration of the broker, or the limit of the account';
    if (percent >= 95) return fail(met, cure);
    return percent >= 80 ? warn(met, cure) : ok(met);
  });
}
