package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// The small files of a library: folders of a hundred.
const (
	smallFiles = 10_000
	smallSize  = 10 << 10
)

// largeFile is a folder with one file of size bytes that nothing compresses,
// the same in every run.
func (b *bench) largeFile(size int64) (string, error) {
	return b.prepare(fmt.Sprint("a file of ", size), func(dir string) error {
		return writeRandom(filepath.Join(dir, "large.bin"), newNoise(1), size)
	})
}

// anotherFile is a folder with one file like that of largeFile, of other bytes.
func (b *bench) anotherFile(size int64) (string, error) {
	return b.prepare(fmt.Sprint("another file of ", size), func(dir string) error {
		return writeRandom(filepath.Join(dir, "large.bin"), newNoise(3), size)
	})
}

// manyFiles is a folder with smallFiles files of smallSize bytes.
func (b *bench) manyFiles() (string, error) {
	return b.prepare("small files", func(dir string) error {
		noise := newNoise(2)
		for i := range smallFiles {
			folder := filepath.Join(dir, fmt.Sprintf("d%02d", i/100))
			if i%100 == 0 {
				if err := os.Mkdir(folder, 0o755); err != nil {
					return err
				}
			}
			if err := writeRandom(filepath.Join(folder, fmt.Sprintf("f%04d.bin", i)), noise, smallSize); err != nil {
				return err
			}
		}
		return nil
	})
}

// newNoise is an endless reader of bytes that look random.
func newNoise(seed byte) *rand.ChaCha8 { return rand.NewChaCha8([32]byte{seed}) }

func writeRandom(path string, noise io.Reader, size int64) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<20)
	if _, err := io.CopyN(w, noise, size); err != nil {
		return err
	}
	return errors.Join(w.Flush(), f.Close())
}

// flushDisk makes what was written below dir durable, for programs that leave
// it to the system.
func flushDisk(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := unix.Syncfs(int(d.Fd())); err != nil {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	return nil
}

// sameFiles fails unless every file below want is somewhere below got, by its
// name, with the same bytes.
func sameFiles(want, got string) error {
	there := map[string]string{} // by the end of its path
	err := filepath.WalkDir(got, func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && strings.HasSuffix(p, ".bin") {
			there[d.Name()] = p
		}
		return err
	})
	if err != nil {
		return err
	}
	return filepath.WalkDir(want, func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		same, err := sameBytes(p, there[d.Name()])
		if err == nil && !same {
			err = fmt.Errorf("%s arrived changed", d.Name())
		}
		return err
	})
}

func sameBytes(a, b string) (bool, error) {
	fa, err := os.Open(a)
	if err != nil {
		return false, err
	}
	defer fa.Close()
	fb, err := os.Open(b)
	if err != nil {
		return false, err
	}
	defer fb.Close()
	x, y := make([]byte, 1<<20), make([]byte, 1<<20)
	for {
		n, errA := io.ReadFull(fa, x)
		m, errB := io.ReadFull(fb, y)
		if !bytes.Equal(x[:n], y[:m]) {
			return false, nil
		}
		if errA != nil || errB != nil {
			return true, nil // both end here: n and m are equal
		}
	}
}

func countFiles(dir string) (n int, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			n++
		}
		return err
	})
	return n, err
}

// bytesBelow is how many bytes the files below dir have.
func bytesBelow(dir string) (size int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			size += info.Size()
		}
		return err
	})
	return size, err
}
