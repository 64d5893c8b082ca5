// The public API as text: what each entry of the package exports, from the declarations that the build wrote. It is
// the code of the declarations without comments, in the order of their names, so that a change of it is a change of
// the API.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import ts from 'typescript';

/** What an entry exports under one name. */
export interface ExportedName {
  readonly name: string;
  readonly text: string;
  /** Changes with the text and with that of every declaration behind it that no entry exports. */
  readonly digest: string;
}

export interface EntryReport {
  /** What a program imports, such as `hexmq/ports`. */
  readonly entry: string;
  readonly names: readonly ExportedName[];
  /** Declarations that the exported ones refer to, and that no entry exports. */
  readonly behind: readonly string[];
}

const OPTIONS: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.NodeNext,
  noLib: true,
  types: [],
};

/** Folders of adapters that package.json does not export. */
const NOT_ENTRIES: ReadonlySet<string> = new Set(['storage/file/records']);

/** The files of the entries in a build, by what a program imports. */
function entriesOf(dist: string): ReadonlyMap<string, string> {
  const adapters = readdirSync(join(dist, 'adapters'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('/index.d.ts') && !NOT_ENTRIES.has(dirname(name)))
    .sort()
    .map((name) => [`hexmq/adapters/${dirname(name)}`, join(dist, 'adapters', name)] as const);
  return new Map([
    ['hexmq', join(dist, 'src/index.d.ts')],
    ['hexmq/plugin', join(dist, 'src/plugin/index.d.ts')],
    ['hexmq/ports', join(dist, 'src/ports/index.d.ts')],
    ['hexmq/testkit', join(dist, 'src/testkit/index.d.ts')],
    ...adapters,
  ]);
}

/** A program of hexmq's own declarations: packages and Node are names that it does not look up, which keeps it fast. */
function programOf(entries: ReadonlyMap<string, string>): ts.Program {
  const host = ts.createCompilerHost(OPTIONS);
  host.resolveModuleNameLiterals = (literals, from) =>
    literals.map(({ text }) => {
      const own = text.startsWith('.') ? resolve(dirname(from), text.replace(/\.js$/, '.d.ts')) : entries.get(text);
      const found = own !== undefined && existsSync(own);
      return { resolvedModule: found ? { resolvedFileName: own, extension: ts.Extension.Dts } : undefined };
    });
  return ts.createProgram([...entries.values()], OPTIONS, host);
}

const isPrivate = (member: ts.ClassElement): boolean =>
  (member.name !== undefined && ts.isPrivateIdentifier(member.name)) ||
  (ts.getCombinedModifierFlags(member) & ts.ModifierFlags.Private) !== 0;

class Declarations {
  readonly #checker: ts.TypeChecker;
  readonly #printer = ts.createPrinter({ removeComments: true });

  constructor(program: ts.Program) {
    this.#checker = program.getTypeChecker();
  }

  exportsOf(file: ts.SourceFile): readonly { readonly name: string; readonly symbol: ts.Symbol }[] {
    const module = this.#checker.getSymbolAtLocation(file);
    if (module === undefined) return [];
    return this.#checker
      .getExportsOfModule(module)
      .map((symbol) => ({ name: symbol.name, symbol: this.#original(symbol) }))
      .sort((one, other) => (one.name < other.name ? -1 : 1));
  }

  textOf(symbol: ts.Symbol): string {
    return (symbol.declarations ?? []).map((one) => this.#textOfDeclaration(one)).join('\n');
  }

  /**
   * The top-level declarations that a declaration refers to. What `typeof` reads is left out: that is the schema of the
   * configuration, which has a page of its own.
   */
  referredBy(symbol: ts.Symbol): ReadonlySet<ts.Symbol> {
    const found = new Set<ts.Symbol>();
    const visit = (node: ts.Node): void => {
      if (ts.isTypeQueryNode(node) || (ts.isClassElement(node) && isPrivate(node))) return;
      if (ts.isIdentifier(node)) {
        const referred = this.#checker.getSymbolAtLocation(node);
        if (referred !== undefined) found.add(this.#original(referred));
      }
      ts.forEachChild(node, visit);
    };
    symbol.declarations?.forEach(visit);
    found.delete(symbol);
    return new Set([...found].filter((one) => one.declarations?.some(isTopLevel)));
  }

  #original(symbol: ts.Symbol): ts.Symbol {
    return (symbol.flags & ts.SymbolFlags.Alias) === 0 ? symbol : this.#checker.getAliasedSymbol(symbol);
  }

  #textOfDeclaration(declaration: ts.Declaration): string {
    const node = ts.isVariableDeclaration(declaration) ? declaration.parent.parent : declaration;
    const { transformed } = ts.transform(node, [withoutPrivateMembers]);
    return (
      this.#printer
        .printNode(ts.EmitHint.Unspecified, transformed[0] ?? node, declaration.getSourceFile())
        .replace(/^(export )?(default )?(declare )?/, '')
        // How a function takes its parameter apart is its own affair.
        .replace(/\{[^{}:]*\}: /g, 'options: ')
    );
  }
}

function isTopLevel(declaration: ts.Declaration): boolean {
  const node = ts.isVariableDeclaration(declaration) ? declaration.parent.parent : declaration;
  return ts.isSourceFile(node.parent) && !ts.isImportDeclaration(node);
}

const withoutPrivateMembers: ts.TransformerFactory<ts.Node> = () => (node) => {
  if (!ts.isClassDeclaration(node)) return node;
  const members = node.members.filter((member) => !isPrivate(member));
  const { modifiers, name, typeParameters, heritageClauses } = node;
  return ts.factory.updateClassDeclaration(node, modifiers, name, typeParameters, heritageClauses, members);
};

const digestOf = (texts: readonly string[]): string =>
  createHash('sha256').update(texts.join('\n')).digest('hex').slice(0, 12);

/** @param dist the folder that the build writes. */
export function reportApi(dist: string): readonly EntryReport[] {
  const entries = entriesOf(dist);
  const program = programOf(entries);
  const declarations = new Declarations(program);
  const exported = [...entries].map(([entry, path]) => {
    const file = program.getSourceFile(path);
    if (file === undefined) throw new Error(`${path} is missing: run npm run build`);
    return { entry, names: declarations.exportsOf(file) };
  });
  const isPublic = new Set(exported.flatMap(({ names }) => names.map(({ symbol }) => symbol)));

  /** The declarations behind one that no entry exports. */
  const behind = (symbol: ts.Symbol): ReadonlySet<ts.Symbol> => {
    const found = new Set([symbol]);
    // The set grows while the loop runs; a Set's iterator visits members added meanwhile.
    for (const one of found)
      for (const referred of declarations.referredBy(one)) if (!isPublic.has(referred)) found.add(referred);
    found.delete(symbol);
    return found;
  };

  return exported.map(({ entry, names }) => {
    const hidden = new Set<string>();
    return {
      entry,
      names: names.map(({ name, symbol }) => {
        const text = declarations.textOf(symbol);
        const texts = [...behind(symbol)].map((one) => declarations.textOf(one)).sort();
        for (const one of texts) hidden.add(one);
        return { name, text, digest: digestOf([text, ...texts]) };
      }),
      behind: [...hidden].sort(),
    };
  });
}
