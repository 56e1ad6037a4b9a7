/* Starts tests/program.c of convoke-capi on a board of the emulator, or on the board itself under a debugger, and ends with its
 * result. */
#include <stdint.h>
#include <string.h>

extern int convoke_program(void);
extern uint32_t __bss_start[], __bss_end[], __data_start[], __data_end[], __data_load[], __stack_top[];

static void semihosting(uint32_t operation, const void *argument) {
    register uint32_t r0 __asm("r0") = operation;
    register const void *r1 __asm("r1") = argument;
    __asm volatile("bkpt #0xAB" : "+r"(r0) : "r"(r1) : "memory");
}

static void end(uint32_t status) {
    const uint32_t block[2] = {0x20026, status};
    semihosting(0x20, block);
    for (;;) {}
}

void abort(void) {
    end(101);
    for (;;) {}
}

static void fault(void) {
    end(3);
}

void reset(void) {
    *(volatile uint32_t *)0xE000ED88 |= 0xF00000; /* the floating-point unit */
    __asm volatile("dsb\n isb" ::: "memory");
    memset(__bss_start, 0, (uintptr_t)__bss_end - (uintptr_t)__bss_start);
    memcpy(__data_start, __data_load, (uintptr_t)__data_end - (uintptr_t)__data_start);
    int line = convoke_program();
    if (line != 0) {
        char text[] = "program.c:00000\n";
        for (int i = 14; line > 0; i--, line /= 10) text[i] = (char)('0' + line % 10);
        semihosting(0x04, text);
        end(1);
    }
    semihosting(0x04, "the C program is right\n");
    end(0);
}

__attribute__((section(".vector_table"), used)) static void (*const vectors[16])(void) = {
    (void (*)(void))__stack_top, reset, fault, fault, fault, fault, fault, fault,
    fault, fault, fault, fault, fault, fault, fault, fault,
};
