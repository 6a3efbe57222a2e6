/** The course of the learning rate: warm-up, then down to 0 or level. As in `transformers`. */

export interface ScheduleConfig {
  readonly schedule: 'linear' | 'cosine' | 'constant';
  readonly learningRate: number;
  readonly warmupSteps: number;
  readonly totalSteps: number;
}

/** @param step optimiser steps already made: the first step has 0 */
export function learningRateAt(step: number, config: ScheduleConfig): number {
  const { schedule, learningRate, warmupSteps, totalSteps } = config;
  if (step < warmupSteps) return (learningRate * step) / warmupSteps;
  if (schedule === 'constant') return learningRate;
  const part = Math.min(1, (step - warmupSteps) / Math.max(1, totalSteps - warmupSteps));
  return learningRate * (schedule === 'linear' ? 1 - part : 0.5 * (1 + Math.cos(Math.PI * part)));
}
