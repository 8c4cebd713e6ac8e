// Command bench measures this program, alone and beside those that people use
// instead, and says whether it is as fast, as small and as hard to break as it
// has to be. It runs from a checkout: go run ./cmd/bench NAME -help.
//
// It is not a test: a figure depends on the machine and its load, so nothing in
// it runs in `go test` but the arithmetic and the tables.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
)

// benches are what can be measured, by the name to ask for it. One ends early,
// and leaves nothing behind, when its context does.
var benches = map[string]func(ctx context.Context, args []string) error{
	"attack": benchAttack,
	"held":   benchHeld,
	"mesh":   benchMesh,
	"net":    benchNet,
	"rag":    benchRAG,
	"stick":  benchStick,
	"stream": benchStream,
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stderr)
	stop()
	switch {
	case err == nil:
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case errors.Is(err, errShort):
		os.Exit(1) // the table said it
	default:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// errShort says that a figure asked for was not reached.
var errShort = errors.New("below what is asked")

func run(ctx context.Context, args []string, usage io.Writer) error {
	names := slices.Sorted(maps.Keys(benches))
	if len(args) == 0 || benches[args[0]] == nil {
		fmt.Fprintf(usage, "usage: go run ./cmd/bench %s [-help]\n", strings.Join(names, "|"))
		return flag.ErrHelp
	}
	return benches[args[0]](ctx, args[1:])
}
