"""Makes opencv.txt: results of OpenCV's filters, as hashes, for tests/opencv.rs. Needs opencv-python and numpy.

    python opencv.py > opencv.txt

One call per line: operation, picture (height, width, channels, kind, seed), border, parameters, hash. Pictures come
from a linear congruential generator that the test has too. Hashes are 64-bit FNV-1a of the bytes, little endian.
"""

import random

import cv2
import numpy as np

cv2.setNumThreads(1)
random.seed(5)

BORDERS = {
    "zero": (cv2.BORDER_CONSTANT, 0),
    "replicate": (cv2.BORDER_REPLICATE, 0),
    "reflect": (cv2.BORDER_REFLECT, 0),
    "reflect101": (cv2.BORDER_REFLECT_101, 0),
}
SIZES = [(1, 1), (1, 7), (6, 1), (2, 2), (3, 5), (5, 17), (9, 33), (17, 64), (31, 65), (40, 131), (23, 300)]


def stream(length):
    state, values = 1, bytearray()
    for _ in range(length):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        values.append(state >> 56)
    return np.frombuffer(bytes(values), np.uint8)


STREAM = stream(1 << 16)
KINDS = [
    lambda b: b,
    lambda b: np.full_like(b, 255),
    lambda b: (b >> 7) * 255,
    lambda b: 100 + (b & 7),
    lambda b: b >> 1,
]


def picture(h, w, c, kind, seed):
    n = h * w * c
    a = KINDS[kind](STREAM[seed : seed + n]).astype(np.uint8)
    return a.reshape(h, w) if c == 1 else a.reshape(h, w, c)


def fnv(a):
    h = 0xCBF29CE484222325
    for b in np.ascontiguousarray(a).astype(a.dtype.newbyteorder("<")).tobytes():
        h = (h ^ b) * 0x100000001B3 % 2**64
    return h


def choice(kinds=range(5)):
    h, w = random.choice(SIZES)
    c = random.choice([1, 1, 2, 3, 4])
    return h, w, c, random.choice(list(kinds)), random.randrange(1000)


def line(op, pic, border, params, result):
    print(op, *pic, border, *params, f"{fnv(result):016x}")


def gaussian():
    sizes = [1, 3, 5, 7, 9, 11, 15, 21, 31, 45]
    for i in range(260):
        pic, border = choice(), random.choice(list(BORDERS))
        k = [random.choice(sizes), random.choice(sizes)]
        if i % 3 == 0:
            k[1] = k[0]
        s = random.choice([[0, 0], [0, 0], [0, 1.5], [2.25, 1], [-1, 3], [0.4, 6.5]])
        if i % 5 == 0:
            k = [0, 0]
            s = [random.choice([0, 0.5, 1, 2.75]), random.choice([0.3, 0.8, 1, 1.25, 2, 3.1, 5])]
        r = cv2.GaussianBlur(picture(*pic), (k[1], k[0]), s[1], sigmaY=s[0], borderType=BORDERS[border][0])
        line("gaussian", pic, border, [*k, *s], r)


def box():
    for i in range(330):
        k = [random.choice([1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 20, 33, 63]) for _ in range(2)]
        if i % 3 == 0:
            k[1] = k[0]
        normalize = int(i % 4 != 0)
        pic, border = choice([4] if normalize else range(5)), random.choice(list(BORDERS))
        if normalize and i % 2:
            # All kinds where no area of two pixels can come about.
            k = [max(side, 3) for side in k]
            pic = choice()
        anchor = [-1, -1] if i % 3 else [random.randrange(side) for side in k]
        r = cv2.boxFilter(
            picture(*pic),
            -1,
            (k[1], k[0]),
            anchor=(anchor[1], anchor[0]),
            normalize=bool(normalize),
            borderType=BORDERS[border][0],
        )
        line("box", pic, border, [*k, *anchor, normalize], r)


def sobel():
    for i in range(240):
        pic, border = choice(), random.choice(list(BORDERS))
        k = random.choice([1, 3, 3, 5, 7])
        most = {1: 2, 3: 2, 5: 3, 7: 3}[k]
        order = [0, 0]
        while order == [0, 0]:
            order = [random.randint(0, most), random.randint(0, most)]
        if i % 2:
            order = random.choice([[0, 1], [1, 0]])
        if i % 6 == 5:
            k = -1
        kind = random.choice(["i16", "u8"])
        depth = cv2.CV_16S if kind == "i16" else cv2.CV_8U
        r = cv2.Sobel(picture(*pic), depth, order[1], order[0], ksize=k, borderType=BORDERS[border][0])
        line("sobel" if k > 0 else "scharr", pic, border, [*order, k, kind], r)


def filter2d():
    masks = [
        (3, 3, [0, 1, 0, 1, -4, 1, 0, 1, 0]),
        (3, 3, [0, -1, 0, -1, 5, -1, 0, -1, 0]),
        (3, 3, [-2, -1, 0, -1, 1, 1, 0, 1, 2]),
        (3, 3, [1, 1, 1, 1, -8, 1, 1, 1, 1]),
        (3, 3, [-1, 0, 1, -2, 0, 2, -1, 0, 1]),
    ]
    for _ in range(25):
        r, s = random.randint(1, 7), random.randint(1, 7)
        most = random.choice([1, 4, 60])
        masks.append((r, s, [random.randint(-most, most) for _ in range(r * s)]))
    for i in range(200):
        pic, border = choice(), random.choice(list(BORDERS))
        r, s, taps = random.choice(masks)
        anchor = [-1, -1] if i % 3 else [random.randrange(r), random.randrange(s)]
        delta = random.choice([0, 0, 128, -37])
        kind = random.choice(["i16", "u8"])
        out = cv2.filter2D(
            picture(*pic),
            cv2.CV_16S if kind == "i16" else cv2.CV_8U,
            np.array(taps, np.float32).reshape(r, s),
            anchor=(anchor[1], anchor[0]),
            delta=delta,
            borderType=BORDERS[border][0],
        )
        line("filter2d", pic, border, [r, s, ",".join(map(str, taps)), *anchor, delta, kind], out)


print("# OpenCV", cv2.__version__)
gaussian()
box()
sobel()
filter2d()
