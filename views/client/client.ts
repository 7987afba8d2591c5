/**
 * What scripts add to pages that work without them: copying, keys, freezing in place, data links with their progress,
 * and no second submit. Runs under a strict Content-Security-Policy, changes no text that was typed, asks nobody but the server.
 */
import { startCopying } from './copying.ts';
import { startFreezing } from './freeze.ts';
import { startKeys } from './keys.ts';
import { startLinkWork } from './link-work.ts';
import { startSubmitGuard } from './submit-guard.ts';

startCopying();
startKeys();
startFreezing();
startLinkWork();
startSubmitGuard();
