/**
 * Adam (Kingma & Ba, 2015, https://arxiv.org/abs/1412.6980) with the paper's decay rates and no step size: each call takes
 * slopes and gives `move` the direction for every number, about 1 long.
 */
export function adam(size: number): (slopes: Float64Array, move: (index: number, direction: number) => void) => void {
  const means = new Float64Array(size);
  const squares = new Float64Array(size);
  let steps = 0;
  return (slopes, move) => {
    steps++;
    const [bias, squareBias] = [1 - 0.9 ** steps, 1 - 0.999 ** steps];
    for (let i = 0; i < size; i++) {
      means[i] = 0.9 * means[i]! + 0.1 * slopes[i]!;
      squares[i] = 0.999 * squares[i]! + 0.001 * slopes[i]! ** 2;
      if (squares[i] === 0) continue;
      move(i, means[i]! / bias / (Math.sqrt(squares[i]! / squareBias) + SMALLEST));
    }
  };
}

const SMALLEST = 1e-12; // losses that are near their end have gradients far below the paper's 1e-8
