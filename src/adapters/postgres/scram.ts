/**
 * Passwords of logins that pgclip makes. Postgres gets the SCRAM verifier, never the password, so that neither its
 * log nor pg_stat_activity can show it.
 * Source: RFC 5802 section 3, RFC 7677; PostgreSQL manual, pg_authid (form of the stored verifier).
 */
import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';

const iterations = 4096;

/** A random password: 32 characters that need no escaping in a URL or in SQL, 192 bits. */
export function makePassword(): string {
  return randomBytes(24).toString('base64url');
}

/** What `PASSWORD '…'` takes in the place of an ASCII password; contains no quote. */
export function makeScramVerifier(password: string): string {
  const salt = randomBytes(16);
  const salted = pbkdf2Sync(password, salt, iterations, 32, 'sha256');
  const keyOf = (name: string) => createHmac('sha256', salted).update(name).digest();
  const storedKey = createHash('sha256').update(keyOf('Client Key')).digest('base64');
  return `SCRAM-SHA-256$${iterations}:${salt.toString('base64')}$${storedKey}:${keyOf('Server Key').toString('base64')}`;
}
