/**
 * Where the keyboard is, kept: who goes to another page goes on from its beginning, and when what had the focus goes away (a row that
 * no longer matches, a verb that is done, a question that was answered) it passes to what stands beside it.
 */

import { useEffect, useRef } from 'preact/hooks';

const reachable =
  'a[href], button:not(:disabled), input:not(:disabled), select:not(:disabled), textarea:not(:disabled)';

/** Of the page whose `main` gets what this returns. */
export function useFocus(path: string) {
  const page = useRef<HTMLElement>(null);
  const before = useRef(path);
  useEffect(() => {
    if (before.current === path) return;
    before.current = path;
    page.current?.focus({ preventScroll: true });
  }, [path]);
  useEffect(() => (page.current === null ? undefined : keepWithin(page.current)), []);
  return page;
}

function keepWithin(page: HTMLElement): () => void {
  /** What had it last, and what that lay in. */
  let holders: readonly Element[] = [];
  const onFocus = ({ target }: FocusEvent) => {
    if (target instanceof Element && target.closest('dialog') === null) holders = withHolders(target, page);
  };
  const onChange = () => {
    const [last, ...around] = holders;
    if (last === undefined || last.isConnected || document.activeElement !== document.body) return;
    const near = around.find((one) => one.isConnected && one !== page);
    (near?.querySelector<HTMLElement>(reachable) ?? page).focus({ preventScroll: true });
  };
  const changes = new MutationObserver(onChange);
  changes.observe(page, { childList: true, subtree: true });
  page.addEventListener('focusin', onFocus);
  return () => {
    changes.disconnect();
    page.removeEventListener('focusin', onFocus);
  };
}

function withHolders(from: Element, page: HTMLElement): readonly Element[] {
  const all: Element[] = [];
  for (let one: Element | null = from; one !== null && page.contains(one); one = one.parentElement) all.push(one);
  return all;
}
