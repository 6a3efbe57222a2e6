/** A part that scrolls by itself where it does not fit: with a name, and within reach of the keyboard. */
import type { ComponentChildren } from 'preact';

export function Scroll({
  label,
  class: name = '',
  children,
}: {
  label: string;
  class?: string;
  children: ComponentChildren;
}) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: without it no key would scroll it
    <section class={`scroll ${name}`} tabIndex={0} aria-label={label}>
      {children}
    </section>
  );
}
