/** A sandbox for tests, where one works. */
import { ISOLATIONS } from '../../../src/sandbox/isolation.js';
import { openSandbox, type Sandbox, type SandboxLimits } from '../../../src/sandbox/sandbox.js';

/** The strongest that works here: for their own programs tests also take the weakest. */
export async function anySandbox(limits: Partial<SandboxLimits> = {}): Promise<Sandbox | undefined> {
  for (const isolation of ISOLATIONS) {
    const sandbox = await openSandbox({ isolation, limits }).catch(() => undefined);
    if (sandbox) return sandbox;
  }
  return undefined;
}
