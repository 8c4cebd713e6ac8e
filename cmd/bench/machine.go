package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// machineFacts says on what and with what was measured.
func machineFacts(ctx context.Context, b *bench) string {
	cc, _ := os.ReadFile("/proc/sys/net/ipv4/tcp_congestion_control")
	version := func(name string, args ...string) string {
		out, err := exec.CommandContext(ctx, name, args...).Output()
		if err != nil {
			return "not here"
		}
		first, _, _ := strings.Cut(string(out), "\n")
		return strings.TrimSpace(first)
	}
	return fmt.Sprintf(`%s, TCP %s by default; %s on %s
what is read is in the page cache (warm); medians, the programs take turns
savoirs built now with %s; kubo %s; %s; %s`,
		machine(), strings.TrimSpace(string(cc)), b.dir, fileSystem(b.dir),
		runtime.Version(), version(b.kubo, "version", "-n"), version("rsync", "--version"), version("syncthing", "--version"))
}

// machine is the processor, the memory and the kernel.
func machine() string {
	var uts unix.Utsname
	unix.Uname(&uts)
	return fmt.Sprintf("%d × %s, %s, Linux %s", runtime.NumCPU(), cpuModel(), memory(), unix.ByteSliceToString(uts.Release[:]))
}

func cpuModel() string {
	b, _ := os.ReadFile("/proc/cpuinfo")
	for l := range strings.Lines(string(b)) {
		if name, ok := strings.CutPrefix(l, "model name"); ok {
			return strings.TrimSpace(strings.TrimLeft(name, "\t :"))
		}
	}
	return runtime.GOARCH
}

func memory() string {
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) != nil {
		return "memory unknown"
	}
	return fmt.Sprintf("%d GiB", (uint64(info.Totalram)*uint64(info.Unit)+1<<29)>>30)
}

// fileSystem names that of a folder, by its magic number; see statfs(2).
func fileSystem(dir string) string {
	var st unix.Statfs_t
	if unix.Statfs(dir, &st) != nil {
		return "an unknown file system"
	}
	switch st.Type {
	case unix.EXT4_SUPER_MAGIC:
		return "ext4"
	case unix.XFS_SUPER_MAGIC:
		return "xfs"
	case unix.BTRFS_SUPER_MAGIC:
		return "btrfs"
	case unix.OVERLAYFS_SUPER_MAGIC:
		return "overlayfs"
	case unix.TMPFS_MAGIC:
		return "tmpfs, which is no disk"
	}
	return fmt.Sprintf("file system %#x", st.Type)
}
