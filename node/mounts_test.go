package node

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// table writes what is mounted as the kernel tells it.
func table(t *testing.T, lines ...string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "mountinfo")
	if err := os.WriteFile(name, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestDrivesAreWhatIsMountedBelowTheRootsAndCanBeCarried(t *testing.T) {
	media := t.TempDir()
	for _, dir := range []string{"ÉCOLE B/savoirs", "plain", "net", "cdrom", "memory"} {
		if err := os.MkdirAll(filepath.Join(media, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	outside := t.TempDir()
	m := Media{Roots: []string{media}, Table: table(t,
		`22 27 0:21 / /proc rw,relatime - proc proc rw`,
		`36 35 8:17 / `+media+`/ÉCOLE\040B rw,nosuid shared:12 - vfat /dev/sdb1 rw,uid=1000,utf8`,
		`37 35 8:33 / `+media+`/plain rw - ext4 /dev/sdc1 rw`,
		`38 35 0:50 / `+media+`/net rw - nfs4 server:/x rw`,
		`39 35 0:51 / `+media+`/memory rw - tmpfs tmpfs rw`,
		`40 35 11:0 / `+media+`/cdrom ro,nosuid - iso9660 /dev/sr0 ro`,
		`41 35 8:49 / `+media+`/pulled-out rw - vfat /dev/sdd1 rw`,
		`42 35 8:50 / `+outside+` rw - vfat /dev/sde1 rw`,
		`43 35 8:51 / `+media+`-not-below rw - vfat /dev/sdf1 rw`,
		`nonsense`,
	)}
	drives, err := m.Drives()
	if err != nil {
		t.Fatal(err)
	}
	want := []Drive{
		{Dir: media + "/cdrom", Device: "/dev/sr0", Label: "cdrom", FileSystem: "iso9660", ReadOnly: true},
		{Dir: media + "/plain", Device: "/dev/sdc1", Label: "plain", FileSystem: "ext4"},
		{Dir: media + "/ÉCOLE B", Device: "/dev/sdb1", Label: "ÉCOLE B", FileSystem: "vfat", Stick: true},
	}
	if diff := cmp.Diff(want, drives, cmpopts.IgnoreFields(Drive{}, "Size", "Free")); diff != "" {
		t.Error(diff)
	}
	for _, d := range drives {
		if d.Size <= 0 || d.Free < 0 || d.Free > d.Size {
			t.Errorf("%s: %d free of %d", d.Label, d.Free, d.Size)
		}
	}
}

func TestWhereNothingTellsWhatIsMountedThereAreNoDrives(t *testing.T) {
	drives, err := Media{Table: filepath.Join(t.TempDir(), "none")}.Drives()
	if err != nil || len(drives) != 0 {
		t.Errorf("%v, %v", drives, err)
	}
}

func TestNamesOfMountsAreReadAsTheKernelWritesThem(t *testing.T) {
	for in, want := range map[string]string{
		`/media/a\040b`: "/media/a b", `a\011b\012c\134d\043e`: "a\tb\nc\\d#e", `plain`: "plain", `cut\04`: `cut\04`, `\400`: `\400`, `\089`: `\089`, `\`: `\`, `\303\211`: "É",
	} {
		if got := unescape(in); got != want {
			t.Errorf("%q became %q, not %q", in, got, want)
		}
	}
}

func FuzzParseMount(f *testing.F) {
	f.Add(`36 35 98:0 /mnt1 /mnt2\040x rw,noatime master:1 - ext3 /dev/root rw,errors=continue`)
	f.Add(`1 2 3 4 /a\ - b c d`)
	f.Fuzz(func(t *testing.T, line string) {
		if d, ok := parseMount(line); ok && !filepath.IsAbs(d.Dir) {
			t.Errorf("%q is mounted at %q", line, d.Dir)
		}
	})
}

func TestAFolderOnNoDriveIsOnlyFlushed(t *testing.T) {
	dir := t.TempDir()
	d, err := Media{Table: table(t), Roots: []string{"/media"}}.Eject(t.Context(), dir)
	if err != nil || d.Dir == "" {
		t.Errorf("%+v, %v", d, err)
	}
	if _, err := (Media{}).Eject(t.Context(), filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a folder that is not there: %v", err)
	}
}

func TestAnEjectedDriveIsUnmountedUnlessItIsInUse(t *testing.T) {
	media := t.TempDir()
	at := filepath.Join(media, "CLÉ 1")
	image := filepath.Join(t.TempDir(), "image")
	plug(t, image, at)
	m := Media{Roots: []string{media}}
	f, err := os.Create(filepath.Join(at, "open"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Eject(t.Context(), at); !errors.Is(err, ErrDriveBusy) {
		t.Errorf("while a file is open: %v", err)
	}
	f.Close()
	inside := filepath.Join(at, "savoirs")
	if err := os.Mkdir(inside, 0o700); err != nil {
		t.Fatal(err)
	}
	d, err := m.Eject(t.Context(), inside)
	if err != nil || d.Dir != "" || d.Label != "CLÉ 1" || !d.Stick {
		t.Errorf("%+v, %v", d, err)
	}
	if drives, err := m.Drives(); err != nil || len(drives) != 0 {
		t.Errorf("still plugged: %v, %v", drives, err)
	}
}

// plug mounts a small file system at a place, which takes root.
func plug(t *testing.T, image, at string) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root may mount a drive")
	}
	if err := errors.Join(os.MkdirAll(at, 0o700), os.WriteFile(image, nil, 0o600), os.Truncate(image, 4<<20)); err != nil {
		t.Fatal(err)
	}
	for _, command := range [][]string{{"mkfs.ext4", "-q", image}, {"mount", "-o", "loop", image, at}} {
		if text, err := exec.CommandContext(t.Context(), command[0], command[1:]...).CombinedOutput(); err != nil {
			t.Skipf("%s: %v %s", command[0], err, text)
		}
	}
	t.Cleanup(func() { exec.Command("umount", at).Run() })
}
