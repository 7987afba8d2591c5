/**
 * Which made types a type uses, and an order in which types can be made.
 */
import type { ShapeType, TypeText } from './shape.ts';

/** The texts of the types that a type is made of, arrays as their elements. */
export function partsOf(type: ShapeType): TypeText[] {
  if (type.kind === 'enum') return [];
  if (type.kind === 'domain') return [elementOf(type.base)];
  return type.attributes.map((attribute) => elementOf(attribute.type));
}

/** The text of an array's elements; any other text as it is. */
export function elementOf(text: TypeText): TypeText {
  return text.endsWith('[]') ? text.slice(0, -2) : text;
}

/** The types, each after those that it uses; else in the order given. Types in a circle come in some order. */
export function inCreationOrder(types: readonly ShapeType[]): ShapeType[] {
  const byText = new Map(types.map((type) => [type.text, type]));
  const ordered = new Set<ShapeType>();
  const entered = new Set<ShapeType>();
  const visit = (type: ShapeType) => {
    if (entered.has(type)) return;
    entered.add(type);
    for (const text of partsOf(type)) {
      const part = byText.get(text);
      if (part) visit(part);
    }
    ordered.add(type);
  };
  for (const type of types) visit(type);
  return [...ordered];
}
