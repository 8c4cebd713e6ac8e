//go:build !linux

package main

// unmapProgram leaves it to the kernel.
func unmapProgram() {}
