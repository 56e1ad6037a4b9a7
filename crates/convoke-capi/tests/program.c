/* A C program that uses all of convoke.h, and misuses it. Runs on a computer, where it is a program, and on a board, where
 * `embedded` starts it. Returns 0, or the line of what is wrong. */
#include "convoke.h"

#include <string.h>

enum { HEIGHT = 7, WIDTH = 9, AREA = HEIGHT * WIDTH };

#define REQUIRE(CONDITION)                \
    do {                                  \
        if (!(CONDITION)) return __LINE__; \
    } while (0)

static const float mask[9] = {1, 2, 1, 0, 1, -1, 3, 0, 1};

static convoke_filter filter;
static convoke_stream stream;
static convoke_conv2d conv2d;
static float packed[CONVOKE_FILTER_PACKED_LEN(3, 3)];
static float memory[CONVOKE_FILTER_STREAM_LEN(WIDTH, 1, 3, 3)];
static float scratch[8192];
static uint8_t picture[AREA], expected[AREA], result[AREA];

static int clamp(int at, int size) {
    return at < 0 ? 0 : at >= size ? size - 1 : at;
}

/* The 3x3 mask with replicated borders, divided by 8, halves to even. */
static void by_definition(void) {
    for (int y = 0; y < HEIGHT; y++) {
        for (int x = 0; x < WIDTH; x++) {
            int sum = 0;
            for (int i = 0; i < 9; i++) {
                sum += (int)mask[i] * picture[clamp(y + i / 3 - 1, HEIGHT) * WIDTH + clamp(x + i % 3 - 1, WIDTH)];
            }
            int low = sum >= 0 ? sum / 8 : -((-sum + 7) / 8), rest = sum - 8 * low;
            int rounded = rest > 4 || (rest == 4 && low % 2 != 0) ? low + 1 : low;
            expected[y * WIDTH + x] = (uint8_t)(rounded < 0 ? 0 : rounded > 255 ? 255 : rounded);
        }
    }
}

static int filters(void) {
    convoke_filter_desc desc = convoke_filter_default(HEIGHT, WIDTH, 1, 3, 3);
    desc.border = CONVOKE_BORDER_REPLICATE;
    desc.divisor = 8;
    REQUIRE(convoke_filter_packed_len(&filter) == 0);
    REQUIRE(convoke_filter_pack(&filter, mask, 9, packed, 40) == CONVOKE_NOT_MADE);
    REQUIRE(convoke_filter_plan(&filter, &desc) == CONVOKE_OK);
    REQUIRE(convoke_filter_packed_len(&filter) == sizeof packed / sizeof *packed);
    REQUIRE(convoke_filter_stream_len(&filter) <= sizeof memory / sizeof *memory);
    size_t packed_len = sizeof packed / sizeof *packed, scratch_len = convoke_filter_scratch_len(&filter);
    REQUIRE(scratch_len <= sizeof scratch / sizeof *scratch);
    REQUIRE(convoke_filter_pack(&filter, mask, 9, packed, packed_len) == CONVOKE_OK);
    REQUIRE(convoke_filter_run_u8(&filter, packed, packed_len, picture, AREA, result, AREA, scratch, scratch_len) == CONVOKE_OK);
    REQUIRE(memcmp(result, expected, AREA) == 0);

    /* The same as a stream. */
    memset(result, 0, AREA);
    size_t memory_len = convoke_filter_stream_len(&filter);
    REQUIRE(convoke_stream_wants(&stream) == -1);
    REQUIRE(convoke_stream_begin_u8(&stream, &filter, packed, packed_len, memory, memory_len) == CONVOKE_OK);
    ptrdiff_t row;
    size_t done = 0;
    uint8_t ready;
    while ((row = convoke_stream_wants(&stream)) >= 0) {
        REQUIRE(convoke_stream_push_f32(&stream, scratch, WIDTH) == CONVOKE_NOT_MADE);
        REQUIRE(convoke_stream_push_u8(&stream, picture + row * WIDTH, WIDTH - 1) == CONVOKE_LENGTH);
        REQUIRE(convoke_stream_push_u8(&stream, picture + row * WIDTH, WIDTH) == CONVOKE_OK);
        for (;;) {
            REQUIRE(convoke_stream_pull_u8(&stream, result + done % HEIGHT * WIDTH, WIDTH, &ready) == CONVOKE_OK);
            if (!ready) break;
            done++;
        }
    }
    REQUIRE(done == HEIGHT);
    REQUIRE(memcmp(result, expected, AREA) == 0);
    REQUIRE(convoke_stream_push_u8(&stream, picture, WIDTH) == CONVOKE_NOT_WANTED);

    /* The other types of pixels, on the sum's own values. */
    static int16_t wide[AREA], wide_result[AREA];
    static float real[AREA], real_result[AREA];
    for (int i = 0; i < AREA; i++) real[i] = wide[i] = picture[i];
    REQUIRE(convoke_filter_run_i16(&filter, packed, packed_len, wide, AREA, wide_result, AREA, scratch, scratch_len) == CONVOKE_OK);
    REQUIRE(convoke_filter_run_f32(&filter, packed, packed_len, real, AREA, real_result, AREA, scratch, scratch_len) == CONVOKE_OK);
    for (int i = 0; i < AREA; i++) {
        int clamped = wide_result[i] < 0 ? 0 : wide_result[i] > 255 ? 255 : wide_result[i];
        REQUIRE(clamped == expected[i]);
        REQUIRE(real_result[i] - (float)wide_result[i] <= 0.5f && (float)wide_result[i] - real_result[i] <= 0.5f);
    }
    REQUIRE(convoke_stream_begin_i16(&stream, &filter, packed, packed_len, memory, memory_len) == CONVOKE_OK);
    REQUIRE(convoke_stream_push_i16(&stream, wide, WIDTH) == CONVOKE_OK);
    REQUIRE(convoke_stream_pull_i16(&stream, wide_result, WIDTH, &ready) == CONVOKE_OK && !ready);
    REQUIRE(convoke_stream_begin_f32(&stream, &filter, packed, packed_len, memory, memory_len) == CONVOKE_OK);
    REQUIRE(convoke_stream_push_f32(&stream, real, WIDTH) == CONVOKE_OK);
    REQUIRE(convoke_stream_pull_f32(&stream, real_result, WIDTH, &ready) == CONVOKE_OK && !ready);
    return 0;
}

static int misuse(void) {
    size_t packed_len = sizeof packed / sizeof *packed, scratch_len = convoke_filter_scratch_len(&filter);
    const float *odd = (const float *)((uintptr_t)packed + 1);
    memset(result, 77, AREA);
#define RUN(PACKED, SRC, SRC_LEN, DST, SCRATCH, SCRATCH_LEN) \
    convoke_filter_run_u8(&filter, PACKED, packed_len, SRC, SRC_LEN, DST, AREA, SCRATCH, SCRATCH_LEN)
    REQUIRE(RUN(packed, picture, AREA, result, scratch, scratch_len - 1) == CONVOKE_LENGTH);
    REQUIRE(RUN(packed, picture, AREA - 1, result, scratch, scratch_len) == CONVOKE_LENGTH);
    REQUIRE(RUN(packed, picture, SIZE_MAX, result, scratch, scratch_len) == CONVOKE_LENGTH);
    REQUIRE(RUN(NULL, picture, AREA, result, scratch, scratch_len) == CONVOKE_NULL);
    REQUIRE(RUN(packed, NULL, AREA, result, scratch, scratch_len) == CONVOKE_NULL);
    REQUIRE(RUN(packed, NULL, 0, result, scratch, scratch_len) == CONVOKE_LENGTH);
    REQUIRE(RUN(odd, picture, AREA, result, scratch, scratch_len) == CONVOKE_MISALIGNED);
    REQUIRE(RUN(packed, result, AREA, result, scratch, scratch_len) == CONVOKE_OVERLAP);
    REQUIRE(RUN(packed, picture, AREA, result, packed, packed_len) == CONVOKE_OVERLAP);
    REQUIRE(RUN(scratch, picture, AREA, result, packed, packed_len) != CONVOKE_OK);
    for (int i = 0; i < AREA; i++) REQUIRE(result[i] == 77);

    convoke_filter_desc desc = convoke_filter_default(HEIGHT, WIDTH, 1, 3, 3);
    desc.border = 6;
    REQUIRE(convoke_filter_plan(&filter, &desc) == CONVOKE_UNKNOWN);
    REQUIRE(RUN(packed, picture, AREA, result, scratch, scratch_len) == CONVOKE_NOT_MADE);
    desc.border = CONVOKE_BORDER_ZERO;
    desc.divisor = 0;
    REQUIRE(convoke_filter_plan(&filter, &desc) == CONVOKE_NOT_POSITIVE);
    desc.divisor = 1;
    desc.anchor_row = 3;
    REQUIRE(convoke_filter_plan(&filter, &desc) == CONVOKE_TOO_LARGE);
    desc.anchor_row = 1;
    desc.height = SIZE_MAX;
    REQUIRE(convoke_filter_plan(&filter, &desc) == CONVOKE_OVERFLOW);
    desc.height = 0;
    REQUIRE(convoke_filter_plan(&filter, &desc) == CONVOKE_TOO_SMALL);
    REQUIRE(convoke_filter_plan(NULL, &desc) == CONVOKE_NULL);
    REQUIRE(convoke_filter_plan(&filter, NULL) == CONVOKE_NULL);
    desc.height = HEIGHT;
    desc.divisor = 2;
    REQUIRE(convoke_filter_plan(&filter, &desc) == CONVOKE_OK);
    /* Packed for another divisor. */
    REQUIRE(RUN(packed, picture, AREA, result, scratch, scratch_len) == CONVOKE_WRONG_PACKING);
    REQUIRE(strcmp(convoke_status_name(CONVOKE_WRONG_PACKING), "CONVOKE_WRONG_PACKING") == 0);
    REQUIRE(strcmp(convoke_status_name(CONVOKE_OK), "CONVOKE_OK") == 0);
    REQUIRE(strcmp(convoke_status_name(-1), "?") == 0);
    return 0;
}

/* A 3x3 layer of 2 to 3 channels on 5x4 pixels with padding of 1, bias and ReLU. */
static int layers(void) {
    enum { H = 5, W = 4, C = 2, K = 3 };
    static float src[H * W * C], weights[K * 9 * C], dst[H * W * K], layer[512];
    static const float bias[K] = {1, -2, 3};
    for (int i = 0; i < H * W * C; i++) src[i] = (float)(i * 7 % 11);
    for (int i = 0; i < K * 9 * C; i++) weights[i] = (float)(i * 5 % 7 - 3);
    convoke_conv2d_desc desc = convoke_conv2d_default(CONVOKE_NHWC, C, H, W, K, 3, 3);
    desc.pad_top = desc.pad_left = desc.pad_bottom = desc.pad_right = 1;
    desc.activation = CONVOKE_RELU;
    REQUIRE(convoke_conv2d_src_len(&conv2d) == 0);
    REQUIRE(convoke_conv2d_plan(&conv2d, &desc) == CONVOKE_OK);
    REQUIRE(convoke_conv2d_src_len(&conv2d) == H * W * C);
    REQUIRE(convoke_conv2d_dst_len(&conv2d) == H * W * K);
    REQUIRE(convoke_conv2d_weights_len(&conv2d) == K * 9 * C);
    size_t packed_len = convoke_conv2d_packed_len(&conv2d), scratch_len = convoke_conv2d_scratch_len(&conv2d);
    REQUIRE(packed_len <= 512 && scratch_len <= sizeof scratch / sizeof *scratch);
    REQUIRE(convoke_conv2d_pack(&conv2d, weights, K * 9 * C, layer, packed_len) == CONVOKE_OK);
#define RUN_LAYER(BIAS, BIAS_LEN, DST_LEN) \
    convoke_conv2d_run(&conv2d, layer, packed_len, BIAS, BIAS_LEN, src, H * W * C, dst, DST_LEN, scratch, scratch_len)
    REQUIRE(RUN_LAYER(bias, K - 1, H * W * K) == CONVOKE_LENGTH);
    REQUIRE(RUN_LAYER(bias, K, H * W * K - 1) == CONVOKE_LENGTH);
    for (int with_bias = 0; with_bias < 2; with_bias++) {
        REQUIRE(RUN_LAYER(with_bias ? bias : NULL, with_bias ? K : 0, H * W * K) == CONVOKE_OK);
        for (int i = 0; i < H * W * K; i++) {
            int k = i % K, x = i / K % W, y = i / K / W;
            float sum = 0;
            for (int tap = 0; tap < 9; tap++) {
                int row = y + tap / 3 - 1, column = x + tap % 3 - 1;
                if (row < 0 || row >= H || column < 0 || column >= W) continue;
                for (int c = 0; c < C; c++) sum += src[(row * W + column) * C + c] * weights[(k * 9 + tap) * C + c];
            }
            sum += with_bias ? bias[k] : 0;
            REQUIRE(dst[i] == (sum > 0 ? sum : 0));
        }
    }
    desc.groups = 2;
    REQUIRE(convoke_conv2d_plan(&conv2d, &desc) == CONVOKE_NOT_DIVISIBLE);
    desc.groups = 1;
    desc.layout = 2;
    REQUIRE(convoke_conv2d_plan(&conv2d, &desc) == CONVOKE_UNKNOWN);
    REQUIRE(RUN_LAYER(bias, K, H * W * K) == CONVOKE_NOT_MADE);
    return 0;
}

int convoke_program(void) {
    for (int i = 0; i < AREA; i++) picture[i] = (uint8_t)(i * 37 % 256);
    by_definition();
    int wrong = filters();
    if (wrong == 0) wrong = misuse();
    if (wrong == 0) wrong = layers();
    return wrong;
}

#ifdef CONVOKE_HOSTED
#include <stdio.h>

int main(void) {
    int wrong = convoke_program();
    if (wrong != 0) fprintf(stderr, "program.c:%d\n", wrong);
    return wrong != 0;
}
#endif
