/** Which names of a text the catalogue has to be asked for. */
import type { A_Expr, FuncCall, Node, RangeVar, SubLink } from 'libpg-query';
import { type Names, nameKey, type QualifiedName } from './facts.ts';
import type { ParsedSql } from './sql-parser.ts';
import { qualifiedName, walk } from './tree.ts';

/** Operators that conditions are made of without being written: `IN`, `CASE x WHEN`, what a LIKE becomes. */
const impliedOperators: readonly QualifiedName[] = ['=', '<>', '<', '<=', '>', '>=', '^@'].map((name) => ({
  schema: null,
  name,
}));

/** The names in a text, each once. Names of CTEs are among those of relations. */
export function collectNames(parsed: ParsedSql): Names {
  const relations = new Map<string, QualifiedName>();
  const functions = new Map<string, QualifiedName>();
  const operators = new Map(impliedOperators.map((name) => [nameKey(name), name]));
  const add = (to: Map<string, QualifiedName>, nodes: readonly Node[] | undefined) => {
    const name = qualifiedName(nodes);
    if (name) to.set(nameKey(name), name);
  };
  walk(parsed.select, (tag, fields) => {
    if (tag === 'RangeVar') {
      const { catalogname, schemaname, relname } = fields as RangeVar;
      const name = { schema: schemaname ?? null, name: relname ?? '' };
      if (!catalogname) relations.set(nameKey(name), name);
    } else if (tag === 'FuncCall') add(functions, (fields as FuncCall).funcname);
    else if (tag === 'A_Expr') add(operators, (fields as A_Expr).name);
    else if (tag === 'SubLink') add(operators, (fields as SubLink).operName);
  });
  return {
    relations: [...relations.values()],
    functions: [...functions.values()],
    operators: [...operators.values()],
  };
}
