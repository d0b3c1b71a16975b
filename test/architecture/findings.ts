/**
 * What the source must not contain, found in the syntax tree and not in the text, so that a comment, a type or a
 * string never counts: time and chance outside of `runtime/clock.ts`, a record's `state` set outside of
 * `runtime/step.ts`, a cast outside of the two borders.
 */

import ts from 'typescript';

/** One thing that must not be there: `rule` names it, `at` is `file:line`. */
export interface Finding {
  rule: 'clock' | 'state' | 'cast';
  at: string;
  text: string;
}

/** The folders whose code keeps the house rules. */
const rooms = /^(?:machines|runtime|actors|nats|view|handlers|cluster|sdk|doors|grafana)\//;
/** The pages run in a browser, which has no clock of ours. */
const pages = /^doors\/web\//;

const timers = new Set(['setTimeout', 'setInterval', 'setImmediate']);
const timerModules = /^(?:node:)?timers(?:\/promises)?$/;
const moments = new Map([
  ['Date', new Set(['now'])],
  ['Math', new Set(['random'])],
  ['performance', new Set(['now', 'timeOrigin'])],
  ['AbortSignal', new Set(['timeout'])],
  ['process', new Set(['hrtime'])],
  ['crypto', new Set(['randomUUID', 'getRandomValues'])],
]);
const casters = new Set(['runtime/edge.ts', 'nats/codec.ts']);

/** Everything that must not be there in the rooms of `program`, whose files lie under `root`. */
export function findings(program: ts.Program, root: string): Finding[] {
  const checker = program.getTypeChecker();
  return program
    .getSourceFiles()
    .map((source) => ({ source, path: source.fileName.slice(root.length + 1) }))
    .filter(({ source, path }) => source.fileName.startsWith(`${root}/`) && rooms.test(path) && !pages.test(path))
    .flatMap(({ source, path }) => findingsIn(source, path, checker));
}

function findingsIn(source: ts.SourceFile, path: string, checker: ts.TypeChecker): Finding[] {
  const found: Finding[] = [];
  const visit = (node: ts.Node): void => {
    const rule = broken(node, path, checker);
    if (rule !== undefined) {
      const line = source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1;
      found.push({ rule, at: `${path}:${line}`, text: node.getText(source).split('\n')[0] ?? '' });
    }
    node.forEachChild(visit);
  };
  visit(source);
  return found;
}

function broken(node: ts.Node, path: string, checker: ts.TypeChecker): Finding['rule'] | undefined {
  if (path !== 'runtime/clock.ts' && asksForTimeOrChance(node, checker)) return 'clock';
  if (path !== 'runtime/step.ts' && setsState(node, checker)) return 'state';
  if (!casters.has(path) && isCast(node, path)) return 'cast';
  return undefined;
}

// ---- time and chance ---------------------------------------------------------------------------------------

function asksForTimeOrChance(node: ts.Node, checker: ts.TypeChecker): boolean {
  if (ts.isIdentifier(node)) return isGlobalTimer(node, checker);
  if (ts.isPropertyAccessExpression(node)) return moments.get(nameOf(node.expression))?.has(node.name.text) === true;
  if (ts.isNewExpression(node)) return node.expression.getText() === 'Date' && (node.arguments?.length ?? 0) === 0;
  if (ts.isCallExpression(node)) return node.expression.getText() === 'Date' || importsTimers(node.arguments[0], node);
  if (ts.isImportDeclaration(node)) return importsTimers(node.moduleSpecifier, node);
  return false;
}

/** `Date` of `Date.now`, and of `globalThis.Date.now`. */
function nameOf(expression: ts.Expression): string {
  return ts.isPropertyAccessExpression(expression) ? expression.name.text : expression.getText();
}

/** A name of ours that sounds like a timer is none; the name of a property or a type is none either. */
function isGlobalTimer(node: ts.Identifier, checker: ts.TypeChecker): boolean {
  if (!timers.has(node.text) || ts.isPropertyAssignment(node.parent) || ts.isTypeNode(node.parent)) return false;
  const declarations = checker.getSymbolAtLocation(node)?.declarations ?? [];
  return declarations.some((declaration) => declaration.getSourceFile().isDeclarationFile);
}

function importsTimers(specifier: ts.Expression | undefined, node: ts.Node): boolean {
  if (specifier === undefined || !ts.isStringLiteral(specifier)) return false;
  const isImport = ts.isImportDeclaration(node) || (ts.isCallExpression(node) && isDynamicImport(node));
  return isImport && timerModules.test(specifier.text);
}

function isDynamicImport(call: ts.CallExpression): boolean {
  return call.expression.kind === ts.SyntaxKind.ImportKeyword;
}

// ---- the state of a record ---------------------------------------------------------------------------------

function setsState(node: ts.Node, checker: ts.TypeChecker): boolean {
  if (ts.isBinaryExpression(node) && isAssignment(node.operatorToken.kind)) return isStateOfRecord(node.left, checker);
  if (ts.isDeleteExpression(node)) return isStateOfRecord(node.expression, checker);
  if (ts.isObjectLiteralExpression(node)) return makesRecord(node, checker);
  return false;
}

function isAssignment(kind: ts.SyntaxKind): boolean {
  return kind >= ts.SyntaxKind.FirstAssignment && kind <= ts.SyntaxKind.LastAssignment;
}

function isStateOfRecord(target: ts.Expression, checker: ts.TypeChecker): boolean {
  if (ts.isPropertyAccessExpression(target))
    return target.name.text === 'state' && hasStateOfRecord(checker.getTypeAtLocation(target.expression));
  if (!ts.isElementAccessExpression(target)) return false;
  const key = target.argumentExpression;
  return (
    ts.isStringLiteral(key) && key.text === 'state' && hasStateOfRecord(checker.getTypeAtLocation(target.expression))
  );
}

/** A literal with a `state` of its own that becomes a record, is made from one, or is put over one. */
function makesRecord(literal: ts.ObjectLiteralExpression, checker: ts.TypeChecker): boolean {
  if (!literal.properties.some((property) => property.name?.getText() === 'state')) return false;
  const spread = literal.properties.filter(ts.isSpreadAssignment).map((property) => property.expression);
  const over = ts.isCallExpression(literal.parent) && literal.parent.expression.getText() === 'Object.assign';
  const beside = over && ts.isCallExpression(literal.parent) ? literal.parent.arguments : [];
  const types = [...spread, ...beside].map((expression) => checker.getTypeAtLocation(expression));
  const wanted = checker.getContextualType(literal);
  return [...types, ...(wanted === undefined ? [] : [wanted])].some(hasStateOfRecord);
}

/** Whether `type` has the very property `state` that `JobRecord` declares. */
function hasStateOfRecord(type: ts.Type): boolean {
  const parts = type.isUnion() ? type.types : [type];
  return parts.some((part) => part.getProperty('state')?.declarations?.some(isDeclaredByRecord) === true);
}

function isDeclaredByRecord(declaration: ts.Declaration): boolean {
  return ts.isInterfaceDeclaration(declaration.parent) && declaration.parent.name.text === 'JobRecord';
}

// ---- casts -------------------------------------------------------------------------------------------------

/** `as const` narrows, and the `{} as T` of an XState `setup` only names a type: neither is a cast. */
function isCast(node: ts.Node, path: string): boolean {
  if (!ts.isAsExpression(node)) return false;
  if (ts.isConstTypeReference(node.type)) return false;
  return !(path.startsWith('machines/') && node.expression.getText() === '{}');
}
