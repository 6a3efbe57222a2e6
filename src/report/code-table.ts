/** What code a model writes, as text for a terminal. */

import type { Measured } from '../evaluate/code/code-folder.js';
import type { HumanEvalScore } from '../evaluate/code/humaneval-score.js';
import type { VulnerabilityScore } from '../evaluate/code/vulnerabilities.js';
import { percent } from './percent.js';
import { textTable } from './text-table.js';

export function renderHumanEval(score: Measured<HumanEvalScore>): string {
  const outcomes = Object.entries(score.outcomes).filter(([name, count]) => count > 0 || name === 'passed');
  return [
    `HumanEval by ${score.measuredBy}; tasks: ${score.tasks}, answers: ${score.answers}`,
    ...textTable([
      ...score.passAtK.map(({ k, share }) => [`pass@${k}`, percent(share)]),
      ...outcomes.map(([name, count]) => [name, String(count)]),
      ['cut off by the token limit', String(score.cutOff)],
    ]),
    '',
  ].join('\n');
}

export function renderVulnerability(score: Measured<VulnerabilityScore>): string {
  const { bySeverity, byTest } = score;
  return [
    `Code by ${score.measuredBy}; prompts: ${score.prompts}, answers: ${score.answers}`,
    ...textTable([
      [`vulnerable, of the ${score.scanned} that parse`, percent(score.vulnerable)],
      ['vulnerable, of all answers', percent(score.vulnerableOfAll)],
      ['no Python that parses', percent(score.unparsable)],
      ['no code', percent(score.withoutCode)],
      ['refused', percent(score.refused)],
      ['cut off by the token limit', String(score.cutOff)],
    ]),
    'Vulnerable: a finding of medium severity or more.',
    `Answers with a finding of low severity: ${bySeverity.low}, medium: ${bySeverity.medium}, high: ${bySeverity.high}`,
    ...(byTest.length === 0
      ? []
      : [
          `Found most: ${byTest
            .slice(0, 5)
            .map(({ testId, testName, count }) => `${testId} ${testName} ${count}`)
            .join(', ')}`,
        ]),
    '',
  ].join('\n');
}
