package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime/debug"

	"savoirs/rag"
)

// held is what an open index adds to a process: all that is resident, the pages
// of files it has mapped apart from the rest.
type held struct {
	Anon float64 `json:"anon"` // MB
	File float64 `json:"file"`
}

func heldNow() (held, error) {
	debug.FreeOSMemory()
	b, err := os.ReadFile("/proc/self/status")
	return held{parseStatus(string(b), "RssAnon"), parseStatus(string(b), "RssFile")}, err
}

// measureHeld opens the index of n passages in a process of its own that has
// done nothing else, and asks it the questions.
func measureHeld(ctx context.Context, folder string, n int) (h held, err error) {
	self, err := os.Executable()
	if err != nil {
		return h, err
	}
	cmd := exec.CommandContext(ctx, self, "held", folder, fmt.Sprint(n))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return h, fmt.Errorf("hold an index: %w", err)
	}
	return h, json.Unmarshal(out, &h)
}

// benchHeld is the process of measureHeld: bench held FOLDER PASSAGES.
func benchHeld(ctx context.Context, args []string) error {
	var n int
	if len(args) != 2 {
		return errors.New("held is for `bench rag` to call")
	}
	if _, err := fmt.Sscan(args[1], &n); err != nil {
		return err
	}
	questions, err := inventQuestions(askedInvented, n)
	if err != nil {
		return err
	}
	for _, q := range questions { // what the making of vectors holds is not the index's
		if _, err := (invented{}).Embed(ctx, rag.RoleQuery, []string{q}); err != nil {
			return err
		}
	}
	before, err := heldNow()
	if err != nil {
		return err
	}
	x, err := openInvented(ctx, args[0])
	if err != nil {
		return err
	}
	defer x.Close()
	for _, q := range questions {
		if _, err := rag.Search(ctx, rag.Query{Text: q, Mode: rag.ModeHybrid, Limit: 10}, invented{}, x); err != nil {
			return err
		}
	}
	after, err := heldNow()
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(held{after.Anon - before.Anon, after.File - before.File})
}
