package extract

import (
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	childMemory = 768 << 20 // bytes of private memory; a first start takes half of it to compile
	childCPU    = 300       // seconds of processor time
)

// childAttr makes the child die with this process, and keeps a Ctrl-C meant
// for this process away from it.
func childAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// limitChild bounds what this process may use. Beyond its memory the Go
// runtime gives up; beyond its processor time the kernel kills.
func limitChild() error {
	for _, l := range []struct {
		name  string
		which int
		max   uint64
	}{
		{"memory", unix.RLIMIT_DATA, childMemory},
		{"processor time", unix.RLIMIT_CPU, childCPU},
		{"file size", unix.RLIMIT_FSIZE, 256 << 20},
		{"core dump", unix.RLIMIT_CORE, 0},
		{"open files", unix.RLIMIT_NOFILE, 64},
	} {
		var now unix.Rlimit
		if err := unix.Getrlimit(l.which, &now); err != nil {
			return fmt.Errorf("limit %s: %w", l.name, err)
		}
		most := min(l.max, now.Max)
		if err := unix.Setrlimit(l.which, &unix.Rlimit{Cur: most, Max: most}); err != nil {
			return fmt.Errorf("limit %s: %w", l.name, err)
		}
	}
	return unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
}
