package node

import (
	"bufio"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"

	"savoirs/store/stick"
)

// sumsFile names the files of a kit, as sha256sum writes and checks them.
const sumsFile = "SHA256SUMS"

// maxSums is the largest such file read, in bytes: some thousands of names.
const maxSums = 1 << 20

var sumsLine = regexp.MustCompile(`^([0-9a-f]{64}) [ *](.+)$`)

// readSums reads the sums of files by their names, which lead nowhere else.
func readSums(r io.Reader) (map[string]string, error) {
	sums := map[string]string{}
	lines := bufio.NewScanner(io.LimitReader(r, maxSums))
	for lines.Scan() {
		m := sumsLine.FindStringSubmatch(lines.Text())
		if m == nil || !fs.ValidPath(m[2]) || m[2] == "." || m[2] == sumsFile {
			return nil, fmt.Errorf("%s says %q", sumsFile, lines.Text())
		}
		sums[m[2]] = m[1]
	}
	return sums, lines.Err()
}

// writeKit puts files below savoirs/ on the drive dir and names them in
// SHA256SUMS, durable and last. It returns the bytes it wrote.
func writeKit(ctx context.Context, dir string, files []kitFile, free int64, progress func(done, total int64)) (int64, error) {
	drive, err := os.OpenRoot(dir)
	if err != nil {
		return 0, err
	}
	defer drive.Close()
	if err := drive.MkdirAll(StickFolder, 0o755); err != nil {
		return 0, writing(err, 0, free)
	}
	root, err := drive.OpenRoot(StickFolder)
	if err != nil {
		return 0, err
	}
	defer root.Close()
	left, total, err := lacking(root, files)
	if err != nil {
		return 0, err
	}
	if need := total + maxSums; need > free {
		return 0, &stick.SpaceError{Err: stick.ErrNoSpace, Need: need, Have: free}
	}
	if err := root.Remove(sumsFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, writing(err, total, free)
	}
	var done int64
	for i := range left {
		count := func(n int) { done += int64(n); progress(done, total) }
		if err := copyKitFile(ctx, root, left[i], count); err != nil {
			return done, writing(fmt.Errorf("write %s: %w", left[i].name, err), total, free)
		}
	}
	if err := flushDrive(dir); err != nil { // before it is said that they are there
		return done, err
	}
	if err := writeSums(root, files); err != nil {
		return done, writing(err, total, free)
	}
	return done, flushDrive(dir)
}

// lacking finds the sum of each file, and returns those that are not on the
// stick already, with their size.
func lacking(root *os.Root, files []kitFile) (left []*kitFile, total int64, err error) {
	there := map[string]string{}
	if f, err := root.Open(sumsFile); err == nil {
		there, err = readSums(f)
		f.Close()
		if err != nil {
			there = nil // then all is written
		}
	}
	for i := range files {
		f := &files[i]
		if f.sum == "" {
			if f.sum, err = sumOf(f.from, f.source); err != nil {
				return nil, 0, fmt.Errorf("read %s: %w", f.source, err)
			}
		}
		if info, err := root.Lstat(f.name); err == nil && info.Mode().IsRegular() && info.Size() == f.size && there[f.name] == f.sum {
			continue
		}
		left, total = append(left, f), total+f.size
	}
	return left, total, nil
}

func sumOf(fsys fs.FS, name string) (string, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// copyKitFile writes one file, and refuses what is not what its sum says.
func copyKitFile(ctx context.Context, root *os.Root, f *kitFile, count func(int)) error {
	in, err := f.from.Open(f.source)
	if err != nil {
		return err
	}
	defer in.Close()
	if err := root.MkdirAll(path.Dir(f.name), 0o755); err != nil {
		return err
	}
	if err := root.RemoveAll(f.name); err != nil {
		return err
	}
	mode := os.FileMode(0o644)
	if strings.HasPrefix(f.name, "bin/") || f.name == "install.sh" {
		mode = 0o755
	}
	out, err := root.OpenFile(f.name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	h := sha256.New()
	buffer := make([]byte, 1<<20)
	for err == nil && ctx.Err() == nil {
		var n int
		n, err = in.Read(buffer)
		h.Write(buffer[:n])
		if _, full := out.Write(buffer[:n]); full != nil {
			err = full
		}
		count(n)
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	if err := cmp.Or(err, ctx.Err()); err != nil {
		return errors.Join(err, out.Close())
	}
	if sum := hex.EncodeToString(h.Sum(nil)); sum != f.sum {
		return errors.Join(fmt.Errorf("%w: %s is not what %s says", ErrNoKit, f.source, sumsFile), out.Close(), root.Remove(f.name))
	}
	return out.Close()
}

func writeSums(root *os.Root, files []kitFile) error {
	var text strings.Builder
	slices.SortFunc(files, func(a, b kitFile) int { return strings.Compare(a.name, b.name) })
	for _, f := range files {
		fmt.Fprintf(&text, "%s  %s\n", f.sum, f.name)
	}
	out, err := root.OpenFile(sumsFile, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = io.WriteString(out, text.String())
	return errors.Join(err, out.Sync(), out.Close())
}
