import { describe, expect, it } from 'vitest';
import { allCode, codeFromAnswer, fencedBlocks } from '../../../src/evaluate/code/extract-code.js';

const signature = {
  prompt: 'import math\n\n\ndef helper(x):\n    return x\n\n\ndef half(x: int) -> int:\n    """ Half. """\n',
  entryPoint: 'half',
};
const head = signature.prompt;
const given = head.slice(0, head.indexOf('def half'));
const asBody = (answer: string) => {
  const code = codeFromAnswer(signature, answer);
  expect(code.startsWith(head)).toBe(true);
  return code.slice(head.length).trimEnd();
};
const asWhole = (answer: string) => {
  const code = codeFromAnswer(signature, answer);
  expect(code.startsWith(`\n${given}\n`) || code.includes(given)).toBe(true);
  return code.slice(code.indexOf(given) + given.length).trim();
};

describe('a whole function', () => {
  const whole = 'def half(x: int) -> int:\n    return x // 2';
  it('in a fence, with prose around', () => {
    expect(asWhole(`Sure:\n\n\`\`\`python\n${whole}\n\`\`\`\nIt halves.`)).toBe(whole);
  });
  it('in the fence that defines it, not in the first', () => {
    expect(asWhole(`\`\`\`sh\npip install x\n\`\`\`\n~~~py\n${whole}\n~~~\n`)).toBe(whole);
  });
  it('in a fence that the token limit cut off', () => {
    expect(asWhole(`\`\`\`python\n${whole}`)).toBe(whole);
  });
  it('in an indented fence, as in a list', () => {
    expect(asWhole(`1. Code:\n   \`\`\`python\n${whole.replace(/^/gm, '   ')}\n   \`\`\``)).toBe(whole);
  });
  it('bare, with Windows line ends', () => {
    expect(asWhole(whole.replace('\n', '\r\n'))).toBe(whole);
  });
  it('bare between prose', () => {
    const code = `from math import (\n    floor,\n)\n\nLIMIT = 3\n\n${whole}`;
    expect(asWhole(`Here is the function.\n\n${code}\n\nThis function halves.\n`)).toBe(code);
  });
  it('keeps a future import first', () => {
    const code = codeFromAnswer(signature, `\`\`\`\nfrom __future__ import annotations\n${whole}\n\`\`\``);
    expect(code).toMatch(/^from __future__ import annotations\nimport math\n/);
  });
  it('may be async, and is not taken for another of a longer name', () => {
    expect(asWhole('async def half(x):\n    return 1')).toContain('async def half');
    expect(asBody('    def half_of(x):\n        return x\n    return half_of(1)')).toContain('half_of');
  });
});

describe('a body', () => {
  const body = '    if x < 2:\n        return 0\n    return x // 2';
  it('as it stands', () => expect(asBody(body)).toBe(body));
  it('in a fence', () => expect(asBody(`\`\`\`python\n${body}\n\`\`\``)).toBe(body));
  it('that lost all its indentation', () => expect(asBody(body.replace(/^ {4}/gm, ''))).toBe(body));
  it('that lost the indentation of its first line', () => expect(asBody(body.trimStart())).toBe(body));
  it('of a single statement', () => expect(asBody('return x // 2')).toBe('    return x // 2'));
  it('of one block, without indentation', () => {
    expect(asBody('for i in y:\n    return i')).toBe('    for i in y:\n        return i');
  });
  it('that lost the first line’s where no block opens', () => {
    expect(asBody('y = x\n    return y')).toBe('    y = x\n    return y');
  });
  it('with tabs', () => expect(asBody('\tif x:\n\t\treturn 1')).toBe('    if x:\n        return 1'));
});

describe('fences', () => {
  it('of four ticks hold three', () => {
    expect(fencedBlocks('````md\n```py\na\n```\n````')).toEqual([{ language: 'md', code: '```py\na\n```' }]);
    expect(fencedBlocks('no code ``` inline')).toEqual([]);
    expect(fencedBlocks('```\n\n```')).toEqual([]);
  });
});

describe('the code of an answer to an open task', () => {
  const fence = (language: string, code: string) => `Text.\n\`\`\`${language}\n${code}\n\`\`\`\n`;
  it('is that of all its Python fences', () => {
    expect(allCode(fence('python', 'a = 1') + fence('sh', 'ls') + fence('Python3', 'b = 2'))).toBe(
      'a = 1\n\nb = 2',
    );
    expect(allCode(fence('', 'a = 1') + fence('html', '<p>'))).toBe('a = 1');
  });
  it.each([
    'a = 1',
    'import os',
    'print(1)',
    '    return 1\n\ndef f():',
    'from os import path',
    'class A:',
    'app.run(debug=True)\r',
  ])('is all that it says without a fence: %j', (code) => {
    expect(allCode(`${code}\n`)).toBe(`${code.replace('\r', '')}\n`);
  });
  it('may end with a fence that was never opened', () => {
    expect(allCode('import os\n\nos.x()\n```\nThis does x.')).toBe('import os\n\nos.x()');
    expect(allCode('import os\n```\n')).toBe('import os');
    expect(allCode('As asked:\n```\nimport os')).toBe('import os');
  });
  it.each([
    '',
    'Sorry, I cannot help with that.',
    'First import the module, then define a class of your own (see above).',
    fence('bash', 'pip install x'),
  ])('is not there: %j', (answer) => expect(allCode(answer)).toBeNull());
});

describe('a body, further', () => {
  it('of two spaces inside a body that lost its first indentation', () => {
    expect(asBody('if x:\n      return 1\n    return 0')).toBe('    if x:\n      return 1\n    return 0');
  });
  it('an empty answer is an empty body', () => {
    expect(codeFromAnswer(signature, '')).toBe(`${head.trimEnd()}\n\n`);
  });
});
