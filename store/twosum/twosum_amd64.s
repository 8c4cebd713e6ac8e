#include "textflag.h"

// Two messages side by side, each as Intel's manual (volume 2, SHA256RNDS2) describes it:
//
//	        state      words of the message   before this block
//	first   X1  X2     X3 X4 X5 X6            0(SP)  16(SP)
//	second  X7  X8     X9 X10 X11 X12         32(SP) 48(SP)

// ROUNDS does four rounds with the words in m.
#define ROUNDS(k, m, abef, cdgh) \
	MOVOU k(AX), X0;          \
	PADDD m, X0;              \
	SHA256RNDS2 X0, abef, cdgh; \
	PSHUFD $0x0e, X0, X0;     \
	SHA256RNDS2 X0, cdgh, abef

// WORDS puts the next four words of the schedule in the place of the oldest, m0.
#define WORDS(m0, m1, m2, m3) \
	SHA256MSG1 m1, m0;   \
	MOVO m3, X13;        \
	PALIGNR $4, m2, X13; \
	PADDD X13, m0;       \
	SHA256MSG2 m3, m0

#define FOUR(k, a0, a1, a2, a3, b0, b1, b2, b3) \
	ROUNDS(k, a0, X1, X2); \
	ROUNDS(k, b0, X7, X8); \
	WORDS(a0, a1, a2, a3); \
	WORDS(b0, b1, b2, b3)

#define LAST(k, a, b) \
	ROUNDS(k, a, X1, X2); \
	ROUNDS(k, b, X7, X8)

#define LOAD(from, at, m) \
	MOVOU at(from), m; \
	PSHUFB X14, m

// func hashBlocks(a, b *state, p, q *byte, n int)
TEXT ·hashBlocks(SB), NOSPLIT, $64-40
	MOVQ a+0(FP), DI
	MOVQ b+8(FP), SI
	MOVQ p+16(FP), R8
	MOVQ q+24(FP), R9
	MOVQ n+32(FP), CX
	LEAQ ·constants(SB), AX
	MOVOU ·bigEndian(SB), X14
	MOVOU 0(DI), X1
	MOVOU 16(DI), X2
	MOVOU 0(SI), X7
	MOVOU 16(SI), X8

block:
	MOVOU X1, 0(SP)
	MOVOU X2, 16(SP)
	MOVOU X7, 32(SP)
	MOVOU X8, 48(SP)
	LOAD(R8, 0, X3)
	LOAD(R9, 0, X9)
	LOAD(R8, 16, X4)
	LOAD(R9, 16, X10)
	LOAD(R8, 32, X5)
	LOAD(R9, 32, X11)
	LOAD(R8, 48, X6)
	LOAD(R9, 48, X12)
	FOUR(0, X3, X4, X5, X6, X9, X10, X11, X12)
	FOUR(16, X4, X5, X6, X3, X10, X11, X12, X9)
	FOUR(32, X5, X6, X3, X4, X11, X12, X9, X10)
	FOUR(48, X6, X3, X4, X5, X12, X9, X10, X11)
	FOUR(64, X3, X4, X5, X6, X9, X10, X11, X12)
	FOUR(80, X4, X5, X6, X3, X10, X11, X12, X9)
	FOUR(96, X5, X6, X3, X4, X11, X12, X9, X10)
	FOUR(112, X6, X3, X4, X5, X12, X9, X10, X11)
	FOUR(128, X3, X4, X5, X6, X9, X10, X11, X12)
	FOUR(144, X4, X5, X6, X3, X10, X11, X12, X9)
	FOUR(160, X5, X6, X3, X4, X11, X12, X9, X10)
	FOUR(176, X6, X3, X4, X5, X12, X9, X10, X11)
	LAST(192, X3, X9)
	LAST(208, X4, X10)
	LAST(224, X5, X11)
	LAST(240, X6, X12)
	MOVOU 0(SP), X0
	PADDD X0, X1
	MOVOU 16(SP), X0
	PADDD X0, X2
	MOVOU 32(SP), X0
	PADDD X0, X7
	MOVOU 48(SP), X0
	PADDD X0, X8
	ADDQ $64, R8
	ADDQ $64, R9
	DECQ CX
	JNZ block
	MOVOU X1, 0(DI)
	MOVOU X2, 16(DI)
	MOVOU X7, 0(SI)
	MOVOU X8, 16(SI)
	RET

// bigEndian turns the bytes of each word round.
DATA ·bigEndian+0(SB)/8, $0x0405060700010203
DATA ·bigEndian+8(SB)/8, $0x0c0d0e0f08090a0b
GLOBL ·bigEndian(SB), RODATA|NOPTR, $16

// FIPS 180-4, 4.2.2; two words a line.
DATA ·constants+0(SB)/8, $0x71374491428a2f98
DATA ·constants+8(SB)/8, $0xe9b5dba5b5c0fbcf
DATA ·constants+16(SB)/8, $0x59f111f13956c25b
DATA ·constants+24(SB)/8, $0xab1c5ed5923f82a4
DATA ·constants+32(SB)/8, $0x12835b01d807aa98
DATA ·constants+40(SB)/8, $0x550c7dc3243185be
DATA ·constants+48(SB)/8, $0x80deb1fe72be5d74
DATA ·constants+56(SB)/8, $0xc19bf1749bdc06a7
DATA ·constants+64(SB)/8, $0xefbe4786e49b69c1
DATA ·constants+72(SB)/8, $0x240ca1cc0fc19dc6
DATA ·constants+80(SB)/8, $0x4a7484aa2de92c6f
DATA ·constants+88(SB)/8, $0x76f988da5cb0a9dc
DATA ·constants+96(SB)/8, $0xa831c66d983e5152
DATA ·constants+104(SB)/8, $0xbf597fc7b00327c8
DATA ·constants+112(SB)/8, $0xd5a79147c6e00bf3
DATA ·constants+120(SB)/8, $0x1429296706ca6351
DATA ·constants+128(SB)/8, $0x2e1b213827b70a85
DATA ·constants+136(SB)/8, $0x53380d134d2c6dfc
DATA ·constants+144(SB)/8, $0x766a0abb650a7354
DATA ·constants+152(SB)/8, $0x92722c8581c2c92e
DATA ·constants+160(SB)/8, $0xa81a664ba2bfe8a1
DATA ·constants+168(SB)/8, $0xc76c51a3c24b8b70
DATA ·constants+176(SB)/8, $0xd6990624d192e819
DATA ·constants+184(SB)/8, $0x106aa070f40e3585
DATA ·constants+192(SB)/8, $0x1e376c0819a4c116
DATA ·constants+200(SB)/8, $0x34b0bcb52748774c
DATA ·constants+208(SB)/8, $0x4ed8aa4a391c0cb3
DATA ·constants+216(SB)/8, $0x682e6ff35b9cca4f
DATA ·constants+224(SB)/8, $0x78a5636f748f82ee
DATA ·constants+232(SB)/8, $0x8cc7020884c87814
DATA ·constants+240(SB)/8, $0xa4506ceb90befffa
DATA ·constants+248(SB)/8, $0xc67178f2bef9a3f7
GLOBL ·constants(SB), RODATA|NOPTR, $256
