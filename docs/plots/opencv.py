"""The rows of OpenCV for the table of filters: the same pictures, masks and rounds as examples/measure.rs. Called by the
script `measure`; needs cv2 and numpy."""

import sys
import time

import cv2
import numpy as np

SIDES = (3, 5, 7, 9, 11, 15, 21, 31, 45, 63)
ROUNDS = 40
SHARE = 0.025


def jobs(src):
    """Functions of no argument by (function, side). Borders are reflect101, the default."""
    dst = np.empty_like(src)
    random = np.random.default_rng(1)
    for side in SIDES:
        noise = random.uniform(0, 1, (side, side)).astype(np.float32)
        noise /= noise.sum()
        bell = cv2.getGaussianKernel(side, 0.15 * side + 0.35, cv2.CV_32F)
        yield ("filter2D", side), lambda noise=noise: cv2.filter2D(src, -1, noise, dst)
        yield ("sepFilter2D", side), lambda bell=bell: cv2.sepFilter2D(src, -1, bell, bell, dst)
        yield ("boxFilter", side), lambda side=side: cv2.boxFilter(src, -1, (side, side), dst)


def fastest(run):
    least = float("inf")
    begin = time.perf_counter()
    while time.perf_counter() - begin < SHARE:
        start = time.perf_counter()
        run()
        least = min(least, time.perf_counter() - start)
    return least


def main():
    cv2.setNumThreads(1)
    for name, kind in (("f32", np.float32), ("u8", np.uint8)):
        src = np.random.default_rng(0).integers(0, 256, (1080, 1920)).astype(kind)
        table = dict(jobs(src))
        least = {key: float("inf") for key in table}
        for turn in range(ROUNDS):
            print(f"opencv {name}: round {turn + 1} of {ROUNDS}", file=sys.stderr)
            for key, run in table.items():
                least[key] = min(least[key], fastest(run))
        for (function, side), seconds in least.items():
            print(f"{name},opencv,{function},{side},{seconds * 1e9 / src.size:.4f}")


main()
