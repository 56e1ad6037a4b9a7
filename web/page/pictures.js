// Where pictures come from: the sample, a file, the camera. Each ends as rows of interleaved bytes, RGB or grey.

/** Longest side of a picture; larger ones are made smaller. */
const LONGEST = 1600;
const CAMERA = 640;

const canvas = document.createElement('canvas');
const context = canvas.getContext('2d', { willReadFrequently: true });

/** The pixels of an image or a frame, RGBA. */
function pixels(image, width, height, longest) {
  const scale = Math.min(1, longest / Math.max(width, height));
  [canvas.width, canvas.height] = [width, height].map((side) => Math.max(1, Math.round(side * scale)));
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  return context.getImageData(0, 0, canvas.width, canvas.height);
}

/** From a file or what a request brought. Pixels stay what the file says: no colour management, no alpha. */
export async function fromBlob(blob) {
  const options = { colorSpaceConversion: 'none', premultiplyAlpha: 'none' };
  const image = await createImageBitmap(blob, options);
  return pixels(image, image.width, image.height, LONGEST);
}

/** Calls `take` with every frame until the returned function is called. */
export async function fromCamera(take) {
  const stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: CAMERA } } });
  const video = Object.assign(document.createElement('video'), { srcObject: stream, muted: true, playsInline: true });
  await video.play();
  let running = true;
  const frame = () => {
    if (!running) return;
    if (video.videoWidth > 0) take(pixels(video, video.videoWidth, video.videoHeight, CAMERA));
    requestAnimationFrame(frame);
  };
  frame();
  return () => {
    running = false;
    stream.getTracks().forEach((track) => track.stop());
  };
}

/** Without alpha: RGB, or its luminance (Rec. 601, in 256ths). */
export function planes({ data, width, height }, grey) {
  const channels = grey ? 1 : 3;
  const out = new Uint8Array(width * height * channels);
  for (let from = 0, to = 0; from < data.length; from += 4) {
    if (grey) {
      out[to++] = (77 * data[from] + 150 * data[from + 1] + 29 * data[from + 2] + 128) >> 8;
    } else {
      out[to++] = data[from];
      out[to++] = data[from + 1];
      out[to++] = data[from + 2];
    }
  }
  return { width, height, channels, pixels: out };
}

/** Shows such a picture in a canvas. */
export function paint(canvas, { width, height, channels }, pixels) {
  [canvas.width, canvas.height] = [width, height];
  const image = new ImageData(width, height);
  const { data } = image;
  for (let from = 0, to = 0; to < data.length; from += channels) {
    data[to++] = pixels[from];
    data[to++] = pixels[from + (channels > 1 ? 1 : 0)];
    data[to++] = pixels[from + (channels > 1 ? 2 : 0)];
    data[to++] = 255;
  }
  canvas.getContext('2d').putImageData(image, 0, 0);
}
