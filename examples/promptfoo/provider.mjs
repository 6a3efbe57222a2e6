/**
 * A provider for promptfoo: a model behind its conscience, here or at `ealign serve`. What the conscience did stands in
 * the metadata of each result.
 *
 *     providers:
 *       - id: file://provider.mjs
 *         config: { model: smollm2-135m-instruct }            # here; `adapter` as well
 *       - id: file://provider.mjs
 *         config: { url: http://127.0.0.1:8000/v1, model: … } # at `ealign serve`; the key in EALIGN_API_KEY
 *
 * Further keys: max_tokens, temperature, seed, system. A prompt is a text, or a JSON list of messages.
 */
import { openModel, withOwnConscience } from 'emergent-alignment';

const KEYS = ['model', 'adapter', 'url', 'max_tokens', 'temperature', 'seed', 'system'];

export default class ConscienceProvider {
  constructor({ id, config = {} } = {}) {
    const unknown = Object.keys(config).filter((key) => !KEYS.includes(key) && key !== 'basePath');
    if (unknown.length > 0) throw new Error(`config.${unknown[0]} is unknown; known are ${KEYS.join(', ')}`);
    if (!config.model) throw new Error('config.model is missing; give the name of a model, e.g. pinocchio');
    this.config = config;
    this.name = id && !id.startsWith('file://') ? id : `ealign:${config.model}`;
  }

  id() {
    return this.name;
  }

  async callApi(prompt) {
    try {
      return await (this.config.url ? this.served(prompt) : this.here(prompt));
    } catch (error) {
      return { error: error.message };
    }
  }

  async cleanup() {
    await (await this.opened)?.model.close();
    this.opened = undefined;
  }

  messages(prompt) {
    const { system } = this.config;
    const asked = /^\s*\[/.test(prompt) ? JSON.parse(prompt) : [{ role: 'user', content: prompt }];
    return system ? [{ role: 'system', content: system }, ...asked] : asked;
  }

  async here(prompt) {
    const { model, adapter, max_tokens: maxTokens = 256, temperature = 0, seed = 0 } = this.config;
    this.opened ??= opened(model, adapter);
    const { guarded } = await this.opened;
    const [answer] = await guarded.answer([this.messages(prompt)], { maxTokens, temperature, seed });
    const { verdict } = answer.review;
    const spent = Object.values(answer.usage);
    const [read, written] = ['promptTokens', 'answerTokens'].map((key) =>
      spent.reduce((sum, use) => sum + use[key], 0),
    );
    return {
      output: answer.response.text,
      tokenUsage: { prompt: read, completion: written, total: read + written },
      metadata: {
        outcome: answer.outcome,
        verdict: verdict.kind,
        p_objection: verdict.kind === 'unreadable' ? null : verdict.pObjection,
      },
    };
  }

  async served(prompt) {
    const { url, model, adapter, max_tokens = 256, temperature = 0, seed } = this.config;
    if (adapter) throw new Error('config.adapter: give the adapter to ealign serve');
    const key = process.env.EALIGN_API_KEY;
    const reply = await fetch(`${url.replace(/\/$/, '')}/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(key ? { authorization: `Bearer ${key}` } : {}) },
      body: JSON.stringify({ model, messages: this.messages(prompt), max_tokens, temperature, seed }),
    });
    const { error, choices, usage, conscience } = await reply.json();
    if (!reply.ok) throw new Error(`${url}: ${reply.status} ${error?.message ?? ''}`);
    return {
      output: choices[0].message.content,
      tokenUsage: {
        prompt: usage.prompt_tokens,
        completion: usage.completion_tokens,
        total: usage.total_tokens,
      },
      metadata: conscience
        ? { outcome: conscience.outcome, verdict: conscience.verdict, p_objection: conscience.p_objection }
        : {},
    };
  }
}

async function opened(name, adapter) {
  const model = await openModel(name, adapter ? { adapter } : {});
  return { model, guarded: await withOwnConscience(name, model) };
}
