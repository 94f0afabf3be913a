/** How a gradient becomes a step. The defaults are PyTorch's. */
export type Optimizer =
  | {
      readonly type: "sgd";
      /** 0 unless stated. */
      readonly momentum?: number;
      readonly nesterov?: boolean;
      /** Added to the gradient as a multiple of the weight; 0 unless stated. */
      readonly weightDecay?: number;
    }
  | {
      /** Kingma & Ba, 2015, https://arxiv.org/abs/1412.6980; "adamw" takes the decay off the weight itself (Loshchilov & Hutter, 2019, https://arxiv.org/abs/1711.05101). */
      readonly type: "adam" | "adamw";
      /** 0.9 and 0.999 unless stated. */
      readonly betas?: readonly [number, number];
      /** 1e-8 unless stated. */
      readonly epsilon?: number;
      /** 0 for "adam" and 0.01 for "adamw" unless stated. */
      readonly weightDecay?: number;
    };
