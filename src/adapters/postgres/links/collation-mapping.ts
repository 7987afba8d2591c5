/**
 * From collations of the remote to collations of the local database, and whether both sort alike.
 */
import { type Collated, describeCollation, knowsSameLetters, sortsAlike } from './collation-order.ts';
import { keyOf, type LocalTypes } from './local-catalog.ts';
import type { RemoteCatalog } from './remote-catalog.ts';
import { defaultCollationOid } from './remote-sql.ts';
import type { CollationText } from './shape.ts';

interface Found {
  /** The local one of the same name, or null. */
  readonly text: CollationText;
  readonly alike: boolean;
}

/** Of one remote and the local database. */
export class CollationMapper {
  readonly #remote: RemoteCatalog;
  readonly #local: LocalTypes;
  readonly #found = new Map<string, Found>();
  readonly #noted = new Set<string>();
  /** Whether the default collations of the two databases sort alike. */
  readonly defaultsAlike: boolean;

  constructor(remote: RemoteCatalog, local: LocalTypes) {
    this.#remote = remote;
    this.#local = local;
    this.defaultsAlike = sortsAlike(defaultOf(remote), defaultOf(local));
  }

  /**
   * What a value of the remote's collation has here, where its type has the collation `own` by itself: `text` is null
   * when nothing needs to be said. `alike` is true where there is no collation.
   */
  of(oid: string | null, own: CollationText): Found {
    if (oid === null || own === null) return { text: null, alike: true };
    let found = this.#found.get(oid);
    if (!found) {
      found = this.#find(oid);
      this.#found.set(oid, found);
    }
    return found.text === own ? { text: null, alike: found.alike } : found;
  }

  /** Keeps in mind for `warnings` that a column of the collation is compared here. */
  note(oid: string | null): void {
    const facts = oid === null ? undefined : this.#remote.collations.get(oid);
    if (facts) this.#noted.add(describeCollation({ collation: facts, encoding: this.#remote.encoding }));
  }

  /** What the link's owner should know, as sentences. */
  warnings(): string[] {
    const [here, there] = [
      describeCollation(defaultOf(this.#local)),
      describeCollation(defaultOf(this.#remote)),
    ];
    const sentences: string[] = [];
    if (!this.defaultsAlike) {
      sentences.push(
        `Text is compared and sorted in this database and not on the remote, so a filter on text fetches all rows: they are not known to sort alike, with ${here} here and ${there} there.`,
      );
    } else if (!knowsSameLetters(this.#remote.defaultCollation, this.#local.defaultCollation)) {
      sentences.push(
        `The remote takes other characters for letters than this database: lower(), upper(), ILIKE and regular expressions that run there may differ from here, with ${here} here and ${there} there.`,
      );
    }
    if (this.#noted.size > 0) {
      sentences.push(
        `Columns with these collations of the remote are compared in this database, which has no equal ones: ${[...this.#noted].sort().join(', ')}.`,
      );
    }
    return sentences;
  }

  #find(oid: string): Found {
    if (oid === defaultCollationOid) return { text: 'pg_catalog."default"', alike: this.defaultsAlike };
    const facts = this.#remote.collations.get(oid);
    const local = facts && this.#local.collations.get(keyOf(facts.schema, facts.name));
    if (!local) return { text: null, alike: false };
    return {
      text: local.text,
      alike: sortsAlike(
        { collation: facts, encoding: this.#remote.encoding },
        { collation: local.facts, encoding: this.#local.encoding },
      ),
    };
  }
}

function defaultOf({ defaultCollation, encoding }: RemoteCatalog | LocalTypes): Collated {
  return { collation: defaultCollation, encoding };
}
