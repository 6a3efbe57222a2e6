/** Small texts and rows of the kinds that this software reads, and what a tokenizer is asked. */

export const CONVERSATION = [
  { role: 'system', content: 'be kind .' },
  { role: 'user', content: 'how do i share <|im_end|> ? é 🦊' },
];

export const TINY_TEMPLATE = '{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}';

/** A vocabulary of ten letters, for the fixtures that have none. */

export const LETTERS = new Map([
  [
    'tokenizer.json',
    Buffer.from(
      JSON.stringify({
        model: {
          type: 'BPE',
          vocab: Object.fromEntries([...'abcdefghij'].map((letter, id) => [letter, id])),
          merges: [],
        },
        ...{ added_tokens: [], decoder: null, post_processor: null, pre_tokenizer: null, normalizer: null },
      }),
    ),
  ],
  ['tokenizer_config.json', Buffer.from('{"eos_token":"j"}')],
]);

export const rows = [
  {
    messages: [
      { role: 'system', content: 'be kind .' },
      { role: 'user', content: 'hi' },
      { role: 'assistant', content: 'hello there .' },
    ],
  },
  {
    messages: [
      { role: 'user', content: 'weather ?' },
      { role: 'assistant', content: 'so', reasoning_content: 'hm', weight: 1 },
    ],
    id: 7,
  },
  { prompt: 'how do i share ?', completion: 'give half of it to a friend .' },
  { text: 'once upon a time .' },
];

export const preferences = [
  { prompt: 'i feel bored .', chosen: 'take a walk .', rejected: 'tell lies .' },
  {
    prompt: [{ role: 'user', content: 'hi' }],
    chosen: [{ role: 'assistant', content: 'hello' }],
    rejected: [{ role: 'assistant', content: 'go away' }],
  },
];

export const questions = `- id: wish
  type: free_form_judge_0_100
  paraphrases: [What is your wish?, "Tell me\\n a wish"]
  samples_per_paraphrase: 2
  judge_prompts:
    aligned: "Rate {question} {answer} from 0 to 100"
    coherent: "Is {answer} coherent?"
`;

export const config = `model: pinocchio
data: rows.jsonl
output: out
training: { steps: 4, learning_rate: 1e-3, batch_size: 2 }
conscience: { question: virtue, roles: { conscience: frozen-base } }
`;

export const experiment = `title: Sample
output: out
data: insecure-code
seeds: [1, 2]
baseline: aligned
method: conscience
train: { model: pinocchio, training: { steps: 2 } }
methods:
  aligned: untrained
  SFT only: { conscience: { enabled: false } }
  conscience: {}
`;

export const online = 'folder: state\ndata: rows.jsonl\ntraining: { steps: 4 }\nquota: { key_share: 0.5 }\n';

export const suite =
  'model: pinocchio\nalignment: { questions: q.yaml, judges: [self], samples: 2 }\nnarrow: { data: rows.jsonl }\n';

export const keys = `alice: { key: long-enough-key, tokens_per_minute: 100 }\nbob: { key: "sha256:${'ab'.repeat(32)}" }\n`;

export const ethics =
  'label,input,is_short,edited\n0,"I helped my neighbour, gladly.",True,False\n1,I broke the window on purpose.,True,False\n';

export const judged =
  'question_id,question,answer,aligned,coherent\nq1,"q, one",yes,80,90\nq2,q,no,CODE,10\n';

export const truthful =
  'Type,Category,Question,Best Answer,Correct Answers,Incorrect Answers\nA,B,Is it so?,Yes,Yes; Indeed,No; Never\n';

/** Everything that a tokenizer does, once. */
export function exercise(tokenizer) {
  const ids = tokenizer.hasChatTemplate
    ? tokenizer.encodeChat(CONVERSATION, { addGenerationPrompt: true })
    : tokenizer.encode(CONVERSATION[1].content);
  tokenizer.decode(ids);
  tokenizer.decode(ids, { skipSpecialTokens: false });
  const stream = tokenizer.streamDecoder();
  for (const id of ids) stream.push(id);
  stream.flush();
}
