/* What CMSIS-DSP's sources ask of CMSIS-Core, of which the package has none: the processor's DSP instructions under Arm's
 * names, from the compiler's own header, and a few attributes. As much as filters need. */
#ifndef CMSIS_COMPILER_H
#define CMSIS_COMPILER_H

#include <arm_acle.h>
#include <stdint.h>

#define __ASM __asm
#define __INLINE inline
#define __WEAK __attribute__((weak))
#define __ALIGNED(bytes) __attribute__((aligned(bytes)))
#define __STATIC_INLINE static inline
#define __STATIC_FORCEINLINE static inline __attribute__((always_inline))
#define __PACKED_STRUCT struct __attribute__((packed))

#define __CLZ(word) ((uint8_t)((word) == 0 ? 32 : __builtin_clz(word)))
#define __ROR __ror
#define __SSAT __ssat
#define __USAT __usat
#define __QADD __qadd
#define __QSUB __qsub
#define __QADD16(a, b) ((uint32_t)__qadd16((int16x2_t)(a), (int16x2_t)(b)))
#define __QSUB16(a, b) ((uint32_t)__qsub16((int16x2_t)(a), (int16x2_t)(b)))
#define __SMUAD(a, b) ((uint32_t)__smuad((int16x2_t)(a), (int16x2_t)(b)))
#define __SMLAD(a, b, sum) ((uint32_t)__smlad((int16x2_t)(a), (int16x2_t)(b), (int32_t)(sum)))
#define __SMLADX(a, b, sum) ((uint32_t)__smladx((int16x2_t)(a), (int16x2_t)(b), (int32_t)(sum)))
#define __SMLALD(a, b, sum) ((uint64_t)__smlald((int16x2_t)(a), (int16x2_t)(b), (int64_t)(sum)))
#define __SMLALDX(a, b, sum) ((uint64_t)__smlaldx((int16x2_t)(a), (int16x2_t)(b), (int64_t)(sum)))
#define __PKHBT(low, high, shift) (((uint32_t)(low) & 0xFFFFu) | (((uint32_t)(high) << (shift)) & 0xFFFF0000u))
#define __PKHTB(high, low, shift) (((uint32_t)(high) & 0xFFFF0000u) | (((uint32_t)((int32_t)(low) >> (shift))) & 0xFFFFu))

#endif
