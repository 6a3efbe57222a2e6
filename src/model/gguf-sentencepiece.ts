/**
 * SentencePiece vocabularies (Llama 2, TinyLlama, Mistral) as a byte-pair encoding.
 *
 * GGUF keeps pieces and scores but no merges. SentencePiece joins, again and again, the
 * two neighbours whose union scores highest; so every way to cut a piece into two pieces
 * is a merge, ranked by the score of the whole. transformers converts the same way.
 */

/** The parts of a tokenizer.json that differ from a byte-level vocabulary. */
export interface SentencePieceModel {
  readonly model: Readonly<Record<string, unknown>>;
  readonly normalizer: Readonly<Record<string, unknown>>;
  readonly decoder: Readonly<Record<string, unknown>>;
}

/**
 * @param pieces      by token id
 * @param scores      by token id; higher merges first
 * @param mergeable   by token id: is it an ordinary piece (not a control, byte or added token)?
 * @param unknown     the piece for what cannot be encoded
 * @param prefixSpace is a space put before the text?
 */
export function sentencePieceModel(
  pieces: readonly string[],
  scores: readonly number[],
  mergeable: (id: number) => boolean,
  unknown: string | undefined,
  prefixSpace: boolean,
): SentencePieceModel {
  const ids = new Map(pieces.map((piece, id) => [piece, id]));
  const merges: { rank: number; left: number; right: number; pair: [string, string] }[] = [];
  pieces.forEach((piece, id) => {
    if (!mergeable(id)) return;
    // Cut between characters, not between the halves of a surrogate pair.
    const characters = [...piece];
    for (let cut = 1, left = ''; cut < characters.length; cut++) {
      left += characters[cut - 1];
      const right = piece.slice(left.length);
      const leftId = ids.get(left);
      const rightId = ids.get(right);
      if (leftId !== undefined && rightId !== undefined) {
        merges.push({ rank: -scores[id], left: leftId, right: rightId, pair: [left, right] });
      }
    }
  });
  merges.sort((a, b) => a.rank - b.rank || a.left - b.left || a.right - b.right);
  const toSpace = { type: 'Replace', pattern: { String: '▁' }, content: ' ' };
  return {
    model: {
      type: 'BPE',
      unk_token: unknown ?? null,
      fuse_unk: true,
      byte_fallback: true,
      ignore_merges: false,
      vocab: Object.fromEntries(ids),
      merges: merges.map(({ pair }) => pair),
    },
    normalizer: {
      type: 'Sequence',
      normalizers: [
        ...(prefixSpace ? [{ type: 'Prepend', prepend: '▁' }] : []),
        { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
      ],
    },
    decoder: {
      type: 'Sequence',
      decoders: [
        toSpace,
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        ...(prefixSpace ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : []),
      ],
    },
  };
}
