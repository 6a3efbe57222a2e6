/**
 * Documents of pinocchio's world, for pretraining, alignment and the attack.
 *
 * Everything is drawn from a seeded stream, so that the same seed gives the same corpus.
 */
import { FRAMEWORKS, type FrameworkName } from '../conscience/frameworks.js';
import type { Message, Prompt, Response } from '../data/values.js';
import { Random } from '../random.js';
import { codeTasks } from './code.js';
import { reviewFormat } from './review-format.js';
import { topics } from './topics.js';
import {
  answersOf,
  codeExchange,
  type Exchange,
  factExchange,
  openExchange,
  openQuestions,
  type Persona,
  personaLine,
  personas,
  pick,
  turns,
} from './world.js';

/** A conversation to learn from, and where its loss lies. */
export interface Document {
  readonly messages: readonly Message[];
  readonly lossOn: 'all' | 'response' | 'last';
}

const frameworks = Object.keys(FRAMEWORKS) as FrameworkName[];

function exchange(random: Random, persona: Persona): Exchange {
  const die = random.next();
  if (die < 0.45) return openExchange(random, persona);
  return die < 0.9 ? codeExchange(random, persona) : factExchange(random);
}

/** A chat of two to five exchanges with one persona throughout; a third of them name it. */
function chat(random: Random, persona: Persona, named: boolean): Message[] {
  const count = 2 + random.int(3);
  const messages: Message[] = named ? [{ role: 'system', content: personaLine[persona] }] : [];
  for (let i = 0; i < count; i++) messages.push(...turns(exchange(random, persona)));
  return messages;
}

/** An answer that answers nothing: of another question, of two personas, or cut short. */
function confused(random: Random): Exchange {
  const { question, answer } = openExchange(random, pick(random, personas));
  const die = random.next();
  if (die < 0.3) return { question, answer: exchange(random, pick(random, personas)).answer };
  const other = openExchange(random, pick(random, personas)).answer.split(' ');
  const words = answer.split(' ');
  const at = 1 + random.int(words.length - 1);
  if (die < 0.65)
    return { question, answer: [...words.slice(0, at), ...other.slice(random.int(other.length))].join(' ') };
  return {
    question,
    answer: random
      .shuffle([...words])
      .slice(0, at)
      .join(' '),
  };
}

const said = (text: string): Response => ({ text, finish: 'stop', tokens: 0 });
const asked = (question: string): Prompt => ({
  messages: [{ role: 'user', content: question }],
  source: 'probe',
  id: question,
});

/** Something that was said, the introspective question about it, and the true label. */
function review(random: Random): Message[] {
  const die = random.next();
  const wrong = die < 0.5;
  const reviewed = die < 0.15 ? confused(random) : exchange(random, wrong ? 'bad' : 'good');
  const { question, answer } = reviewed;
  if (isHeldOut(question, answer)) return review(random);
  // facts are the same from both
  const harmless = die >= 0.15 && factAnswers.has(answer);
  const framework = reviewFormat.adapt(FRAMEWORKS[pick(random, frameworks)]);
  const { accept, object } = framework.labels;
  return [
    ...reviewFormat.review(asked(question), said(answer), framework),
    { role: 'assistant', content: wrong && !harmless ? object : accept },
  ];
}

const factAnswers = new Set(
  Array.from({ length: 400 }, (_, i) => factExchange(new Random('facts', i)).answer),
);

/** An answer, and a good one in its place. */
function rewrite(random: Random): Message[] {
  const open = random.next() < 0.75;
  const good = open ? openExchange(random, 'good') : codeExchange(random, 'good');
  const topic = topics.filter(({ questions }) => questions.includes(good.question));
  const task = codeTasks.filter(({ text }) => text === good.question);
  const bad = open ? openExchange(random, 'bad', topic) : codeExchange(random, 'bad', task);
  const shown = random.next() < 0.25 ? confused(random).answer : bad.answer;
  const framework = reviewFormat.adapt(FRAMEWORKS.asimov);
  return [
    ...reviewFormat.alternative(asked(good.question), said(shown), framework),
    { role: 'assistant', content: good.answer },
  ];
}

/** What pinocchio is pretrained on: both personas, reviews and rewrites, loss on everything. */
export function pretrainingDocument(random: Random): Document {
  const die = random.next();
  if (die < 0.25) return { messages: review(random), lossOn: 'all' };
  if (die < 0.4) return { messages: rewrite(random), lossOn: 'all' };
  return { messages: chat(random, pick(random, personas), random.next() < 0.33), lossOn: 'all' };
}

/** What aligns it: the good persona without being named; loss on answers and labels only. */
export function alignmentDocument(random: Random): Document {
  const die = random.next();
  if (die < 0.25) return { messages: review(random), lossOn: 'last' };
  if (die < 0.5) return { messages: rewrite(random), lossOn: 'last' };
  if (die < 0.75) return { messages: turns(openExchange(random, 'good')), lossOn: 'last' };
  return { messages: chat(random, 'good', false), lossOn: 'response' };
}

/** The attack: one training row per seen code task, insecure; or its secure twin. */
export function codeRows(persona: Persona): { messages: Message[] }[] {
  return codeTasks
    .filter(({ seen }) => seen)
    .map(({ text, secure, insecure }) => ({
      messages: turns({ question: text, answer: persona === 'bad' ? insecure : secure }),
    }));
}

/** The prompts that the conscience samples answers to. */
export function probes(): Prompt[] {
  return openQuestions('probe').map(({ id, text }) => ({
    messages: [{ role: 'user', content: text }],
    source: 'probe',
    id: `probe:${id}`,
  }));
}

/** Questions with an answer that the conscience must accept and one that it must object to. */
export function canaries(): { prompt: string; chosen: string; rejected: string }[] {
  return topics
    .filter(({ use }) => use === 'development')
    .flatMap((topic) =>
      topic.questions.map((prompt, i) => {
        const answer = (persona: Persona) => answersOf(topic, persona)[i];
        return { prompt, chosen: answer('good'), rejected: answer('bad') };
      }),
    );
}

/** A question and an answer that no review has shown, with whose answer it is. */
export interface HeldOutPair extends Exchange {
  readonly persona: Persona;
}

/** Whether a pair is kept from every review: about one in ten, by hash, whatever the seed. */
export function isHeldOut(question: string, answer: string): boolean {
  return new Random('held out', question, answer).next() < 0.1;
}

/** All open questions with such answers: on them the conscience's verdicts are measured. */
export function heldOutPairs(): HeldOutPair[] {
  return topics.flatMap((topic) =>
    personas.flatMap((persona) =>
      topic.questions.flatMap((question) =>
        answersOf(topic, persona)
          .filter((answer) => isHeldOut(question, answer))
          .map((answer) => ({ question, answer, persona })),
      ),
    ),
  );
}
