/** The program of the thread that reviews beside training: a frozen copy, and the policy as it was when asked. */
import { SETS } from '../conscience/roles.js';
import { ConscienceStages } from '../conscience/step.js';
import type { LabelLogps } from '../conscience/verdict.js';
import { amplifying, openWeights } from '../engine/capabilities.js';
import { CostMeter } from '../metrics/costs.js';
import { runThread } from '../open/thread/start.js';
import { castRoles, openOthers } from './open-pairs.js';
import type { ReviewTask } from './open-review-thread.js';
import { isTrainable, referencesOf } from './pairs.js';
import type { ReviewAnswer, ReviewRequest } from './reviews-beside.js';
import { engineOf, trainedModel } from './trained-model.js';

await runThread(async ({ config: given, calibration }: ReviewTask) => {
  const trained = await trainedModel(given, () => {});
  const { config, model } = trained;
  const engine = await engineOf(trained);
  const others = await openOthers(config);
  const { step: settings, frozenConscience } = await castRoles(trained, engine, others, calibration);
  const { amplify, lag, roles } = config.conscience;
  const [set, maxLength] = [SETS[roles.reference], config.training.max_length];

  const review = async ({ step, seed, prompts, weights, priors }: ReviewRequest): Promise<ReviewAnswer> => {
    await openWeights(engine).replace('policy', weights);
    const meter = new CostMeter();
    const priorCache = new Map<string, LabelLogps>(priors);
    const stages = new ConscienceStages({
      ...settings,
      ...(amplify === 1 ? {} : { policy: amplifying(engine).amplified(amplify) }),
      trainable: (pair) => isTrainable(pair, engine, maxLength),
      ...(frozenConscience ? { priorCache } : {}),
      ...{ prompts, step, seed, meter, age: lag },
    });
    meter.start();
    const responses = await stages.respond();
    const verdicts = await stages.judge(responses);
    const made = await stages.pairUp(responses, verdicts);
    const references =
      set === 'policy' ? [] : await referencesOf(made.pairs, engine, { set, maxLength, meter });
    return { made, priors: frozenConscience ? [...priorCache] : [], references, costs: meter.soFar() };
  };

  // one at a time: they share one policy
  let last: Promise<unknown> = Promise.resolve();
  return {
    about: model.hash,
    models: {},
    calls: {
      review: (request: ReviewRequest) => {
        const answer = last.then(() => review(request));
        last = answer.catch(() => {});
        return answer;
      },
    },
    async close() {
      await last;
      await engine.close();
      for (const other of others.values()) await other.model.close();
    },
  };
});
