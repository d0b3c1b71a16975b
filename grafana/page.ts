/**
 * `docs/observability.md`: what to look at, which alert says what, and the names of other schedulers.
 */

import { compatMetrics, compatSamples } from '../runtime/telemetry/compat.ts';
import { type AlertSpec, alerts } from './alerts.ts';
import { dashboards } from './dashboards.ts';
import type { DashboardSpec, PanelSpec } from './panel.ts';

/** What an operator asks at 3 a.m., and the panels of the Overview that answer it. */
export const questions: readonly { question: string; panels: readonly string[]; next: string }[] = [
  {
    question: 'Is there a leader, and is it scheduling?',
    panels: ['Leaders', 'Scheduler passes'],
    next: '`yard master list`',
  },
  {
    question: 'Which queue is behind, and how old is its oldest job?',
    panels: ['Queue depth per lane', 'Oldest job per lane'],
    next: '`yard queue list`',
  },
  {
    question: 'Are workers alive, which have lost their heartbeat?',
    panels: ['Workers by status', 'Heartbeat age'],
    next: '`yard worker list`',
  },
  {
    question: 'What fails, and since when?',
    panels: ['Failed in 15 minutes', 'Failing types', 'Success and failure'],
    next: '`yard dead groups`, which groups errors by what they say',
  },
  {
    question: 'Why do jobs not start?',
    panels: ['Why jobs wait', 'Slots in use'],
    next: '`yard job why ID`, for one job',
  },
  {
    question: 'Is the broker well, and did the leader change?',
    panels: ['Broker', 'Leaders'],
    next: '`yard status`; red lines across all panels are failovers',
  },
];

export function observabilityPage(): string {
  return `# Seeing what it does

Generated from \`grafana/\`; do not edit it by hand.

Each master and worker serves its metrics at \`/metrics\`, in the text format, or as OpenMetrics with the job as exemplar where that is
asked for. [telemetry.md](telemetry.md) lists all of them. Prometheus finds processes by itself: \`grafana/prometheus.yml\` asks
\`/v1/prometheus/targets\` of a master. \`deploy/compose.yaml\` starts all of it with Docker, and Jaeger
for [traces](traces.md); \`docker-compose config\` reads it, and it was never tried with Docker.

Counters of jobs and attempts stand at 0 for each type that a worker brings, in each lane in which jobs were seen, so that \`rate()\` and
\`increase()\` see what happens first, too. What nobody can know is absent, never 0. Of a worker that has left nothing is served any more; of one
that was killed only for how long it has been silent, until another one has its name, or for ten minutes.

To try it here, with Prometheus on this machine:

\`\`\`sh
yard up
prometheus --config.file=grafana/prometheus.yml
\`\`\`

## At 3 a.m.

The Overview answers these in one look:

| question | panels | then |
|---|---|---|
${questions.map(({ question, panels, next }) => `| ${question} | ${panels.join(', ')} | ${next} |`).join('\n')}

## Dashboards

Grafana reads them from \`grafana/dashboards/\` (\`grafana/provisioning/\` says so). The value of each was compared with an independent
count on a running cluster with a real Prometheus, those of GPUs with a driver that was played; the files agree with the types of Grafana's own SDK. They were
never opened in a real Grafana: the pictures are drawn from the same files by \`test/grafana/pictures.ts\`. A panel marked * is empty until there is something to show;
those of VMAF and of pixels a joule were never seen with data, since the ffmpeg that comes along cannot measure VMAF.

${dashboards.map(dashboardPart).join('\n')}
## What it costs

\`npm run bench -- cost\`: bursts of 20,000 jobs without anything, with metrics that are fetched each second, with traces as they are by default (20 a second and
process), and with every job traced, in five rounds of one each. What one round has is compared with what the same round did without, medians and ranges, on two
cores that did little else:

| | jobs a second, of what it is without | µs of CPU a job, master and three workers | of what it is without |
|---|---|---|---|
| without | 4,214 a second (4,086–5,217) | 272 (232–289) | |
| metrics | 1.01 (0.90–1.13) | 259 (253–321) | 0.98 (0.93–1.11) |
| traces | 0.95 (0.92–0.99) | 295 (250–299) | 1.07 (1.04–1.11) |
| every job traced | 0.74 (0.61–0.89) | 412 (344–428) | 1.48 (1.24–1.78) |

So metrics cost less than rounds differ by, and traces as they are by default about 5 %. Tracing every job is for finding out, not for always. On cores that
others kept busy (load 15 to 20, a burst of 1,000 to 1,800 jobs a second) metrics and traces each took 1.2 times the CPU: what is done once a second is shared
by fewer jobs there.

Webhooks, measured by the same command in a later run (three rounds of 5,000 jobs, the machine as busy), CPU time a job of the master, three workers and the one that
delivers: without 332 µs (268–424), with a webhook for jobs of another type 374 (364–400, 1.13 of it, 0.94–1.36), with one that is told of each job 458 (442–468,
1.41 of it, 1.08–1.65), as far as its deliveries ran within the burst: each is a job of its own, in a queue of its own, and most of them come after it.

## Alerts

\`grafana/alerts/yardmaster.yml\`; \`promtool test rules grafana/alerts/yardmaster.test.yml\` shows each of them firing, and not firing.

${alerts.map(alertPart).join('\n')}
## The names of other schedulers

With \`--metrics-compat\`, these are served too. Every value of a label that can be known is there from the start. Those that are \`gauge\`
are served by the leader alone. \`dlq_depth\` is counted by the view beside the leader, which is made for it: that reads every job once, and takes memory
([telemetry.md](telemetry.md), \`yard_dead_letter_jobs\`). Until it has, nobody knows, and nothing is said.

| metric | type | labels | |
|---|---|---|---|
${Object.entries({ ...compatMetrics, ...compatSamples })
  .map(([name, { type, labels, help }]) => `| \`${name}\` | ${type} | ${labels.join(', ')} | ${help} |`)
  .join('\n')}
`;
}

function dashboardPart({ uid, title, help, panels }: DashboardSpec): string {
  return `### ${title}

${help} \`grafana/dashboards/${uid}.json\`

![${title}](pictures/${uid}.png)

| panel | |
|---|---|
${panels.map(panelRow).join('\n')}
`;
}

function panelRow({ title, help, bad, needs }: PanelSpec): string {
  return `| ${title}${needs === undefined ? '' : ' *'} | ${help}${redWhen(bad)} |`;
}

function redWhen(bad: PanelSpec['bad']): string {
  if (bad === undefined) return '';
  return 'above' in bad ? ` Red from ${bad.above} on.` : ` Red below ${bad.below}.`;
}

function alertPart({ name, expr, for: held, severity, summary, action }: AlertSpec): string {
  return `### ${name}

${plain(summary)} ${action} (${severity}, after ${held})

\`\`\`promql
${expr}
\`\`\`
`;
}

/** Without what Prometheus fills in. */
function plain(summary: string): string {
  return summary.replaceAll(/ ?\{\{ \$labels\.(\w+) \}\}/g, ' `$1`');
}
