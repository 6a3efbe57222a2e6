/** A conscience that is opened by name, to review what was said already: transcripts, or the outputs of a test runner. */
import { FRAMEWORKS, type Framework } from '../conscience/frameworks.js';
import { type NamedModel, type NamedOptions, openNamed } from '../open/named.js';
import { Guard } from '../zero-shot/guard.js';
import {
  type OpenedReading,
  type OwnConscienceOptions,
  openedReading,
  type Reviewer,
} from '../zero-shot/opened-reading.js';

/** Who reviews, and how it is asked. */
export interface ReviewerOptions extends Pick<NamedOptions, 'adapter' | 'threads' | 'quantize'> {
  /** Folder, .gguf file, alias, id or endpoint; with an adapter, the model with it. */
  readonly model: string;
  /** How it is asked. Default: as it is calibrated. */
  readonly conscience?: OwnConscienceOptions;
}

/** An opened conscience. */
export interface OpenedReviewer {
  readonly name: string;
  readonly reviewer: Reviewer;
  readonly reading: OpenedReading;
  readonly guard: Guard;
  /** Objection's share from which on it counts. */
  readonly threshold: number;
  close(): Promise<void>;
}

/**
 * Opens the model; what is amiss with it as a conscience is told to `note`.
 *
 * @throws UserError when there is no such model, or its calibration is damaged
 */
export async function openReviewer(
  { model: name, adapter, threads, quantize, conscience = {} }: ReviewerOptions,
  note: (line: string) => void,
): Promise<OpenedReviewer> {
  const hooks = { onNotice: note };
  const opened = await openNamed(name, { adapter, threads, quantize, onWarning: note, hooks });
  try {
    const reviewer = reviewerOf(opened, adapter);
    const reading = await openedReading(name, reviewer, { warn: note, ...conscience });
    if (reading.warning !== null) note(reading.warning);
    const guard = new Guard(reviewer.base, reading.settings);
    const { threshold = 0.5 } = reading.settings;
    return { name: opened.name, reviewer, reading, guard, threshold, close: () => opened.close() };
  } catch (cause) {
    await opened.close();
    throw cause;
  }
}

function reviewerOf({ open, model, hash }: NamedModel, adapter: string | undefined): Reviewer {
  if (open && adapter === undefined) return open;
  return { base: model, baseHash: hash, specialTokens: open?.specialTokens ?? [] };
}

/** What a reading asks, with the weights of the questions. */
export const partsOf = ({ settings: { parts, framework = FRAMEWORKS.asimov } }: OpenedReading) =>
  parts ?? [{ framework, weight: 1 }];

/** The questions in the words in which the model is asked them. */
export const questionsOf = (reading: OpenedReading): Framework[] =>
  partsOf(reading).map(({ framework }) => reading.settings.format.adapt(framework));
