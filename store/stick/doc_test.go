package stick

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestAStrangerReadsAStickWithPython runs the program that docs/format.md prints.
func TestAStrangerReadsAStickWithPython(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3")
	}
	text, err := os.ReadFile("../../docs/format.md")
	try(t, err)
	_, text2, ok := strings.Cut(string(text), "Save it as `stick.py`")
	if !ok {
		t.Fatal("the format does not tell how to read a stick")
	}
	_, program, _ := strings.Cut(text2, "```python\n")
	program, _, _ = strings.Cut(program, "```")
	script := filepath.Join(t.TempDir(), "stick.py")
	try(t, os.WriteFile(script, []byte(program), 0o644))

	f := newFull(t)
	m := open(t, f.dir).Manifest()
	run := func() string {
		t.Helper()
		out, err := exec.Command(python, script, f.dir).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return string(out)
	}
	out := run()
	for _, want := range []string{m.Stick.String(), "writing\t1\t", f.items[0].root.String(), m.Packs[0].Name.String(), m.Segments[0].path(), m.Letters[0].path(), m.Sealed[0].path(), "3 entries"} {
		if !strings.Contains(strings.ReplaceAll(out, " ", "\t"), strings.ReplaceAll(want, " ", "\t")) {
			t.Errorf("%q is not told:\n%s", want, out)
		}
	}
	if strings.Contains(out, "damaged") || strings.Contains(out, "missing") {
		t.Errorf("a stick that is right:\n%s", out)
	}
	harm(t, filepath.Join(f.dir, top, m.Packs[0].car()), func(file *os.File) error { _, err := file.WriteAt([]byte("?"), 20_000); return err })
	harm(t, filepath.Join(f.dir, top, m.Letters[0].path()), func(file *os.File) error { _, err := file.WriteAt([]byte("?"), 3); return err })
	out = run()
	for _, want := range []string{"1\tof them wrong", "1 blocks damaged", "damaged: " + filepath.Join(f.dir, top, m.Letters[0].path())} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not told:\n%s", want, out)
		}
	}
}
