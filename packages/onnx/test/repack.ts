/** Gradients by PyTorch's parameter names with `_` for `.`, flat. */
export type Gradients = Readonly<Record<string, readonly number[]>>;

/** How an initializer that PyTorch's exporter made follows from the parameters of the module. */
export type Repack = (torch: Gradients) => readonly number[];

/** The same numbers under another name or in another shape. */
export function renamed(parameter: string): Repack {
  return (torch) => torch[parameter]!;
}

/** Parameters that were equal and that the exporter merged to one. */
export function merged(...parameters: readonly string[]): Repack {
  return (torch) => torch[parameters[0]!]!.map((_, at) => parameters.reduce((sum, each) => sum + torch[each]![at]!, 0));
}

/** A matrix of so many rows, turned. */
export function transposed(parameter: string, rows: number): Repack {
  return (torch) => {
    const matrix = torch[parameter]!;
    const columns = matrix.length / rows;
    return matrix.map((_, index) => matrix[(index % rows) * columns + Math.floor(index / rows)]!);
  };
}

/** The weights or biases of a recurrent layer: PyTorch's gates in ONNX's order, the directions one after the other. */
export function gates(parameters: readonly string[], order: readonly number[]): Repack {
  return (torch) =>
    parameters.flatMap((parameter) => {
      const all = torch[parameter]!;
      const size = all.length / order.length;
      return order.flatMap((gate) => all.slice(gate * size, (gate + 1) * size));
    });
}
