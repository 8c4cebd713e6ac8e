package node

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// roomOn tells the file system of a folder and the bytes free on it.
func roomOn(dir string) (fileSystem string, free int64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return "", 0, fmt.Errorf("look at %s: %w", dir, err)
	}
	return fileSystemOf(int64(st.Type)), int64(st.Bavail) * int64(st.Bsize), nil
}

// fileSystemOf names what drives have by the number the kernel gives it, "" for
// others.
func fileSystemOf(magic int64) string {
	return map[int64]string{
		0x4d44: "vfat", 0x2011bab0: "exfat", 0xef53: "ext4", 0x5346544e: "ntfs", 0x7366746e: "ntfs3", 0x65735546: "fuse",
		0x9123683e: "btrfs", 0x58465342: "xfs", 0xf2f52010: "f2fs", 0x01021994: "tmpfs", 0x9660: "iso9660", 0x15013346: "udf",
	}[magic]
}
