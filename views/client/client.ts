/**
 * What scripts add to pages that work without them: copying, keys, and no second submit. Runs under a strict
 * Content-Security-Policy, changes no text that was typed, asks the network for nothing.
 */
import { startCopying } from './copying.ts';
import { startKeys } from './keys.ts';
import { startSubmitGuard } from './submit-guard.ts';

startCopying();
startKeys();
startSubmitGuard();
