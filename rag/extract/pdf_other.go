//go:build !linux

package extract

import "syscall"

// Elsewhere than on Linux the child is bound by the WebAssembly memory, the
// timeout and the limits on what it says.

func childAttr() *syscall.SysProcAttr { return nil }

func limitChild() error { return nil }
