/**
 * Who may import whom: the table of `docs/architecture.md`, a rule a room. Types count as imports.
 *
 * A rule names what a folder may reach; whatever else it reaches is refused. `test/architecture` plants a
 * violation of every rule and sees it found, so a rule that reads no file cannot pass.
 */

/** The folders of the house; code outside of them (tests, benches, scripts, examples) may import anything. */
const rooms = 'machines|runtime|actors|nats|view|handlers|cluster|sdk|doors|grafana';
const own = `^(?:${rooms}|test|bench|scripts|examples|bin)/`;

/** Files of `room` reach, of our own code, only what `allowed` matches. */
function room(name, allowed, extra = {}) {
  const { from = `^${name}/`, comment } = extra;
  return {
    name: `${name}-reaches-only-what-it-may`,
    comment,
    severity: 'error',
    from: { path: from },
    to: { path: own, pathNot: allowed },
  };
}

const nats = ['^node_modules/@nats-io/', '^node_modules/nats/'];

module.exports = {
  forbidden: [
    room('machines', ['^machines/'], { comment: 'Charts and rules know nothing but each other.' }),
    room('runtime', ['^(?:runtime|machines)/'], { comment: 'How it runs, and what may happen.' }),
    room('actors', ['^(?:actors|runtime|machines)/'], { comment: 'Actors and the broker are strangers.' }),
    room(
      'nats',
      ['^nats/', '^runtime/(?:ports|record|head|schedule|faults|clock|handler)\\.ts$', '^runtime/telemetry/'],
      {
        comment: 'Keeps and carries; it knows the ports, the record and the faults, and no decision.',
      },
    ),
    room('view', ['^view/', '^runtime/', '^machines/'], {
      comment: 'Keeps a copy to be searched; it knows the record, and neither broker nor actor.',
    }),
    {
      name: 'sqlite-only-in-view',
      severity: 'error',
      from: { pathNot: ['^view/', '^node_modules/', '^test/', '^bench/'] },
      to: { path: '^(?:node:)?sqlite$' },
    },
    room('handlers', ['^handlers/', '^runtime/(?:handler|clock|faults)\\.ts$', '^machines/rules/'], {
      comment: 'A job type that ships knows no more than one that a user writes.',
    }),
    room('cluster', ['^(?:cluster|handlers|view|nats|actors|runtime|machines)/'], {
      comment: 'The one place where actors meet the broker.',
    }),
    room('sdk', ['^(?:sdk|cluster)/', '^(?:runtime|machines)/'], { comment: 'The face: verbs over the cluster.' }),
    {
      name: 'sdk-hands-on-no-inner-code',
      comment: 'Of runtime and machines the face hands on types, the handler interface and the faults.',
      severity: 'error',
      from: { path: '^sdk/' },
      to: {
        path: '^(?:runtime|machines)/',
        pathNot: ['^runtime/(?:handler|faults)\\.ts$'],
        dependencyTypesNot: ['type-only'],
      },
    },
    room('doors', ['^(?:doors|sdk|cluster)/'], {
      from: '^doors/(?!web/)',
      comment: 'A door says in its language what the face can do.',
    }),
    room('pages', ['^doors/web/', '^sdk/index\\.ts$'], {
      from: '^doors/web/src/',
      comment: 'What a browser gets: code of its own, and what the face calls its answers.',
    }),
    {
      name: 'pages-take-only-types-of-the-face',
      severity: 'error',
      from: { path: '^doors/web/src/' },
      to: { path: '^sdk/', dependencyTypesNot: ['type-only'] },
    },
    room('drawing', ['^doors/web/(?:drawing|src/chart)/', '^runtime/(?:chart|machines)\\.ts$', '^machines/'], {
      from: '^doors/web/(?:drawing/|vite\\.config)',
      comment: 'Charts are drawn from the machines, when the pages are built.',
    }),
    room('grafana', ['^grafana/', '^runtime/telemetry/'], { comment: 'Drawn from the catalogue.' }),
    {
      name: 'machines-use-only-xstate',
      comment: 'No Node, no packages: a chart is pure. Cron expressions are read by croner.',
      severity: 'error',
      from: { path: '^machines/' },
      to: { pathNot: [own, '^node_modules/xstate/', '^node_modules/croner/'] },
    },
    {
      name: 'croner-only-in-cron',
      severity: 'error',
      from: { pathNot: ['^machines/rules/cron\\.ts$', '^node_modules/', '^test/'] },
      to: { path: '^node_modules/croner/' },
    },
    {
      name: 'actors-use-only-xstate-and-node',
      comment: 'What an actor needs of the world is a port.',
      severity: 'error',
      from: { path: '^actors/' },
      to: { path: '^node_modules/', pathNot: ['^node_modules/xstate/', '^node_modules/@types/'] },
    },
    {
      name: 'broker-packages-only-in-nats',
      comment: 'Only nats/ speaks to the broker; all else speaks to ports.',
      severity: 'error',
      from: { path: `^(?:${rooms})/`, pathNot: ['^nats/'] },
      to: { path: nats },
    },
    {
      name: 'no-circles',
      comment: 'Not even by types: a circle is two files that are one.',
      severity: 'error',
      from: { pathNot: ['^node_modules/'] },
      to: { circular: true },
    },
    {
      name: 'no-orphans',
      comment: 'A file that nobody imports and that is no way in.',
      severity: 'error',
      from: {
        orphan: true,
        path: `^(?:${rooms})/`,
        pathNot: ['\\.d\\.ts$'],
      },
      to: {},
    },
    {
      name: 'no-unresolved',
      severity: 'error',
      from: { pathNot: ['^bin/', '^examples/'] },
      to: { couldNotResolve: true, pathNot: ['^virtual:'] },
    },
    {
      name: 'no-undeclared-packages',
      comment: 'Works here only because another package brought it.',
      severity: 'error',
      from: { pathNot: ['^node_modules/'] },
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown', 'undetermined'] },
    },
    {
      name: 'no-dev-packages-in-the-product',
      comment: 'They are not there where the package is installed.',
      severity: 'error',
      from: { path: `^(?:${rooms.replace('|grafana', '')})/`, pathNot: ['^doors/web/'] },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'no-way-out',
      comment: 'The product never imports its tests, benches or scripts.',
      severity: 'error',
      from: { path: `^(?:${rooms})/` },
      to: { path: '^(?:test|bench|scripts|examples)/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(?:dist|doors/web/dist|nats/embedded|\\.[^/]+)/' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    combinedDependencies: false,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'types', 'default'] },
  },
};
