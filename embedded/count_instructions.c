/* A plugin for QEMU that counts the instructions a Cortex-M executes between two marks, the hints `dbg #1` and `dbg #2`,
 * which do nothing on the processor. At each second mark it writes a line, `counted N`, to standard error. The same on
 * every run: it counts instructions, not cycles. The marks themselves do not count.
 *
 * Debian has no header for plugins. What is used of version 1 of that interface is declared here.
 *
 *     cc -O2 -shared -fPIC count_instructions.c -o libcount.so
 *     qemu-system-arm ... -plugin ./libcount.so
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct qemu_plugin_tb;
struct qemu_plugin_insn;
extern void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, void (*)(uint64_t id, struct qemu_plugin_tb *));
extern void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *, void (*)(unsigned, void *), int, void *);
extern void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *, int, void *, uint64_t);
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
extern struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
extern const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *);
extern size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *);

int qemu_plugin_version = 1;

enum { NO_FLAGS = 0, ADD_U64 = 0 };

static uint64_t executed, at_first_mark;

static void first_mark(unsigned cpu, void *data) {
    (void)cpu, (void)data;
    at_first_mark = executed;
}

static void second_mark(unsigned cpu, void *data) {
    (void)cpu, (void)data;
    fprintf(stderr, "counted %llu\n", (unsigned long long)(executed - at_first_mark));
}

/* Which mark an instruction is: 1, 2, or 0 for none. `dbg #n` is the halfwords F3AF 80Fn. */
static int mark(const struct qemu_plugin_insn *instruction) {
    uint16_t halves[2];
    if (qemu_plugin_insn_size(instruction) != sizeof halves) return 0;
    memcpy(halves, qemu_plugin_insn_data(instruction), sizeof halves);
    if (halves[0] != 0xF3AF || (halves[1] & 0xFFF0) != 0x80F0) return 0;
    int number = halves[1] & 0xF;
    return number <= 2 ? number : 0;
}

/* QEMU translates a block of instructions before it runs it, and asks what should happen at each. */
static void translated(uint64_t id, struct qemu_plugin_tb *block) {
    (void)id;
    size_t count = qemu_plugin_tb_n_insns(block);
    for (size_t i = 0; i < count; i++) {
        struct qemu_plugin_insn *instruction = qemu_plugin_tb_get_insn(block, i);
        switch (mark(instruction)) {
        case 1: qemu_plugin_register_vcpu_insn_exec_cb(instruction, first_mark, NO_FLAGS, NULL); break;
        case 2: qemu_plugin_register_vcpu_insn_exec_cb(instruction, second_mark, NO_FLAGS, NULL); break;
        default: qemu_plugin_register_vcpu_insn_exec_inline(instruction, ADD_U64, &executed, 1);
        }
    }
}

int qemu_plugin_install(uint64_t id, const void *machine, int count, char **arguments) {
    (void)machine, (void)count, (void)arguments;
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    return 0;
}
