/**
 * What becomes of the types of a link's schema. A type that can't be altered into what it should be gives its name to a
 * new one and goes when no column is of it any more, and so does every type that is made of it.
 */
import type { LinkShape, ShapeStep, ShapeType, TypeText } from './shape.ts';
import { shorten } from './type-names.ts';
import { elementOf, inCreationOrder, partsOf } from './type-references.ts';

export interface TypeComparison {
  /** Come before all else. */
  readonly renames: readonly ShapeStep[];
  /** Come when tables and columns that go are gone. */
  readonly creations: readonly ShapeStep[];
  /** Come after all else. */
  readonly drops: readonly ShapeStep[];
  /** Whether a column of this type, or of an array of it, has to be given the new type of the same text. */
  isReplaced(text: TypeText): boolean;
}

export function compareTypes(actual: LinkShape, desired: LinkShape): TypeComparison {
  const before = new Map(actual.types.map((type) => [type.name, type]));
  const wanted = inCreationOrder(desired.types);
  const kept = new Set<string>();
  const replaced = new Set<TypeText>();
  const creations: ShapeStep[] = [];
  for (const type of wanted) {
    const old = before.get(type.name);
    const labels = old && labelSteps(old, type);
    const ofReplaced = partsOf(type).some((part) => replaced.has(part));
    if (old && !ofReplaced && (labels !== null || isSameType(old, type))) {
      kept.add(type.name);
      creations.push(...(labels ?? []));
    } else {
      if (old) replaced.add(type.text);
      creations.push({ kind: 'create type', type });
    }
  }
  const retired = inCreationOrder(actual.types).filter(({ name }) => !kept.has(name));
  const { renames, drops } = retire(retired, actual, desired);
  return { renames, creations, drops, isReplaced: (text) => replaced.has(elementOf(text)) };
}

function retire(retired: readonly ShapeType[], actual: LinkShape, desired: LinkShape) {
  const needed = new Set([...desired.types, ...desired.tables].map(({ name }) => name));
  const used = new Set([...needed, ...[...actual.types, ...actual.tables].map(({ name }) => name)]);
  const renames: ShapeStep[] = [];
  const drops: ShapeStep[] = [];
  for (const type of retired) {
    let { name } = type;
    if (needed.has(name)) {
      for (let n = 1; used.has(name); n++) name = shorten(type.name, n === 1 ? '_old' : `_old${n}`);
      used.add(name);
      renames.push({ kind: 'rename type', type, to: name });
    }
    drops.unshift({ kind: 'drop type', type: { ...type, name } });
  }
  return { renames, drops };
}

/** The steps from one enum to the other when labels were added and nothing else; null when it takes a new type. */
function labelSteps(old: ShapeType, type: ShapeType): ShapeStep[] | null {
  if (old.kind !== 'enum' || type.kind !== 'enum') return null;
  const known = new Set(old.labels);
  const remaining = type.labels.filter((label) => known.has(label));
  if (remaining.length !== old.labels.length || remaining.some((label, i) => label !== old.labels[i]))
    return null;
  const steps: ShapeStep[] = [];
  let before: string | null = null;
  for (const label of type.labels.toReversed()) {
    if (known.has(label)) before = label;
    else steps.unshift({ kind: 'add label', type: type.name, label, before });
  }
  return steps;
}

/** Enums are compared by their labels, see `labelSteps`. */
function isSameType(old: ShapeType, type: ShapeType): boolean {
  if (old.kind === 'domain' && type.kind === 'domain')
    return old.base === type.base && old.collation === type.collation;
  if (old.kind !== 'composite' || type.kind !== 'composite') return false;
  const { attributes } = type;
  return (
    old.attributes.length === attributes.length &&
    old.attributes.every((attribute, i) => {
      const other = attributes[i];
      return (
        attribute.name === other?.name &&
        attribute.type === other.type &&
        attribute.collation === other.collation
      );
    })
  );
}
