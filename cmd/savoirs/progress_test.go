package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"savoirs/node"
	"savoirs/node/words"
)

// watch shows steps, one a second, and returns what was written.
func watch(bar bool, width int, steps ...node.Progress) string {
	var b bytes.Buffer
	clock := time.Unix(0, 0)
	p := &progress{w: &b, words: words.Load("en"), bar: bar, width: func() int { return width }, now: func() time.Time { return clock }}
	for _, s := range steps {
		p.show(s)
		clock = clock.Add(time.Second)
	}
	p.end()
	return strings.ReplaceAll(b.String(), "\u00a0", " ")
}

func copying(done, total int64) node.Progress {
	return node.Progress{Stage: "copy", Done: done, Total: total}
}

func TestElsewhereThanOnATerminalThereIsALinePerTenth(t *testing.T) {
	var steps []node.Progress
	for done := int64(0); done <= 1000; done++ {
		steps = append(steps, copying(done*1e6, 1e9))
	}
	got := watch(false, 80, steps...)
	lines := strings.Split(strings.TrimSpace(got), "\n")
	if len(lines) != 11 || !strings.HasPrefix(lines[5], "Copying  50 %  500 MB of 1.0 GB") {
		t.Errorf("%d lines:\n%s", len(lines), got)
	}
	if strings.ContainsAny(got, "\r\x1b") {
		t.Errorf("control characters in %q", got)
	}
}

func TestATerminalGetsABarWithRateAndTimeLeft(t *testing.T) {
	got := watch(true, 100, copying(0, 100e6), copying(20e6, 100e6), copying(40e6, 100e6))
	last := got[strings.LastIndex(got, "\r"):]
	for _, want := range []string{"[####", "40 %", "40 MB of 100 MB", "13 MB/s", "5 s left"} {
		if !strings.Contains(last, want) {
			t.Errorf("%q lacks %q", last, want)
		}
	}
	if strings.Count(got, "\n") != 1 || !strings.HasSuffix(got, "\n") {
		t.Errorf("a bar is one line: %q", got)
	}
}

func TestANarrowTerminalGetsNoBar(t *testing.T) {
	if got := watch(true, 30, copying(40e6, 100e6)); strings.Contains(got, "[") && strings.Contains(got, "#") {
		t.Errorf("%q", got)
	}
}

func TestEachStageHasItsOwnLinesAndUnits(t *testing.T) {
	got := watch(false, 80, copying(10, 10), node.Progress{Stage: "index", Done: 3, Total: 3}, node.Progress{Stage: "polish"}, node.Progress{Stage: "polish", Done: 5})
	want := "Copying  100 %  10 B of 10 B\nReading the documents  100 %  3 of 3\nWorking  \n"
	if got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestAResumedStageTellsTheRateOfThisRun(t *testing.T) {
	fetch := func(done int64) node.Progress { return node.Progress{Stage: "fetch", Done: done, Total: 100e6} }
	got := watch(true, 100, fetch(90e6), fetch(91e6))
	if !strings.Contains(got, "500 kB/s") {
		t.Errorf("%q counts what was here before", got)
	}
}
