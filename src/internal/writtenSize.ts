/**
 * How many nodes a value has when it is written out, where it says everything that is used several times again. The
 * count takes linear time; a value that holds itself has no end.
 *
 * @internal
 */
export const writtenSize = <A extends object>(root: A, children: (node: A) => ReadonlyArray<A>): number => {
  const sizes = new Map<A, number>()
  const sizeOf = (node: A): number => {
    const known = sizes.get(node)
    if (known !== undefined) return known
    sizes.set(node, Number.POSITIVE_INFINITY)
    const size = children(node).reduce((sum, child) => sum + sizeOf(child), 1)
    sizes.set(node, size)
    return size
  }
  return sizeOf(root)
}
