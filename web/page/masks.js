// The named masks, in the library's order: what a person calls them, and the parameters that can be chosen.

const side = (value, max) => ({ label: 'Size', min: 1, max, step: 2, value });

export const MASKS = [
  { name: 'box:N', title: 'Box mean', parameters: [side(5, 61)] },
  { name: 'gaussian:SIGMA[,N]', title: 'Gaussian', parameters: [{ label: 'Sigma', min: 0.5, max: 12, step: 0.5, value: 2 }] },
  { name: 'identity', title: 'Identity' },
  { name: 'shift-left', title: 'Shift left' },
  { name: 'shift-right', title: 'Shift right' },
  { name: 'shift-up', title: 'Shift up' },
  { name: 'shift-down', title: 'Shift down' },
  { name: 'sobel-x', title: 'Sobel, across', range: 'abs' },
  { name: 'sobel-y', title: 'Sobel, down', range: 'abs' },
  { name: 'scharr-x', title: 'Scharr, across', range: 'abs' },
  { name: 'scharr-y', title: 'Scharr, down', range: 'abs' },
  { name: 'prewitt-x', title: 'Prewitt, across', range: 'abs' },
  { name: 'prewitt-y', title: 'Prewitt, down', range: 'abs' },
  { name: 'laplacian', title: 'Laplacian', range: 'abs' },
  { name: 'sharpen', title: 'Sharpen' },
  { name: 'emboss', title: 'Emboss' },
  {
    name: 'motion:N,ANGLE',
    title: 'Motion blur',
    parameters: [side(15, 61), { label: 'Angle', min: -90, max: 90, step: 5, value: 30 }],
  },
].map((mask) => ({ parameters: [], range: 'clamp', ...mask, example: spell(mask.name, mask.parameters?.map((p) => p.value)) }));

/** A mask with its parameters, as the library reads it. */
export function spell(name, values = []) {
  const stem = name.split(/[:[]/)[0];
  return values.length > 0 ? `${stem}:${values.join(',')}` : stem;
}
