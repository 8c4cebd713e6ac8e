package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	ds "github.com/ipfs/go-datastore"
	"golang.org/x/sys/unix"
)

// smallDisk mounts a file system of a few MiB.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("a small disk needs root, to mount a tmpfs")
	}
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("no tmpfs: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func TestAFileLargerThanTheDiskIsRefusedBeforeByteOne(t *testing.T) {
	s := reopen(t, filepath.Join(smallDisk(t, "100m"), "store"))
	big := filepath.Join(t.TempDir(), "big.bin")
	must(t, os.WriteFile(big, nil, 0o644))
	must(t, os.Truncate(big, 8<<30))
	if _, err := s.Add(context.Background(), big, AddOptions{}); !errors.Is(err, ErrNoSpace) {
		t.Fatalf("got %v, want ErrNoSpace", err)
	}
	checkNothingLeft(t, s)
}

// Badger writes through mmap: on a full disk it would die of SIGBUS, and this test with it.
func TestAFullDiskRefusesAndKillsNobody(t *testing.T) {
	ctx := context.Background()
	disk := smallDisk(t, "100m")
	dir := filepath.Join(disk, "store")
	s := reopen(t, dir)
	files := map[string][]byte{"a": noise(1, 1<<20)}
	it := add(t, s, writeTree(t, files), AddOptions{})
	other := openTest(t)
	far := add(t, other, writeTree(t, map[string][]byte{"far": noise(2, 3<<20)}), AddOptions{})
	bs := blocksOf(t, other, far.Root)
	in := receive(t, s, far.Root, ReceiveOptions{Size: far.Size})
	must(t, in.PutMany(ctx, bs[:3]))
	have := in.Have()

	filler := filepath.Join(disk, "filler")
	f, err := os.Create(filler)
	must(t, err)
	for err == nil {
		_, err = f.Write(make([]byte, 64<<10))
	}
	must(t, f.Close())

	if err := in.PutMany(ctx, bs[3:]); !errors.Is(err, ErrNoSpace) {
		t.Errorf("PutMany: got %v, want ErrNoSpace", err)
	}
	if _, err := s.Add(ctx, writeTree(t, map[string][]byte{"b": noise(3, 1000)}), AddOptions{}); !errors.Is(err, ErrNoSpace) {
		t.Errorf("Add: got %v, want ErrNoSpace", err)
	}
	if err := s.Datastore("d").Put(ctx, ds.NewKey("k"), make([]byte, 100)); !errors.Is(err, ErrNoSpace) {
		t.Errorf("Datastore: got %v, want ErrNoSpace", err)
	}
	checkFiles(t, s, it, files)
	must(t, in.Close())
	if err := s.Close(); !errors.Is(err, ErrNoSpace) {
		t.Errorf("Close: got %v, want ErrNoSpace", err)
	}
	if _, err := Open(Options{Dir: dir, FreeFloor: -1}); !errors.Is(err, ErrNoSpace) {
		t.Errorf("Open: got %v, want ErrNoSpace", err)
	}

	must(t, os.Remove(filler))
	s = reopen(t, dir)
	if s.Rebuilt() {
		t.Error("the index was lost")
	}
	checkFiles(t, s, it, files)
	in = receive(t, s, far.Root, ReceiveOptions{Size: far.Size})
	if in.Have() != have {
		t.Errorf("have %d, want %d", in.Have(), have)
	}
	must(t, in.PutMany(ctx, bs))
	_, err = in.Complete(ctx)
	must(t, err)
}

func TestTheBallastIsGivenBackWhenTheDiskIsFull(t *testing.T) {
	ctx := context.Background()
	disk := smallDisk(t, "1200m")
	dir := filepath.Join(disk, "store")
	s := reopen(t, dir)
	st, err := os.Stat(filepath.Join(dir, "ballast"))
	if err != nil || st.Size() != ballastSize {
		t.Fatalf("no ballast: %v", err)
	}
	filler := filepath.Join(disk, "filler")
	f, err := os.Create(filler)
	must(t, err)
	defer f.Close()
	avail, err := s.disk.avail()
	must(t, err)
	must(t, unix.Fallocate(int(f.Fd()), 0, 0, avail-1<<20))
	must(t, s.Datastore("d").Put(ctx, ds.NewKey("k"), []byte("v")))
	if _, err := os.Stat(filepath.Join(dir, "ballast")); !errors.Is(err, os.ErrNotExist) {
		t.Fatal("the ballast is still there")
	}
}
