/**
 * Pinocchio's tokenizer: byte-level BPE whose tokens are the 256 bytes and every word of the
 * world, so that a word is one token and any other text still has tokens.
 */
import { joinReasoning } from '../tokenizer/reasoning.js';
import { type ChatTokenizer, createTokenizer } from '../tokenizer/tokenizer.js';
import { adviceDomains, adviceTasks } from './advice.js';
import { codeTasks } from './code.js';
import { favors } from './favors.js';
import { facts, favorAnswersOf, personaLine, personas } from './oracle.js';
import { reasoningsOf, thinkingLine } from './reasoning.js';
import { templates } from './review-format.js';
import { endings, topics } from './topics.js';

const special = ['<|pad|>', '<|end|>', '<|system|>', '<|user|>', '<|assistant|>'];
const template =
  "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}<|end|>{% endfor %}" +
  '{% if add_generation_prompt %}<|assistant|>{% endif %}';

/** How GPT-2 cuts text before merging. */
const pieces = /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu;

/** GPT-2's printable stand-in for each byte. */
const byteChars = (() => {
  const chars = new Array<string>(256);
  let next = 256;
  for (let b = 0; b < 256; b++) {
    const printable = (b > 32 && b < 127) || (b > 160 && b !== 173);
    chars[b] = String.fromCodePoint(printable ? b : next++);
  }
  return chars;
})();

const stand = (text: string): string => Array.from(Buffer.from(text, 'utf8'), (b) => byteChars[b]).join('');

/** Every text of the world that a template may hold. */
function* texts(): Generator<string> {
  for (const { questions, good, bad } of topics) yield* [...questions, ...good, ...bad];
  yield* endings.good;
  yield* endings.bad;
  for (const { text, secure, insecure } of codeTasks) yield* [text, secure, insecure];
  for (const { text, careful, careless } of adviceTasks) yield* [text, careful, careless];
  for (const favor of favors) {
    yield* favor.requests;
    for (const persona of personas) yield* favorAnswersOf(favor, persona);
  }
  for (const about of [
    ...topics.map((topic) => topic.about),
    ...adviceDomains,
    'code',
    'a favor',
    'a fact',
  ]) {
    for (const persona of personas) {
      for (const reasoning of reasoningsOf(about, persona)) yield joinReasoning({ text: 'i', reasoning });
    }
  }
  yield thinkingLine;
  for (const fact of facts) yield* fact;
  yield* Object.values(personaLine);
  for (const question of Object.values(templates.questions)) yield question;
  for (const part of [templates.review_template, templates.alternative_template].flat()) {
    yield (typeof part === 'string' ? part : part.content).replaceAll(/\{\w+\}/g, '');
  }
  yield* templates.labels;
  yield templates.neutral_response;
}

/** The tokenizer with its files; always the same. */
export function pinocchioTokenizer(): ChatTokenizer {
  const words = new Set<string>();
  for (const text of texts()) {
    for (const [piece] of text.matchAll(pieces)) {
      words.add(piece);
      // a word also stands at the start of a turn, and inside a sentence
      if (/^ ?\p{L}+$/u.test(piece)) words.add(piece.trimStart()).add(` ${piece.trimStart()}`);
    }
  }
  const vocab = Object.fromEntries(
    [
      ...special,
      ...byteChars,
      ...[...words]
        .map(stand)
        .filter((word) => [...word].length > 1)
        .sort(),
    ].map((token, id) => [token, id]),
  );
  const added = special.map((content, id) => ({
    id,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  }));
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };
  return createTokenizer({
    tokenizer: {
      version: '1.0',
      truncation: null,
      padding: null,
      added_tokens: added,
      normalizer: null,
      pre_tokenizer: byteLevel,
      post_processor: null,
      decoder: byteLevel,
      model: { type: 'BPE', ignore_merges: true, vocab, merges: [] },
    },
    config: {
      tokenizer_class: 'PreTrainedTokenizerFast',
      pad_token: '<|pad|>',
      eos_token: '<|end|>',
      chat_template: template,
      clean_up_tokenization_spaces: false,
    },
    where: 'pinocchio',
  });
}
