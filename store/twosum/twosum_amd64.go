package twosum

import "github.com/klauspost/cpuid/v2"

// atOnce tells whether this processor has what hashBlocks needs.
var atOnce = cpuid.CPU.Supports(cpuid.SHA, cpuid.SSSE3, cpuid.SSE4)

// hashBlocks takes n blocks of 64 bytes, at least one, from p into a and as many from q into b.
//
//go:noescape
func hashBlocks(a, b *state, p, q *byte, n int)
