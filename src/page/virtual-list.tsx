/**
 * A list of any length whose rows are all of one height: only those near the screen are in the page.
 *
 * It is one stop of the keyboard: arrows, page keys, Home and End move the choice, Enter opens it. Who listens is
 * told each row's place and the number of all.
 */
import type { ComponentChildren } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';

/** Rows that are kept beyond both edges. */
const BEYOND = 8;

export interface VirtualListProps {
  readonly label: string;
  readonly total: number;
  /** Height of a row, px, as the style sheet has it. */
  readonly height: number;
  /** Row that is chosen; null for none. */
  readonly chosen: number | null;
  readonly onChoose: (row: number) => void;
  readonly onOpen: () => void;
  readonly row: (row: number) => ComponentChildren;
  /** Rows that came in at the top since the list was made: what is being read stays where it is. */
  readonly cameAbove: number;
  /** Told of the rows that are in the page: from, up to and without. */
  readonly onWindow: (from: number, to: number) => void;
}

export function VirtualList(props: VirtualListProps) {
  const { label, total, height, chosen, onChoose, onOpen, row, cameAbove, onWindow } = props;
  const box = useRef<HTMLDivElement>(null);
  const [[first, end], setWindow] = useState<readonly [number, number]>([0, 0]);
  const above = useRef(cameAbove);

  const look = () => {
    // an observer may still be told after the list has gone
    if (!box.current) return;
    const { scrollTop, clientHeight } = box.current;
    const from = Math.max(0, Math.floor(scrollTop / height) - BEYOND);
    const to = Math.min(total, Math.ceil((scrollTop + clientHeight) / height) + BEYOND);
    if (from !== first || to !== end) setWindow([from, to]);
  };
  useLayoutEffect(() => {
    const element = box.current!;
    const came = cameAbove - above.current;
    above.current = cameAbove;
    if (came > 0 && element.scrollTop > 0) element.scrollTop += came * height;
    look();
  }, [total, cameAbove]);
  useEffect(() => {
    const observer = new ResizeObserver(look);
    observer.observe(box.current!);
    return () => observer.disconnect();
  });
  useEffect(() => onWindow(first, Math.min(end, total)), [first, end, total]);

  const choose = (to: number) => {
    if (total === 0) return;
    const next = Math.min(Math.max(0, to), total - 1);
    const { scrollTop, clientHeight } = box.current!;
    const top = next * height;
    if (top < scrollTop) box.current!.scrollTop = top;
    else if (top + height > scrollTop + clientHeight) box.current!.scrollTop = top + height - clientHeight;
    onChoose(next);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const at = chosen ?? -1;
    const page = Math.max(1, Math.floor(box.current!.clientHeight / height) - 1);
    const moves: Record<string, () => void> = {
      ArrowDown: () => choose(at + 1),
      ArrowUp: () => choose(at - 1),
      PageDown: () => choose(at + page),
      PageUp: () => choose(at - page),
      Home: () => choose(0),
      End: () => choose(total - 1),
      Enter: onOpen,
    };
    const move = moves[event.key];
    if (!move || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    move();
  };
  const rows = Array.from({ length: Math.max(0, Math.min(end, total) - first) }, (_, i) => first + i);
  const isThere = chosen !== null && chosen >= first && chosen < end;
  return (
    <div
      ref={box}
      class="list"
      role="listbox"
      tabIndex={0}
      aria-label={label}
      aria-activedescendant={isThere ? `row-${chosen}` : undefined}
      onScroll={look}
      onKeyDown={onKeyDown}
    >
      <div class="all" role="presentation" style={{ height: `${total * height}px` }}>
        {rows.map((i) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the list has the keys, and the focus
          // biome-ignore lint/a11y/useFocusableInteractive: aria-activedescendant names the row
          <div
            key={i}
            id={`row-${i}`}
            role="option"
            aria-selected={i === chosen}
            aria-setsize={total}
            aria-posinset={i + 1}
            class="row"
            style={{ transform: `translateY(${i * height}px)` }}
            onClick={() => {
              box.current!.focus();
              onChoose(i);
            }}
          >
            {row(i)}
          </div>
        ))}
      </div>
    </div>
  );
}
