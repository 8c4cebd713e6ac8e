package main

import (
	"bufio"
	"bytes"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// unmapProgram lets go of the pages of this program that were mapped so far: starting, and a large gesture, touch most of
// its code and tables once. What is needed again is mapped again from the kernel's cache, a fault for each 64 KiB.
func unmapProgram() {
	smaps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		return
	}
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	for _, r := range unchanged(smaps, program) {
		// Advice: nothing depends on it.
		_, _, _ = unix.Syscall(unix.SYS_MADVISE, r.from, r.to-r.from, unix.MADV_DONTNEED)
	}
}

// addresses are a range of this process's memory.
type addresses struct{ from, to uintptr }

// unchanged returns the mappings of a file that nobody can write to, and of which nothing differs from the file: not by
// relocation, nor by the breakpoints of a debugger. See proc_pid_smaps(5).
func unchanged(smaps []byte, file string) (rs []addresses) {
	var last addresses // of the mapping that the lines are about, zero when it is another kind
	lines := bufio.NewScanner(bytes.NewReader(smaps))
	for lines.Scan() {
		f := bytes.Fields(lines.Bytes())
		if len(f) < 2 {
			continue
		}
		if !bytes.HasSuffix(f[0], []byte(":")) {
			last = addresses{}
			if mode := string(f[1]); (mode == "r-xp" || mode == "r--p") && len(f) == 6 && string(f[5]) == file {
				last = parseRange(string(f[0]))
			}
			continue
		}
		if string(f[0]) == "Anonymous:" && string(f[1]) == "0" && last.to > last.from {
			rs = append(rs, last)
		}
	}
	return rs
}

func parseRange(s string) (r addresses) {
	from, to, _ := bytes.Cut([]byte(s), []byte("-"))
	a, err := strconv.ParseUint(string(from), 16, 64)
	b, berr := strconv.ParseUint(string(to), 16, 64)
	if err != nil || berr != nil {
		return addresses{}
	}
	return addresses{uintptr(a), uintptr(b)}
}
