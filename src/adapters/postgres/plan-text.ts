/**
 * EXPLAIN's JSON as text that people read, laid out as Postgres's own text form: the same run can't give both. What a
 * later version adds is shown without being known here.
 */
import { childrenOf, type Plan, type PlanNode } from './plan.ts';

/** What stands in the first line of a node, or says nothing that the lines do not. */
const inHeading = new Set([
  ...['Node Type', 'Operation', 'Strategy', 'Partial Mode', 'Join Type', 'Command', 'Scan Direction'],
  ...['Parallel Aware', 'Async Capable', 'Parent Relationship', 'Subplan Name', 'Plans', 'Triggers'],
  ...['Schema', 'Relation Name', 'Alias', 'Index Name', 'CTE Name', 'Function Name'],
  ...['Startup Cost', 'Total Cost', 'Plan Rows', 'Plan Width', 'Actual Rows', 'Actual Loops'],
]);

/** The whole plan, without a line break at its end. */
export function writePlan(plan: Plan): string {
  const { Plan: root, ...rest } = plan;
  return [...nodeLines(root, ''), ...propertyLines(rest, '')].join('\n');
}

function nodeLines(node: PlanNode, indent: string): string[] {
  const lines = [`${headingOf(node)}  ${figuresOf(node)}`];
  lines.push(...propertyLines(node, `${indent}  `));
  for (const child of childrenOf(node)) {
    let at = `${indent}  `;
    if (typeof child['Subplan Name'] === 'string') {
      lines.push(`${at}${child['Subplan Name']}`);
      at += '  ';
    }
    const [first = '', ...others] = nodeLines(child, `${at}    `);
    lines.push(`${at}->  ${first}`, ...others);
  }
  return lines;
}

const aggregates: Readonly<Record<string, string>> = {
  Hashed: 'HashAggregate',
  Sorted: 'GroupAggregate',
  Mixed: 'MixedAggregate',
};

function headingOf(node: PlanNode): string {
  const text = (name: string) => (typeof node[name] === 'string' ? (node[name] as string) : '');
  const strategy = text('Strategy');
  let what = text('Node Type');
  if (what === 'Aggregate') what = aggregates[strategy] ?? what;
  else if (what === 'SetOp') what = `${strategy === 'Hashed' ? 'HashSetOp' : what} ${text('Command')}`;
  const join = text('Join Type');
  if (join !== '' && join !== 'Inner') what = `${what.replace(/ Join$/, '')} ${join} Join`;
  const partial = text('Partial Mode');
  if (partial !== '' && partial !== 'Simple') what = `${partial} ${what}`;
  if (node['Parallel Aware'] === true) what = `Parallel ${what}`;
  if (node['Async Capable'] === true) what = `Async ${what}`;
  if (text('Scan Direction') === 'Backward') what += ' Backward';
  if (text('Index Name') !== '') what += ` using ${text('Index Name')}`;
  const name = text('Relation Name') || text('CTE Name') || text('Function Name');
  const alias = text('Alias');
  if (name === '') return alias === '' ? what : `${what} on ${alias}`;
  const schema = text('Schema');
  return `${what} on ${schema === '' ? '' : `${schema}.`}${name}${alias === name || alias === '' ? '' : ` ${alias}`}`;
}

function figuresOf(node: PlanNode): string {
  const cost = (name: string) => Number(node[name] ?? 0).toFixed(2);
  const estimate = `(cost=${cost('Startup Cost')}..${cost('Total Cost')} rows=${node['Plan Rows']} width=${node['Plan Width']})`;
  if (node['Actual Loops'] === 0) return `${estimate} (never executed)`;
  return `${estimate} (actual rows=${node['Actual Rows']} loops=${node['Actual Loops']})`;
}

/** What else a node or the plan has and is not nothing, a line each; groups are indented. */
function propertyLines(node: PlanNode, indent: string): string[] {
  return Object.entries(node).flatMap(([name, value]) => {
    if (inHeading.has(name) || value === false || value === null) return [];
    if (value === 0 && name !== 'Worker Number') return [];
    if (isGroup(value)) return [`${indent}${name}:`, ...propertyLines(value, `${indent}  `)];
    if (Array.isArray(value) && value.some(isGroup)) {
      return value
        .filter(isGroup)
        .flatMap((each) => [`${indent}${name}:`, ...propertyLines(each, `${indent}  `)]);
    }
    const unit = name.endsWith(' Time') ? ' ms' : '';
    return [`${indent}${name}: ${Array.isArray(value) ? value.join(', ') : String(value)}${unit}`];
  });
}

function isGroup(value: unknown): value is PlanNode {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
