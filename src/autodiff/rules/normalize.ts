/** Gradients of normalisation and rotary position embedding (contributed operators). */
import { mul, neg, reduceMean, reduceSum, rotaryEmbedding, sub } from '../../graph/ops.js';
import type { GradientRule } from './rule.js';

export const normalize = {
  // x̂ = x·r, y = x̂∘w, r = 1/rms(x): dx = r·(ĝ − x̂·mean(ĝ∘x̂)) with ĝ = g∘w; dw = Σ g∘x̂
  SimplifiedLayerNormalization: (({ inputs: [x, w], outputs: [, r] }, [grad]) => {
    const normal = mul(x!, r);
    const scaled = mul(grad!, w!);
    const mean = reduceMean(mul(scaled, normal), [-1], true);
    const dx = mul(r, sub(scaled, mul(normal, mean)));
    const axes = x!.shape.slice(0, -1).map((_, axis) => axis);
    return [dx, reduceSum(mul(grad!, normal), axes)];
  }) satisfies GradientRule,
  // a rotation; its transpose is the rotation by −θ
  RotaryEmbedding: (({ inputs: [, positions, cos, sin], attributes: { num_heads: heads } }, [grad]) => [
    rotaryEmbedding(grad!, positions!, cos!, neg(sin!), heads as number | undefined),
    null,
    null,
    null,
  ]) satisfies GradientRule,
};
