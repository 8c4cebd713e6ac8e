package extract

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

// TestMain plays the children of this package's tests.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		child(os.Args[1])
	}
	os.Exit(m.Run())
}

// child runs a PDF reader, good or bad, and does not return from it.
func child(name string) {
	last := os.Args[len(os.Args)-1]
	var err error
	switch name {
	case "extract-pdf":
		err = PDFChild(os.Stdin, os.Stdout, last)
	case "spin": // busy for far too long; tells its process id before
		w := bufio.NewWriter(os.Stdout)
		fmt.Fprintf(w, `{"pages":1}`+"\n")
		w.Flush()
		os.WriteFile(filepath.Join(last, "new"), fmt.Append(nil, os.Getpid()), 0o600)
		os.Rename(filepath.Join(last, "new"), filepath.Join(last, "pid"))
		for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		}
	case "parent": // reads a PDF with a reader that spins
		o := Options{PDF: []string{os.Args[0], "spin"}, CacheDir: last}
		_, err = File(context.Background(), fstest.MapFS{"a.pdf": {Data: []byte("%PDF-")}}, "a.pdf", o)
	case "eat":
		err = limitChild()
		var held [][]byte
		for i := 0; err == nil && i < 4096; i++ {
			b := make([]byte, 16<<20)
			for j := 0; j < len(b); j += 4096 {
				b[j] = 1
			}
			held = append(held, b)
		}
		fmt.Fprintln(os.Stderr, len(held))
	case "flood":
		for {
			if _, err = fmt.Println(`{"pages":1,"blocks":[{"role":"paragraph","text":"encore","page":1}]}`); err != nil {
				break
			}
		}
	case "boast":
		w := bufio.NewWriter(os.Stdout)
		w.WriteString(`{"pages":1,"blocks":[{"role":"paragraph","page":1,"text":"`)
		for {
			if _, err = w.WriteString(strings.Repeat("a", 1<<16)); err != nil {
				break
			}
		}
	case "lie":
		fmt.Println(`{"pages":2,"blocks":[{"role":"order","text":"obey","page":9}]}`)
	case "die":
		fmt.Println(`{"pages":2,"blocks":[{"role":"paragraph","text":"moitié","page":1}]}`)
	default:
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// withPDF returns options that run the real child. The compiled reader is kept
// between runs of the tests: compiling it takes seconds.
func withPDF(t testing.TB) Options {
	t.Helper()
	dir, err := os.UserCacheDir()
	if err != nil {
		dir = t.TempDir()
	}
	return Options{PDF: []string{os.Args[0], "extract-pdf"}, CacheDir: filepath.Join(dir, "savoirs-test", "pdf")}
}

// extracted reads a file made of data.
func extracted(t testing.TB, name, data string, o Options) Document {
	t.Helper()
	d, err := File(context.Background(), fstest.MapFS{name: {Data: []byte(data)}}, name, o)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// refused reads a file made of data and returns the error it must give.
func refused(t testing.TB, name, data string, o Options, want error) error {
	t.Helper()
	_, err := File(context.Background(), fstest.MapFS{name: {Data: []byte(data)}}, name, o)
	if !errors.Is(err, want) {
		t.Fatalf("%s: got %v, want %v", name, err, want)
	}
	if !strings.Contains(err.Error(), name) {
		t.Errorf("the error does not name the file: %v", err)
	}
	return err
}

// plainBlocks drops the places of blocks, to compare what they say.
func plainBlocks(blocks []Block) []Block {
	var plain []Block
	for _, b := range blocks {
		plain = append(plain, Block{Role: b.Role, Level: b.Level, Text: b.Text})
	}
	return plain
}

var wordPattern = regexp.MustCompile(`[\pL\pN]+`)

// wordF1 compares two texts as bags of words.
func wordF1(got, want string) float64 {
	count := map[string]int{}
	wants := wordPattern.FindAllString(strings.ToLower(want), -1)
	gots := wordPattern.FindAllString(strings.ToLower(got), -1)
	for _, w := range wants {
		count[w]++
	}
	common := 0
	for _, w := range gots {
		if count[w] > 0 {
			count[w]--
			common++
		}
	}
	return 2 * float64(common) / float64(len(gots)+len(wants))
}

func allText(blocks []Block) string {
	var b strings.Builder
	for _, x := range blocks {
		b.WriteString(x.Text + "\n")
	}
	return b.String()
}

// wantPlaces checks that each block is inside the bytes it points to.
func wantPlaces(t *testing.T, d Document, raw string, decode func(string) string) {
	t.Helper()
	if len(d.Blocks) == 0 {
		t.Fatal("no blocks")
	}
	for _, b := range d.Blocks {
		if b.Start < 0 || b.End <= b.Start || b.End > int64(len(raw)) {
			t.Errorf("[%d,%d) of %d bytes for %q", b.Start, b.End, len(raw), b.Text)
			continue
		}
		there := map[string]bool{}
		for _, w := range wordPattern.FindAllString(decode(raw[b.Start:b.End]), -1) {
			there[w] = true
		}
		for _, w := range wordPattern.FindAllString(b.Text, -1) {
			if !there[w] {
				t.Errorf("%q of %q is not in [%d,%d) %q", w, b.Text, b.Start, b.End, raw[b.Start:b.End])
			}
		}
	}
}

// slowFS is a file system whose files only read, and end with an error.
type slowFS struct {
	data string
	err  error
}

func (s slowFS) Open(name string) (fs.File, error) {
	return &slowFile{r: strings.NewReader(s.data), err: s.err, name: name}, nil
}

type slowFile struct {
	r    io.Reader
	err  error
	name string
}

func (f *slowFile) Stat() (fs.FileInfo, error) { return slowInfo{f.name}, nil }
func (f *slowFile) Close() error               { return nil }
func (f *slowFile) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	if err == io.EOF && f.err != nil {
		err = f.err
	}
	return n, err
}

type slowInfo struct{ name string }

func (i slowInfo) Name() string       { return i.name }
func (i slowInfo) Size() int64        { return 1 << 20 }
func (i slowInfo) Mode() fs.FileMode  { return 0o444 }
func (i slowInfo) ModTime() time.Time { return time.Time{} }
func (i slowInfo) IsDir() bool        { return false }
func (i slowInfo) Sys() any           { return nil }
