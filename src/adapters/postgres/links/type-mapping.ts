/**
 * From types of the remote to types of the local database. A value must be read here exactly as the remote writes it,
 * and nothing may be compared on the remote that compares otherwise here: so what isn't surely the same type becomes a
 * type of the link's schema, and postgres_fdw never compares those remotely.
 */
import { CollationMapper } from './collation-mapping.ts';
import { normalise } from './collation-order.ts';
import { keyOf, type LocalType, type LocalTypes, type UserType } from './local-catalog.ts';
import type { RemoteCatalog, RemotePart, RemoteType } from './remote-catalog.ts';
import type { CollationText, ShapeAttribute, ShapeType, TypeText } from './shape.ts';
import { type NameRequest, shorten } from './type-names.ts';
import { elementOf } from './type-references.ts';
import { isOnlyText, isRepresentable, modifierOf, quoteAs, withLength } from './type-texts.ts';

/** Where a type came from, and so who chooses its name first. */
const ranks = { linkedSchema: 0, otherSchema: 1, system: 2, row: 3, guard: 4 } as const;

interface Mapped extends LocalType {
  /** True when postgres_fdw may compare values on the remote: a type that both servers have. */
  readonly shared: boolean;
  /** The text without a length, and a word for names made of it. */
  readonly plain: TypeText;
  readonly word: string;
  /** Between the elements of its arrays. */
  readonly delimiter: string;
}

interface Part extends ShapeAttribute {
  readonly mapped: Mapped;
}

/** What is made: its definition, the collation that it has by itself, the delimiter of its arrays. */
type Definition = readonly [type: ShapeType, collation: CollationText, delimiter?: string];
type Build = (named: Pick<ShapeType, 'name' | 'text'>) => Definition;

const defaultCollation = 'pg_catalog."default"';

/** Maps the types of one remote, and gathers those that must be made. */
export class TypeMapper {
  readonly #remote: RemoteCatalog;
  readonly #local: LocalTypes;
  readonly #link: string;
  readonly #schema: string;
  readonly #nameOf: (request: NameRequest) => string;
  /** Types that are being mapped, each for the one before it. */
  readonly #begun = new Set<RemoteType>();
  readonly #mapped = new Map<string, Mapped>();
  readonly #made = new Map<string, Mapped>();
  readonly collations: CollationMapper;
  /** In an order in which they can be made. */
  readonly types: ShapeType[] = [];
  /** Types of people that the local database lacks, as people read them. */
  readonly shownAsText = new Set<string>();

  /** `nameOf` names the types that are made; `schema` is the remote's that is linked. */
  constructor(
    remote: RemoteCatalog,
    local: LocalTypes,
    { link, schema, nameOf }: { link: string; schema: string; nameOf: (request: NameRequest) => string },
  ) {
    this.#remote = remote;
    this.#local = local;
    this.#link = link;
    this.#schema = schema;
    this.#nameOf = nameOf;
    this.collations = new CollationMapper(remote, local);
  }

  /** The type and collation of a foreign table's column. */
  column(column: RemotePart): Pick<ShapeAttribute, 'type' | 'collation'> {
    const mapped = this.#map(column.type, column.typeText);
    const collation = this.collations.of(column.collation, mapped.collation);
    // jsonb can't be collated, yet compares its strings by the default collation.
    const byDefault = mapped.shared && mapped.plain.replace('[]', '') === 'jsonb';
    const alike = byDefault ? this.collations.defaultsAlike : collation.alike;
    if (alike || !mapped.shared) return { type: mapped.text, collation: collation.text };
    if (!byDefault) this.collations.note(column.collation);
    return { type: this.#guard(mapped).text, collation: collation.text };
  }

  #map(oid: string, typeText: string): Mapped {
    const key = `${oid} ${typeText}`;
    const known = this.#mapped.get(key);
    if (known) return known;
    const type = this.#remote.types.get(oid);
    const mapped = type ? this.#mapType(type, typeText) : this.#asText(unknownType);
    this.#mapped.set(key, mapped);
    return mapped;
  }

  #mapType(type: RemoteType, typeText: string): Mapped {
    if (type.element !== null) return this.#array(type, type.element, typeText);
    if (type.extension !== null) {
      const found = this.#local.ofExtensions.get(keyOf(type.extension, type.name));
      if (!found) return this.#asText(type, `${type.name} of the extension ${type.extension}`);
      return this.#shared(type, found, found.text + modifierOf(typeText));
    }
    if (type.kind === 'enum' || type.kind === 'domain' || type.kind === 'composite')
      return this.#userType(type, type.kind);
    if (type.schema !== 'pg_catalog') return this.#asText(type, nameOf(type));
    if (isOnlyText(type.name) || type.kind === 'pseudo') return this.#asText(type);
    const found = this.#local.builtIn.get(type.name);
    if (!found) return this.#asText(type, type.name);
    if (type.name === 'money' && !this.#sameMoney()) return this.#asText(type);
    return this.#shared(type, found, withLength(found, typeText, this.#local));
  }

  #shared({ name, delimiter }: RemoteType, { text: plain, collation }: LocalType, text: TypeText): Mapped {
    return { text, collation, shared: true, plain, word: name, delimiter };
  }

  #sameMoney(): boolean {
    const locale = (name: string) => normalise(name).replace(/^(c\.utf8|posix)$/, 'c');
    return locale(this.#remote.lcMonetary) === locale(this.#local.lcMonetary);
  }

  #array(type: RemoteType, element: string, typeText: string): Mapped {
    const mapped = this.#map(element, elementOf(typeText));
    const own = this.#remote.types.get(element);
    if (own && own.delimiter !== mapped.delimiter)
      return this.#asText({ ...type, name: `${own.name}_array` });
    return {
      ...mapped,
      text: `${mapped.text}[]`,
      plain: `${mapped.plain}[]`,
      word: `${mapped.word}_array`,
    };
  }

  #userType(type: RemoteType, kind: UserType['kind']): Mapped {
    if (!type.labels.every((label) => isRepresentable(label, this.#local))) return this.#asText(type);
    // No server lets a type be made of itself, yet what is read here may be any server's answer.
    if (this.#begun.has(type)) return this.#asText(type, nameOf(type));
    this.#begun.add(type);
    const parts = type.parts.map((part) => this.#part(part));
    this.#begun.delete(type);
    const found = this.#local.ofUsers.get(keyOf(type.schema, type.name));
    if (found && found.schema !== this.#link && !type.ofTable && isSame(found, { ...type, kind, parts }))
      return { ...this.#shared(type, found, found.text), shared: false };
    return this.#make(type, (named): Definition => {
      if (kind === 'enum') return [{ kind, ...named, labels: type.labels }, null];
      const [part] = parts;
      if (kind === 'composite' || !part)
        return [{ kind: 'composite', ...named, attributes: parts.map(toAttribute) }, null];
      const { type: base, collation, mapped } = part;
      return [{ kind, ...named, base, collation }, collation ?? mapped.collation, mapped.delimiter];
    });
  }

  /** An attribute of a composite, or a domain's base. What is made of it is never compared on the remote. */
  #part({ name, type, typeText, collation }: RemotePart): Part {
    const mapped = this.#map(type, typeText);
    const { text } = this.collations.of(collation, mapped.collation);
    return { name, type: mapped.text, collation: text, mapped };
  }

  /** A domain over text that shows the values as the remote writes them. `missing`: what people call the type. */
  #asText(type: RemoteType, missing?: string): Mapped {
    if (missing !== undefined) this.shownAsText.add(missing);
    return this.#make(type, (named) => [
      { kind: 'domain', ...named, base: 'text', collation: null },
      defaultCollation,
    ]);
  }

  /** A domain over a type of both servers, so that it is compared here. */
  #guard({ plain, word, collation }: Mapped): Mapped {
    const request = {
      key: `guard ${plain}`,
      rank: ranks.guard,
      schema: this.#link,
      wanted: `remote_${word}`,
    };
    return this.#makeNamed(request, (named) => [
      { kind: 'domain', ...named, base: plain, collation: null },
      collation,
    ]);
  }

  #make(type: RemoteType, build: Build): Mapped {
    const { schema, name, ofTable, element } = type;
    const system = schema === 'pg_catalog' || schema === 'information_schema';
    const key = JSON.stringify([schema, name, element]);
    if (ofTable)
      return this.#makeNamed({ key, rank: ranks.row, schema, wanted: shorten(name, '_row') }, build);
    const rank = schema === this.#schema ? ranks.linkedSchema : system ? ranks.system : ranks.otherSchema;
    return this.#makeNamed({ key, rank, schema, wanted: name }, build);
  }

  #makeNamed(request: NameRequest, build: Build): Mapped {
    const known = this.#made.get(request.key);
    if (known) return known;
    const name = this.#nameOf(request);
    const text = `${quoteAs(this.#link, this.#local)}.${quoteAs(name, this.#local)}`;
    const [type, collation, delimiter = ','] = build({ name, text });
    this.types.push(type);
    const mapped = { text, collation, shared: false, plain: text, word: request.wanted, delimiter };
    this.#made.set(request.key, mapped);
    return mapped;
  }
}

/** What a column is of whose type was made while the catalogue was read. */
const unknownType: RemoteType = {
  schema: 'pg_catalog',
  name: 'unknown',
  kind: 'pseudo',
  extension: null,
  element: null,
  delimiter: ',',
  ofTable: false,
  labels: [],
  parts: [],
  constraints: [],
};

function nameOf({ schema, name }: RemoteType): string {
  return `${schema}.${name}`;
}

function toAttribute({ name, type, collation }: Part): ShapeAttribute {
  return { name, type, collation };
}

function isSame(
  found: UserType,
  wanted: Pick<UserType, 'kind' | 'labels' | 'parts' | 'constraints'>,
): boolean {
  const definition = ({ kind, labels, parts, constraints }: typeof wanted) =>
    JSON.stringify([kind, labels, parts.map((part) => [part.name, part.type, part.collation]), constraints]);
  return definition(found) === definition(wanted);
}
