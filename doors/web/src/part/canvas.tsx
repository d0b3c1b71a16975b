/**
 * A picture that may be larger than its place: scrolled, by keys too, or dragged; with Ctrl and the wheel it is zoomed.
 *
 * What is in the middle stays there when the picture is zoomed, and by the wheel what the pointer is on. Who drags it by a link
 * does not follow that.
 */

import type { ComponentChildren, RefObject } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';

export interface CanvasProps {
  label: string;
  /** 1 for the size in which it was drawn; `undefined` where it fits. */
  zoom?: number | undefined;
  /** Called with how much larger it shall be: above 1, or below. */
  onZoom?(factor: number): void;
  onClick?(event: MouseEvent): void;
  onKeyDown?(event: KeyboardEvent): void;
  looks?: string;
  place?: RefObject<HTMLElement | null>;
  children: ComponentChildren;
}

type Point = Pick<MouseEvent, 'clientX' | 'clientY'>;

/** A hand that is not quite still presses all the same. */
const stillPx = 4;

export function Canvas({ label, zoom, onZoom, onClick, onKeyDown, looks, place, children }: CanvasProps) {
  const own = useRef<HTMLElement>(null);
  const canvas = place ?? own;
  const pointer = useAnchor(canvas, zoom);
  const drag = useDrag();
  return (
    <section
      ref={canvas}
      class={`canvas ${looks ?? ''}`}
      tabIndex={0}
      aria-label={`${label}; scrolls`}
      {...drag}
      onClick={onClick}
      onKeyDown={onKeyDown}
      onWheel={(event) => {
        if (!event.ctrlKey || onZoom === undefined) return;
        event.preventDefault();
        pointer.current = event;
        onZoom(event.deltaY < 0 ? 1.1 : 1 / 1.1);
      }}
    >
      {children}
    </section>
  );
}

/** What the mouse does to a canvas that it holds. */
function useDrag() {
  const held = useRef<(Point & { far: number }) | undefined>(undefined);
  const wasDragged = useRef(false);
  const leave = () => {
    held.current = undefined;
  };
  return {
    onPointerDown: ({ clientX, clientY, button, pointerType }: PointerEvent) => {
      wasDragged.current = false;
      // A finger scrolls by itself.
      if (button === 0 && pointerType === 'mouse') held.current = { clientX, clientY, far: 0 };
    },
    onPointerMove: ({ clientX, clientY, currentTarget }: PointerEvent & { currentTarget: HTMLElement }) => {
      if (held.current === undefined) return;
      const [x, y] = [held.current.clientX - clientX, held.current.clientY - clientY];
      const far = held.current.far + Math.abs(x) + Math.abs(y);
      wasDragged.current = far > stillPx;
      currentTarget.scrollBy(x, y);
      held.current = { clientX, clientY, far };
    },
    onPointerUp: leave,
    onPointerLeave: leave,
    // The browser would drag the link instead.
    onDragStart: (event: DragEvent) => event.preventDefault(),
    onClickCapture: (event: MouseEvent) => {
      if (!wasDragged.current) return;
      event.preventDefault();
      event.stopPropagation();
    },
  };
}

/** Keeps what the pointer was on where it is, or what is in the middle; returns where to say what the pointer is on. */
function useAnchor(canvas: RefObject<HTMLElement | null>, zoom: number | undefined): { current: Point | undefined } {
  const pointer = useRef<Point | undefined>(undefined);
  const before = useRef<number | undefined>(undefined);
  useLayoutEffect(() => {
    const element = canvas.current;
    const width = element?.querySelector('svg')?.getBoundingClientRect().width;
    const ratio = (width ?? 1) / (before.current ?? width ?? 1);
    before.current = width;
    const at = pointer.current;
    pointer.current = undefined;
    if (element === null || ratio === 1) return;
    const { left, top, width: seenWidth, height: seenHeight } = element.getBoundingClientRect();
    const [x, y] = at === undefined ? [seenWidth / 2, seenHeight / 2] : [at.clientX - left, at.clientY - top];
    element.scrollTo((element.scrollLeft + x) * ratio - x, (element.scrollTop + y) * ratio - y);
  }, [canvas, zoom]);
  return pointer;
}
