//go:build !linux

package engine

import (
	"os/exec"
	"syscall"
)

// attributes put the child at the head of its own process group. Without a
// parent-death signal it outlives a parent that is killed.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}

// awaitExit returns when the child has ended.
func awaitExit(cmd *exec.Cmd) {
	_, _ = cmd.Process.Wait()
}
