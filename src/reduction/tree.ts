/**
 * Small questions to the raw parse tree: names, constants, the parts of an AND, the queries inside of an expression.
 * The tree's JSON leaves out what is zero, false or empty. Source: PostgreSQL's parsenodes.h.
 */
import type { A_Const, Alias, Node, SelectStmt, SubLink } from 'libpg-query';
import type { QualifiedName } from './facts.ts';

/** A node of one kind, or undefined. */
export type NodeOf<K extends string> = Extract<Node, Record<K, unknown>>;

/** The texts of String nodes; null when there is another node among them, such as `*`. */
export function textsOf(nodes: readonly Node[] | undefined): string[] | null {
  const texts = (nodes ?? []).map((node) => ('String' in node ? (node.String.sval ?? '') : null));
  return texts.includes(null) ? null : (texts as string[]);
}

/** A name of one or two parts; null for longer ones. */
export function qualifiedName(nodes: readonly Node[] | undefined): QualifiedName | null {
  const texts = textsOf(nodes);
  if (texts?.length === 1) return { schema: null, name: texts[0] as string };
  if (texts?.length === 2) return { schema: texts[0] as string, name: texts[1] as string };
  return null;
}

/** The names that an alias gives to columns, in order. */
export function aliasColumns(alias: Alias | undefined): string[] {
  return textsOf(alias?.colnames) ?? [];
}

/** The parts of nested ANDs; none for no condition. */
export function conjuncts(node: Node | undefined): Node[] {
  if (!node) return [];
  if ('BoolExpr' in node && node.BoolExpr.boolop === 'AND_EXPR')
    return (node.BoolExpr.args ?? []).flatMap(conjuncts);
  return [node];
}

/** The value of a string literal; null for every other node. */
export function literalText(node: Node | undefined): string | null {
  return node && 'A_Const' in node ? textOfConst(node.A_Const) : null;
}

function textOfConst(constant: A_Const): string | null {
  return constant.sval ? (constant.sval.sval ?? '') : null;
}

/** The value of an integer literal; null for every other node. */
export function literalInt(node: Node | undefined): number | null {
  if (!node || !('A_Const' in node) || !node.A_Const.ival) return null;
  return node.A_Const.ival.ival ?? 0;
}

/** A query inside of an expression, and whether a condition that must hold is made of it alone. */
export interface InnerQuery {
  readonly link: SubLink;
  readonly select: SelectStmt;
  readonly alone: boolean;
}

/** The queries of a clause, in order; not those inside of them. */
export function innerQueries(clause: unknown): InnerQuery[] {
  const found: InnerQuery[] = [];
  const visit = (value: unknown, alone: boolean): void => {
    if (Array.isArray(value)) for (const each of value) visit(each, alone);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return;
    for (const [tag, inner] of Object.entries(value)) {
      if (tag === 'SubLink') {
        const link = inner as SubLink;
        visit(link.testexpr, false);
        const select = link.subselect && 'SelectStmt' in link.subselect ? link.subselect.SelectStmt : null;
        if (select) found.push({ link, select, alone });
      } else {
        const stays = alone && isAndOrNot(tag, inner);
        visit(inner, stays || (alone && tag === 'args'));
      }
    }
  };
  visit(clause, true);
  return found;
}

/** AND keeps a condition one that must hold; NOT is what NOT EXISTS is made of. */
function isAndOrNot(tag: string, inner: unknown): boolean {
  return tag === 'BoolExpr' && (inner as { boolop?: string }).boolop !== 'OR_EXPR';
}

/** Calls with every node of a tree, its tag and its fields, outermost first. */
export function walk(tree: unknown, visit: (tag: string, fields: object) => void): void {
  if (typeof tree !== 'object' || tree === null) return;
  if (Array.isArray(tree)) {
    for (const each of tree) walk(each, visit);
    return;
  }
  for (const [tag, inner] of Object.entries(tree)) {
    if (typeof inner === 'object' && inner !== null && !Array.isArray(inner)) visit(tag, inner);
    walk(inner, visit);
  }
}
