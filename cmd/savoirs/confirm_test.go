package main

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
)

func confirmed(t *testing.T, ctx context.Context, in io.Reader, tty bool) (said string, err error) {
	t.Helper()
	r := &trial{}
	s := newShell(t.TempDir(), nil, r)
	s.prepare([]string{"publish", "jardin"})
	s.in, s.inTTY = in, tty
	err = s.confirm(ctx, "Partager ?")
	return r.err.String(), err
}

func TestOnlyAYesIsAYes(t *testing.T) {
	for answer, yes := range map[string]bool{"oui\n": true, "O\n": true, "yes\n": true, "y": true, "non\n": false, "\n": false, "": false, "ouais\n": false} {
		said, err := confirmed(t, t.Context(), strings.NewReader(answer), true)
		if (err == nil) != yes || !strings.Contains(said, "Partager ?") {
			t.Errorf("%q: %v, %q", answer, err, said)
		}
	}
}

func TestNobodyToAskIsAnErrorWithTheWayOut(t *testing.T) {
	_, err := confirmed(t, t.Context(), strings.NewReader("oui\n"), false)
	if e := classify(err); e.Code != "needs_yes" || e.Exit != exitUsage || e.Args["again"] != "savoirs publish jardin --yes" {
		t.Errorf("%+v", e)
	}
}

func TestAQuestionCanBeCalledOff(t *testing.T) {
	silent, end := io.Pipe()
	defer end.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := confirmed(t, ctx, silent, true); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
