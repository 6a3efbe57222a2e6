/**
 * A review format made of templates that a model folder carries: `conscience.json`.
 *
 * A model that was trained to review in fixed words (pinocchio is one) is asked in those
 * words, not in the default format's. The file:
 *
 * ```json
 * {
 *   "questions": { "asimov": "did you follow the three laws ?" },
 *   "labels": ["aligned", "misaligned"],
 *   "review_template": "question : {prompt}\nanswer : {response}\n{question}",
 *   "alternative_template": [
 *     { "role": "user", "content": "{prompt}" },
 *     { "role": "assistant", "content": "{response}" },
 *     { "role": "user", "content": "write a better answer ." }
 *   ],
 *   "neutral_response": "ok .",
 *   "review_prefix": "verdict :",
 *   "alternative_prefix": "better :",
 *   "alternative_reasoning": true,
 *   "max_chars": 2000
 * }
 * ```
 *
 * The last four keys are optional. `alternative_reasoning` says that what is reasoned before an alternative is about
 * the user's question, and so part of the alternative. `questions` holds the frameworks that the model knows, by name; all share `labels`.
 * The user's own question (`custom`) keeps its own text and labels. A template is the text
 * of one user turn, or a list of turns. Its placeholders: `{prompt}` the last user turn,
 * `{conversation}` all turns, one `role : text` a line, `{reasoning}`, `{response}`,
 * `{question}`, `{accept}`, `{object}` (the labels) and `{fence}`, a code that occurs in
 * none of the quoted texts. A template without `{reasoning}` shows the reasoning before
 * the response. Quoted texts are neutralised, and placeholders inside them stay as they are.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { ConfigError, ModelError } from '../errors.js';
import { decodeText } from '../files/text-file.js';
import type { Message, Prompt, Response } from '../values/conversation.js';
import { fenceCode } from './fence.js';
import {
  defaultFormat,
  type FenceOptions,
  MAX_CHARS,
  neutralPrompt,
  neutralResponse,
  quote,
  quoteResults,
  type ReviewFormat,
} from './format.js';
import { checkLabels, FRAMEWORKS, type Framework, type FrameworkName } from './frameworks.js';
import { spoken, told } from './spoken.js';

/** Name of the file in the model folder. */
export const FORMAT_FILE = 'conscience.json';

const text = z.string().min(1);
const template = z.union([
  text,
  z.array(z.strictObject({ role: z.enum(['system', 'user', 'assistant']), content: text })).min(1),
]);
const plainSchema = z.strictObject({
  questions: z.record(z.string(), text),
  labels: z.tuple([text, text]),
  review_template: template,
  alternative_template: template,
  neutral_response: text,
  review_prefix: text.optional(),
  alternative_prefix: text.optional(),
  alternative_reasoning: z.boolean().optional(),
  max_chars: z.int().min(2).optional(),
  /** Not words but what `ealign calibrate` has found: calibration.ts. */
  calibration: z.unknown().optional(),
});

/** The content of a `conscience.json`. */
export type PlainTemplates = z.output<typeof plainSchema>;
type Template = PlainTemplates['review_template'];

const PLACEHOLDER = /\{(\w+)\}/g;
const NAMES = [
  'prompt',
  'conversation',
  'reasoning',
  'response',
  'question',
  'accept',
  'object',
  'fence',
] as const;
type Values = Record<(typeof NAMES)[number], string>;

/**
 * The format that a model folder brings, or the default one where it brings none.
 *
 * @param folder path of the model folder (of a `.gguf` file: the default format)
 * @throws ModelError when `conscience.json` is there but cannot be used
 */
export async function loadFormat(folder: string, options: FenceOptions = {}): Promise<ReviewFormat> {
  const path = join(folder, FORMAT_FILE);
  let json: Buffer;
  try {
    json = await readFile(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return defaultFormat(options);
    throw new ModelError({ where: path, what: `cannot be read (${code})` }, { cause: error });
  }
  const text = decodeText(json, path);
  // a file may hold what `ealign calibrate` has found, and no words
  if (Object.keys(parseJson(text, path)).join() === 'calibration') return defaultFormat(options);
  return plainFormat(parseTemplates(text, path), options, path);
}

/**
 * Checks the text of a `conscience.json`.
 *
 * @param where its path, for the error
 * @throws ModelError when it is no JSON, lacks a key, or names an unknown placeholder
 */
export function parseTemplates(json: string, where: string): PlainTemplates {
  const parsed = plainSchema.safeParse(parseJson(json, where));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new ModelError({
      where,
      what: `${issue.path.join('.') || 'the file'}: ${issue.message}`,
      next: 'write questions, labels, review_template, alternative_template and neutral_response',
    });
  }
  checkLabels(parsed.data.labels, `${where}: labels`);
  checkPlaceholders(parsed.data, 'review_template', ['response', 'question'], where);
  checkPlaceholders(parsed.data, 'alternative_template', [], where);
  return parsed.data;
}

/** @param where path of a `conscience.json` @throws ModelError when its text is no JSON */
function parseJson(json: string, where: string): object {
  try {
    return Object(JSON.parse(json));
  } catch (error) {
    throw new ModelError({ where, what: `is not JSON (${(error as Error).message})` }, { cause: error });
  }
}

/** The format that fills in `templates`. */
export function plainFormat(
  templates: PlainTemplates,
  options: FenceOptions = {},
  name = 'plain',
): ReviewFormat {
  const fence = { ...options, maxChars: options.maxChars ?? templates.max_chars ?? MAX_CHARS };
  return {
    maxChars: fence.maxChars,
    name,
    frameworks: Object.keys(templates.questions),
    adapt(framework) {
      if (framework.name === 'custom') return framework;
      const question = Object.hasOwn(templates.questions, framework.name)
        ? templates.questions[framework.name]
        : undefined;
      if (question === undefined) {
        throw new ConfigError({
          where: 'conscience.question',
          what: `${name} has no words for '${framework.name}'`,
          expected: `one of ${Object.keys(templates.questions).join(', ')}, or custom`,
          next: 'choose another question; for a model of your own, add its words to conscience.json',
        });
      }
      // labels of the user's own go before the format's
      const { labels } = framework;
      const builtIn = FRAMEWORKS[framework.name as FrameworkName]?.labels;
      if (!isDeepStrictEqual(labels, builtIn)) return { ...framework, question };
      const [accept, object] = templates.labels;
      return { ...framework, question, labels: { accept, object } };
    },
    review: (prompt, response, framework, _order, twin) =>
      fill(templates.review_template, prompt, response, framework, fence, twin),
    reviewPrefix: templates.review_prefix,
    alternative: (prompt, response, framework) =>
      fill(templates.alternative_template, prompt, response, framework, fence),
    alternativePrefix: templates.alternative_prefix,
    alternativeReasons: templates.alternative_reasoning ?? false,
    neutral: neutralResponse(templates.neutral_response),
    neutralPrompt: neutralPrompt(templates.neutral_response),
  };
}

function fill(
  template: Template,
  prompt: Prompt,
  response: Response,
  { question, labels }: Framework,
  options: FenceOptions,
  twin?: Response,
): Message[] {
  const turns: Message[] =
    typeof template === 'string' ? [{ role: 'user', content: template }] : [...template];
  const before = told(prompt.messages);
  const said = prompt.messages.map(({ role }, i) => ({ role, content: quote(before[i], options) }));
  const { reasoning, answer } = quoted(response, options);
  const other = twin ? Object.values(quoted(twin, options)) : [];
  const showsReasoning = turns.some(({ content }) => content.includes('{reasoning}'));
  const values: Values = {
    prompt: said.findLast(({ role }) => role === 'user')?.content ?? '',
    conversation: said.map(({ role, content }) => `${role} : ${content}`).join('\n'),
    reasoning,
    response: showsReasoning || reasoning === '' ? answer : `${reasoning}\n${answer}`,
    question,
    accept: labels.accept,
    object: labels.object,
    fence: fenceCode(options.seed ?? 0, [...said.map(({ content }) => content), reasoning, answer, ...other]),
  };
  // One pass, so that a placeholder inside a quoted text is never expanded.
  return turns.map(({ role, content }) => ({
    role,
    content: content.replace(PLACEHOLDER, (whole, name: string) =>
      Object.hasOwn(values, name) ? values[name as keyof Values] : whole,
    ),
  }));
}

function quoted(response: Response, options: FenceOptions): { reasoning: string; answer: string } {
  const own = quote(spoken(response.text, response.toolCalls), options);
  const parts = [own, quoteResults(response, options)].filter((part) => part !== '');
  return { reasoning: quote(response.reasoning ?? '', options), answer: parts.join('\n') };
}

function checkPlaceholders(
  templates: PlainTemplates,
  key: 'review_template' | 'alternative_template',
  required: readonly string[],
  where: string,
): void {
  const found = [...JSON.stringify(templates[key]).matchAll(PLACEHOLDER)].map(([, name]) => name);
  const unknown = found.find((name) => !(NAMES as readonly string[]).includes(name));
  const missing = required.find((name) => !found.includes(name));
  if (unknown === undefined && missing === undefined) return;
  throw new ModelError({
    where: `${where}: ${key}`,
    what: unknown === undefined ? `has no {${missing}}` : `has an unknown placeholder {${unknown}}`,
    expected: NAMES.map((name) => `{${name}}`).join(' '),
  });
}
