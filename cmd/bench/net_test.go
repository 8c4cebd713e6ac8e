package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestTheMedianIsTheMiddleOne(t *testing.T) {
	for _, c := range []struct {
		all  []float64
		want float64
		ok   bool
	}{
		{nil, 0, false},
		{[]float64{3}, 3, true},
		{[]float64{9, 1, 2}, 2, true},
		{[]float64{4, 1, 3, 2}, 2.5, true},
	} {
		if got, ok := median(c.all); got != c.want || ok != c.ok {
			t.Errorf("median of %v: %v, %v", c.all, got, ok)
		}
	}
}

func TestNumbersShowThreeDigits(t *testing.T) {
	got := map[float64]string{}
	want := map[float64]string{0: "0", .0123456: "0.0123", .5: "0.5", 1.239: "1.24", 12.44: "12.4", 99.96: "100", 1234.5: "1234"}
	for v := range want {
		got[v] = number(v)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// measured is a table with one metric.
func measured(lines map[string][]float64) table {
	var t table
	for name, runs := range lines {
		l := line{Name: name}
		for _, v := range runs {
			l.Runs = append(l.Runs, sample{"s": v})
		}
		t.Lines = append(t.Lines, l)
	}
	return t
}

func TestDemandsAreJudgedByMedians(t *testing.T) {
	tab := measured(map[string][]float64{ourName: {2, 9, 1}, "kubo": {10, 12, 11}, "rsync": {1}, "absent": nil})
	for _, c := range []struct {
		d          demand
		value      float64
		ok, judged bool
		words      string
	}{
		{demand{metric: "s", than: "kubo", speed: true, least: 5}, 5.5, true, true, "≥ 5 × the speed of kubo"},
		{demand{metric: "s", than: "kubo", speed: true, least: 6}, 5.5, false, true, "≥ 6 × the speed of kubo"},
		{demand{metric: "s", than: "rsync", most: 2.5}, 2, true, true, "≤ 2.5 × the s of rsync"},
		{demand{metric: "s", than: "rsync", most: 1.5}, 2, false, true, "≤ 1.5 × the s of rsync"},
		{demand{metric: "s", most: 2}, 2, true, true, "≤ 2 s"},
		{demand{metric: "s", most: 2, worst: true}, 9, false, true, "≤ 2 s, in every run"},
		{demand{metric: "s", least: 1, worst: true}, 1, true, true, "≥ 1 s, in every run"},
		{demand{who: "kubo", metric: "s", least: 11}, 11, true, true, "kubo: ≥ 11 s"},
		{demand{metric: "s", than: "absent", most: 1}, 0, false, false, "≤ 1 × the s of absent"},
		{demand{metric: "W", most: 1}, 0, false, false, "≤ 1 W"},
	} {
		value, ok, judged := c.d.judge(tab)
		if value != c.value || ok != c.ok || judged != c.judged || c.d.String() != c.words {
			t.Errorf("%s: %v, ok %v, judged %v; want %q %v %v %v", c.d, value, ok, judged, c.words, c.value, c.ok, c.judged)
		}
	}
}

func TestAFailedRunOfOursIsShort(t *testing.T) {
	d := demand{metric: "s", most: 4}
	tab := table{Lines: []line{{Name: ourName, Runs: []sample{{"s": 1}}, Missing: "unfinished after 2m0s"}}}
	if _, ok, judged := d.judge(tab); ok || !judged {
		t.Errorf("one run of two failed: ok %v, judged %v", ok, judged)
	}
	tab.Lines[0].Absent = true
	if _, ok, judged := d.judge(tab); !ok || !judged {
		t.Errorf("nothing failed: ok %v, judged %v", ok, judged)
	}
}

func TestTheTableSaysWhatIsShortAndWhatIsMissing(t *testing.T) {
	r := row{name: "fetch", what: "a file", metrics: []string{"s", "MB"}, demands: []demand{
		{metric: "s", most: 3}, {metric: "s", most: 1}, {metric: "s", than: "rsync", most: 1},
	}}
	tab := table{Lines: []line{
		{Name: ourName, Runs: []sample{{"s": 2, "MB": 71.234}}},
		{Name: "rsync", Missing: "rsync is\nnot here"},
	}}
	var out strings.Builder
	printTable(&out, r, tab)
	want := `
fetch: a file
           s    MB
  savoirs  2  71.2
  rsync    -     -  rsync is not here
  pass  ≤ 3 s: 2
  SHORT ≤ 1 s: 2
  ?     ≤ 1 × the s of rsync: not measured
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

func TestAContenderThatHangsOrFailsIsShownAndTheOthersGoOn(t *testing.T) {
	b := &bench{dir: t.TempDir()}
	var dirs []string
	r := row{name: "x", metrics: []string{"s"}, limit: 50 * time.Millisecond, contenders: func(*bench) []contender {
		return []contender{
			{"hangs", func(ctx context.Context, _ string) (sample, error) { <-ctx.Done(); return nil, ctx.Err() }},
			{"fails", func(context.Context, string) (sample, error) { return nil, absent("not here") }},
			{"works", func(_ context.Context, dir string) (sample, error) {
				dirs = append(dirs, dir)
				return sample{"s": 1}, os.WriteFile(filepath.Join(dir, "x"), nil, 0o600)
			}},
		}
	}}
	got := b.measure(t.Context(), r, 2, nil)
	want := table{Lines: []line{
		{Name: "hangs", Missing: "unfinished after 50ms"},
		{Name: "fails", Missing: "not here", Absent: true},
		{Name: "works", Runs: []sample{{"s": 1}, {"s": 1}}},
	}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(table{})); diff != "" {
		t.Error(diff)
	}
	for _, d := range dirs {
		if _, err := os.Stat(d); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is left (%v)", d, err)
		}
	}
}

func TestAProgramAndItsChildrenEndTogether(t *testing.T) {
	p, err := here.start(nil, "sh", "-c", "sleep 60 & echo $!; wait")
	if err != nil {
		t.Fatal(err)
	}
	defer p.kill()
	var child string
	if err := until(t.Context(), func() (bool, error) {
		child = strings.TrimSpace(p.out.String())
		return child != "", p.ended()
	}); err != nil {
		t.Fatal(err)
	}
	if u := p.used(); u.peak <= 0 {
		t.Errorf("used %+v", u)
	}
	p.stop()
	if err := p.ended(); err == nil {
		t.Error("it goes on")
	}
	if err := until(t.Context(), func() (bool, error) { return !running(child), nil }); err != nil {
		t.Error(err)
	}
}

// running says whether a process exists and is no zombie.
func running(pid string) bool {
	b, err := os.ReadFile(filepath.Join("/proc", pid, "stat"))
	_, after, _ := strings.Cut(string(b), ") ")
	return err == nil && !strings.HasPrefix(after, "Z")
}

func TestWhatTheKernelSaysOfAProcessIsRead(t *testing.T) {
	cpu, group := parseStat("4242 (a ) b) S 1 77 77 0 -1 4194560 1 2 3 4 150 50 25 75 20 0 9 0 100 1 1")
	if cpu != 3 || group != 77 {
		t.Errorf("%v s, group %d; want 3 s, 77", cpu, group)
	}
	if cpu, group := parseStat("nonsense"); cpu != 0 || group != 0 {
		t.Errorf("of nonsense: %v, %d", cpu, group)
	}
	const status = "Name:\tx\nVmHWM:\t  250000 kB\nVmRSS:\t  125000 kB\n"
	if got := parseStatus(status, "VmRSS"); got != 128 {
		t.Errorf("VmRSS %v MB, want 128", got)
	}
}

func TestSizesAreReadAndWritten(t *testing.T) {
	for text, want := range map[string]int64{"1GiB": 1 << 30, "64MiB": 64 << 20, "10KiB": 10 << 10, "4097": 4097} {
		var b bytesFlag
		if err := b.Set(text); err != nil || int64(b) != want || b.String() != text {
			t.Errorf("%s: %d, %s, %v", text, b, &b, err)
		}
	}
	for _, text := range []string{"", "x", "-1", "0", "1GB", "99999999999GiB"} {
		var b bytesFlag
		if err := b.Set(text); err == nil {
			t.Errorf("%q is taken for %d", text, b)
		}
	}
}

func TestFilesThatArrivedChangedAreNoticed(t *testing.T) {
	b := &bench{dir: t.TempDir(), prepared: map[string]string{}}
	path, err := b.largeFile(3 << 20)
	if err != nil {
		t.Fatal(err)
	}
	again, err := b.largeFile(3 << 20)
	if err != nil || again != path {
		t.Errorf("made twice: %s and %s (%v)", path, again, err)
	}
	copied := t.TempDir()
	if err := os.CopyFS(copied, os.DirFS(path)); err != nil {
		t.Fatal(err)
	}
	if err := sameFiles(path, copied); err != nil {
		t.Error(err)
	}
	f, err := os.OpenFile(filepath.Join(copied, "large.bin"), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte("x"), 2<<20); err != nil {
		t.Fatal(err)
	}
	if sameFiles(path, copied) == nil {
		t.Error("a changed byte was not noticed")
	}
	if sameFiles(path, t.TempDir()) == nil {
		t.Error("a missing file was not noticed")
	}
}

func TestRowsAreChosenByName(t *testing.T) {
	rows, err := choose(netRows(), "small,add")
	if err != nil || len(rows) != 2 || rows[0].name != "add" || rows[1].name != "small" {
		t.Errorf("%d rows (%v)", len(rows), err)
	}
	if _, err := choose(netRows(), "add,speed"); err == nil || !strings.Contains(err.Error(), "speed") {
		t.Errorf("an unknown row: %v", err)
	}
	seen := map[string]bool{}
	for _, r := range netRows() {
		if seen[r.name] || r.limit == 0 || len(r.metrics) == 0 || len(r.demands) == 0 {
			t.Errorf("row %s is named twice or says too little", r.name)
		}
		seen[r.name] = true
	}
}
