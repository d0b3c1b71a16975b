/**
 * The frame around all pages: where one can go, who leads, whether what is shown is fresh.
 */

import { useEffect } from 'preact/hooks';
import { ErrorBoundary, LocationProvider, lazy, Route, Router, useLocation } from 'preact-iso';
import { ask, signedOut } from './ask.ts';
import { useAsked } from './asked.ts';
import { link } from './live.ts';
import { isUtc, toggleUtc } from './moment.ts';
import { Audit } from './page/audit.tsx';
import { Dead } from './page/dead.tsx';
import { Jobs } from './page/jobs.tsx';
import { Masters } from './page/masters.tsx';
import { Overview } from './page/overview.tsx';
import { Queues } from './page/queues.tsx';
import { Rejected } from './page/rejected.tsx';
import { Schedules } from './page/schedules.tsx';
import { SignIn } from './page/sign-in.tsx';
import { Workers } from './page/workers.tsx';
import { isDark, toggleTheme } from './theme.ts';

const Machines = lazy(() => import('./page/machines.tsx').then(({ Machines: page }) => page));
const Schedule = lazy(() => import('./page/schedule.tsx').then(({ Schedule: page }) => page));
const NewSchedule = lazy(() => import('./page/schedule.tsx').then(({ NewSchedule: page }) => page));
const Submit = lazy(() => import('./page/submit.tsx').then(({ Submit: page }) => page));
const Job = lazy(() => import('./page/job.tsx').then(({ Job: page }) => page));

const base = '/console';

const places = [
  { path: '/', name: 'Overview', key: 'o' },
  { path: '/jobs', name: 'Jobs', key: 'j' },
  { path: '/submit', name: 'Submit', key: 'n' },
  { path: '/machines', name: 'Machines', key: 'm' },
  { path: '/queues', name: 'Queues', key: 'q' },
  { path: '/workers', name: 'Workers', key: 'w' },
  { path: '/masters', name: 'Masters', key: 'l' },
  { path: '/schedules', name: 'Schedules', key: 's' },
  { path: '/dead', name: 'Dead letter', key: 'd' },
  { path: '/rejected', name: 'Rejected', key: 'r' },
  { path: '/audit', name: 'Audit', key: 'a' },
];

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
  useKeys();
  return (
    <div class="frame">
      <a class="skip" href="#page">
        To the page
      </a>
      <nav aria-label="Pages">
        <a class="brand" href={`${base}/`}>
          <img src={`${base}/icon.svg`} alt="" width="26" height="26" /> Yardmaster
        </a>
        <ul>
          {places.map(({ path: to, name, key }) => (
            <li key={to}>
              <a href={`${base}${to}`} aria-current={isAt(path, to) ? 'page' : undefined} title={`g ${key}`}>
                {name}
              </a>
            </li>
          ))}
        </ul>
        <footer>
          <a href="/docs">API</a>
          <SignOut />
          <button type="button" onClick={toggleUtc} aria-pressed={isUtc.value}>
            UTC
          </button>
          <button type="button" onClick={toggleTheme} aria-pressed={isDark.value}>
            Dark
          </button>
        </footer>
      </nav>
      <main id="page" tabIndex={-1}>
        <Freshness />
        <ErrorBoundary>
          <Router>
            <Route path={`${base}/`} component={Overview} />
            <Route path={`${base}/jobs`} component={Jobs} />
            <Route path={`${base}/jobs/:id`} component={Job} />
            <Route path={`${base}/submit`} component={Submit} />
            <Route path={`${base}/machines`} component={Machines} />
            <Route path={`${base}/queues`} component={Queues} />
            <Route path={`${base}/workers`} component={Workers} />
            <Route path={`${base}/masters`} component={Masters} />
            <Route path={`${base}/schedules`} component={Schedules} />
            <Route path={`${base}/schedules/new`} component={NewSchedule} />
            <Route path={`${base}/schedules/:name`} component={Schedule} />
            <Route path={`${base}/dead`} component={Dead} />
            <Route path={`${base}/rejected`} component={Rejected} />
            <Route path={`${base}/audit`} component={Audit} />
            <Route default component={Nowhere} />
          </Router>
        </ErrorBoundary>
      </main>
    </div>
  );
}

function isAt(path: string, to: string): boolean {
  return to === '/' ? path === `${base}/` || path === base : path.startsWith(`${base}${to}`);
}

/** Where one had to sign in. */
function SignOut() {
  const { answer } = useAsked<{ isOpen: boolean; name: string }>('/v1/session', 60_000);
  if (answer === undefined || answer.isOpen) return null;
  const signOut = async () => {
    await ask('/v1/session', { method: 'DELETE' });
    signedOut.value = true;
  };
  return (
    <button type="button" title={`Signed in as ${answer.name}`} onClick={() => void signOut()}>
      Sign out
    </button>
  );
}

function Nowhere() {
  return <p class="empty">There is no such page. Choose one on the left.</p>;
}

/** Says so where what is shown may be old, or nobody leads. */
function Freshness() {
  const { answer, problem } = useAsked<{ leader?: { name: string } }>('/v1/cluster', 3_000);
  if (problem?.code === 'link.lost' || link.value === 'lost')
    return (
      <p class="banner bad" role="alert">
        This master does not answer; what you see is old. It is asked again and again.
      </p>
    );
  if (answer !== undefined && answer.leader === undefined)
    return (
      <p class="banner bad" role="alert">
        No master leads at the moment: jobs that run go on, and no others start.
      </p>
    );
  return null;
}

/** `g` and a letter goes to a page, `/` to the search. */
function useKeys(): void {
  const { route } = useLocation();
  useEffect(() => {
    let isGoing = false;
    const onKey = (event: KeyboardEvent) => {
      if (isTyping(event) || event.ctrlKey || event.metaKey || event.altKey) return;
      const place = isGoing ? places.find(({ key }) => key === event.key) : undefined;
      isGoing = event.key === 'g';
      if (place !== undefined) route(`${base}${place.path}`);
      if (event.key !== '/') return;
      event.preventDefault();
      const search = document.querySelector<HTMLInputElement>('input[type=search]');
      if (search === null) route(`${base}/jobs`);
      else search.focus();
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, [route]);
}

function isTyping({ target }: KeyboardEvent): boolean {
  return (
    target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement
  );
}
