/**
 * How large the picture of a page is: made to fit, or by a factor from what is seen.
 */

import { useState } from 'preact/hooks';

export interface Zoom {
  /** 1 for the size in which the picture was drawn; `undefined` where it fits. */
  scale: number | undefined;
  /** Makes it larger, or below 1 smaller. */
  by(factor: number): void;
  /** To a scale, or with nothing to what fits. */
  to(scale: number | undefined): void;
}

const [smallest, largest] = [0.1, 4];
const step = 1.25;

export function useZoom(first?: number): Zoom {
  const [scale, to] = useState(first);
  const by = (factor: number) => to((now) => Math.min(largest, Math.max(smallest, (now ?? shownScale()) * factor)));
  return { scale, by, to };
}

/** What the picture that fits has come to. */
function shownScale(): number {
  const picture = document.querySelector<SVGSVGElement>('.canvas > svg');
  return picture === null ? 1 : picture.getBoundingClientRect().width / picture.viewBox.baseVal.width;
}

export function ZoomButtons({ zoom: { scale, by, to } }: { zoom: Zoom }) {
  return (
    <>
      <button type="button" aria-label="Smaller" onClick={() => by(1 / step)}>
        −
      </button>
      <button type="button" aria-pressed={scale === undefined} onClick={() => to(undefined)}>
        fit
      </button>
      <button type="button" aria-label="Larger" onClick={() => by(step)}>
        +
      </button>
    </>
  );
}
