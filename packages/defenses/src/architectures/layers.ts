import { float, type GraphBuilder, tensorInitializer, type Value } from "@casemate/onnx";
import { fillNormal, fillUniform, type Shape, sizeOf, type Tensor, tensor } from "@casemate/tensor";

/**
 * Writes layers whose weights are named initializers, as `<layer>.weight` and `<layer>.bias`. Weights before a ReLU are normal with
 * variance 2 / fan-in (He et al., 2015, https://arxiv.org/abs/1502.01852), others uniform with variance 2 / (fan-in + fan-out)
 * (Glorot & Bengio, 2010, https://proceedings.mlr.press/v9/glorot10a.html); biases are 0.
 */
export class Layers {
  readonly graph: GraphBuilder;
  readonly #seed: number;
  #drawn = 0;

  constructor(graph: GraphBuilder, seed: number) {
    this.graph = graph;
    this.#seed = seed;
  }

  /** x [batch, inner] to [batch, outer]. */
  dense(name: string, x: Value, inner: number, outer: number, isBeforeRelu = true): Value {
    const weight = isBeforeRelu ? this.#he([outer, inner]) : this.#glorot([outer, inner]);
    const inputs = [x, this.weight(`${name}.weight`, weight), this.weight(`${name}.bias`, tensor([outer]))];
    return this.graph.op("Gemm", inputs, { attributes: { transB: 1 } });
  }

  /** Convolution with a weight of [outer, inner, ...kernel], before a ReLU. */
  convolution(name: string, x: Value, shape: Shape, { stride = 1, pad = 0, hasBias = true } = {}): Value {
    const kernel = shape.slice(2);
    const bias = hasBias ? [this.weight(`${name}.bias`, tensor([shape[0]!]))] : [];
    return this.graph.op("Conv", [x, this.weight(`${name}.weight`, this.#he(shape)), ...bias], {
      attributes: {
        kernel_shape: kernel,
        strides: kernel.map(() => stride),
        pads: [...kernel, ...kernel].map(() => pad),
      },
    });
  }

  /** Batch normalisation over axis 1, which begins as the identity. */
  batchNormalization(name: string, x: Value, channels: number): Value {
    const parts = { scale: 1, bias: 0, mean: 0, variance: 1 };
    const inputs = Object.entries(parts).map(([part, number]) => {
      return this.weight(`${name}.${part}`, tensor([channels], new Float32Array(channels).fill(number)));
    });
    return this.graph.op("BatchNormalization", [x, ...inputs], { attributes: { epsilon: float(1e-5) } });
  }

  relu(x: Value): Value {
    return this.graph.op("Relu", [x]);
  }

  /** A named initializer. */
  weight(name: string, numbers: Tensor): Value {
    this.graph.initializers.set(name, tensorInitializer(name, numbers));
    return { name, dtype: "float32", shape: numbers.shape };
  }

  /** Normal numbers of a standard deviation. */
  normal(shape: Shape, deviation: number): Tensor {
    const data = fillNormal(new Float32Array(sizeOf(shape)), this.#draw());
    for (let i = 0; i < data.length; i++) data[i]! *= deviation;
    return tensor(shape, data);
  }

  #he(shape: Shape): Tensor {
    return this.normal(shape, Math.sqrt(2 / sizeOf(shape.slice(1))));
  }

  #glorot([outer, inner]: readonly [number, number]): Tensor {
    const limit = Math.sqrt(6 / (inner + outer));
    return tensor([outer, inner], fillUniform(new Float32Array(outer * inner), this.#draw(), -limit, limit));
  }

  #draw() {
    return { seed: this.#seed, stream: INITIAL_WEIGHTS, sample: this.#drawn++, step: 0 };
  }
}

const INITIAL_WEIGHTS = 0x1417; // the stream of initial weights, which nothing else draws from
