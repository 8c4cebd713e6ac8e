package rag_test

import (
	"bufio"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"savoirs/rag"
)

// TestMain lets this binary be the process that is killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv("RAG_TEST_ADD_INTO"); dir != "" {
		addUntilKilled(dir)
		return
	}
	os.Exit(m.Run())
}

// telling announces each document it opens.
type telling struct{ fs.FS }

func (f telling) Open(name string) (fs.File, error) {
	fmt.Println(name)
	return f.FS.Open(name)
}

func addUntilKilled(dir string) {
	x, err := rag.Open(rag.Options{Dir: dir})
	if err == nil {
		files := folder(numbered(400))
		if _, err = x.Add(context.Background(), "kept", "", folder(village()), nil); err == nil {
			_, err = x.Add(context.Background(), "killed", "", telling{files}, nil)
		}
	}
	fmt.Println("end", err)
	time.Sleep(time.Minute) // to be killed here at the latest
}

func TestAKilledAddIsRedoneAndHarmsNothingElse(t *testing.T) {
	question := rag.Query{Text: "un document sur l'igname"}
	fresh := open(t, t.TempDir())
	add(t, fresh, "kept", village())
	want := search(t, question, nil, fresh)
	// killed while documents are read, then ever later while they are indexed
	for i, after := range []time.Duration{0, 20 * time.Millisecond, 60 * time.Millisecond, 150 * time.Millisecond} {
		dir := t.TempDir()
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "RAG_TEST_ADD_INTO="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		stop := "399.txt"
		if i == 0 {
			stop = "200.txt"
		}
		for lines := bufio.NewScanner(out); lines.Scan() && lines.Text() != stop; {
		}
		time.Sleep(after) // not for a state: to kill at another moment
		cmd.Process.Kill()
		cmd.Wait()

		x := open(t, dir)
		if _, complete := x.Set("killed"); !complete { // the last one may have come to its end
			if d := cmp.Diff(want, search(t, question, nil, x)); d != "" {
				t.Errorf("%v: the set that was complete: %s", after, d)
			}
		}
		r, err := x.Add(t.Context(), "killed", "", folder(numbered(400)), nil)
		if err != nil || r.Passages != 400 {
			t.Fatalf("%v: redone: %+v %v", after, r, err)
		}
		if got := search(t, rag.Query{Text: "document numéro 399", Limit: 100}, nil, x); got.Total != 405 || got.Hits[0].Doc != "399.txt" {
			t.Errorf("%v: %d passages, first %v", after, got.Total, got.Hits[0].Doc)
		}
		x.Close()
	}
}
