// Nodes of the trees of topic levels. Levels of which each leads to one other only take no node: the node at their end
// bears them as its label. So a tree has at most two nodes for each of its entries, however many levels these have. A
// label is cut where another path comes to branch off, and joined again when that has gone.
//
// A search may pause while nodes change. It holds nodes that it has yet to visit, and maps of children. So a node that
// is cut stays as the upper one, and its map moves to the lower one. A node that is joined with the one below it takes
// over the map of that one, which is left as it was.

const SLASH = 0x2f;
/** In characters. V8 copies a shorter part of a string; a longer one keeps the whole string in memory. */
const VIEW_MIN = 13;

export abstract class PathNode<Self extends PathNode<Self>> {
  /** The levels that follow the one that leads to this node, each after a slash: empty if there are none. */
  label: string;
  /** The number of levels in the label. */
  levels: number;
  /** By the name of the next level, unless that is `+`. */
  children: Map<string, Self> | undefined = undefined;
  /** The child named `+`. */
  plus: Self | undefined = undefined;

  constructor(label: string) {
    this.label = label;
    this.levels = levelsOf(label);
  }

  /** Whether an entry ends at this node. */
  abstract get isMarked(): boolean;
  abstract create(label: string): Self;
  /** Takes over the entries that end at the other node. */
  abstract takeFrom(other: Self): void;
  /** No entry ends at this node any longer. */
  abstract unmark(): void;

  child(name: string): Self | undefined {
    return name === '+' ? this.plus : this.children?.get(name);
  }

  attach(name: string, child: Self): Self {
    if (name === '+') this.plus = child;
    else (this.children ??= new Map<string, Self>()).set(own(name), child);
    return child;
  }

  detach(name: string): void {
    if (name === '+') this.plus = undefined;
    else if (this.children?.delete(name) === true && this.children.size === 0) this.children = undefined;
  }

  get isEmpty(): boolean {
    return this.children === undefined && this.plus === undefined && !this.isMarked;
  }

  rename(label: string): void {
    this.label = label;
    this.levels = levelsOf(label);
  }
}

/** Cuts the label at a slash: what is behind it, and all that the node stands for, goes to a node below. */
function cut<Node extends PathNode<Node>>(node: Node, at: number): void {
  const { label } = node;
  const end = endOfLevel(label, at + 1, label.length);
  const lower = node.create(own(label.slice(end)));
  lower.children = node.children;
  lower.plus = node.plus;
  lower.takeFrom(node);
  node.unmark();
  node.children = undefined;
  node.plus = undefined;
  node.rename(own(label.slice(0, at)));
  node.attach(label.slice(at + 1, end), lower);
}

/** Joins the node with the one below it, if that is the only one and nothing else needs the node. */
function joinIfSingle<Node extends PathNode<Node>>(node: Node): void {
  if (node.isMarked || (node.children?.size ?? 0) + (node.plus === undefined ? 0 : 1) !== 1) return;
  const [name, child] = node.plus === undefined ? only(node.children) : (['+', node.plus] as const);
  node.rename([node.label, '/', name, child.label].join(''));
  node.children = child.children;
  node.plus = child.plus;
  node.takeFrom(child);
}

/** Where `find` has come from. */
export interface Trail<Node> {
  parent: Node;
  name: string;
}

/** The node at the end of the path, which is `path` up to `end`: -1 for the root. */
export function find<Node extends PathNode<Node>>(
  root: Node,
  path: string,
  end: number,
  trail?: Trail<Node>,
): Node | undefined {
  let node = root;
  for (let at = -1; at < end;) {
    const nameEnd = endOfLevel(path, at + 1, end);
    const name = path.slice(at + 1, nameEnd);
    const child = node.child(name);
    if (child === undefined || common(child.label, path, nameEnd, end) < child.label.length) return undefined;
    if (trail !== undefined) {
      trail.parent = node;
      trail.name = name;
    }
    at = nameEnd + child.label.length;
    node = child;
  }
  return node;
}

/** The node at the end of the path; created if there is none. */
export function reach<Node extends PathNode<Node>>(root: Node, path: string, end: number): Node {
  let node = root;
  for (let at = -1; at < end;) {
    const nameEnd = endOfLevel(path, at + 1, end);
    const name = path.slice(at + 1, nameEnd);
    const child = node.child(name);
    // A view of the path is enough: it lasts as long as the label is whole, and so long a path as this ends here.
    if (child === undefined) return node.attach(name, node.create(path.slice(nameEnd, end)));
    const shared = common(child.label, path, nameEnd, end);
    if (shared < child.label.length) cut(child, shared);
    at = nameEnd + shared;
    node = child;
  }
  return node;
}

/** An entry has been removed from the node: removes what nothing needs any longer. */
export function prune<Node extends PathNode<Node>>(root: Node, node: Node, { parent, name }: Trail<Node>): void {
  if (node === root) return;
  if (!node.isEmpty) joinIfSingle(node);
  else {
    parent.detach(name);
    if (parent !== root) joinIfSingle(parent);
  }
}

/** How many characters of the label are whole levels that the path has too, from `offset` on. */
function common(label: string, path: string, offset: number, end: number): number {
  let whole = 0;
  for (let i = 0; ; i++) {
    const isLabelEnd = i === label.length;
    const isPathEnd = offset + i === end;
    const unit = isLabelEnd ? SLASH : label.charCodeAt(i);
    const other = isPathEnd ? SLASH : path.charCodeAt(offset + i);
    if (unit !== other) return whole;
    if (unit === SLASH) whole = i;
    if (isLabelEnd || isPathEnd) return whole;
  }
}

/** The text without the string that it may be a part of. */
function own(text: string): string {
  // Putting a string together again copies it.
  return text.length < VIEW_MIN ? text : ` ${text}`.slice(1);
}

function endOfLevel(text: string, from: number, end: number): number {
  const at = text.indexOf('/', from);
  return at < 0 || at > end ? end : at;
}

function levelsOf(label: string): number {
  let levels = 0;
  for (let i = 0; i < label.length; i++) if (label.charCodeAt(i) === SLASH) levels++;
  return levels;
}

function only<Node>(children: Map<string, Node> | undefined): readonly [string, Node] {
  for (const entry of children ?? []) return entry;
  throw new Error('a node without children');
}
