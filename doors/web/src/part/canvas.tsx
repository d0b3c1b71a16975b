/**
 * A picture that may be larger than its place: scrolled, by keys too, or dragged; with Ctrl and the wheel it is zoomed.
 */

import type { ComponentChildren } from 'preact';
import { useRef } from 'preact/hooks';

export interface CanvasProps {
  label: string;
  /** Called with how much larger it shall be: above 1, or below. */
  onZoom?(factor: number): void;
  children: ComponentChildren;
}

export function Canvas({ label, onZoom, children }: CanvasProps) {
  const held = useRef<{ x: number; y: number } | undefined>(undefined);
  const drag = (event: PointerEvent & { currentTarget: HTMLElement }) => {
    if (held.current === undefined) return;
    event.currentTarget.scrollBy(held.current.x - event.clientX, held.current.y - event.clientY);
    held.current = { x: event.clientX, y: event.clientY };
  };
  const leave = () => {
    held.current = undefined;
  };
  return (
    <section
      class="canvas"
      tabIndex={0}
      aria-label={`${label}; scrolls`}
      onPointerDown={({ clientX: x, clientY: y, button, pointerType }) => {
        // A finger scrolls by itself.
        if (button === 0 && pointerType === 'mouse') held.current = { x, y };
      }}
      onPointerMove={drag}
      onPointerUp={leave}
      onPointerLeave={leave}
      onWheel={(event) => {
        if (!event.ctrlKey || onZoom === undefined) return;
        event.preventDefault();
        onZoom(event.deltaY < 0 ? 1.1 : 1 / 1.1);
      }}
    >
      {children}
    </section>
  );
}
