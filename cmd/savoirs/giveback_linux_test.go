package main

import (
	"fmt"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOnlyWhatStandsInTheProgramFileIsUnmapped(t *testing.T) {
	const smaps = `00400000-01a1c000 r-xp 00000000 fe:00 10281596                           /usr/bin/savoirs
Rss:               19812 kB
Anonymous:             0 kB
01a1c000-035b6000 r--p 0161c000 fe:00 10281596                           /usr/bin/savoirs
Anonymous:             0 kB
VmFlags: rd mr mw me sd 
035b6000-03d44000 r--p 031b6000 fe:00 10281596                           /usr/bin/savoirs
Rss:                1144 kB
Anonymous:           244 kB
03d44000-03e44000 rw-p 031b6000 fe:00 10281596                           /usr/bin/savoirs
Anonymous:             0 kB
242ce6400000-242ce7c00000 rw-p 00000000 00:00 0 
Anonymous:             0 kB
7fa195333000-7fa195489000 r-xp 00026000 fe:00 326269                     /usr/lib/x86_64-linux-gnu/libc.so.6
Anonymous:             0 kB
7fa1955a0000-7fa1955a2000 r-xp 00000000 00:00 0                          [vdso]
Anonymous:             0 kB
ffff-nonsense r-xp 00000000 fe:00 10281596 /usr/bin/savoirs
Anonymous:             0 kB
`
	want := []addresses{{0x400000, 0x1a1c000}, {0x1a1c000, 0x35b6000}}
	if diff := cmp.Diff(want, unchanged([]byte(smaps), "/usr/bin/savoirs"), cmp.AllowUnexported(addresses{})); diff != "" {
		t.Error(diff)
	}
}

func TestAProgramGoesOnWhenItsPagesWereUnmapped(t *testing.T) {
	before := programResident(t)
	unmapProgram()
	if after := programResident(t); after >= before {
		t.Errorf("%d pages of files resident, %d before", after, before)
	}
}

// programResident reads how many pages of files are resident, see proc_pid_statm(5).
func programResident(t *testing.T) (pages int) {
	t.Helper()
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	var size, resident int
	if _, err := fmt.Sscan(string(statm), &size, &resident, &pages); err != nil {
		t.Fatal(err)
	}
	return pages
}
