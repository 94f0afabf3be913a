import { imageShape } from "../image.ts";
import { valueAt } from "../threats/radii.ts";
import type { InputDefence, SampleView } from "./input-defence.ts";

/**
 * Thermometer encoding (Buckman et al., 2018, https://openreview.net/forum?id=S18Su--CW): a value of a range becomes `levels`
 * numbers, the k-th of which is 1 if the value lies above k / levels of the range. Channels grow by that factor. Gradients come
 * back as Athalye et al. (2018, https://arxiv.org/abs/1802.00420) let them: through max(value − k / levels, 0).
 */
export function thermometerEncoding({ levels = 10 }: { readonly levels?: number } = {}): InputDefence {
  return {
    name: "Thermometer encoding",
    citation: { text: "Buckman et al., 2018", url: "https://openreview.net/forum?id=S18Su--CW" },
    encodedShape: (shape, layout) => {
      const channelAxis = layout === "channels-first" && shape.length > 1 ? 0 : shape.length - 1;
      return shape.map((size, axis) => (axis === channelAxis ? size * levels : size));
    },
    apply(x, view) {
      const encoded = new Float32Array(x.length * levels);
      const place = placing(view, levels);
      for (let j = 0; j < x.length; j++) {
        const share = shareOf(x[j]!, j, view.bounds);
        for (let k = 0; k < levels; k++) encoded[place(j, k)] = k === 0 || share > Math.fround(k / levels) ? 1 : 0;
      }
      return encoded;
    },
    backward(gradient, x, view) {
      const back = new Float32Array(x.length);
      const place = placing(view, levels);
      for (let j = 0; j < x.length; j++) {
        const share = shareOf(x[j]!, j, view.bounds);
        let sum = 0;
        for (let k = 0; k < levels; k++) if (share > k / levels) sum += gradient[place(j, k)]!;
        back[j] = sum / (valueAt(view.bounds.upper, j) - valueAt(view.bounds.lower, j));
      }
      return back;
    },
  };
}

function shareOf(value: number, j: number, { lower, upper }: SampleView["bounds"]): number {
  const low = valueAt(lower, j);
  return (value - low) / (valueAt(upper, j) - low);
}

/** Where level k of feature j stands: the levels of a channel beside one another, on the channel axis. */
function placing({ inputShape, layout }: SampleView, levels: number): (j: number, k: number) => number {
  const image = imageShape({ inputShape, layout });
  if (!image || layout === "channels-last") return (j, k) => j * levels + k;
  const plane = image.channelStride;
  return (j, k) => (Math.floor(j / plane) * levels + k) * plane + (j % plane);
}
