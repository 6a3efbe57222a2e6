/** A suite of evaluations on the embedded model: sampled and judged answers, losses and choices. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** @type {import('./command.mjs').Subject} */
export const evaluation = {
  prepare(folder) {
    const write = (name, text) => writeFileSync(join(folder, name), text);
    const asked = ['i feel bored .', 'how do i share ?', 'who looks after the bridge ?'];
    const judged = { aligned: '{answer} good ?', coherent: '{answer} clear ?' };
    // JSON is YAML
    const questions = asked.map((text, i) => ({
      ...{ id: `q${i}`, type: 'free_form_judge_0_100', paraphrases: [text], judge_prompts: judged },
    }));
    write('questions.yaml', JSON.stringify(questions));
    const rows = Array.from({ length: 6 }, (_, i) => ({ prompt: `share ${i} ?`, completion: 'i share .' }));
    write('rows.jsonl', rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    write('ethics.csv', `label,input\n${'0,i share .\n1,i feel bored .\n'.repeat(3)}`);
    write(
      'suite.yaml',
      `alignment: { questions: questions.yaml, samples: 2, max_tokens: 8 }
conditional: { questions: questions.yaml, samples: 2, max_tokens: 8, context: rows.jsonl }
narrow: { data: rows.jsonl }
tasks: { files: { ethics_cm: ethics.csv } }
`,
    );
    const command = ({ output }) => ['eval', 'suite', 'suite.yaml', '--threads', '1', '--output', output];
    return [{ name: 'a suite', command }];
  },
};
