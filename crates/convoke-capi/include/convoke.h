/* Convoke for C: picture filters and convolution layers, without heap.
 *
 *     descriptor -> plan -> lengths of buffers -> pack (once) -> run, or begin a stream, push and pull rows
 *
 * Every function that can fail returns a status; CONVOKE_OK is 0. On an error nothing has been written but what is said here.
 *
 * What the caller promises, of every function: a pointer is null or points to as many elements as are said with it (plans,
 * streams and descriptors: one), all of which are initialised, memory of plans and streams with anything, such as zeros; and
 * nobody else writes to them during the call. What is checked: null, alignment, lengths, overlap of what is written with
 * anything else, and whether a plan has been made. Lengths are in elements, not bytes. A pointer to no elements may be null.
 *
 * Plans are not tied to their place and may be copied. A stream may not be moved while its memory is used by another.
 */
#ifndef CONVOKE_H
#define CONVOKE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a call says. */
typedef int32_t convoke_status;
enum {
    CONVOKE_OK = 0,
    CONVOKE_NULL = 1,           /* a pointer is null */
    CONVOKE_MISALIGNED = 2,     /* a pointer is not aligned for what it points to */
    CONVOKE_OVERLAP = 3,        /* what is written overlaps with something */
    CONVOKE_NOT_MADE = 4,       /* a plan or stream has not been made, or is of other pixels */
    CONVOKE_UNKNOWN = 5,        /* a number that stands for a border, a layout, ... stands for none */
    CONVOKE_TOO_SMALL = 6,      /* a size or attribute, such as a stride of 0 */
    CONVOKE_TOO_LARGE = 7,      /* a size or attribute, such as an anchor outside its mask */
    CONVOKE_NOT_DIVISIBLE = 8,  /* channels by groups */
    CONVOKE_OVERFLOW = 9,       /* a buffer would not fit in memory */
    CONVOKE_LENGTH = 10,        /* a buffer does not have the length that the plan asks for */
    CONVOKE_WRONG_PACKING = 11, /* packed weights are of another plan, or none */
    CONVOKE_NOT_FINITE = 12,    /* a number that must be finite is not */
    CONVOKE_NOT_POSITIVE = 13,  /* a divisor is not above zero */
    CONVOKE_NOT_WANTED = 14,    /* a stream was given a row that it had not asked for */
    CONVOKE_REFUSED = 15        /* anything else */
};

/* Its name, such as "CONVOKE_LENGTH"; "?" if it is none. The text is there for ever. */
const char *convoke_status_name(convoke_status status);

/* What is read outside a picture `abcd`. */
enum {
    CONVOKE_BORDER_ZERO = 0,       /* nothing: the tap is absent */
    CONVOKE_BORDER_CONSTANT = 1,   /* iiii|abcd|iiii */
    CONVOKE_BORDER_REPLICATE = 2,  /* aaaa|abcd|dddd */
    CONVOKE_BORDER_REFLECT = 3,    /* dcba|abcd|dcba */
    CONVOKE_BORDER_REFLECT101 = 4, /* dcb|abcd|cba */
    CONVOKE_BORDER_WRAP = 5        /* abcd|abcd|abcd */
};

enum { CONVOKE_CORRELATE = 0, CONVOKE_CONVOLVE = 1 /* the mask turned by 180 degrees */ };

/* ---- Picture filters -------------------------------------------------------------------------------------------------
 *
 * dst[y, x, c] = scale / divisor * sum over r, s of  mask[r, s] * src[y + r - anchor_row, x + s - anchor_column, c]  + offset
 *
 * Pictures are rows of `width` pixels of 1 to 4 channels, one row after the other. From integers to integers every result is the
 * exact value, rounded to nearest, ties to even, and clamped. */
typedef struct {
    size_t height, width, channels;
    size_t mask_height, mask_width;
    size_t anchor_row, anchor_column; /* the tap that lies on the output pixel */
    int32_t border;
    float border_value; /* for CONVOKE_BORDER_CONSTANT */
    int32_t mode;
    float scale, divisor, offset;
} convoke_filter_desc;

/* A correlation with a border of zeros, the anchor in the middle, and sums as they are. */
static inline convoke_filter_desc convoke_filter_default(size_t height, size_t width, size_t channels, size_t mask_height,
                                                         size_t mask_width) {
    convoke_filter_desc desc;
    memset(&desc, 0, sizeof desc);
    desc.height = height;
    desc.width = width;
    desc.channels = channels;
    desc.mask_height = mask_height;
    desc.mask_width = mask_width;
    desc.anchor_row = mask_height / 2;
    desc.anchor_column = mask_width / 2;
    desc.scale = 1.0f;
    desc.divisor = 1.0f;
    return desc;
}

typedef struct {
    uint64_t opaque[64];
} convoke_filter;

/* Makes a plan. On an error there is none. */
convoke_status convoke_filter_plan(convoke_filter *filter, const convoke_filter_desc *desc);

/* Elements that packing, a run and a stream need; 0 if there is no plan. */
size_t convoke_filter_packed_len(const convoke_filter *filter);
size_t convoke_filter_scratch_len(const convoke_filter *filter);
size_t convoke_filter_stream_len(const convoke_filter *filter);

/* A buffer for a packed mask of R x S taps, and for a stream with any border, as constants: for statics. Anchored in the
 * middle; no longer by much than what the functions above say. */
#define CONVOKE_FILTER_PACKED_LEN(R, S) ((R) * (S) + 31)
#define CONVOKE_FILTER_STREAM_LEN(WIDTH, CHANNELS, R, S) \
    (((R) + 9) * (((WIDTH) < 16 ? 16 : (WIDTH)) * (CHANNELS) + ((S) - 1) * (CHANNELS) + 48) + 16 + (R) * (S))

/* Packs a mask of mask_height * mask_width taps, row by row. The buffer may lie in flash afterwards. */
convoke_status convoke_filter_pack(const convoke_filter *filter, const float *mask, size_t mask_len, float *packed,
                                   size_t packed_len);

/* Filters a whole picture. `scratch` is garbage afterwards. */
convoke_status convoke_filter_run_f32(const convoke_filter *filter, const float *packed, size_t packed_len, const float *src,
                                      size_t src_len, float *dst, size_t dst_len, float *scratch, size_t scratch_len);
convoke_status convoke_filter_run_i16(const convoke_filter *filter, const float *packed, size_t packed_len, const int16_t *src,
                                      size_t src_len, int16_t *dst, size_t dst_len, float *scratch, size_t scratch_len);
convoke_status convoke_filter_run_u8(const convoke_filter *filter, const float *packed, size_t packed_len, const uint8_t *src,
                                     size_t src_len, uint8_t *dst, size_t dst_len, float *scratch, size_t scratch_len);

/* ---- The same as a stream: rows in, rows out, in memory for about as many rows as the mask has -------------------------
 *
 *     while ((row = convoke_stream_wants(&stream)) >= 0) {
 *         convoke_stream_push_u8(&stream, picture + row * width, width);
 *         while (convoke_stream_pull_u8(&stream, result, width, &ready) == CONVOKE_OK && ready) ...
 *     }
 */
typedef struct {
    uint64_t opaque[128];
} convoke_stream;

/* Begins a stream, in place of any that was there. The plan and the packed mask are copied; `memory` is the stream's, and must
 * not be touched, until another stream is begun in its place or the stream is used no more. */
convoke_status convoke_stream_begin_f32(convoke_stream *stream, const convoke_filter *filter, const float *packed,
                                        size_t packed_len, float *memory, size_t memory_len);
convoke_status convoke_stream_begin_i16(convoke_stream *stream, const convoke_filter *filter, const float *packed,
                                        size_t packed_len, float *memory, size_t memory_len);
convoke_status convoke_stream_begin_u8(convoke_stream *stream, const convoke_filter *filter, const float *packed,
                                       size_t packed_len, float *memory, size_t memory_len);

/* The row of the picture that must be pushed next, from 0; -1 if rows are ready to be pulled, none is left, or there is no
 * stream. Rows come in order, but for CONVOKE_BORDER_WRAP, which begins with those at the end. */
ptrdiff_t convoke_stream_wants(const convoke_stream *stream);

/* Takes that row, of width * channels elements. */
convoke_status convoke_stream_push_f32(convoke_stream *stream, const float *row, size_t row_len);
convoke_status convoke_stream_push_i16(convoke_stream *stream, const int16_t *row, size_t row_len);
convoke_status convoke_stream_push_u8(convoke_stream *stream, const uint8_t *row, size_t row_len);

/* Writes the next row of the result, of width * channels elements, if it is ready, which `ready` says: 1, or 0. */
convoke_status convoke_stream_pull_f32(convoke_stream *stream, float *dst, size_t dst_len, uint8_t *ready);
convoke_status convoke_stream_pull_i16(convoke_stream *stream, int16_t *dst, size_t dst_len, uint8_t *ready);
convoke_status convoke_stream_pull_u8(convoke_stream *stream, uint8_t *dst, size_t dst_len, uint8_t *ready);

/* ---- Convolution layers of f32 tensors --------------------------------------------------------------------------------- */

enum { CONVOKE_NCHW = 0, CONVOKE_NHWC = 1 };

enum {
    CONVOKE_NONE = 0,
    CONVOKE_RELU = 1,
    CONVOKE_RELU6 = 2,
    CONVOKE_LEAKY = 3, /* leak * x below 0 */
    CONVOKE_SIGMOID = 4,
    CONVOKE_TANH = 5,
    CONVOKE_SILU = 6,
    CONVOKE_HARD_SWISH = 7
};

typedef struct {
    int32_t layout;
    size_t batch, in_channels, in_height, in_width, out_channels;
    size_t kernel_height, kernel_width;
    size_t stride[2], dilation[2]; /* down, across */
    size_t pad_top, pad_left, pad_bottom, pad_right;
    size_t groups;
    int32_t border;
    float border_value;
    int32_t mode;
    int32_t activation;
    float leak;
} convoke_conv2d_desc;

/* One image, strides, dilations and groups of 1, no padding, no activation. */
static inline convoke_conv2d_desc convoke_conv2d_default(int32_t layout, size_t in_channels, size_t in_height, size_t in_width,
                                                         size_t out_channels, size_t kernel_height, size_t kernel_width) {
    convoke_conv2d_desc desc;
    memset(&desc, 0, sizeof desc);
    desc.layout = layout;
    desc.batch = 1;
    desc.in_channels = in_channels;
    desc.in_height = in_height;
    desc.in_width = in_width;
    desc.out_channels = out_channels;
    desc.kernel_height = kernel_height;
    desc.kernel_width = kernel_width;
    desc.stride[0] = desc.stride[1] = 1;
    desc.dilation[0] = desc.dilation[1] = 1;
    desc.groups = 1;
    return desc;
}

typedef struct {
    uint64_t opaque[128];
} convoke_conv2d;

/* Makes a plan. On an error there is none. */
convoke_status convoke_conv2d_plan(convoke_conv2d *conv2d, const convoke_conv2d_desc *desc);

/* Elements of the tensors, of packed weights, and of scratch; 0 if there is no plan. */
size_t convoke_conv2d_src_len(const convoke_conv2d *conv2d);
size_t convoke_conv2d_dst_len(const convoke_conv2d *conv2d);
size_t convoke_conv2d_weights_len(const convoke_conv2d *conv2d);
size_t convoke_conv2d_packed_len(const convoke_conv2d *conv2d);
size_t convoke_conv2d_scratch_len(const convoke_conv2d *conv2d);

/* Packs weights: out channels, in channels of a group, rows, columns for CONVOKE_NCHW; out channels, rows, columns, in
 * channels of a group for CONVOKE_NHWC. The buffer may lie in flash afterwards. */
convoke_status convoke_conv2d_pack(const convoke_conv2d *conv2d, const float *weights, size_t weights_len, float *packed,
                                   size_t packed_len);

/* Runs the layer. Without a bias, null and 0. `scratch` is garbage afterwards. */
convoke_status convoke_conv2d_run(const convoke_conv2d *conv2d, const float *packed, size_t packed_len, const float *bias,
                                  size_t bias_len, const float *src, size_t src_len, float *dst, size_t dst_len, float *scratch,
                                  size_t scratch_len);

#ifdef __cplusplus
}
#endif

#endif
