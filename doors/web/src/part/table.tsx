/**
 * A table that scrolls by itself where it is wider than the page, by keys too.
 */

import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';

export interface TableProps {
  /** What it tells. */
  label: string;
  looks?: string;
  children: ComponentChildren;
}

export function Table({ label, looks, children }: TableProps) {
  const place = useRef<HTMLElement>(null);
  const [isWide, setWide] = useState(false);
  useEffect(() => {
    const frame = place.current;
    if (frame === null) return;
    const sizes = new ResizeObserver(() => setWide(frame.scrollWidth > frame.clientWidth));
    for (const one of [frame, ...frame.children]) sizes.observe(one);
    return () => sizes.disconnect();
  }, []);
  const reach = isWide ? { tabIndex: 0, 'aria-label': `${label}; scrolls` } : {};
  return (
    <section ref={place} class="scrolls" {...reach}>
      <table class={looks} aria-label={label}>
        {children}
      </table>
    </section>
  );
}
