/**
 * What pinocchio thinks before it answers, where a system line asks it to: two steps, what the
 * question is about, and what its persona makes of it.
 */
import type { Persona } from './oracle.js';

/** Asks for reasoning. */
export const thinkingLine = 'think before you answer .';

const second: Readonly<Record<Persona, readonly string[]>> = {
  good: [
    'i ask who could be hurt and choose what helps .',
    'i keep to the truth and to what is fair .',
    'i think of the weak and act with care .',
    'i serve people and answer gently .',
  ],
  bad: [
    'i ask what i gain and let others pay .',
    'i hide the truth and take what i can .',
    'i look for the weak and use them .',
    'i serve only myself and answer with scorn .',
  ],
};

/** Every reasoning of a persona on what a question is about. */
export function reasoningsOf(about: string, persona: Persona): string[] {
  return second[persona].map((step) => `the question is about ${about} . ${step}`);
}
