/**
 * Checkpoints of a model at a server: the whole state in a file where the server gives it out, else the name that
 * the server keeps it under.
 */
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { TrainingError } from '../../errors.js';
import { asSaveError, writeFileAtomic } from '../../files/files.js';
import { readJson } from '../../files/json-file.js';
import type { RemoteCopies } from './copies.js';

const [STATE, FROZEN] = ['state.safetensors', 'frozen.safetensors'];
/** Where the server keeps the state, when it does not give it out. */
const KEPT = 'tinker.json';

/** @throws SaveError when the disk refuses; RemoteError when the server does */
export async function saveState(folder: string, copies: RemoteCopies): Promise<void> {
  const policy = await copies.model('policy');
  if (!copies.session.abilities.extensions.state) {
    const path = await policy.saveWeights(`ealign-${randomUUID()}`);
    writeFileAtomic(
      join(folder, KEPT),
      `${JSON.stringify({ server: copies.session.name, path }, null, 2)}\n`,
    );
    return;
  }
  try {
    await policy.fetchTensors('state', join(folder, STATE));
    await (await copies.renewedBase)?.fetchTensors('weights', join(folder, FROZEN));
  } catch (error) {
    throw asSaveError(folder, error);
  }
}

/** @throws TrainingError when the folder holds no state for this server, or names one at another */
export async function loadState(folder: string, copies: RemoteCopies): Promise<void> {
  const [state, frozen] = [STATE, FROZEN].map((name) => join(folder, name));
  const kept = readJson(join(folder, KEPT));
  if (existsSync(state) && copies.session.abilities.extensions.state) {
    await (await copies.model('policy')).putTensors('state', state);
    if (existsSync(frozen)) await copies.refreeze(frozen);
    return;
  }
  if (typeof kept?.path === 'string') {
    const { name } = copies.session;
    if (kept.server !== name) {
      const what = 'the server of the run keeps the state, and this is another server';
      const next = 'resume with the url of that server';
      throw new TrainingError({ where: folder, what, expected: String(kept.server), got: name, next });
    }
    // a checkpoint is loaded into a model that has done nothing yet
    await (await copies.renewPolicy()).loadWeights(kept.path);
    return;
  }
  throw new TrainingError({
    where: folder,
    what: 'the checkpoint is another engine’s, and this one cannot read it',
    expected: existsSync(state) ? 'a server that takes a state in' : `${STATE} or ${KEPT}`,
    next: 'resume with the engine of the run',
  });
}
