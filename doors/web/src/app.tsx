/**
 * The frame around all pages: where one can go, who leads, whether what is shown is fresh.
 */

import { useEffect, useState } from 'preact/hooks';
import { ErrorBoundary, LocationProvider, lazy, Route, Router, useLocation } from 'preact-iso';
import { ask, signedOut } from './ask.ts';
import { useAsked } from './asked.ts';
import { useFocus } from './focus.ts';
import { useKeys } from './keys.ts';
import { heardAt, link } from './live.ts';
import { duration, isUtc, moment, toggleUtc } from './moment.ts';
import { Audit } from './page/audit.tsx';
import { Dead } from './page/dead.tsx';
import { Jobs } from './page/jobs.tsx';
import { Overview } from './page/overview.tsx';
import { Queues } from './page/queues.tsx';
import { Rejected } from './page/rejected.tsx';
import { Schedules } from './page/schedules.tsx';
import { SignIn } from './page/sign-in.tsx';
import { openPalette } from './palette/open.ts';
import { Palette } from './palette/palette.tsx';
import { Shortcuts } from './palette/shortcuts.tsx';
import { Toasts } from './part/toast.tsx';
import { base, groups, places, type Spot } from './place.ts';
import { learnSession, may, roleName, session } from './role.ts';
import { isDark, toggleTheme } from './theme.ts';
import { useTitleOf } from './title.ts';

const Machines = lazy(() => import('./page/machines.tsx').then(({ Machines: page }) => page));
const Masters = lazy(() => import('./page/masters.tsx').then(({ Masters: page }) => page));
const Workers = lazy(() => import('./page/workers.tsx').then(({ Workers: page }) => page));
const Schedule = lazy(() => import('./page/schedule.tsx').then(({ Schedule: page }) => page));
const NewSchedule = lazy(() => import('./page/schedule.tsx').then(({ NewSchedule: page }) => page));
const Submit = lazy(() => import('./page/submit.tsx').then(({ Submit: page }) => page));
const Workflows = lazy(() => import('./page/workflows.tsx').then(({ Workflows: page }) => page));
const Workflow = lazy(() => import('./page/workflow.tsx').then(({ Workflow: page }) => page));
const About = lazy(() => import('./page/about.tsx').then(({ About: page }) => page));
const Transcoding = lazy(() => import('./page/transcoding.tsx').then(({ Transcoding: page }) => page));
const Job = lazy(() => import('./page/job.tsx').then(({ Job: page }) => page));

export function App() {
  if (signedOut.value) return <SignIn />;
  return (
    <LocationProvider scope={base}>
      <Frame />
    </LocationProvider>
  );
}

function Frame() {
  const { path } = useLocation();
  const page = useFocus(path);
  useKeys();
  useTitleOf(path);
  useEffect(() => void learnSession(), []);
  return (
    <div class="frame">
      <a class="skip" href="#page">
        To the page
      </a>
      <Navigation path={path} />
      <main ref={page} id="page" tabIndex={-1}>
        <Freshness />
        <ErrorBoundary>
          <Router>
            <Route path={`${base}/`} component={Overview} />
            <Route path={`${base}/jobs`} component={Jobs} />
            <Route path={`${base}/jobs/:id`} component={Job} />
            <Route path={`${base}/submit`} component={Submit} />
            <Route path={`${base}/workflows`} component={Workflows} />
            <Route path={`${base}/workflows/:id`} component={Workflow} />
            <Route path={`${base}/machines`} component={Machines} />
            <Route path={`${base}/transcoding`} component={Transcoding} />
            <Route path={`${base}/queues`} component={Queues} />
            <Route path={`${base}/workers`} component={Workers} />
            <Route path={`${base}/masters`} component={Masters} />
            <Route path={`${base}/schedules`} component={Schedules} />
            <Route path={`${base}/schedules/new`} component={NewSchedule} />
            <Route path={`${base}/schedules/:name`} component={Schedule} />
            <Route path={`${base}/dead`} component={Dead} />
            <Route path={`${base}/rejected`} component={Rejected} />
            <Route path={`${base}/audit`} component={Audit} />
            <Route path={`${base}/about`} component={About} />
            <Route default component={Nowhere} />
          </Router>
        </ErrorBoundary>
      </main>
      <Palette />
      <Shortcuts />
      <Toasts />
    </div>
  );
}

function Navigation({ path }: { path: string }) {
  const [isOpen, setOpen] = useState(false);
  useEffect(() => setOpen(false), [path]);
  return (
    <nav aria-label="Pages" class={isOpen ? 'open' : ''}>
      <a class="brand" href={`${base}/`}>
        <img src={`${base}/icon.svg`} alt="" width="26" height="26" /> Yardmaster
      </a>
      <button type="button" class="menu" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        Menu
      </button>
      <button type="button" class="find" onClick={() => openPalette('commands')}>
        Find … <kbd>Ctrl K</kbd>
      </button>
      <div class="places">
        {groups.map((group) => (
          <Group key={group} name={group} path={path} />
        ))}
      </div>
      <footer>
        <SignOut />
        <a href="/docs">API</a>
        <button
          type="button"
          onClick={toggleUtc}
          aria-pressed={isUtc.value}
          title="Moments in UTC, not as how long ago"
        >
          UTC
        </button>
        <button type="button" onClick={toggleTheme} aria-pressed={isDark.value}>
          Dark
        </button>
      </footer>
    </nav>
  );
}

function Group({ name, path }: { name: Spot['group']; path: string }) {
  const open = places.filter(
    ({ group, needs }) => group === name && (needs === undefined || session.value === undefined || may(needs)),
  );
  return (
    <section aria-label={name}>
      <h2>{name}</h2>
      <ul>
        {open.map(({ path: to, name: page, key }) => (
          <li key={to}>
            <a href={`${base}${to}`} aria-current={isAt(path, to) ? 'page' : undefined} title={`g ${key}`}>
              {page}
            </a>
          </li>
        ))}
      </ul>
    </section>
  );
}

function isAt(path: string, to: string): boolean {
  return to === '/' ? path === `${base}/` || path === base : path.startsWith(`${base}${to}`);
}

/** Where one had to sign in. */
function SignOut() {
  const known = session.value;
  if (known === undefined || known.isOpen) return null;
  const signOut = async () => {
    await ask('/v1/session', { method: 'DELETE' });
    session.value = undefined;
    signedOut.value = true;
  };
  const whose = known.tenant === undefined ? '' : ` of the tenant ${known.tenant}`;
  return (
    <>
      <span class="badge role" title={`Signed in as ${known.name}${whose}, with ${known.scopes.join(', ')}`}>
        {roleName()}
      </span>
      <button type="button" title={`Signed in as ${known.name}`} onClick={() => void signOut()}>
        Sign out
      </button>
    </>
  );
}

function Nowhere() {
  return (
    <>
      <h1>No such page</h1>
      <p class="empty">
        There is nothing at this address. <a href={`${base}/`}>Go to the overview</a>
      </p>
    </>
  );
}

/** Says so where what is shown may be old, or nobody leads. */
function Freshness() {
  const { answer, problem, at } = useAsked<{ leader?: { name: string } }>('/v1/cluster', 2_000);
  const now = useNow(1_000);
  if (problem?.code === 'link.lost' || link.value === 'lost') {
    const since = Math.max(at, heardAt.value);
    return (
      <p class="banner bad" role="alert">
        The link to this master is lost. What you see is of {moment(since).slice(11, 19)}, {duration(now - since)} old;
        it is asked again and again.
      </p>
    );
  }
  if (answer !== undefined && answer.leader === undefined)
    return (
      <p class="banner bad" role="alert">
        No master leads at the moment: jobs that run go on, and no others start.
      </p>
    );
  return null;
}

function useNow(everyMs: number): number {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = window.setInterval(() => setNow(Date.now()), everyMs);
    return () => window.clearInterval(timer);
  }, [everyMs]);
  return now;
}
