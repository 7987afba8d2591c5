/**
 * Another client of a Redis: PINGs it again and again and keeps how long the answers took. Prints a line once it is
 * under way and, when it is ended, what it saw as JSON. `node pinger.ts PORT`
 */
import { connect } from 'node:net';

/**
 * Between an answer and the next PING. Without a rest it would take a core for itself, and be made to wait for that by
 * the system: pauses of 60 ms, of an idle Redis too.
 */
const restMs = 1;
/** The first ones are slow for this client's own reasons. */
const warmUp = 500;

const socket = connect(Number(process.argv[2]), '127.0.0.1').setNoDelay(true);
const pauses: number[] = [];
let pings = -warmUp;
let sum = 0;
let sentAt = 0;

function ping(): void {
  sentAt = performance.now();
  socket.write('PING\r\n');
}

socket.on('connect', ping);
socket.on('data', () => {
  const ms = performance.now() - sentAt;
  if (++pings === 0) console.log('pinging');
  if (pings > 0) {
    sum += ms;
    if (ms > 1) pauses.push(ms);
  }
  setTimeout(ping, restMs);
});
process.on('SIGTERM', () => {
  const over = (limit: number) => pauses.filter((ms) => ms > limit).length;
  const seen = {
    pings,
    meanMs: sum / pings,
    longestMs: Math.max(0, ...pauses),
    over5: over(5),
    over10: over(10),
  };
  console.log(JSON.stringify(seen));
  process.exit(0);
});
