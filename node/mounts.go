package node

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Media is where drives appear. The zero value looks at this machine: what the
// kernel says is mounted below /media, /run/media and /mnt. Where there is no
// such table, there are no drives. It may be used from several goroutines.
type Media struct {
	Table string   // lists what is mounted, in the form of /proc/self/mountinfo
	Roots []string // only what is mounted here or below is a drive
}

// Drive is a plugged drive, as it is when asked.
type Drive struct {
	Dir        string `json:"dir"`    // where it is mounted
	Device     string `json:"device"` // "/dev/sdb1"
	Label      string `json:"label"`  // what people call it
	FileSystem string `json:"file_system"`
	Size       int64  `json:"size"` // bytes
	Free       int64  `json:"free"` // of these, for anybody to write
	ReadOnly   bool   `json:"read_only"`
	Stick      bool   `json:"stick"` // a folder savoirs is on it; whose, and whether it is whole, is not looked at
}

// StickFolder is the folder of a drive that makes a stick of it.
const StickFolder = "savoirs"

// onDrives are the file systems that drives have. A network's may make whoever
// asks for its size wait for ever, and is none that one can carry.
var onDrives = []string{
	"vfat", "msdos", "exfat", "ntfs", "ntfs3", "fuseblk", "ext2", "ext3", "ext4", "f2fs", "btrfs", "xfs", "hfs", "hfsplus", "udf", "iso9660",
}

// Drives returns what is plugged, by place. It reads the table once and
// nothing on the drives but whether there is a folder savoirs.
func (m Media) Drives() ([]Drive, error) {
	table, err := os.Open(cmp.Or(m.Table, "/proc/self/mountinfo"))
	if errors.Is(err, fs.ErrNotExist) {
		return []Drive{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for drives: %w", err)
	}
	defer table.Close()
	mounted, err := readMounts(table)
	if err != nil {
		return nil, fmt.Errorf("look for drives: %w", err)
	}
	roots := m.Roots
	if len(roots) == 0 {
		roots = []string{"/media", "/run/media", "/mnt"}
	}
	drives := []Drive{}
	for _, d := range mounted {
		if slices.Contains(onDrives, d.FileSystem) && slices.ContainsFunc(roots, func(root string) bool { return within(root, d.Dir) }) && d.measure() == nil {
			drives = append(drives, d)
		}
	}
	return drives, nil
}

// readMounts reads what is mounted, by place. What is mounted over another hides it.
func readMounts(table io.Reader) ([]Drive, error) {
	places := map[string]Drive{}
	lines := bufio.NewScanner(table)
	for lines.Scan() {
		if d, ok := parseMount(lines.Text()); ok {
			places[d.Dir] = d
		}
	}
	var mounted []Drive
	for _, d := range places {
		mounted = append(mounted, d)
	}
	slices.SortFunc(mounted, func(a, b Drive) int { return strings.Compare(a.Dir, b.Dir) })
	return mounted, lines.Err()
}

// parseMount reads a line of the table (proc_pid_mountinfo(5)):
//
//	36 35 98:0 /of/it /where rw,noatime master:1 - ext3 /dev/sdb1 rw,errors=continue
func parseMount(line string) (Drive, bool) {
	before, after, ok := strings.Cut(line, " - ")
	fields, kind := strings.Fields(before), strings.Fields(after)
	if !ok || len(fields) < 6 || len(kind) < 3 {
		return Drive{}, false
	}
	options := strings.Split(fields[5]+","+kind[2], ",")
	d := Drive{Dir: unescape(fields[4]), FileSystem: kind[0], Device: unescape(kind[1]), ReadOnly: slices.Contains(options, "ro")}
	d.Label = filepath.Base(d.Dir) // desktops mount by label
	return d, filepath.IsAbs(d.Dir)
}

// unescape undoes what the kernel does to spaces and the like: "\040" is one.
func unescape(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		c := text[i]
		if digits := text[i+1:]; c == '\\' && len(digits) >= 3 && octal(digits[0], '3') && octal(digits[1], '7') && octal(digits[2], '7') {
			c = (digits[0]-'0')<<6 | (digits[1]-'0')<<3 | (digits[2] - '0')
			i += 3
		}
		b.WriteByte(c)
	}
	return b.String()
}

func octal(digit, most byte) bool { return '0' <= digit && digit <= most }

// measure fills in what only the drive knows.
func (d *Drive) measure() error {
	var st unix.Statfs_t
	if err := unix.Statfs(d.Dir, &st); err != nil {
		return err
	}
	d.Size, d.Free = int64(st.Blocks)*st.Bsize, int64(st.Bavail)*st.Bsize
	info, err := os.Lstat(filepath.Join(d.Dir, StickFolder))
	d.Stick = err == nil && info.IsDir()
	return nil
}

// within tells whether a clean path is root or below it.
func within(root, path string) bool {
	return path == root || strings.HasPrefix(path, strings.TrimSuffix(root, "/")+"/")
}
