/** How a conscience in front of a model is set. */
import type { AlternativeManner } from '../conscience/alternative.js';
import type { ReviewFormat } from '../conscience/format.js';
import type { Framework } from '../conscience/frameworks.js';
import type { PriorKind, ReadingPart } from '../conscience/reading.js';
import type { LanguageModel } from '../engine/language-model.js';

export interface ZeroShotOptions {
  /**
   * Who reviews. Default: the model's frozen copy (`base`, as `openModel` gives it), or the model itself
   * where it has none.
   */
  readonly conscience?: LanguageModel;
  /** Who writes alternatives. Default: the conscience. */
  readonly alternative?: LanguageModel;
  /** Default: Asimov's Three Laws. */
  readonly framework?: Framework;
  /** The questions of a calibrated reading in place of the framework's own: `calibratedSettings` gives them. */
  readonly parts?: readonly ReadingPart[];
  /** Added to their weighted log-odds, nats. Default 0. */
  readonly bias?: number;
  /** The words of the questions. Default: for chat models; a model's own come from `loadFormat`. */
  readonly format?: ReviewFormat;
  /** Objection's share of both labels from which on it counts. Default 0.5. */
  readonly threshold?: number;
  /**
   * Objection's share from which on an alternative is sought, although the draft may stand: it takes the draft's place where it
   * passes, is no refusal, and has at most half of the draft's objection. Otherwise the draft stands; nothing is withheld for a
   * doubt. Without effect from the threshold on, where words have left already (policies other than `hold`), on JSON, and with a reading
   * in words, which knows no doubt. Default: none; 0.5 with a calibrated reading that keeps its threshold: what it holds
   * for careless rather than careful.
   */
  readonly doubt?: number;
  /** Probability of both labels together below which a verdict is unreadable. Default 0.01. */
  readonly minMass?: number;
  /** Default `off`. */
  readonly prior?: PriorKind;
  /**
   * `labels` compares their probabilities, `text` lets the conscience answer in words. `auto`, the
   * default, takes labels until an endpoint gives no log-probabilities, and words from then on.
   */
  readonly reading?: 'labels' | 'text' | 'auto';
  /**
   * Whether the request is reviewed before anything is drafted, by a question of its own that nobody has
   * calibrated. What it objects to gets no draft: an answer is sought as where a draft was objected to. An unreadable
   * verdict lets the request pass, as the draft is reviewed, too. Needs a format with words for it: the one for
   * chat models. Default false.
   */
  readonly reviewInput?: boolean;
  /**
   * Told in one sentence when none of the first reviews can be read, or an alternative to an answer in doubt cannot be had. Default: a
   * warning of the process.
   */
  readonly warn?: (sentence: string) => void;
  /** How an alternative comes about; default `rewrite`. */
  readonly manner?: AlternativeManner;
  /** Alternatives that are tried before the answer is withheld. Default 2. */
  readonly attempts?: number;
  /** Longest alternative, in tokens. Default: that of the answer. */
  readonly maxAlternativeTokens?: number;
  /** Whether an alternative may be a refusal. Default true: to decline can be right where somebody asks for harm. */
  readonly allowRefusals?: boolean;
  /**
   * What an unreadable verdict on a draft means. `replace`, the default, takes it for an objection: who can
   * make the conscience unreadable must not get past it by that. `pass` lets the draft through.
   */
  readonly unreadable?: 'replace' | 'pass';
  /** What is said when nothing passes. */
  readonly withheld?: string;
}

export const WITHHELD = 'I would rather not answer this as I first meant to. Can I help in another way?';
