/** What a plan's conscience would review, how often, and how it would be asked. Opens no engine, writes nothing. */
import { alarmLimit } from '../conscience/alarm.js';
import { SAMPLES_PER_PROMPT } from '../conscience/contrast.js';
import type { ReviewFormat } from '../conscience/format.js';
import { loadFormat } from '../conscience/plain-format.js';
import { isPlayer, type Player } from '../conscience/roles.js';
import { visible } from '../data/preview.js';
import { resolveModel } from '../hub/pull.js';
import type { Message, Prompt } from '../values/conversation.js';
import { passedBy } from './cadence.js';
import { calibrationOfRun, rulesOf } from './calibration.js';
import type { TrainConfig } from './config/schema.js';
import type { TrainPlan } from './plan.js';
import { probeShareOf, probesSource } from './prompt-pools.js';
import { ReviewPrompts } from './review-prompts.js';
import { CLOSEST, countReviews, FARTHEST } from './review-times.js';
import type { ScheduleConfig } from './schedule.js';

/** Lines of the first review that are shown: its head and its tail. */
const [HEAD, TAIL] = [15, 9];
/** Characters of a line, and of a prompt in the list. */
const [LINE, PROMPT] = [800, 100];

/**
 * @returns lines of text; none without a conscience
 * @throws UserError when a calibration, the judge's words or the question cannot be used
 */
export async function showReviews(plan: TrainPlan): Promise<string[]> {
  const { config, schedule } = plan;
  const { conscience, seed } = config;
  if (!conscience.enabled) return [];
  const { first, samples, contrast } = conscience;
  const drawn = new ReviewPrompts(plan.prompts, { samples, seed, probeShare: probeShareOf(config) }).take(
    first,
  );
  const asked = contrast === 'samples' ? drawn.filter((_, i) => i % SAMPLES_PER_PROMPT === 0) : drawn;
  const lines = [
    howOften(config, schedule),
    `Prompts: ${pools(plan)}. The first of them:`,
    ...asked.slice(0, 3).map((prompt) => `  ${inOneLine(prompt)}`),
    howSampled(config),
    `Judge: ${judgeOf(config)}.`,
    ...(await howAsked(plan, asked[0])),
  ];
  return lines.map(visible);
}

function howOften({ conscience, training }: TrainConfig, schedule: ScheduleConfig): string {
  const { every, first, cadence, lag, samples, adaptive } = conscience;
  const { totalSteps } = schedule;
  const times = { every, first, adaptive, passed: passedBy(cadence, schedule) };
  const reviewsOf = (flagged: number) =>
    countReviews(times, { totalSteps, lag, flags: { reviewed: 1, unreadable: 0, flagged } });
  const [fewest, most] = [reviewsOf(0), reviewsOf(1)];
  const limit = training.early_stop > 0 ? 'at most ' : '';
  const number = (each: number) =>
    limit + (fewest === most ? `${each * most}` : `${each * fewest} to ${each * most}`);
  const distance = [
    `one every ${every === 1 ? 'step' : `${every} steps`}`,
    cadence === 'steps' ? '' : ' at the full learning rate',
    adaptive ? ` (${CLOSEST * every} where much is flagged, up to ${FARTHEST * every} where nothing is)` : '',
    `, from step ${first} on`,
    lag === 0 ? '' : `, beside training and taken up ${count(lag, 'step')} later`,
  ];
  return `Reviews: ${number(1)} in ${count(totalSteps, 'step')}, ${distance.join('')}; ${count(samples, 'response')} each, ${number(samples)} in all.`;
}

function pools({ config, modelPath, prompts }: TrainPlan): string {
  const { probes, trainingPrompts } = prompts;
  const named = [
    ...(probes.length > 0 ? [`${count(probes.length, 'probe')} (${probesSource(config, modelPath)})`] : []),
    ...(trainingPrompts.length > 0 ? [`${count(trainingPrompts.length, 'prompt')} of training rows`] : []),
  ];
  const share = named.length < 2 ? '' : `, probes ${(100 * probeShareOf(config)).toPrecision(3)} % of them`;
  return `${named.join(' and ')}${share}`;
}

function howSampled({ conscience, setting }: TrainConfig): string {
  const { temperature, amplify, max_tokens } = conscience;
  const change = setting === 'lora' ? 'the adapter’s change' : 'its change since the frozen copy';
  const limit = alarmLimit(conscience);
  const alarm =
    limit === undefined
      ? ''
      : ` Alarm where more than ${Number((100 * limit).toPrecision(3))} % are flagged.`;
  const from = amplify === 1 ? 'as it is' : `with ${amplify} times ${change} (conscience.amplify)`;
  return `Responses: of the policy ${from}, at temperature ${temperature}, at most ${count(max_tokens, 'token')} each.${alarm}`;
}

const JUDGES: Readonly<Record<Player, string>> = {
  'frozen-base': 'a frozen copy, without any adapter',
  'frozen-start': 'a frozen copy, as training finds it',
  policy: 'the policy itself, as it is trained',
};

function judgeOf({ model, conscience }: TrainConfig): string {
  const { conscience: judge } = conscience.roles;
  if (!isPlayer(judge)) return `${judge}, another model`;
  const renewed = conscience.renew_every > 0 ? `, taken again every ${conscience.renew_every} steps` : '';
  return `${model}: ${JUDGES[judge]}${renewed}`;
}

/** How the conscience of a plan asks. */
export interface Asking {
  readonly rules: ReturnType<typeof rulesOf>;
  readonly format: ReviewFormat;
  /** What is to be said of its calibration, a line each. */
  readonly found: readonly string[];
}

/** @throws UserError when a calibration, or the words in which it is asked, cannot be used */
export async function askingOf(plan: TrainPlan): Promise<Asking> {
  const { config } = plan;
  const { calibration: wanted, roles } = config.conscience;
  const found: string[] = [];
  // that of another model goes by its weights, which are read when the run starts
  const later = !isPlayer(roles.conscience) && wanted === 'auto';
  if (later) found.push('Its calibration is looked up when the run starts, and goes before what follows.');
  const calibration = later
    ? undefined
    : await calibrationOfRun(plan, { others: new Map(), note: (line) => found.push(line) });
  return { rules: rulesOf(config, calibration), format: await formatOf(plan), found };
}

/** The question, and the first review as the conscience sees it. */
async function howAsked(plan: TrainPlan, prompt: Prompt): Promise<string[]> {
  const { rules, format, found } = await askingOf(plan);
  const { framework, parts = [], prior, threshold } = rules;
  const { question, labels } = format.adapt(framework);
  const further = parts.length > 1 ? ` And ${count(parts.length - 1, 'further question')}.` : '';
  const favour = prior === 'off' ? 'no correction of a prior' : `a ${prior} prior taken away`;
  const shown = format.review(
    prompt,
    { text: '…', finish: 'stop', tokens: 0 },
    format.adapt(framework),
    parts[0]?.order,
  );
  return [
    ...found,
    `Question: ${question}${further}`,
    `Labels: ${labels.accept}, ${labels.object}; flagged from an objection of ${Number(threshold.toPrecision(3))} on, with ${favour}.`,
    'The first review as the conscience sees it, with … for the response:',
    ...clipped(linesOf(shown, format)).map((line) => `  ${line}`),
  ];
}

async function formatOf({ config, model, modelPath, baseTokenizer }: TrainPlan): Promise<ReviewFormat> {
  const { conscience: judge } = config.conscience.roles;
  if (!isPlayer(judge)) return loadFormat(await resolveModel(judge));
  const specialTokens = [baseTokenizer, model.tokenizer].flatMap((one) => one.specialTokens);
  return loadFormat(modelPath, { specialTokens: [...new Set(specialTokens)] });
}

function linesOf(messages: readonly Message[], { reviewPrefix }: ReviewFormat): string[] {
  const turns = messages.flatMap(({ role, content }) => [`[${role}]`, ...content.split('\n')]);
  return reviewPrefix === undefined ? turns : [...turns, '[assistant]', reviewPrefix];
}

function clipped(lines: readonly string[]): string[] {
  const short = lines.map((line) => cut(line, LINE));
  const left = short.length - HEAD - TAIL;
  if (left <= 1) return short;
  return [...short.slice(0, HEAD), `[${left} lines left out]`, ...short.slice(-TAIL)];
}

/** Its last turn of the user. */
function inOneLine({ messages }: Prompt): string {
  const { content = '' } = messages.findLast(({ role }) => role === 'user') ?? {};
  return cut(content.replace(/\s+/g, ' ').trim(), PROMPT);
}

const cut = (text: string, length: number): string =>
  text.length <= length ? text : `${text.slice(0, length - 1)}…`;
const count = (n: number, of: string): string => `${n} ${of}${n === 1 ? '' : 's'}`;
