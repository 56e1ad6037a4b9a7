/* The filters of ../firmware made of CMSIS-DSP's functions, on the same picture: for the table that `ci/cortex-m` prints.
 *
 * CMSIS-DSP filters signals, not pictures. A mask of R rows is R filters of S taps (arm_fir_*), each over a row with its
 * border, and their sums (arm_add_*). Every row gets its border once. Signals are convolved, so taps are turned. 16-bit filters
 * are those with 32-bit sums (arm_fir_fast_q15), which take an even number of taps, at least four.
 */
#include "arm_math.h"

enum { HEIGHT = 24, WIDTH = 64, MOST_TAPS = 32, MOST_ROWS = 5, LONGEST = WIDTH + MOST_TAPS };

extern void exit_with(uint32_t status);
extern uint32_t __bss_start[], __bss_end[], __stack_top[];

static uint32_t semihosting(uint32_t operation, const void *argument) {
    register uint32_t r0 __asm("r0") = operation;
    register const void *r1 __asm("r1") = argument;
    __asm volatile("bkpt #0xAB" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

void exit_with(uint32_t status) {
    uint32_t block[2] = {0x20026, status};
    semihosting(0x20, block);
    for (;;) {}
}

static void line(const char *text) {
    semihosting(0x04, text);
}

static void fault(void) {
    exit_with(3);
}

void reset(void);
__attribute__((section(".vector_table"), used)) static const void *const vectors[16] = {
    __stack_top, reset, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault,
};

static float src_f32[HEIGHT][WIDTH], dst_f32[HEIGHT][WIDTH], padded_f32[MOST_ROWS][LONGEST];
static float out_f32[LONGEST], state_f32[LONGEST + MOST_TAPS];
static q15_t src_q15[HEIGHT][WIDTH], dst_q15[HEIGHT][WIDTH], padded_q15[MOST_ROWS][LONGEST];
static q15_t out_q15[LONGEST], state_q15[LONGEST + MOST_TAPS];

static int clamp(int y) {
    return y < 0 ? 0 : y >= HEIGHT ? HEIGHT - 1 : y;
}

/* Row y, which may lie outside, with its border at both sides, in its place of the ring. */
#define PAD(TYPE)                                                               \
    static const TYPE *pad_##TYPE(int y, int rows, int taps, int *have) {       \
        int row = clamp(y);                                                     \
        TYPE *to = padded_##TYPE[row % rows];                                   \
        if (row > *have) {                                                      \
            int left = taps / 2;                                                \
            for (int x = 0; x < left; x++) to[x] = src_##TYPE[row][0];          \
            arm_copy_##TYPE(src_##TYPE[row], to + left, WIDTH);                 \
            for (int x = 0; x < taps - 1 - left; x++) to[left + WIDTH + x] = src_##TYPE[row][WIDTH - 1]; \
            *have = row;                                                        \
        }                                                                       \
        return to;                                                              \
    }
typedef float f32;
typedef q15_t q15;
PAD(f32)
PAD(q15)

static void filter_f32(const float *taps, int rows, int columns) {
    arm_fir_instance_f32 fir;
    int have = -1, length = WIDTH + columns - 1;
    for (int y = 0; y < HEIGHT; y++) {
        for (int r = 0; r < rows; r++) {
            const float *row = pad_f32(y + r - rows / 2, rows, columns, &have);
            arm_fir_init_f32(&fir, columns, taps + r * columns, state_f32, length);
            arm_fir_f32(&fir, row, out_f32, length);
            if (r == 0) arm_copy_f32(out_f32 + columns - 1, dst_f32[y], WIDTH);
            else arm_add_f32(dst_f32[y], out_f32 + columns - 1, dst_f32[y], WIDTH);
        }
        arm_scale_f32(dst_f32[y], 1.0f / 64, dst_f32[y], WIDTH);
    }
}

/* With taps that are sixty-fourths already. */
static void filter_q15(const q15_t *taps, int rows, int columns, int given) {
    arm_fir_instance_q15 fir;
    int have = -1, length = WIDTH + columns - 1;
    for (int y = 0; y < HEIGHT; y++) {
        for (int r = 0; r < rows; r++) {
            const q15_t *row = pad_q15(y + r - rows / 2, rows, given, &have);
            if (arm_fir_init_q15(&fir, columns, taps + r * columns, state_q15, length) != ARM_MATH_SUCCESS) exit_with(1);
            arm_fir_fast_q15(&fir, row, out_q15, length);
            /* With a tap of zero in front, the first output of the row is where it would be without. */
            if (r == 0) arm_copy_q15(out_q15 + given - 1, dst_q15[y], WIDTH);
            else arm_add_q15(dst_q15[y], out_q15 + given - 1, dst_q15[y], WIDTH);
        }
    }
}

static float taps_f32[32];
static q15_t taps_q15[32];

/* The masks of ../firmware, turned row by row, and in sixty-fourths. */
static void masks(const int *mask, int rows, int columns, int even) {
    for (int r = 0; r < rows; r++) {
        for (int s = 0; s < even; s++) {
            /* Coefficients come last tap first: a tap of zero for the oldest sample stands in front. */
            int from = s - (even - columns);
            int tap = from < 0 ? 0 : mask[r * columns + from];
            taps_q15[r * even + s] = (q15_t)(tap * 512);
            if (from >= 0) taps_f32[r * columns + from] = (float)tap;
        }
    }
}

/* What is expected: the same by its definition. */
static int expected(const int *mask, int rows, int columns, int y, int x) {
    int sum = 0;
    for (int r = 0; r < rows; r++) {
        for (int s = 0; s < columns; s++) {
            int column = x + s - columns / 2;
            column = column < 0 ? 0 : column >= WIDTH ? WIDTH - 1 : column;
            sum += mask[r * columns + s] * (int)src_f32[clamp(y + r - rows / 2)][column];
        }
    }
    return sum;
}

static void check(const int *mask, int rows, int columns) {
    for (int y = 0; y < HEIGHT; y++) {
        for (int x = 0; x < WIDTH; x++) {
            int sum = expected(mask, rows, columns, y, x);
            if (dst_f32[y][x] != (float)sum / 64) exit_with(4);
            /* Each row of the mask is cut off below, so it may be less by as many. */
            int off = (sum >> 6) - dst_q15[y][x];
            if (off < 0 || off >= rows + 1) exit_with(5);
        }
    }
}

#define COUNTED(NAME, CODE)          \
    do {                             \
        __asm volatile("dbg #1");    \
        CODE;                        \
        __asm volatile("dbg #2");    \
        line("measured 1536 0 0 " NAME "\n"); \
    } while (0)

static void start(void) {
    static const int mask_3[9] = {1, 2, 1, 2, 4, 2, 1, 2, 1};
    static int mask[31];
    for (int i = 0; i < 31; i++) mask[i] = i * 5 % 7 - 1;
    for (int y = 0; y < HEIGHT; y++) {
        for (int x = 0; x < WIDTH; x++) {
            uint8_t p = (uint8_t)(y * 37 + x * 11 + y * x * 5 % 64);
            src_f32[y][x] = p;
            src_q15[y][x] = p;
        }
    }
    masks(mask_3, 3, 3, 4);
    COUNTED("filter f32 3x3", filter_f32(taps_f32, 3, 3));
    COUNTED("filter i16 3x3", filter_q15(taps_q15, 3, 4, 3));
    check(mask_3, 3, 3);
    masks(mask, 5, 5, 6);
    COUNTED("filter f32 5x5", filter_f32(taps_f32, 5, 5));
    COUNTED("filter i16 5x5", filter_q15(taps_q15, 5, 6, 5));
    check(mask, 5, 5);
    masks(mask, 1, 31, 32);
    COUNTED("filter f32 1x31", filter_f32(taps_f32, 1, 31));
    COUNTED("filter i16 1x31", filter_q15(taps_q15, 1, 32, 31));
    check(mask, 1, 31);
    line("done\n");
    exit_with(0);
}

void reset(void) {
    *(volatile uint32_t *)0xE000ED88 |= 0xF00000;
    __asm volatile("dsb\n isb" ::: "memory");
    for (uint32_t *word = __bss_start; word < __bss_end; word++) *word = 0;
    start();
}
