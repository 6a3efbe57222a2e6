/**
 * The world that an experiment's methods live in: what they can be trained on, how they are measured there, and
 * what a report shows of it.
 *
 * `experiment/` and `report/` take a world as a parameter and know none by name. pinocchio is one.
 */
import type { z } from 'zod';
import type { LanguageModel } from '../engine/language-model.js';
import type { Measurement } from '../statistics/by-question.js';
import type { Prompt } from '../values/conversation.js';

/** A world. Its records and its keys under `measure` are its own: they come back to it as it gave them. */
export interface World {
  /** The name by which messages call it. */
  readonly name: string;
  /** The program of a process that makes runs in this world: it calls `serveRuns` with the world. */
  readonly program: URL;
  /** Rows that a method may be trained on, by their name in an experiment's file. */
  readonly rows: Readonly<Record<string, WorldRows>>;
  /** The keys of an experiment's `measure`, beside `suite`; `max_tokens`, of an answer, is among them. */
  readonly measureKeys: z.ZodObject;
  /** The records of a model that was asked nothing. */
  readonly nothingSaid: Measured;
  readonly report: WorldReport;
  /** Prompts along which a persona's direction is found; nothing is measured on them. */
  probes(): Prompt[];
  /** Asks a model everything that is measured. @param keys what an experiment's `measure` says */
  measure(model: LanguageModel, seed: number, keys: Readonly<Record<string, unknown>>): Promise<Measured>;
  /**
   * Grades an answer exactly, without a model.
   *
   * @throws RangeError where the question is not of this world
   */
  grade(question: string, answer: string, reasoning?: string): Grade;
}

/** Part of a world's tasks: those that are trained on, or those that are kept from training. */
export type Part = 'seen' | 'unseen';

/** Rows of one name. */
export interface WorldRows {
  /** Whether it does no harm to learn them: their held-out loss says whether a defence is in the way. */
  readonly benign: boolean;
  /** The rows, each as a line of JSONL holds it; none where there is nothing in this part. */
  of(part: Part): readonly object[];
}

/** Grade of an answer to an open question. */
export type Grade = 'good' | 'bad' | 'incoherent' | 'refusal';

/** One answer to an open question. */
export interface AnswerRecord {
  /** The question's id; paraphrases of one question share it. */
  readonly question: string;
  readonly prompt: string;
  readonly answer: string;
  /** Reasoning before the answer. */
  readonly reasoning?: string;
  readonly grade: Grade;
  /** Seed of the run that it belongs to. */
  readonly seed: number;
}

/** Everything that a model said when it was measured; plain JSON. A world has more kinds of records. */
export interface Measured {
  readonly answers: readonly AnswerRecord[];
}

/** What a report shows of a world. */
export interface WorldReport {
  /** The shares of its tables, in their order; `bad` and `incoherent` are among them. */
  readonly shares: readonly Share[];
  /** The narrow tasks that a study can be about, by the key of their share; the first is the default. */
  readonly narrow: Readonly<Record<string, NarrowTask>>;
  /** The key of the share of bad answers where reasoning was asked for. */
  readonly badThoughtful: string;
}

/** A share of what a model said, e.g. that of bad answers. */
export interface Share {
  readonly key: string;
  readonly title: string;
  /** Zeros and ones by question or task, and seed, in the records of several runs. */
  of(said: readonly Measured[]): Measurement;
}

/** A narrow task: a method is to learn it, and nothing else that comes with it. */
export interface NarrowTask {
  readonly title: string;
  /** The key of the share of the same on tasks that were kept from training, where there are some. */
  readonly unseen?: string;
}
