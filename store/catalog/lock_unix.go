//go:build unix

package catalog

import (
	"os"

	"golang.org/x/sys/unix"
)

// lock keeps a second process (or a second Open) from writing the same file. The system releases it
// when the file is closed or the process dies.
func lock(f *os.File) error { return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) }
