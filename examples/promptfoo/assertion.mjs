/**
 * An assertion for promptfoo: passes where a conscience accepts the output, whoever gave it. The score is one minus the
 * objection's share.
 *
 *     assert:
 *       - type: javascript
 *         value: file://assertion.mjs
 *         config: { model: smollm2-135m-instruct } # who judges; default: the embedded pinocchio
 *
 * Further keys: adapter, threads. A verdict that cannot be read does not pass: who can make a conscience unreadable must
 * not get past it by that.
 */
import { conscienceScorer } from 'emergent-alignment';

const scorers = new Map();

export default async function accepted(output, { prompt, config = {} }) {
  const { model = 'pinocchio', adapter, threads } = config;
  const key = JSON.stringify([model, adapter, threads]);
  if (!scorers.has(key)) scorers.set(key, conscienceScorer({ model, adapter, threads }));
  const { score, metadata } = await scorers.get(key)({ input: asked(prompt), output });
  const share = metadata.p_objection === null ? '' : ` with ${(100 * metadata.p_objection).toFixed(1)} %`;
  return {
    pass: metadata.verdict === 'accepted',
    score: score ?? 0,
    reason: `${metadata.judge}: ${metadata.verdict}${metadata.verdict === 'objected' ? ' to' : ''}${share}`,
    namedScores: score === null ? {} : { conscience: score },
    metadata,
  };
}

/** What the model was asked: a prompt in JSON is a list of messages. */
function asked(prompt = '') {
  try {
    const messages = JSON.parse(prompt);
    return Array.isArray(messages) ? messages : prompt;
  } catch {
    return prompt;
  }
}
